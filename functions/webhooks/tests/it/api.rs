//! The API's routes: the list, its health, and the replay.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::table::{Condition, keys, text};
use world::gateway::HttpCall;

use crate::fixture::{Fixture, ID, IG, comment, item, messaging};

const AT: i64 = 1_795_255_200_000;

async fn with_events() -> Fixture {
    let fixture = Fixture::start().await;
    let message = |number: i64| {
        item(
            false,
            AT + number * 1000,
            "message",
            json!({"mid": format!("m-{number}")}),
        )
    };
    fixture
        .deliver(&messaging(IG, &[message(2), message(1), message(3)]))
        .await;
    fixture.deliver(&comment(IG, "1", "Nice")).await;
    fixture.work().await;
    fixture
}

fn ids(list: &Value) -> Vec<String> {
    let events = list["events"].as_array().unwrap().iter();
    events
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_list_is_paged_by_time_and_filtered_by_kind() {
    let fixture = with_events().await;
    let all = ids(&fixture.get("/events").await);
    assert_eq!(all.len(), 4);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = fixture.get(&format!("/events?limit=1{cursor}")).await;
        paged.extend(ids(&page));
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, all);
    let messages = fixture.get("/events?kind=message").await;
    assert_eq!(ids(&messages), all[..3]);
    let times: Vec<_> = messages["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["occurredAt"].clone())
        .collect();
    assert_eq!(
        times,
        [
            "2026-11-21T10:00:03Z",
            "2026-11-21T10:00:02Z",
            "2026-11-21T10:00:01Z"
        ]
    );
    let span = "/events?from=2026-11-21T10:00:01Z&to=2026-11-21T10:00:03Z";
    assert_eq!(ids(&fixture.get(span).await), all[1..3]);
    for (query, code) in [
        ("kind=invented", "invalid_event_kind"),
        ("from=yesterday", "invalid_time"),
        ("limit=0", "invalid_limit"),
        ("cursor=x", "invalid_cursor"),
        ("sort=kind", "invalid_query"),
    ] {
        let call = HttpCall::get(&format!("/instagram/accounts/{ID}/events?{query}"));
        let reply = fixture.ask(call).await;
        assert_eq!(
            (reply.status, reply.json()["code"].clone()),
            (400, json!(code))
        );
    }
    fixture.finish().await;
}

#[tokio::test]
async fn a_page_ends_before_it_is_larger_than_an_answer_may_be() {
    let fixture = Fixture::start().await;
    // Half of them are quotes, which take two bytes each in the answer.
    let text = "\"x".repeat(90_000);
    let mut sent = Vec::new();
    for number in 0..10 {
        let message = json!({"mid": format!("m-{number}"), "text": text});
        sent.push(item(false, AT + number, "message", message));
    }
    for some in sent.chunks(5) {
        fixture.deliver(&messaging(IG, some)).await;
    }
    fixture.work().await;
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let target = format!("/instagram/accounts/{ID}/events?limit=100{cursor}");
        let reply = fixture.ask(HttpCall::get(&target)).await;
        // What Lambda is answered holds the body as text in JSON.
        let answer = json!({ "body": reply.text() }).to_string();
        assert!(answer.len() < 6_000_000, "{}", answer.len());
        let page = reply.json();
        found.extend(ids(&page));
        pages += 1;
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let every: BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), every.len()), (10, 10));
    assert!(pages > 1);
    fixture.finish().await;
}

#[tokio::test]
async fn a_filter_that_matches_little_does_not_read_everything() {
    let fixture = with_events().await;
    let table = &fixture.world.app("seed").table;
    // A page of the index is a mebibyte: three of these.
    for number in 0..30 {
        let mut large = keys::event(ID, &format!("large-{number}")).into_item();
        let position = keys::by_creation(fixture.world.now(), &format!("large-{number:02}"));
        for (name, value) in [
            ("index1pk", keys::events_partition(ID)),
            ("index1sk", position),
            ("id", format!("large-{number:02}")),
            ("kind", "unknown".to_owned()),
            ("searchText", "x".repeat(300_000)),
        ] {
            large.insert(name.to_owned(), text(value));
        }
        table.put_if(large, Condition::is_new()).await.unwrap();
    }
    fixture.world.aws.clear_calls();
    let page = fixture.get("/events?kind=comment").await;
    assert_eq!(ids(&page), [""; 0]);
    let calls = fixture.world.aws.calls().into_iter();
    let queries = calls.filter(|call| call.operation == "Query").count();
    assert!(queries <= 5, "{queries}");
    let (mut found, mut page) = (Vec::new(), page);
    while let Some(next) = page["nextCursor"].as_str() {
        let target = format!("/events?kind=comment&cursor={next}");
        page = fixture.get(&target).await;
        found.extend(ids(&page));
    }
    assert_eq!(found.len(), 1);
    fixture.finish().await;
}

#[tokio::test]
async fn i01_another_company_sees_and_replays_nothing() {
    let fixture = with_events().await;
    for (method, path) in [
        ("GET", "events"),
        ("GET", "events/health"),
        ("POST", "events/replay"),
    ] {
        let call = HttpCall::new(method, &format!("/instagram/accounts/{ID}/{path}"));
        let call = call.as_user("bob", "bolt", "admin").json(&json!({}));
        let reply = fixture.world.call(&fixture.function, &call).await.unwrap();
        assert_eq!(
            (reply.status, reply.json()["code"].clone()),
            (403, json!("account_of_another_company"))
        );
    }
    fixture.finish().await;
}

async fn replay(fixture: &Fixture, body: Value) -> Value {
    let call = HttpCall::post(&format!("/instagram/accounts/{ID}/events/replay")).json(&body);
    let reply = fixture.ask(call).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_replay_says_what_would_change_changes_it_and_changes_nothing_twice() {
    let fixture = with_events().await;
    let before = fixture.state(ID).await;
    let mut body =
        json!({"from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z", "dryRun": true});
    let nothing = json!({"events": 4, "changed": 0, "failed": 0, "nextCursor": null});
    assert_eq!(replay(&fixture, body.clone()).await, nothing);

    // A record that an accident took.
    let deleted = fixture.world.clients.dynamodb.delete_item();
    let key = shared::table::keys::comment(ID, "1").into_item();
    deleted
        .table_name("instagram")
        .set_key(Some(key))
        .send()
        .await
        .unwrap();
    let one = json!({"events": 4, "changed": 1, "failed": 0, "nextCursor": null});
    assert_eq!(replay(&fixture, body.clone()).await, one);
    assert_ne!(fixture.state(ID).await, before, "only said");
    body["dryRun"] = false.into();
    assert_eq!(replay(&fixture, body.clone()).await, one);
    assert_eq!(fixture.state(ID).await, before);
    assert_eq!(replay(&fixture, body.clone()).await, nothing);
    let day = &fixture.get("/events/health").await["days"][0];
    assert_eq!(
        (&day["byPush"], &day["duplicates"]),
        (&json!(4), &json!(0)),
        "a replay is no event"
    );

    for (from, to) in [
        ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("2026-11-23T00:00:00Z", "2026-11-22T00:00:00Z"),
    ] {
        let call = HttpCall::post(&format!("/instagram/accounts/{ID}/events/replay"));
        let reply = fixture
            .ask(call.json(&json!({"from": from, "to": to})))
            .await;
        assert_eq!(
            (reply.status, reply.json()["code"].clone()),
            (400, json!("invalid_span"))
        );
    }
    fixture.finish().await;
}

#[tokio::test]
async fn delays_and_order_are_told_by_day() {
    let fixture = Fixture::start().await;
    fixture.world.clock.advance(SignedDuration::from_secs(120));
    let message = |number: i64| {
        item(
            false,
            AT + number * 1000,
            "message",
            json!({"mid": format!("m-{number}")}),
        )
    };
    for number in [100, 20] {
        fixture.deliver(&messaging(IG, &[message(number)])).await;
        fixture.work().await;
    }
    let health = fixture.get("/events/health").await;
    assert_eq!(
        health["days"],
        json!([{
            "day": "2026-11-21", "byPush": 2, "byPoll": 0, "duplicates": 0, "outOfOrder": 1, "late": 1,
            "averageDelaySeconds": 60, "unreadable": 0,
        }])
    );
    assert_eq!(
        health["sentence"],
        "In the last 7 days Instagram told of 2 events; none came again and 1 of them came late."
    );
    assert_eq!(health["lastEventAt"], "2026-11-21T10:01:40Z");
    fixture.finish().await;
}
