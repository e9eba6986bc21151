//! `/me`, the account's webhooks, and what every Graph call has in common.

use instagram_sim::{AccountTypeCase, Person, TokenPlace, Wrapping};

use crate::client::{CLIENT_ID, World};

const FIELDS: &str = "id,user_id,username,name,account_type,profile_picture_url,followers_count,follows_count,\
                      media_count,biography,website";

#[tokio::test]
async fn me_gives_every_documented_field() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let me = world
        .get_as(&token, &format!("/v25.0/me?fields={FIELDS}"))
        .await
        .json();
    for field in FIELDS.split(',') {
        assert!(me.get(field).is_some(), "{field}");
    }
    assert_eq!(me["account_type"], "BUSINESS");
    assert_eq!(me["followers_count"], 1_840);
    let picture = me["profile_picture_url"].as_str().unwrap();
    let path = picture.strip_prefix(&world.sim.url()).unwrap();
    let picture = world.get(path).await;
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    assert!(picture.text().starts_with("<svg"));
    assert!(
        world.last_call().endpoint.ends_with("/me"),
        "pictures stay out of the log"
    );
}

#[tokio::test]
async fn me_without_fields_gives_the_id_and_an_unknown_field_is_an_error() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let person = world.sim.person("corner.bakery").unwrap();
    let me = world.get_as(&token, "/v26.0/me").await.json();
    assert_eq!(me, serde_json::json!({ "id": person.app_scoped_id }));
    let refused = world.get_as(&token, "/v26.0/me?fields=id,birthday").await;
    assert_eq!(refused.error(), (400, 100, None));
    let message = refused.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("nonexisting field (birthday)"),
        "{message}"
    );
    assert!(refused.json()["error"]["fbtrace_id"].is_string());
}

#[tokio::test]
async fn me_has_all_its_known_shapes() {
    let world = World::new().await;
    let token = world.long_token_of("ann.makes").await;
    let person = world.sim.person("ann.makes").unwrap();
    let path = "/v26.0/me?fields=user_id,account_type,name";
    world.sim.update_settings(|settings| {
        settings.me_answer = Wrapping::Wrapped;
        settings.account_type_case = AccountTypeCase::Documented;
    });
    let wrapped = world.get_as(&token, path).await.json();
    assert_eq!(wrapped["data"][0]["account_type"], "Media_Creator");
    world.sim.update_settings(|settings| {
        settings.me_answer = Wrapping::Flat;
        settings.me_user_id_as_number = true;
        settings.account_type_case = AccountTypeCase::Lower;
    });
    world.sim.update_person("ann.makes", |ann| {
        ann.absent_fields = vec!["name".to_owned(), "id".to_owned()]
    });
    let reply = world.get_as(&token, path).await;
    let flat = reply.json();
    assert_eq!(flat["account_type"], "media_creator");
    assert_eq!(
        flat["user_id"].as_u64().unwrap().to_string(),
        person.ig_user_id
    );
    assert!(flat.get("name").is_none() && flat.get("id").is_none());
    world.sim.update_person("ann.makes", |ann| {
        ann.absent_fields.clear();
        ann.biography.clear();
    });
    let reply = world
        .get_as(&token, "/v26.0/me?fields=name,biography")
        .await
        .json();
    assert_eq!(reply["name"], "Ann Makes");
    assert!(
        reply.get("biography").is_none(),
        "what is empty does not appear"
    );
    let rounded = flat["user_id"].as_u64().unwrap() as f64 as u64;
    assert_ne!(
        rounded.to_string(),
        person.ig_user_id,
        "an id must not survive as a float"
    );
}

#[tokio::test]
async fn an_account_is_reached_by_its_own_id_only() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let person = world.sim.person("corner.bakery").unwrap();
    let other = world.sim.person("ann.makes").unwrap();
    let own = world
        .get_as(
            &token,
            &format!("/v26.0/{}?fields=username", person.ig_user_id),
        )
        .await;
    assert_eq!(own.json()["username"], "corner.bakery");
    assert_eq!(world.last_call().endpoint, "GET /{ig_id}");
    for id in [&other.ig_user_id, &person.app_scoped_id, &"123".to_owned()] {
        let refused = world
            .get_as(&token, &format!("/v26.0/{id}?fields=username"))
            .await;
        assert_eq!(refused.error(), (400, 100, Some(33)), "{id}");
    }
}

#[tokio::test]
async fn the_token_may_stand_in_the_header_or_in_the_query() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    assert_eq!(world.me(&token).await.status, 200);
    assert_eq!(world.last_call().token_place, Some(TokenPlace::Header));
    assert_eq!(
        world
            .get(&format!("/v26.0/me?access_token={token}"))
            .await
            .status,
        200
    );
    assert_eq!(world.last_call().token_place, Some(TokenPlace::Query));
}

#[tokio::test]
async fn the_version_must_be_one_that_lives() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    for version in ["v21.0", "v26.0"] {
        assert_eq!(
            world.get_as(&token, &format!("/{version}/me")).await.status,
            200,
            "{version}"
        );
    }
    for (path, code) in [
        ("/v20.0/me", 12),
        ("/v27.0/me", 2500),
        ("/v26.1/me", 2500),
        ("/v26/me", 2500),
        ("/v+26.0/me", 2500),
        ("/26.0/me", 2500),
        ("/me", 2500),
        ("/me/subscribed_apps", 2500),
    ] {
        assert_eq!(
            world.get_as(&token, path).await.error(),
            (400, code, None),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_unknown_call_answers_loudly() {
    let world = World::new().await;
    // Whoever opens the bare address in a browser is shown what is there.
    let opened = world.send("GET", "/", "", b"").await.unwrap();
    assert_eq!(opened.status, 302);
    let token = world.long_token_of("corner.bakery").await;
    for (method, path) in [
        ("GET", "/v26.0/x/y"),
        ("POST", "/"),
        ("POST", "/v26.0/me"),
        ("POST", "/access_token"),
        ("GET", "/v26.0/me/tags"),
        ("GET", "/v26.0/me/"),
    ] {
        let header = format!("authorization: Bearer {token}\r\n");
        let reply = world.send(method, path, &header, b"").await.unwrap();
        assert_eq!(reply.status, 501, "{method} {path}");
        let message = reply.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            message.starts_with(&format!("instagram-sim does not know {method} {path};")),
            "{message}"
        );
        let call = world.last_call();
        assert_eq!(
            (call.endpoint, call.status),
            (format!("{method} {path}"), 501)
        );
    }
}

#[tokio::test]
async fn webhook_fields_are_subscribed_listed_and_removed() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let header = format!("authorization: Bearer {token}\r\n");
    let id = world.sim.person("corner.bakery").unwrap().ig_user_id;
    let send =
        async |method: &str, path: &str| world.send(method, path, &header, b"").await.unwrap();

    assert_eq!(
        send("GET", "/v26.0/me/subscribed_apps").await.json()["data"],
        serde_json::json!([])
    );
    let reply = send(
        "POST",
        "/v26.0/me/subscribed_apps?subscribed_fields=comments,messages",
    )
    .await;
    assert_eq!(reply.json(), serde_json::json!({ "success": true }));
    let listed = send("GET", &format!("/v26.0/{id}/subscribed_apps"))
        .await
        .json();
    assert_eq!(listed["data"][0]["app_id"], CLIENT_ID);
    assert_eq!(
        listed["data"][0]["subscribed_fields"],
        serde_json::json!(["comments", "messages"])
    );
    assert_eq!(
        world.sim.subscriptions_of("corner.bakery"),
        ["comments", "messages"]
    );
    assert!(world.sim.subscriptions_of("ann.makes").is_empty());

    let unknown = send(
        "POST",
        "/v26.0/me/subscribed_apps?subscribed_fields=comments,message_echoes",
    )
    .await;
    assert_eq!(unknown.error(), (400, 100, None));
    assert!(
        unknown.text().contains("subscribed_fields[1]"),
        "{}",
        unknown.text()
    );
    assert_eq!(
        send("POST", "/v26.0/me/subscribed_apps").await.error(),
        (400, 100, None)
    );
    assert_eq!(world.sim.subscriptions_of("corner.bakery").len(), 2);

    assert_eq!(
        send("DELETE", &format!("/v26.0/{id}/subscribed_apps"))
            .await
            .status,
        200
    );
    assert!(world.sim.subscriptions_of("corner.bakery").is_empty());
}

#[tokio::test]
async fn usage_is_told_and_at_a_hundred_percent_refused() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let id = world.sim.person("corner.bakery").unwrap().ig_user_id;
    let usage = |reply: &crate::client::Reply| -> serde_json::Value {
        serde_json::from_str(reply.header("x-business-use-case-usage").unwrap()).unwrap()
    };
    let reply = world.me(&token).await;
    assert!(
        reply
            .header("x-app-usage")
            .unwrap()
            .contains("\"call_count\":0")
    );
    assert_eq!(usage(&reply)[&id][0]["call_count"], 0);

    world
        .sim
        .update_person("corner.bakery", |person| person.usage_percent = 95);
    let reply = world.me(&token).await;
    assert_eq!(
        (reply.status, usage(&reply)[&id][0]["call_count"].as_i64()),
        (200, Some(95))
    );

    world.sim.update_person("corner.bakery", |person| {
        person.usage_percent = 100;
        person.regain_minutes = 7;
    });
    let reply = world.me(&token).await;
    assert_eq!(reply.error(), (400, 80_002, None));
    assert_eq!(usage(&reply)[&id][0]["estimated_time_to_regain_access"], 7);
    let others = world.long_token_of("ann.makes").await;
    assert_eq!(world.me(&others).await.status, 200);

    let until = world.now_ms() + 90_000;
    world.sim.update_person("corner.bakery", |person| {
        person.usage_percent = 3;
        person.blocked_until_ms = Some(until);
    });
    let reply = world.me(&token).await;
    assert_eq!(usage(&reply)[&id][0]["estimated_time_to_regain_access"], 2);
    world.advance(89);
    assert_eq!(world.me(&token).await.error().1, 80_002);
    world.advance(1);
    assert_eq!(world.me(&token).await.status, 200);

    world.sim.update_settings(|settings| {
        settings.app_usage_percent = 100;
        settings.throttle_status = 429;
    });
    let reply = world.me(&others).await;
    assert_eq!(reply.error(), (429, 4, None));
    assert!(
        reply
            .header("x-app-usage")
            .unwrap()
            .contains("\"call_count\":100")
    );

    world
        .sim
        .update_settings(|settings| settings.usage_headers = false);
    let reply = world.me(&others).await;
    assert_eq!(
        (
            reply.header("x-app-usage"),
            reply.header("x-business-use-case-usage")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_missed() {
    let world = World::new().await;
    let reply = world
        .get(&World::authorize_path(&[
            ("_sim_as", "corner.bakery"),
            ("_sim_scopes", "instagram_business_content_publish"),
        ]))
        .await;
    let code = reply.redirect_parameter("code").unwrap();
    let answer = world.exchange_code(&code).await;
    let granted = serde_json::json!(["instagram_business_content_publish"]);
    assert_eq!(answer.json()["permissions"], granted);
    let token = crate::client::token_in(&answer);
    assert_eq!(world.me(&token).await.error(), (403, 10, None));
}

#[tokio::test]
async fn appsecret_proof_is_checked_when_sent_and_can_be_required() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA256,
        crate::client::CLIENT_SECRET.as_bytes(),
    );
    let tag = ring::hmac::sign(&key, token.as_bytes());
    let proof: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let right = format!("/v26.0/me?appsecret_proof={proof}");
    assert_eq!(world.get_as(&token, &right).await.status, 200);
    let wrong = world.get_as(&token, "/v26.0/me?appsecret_proof=00").await;
    assert_eq!(wrong.error(), (400, 100, None));
    assert_eq!(wrong.json()["error"]["type"], "GraphMethodException");
    world
        .sim
        .update_settings(|settings| settings.require_appsecret_proof = true);
    assert_eq!(world.me(&token).await.error(), (400, 100, None));
    assert_eq!(world.get_as(&token, &right).await.status, 200);
}

#[tokio::test]
async fn a_person_who_is_added_again_keeps_the_ids() {
    let world = World::new().await;
    let before = world.sim.person("corner.bakery").unwrap();
    let after = world
        .sim
        .add_person(Person::creator("corner.bakery").with_followers(3));
    assert_eq!(
        (&after.ig_user_id, &after.app_scoped_id),
        (&before.ig_user_id, &before.app_scoped_id)
    );
    assert_eq!(
        world.sim.person("corner.bakery").unwrap().followers_count,
        3
    );
    let chosen = world
        .sim
        .add_person(Person::business("own.ids").with_ids("17841400000000001", "1"));
    assert_eq!(chosen.ig_user_id, "17841400000000001");
    assert_eq!(world.sim.people().len(), 6);
}
