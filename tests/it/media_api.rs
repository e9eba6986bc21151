//! The routes of media and insights: what they show is what Instagram shows and what a sync has kept.

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use instagram_sim::{Fault, FaultKind, History, Person};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::graph::MediaKind;
use shared::media::StoredMedia;
use world::gateway::{HttpCall, Reply};

use crate::journey::{ANN, Journey};

pub(crate) const BAKER: &str = "busy.baker";

pub(crate) async fn with_history(username: &str, posts: u64) -> (Journey, String) {
    let journey = Journey::start().await;
    let id = connect(&journey, username, posts).await;
    (journey, id)
}

pub(crate) async fn connect(journey: &Journey, username: &str, posts: u64) -> String {
    let history = History {
        posts,
        days: posts,
        until_ms: journey.world.clock.milliseconds(),
    };
    let person = Person::business(username).with_followers(4_200);
    journey
        .world
        .instagram
        .add_person(person.with_history(history));
    let id = journey.connected(ANN, username).await;
    journey.settle().await;
    id
}

pub(crate) async fn ask(journey: &Journey, method: &str, path: &str, body: Option<Value>) -> Reply {
    let mut call = HttpCall::new(method, path);
    if let Some(body) = body {
        call = call.json(&body);
    }
    let call = call.as_user(ANN.user, ANN.company, "editor");
    let of_insights = [
        "insights",
        "demographics",
        "online-followers",
        "best-times",
        "top-media",
        "investment",
        "export",
        "competitors",
        "analytics",
    ];
    let is_of_insights = of_insights.iter().any(|part| path.contains(part));
    let function = match is_of_insights {
        true => &journey.insights,
        false => &journey.media,
    };
    journey.call(function, call).await
}

pub(crate) async fn get(journey: &Journey, path: &str) -> Value {
    let reply = ask(journey, "GET", path, None).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_list_pages_to_its_end_live_and_stored_alike() {
    let (journey, id) = with_history(BAKER, 60).await;
    let mut lists = Vec::new();
    for source in ["live", "stored"] {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/instagram/accounts/{id}/media?source={source}&limit=25{cursor}");
            let page = get(&journey, &path).await;
            for media in page["media"].as_array().unwrap() {
                ids.push(media["id"].as_str().unwrap().to_owned());
                // What is hidden is absent, and not zero or null.
                let values = media.as_object().unwrap().values();
                assert!(values.clone().all(|value| !value.is_null()), "{media}");
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(ids.len(), 60, "{source}");
        lists.push(ids);
    }
    assert_eq!(lists[0], lists[1]);
    let reels = get(
        &journey,
        &format!("/instagram/accounts/{id}/media?source=stored&kind=reel&limit=100"),
    )
    .await;
    let reels = reels["media"].as_array().unwrap().clone();
    assert!(!reels.is_empty() && reels.iter().all(|media| media["kind"] == "reel"));
    assert!(
        reels
            .iter()
            .all(|media| media["engagementRate"].is_number())
    );
    for bad in [
        "source=both",
        "kind=post",
        "since=yesterday",
        "limit=0",
        "cursor=abc",
    ] {
        let path = format!("/instagram/accounts/{id}/media?{bad}");
        assert_eq!(ask(&journey, "GET", &path, None).await.status, 400, "{bad}");
    }
    journey.finish().await;
}

/// A media as a sync would have stored it.
pub(crate) fn stored_media(id: u64, kind: MediaKind, published_at: Timestamp) -> StoredMedia {
    StoredMedia {
        id: id.to_string(),
        kind,
        caption: None,
        permalink: None,
        published_at,
        like_count: Some(id % 100),
        comments_count: None,
        is_comment_enabled: None,
        items: 0,
        figures: [("reach".to_owned(), id % 1_000)].into(),
        gone_at: None,
        version: 0,
    }
}

/// Stores media behind the sync's back.
pub(crate) async fn store(journey: &Journey, account: &str, media: Vec<StoredMedia>) {
    let app = journey.world.app("test");
    let writes = media
        .iter()
        .map(|media| app.table.write_media(account, media));
    let written: Vec<_> = stream::iter(writes).buffer_unordered(32).collect().await;
    assert!(written.iter().all(|written| matches!(written, Ok(true))));
}

#[tokio::test]
async fn a_filter_that_matches_few_costs_each_page_a_bounded_number_of_queries() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let first = journey.world.now() - SignedDuration::from_hours(24 * 365);
    let at = |number: i64| first + SignedDuration::from_mins(number);
    let mut media: Vec<StoredMedia> = (1..4_600_u64)
        .zip(1..)
        .map(|(number, minute)| stored_media(number, MediaKind::Image, at(minute)))
        .collect();
    media.push(stored_media(9_001, MediaKind::Reel, at(0)));
    media.push(stored_media(9_002, MediaKind::Reel, at(4_700)));
    store(&journey, &id, media).await;

    let base = format!("/instagram/accounts/{id}/media?source=stored&kind=reel&limit=1");
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        journey.world.aws.clear_calls();
        let page = get(&journey, &format!("{base}{cursor}")).await;
        let calls = journey.world.aws.calls();
        let queries = calls.iter().filter(|call| call.operation == "Query");
        assert!(queries.count() <= 10, "page {pages}");
        pages += 1;
        let media = page["media"].as_array().unwrap();
        found.extend(media.iter().map(|media| media["id"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ["9002", "9001"]);
    assert!((2..=5).contains(&pages), "{pages} pages");
    journey.finish().await;
}

#[tokio::test]
async fn many_who_ask_for_one_page_cost_one_call_and_are_told_its_age() {
    let (journey, id) = with_history(BAKER, 30).await;
    journey.world.instagram.clear_calls();
    let path = format!("/instagram/accounts/{id}/media");
    let replies = join_all((0..20).map(|_| ask(&journey, "GET", &path, None))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let bodies: Vec<Value> = replies.iter().map(Reply::json).collect();
    assert!(
        bodies
            .iter()
            .all(|body| body["media"] == bodies[0]["media"])
    );
    let missed = replies
        .iter()
        .filter(|reply| reply.header("x-cache") == Some("miss"));
    assert_eq!(missed.count(), 1);
    assert_eq!(journey.world.instagram.calls().len(), 1, "no stampede");
    journey.world.clock.advance(SignedDuration::from_secs(40));
    let later = ask(&journey, "GET", &path, None).await;
    assert_eq!(later.header("age"), Some("40"));
    assert_eq!(later.header("x-cache"), Some("hit"));
    journey.world.clock.advance(SignedDuration::from_secs(21));
    let anew = ask(&journey, "GET", &path, None).await;
    assert_eq!(anew.header("age"), Some("0"));
    assert_eq!(anew.header("x-cache"), Some("miss"));

    // An answer that fails is not kept, and whoever comes next asks anew.
    journey.world.clock.advance(SignedDuration::from_mins(2));
    journey
        .world
        .instagram
        .add_fault(Fault::new(FaultKind::Html502).at("GET /{ig_id}/media"));
    assert_eq!(ask(&journey, "GET", &path, None).await.status, 502);
    journey.world.instagram.clear_faults();
    assert_eq!(ask(&journey, "GET", &path, None).await.status, 200);
    journey.finish().await;
}

#[tokio::test]
async fn what_is_no_id_of_a_comment_is_no_comment() {
    let (journey, id) = with_history(BAKER, 10).await;
    let path = format!("/instagram/accounts/{id}/media/17895000000000001/comments/abc/replies");
    let call = HttpCall::get(&path).as_user(ANN.user, ANN.company, "viewer");
    let reply = journey.call(&journey.media, call).await;
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (404, &"comment_not_found".into())
    );
    journey.finish().await;
}

#[tokio::test]
async fn one_media_with_its_items_comments_and_replies() {
    let (journey, id) = with_history(BAKER, 60).await;
    let base = format!("/instagram/accounts/{id}");
    let list = get(&journey, &format!("{base}/media?limit=100")).await;
    let media = list["media"].as_array().unwrap().clone();
    let album = media
        .iter()
        .find(|media| media["kind"] == "carousel")
        .unwrap();
    let path = format!("{base}/media/{}", album["id"].as_str().unwrap());
    assert_eq!(&get(&journey, &path).await, album);
    let children = get(&journey, &format!("{path}/children")).await;
    assert_eq!(children["children"], album["children"]);

    let commented = media
        .iter()
        .find(|media| media["commentsCount"] == 3)
        .unwrap();
    let path = format!("{base}/media/{}", commented["id"].as_str().unwrap());
    let comments = get(&journey, &format!("{path}/comments")).await;
    let comments = comments["comments"].as_array().unwrap().clone();
    assert_eq!(comments.len(), 2, "the third is a reply");
    let replies = get(
        &journey,
        &format!(
            "{path}/comments/{}/replies",
            comments[1]["id"].as_str().unwrap()
        ),
    )
    .await;
    assert_eq!(replies["comments"][0]["parentId"], comments[1]["id"]);

    let off = ask(
        &journey,
        "PATCH",
        &path,
        Some(json!({"commentsEnabled": false})),
    )
    .await;
    assert_eq!(off.json()["commentsEnabled"], false, "{}", off.text());
    assert_eq!(get(&journey, &path).await["commentsEnabled"], false);
    for (method, body) in [("PATCH", Some(json!({"caption": "New"}))), ("DELETE", None)] {
        let refused = ask(&journey, method, &path, body).await;
        assert_eq!(refused.status, 422, "{method}");
        assert_eq!(refused.json()["code"], "not_supported_by_platform");
    }
    let nothing = ask(&journey, "PATCH", &path, Some(json!({}))).await;
    assert_eq!(nothing.json()["code"], "nothing_to_change");
    for bad in ["1x", "me", "..%2F1"] {
        let path = format!("{base}/media/{bad}");
        assert_eq!(ask(&journey, "GET", &path, None).await.status, 404, "{bad}");
    }

    let stories = get(&journey, &format!("{base}/stories")).await;
    assert_eq!(stories["media"].as_array().unwrap().len(), 3);
    let tagged = get(&journey, &format!("{base}/tags")).await;
    assert_eq!(tagged["media"][0]["username"], "a.happy.guest");
    let next = tagged["nextCursor"].as_str().unwrap();
    let end = get(&journey, &format!("{base}/tags?cursor={next}")).await;
    assert_eq!(end, json!({"media": [], "nextCursor": null}));
    journey.finish().await;
}

#[tokio::test]
async fn figures_by_time_are_those_of_the_days_and_what_is_missing_is_a_gap() {
    let (journey, id) = with_history(BAKER, 40).await;
    let base = format!("/instagram/accounts/{id}");
    let path =
        format!("{base}/insights?metrics=impressions,reach&since=2026-09-30&until=2026-11-20");
    let by_day = get(&journey, &path).await;
    assert_eq!(by_day["series"][0]["metric"], "views");
    let note = by_day["notes"][0]["message"].as_str().unwrap();
    assert!(note.contains("`views` took its place"), "{note}");
    let points = by_day["series"][1]["points"].as_array().unwrap();
    assert_eq!(points.len(), 52);
    // Forty days of history: what was before is a gap.
    assert_eq!(points[0]["value"], Value::Null);
    assert!(points[51]["value"].as_u64().unwrap() > 0);
    let by_month = get(&journey, &format!("{path}&granularity=month")).await;
    let november: u64 = points
        .iter()
        .filter(|point| point["start"].as_str().unwrap() >= "2026-11-01")
        .filter_map(|point| point["value"].as_u64())
        .sum();
    let months = by_month["series"][1]["points"].as_array().unwrap();
    assert_eq!(months.last().unwrap()["value"], november);

    // A metric that nobody has stored yet is asked for: here a day that the sync has not seen.
    journey.world.clock.advance(SignedDuration::from_hours(24));
    let live = get(
        &journey,
        &format!("{base}/insights?metrics=reach&since=2026-11-21&until=2026-11-21"),
    )
    .await;
    assert!(live["series"][0]["points"][0]["value"].is_u64(), "{live}");
    for (bad, code) in [
        ("metrics=invented", "unknown_metric"),
        ("since=2026-11-21&until=2026-11-20", "invalid_days"),
        ("since=2020-01-01&until=2026-11-20", "invalid_days"),
        ("since=today", "invalid_day"),
        ("granularity=hour", "invalid_granularity"),
    ] {
        let path = format!("{base}/insights?{bad}");
        let refused = ask(&journey, "GET", &path, None).await;
        assert_eq!(refused.json()["code"], code, "{bad}");
    }
    journey.finish().await;
}

#[tokio::test]
async fn audience_best_times_top_media_and_stories() {
    let (journey, id) = with_history(BAKER, 200).await;
    let base = format!("/instagram/accounts/{id}");
    let who = get(&journey, &format!("{base}/demographics")).await;
    assert_eq!(who["breakdowns"]["country"][0]["value"], "DE");
    assert_eq!(who["breakdowns"].as_object().unwrap().len(), 4);
    let online = get(&journey, &format!("{base}/online-followers")).await;
    assert_eq!(online["hours"].as_array().unwrap().len(), 24);
    let best = get(&journey, &format!("{base}/best-times?since=2026-05-01")).await;
    assert!(best["basedOn"].as_u64().unwrap() > 150, "{best}");
    let slots = best["best"].as_array().unwrap();
    assert!(
        slots
            .windows(2)
            .all(|pair| pair[0]["score"].as_f64() >= pair[1]["score"].as_f64())
    );
    let top = get(
        &journey,
        &format!("{base}/top-media?by=reach&limit=5&since=2026-05-01"),
    )
    .await;
    let values: Vec<f64> = top["media"]
        .as_array()
        .unwrap()
        .iter()
        .map(|media| media["value"].as_f64().unwrap())
        .collect();
    assert_eq!(values.len(), 5);
    assert!(values.is_sorted_by(|one, other| one >= other));
    assert!(top["meanEngagementRate"].is_number());
    let one = top["media"][0]["mediaId"].as_str().unwrap();
    let figures = get(
        &journey,
        &format!("{base}/media/{one}/insights?metrics=plays,reach"),
    )
    .await;
    assert_eq!(figures["figures"]["reach"].as_f64(), Some(values[0]));
    assert_eq!(figures["notes"][0]["metric"], "plays");
    let stories = get(&journey, &format!("{base}/stories/insights")).await;
    assert_eq!(stories["stories"].as_array().unwrap().len(), 3);
    assert!(stories["stories"][0]["figures"]["reach"].is_u64());
    let competitor = ask(
        &journey,
        "GET",
        &format!("{base}/competitors?username=x"),
        None,
    )
    .await;
    assert_eq!(competitor.status, 422);
    assert_eq!(competitor.json()["code"], "facebook_login_required");

    journey.finish().await;
}

#[tokio::test]
async fn all_accounts_together_are_the_sum_of_each() {
    let (journey, first) = with_history(BAKER, 90).await;
    let second = connect(&journey, "second.baker", 60).await;
    let all = get(&journey, "/analytics").await;
    let accounts = all["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 2);
    let reach = |value: &Value| value["totals"]["reach"]["value"].as_u64().unwrap();
    assert_eq!(reach(&all), accounts.iter().map(reach).sum::<u64>());
    let of_series = |of: &Value| -> u64 {
        let series = of["series"].as_array().unwrap();
        let found = series.iter().find(|one| one["metric"] == "reach").unwrap();
        let points = found["points"].as_array().unwrap();
        points
            .iter()
            .filter_map(|point| point["value"].as_u64())
            .sum()
    };
    assert_eq!(of_series(&all), reach(&all));
    assert!(all["totals"]["reach"]["change"].is_number());
    let days = |of: &str| all["totals"]["reach"][of].as_u64().unwrap();
    assert_eq!((days("days"), days("previousDays")), (56, 56), "{all}");
    assert_eq!(days("comparedDays"), 56);
    assert_eq!(all["topMedia"].as_array().unwrap().len(), 10);
    let one = get(&journey, &format!("/analytics/instagram?accountId={first}")).await;
    assert_eq!(one["accounts"].as_array().unwrap().len(), 1);
    let both = get(
        &journey,
        &format!("/analytics/comparison?accounts={second},{first},{second}"),
    )
    .await;
    assert_eq!(both["accounts"][0]["accountId"], second.as_str());
    assert_eq!(both["accounts"].as_array().unwrap().len(), 2);
    let alone = ask(
        &journey,
        "GET",
        &format!("/analytics/comparison?accounts={first}"),
        None,
    )
    .await;
    assert_eq!(alone.json()["code"], "invalid_comparison");

    let top = all["topMedia"][0].clone();
    let (account, media) = (
        top["accountId"].as_str().unwrap(),
        top["mediaId"].as_str().unwrap(),
    );
    let path = format!("/instagram/accounts/{account}/media/{media}/investment");
    assert_eq!(
        ask(&journey, "GET", &path, None).await.json()["code"],
        "investment_not_found"
    );
    for spend in [100.0, 120.5] {
        let body = json!({"spend": spend, "revenue": 480, "currency": "EUR", "clicks": 341});
        let kept = ask(&journey, "PUT", &path, Some(body)).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
    }
    assert_eq!(get(&journey, &path).await["returnOnInvestment"], 2.983402);
    let report = get(&journey, "/analytics/investments").await;
    assert_eq!(report["accounts"][0]["spend"], 120.5);
    assert_eq!(report["clients"][0]["id"], "");
    for body in [
        json!({"spend": -1, "revenue": 0, "currency": "EUR"}),
        json!({"spend": 1, "revenue": 0, "currency": "euro"}),
    ] {
        assert_eq!(ask(&journey, "PUT", &path, Some(body)).await.status, 400);
    }
    journey.finish().await;
}

#[tokio::test]
async fn what_is_gone_is_not_found_and_what_an_outage_hides_may_be_there() {
    let (journey, id) = with_history(BAKER, 30).await;
    let base = format!("/instagram/accounts/{id}");
    let list = get(&journey, &format!("{base}/media?limit=1")).await;
    let media = list["media"][0]["id"].as_str().unwrap().to_owned();
    let stories = get(&journey, &format!("{base}/stories")).await;
    let story = stories["media"][0]["id"].as_str().unwrap().to_owned();
    let routes = |id: &str| {
        let path = format!("{base}/media/{id}");
        let parts = ["children", "comments", "insights"].map(|part| format!("{path}/{part}"));
        [vec![path], parts.to_vec()].concat()
    };
    let answers = async |id: &str| -> Vec<(u16, String)> {
        let mut answers = Vec::new();
        for path in routes(id) {
            let reply = ask(&journey, "GET", &path, None).await;
            let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
            answers.push((reply.status, code));
        }
        answers
    };
    // Deleted in Instagram's app: until a sync has looked, nobody can tell that from an outage.
    journey
        .world
        .instagram
        .remove_media(std::slice::from_ref(&media));
    let outage = (502, "not_found_or_no_access".to_owned());
    assert_eq!(answers(&media).await, vec![outage.clone(); 4]);
    journey.advance(SignedDuration::from_hours(25)).await;
    let gone = (404, "media_not_found".to_owned());
    assert_eq!(answers(&media).await, vec![gone.clone(); 4]);
    let off = Some(json!({"commentsEnabled": false}));
    let changed = ask(&journey, "PATCH", &format!("{base}/media/{media}"), off).await;
    assert_eq!(changed.status, 404);
    // A story that is over is gone by itself.
    assert_eq!(answers(&story).await, vec![gone; 4]);
    assert_eq!(answers("17899999999999999").await, vec![outage; 4]);
    journey.finish().await;
}

#[tokio::test]
async fn an_account_that_was_disconnected_while_it_was_blocked_is_to_be_connected_anew() {
    let (journey, id) = with_history(BAKER, 5).await;
    let app = journey.world.app("test");
    let now = journey.world.now();
    let changed = app.table.update_account(&id, now, |record| {
        record.rate.blocked_until = Some(now + SignedDuration::from_hours(24));
        true
    });
    assert!(changed.await.unwrap().is_some());
    let path = format!("/instagram/accounts/{id}");
    let as_admin =
        |method, path: &str| HttpCall::new(method, path).as_user(ANN.user, ANN.company, "admin");
    let call = as_admin("POST", &format!("{path}/disconnect"));
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    for (method, of, function) in [
        ("POST", "sync", &journey.accounts),
        ("GET", "media", &journey.media),
        ("GET", "demographics", &journey.insights),
    ] {
        let call = as_admin(method, &format!("{path}/{of}"));
        let reply = journey.call(function, call).await;
        assert_eq!(reply.status, 409, "{of}");
        assert_eq!(reply.json()["code"], "account_not_connected", "{of}");
    }
    journey.finish().await;
}

#[tokio::test]
async fn whether_a_media_that_is_not_found_is_gone_is_looked_up_once_in_a_while() {
    let (journey, id) = with_history(BAKER, 5).await;
    let path = format!("/instagram/accounts/{id}/media/17890000000000404");
    let queries = || {
        let calls = journey.world.aws.calls();
        let of_media = calls.iter().filter(|call| call.operation == "Query");
        of_media.count()
    };
    let before = queries();
    for route in ["", "/children", "/comments"] {
        let reply = ask(&journey, "GET", &format!("{path}{route}"), None).await;
        assert_eq!(reply.status, 502, "{route}");
    }
    assert_eq!(queries() - before, 1);
    journey.finish().await;
}
