//! Connect and callback: group A of the failure catalogue.

use futures_util::future::join_all;
use instagram_sim::{CodeAnswer, Fault, FaultKind, Person};
use jiff::SignedDuration;
use serde_json::json;
use shared::account::Status;
use shared::table::Transaction;
use shared::table::claims::Claim;
use world::gateway::{HttpCall, Reply};
use world::{Decision, WorldOptions};

use crate::journey::{ANN, BOB, Caller, Journey, account_on_page, code_on_page};

fn exchanges(journey: &Journey) -> usize {
    journey
        .world
        .instagram
        .calls()
        .iter()
        .filter(|call| call.endpoint == "POST /oauth/access_token")
        .count()
}

fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, code_on_page(reply).as_deref()),
        (status, Some(code)),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_person_connects_an_account_and_it_is_listed() {
    let journey = Journey::start().await;
    let reply = journey.log_in(ANN, "corner.bakery", Decision::Allow).await;
    assert_eq!(reply.status, 200);
    let page = reply.text();
    assert!(
        page.contains("Instagram connected") && page.contains("@corner.bakery"),
        "{page}"
    );
    assert!(
        page.contains("data-target=\"https://app.example.com\""),
        "{page}"
    );

    let accounts = journey.listed(ANN).await;
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0]["id"], account_on_page(&reply).unwrap());
    assert_eq!(accounts[0]["username"], "corner.bakery");
    assert_eq!(accounts[0]["status"], "active");
    assert_eq!(accounts[0]["tokenStatus"], "valid");
    assert_eq!(accounts[0]["tokenExpiresAt"], "2027-01-20T10:00:00Z");
    assert!(
        !journey
            .world
            .instagram
            .subscriptions_of("corner.bakery")
            .is_empty()
    );
    assert!(journey.listed(BOB).await.is_empty());
    journey.finish().await;
}

#[tokio::test]
async fn the_page_is_locked_down() {
    let journey = Journey::start().await;
    let reply = journey.log_in(ANN, "corner.bakery", Decision::Allow).await;
    let policy = reply.header("content-security-policy").unwrap();
    for directive in [
        "default-src 'none'",
        "script-src 'sha256-",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // A22: neither cached nor indexed, and nothing of the address leaks.
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(reply.header("x-robots-tag"), Some("noindex"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    journey.finish().await;
}

#[tokio::test]
async fn a01_a_state_is_spent_once_even_by_50_callbacks_at_once() {
    let journey = Journey::start().await;
    let begun = journey.begin(ANN).await;
    let call = journey
        .redirected(&begun, "corner.bakery", Decision::Allow)
        .await;
    let replies = join_all((0..50).map(|_| journey.call(&journey.callback, call.clone()))).await;
    let connected = replies
        .iter()
        .filter(|reply| account_on_page(reply).is_some())
        .count();
    assert_eq!(connected, 1);
    for reply in replies
        .iter()
        .filter(|reply| account_on_page(reply).is_none())
    {
        assert_refused(reply, 409, "login_already_used");
    }
    assert_eq!(exchanges(&journey), 1);
    assert_eq!(journey.listed(ANN).await.len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn a02_a_state_of_another_caller_is_refused_and_used_up() {
    let journey = Journey::start().await;
    let begun = journey.begin(BOB).await;
    let back = journey
        .world
        .consent(&begun.url, "corner.bakery", Decision::Allow)
        .await;
    let code = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let post = |caller: Caller| {
        HttpCall::post("/instagram/callback")
            .as_user(caller.user, caller.company, "admin")
            .json(&json!({"code": code, "state": begun.state}))
    };
    let reply = journey.call(&journey.callback, post(ANN)).await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (403, Some("login_of_another_caller"))
    );
    let colleague = Caller {
        user: "carl",
        company: BOB.company,
    };
    assert_eq!(
        journey
            .call(&journey.callback, post(colleague))
            .await
            .status,
        409
    );
    let reply = journey.call(&journey.callback, post(BOB)).await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (409, Some("login_already_used"))
    );
    assert_eq!(exchanges(&journey), 0);
    assert!(journey.listed(ANN).await.is_empty() && journey.listed(BOB).await.is_empty());
    journey.finish().await;
}

#[tokio::test]
async fn a03_a_login_lasts_30_minutes() {
    let journey = Journey::start().await;
    let in_time = journey.begin(ANN).await;
    let late = journey.begin(ANN).await;
    let in_time = journey
        .redirected(&in_time, "corner.bakery", Decision::Allow)
        .await;
    let late = journey
        .redirected(&late, "ann.makes", Decision::Allow)
        .await;
    journey.world.clock.advance(SignedDuration::from_mins(30));
    assert_eq!(journey.call(&journey.callback, in_time).await.status, 200);
    journey.world.clock.advance(SignedDuration::from_secs(1));
    let reply = journey.call(&journey.callback, late).await;
    assert_refused(&reply, 410, "login_expired");
    // The opener is told, and another try is offered with a cookie that lasts as long.
    assert!(
        reply.text().contains("id=\"try-again\"")
            && reply.text().contains("data-target=\"https://app")
    );
    assert!(reply.cookie("__Host-instagram_connect").is_some());
    assert_eq!(journey.listed(ANN).await.len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn a04_whoever_guesses_a_state_learns_nothing() {
    let journey = Journey::start().await;
    let mut pages = Vec::new();
    for query in [
        String::new(),
        "code=a-code-that-is-long-enough".into(),
        "code=a-code-that-is-long-enough&state=".into(),
        format!("code=a-code-that-is-long-enough&state={}", "A".repeat(43)),
        format!(
            "code=a-code-that-is-long-enough&state={}",
            "x".repeat(10_000 - 4_000)
        ),
        "code=x&state=%F0%9F%98%80%00%FF".into(),
        "code=x&state=STATE%23a&state=b".into(),
        "error=access_denied&state=unknown".into(),
    ] {
        let reply = journey
            .call(
                &journey.callback,
                HttpCall::get(&format!("/instagram/callback?{query}")),
            )
            .await;
        assert_refused(&reply, 400, "invalid_state");
        pages.push(reply.text());
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "the same page for all");
    assert_eq!(exchanges(&journey), 0);
    journey.finish().await;
}

#[tokio::test]
async fn a05_a_login_of_another_browser_is_refused_and_used_up() {
    let journey = Journey::start().await;
    let begun = journey.begin(ANN).await;
    let other = journey.begin(BOB).await;
    let call = journey
        .redirected(&begun, "corner.bakery", Decision::Allow)
        .await;
    let target = format!("{}?{}", call.path, call.query);
    let without = HttpCall::get(&target);
    assert_refused(
        &journey.call(&journey.callback, without).await,
        403,
        "login_of_another_browser",
    );
    let with_another = HttpCall::get(&target).cookie(other.cookie.as_deref().unwrap());
    assert_refused(
        &journey.call(&journey.callback, with_another).await,
        409,
        "login_already_used",
    );
    assert_refused(
        &journey.call(&journey.callback, call).await,
        409,
        "login_already_used",
    );
    assert!(journey.listed(ANN).await.is_empty());
    journey.finish().await;
}

/// A login that a server begins, or a page of another site, and the call of Instagram's redirect.
async fn begun_by_a_server(journey: &Journey, site: Option<&str>) -> (String, HttpCall) {
    let mut call = HttpCall::get("/instagram/connect").as_user("ann", "acme", "editor");
    if let Some(site) = site {
        call = call.header("sec-fetch-site", site);
    }
    let reply = journey.call(&journey.connect, call).await;
    assert!(reply.cookie("__Host-instagram_connect").is_none());
    let answer = reply.json();
    let back = journey
        .world
        .consent(
            answer["url"]
                .as_str()
                .expect("what Instagram or the API always gives"),
            "corner.bakery",
            Decision::Allow,
        )
        .await;
    let call = HttpCall::get(&format!(
        "{}?{}",
        back.path(),
        back.query()
            .expect("what Instagram or the API always gives")
    ));
    (
        answer["state"]
            .as_str()
            .expect("what Instagram or the API always gives")
            .to_owned(),
        call,
    )
}

#[tokio::test]
async fn a05_a_login_that_no_browser_is_bound_to_ends_with_the_callers_jwt_only() {
    let journey = Journey::start().await;
    for site in [None, Some("cross-site")] {
        let (_, redirected) = begun_by_a_server(&journey, site).await;
        let reply = journey.call(&journey.callback, redirected).await;
        assert_refused(&reply, 403, "login_of_another_browser");
    }
    let (state, redirected) = begun_by_a_server(&journey, None).await;
    let code = redirected
        .query
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let post = HttpCall::post("/instagram/callback")
        .as_user("ann", "acme", "admin")
        .json(&json!({"code": code, "state": state}));
    assert_eq!(journey.call(&journey.callback, post).await.status, 201);
    journey.finish().await;
}

#[tokio::test]
async fn a_configuration_may_allow_servers_to_begin_logins_that_end_with_the_redirect() {
    let variables = [(
        "INSTAGRAM_LOGINS_BEGUN_BY_SERVERS".to_owned(),
        "allow".to_owned(),
    )];
    let options = WorldOptions {
        variables: variables.into(),
        ..WorldOptions::default()
    };
    let journey = Journey::start_with(options).await;
    let (_, redirected) = begun_by_a_server(&journey, None).await;
    assert!(account_on_page(&journey.call(&journey.callback, redirected).await).is_some());
    journey.finish().await;
}

#[tokio::test]
async fn a06_who_cancels_sees_a_friendly_page_with_another_try_that_works() {
    let journey = Journey::start().await;
    let begun = journey.begin(ANN).await;
    let call = journey
        .redirected(&begun, "corner.bakery", Decision::Deny)
        .await;
    let reply = journey.call(&journey.callback, call.clone()).await;
    assert_refused(&reply, 200, "access_denied");
    let page = reply.text();
    assert!(page.contains("Connection canceled"), "{page}");
    assert_refused(
        &journey.call(&journey.callback, call).await,
        409,
        "login_already_used",
    );

    let link = page
        .split("id=\"try-again\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let again = journey
        .world
        .consent(
            &link.replace("&amp;", "&"),
            "corner.bakery",
            Decision::Allow,
        )
        .await;
    let call = HttpCall::get(&format!("{}?{}", again.path(), again.query().unwrap()))
        .cookie(begun.cookie.as_deref().unwrap());
    assert!(account_on_page(&journey.call(&journey.callback, call).await).is_some());
    journey.finish().await;
}

#[tokio::test]
async fn a06_an_error_of_instagrams_own_and_a_useless_code_connect_nothing() {
    let journey = Journey::start().await;
    for (brought, status, code) in [
        ("error=server_error", 409, "instagram_refused_login"),
        ("code=%20", 400, "invalid_code"),
    ] {
        let begun = journey.begin(ANN).await;
        let query = format!("{brought}&state={}", begun.state);
        let call = HttpCall::get(&format!("/instagram/callback?{query}"));
        let call = call.cookie(begun.cookie.as_deref().expect("a cookie"));
        let reply = journey.call(&journey.callback, call).await;
        assert_refused(&reply, status, code);
    }
    assert!(journey.listed(ANN).await.is_empty());
    journey.finish().await;
}

#[tokio::test]
async fn a07_nothing_of_the_address_is_on_the_page() {
    let journey = Journey::start().await;
    for text in [
        "<script>alert(1)</script>",
        "\"><svg onload=alert(1)>",
        "REFLECT-ME",
    ] {
        let begun = journey.begin(ANN).await;
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", "access_denied")
            .append_pair("error_reason", text)
            .append_pair("error_description", text)
            .append_pair("state", &begun.state)
            .append_pair("more", text)
            .finish();
        let call = HttpCall::get(&format!("/instagram/callback?{query}"))
            .cookie(begun.cookie.as_deref().unwrap());
        let reply = journey.call(&journey.callback, call).await;
        assert_refused(&reply, 200, "access_denied");
        assert!(!reply.text().contains(text), "{}", reply.text());
    }
    journey.finish().await;
}

#[tokio::test]
async fn a10_a_code_that_was_used_is_refused_without_a_second_exchange() {
    let journey = Journey::start().await;
    let first = journey.begin(ANN).await;
    let second = journey.begin(ANN).await;
    let call = journey
        .redirected(&first, "corner.bakery", Decision::Allow)
        .await;
    let code = call
        .query
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    assert!(account_on_page(&journey.call(&journey.callback, call).await).is_some());
    let replayed = HttpCall::get(&format!(
        "/instagram/callback?code={code}&state={}",
        second.state
    ))
    .cookie(second.cookie.as_deref().unwrap());
    assert_refused(
        &journey.call(&journey.callback, replayed).await,
        400,
        "code_used_or_expired",
    );
    assert_eq!(exchanges(&journey), 2, "one for each login, none repeated");
    journey.finish().await;
}

#[tokio::test]
async fn a11_and_a12_the_caller_cannot_choose_where_the_code_goes() {
    let journey = Journey::start().await;
    for query in [
        "redirect_uri=https://evil.example.com",
        "redirectUri=https://evil.example.com",
        "returnTo=https://evil.example.com/",
        "returnTo=javascript:alert(1)",
        "returnTo=https://app.example.com@evil.example.com/",
        "scopes=instagram_business_content_publish",
        "scopes=instagram_business_basic,everything",
        "login=facebook",
        "login=myspace",
        "display=full",
        "state=chosen",
        "login=instagram&login=instagram",
    ] {
        let call =
            HttpCall::get(&format!("/instagram/connect?{query}")).as_user("ann", "acme", "admin");
        let reply = journey.call(&journey.connect, call).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
    }
    let begun = journey
        .begin_with(
            ANN,
            "?returnTo=https://app.example.com/settings?tab=2&display=redirect",
        )
        .await;
    assert!(
        begun
            .url
            .contains("redirect_uri=https%3A%2F%2Fapi.example.com%2Finstagram%2Fcallback&")
    );
    let call = journey
        .redirected(&begun, "corner.bakery", Decision::Allow)
        .await;
    let reply = journey.call(&journey.callback, call).await;
    assert_eq!(reply.status, 303);
    let location = reply.header("location").unwrap();
    assert!(
        location
            .starts_with("https://app.example.com/settings?tab=2&instagram=connected&accountId="),
        "{location}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a13_a_long_lived_exchange_that_fails_leaves_nothing_behind() {
    let journey = Journey::start().await;
    journey.world.instagram.add_fault(
        Fault::new(FaultKind::Html502)
            .at("GET /access_token")
            .times(3),
    );
    let reply = journey.log_in(ANN, "corner.bakery", Decision::Allow).await;
    assert_refused(&reply, 502, "unreadable_answer");
    assert!(reply.text().contains("try-again"));
    assert!(journey.listed(ANN).await.is_empty());
    journey.world.instagram.clear_faults();
    // One failure alone is retried within the request.
    journey.world.instagram.add_fault(
        Fault::new(FaultKind::Html502)
            .at("GET /access_token")
            .times(1),
    );
    journey.connected(ANN, "corner.bakery").await;
    journey.finish().await;
}

#[tokio::test]
async fn a16_a_missing_scope_is_told_and_only_the_basic_one_is_needed() {
    let journey = Journey::start().await;
    let begun = journey.begin(ANN).await;
    let url = format!(
        "{}&_sim_scopes=instagram_business_basic,instagram_business_manage_comments",
        begun.url
    );
    let back = journey
        .world
        .consent(&url, "corner.bakery", Decision::Allow)
        .await;
    let call = HttpCall::get(&format!("{}?{}", back.path(), back.query().unwrap()))
        .cookie(begun.cookie.as_deref().unwrap());
    let reply = journey.call(&journey.callback, call).await;
    assert!(
        reply
            .text()
            .contains("Not granted: instagram_business_content_publish"),
        "{}",
        reply.text()
    );
    let account = &journey.listed(ANN).await[0];
    assert_eq!(account["status"], "active");
    assert_eq!(
        account["scopes"],
        json!([
            "instagram_business_basic",
            "instagram_business_manage_comments"
        ])
    );
    assert_eq!(account["missingScopes"].as_array().unwrap().len(), 3);

    let begun = journey.begin(ANN).await;
    let url = format!(
        "{}&_sim_scopes=instagram_business_manage_comments",
        begun.url
    );
    let back = journey
        .world
        .consent(&url, "ann.makes", Decision::Allow)
        .await;
    let call = HttpCall::get(&format!("{}?{}", back.path(), back.query().unwrap()))
        .cookie(begun.cookie.as_deref().unwrap());
    assert_refused(
        &journey.call(&journey.callback, call).await,
        422,
        "missing_scope",
    );
    assert_eq!(journey.listed(ANN).await.len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn a17_every_shape_of_the_token_answer_is_understood() {
    let journey = Journey::start().await;
    let big = Person::business("big.id").with_ids("9007199254740993017", "27184100000000123");
    journey.world.instagram.add_person(big);
    for answer in [
        CodeAnswer::Flat,
        CodeAnswer::Wrapped,
        CodeAnswer::CommaString,
        CodeAnswer::WithoutPermissions,
    ] {
        journey.world.instagram.update_settings(|settings| {
            settings.code_answer = answer;
            settings.me_user_id_as_number = answer == CodeAnswer::Flat;
        });
        journey.connected(ANN, "big.id").await;
        let accounts = journey.listed(ANN).await;
        assert_eq!(accounts.len(), 1);
        assert_eq!(accounts[0]["platformAccountId"], "9007199254740993017");
        assert_eq!(
            accounts[0]["scopes"].as_array().unwrap().len(),
            5,
            "{answer:?}"
        );
    }
    journey.finish().await;
}

#[tokio::test]
async fn a18_reconnecting_keeps_id_and_history_and_supersedes_the_token() {
    let journey = Journey::start().await;
    let first = journey.connected(ANN, "corner.bakery").await;
    let patch = HttpCall::patch(&format!("/instagram/accounts/{first}"))
        .as_user("ann", "acme", "editor")
        .json(&json!({"displayName": "Our bakery", "clientId": "client-7"}));
    assert_eq!(journey.call(&journey.accounts, patch).await.status, 200);
    journey
        .world
        .advance(SignedDuration::from_hours(48), &journey.worker)
        .await;
    let second = journey.connected(ANN, "corner.bakery").await;
    assert_eq!(first, second);
    let record = &journey.records("acme").await[0];
    assert_eq!(
        (record.connection_generation, record.token_generation),
        (2, 2)
    );
    let account = &journey.listed(ANN).await[0];
    assert_eq!(account["displayName"], "Our bakery");
    assert_eq!(account["clientId"], "client-7");
    let timeline = HttpCall::get(&format!("/instagram/accounts/{first}/timeline"))
        .as_user("ann", "acme", "viewer");
    let timeline = journey.call(&journey.accounts, timeline).await.json();
    let events: Vec<_> = timeline["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    assert!(
        events.contains(&"connected") && events.contains(&"reconnected"),
        "{events:?}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a19_an_account_of_another_company_is_refused_without_details_until_it_is_disconnected() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let reply = journey.log_in(BOB, "corner.bakery", Decision::Allow).await;
    assert_refused(&reply, 409, "already_connected_elsewhere");
    for detail in ["acme", "ann", id.as_str()] {
        assert!(
            !reply.text().contains(&format!(">{detail}"))
                && !reply.text().contains(&format!("\"{detail}\""))
        );
    }
    assert!(journey.listed(BOB).await.is_empty());

    let disconnect = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    assert_eq!(
        journey.call(&journey.accounts, disconnect).await.status,
        200
    );
    let taken = journey.connected(BOB, "corner.bakery").await;
    assert_ne!(taken, id);
    let reply = journey.log_in(ANN, "corner.bakery", Decision::Allow).await;
    assert_refused(&reply, 409, "already_connected_elsewhere");

    // Given up there, it comes back under its old id.
    let disconnect = HttpCall::post(&format!("/instagram/accounts/{taken}/disconnect"))
        .as_user("bob", "bolt", "editor");
    assert_eq!(
        journey.call(&journey.accounts, disconnect).await.status,
        200
    );
    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    assert_eq!(journey.listed(ANN).await.len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn a21_a_personal_account_is_refused_and_nothing_is_kept() {
    let journey = Journey::start().await;
    let reply = journey.log_in(ANN, "private.pat", Decision::Allow).await;
    assert_refused(&reply, 422, "account_not_professional");
    assert!(
        reply.text().contains("force_reauth=true"),
        "the next try asks which account"
    );
    assert!(journey.listed(ANN).await.is_empty());
    assert!(journey.world.aws.schedules().is_empty());
    journey.finish().await;
}

#[tokio::test]
async fn an_account_without_a_role_on_an_app_in_development_is_told_what_to_do() {
    let journey = Journey::start().await;
    journey
        .world
        .instagram
        .add_person(Person::business("no.role").without_role());
    let reply = journey.log_in(ANN, "no.role", Decision::Allow).await;
    assert_refused(&reply, 403, "no_role_on_app");
    assert!(reply.text().contains("App roles"), "{}", reply.text());
    journey.finish().await;
}

#[tokio::test]
async fn i09_a_username_with_markup_stays_text() {
    let journey = Journey::start().await;
    let reply = journey.log_in(ANN, "markup.mallory", Decision::Allow).await;
    let page = reply.text();
    let body = page
        .split("<main")
        .nth(1)
        .unwrap()
        .split("</main>")
        .next()
        .unwrap();
    assert!(
        !body.contains("<script") && !body.contains("onerror=\""),
        "{body}"
    );
    assert!(
        body.contains("&lt;script&gt;") || body.contains("&lt;img"),
        "{body}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_subscription_that_instagram_refuses_is_made_by_the_next_sync() {
    let journey = Journey::start().await;
    journey
        .world
        .instagram
        .add_fault(Fault::new(FaultKind::Html502).at("POST /{ig_id}/subscribed_apps"));
    journey.connected(ANN, "corner.bakery").await;
    journey.world.instagram.clear_faults();
    let was_refused = journey
        .world
        .instagram
        .subscriptions_of("corner.bakery")
        .is_empty();
    journey.settle().await;
    assert!(was_refused, "the fault was met");
    assert!(
        !journey
            .world
            .instagram
            .subscriptions_of("corner.bakery")
            .is_empty()
    );
    assert!(!journey.records("acme").await[0].setup_pending);
    journey.finish().await;
}

#[tokio::test]
async fn the_same_idempotency_key_connects_once_and_gets_the_same_answer() {
    let journey = Journey::start().await;
    let begun = journey.begin(ANN).await;
    let back = journey
        .world
        .consent(&begun.url, "corner.bakery", Decision::Allow)
        .await;
    let code = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let post = |state: &str| {
        HttpCall::post("/instagram/callback")
            .as_user("ann", "acme", "admin")
            .header("idempotency-key", "order-1")
            .json(&json!({"code": code, "state": state}))
    };
    let first = journey.call(&journey.callback, post(&begun.state)).await;
    let again = journey.call(&journey.callback, post(&begun.state)).await;
    assert_eq!((first.status, again.status), (201, 201), "{}", first.text());
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = journey.call(&journey.callback, post("another-body")).await;
    assert_eq!(
        (other.status, other.json()["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
    assert_eq!(exchanges(&journey), 1);
    journey.finish().await;
}

#[tokio::test]
async fn status_after_a_login_is_active_in_the_record_too() {
    let journey = Journey::start_with(WorldOptions {
        page_size: 1,
        ..WorldOptions::default()
    })
    .await;
    for username in ["corner.bakery", "ann.makes", "city.museum"] {
        journey.connected(ANN, username).await;
    }
    let records = journey.records("acme").await;
    assert!(
        records
            .iter()
            .all(|record| record.status == Status::Active && !record.setup_pending)
    );
    let mut pages: Vec<_> = records
        .iter()
        .filter_map(|record| record.token_page.clone())
        .collect();
    pages.sort();
    pages.dedup();
    assert_eq!(
        pages.len(),
        3,
        "a page size of 1 gives one secret per account"
    );
    journey.finish().await;
}

#[tokio::test]
async fn an_account_that_another_company_had_and_deleted_comes_back_under_its_id() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let disconnect = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    assert_eq!(
        journey.call(&journey.accounts, disconnect).await.status,
        200
    );
    let other = journey.connected(BOB, "corner.bakery").await;
    let delete =
        HttpCall::delete(&format!("/instagram/accounts/{other}")).as_user("bob", "bolt", "editor");
    assert_eq!(journey.call(&journey.accounts, delete).await.status, 204);
    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    assert_eq!(journey.listed(ANN).await.len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn an_app_scoped_id_that_instagram_replaced_leaves_no_claim_behind() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    // As if the account had been connected under another id of the app's.
    let table = &journey.world.app("test").table;
    let record = journey.records("acme").await.remove(0);
    let claim = Claim {
        account: id.clone(),
        company: "acme".into(),
        released: false,
        since: record.connected_at,
    };
    let moved = vec![
        table
            .claim_write("99887766554433221", &claim)
            .expect("a write"),
        table
            .claim_removal(&record.app_scoped_id, &id)
            .expect("a write"),
    ];
    assert_eq!(
        table.transact(moved).await.expect("the table answers"),
        Transaction::Written
    );
    let change = table.update_account(&id, journey.world.now(), |record| {
        record.app_scoped_id = "99887766554433221".into();
        true
    });
    change.await.expect("the table answers");

    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    assert_eq!(
        journey.records("acme").await[0].app_scoped_id,
        record.app_scoped_id
    );
    assert_eq!(
        table
            .claim("99887766554433221")
            .await
            .expect("the table answers"),
        None
    );
    journey.finish().await;
}
