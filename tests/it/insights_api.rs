//! Insights: who may ask for what, and what it costs to ask.

use futures_util::future::{join, join_all};
use instagram_sim::{ContentKind, Fault, FaultKind, History, Person};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::Account;
use tokio::task::yield_now;
use world::Decision;
use world::gateway::{HttpCall, Reply};

use crate::journey::{ANN, BOB, Caller, Journey, account_on_page};
use crate::media_api::{ask, get, with_history};

/// The problem of an answer: status, code and sentence.
fn problem_of(reply: &Reply) -> (u16, String, String) {
    let body = reply.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (reply.status, text("code"), text("detail"))
}

/// Adds a person with a past of so many days.
fn add_person(journey: &Journey, username: &str, days: u64) {
    let history = History {
        posts: days,
        days,
        until_ms: journey.world.clock.milliseconds(),
    };
    let person = Person::business(username).with_followers(4_200);
    let instagram = &journey.world.instagram;
    instagram.add_person(person.with_history(history));
}

#[tokio::test]
async fn a_missing_scope_is_told_by_every_route_alike_and_not_taken_for_too_few_viewers() {
    let journey = Journey::start().await;
    add_person(&journey, "shy.baker", 20);
    let begun = journey
        .begin_with(ANN, "?scopes=instagram_business_basic")
        .await;
    let back = journey
        .redirected(&begun, "shy.baker", Decision::Allow)
        .await;
    let reply = journey.call(&journey.callback, back).await;
    let id = account_on_page(&reply).unwrap();
    journey.settle().await;
    let base = format!("/instagram/accounts/{id}");
    let list = get(&journey, &format!("{base}/media?limit=1")).await;
    let media = list["media"][0]["id"].as_str().unwrap();

    let refused_by_instagram = ask(&journey, "GET", &format!("{base}/demographics"), None).await;
    journey.world.instagram.clear_calls();
    let path = format!("{base}/media/{media}/insights");
    let refused = ask(&journey, "GET", &path, None).await;
    assert_eq!(problem_of(&refused).1, "permission_missing");
    assert_eq!(problem_of(&refused), problem_of(&refused_by_instagram));
    // Nor is it asked for days, which stay gaps.
    let by_day = get(&journey, &format!("{base}/insights?metrics=reach")).await;
    let points = by_day["series"][0]["points"].as_array().unwrap();
    assert!(points.iter().all(|point| point["value"].is_null()));
    assert_eq!(journey.world.instagram.calls().len(), 0);
    journey.finish().await;
}

#[tokio::test]
async fn days_of_which_instagram_has_nothing_are_asked_for_once_in_a_while() {
    let journey = Journey::start().await;
    journey
        .world
        .instagram
        .add_person(Person::business("new.baker"));
    let id = journey.connected(ANN, "new.baker").await;
    journey.settle().await;
    journey
        .world
        .clock
        .advance(SignedDuration::from_hours(3 * 24));
    let path = format!("/instagram/accounts/{id}/insights?metrics=reach");
    let calls = || journey.world.instagram.calls().len();
    journey.world.instagram.clear_calls();
    let first = get(&journey, &path).await;
    let points = first["series"][0]["points"].as_array().unwrap().clone();
    assert!(points.iter().all(|point| point["value"].is_null()));
    let cost = calls();
    assert!((1..=7).contains(&cost), "{cost} calls");
    for _ in 0..3 {
        assert_eq!(get(&journey, &path).await, first);
    }
    assert_eq!(calls(), cost, "what is not there is remembered");
    journey.world.clock.advance(SignedDuration::from_secs(61));
    let replies = join_all((0..10).map(|_| ask(&journey, "GET", &path, None))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(calls(), 2 * cost, "no stampede");
    journey.finish().await;
}

#[tokio::test]
async fn days_that_instagram_refuses_to_tell_cost_one_days_calls() {
    let journey = Journey::start().await;
    journey
        .world
        .instagram
        .add_person(Person::business("new.baker"));
    let id = journey.connected(ANN, "new.baker").await;
    journey.settle().await;
    let days = SignedDuration::from_hours(8 * 24);
    journey.world.clock.advance(days);
    let refusal = Fault::new(FaultKind::graph_error(400, 100, None)).at("GET /{ig_id}/insights");
    journey.world.instagram.add_fault(refusal);
    journey.world.instagram.clear_calls();
    let path = format!("/instagram/accounts/{id}/insights?metrics=reach");
    for _ in 0..3 {
        let told = get(&journey, &path).await;
        let points = told["series"][0]["points"].as_array().unwrap();
        assert!(points.iter().all(|point| point["value"].is_null()));
    }
    // Halves of ten metrics, down to each alone.
    let calls = || journey.world.instagram.calls().len();
    assert_eq!(calls(), 19);
    // Where Instagram is slow, nobody waits for all of them.
    journey.world.clock.advance(SignedDuration::from_mins(5));
    let slow = Fault::new(FaultKind::Delay(100)).at("GET /{ig_id}/insights");
    journey.world.instagram.add_fault(slow);
    journey.world.instagram.clear_calls();
    let seconds_pass = async {
        while calls() == 0 {
            yield_now().await;
        }
        journey.world.clock.advance(SignedDuration::from_secs(9));
    };
    join(get(&journey, &path), seconds_pass).await;
    assert!((1..=3).contains(&calls()), "{} calls", calls());
    journey.finish().await;
}

#[tokio::test]
async fn a_medias_insights_tell_what_it_had_come_to_on_its_first_days() {
    let (journey, id) = with_history("busy.baker", 60).await;
    let list = get(&journey, &format!("/instagram/accounts/{id}/media?limit=1")).await;
    let media = list["media"][0]["id"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        journey.advance(SignedDuration::from_hours(24)).await;
    }
    let base = format!("/instagram/accounts/{id}/media/{media}/insights");
    let told = get(&journey, &base).await;
    let days = told["days"].as_array().unwrap();
    assert!(days.len() >= 3, "{told}");
    let by_day = |name: &str| -> Vec<u64> {
        let figures = days
            .iter()
            .map(|day| day["figures"][name].as_u64().unwrap());
        figures.collect()
    };
    assert!(by_day("reach").is_sorted() && by_day("reach")[0] < by_day("reach")[2]);
    assert!(told["figures"]["reach"].as_u64() >= by_day("reach").last().copied());
    let dates: Vec<&str> = days.iter().filter_map(|day| day["day"].as_str()).collect();
    assert!(dates.is_sorted() && dates.len() == days.len());
    let likes = get(&journey, &format!("{base}?metrics=likes")).await;
    let likes = likes["days"].as_array().unwrap();
    assert!(
        likes
            .iter()
            .all(|day| day["figures"].as_object().unwrap().len() == 1)
    );
    assert_eq!(likes.len(), days.len());
    // Of an old one no sync keeps days.
    let all = get(
        &journey,
        &format!("/instagram/accounts/{id}/media?limit=100"),
    )
    .await;
    let oldest = all["media"].as_array().unwrap().last().unwrap()["id"].clone();
    let oldest = oldest.as_str().unwrap();
    let told = get(
        &journey,
        &format!("/instagram/accounts/{id}/media/{oldest}/insights"),
    )
    .await;
    assert_eq!(told["days"], json!([]));
    journey.finish().await;
}

async fn as_caller(journey: &Journey, caller: Caller, method: &str, path: &str) -> Reply {
    let call = HttpCall::new(method, path).as_user(caller.user, caller.company, "admin");
    journey.call(&journey.insights, call).await
}

#[tokio::test]
async fn another_companys_accounts_and_clients_are_in_no_analytics() {
    let (journey, own) = with_history("busy.baker", 30).await;
    add_person(&journey, "city.gallery", 30);
    let others = journey.connected(BOB, "city.gallery").await;
    journey.settle().await;
    let bob = |call: HttpCall| call.as_user(BOB.user, BOB.company, "admin");
    let assign = HttpCall::patch(&format!("/instagram/accounts/{others}"));
    let assign = bob(assign.json(&json!({"clientId": "client-7"})));
    assert_eq!(journey.call(&journey.accounts, assign).await.status, 200);
    let seen = as_caller(&journey, BOB, "GET", "/analytics?clientId=client-7").await;
    let media = seen.json()["topMedia"][0]["mediaId"].clone();
    let media = media.as_str().unwrap();
    let path = format!("/instagram/accounts/{others}/media/{media}/investment");
    let body = json!({"spend": 10, "revenue": 20, "currency": "EUR"});
    let put = bob(HttpCall::new("PUT", &path).json(&body));
    assert_eq!(journey.call(&journey.insights, put).await.status, 200);
    let told = as_caller(&journey, BOB, "GET", "/analytics/investments").await;
    assert_eq!(told.json()["accounts"][0]["id"], others.as_str());

    // By its id it is as unknown as any.
    for path in [
        format!("/analytics?accountId={others}"),
        format!("/analytics/instagram?accountId={others}"),
        format!("/analytics?accountId={others}&clientId=client-7"),
        format!("/analytics/comparison?accounts={own},{others}"),
        format!("/analytics/investments?accountId={others}"),
    ] {
        let refused = as_caller(&journey, ANN, "GET", &path).await;
        let unknown = path.replace(&others, "0a6d7c52-91a7-4f0b-8d35-2f8f3b6f2c11");
        let unknown = as_caller(&journey, ANN, "GET", &unknown).await;
        assert_eq!(refused.json()["code"], "account_not_found", "{path}");
        assert_eq!(problem_of(&refused), problem_of(&unknown), "{path}");
    }
    // The other company's client is one without accounts here.
    for path in [
        "/analytics?clientId=client-7",
        "/analytics/instagram?clientId=client-7",
    ] {
        let nothing = as_caller(&journey, ANN, "GET", path).await.json();
        for list in ["accounts", "series", "topMedia"] {
            assert_eq!(nothing[list], json!([]), "{path} {list}");
        }
        assert_eq!(nothing["totals"], json!({}), "{path}");
    }
    let nothing = as_caller(
        &journey,
        ANN,
        "GET",
        "/analytics/investments?clientId=client-7",
    )
    .await;
    assert_eq!(
        nothing.json(),
        json!({"media": [], "accounts": [], "clients": []})
    );
    for path in ["/analytics", "/analytics/investments"] {
        let all = as_caller(&journey, ANN, "GET", path).await;
        assert!(!all.text().contains(&others) && !all.text().contains("city.gallery"));
    }
    let nobodys = format!("/instagram/accounts/{own}/media/{media}/investment");
    let refused = ask(&journey, "PUT", &nobodys, Some(body)).await;
    assert_eq!(problem_of(&refused).1, "media_not_found");
    journey.finish().await;
}

#[tokio::test]
async fn only_media_that_the_account_has_cost_something() {
    let (journey, id) = with_history("busy.baker", 30).await;
    let base = format!("/instagram/accounts/{id}/media");
    let put = async |media: &str, body: Value| {
        let path = format!("{base}/{media}/investment");
        ask(&journey, "PUT", &path, Some(body)).await
    };
    let fine = json!({"spend": 10, "revenue": 20, "currency": "EUR"});
    let stored = get(&journey, &format!("{base}?source=stored&limit=100")).await;
    let media = stored["media"].as_array().unwrap();
    let oldest = media.last().unwrap()["id"].as_str().unwrap();
    journey.world.instagram.clear_calls();
    assert_eq!(put(oldest, fine.clone()).await.status, 200);
    assert_eq!(journey.world.instagram.calls().len(), 0, "it is stored");
    // Published since the last sync.
    let instagram = &journey.world.instagram;
    let new = instagram.post("busy.baker", ContentKind::Image, "New");
    assert_eq!(put(&new, fine.clone()).await.status, 200);
    // What was said of it may be changed when it is gone.
    instagram.remove_media(std::slice::from_ref(&new));
    assert_eq!(put(&new, fine.clone()).await.status, 200);

    let unknown = put("17899999999999999", fine).await;
    let (status, code, sentence) = problem_of(&unknown);
    assert_eq!((status, code.as_str()), (404, "media_not_found"));
    let no_id = ask(&journey, "GET", &format!("{base}/x1/investment"), None).await;
    assert_eq!(problem_of(&no_id), (404, code, sentence));
    for (body, code) in [
        (
            json!({"spend": -1, "revenue": 0, "currency": "EUR"}),
            "invalid_amount",
        ),
        (
            json!({"spend": 1, "revenue": 0, "currency": "euro"}),
            "invalid_currency",
        ),
    ] {
        assert_eq!(put(oldest, body).await.json()["code"], code);
    }
    journey.finish().await;
}

/// Stores records like this one until the company has so many accounts.
async fn fill_up(journey: &Journey, like: &Account, so_far: usize, until: usize) {
    let table = &journey.world.app("test").table;
    for number in so_far..until {
        let account = Account {
            id: format!("00000000-0000-4000-8000-{number:012x}"),
            token_page: None,
            ..like.clone()
        };
        let write = table.account_write(&account, None).expect("a record");
        table.transact(vec![write]).await.expect("it is written");
    }
}

#[tokio::test]
async fn so_many_accounts_and_days_are_put_together_and_no_more() {
    let (journey, id) = with_history("busy.baker", 30).await;
    let app = journey.world.app("test");
    let account = app.table.account(&id).await.unwrap().unwrap();
    let two_years = "/analytics?since=2024-11-20&until=2026-11-20";
    fill_up(&journey, &account, 1, 27).await;
    let all = get(&journey, two_years).await;
    assert_eq!(all["accounts"].as_array().unwrap().len(), 27);
    fill_up(&journey, &account, 27, 28).await;
    let refused = ask(&journey, "GET", two_years, None).await;
    assert_eq!(problem_of(&refused).1, "too_many_days");
    let one = get(&journey, &format!("{two_years}&accountId={id}")).await;
    assert_eq!(one["totals"], all["totals"], "the others have no days");

    fill_up(&journey, &account, 28, 200).await;
    let all = get(&journey, "/analytics").await;
    assert_eq!(all["accounts"].as_array().unwrap().len(), 200);
    fill_up(&journey, &account, 200, 201).await;
    for path in ["/analytics", "/analytics/investments"] {
        let refused = ask(&journey, "GET", path, None).await;
        assert_eq!(problem_of(&refused).1, "too_many_accounts", "{path}");
        assert_eq!(refused.status, 422);
    }
    journey.finish().await;
}

#[tokio::test]
async fn an_audience_of_which_instagram_refuses_to_tell_is_not_nobody() {
    let (journey, id) = with_history("busy.baker", 30).await;
    let path = format!("/instagram/accounts/{id}/demographics");
    let instagram = &journey.world.instagram;
    let refusal = Fault::new(FaultKind::graph_error(400, 100, None)).at("GET /{ig_id}/insights");
    instagram.add_fault(refusal.clone());
    let refused = ask(&journey, "GET", &path, None).await;
    assert_eq!(problem_of(&refused).0, 502, "{}", refused.text());
    let online = format!("/instagram/accounts/{id}/online-followers");
    assert_eq!(ask(&journey, "GET", &online, None).await.status, 502);
    instagram.clear_faults();
    // One refusal of four leaves the others.
    instagram.add_fault(refusal.times(1));
    let told = get(&journey, &path).await;
    assert_eq!(told["breakdowns"].as_object().unwrap().len(), 3, "{told}");
    journey.finish().await;
}
