//! Order and repetition, through queue and table: what [`webhooks`]'s own tests show of the pure step.

use serde_json::json;

use crate::fixture::{Fixture, ID, IG, comment, item, messaging};

const AT: i64 = 1_795_255_200_000;

fn conversation() -> Vec<serde_json::Value> {
    vec![
        item(
            false,
            AT,
            "message",
            json!({"mid": "m-1", "text": "Is it open?"}),
        ),
        item(
            false,
            AT + 10,
            "message_edit",
            json!({"mid": "m-1", "text": "Is it open today?", "num_edit": "1"}),
        ),
        item(
            true,
            AT + 20,
            "message",
            json!({"mid": "m-2", "text": "Yes.", "is_echo": true}),
        ),
        item(
            false,
            AT + 30,
            "reaction",
            json!({"mid": "m-2", "action": "react", "reaction": "love", "emoji": "❤️"}),
        ),
        item(false, AT + 40, "read", json!({"mid": "m-2"})),
        item(
            false,
            AT + 50,
            "message",
            json!({"mid": "m-3", "text": "Oh."}),
        ),
        item(
            false,
            AT + 60,
            "message",
            json!({"mid": "m-3", "is_deleted": true}),
        ),
    ]
}

#[tokio::test]
async fn e13_e15_deliveries_in_any_order_and_twice_end_the_same() {
    let mut ends = Vec::new();
    for turn in 0..4 {
        let fixture = Fixture::start().await;
        let mut items = conversation();
        let length = items.len();
        items.rotate_left(turn * 2 % length);
        if turn % 2 == 1 {
            items.reverse();
        }
        for item in &items {
            fixture
                .deliver(&messaging(IG, std::slice::from_ref(item)))
                .await;
            fixture.work().await;
        }
        // All of it once more, in one delivery.
        fixture.deliver(&messaging(IG, &items)).await;
        fixture.work().await;
        ends.push(fixture.state(ID).await);
        let events = fixture.get("/events?limit=100").await;
        let events = events["events"].as_array().unwrap();
        assert_eq!(events.len(), 7);
        assert!(events.iter().all(|event| event["deliveries"] == 2));
        let day = &fixture.get("/events/health").await["days"][0];
        assert_eq!((&day["byPush"], &day["duplicates"]), (&json!(7), &json!(7)));
        fixture.finish().await;
    }
    assert_eq!(
        ends[0].len(),
        4,
        "a conversation and three messages: {:#?}",
        ends[0]
    );
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:#?}");
}

#[tokio::test]
async fn e14_the_same_message_twice_in_one_delivery_is_one_event() {
    let fixture = Fixture::start().await;
    let item = item(false, AT, "message", json!({"mid": "m-1", "text": "Hello"}));
    fixture.deliver(&messaging(IG, &[item.clone(), item])).await;
    fixture.work().await;
    let events = fixture.get("/events").await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert_eq!(events["events"][0]["deliveries"], 2);
    fixture.finish().await;
}

#[tokio::test]
async fn g01_a_message_that_the_queue_delivers_twice_is_no_duplicate() {
    let fixture = Fixture::start().await;
    fixture.deliver(&comment(IG, "1789", "Nice")).await;
    let body = fixture.world.aws.messages("events").pop().unwrap();
    fixture.work().await;
    let again = fixture.world.clients.sqs.send_message();
    let again = again.queue_url(&fixture.world.resources.event_queue_url);
    again.message_body(body).send().await.unwrap();
    fixture.work().await;
    let day = &fixture.get("/events/health").await["days"][0];
    assert_eq!((&day["byPush"], &day["duplicates"]), (&json!(1), &json!(0)));
    fixture.finish().await;
}
