//! Whose an event is where an Instagram account went from one account to another, or came back.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::table::{keys, text};
use shared::webhooks::Event;
use world::World;
use world::gateway::HttpCall;
use world::resources::TABLE;

use crate::fixture::{COMPANY, Fixture, ID, IG, comment};

const OTHER_ID: &str = "00000000-0000-4000-8000-000000000002";
const OTHER_COMPANY: &str = "bolt";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn replay(fixture: &Fixture, dry_run: bool) -> Value {
    let body = json!({
        "from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z", "dryRun": dry_run,
    });
    let call = HttpCall::post(&format!("/instagram/accounts/{ID}/events/replay"));
    let reply = fixture.ask(call.json(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Keeps an event of the account that no version so far understood, and puts an item in its place that this one does.
async fn misunderstood(fixture: &Fixture) {
    let mut body = comment(IG, "1", "Nice");
    let told = body["entry"][0]["changes"][0].clone();
    body["entry"][0]["changes"][0]["value"]["id"] = Value::Null;
    let kept = body["entry"][0]["changes"][0].to_string();
    fixture.deliver(&body).await;
    fixture.work().await;
    let update = fixture.world.clients.dynamodb.update_item();
    let id = Event::id_of_unreadable(IG, &kept);
    update
        .table_name(TABLE)
        .set_key(Some(keys::event(ID, &id).into_item()))
        .condition_expression("#state = :unreadable")
        .update_expression("SET delivered.#item.#text = :told")
        .expression_attribute_names("#state", "state")
        .expression_attribute_names("#item", "item")
        .expression_attribute_names("#text", "text")
        .expression_attribute_values(":unreadable", text("unreadable"))
        .expression_attribute_values(":told", text(told.to_string()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn e18_what_a_replay_understands_is_of_the_account_that_it_was_told_of() {
    for others in [false, true] {
        let fixture = Fixture::start().await;
        misunderstood(&fixture).await;
        let day = fixture.get("/events/health").await["days"][0].clone();
        assert_eq!((&day["byPush"], &day["unreadable"]), (&json!(1), &json!(1)));
        fixture.release(ID).await;
        fixture.world.clock.advance(MINUTE);
        if others {
            fixture.connect(OTHER_ID, IG, OTHER_COMPANY).await;
        }

        let one = json!({"events": 1, "changed": 1, "failed": 0, "nextCursor": null});
        assert_eq!(replay(&fixture, true).await, one);
        assert_eq!(replay(&fixture, false).await, one);
        let table = &fixture.world.app("seed").table;
        assert!(table.comment(ID, "1").await.unwrap().is_some());
        assert_eq!(fixture.state(OTHER_ID).await, []);
        assert_eq!(fixture.announced().await.len(), 1);
        let told = fixture.world.aws.bus_events().remove(0);
        let told: Value = serde_json::from_str(&told.detail).unwrap();
        assert_eq!(
            (&told["accountId"], &told["company"]),
            (&json!(ID), &json!(COMPANY))
        );
        // It is counted as what it is, and once.
        let day = fixture.get("/events/health").await["days"][0].clone();
        assert_eq!((&day["byPush"], &day["unreadable"]), (&json!(1), &json!(0)));
        assert_eq!(replay(&fixture, false).await["changed"], 0);
        assert_eq!(fixture.announced().await.len(), 1);
        fixture.finish().await;
    }
}

#[tokio::test]
async fn e18_what_was_told_before_a_connection_is_not_of_that_connection() {
    let fixture = Fixture::start().await;
    // It waits on the queue, or among the dead letters, while its account goes.
    fixture.deliver(&comment(IG, "1", "canary-of-before")).await;
    fixture.release(ID).await;
    fixture.world.clock.advance(MINUTE);
    fixture.connect(OTHER_ID, IG, OTHER_COMPANY).await;
    fixture.work().await;
    // And what Meta could not deliver before, it sends again for a day and a half.
    fixture.deliver(&comment(IG, "2", "canary-of-before")).await;
    fixture.work().await;
    for id in [ID, OTHER_ID] {
        assert_eq!(fixture.records(id, &["EVENT", "COMMENT"]).await, [], "{id}");
    }
    assert_eq!(fixture.announced().await.len(), 0);
    let logs = World::logs();
    let dropped = logs
        .iter()
        .filter(|line| line.contains("before_connection"));
    assert!(dropped.count() >= 2);

    let mut body = comment(IG, "3", "Nice");
    body["entry"][0]["time"] = fixture.world.now().as_second().into();
    fixture
        .world
        .clock
        .advance(SignedDuration::from_millis(1300));
    fixture.deliver(&body).await;
    fixture.work().await;
    assert_eq!(fixture.state(OTHER_ID).await.len(), 1);
    fixture.finish().await;
}
