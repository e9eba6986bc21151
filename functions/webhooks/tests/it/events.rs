//! What becomes of events: whose they are, and which records they make.

use aws_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::json;
use shared::table::event_pieces::LARGEST_WHOLE;
use shared::table::events::EventFilter;
use shared::tasks::Task;
use shared::webhooks::{Delivered, Envelope, Item, Source};
use world::World;

use crate::fixture::{Fixture, ID, IG, comment, item, messaging};

const OTHER_ID: &str = "00000000-0000-4000-8000-000000000002";
const OTHER_IG: &str = "17841400000000002";
/// The beginning of every world, seconds.
const AT: i64 = 1_795_255_200;

#[tokio::test]
async fn e16_e18_each_event_of_a_delivery_goes_to_its_own_account() {
    let fixture = Fixture::start().await;
    fixture.connect(OTHER_ID, OTHER_IG, "bolt").await;
    let mut body = comment(IG, "1", "For the bakery");
    let other = comment(OTHER_IG, "2", "For the museum")["entry"][0].clone();
    body["entry"].as_array_mut().unwrap().push(other);
    fixture.deliver(&body).await;
    fixture.work().await;
    let table = &fixture.world.app("seed").table;
    for (id, own, others) in [(ID, "1", "2"), (OTHER_ID, "2", "1")] {
        assert!(table.comment(id, own).await.unwrap().is_some());
        assert!(table.comment(id, others).await.unwrap().is_none());
        let account = table.account(id).await.unwrap().unwrap();
        assert_eq!(
            account.last_event_at.unwrap().to_string(),
            "2026-11-21T10:00:00Z"
        );
    }
    fixture.finish().await;
}

#[tokio::test]
async fn e17_e20_an_event_of_nobody_is_counted_and_dropped() {
    let fixture = Fixture::start().await;
    let before = fixture.world.aws.table_counts().await;
    // The dashboard's test button, a stranger, and an account that was disconnected.
    fixture.release(ID).await;
    let large = format!("canary-of-nobodys-comment {}", "x".repeat(LARGEST_WHOLE));
    for id in ["0", "17849999999999999", IG] {
        for text in ["canary-of-nobodys-comment", &large] {
            fixture.deliver(&comment(id, "1", text)).await;
        }
    }
    fixture.work().await;
    assert_eq!(fixture.world.aws.table_counts().await, before);
    let logs = World::logs();
    assert!(
        !logs
            .iter()
            .any(|line| line.contains("canary-of-nobodys-comment"))
    );
    assert!(
        logs.iter()
            .filter(|line| line.contains("unknown_account"))
            .count()
            >= 3
    );
    fixture.finish().await;
}

#[tokio::test]
async fn e18_a_large_event_is_erased_with_its_own_account() {
    let fixture = Fixture::start().await;
    let table = fixture.world.app("seed").table.clone();
    let large = comment(IG, "1", &"x".repeat(LARGEST_WHOLE));
    fixture.deliver(&large).await;
    fixture.work().await;
    fixture.release(ID).await;
    fixture.connect(OTHER_ID, IG, "bolt").await;
    fixture.deliver(&large).await;
    fixture.work().await;
    let text_of = async |account: &str| {
        let filter = EventFilter::default();
        let now = fixture.world.now();
        let page = table.events_of_account(account, &filter, 2, None, now);
        let event = page.await.unwrap().events.pop()?;
        let item = &event.delivered.item;
        table.text_of_item(account, item).await.unwrap()
    };
    let (of_first, of_second) = (text_of(ID).await, text_of(OTHER_ID).await);
    assert!(of_first.is_some() && of_first == of_second);
    let mut walk = table.walk_over(ID, &[IG.to_owned()]).await.unwrap();
    while let Some(keys) = table.next_belongings(&mut walk).await.unwrap() {
        table.remove_all(keys).await.unwrap();
    }
    assert_eq!(
        (text_of(ID).await, text_of(OTHER_ID).await),
        (None, of_second)
    );
    fixture.finish().await;
}

#[tokio::test]
async fn e21_the_accounts_own_messages_are_kept_as_its_own() {
    let fixture = Fixture::start().await;
    let at = 1_795_255_200_000;
    let echo = json!({"mid": "m-1", "text": "Yes.", "is_echo": true});
    let own = json!({"mid": "m-2", "text": "Note to self", "is_echo": true, "is_self": true});
    let to_self =
        json!({"sender": {"id": IG}, "recipient": {"id": IG}, "timestamp": at, "message": own});
    fixture
        .deliver(&messaging(IG, &[item(true, at, "message", echo), to_self]))
        .await;
    fixture.work().await;
    let table = &fixture.world.app("seed").table;
    for mid in ["m-1", "m-2"] {
        let message = table.message(ID, mid).await.unwrap().unwrap();
        assert_eq!(message.by_account, Some(true), "{mid}");
    }
    let thread = table.thread(ID, "9990001").await.unwrap().unwrap();
    assert!(thread.last_message_at.is_some() && thread.last_message_of_person_at.is_none());
    let kinds = fixture.get("/events?kind=message_echo").await;
    assert_eq!(kinds["events"].as_array().unwrap().len(), 2);
    fixture.finish().await;
}

#[tokio::test]
async fn figures_of_a_story_are_kept_and_what_is_too_few_is_no_figure() {
    let fixture = Fixture::start().await;
    let body = |time: i64, reach: i64| {
        let value = json!({"media_id": "18023", "reach": reach, "replies": -1, "taps_forward": 12});
        json!({"object": "instagram", "entry": [
            {"id": IG, "time": time, "changes": [{"field": "story_insights", "value": value}]},
        ]})
    };
    fixture.deliver(&body(1_795_255_260, 17)).await;
    fixture.deliver(&body(1_795_255_200, 9)).await;
    fixture.work().await;
    let story = fixture
        .world
        .app("seed")
        .table
        .story_metrics(ID, "18023")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        story.metrics,
        [("reach".to_owned(), 17), ("taps_forward".to_owned(), 12)].into()
    );
    fixture.finish().await;
}

#[tokio::test]
async fn e22_a_time_that_lies_ahead_wins_over_nothing() {
    let fixture = Fixture::start().await;
    let now = fixture.world.now().as_millisecond();
    let far = now + 40 * 365 * 24 * 3_600_000;
    let edit = |at: i64, number: u64, text: &str| {
        item(
            false,
            at,
            "message_edit",
            json!({"mid": "m-1", "text": text, "num_edit": number}),
        )
    };
    fixture
        .deliver(&messaging(
            IG,
            &[edit(far, 1, "from the future"), edit(now, 2, "now")],
        ))
        .await;
    fixture.work().await;
    let table = &fixture.world.app("seed").table;
    let message = table.message(ID, "m-1").await.unwrap().unwrap();
    assert_eq!(message.edit.unwrap().text.as_deref(), Some("now"));
    let thread = table.thread(ID, "9990001").await.unwrap().unwrap();
    assert_eq!(thread.last_event_at.unwrap().as_millisecond(), now);
    fixture.finish().await;
}

#[tokio::test]
async fn an_event_that_only_a_poll_found_is_counted_as_such_and_one_that_came_before_is_not() {
    let fixture = Fixture::start().await;
    fixture.deliver(&comment(IG, "1", "Told")).await;
    let mut found = fixture.queued().pop().unwrap();
    fixture.work().await;
    found.source = Source::Poll;
    let app = fixture.world.app("seed");
    for (number, id) in ["1", "2"].into_iter().enumerate() {
        let change = comment(IG, id, "Told")["entry"][0]["changes"][0].to_string();
        found.item = shared::webhooks::Item::Text(change);
        found.delivery = format!("poll-{number}");
        let task = Task::HandleEvent {
            delivered: Box::new(found.clone()),
        };
        app.event_queue.send_all([task].into_iter()).await.unwrap();
    }
    fixture.work().await;
    let health = fixture.get("/events/health").await;
    let day = &health["days"][0];
    assert_eq!(
        (&day["byPush"], &day["byPoll"], &day["duplicates"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(
        health["sentence"],
        "In the last 7 days Instagram told of 1 event; none came again and none came late. 1 event more were only found by asking."
    );
    fixture.finish().await;
}

#[tokio::test]
async fn h12_an_event_is_gone_after_thirty_days_and_its_records_stay() {
    let fixture = Fixture::start().await;
    fixture.deliver(&comment(IG, "1", "Nice")).await;
    fixture.work().await;
    fixture
        .world
        .clock
        .advance(SignedDuration::from_hours(30 * 24 + 1));
    assert_eq!(fixture.get("/events").await["events"], json!([]));
    // E13: the same after its time is over is an event like any other, and changes nothing.
    let before = fixture.state(ID).await;
    fixture.world.aws.sweep_expired_items().await;
    fixture.deliver(&comment(IG, "1", "Nice")).await;
    fixture.work().await;
    assert_eq!(fixture.state(ID).await, before);
    assert_eq!(fixture.announced().await.len(), 1);
    assert_eq!(fixture.world.aws.bus_events().len(), 1, "told again");
    fixture.finish().await;
}

#[tokio::test]
async fn e13_what_has_no_time_and_comes_again_after_weeks_is_announced_under_its_first_name() {
    let fixture = Fixture::start().await;
    let mut body = comment(IG, "1", "Nice");
    body["entry"][0].as_object_mut().unwrap().remove("time");
    for _ in 0..2 {
        fixture.deliver(&body).await;
        fixture.work().await;
        let month = SignedDuration::from_hours(30 * 24 + 1);
        fixture.world.clock.advance(month);
        fixture.world.aws.sweep_expired_items().await;
    }
    assert_eq!(fixture.announced().await.len(), 1);
    assert_eq!(fixture.world.aws.bus_events().len(), 2);
    fixture.finish().await;
}

#[tokio::test]
async fn a_comment_ends_the_same_whether_meta_or_a_poll_tells_of_it_first() {
    let mut ends = Vec::new();
    for poll_first in [false, true] {
        let fixture = Fixture::start().await;
        fixture.world.clock.advance(SignedDuration::from_mins(90));
        let mut told = comment(IG, "1", "Nice");
        told["entry"][0]["time"] = (AT + 5).into();
        let value = &mut told["entry"][0]["changes"][0]["value"];
        value["parent_id"] = "17870000000000009".into();
        value["media"]["ad_id"] = "23850000000000001".into();
        let mut found = comment(IG, "1", "Nice")["entry"][0]["changes"][0].clone();
        found["value"]["timestamp"] = AT.into();
        let delivered = Delivered {
            instagram_id: IG.to_owned(),
            envelope: Envelope::Changes,
            sent_at: None,
            received_at: fixture.world.now(),
            source: Source::Poll,
            delivery: "poll-0".to_owned(),
            item: Item::Text(found.to_string()),
        };
        let task = Task::HandleEvent {
            delivered: Box::new(delivered),
        };
        for poll in [poll_first, !poll_first] {
            if poll {
                let queue = fixture.world.app("seed").event_queue.clone();
                queue.send_all([task.clone()].into_iter()).await.unwrap();
            } else {
                fixture.deliver(&told).await;
            }
            fixture.work().await;
        }
        let state = fixture.state(ID).await;
        assert_eq!(state[0].1["ad"], "23850000000000001");
        assert_eq!(state[0].1["at"], "2026-11-21T10:00:00Z");
        let event = &fixture.get("/events").await["events"][0];
        let item = event["item"].as_str().unwrap();
        assert!(item.contains("17870000000000009"), "{item}");
        let day = &fixture.get("/events/health").await["days"][0];
        let expected = if poll_first { [0, 1, 1] } else { [1, 0, 0] };
        let counted = ["byPush", "byPoll", "duplicates"].map(|name| day[name].as_u64());
        assert_eq!(counted, expected.map(Some));
        ends.push(state);
        fixture.finish().await;
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn an_event_that_comes_very_often_is_counted_and_its_record_stays_small() {
    let fixture = Fixture::start().await;
    for _ in 0..60 {
        fixture.deliver(&comment(IG, "1", "Nice")).await;
    }
    fixture.work().await;
    let (_, record) = fixture.records(ID, &["EVENT#"]).await.remove(0);
    assert_eq!(record["deliveries"].as_array().unwrap().len(), 50);
    let day = &fixture.get("/events/health").await["days"][0];
    assert_eq!(
        (&day["byPush"], &day["duplicates"]),
        (&json!(1), &json!(59))
    );
    fixture.finish().await;
}

#[tokio::test]
async fn what_this_version_does_not_know_is_kept_counted_and_named() {
    let fixture = Fixture::start().await;
    let change = json!({"field": "brand_new\n_field", "value": {"text": "canary-of-a-new-kind"}});
    let body =
        json!({"object": "instagram", "entry": [{"id": IG, "time": AT, "changes": [change]}]});
    fixture.deliver(&body).await;
    fixture.work().await;
    let events = &fixture.get("/events?kind=unknown").await["events"];
    assert_eq!(events[0]["state"], "handled");
    let logs = World::logs();
    let is_told = |line: &String| {
        line.contains("event_unknown") && line.contains(r#""name":"brand_new_field""#)
    };
    assert!(logs.iter().any(is_told));
    let is_counted = |line: &String| line.contains(r#""Outcome":"unknown""#);
    assert!(logs.iter().any(is_counted));
    assert!(!logs.iter().any(|line| line.contains("canary-of-a-new")));
    fixture.finish().await;
}

#[tokio::test]
async fn a_batch_announces_what_it_did_and_leaves_what_waits_to_the_audit() {
    let fixture = Fixture::start().await;
    let aws = &fixture.world.aws;
    aws.add_fault(Fault::on(
        "eventbridge",
        "PutEvents",
        FaultKind::ServerError,
    ));
    fixture.deliver(&comment(IG, "1", "Nice")).await;
    fixture.work().await;
    aws.clear_faults();
    fixture.deliver(&comment(IG, "2", "Nicer")).await;
    fixture.work().await;
    assert_eq!(aws.bus_events().len(), 1);
    assert_eq!(fixture.announced().await.len(), 2);
    assert_eq!(aws.bus_events().len(), 2);
    fixture.finish().await;
}
