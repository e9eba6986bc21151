//! Nothing is lost, nothing is done twice, and nothing reaches another account, whatever fails on the way.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::table::keys::{self, Key};
use shared::table::text;
use world::gateway::HttpCall;
use world::resources::{EVENT_DEAD_LETTERS, EVENT_QUEUE, TABLE};

use crate::fixture::{Fixture, ID, IG, item, messaging, signed};

/// A refusal that the SDK does not try again: trying takes real time.
fn denied() -> FaultKind {
    FaultKind::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "not allowed".to_owned(),
    }
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % most
    }
}

/// Accounts of the flood, by Instagram's id and ours.
fn accounts() -> Vec<(String, String)> {
    let ids = 1..=5;
    ids.map(|number| {
        (
            format!("1784140000000000{number}"),
            format!("00000000-0000-4000-8000-00000000000{number}"),
        )
    })
    .collect()
}

/// Sends `events` events of five accounts: 5 % twice, 5 % later than their neighbors, 1 % unreadable, through a queue that is
/// down now and then and a worker that fails and dies at random. Then compares what is stored with what was sent.
async fn flood(events: u64) {
    let fixture = Fixture::of(world::World::start().await);
    let accounts = accounts();
    for (instagram_id, id) in &accounts {
        fixture.connect(id, instagram_id, "acme").await;
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut sent: BTreeMap<String, u64> = BTreeMap::new();
    let (mut unreadable, mut duplicates) = (0, 0);
    let mut waiting: Vec<Value> = Vec::new();
    let mut held: Vec<Value> = Vec::new();
    for number in 0..events {
        let place = usize::try_from(random.below(5)).unwrap();
        let (instagram_id, id) = &accounts[place];
        let value = if random.below(100) == 0 {
            unreadable += 1;
            json!({"text": format!("no name {number}")})
        } else {
            json!({"mid": format!("m-{number}"), "text": format!("of {id}")})
        };
        *sent.entry(id.clone()).or_default() += 1;
        let at = 1_795_255_200_000 + i64::try_from(number).unwrap();
        let mut told = item(false, at, "message", value);
        told["recipient"]["id"] = instagram_id.as_str().into();
        let mut entry = messaging(instagram_id, &[told])["entry"][0].clone();
        entry["time"] = (1_795_255_200_000_i64 + i64::try_from(number).unwrap()).into();
        let chance = random.below(20);
        if chance == 0 {
            duplicates += 1;
            waiting.push(entry.clone());
        }
        if chance == 1 {
            held.push(entry);
        } else {
            waiting.push(entry);
        }
        if waiting.len() < 50 && number + 1 < events {
            continue;
        }
        if random.below(4) == 0 {
            waiting.append(&mut held);
        }
        if number + 1 == events {
            waiting.append(&mut held);
        }
        if random.below(5) == 0 {
            let down = Fault::on("sqs", "SendMessageBatch", denied());
            fixture
                .world
                .aws
                .add_fault(down.times(2).skip(u32::try_from(random.below(5)).unwrap()));
        }
        let body = json!({"object": "instagram", "entry": waiting.split_off(0)}).to_string();
        // Meta sends what was not answered with 200 again, until it is.
        while fixture.send(&signed(body.clone())).await.status != 200 {}
        fixture.world.aws.clear_faults();
        for operation in ["PutItem", "TransactWriteItems"] {
            if random.below(3) == 0 {
                // Refused by DynamoDB, or done although the worker dies before it knows.
                let kind = if random.below(2) == 0 {
                    denied()
                } else {
                    FaultKind::AppliedThenLost
                };
                let skip = u32::try_from(random.below(100)).unwrap();
                fixture
                    .world
                    .aws
                    .add_fault(Fault::on("dynamodb", operation, kind).times(6).skip(skip));
            }
        }
        fixture.work().await;
        fixture.world.aws.clear_faults();
    }
    // What failed comes back when its time is over.
    fixture.advance(SignedDuration::from_mins(30)).await;
    assert_eq!(fixture.world.leftovers().await, Vec::<String>::new());

    let (mut kept, mut seen_unreadable, mut seen_duplicates) = (0, 0, 0);
    for (_, id) in &accounts {
        let messages = fixture.records(id, &["MESSAGE#"]).await;
        for (_, message) in &messages {
            assert_eq!(
                message["content"]["text"],
                format!("of {id}"),
                "in another account"
            );
        }
        let records = fixture.records(id, &["EVENT#"]).await;
        assert!(records.iter().all(|(_, event)| event["state"] != "waiting"));
        let own_unreadable = records
            .iter()
            .filter(|(_, event)| event["state"] == "unreadable")
            .count();
        assert_eq!(messages.len() + own_unreadable, records.len());
        assert_eq!(records.len() as u64, sent[id], "lost or twice");
        let days = fixture.records(id, &["EVENTDAY#"]).await;
        let sum = |name: &str| -> u64 {
            days.iter()
                .map(|(_, day)| day[name].as_u64().unwrap_or(0))
                .sum()
        };
        assert_eq!(sum("byPush"), sent[id], "each is counted once");
        seen_duplicates += sum("duplicates");
        seen_unreadable += own_unreadable;
        kept += records.len();
    }
    assert_eq!(kept as u64, events);
    assert_eq!(seen_unreadable, unreadable);
    let announced = fixture.announced().await;
    let told_of: BTreeSet<&String> = announced.iter().map(|(event, _)| event).collect();
    assert_eq!(told_of.len(), kept - seen_unreadable);
    let put = fixture.world.aws.bus_events().len();
    assert_eq!(put, told_of.len(), "announced twice");
    // A delivery that is answered with 503 may have left some on the queue, and all of it comes again.
    assert!(
        seen_duplicates >= duplicates,
        "{seen_duplicates} of {duplicates}"
    );
}

#[tokio::test]
async fn five_hundred_events_through_faults_are_each_kept_once() {
    flood(500).await;
}

#[tokio::test]
async fn g07_what_a_broken_handler_lost_is_done_by_a_replay_as_if_nothing_had_broken() {
    let mut ends = Vec::new();
    let mut replayed = None;
    for breaks in [false, true] {
        let fixture = Fixture::start().await;
        if breaks {
            // An event is kept before anything is done for it; all that would be done fails each time.
            let records = Fault::on("dynamodb", "PutItem", denied()).containing("\"THREAD#");
            fixture.world.aws.add_fault(records);
            let ledger = Fault::on("dynamodb", "TransactWriteItems", denied());
            fixture.world.aws.add_fault(ledger);
        }
        for sixty in 0..2 {
            let items: Vec<Value> = (0..60)
                .map(|number| {
                    let mid = format!("m-{}", number % 40);
                    let at = 1_795_255_200_000 + sixty * 60 + number;
                    match number % 4 {
                        0 => item(false, at, "message", json!({"mid": mid, "text": mid})),
                        1 => item(
                            false,
                            at,
                            "message_edit",
                            json!({"mid": mid, "num_edit": at, "text": at.to_string()}),
                        ),
                        2 => item(
                            true,
                            at,
                            "reaction",
                            json!({"mid": mid, "action": "react", "emoji": "🥐"}),
                        ),
                        _ => item(false, at, "read", json!({"mid": mid})),
                    }
                })
                .collect();
            fixture.deliver(&messaging(IG, &items)).await;
        }
        fixture.advance(SignedDuration::from_mins(20)).await;
        assert!(fixture.world.aws.messages(EVENT_QUEUE).is_empty());
        let dead = fixture.world.aws.messages(EVENT_DEAD_LETTERS);
        assert_eq!(dead.len(), if breaks { 120 } else { 0 });
        fixture.world.aws.clear_faults();
        if breaks {
            assert_eq!(fixture.state(ID).await, [], "nothing was done");
            let health = fixture.get("/events/health").await;
            assert_eq!(health["stuck"], 100, "{health}");
            let mut query = String::new();
            loop {
                let body = json!({"from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z"});
                let call =
                    HttpCall::post(&format!("/instagram/accounts/{ID}/events/replay{query}"))
                        .json(&body);
                let reply = fixture.ask(call).await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                assert_eq!(reply.json()["failed"], 0);
                match reply.json()["nextCursor"].as_str() {
                    Some(cursor) => query = format!("?cursor={cursor}"),
                    None => break,
                }
            }
            assert_eq!(fixture.get("/events/health").await["stuck"], 0);
            replayed = Some(fixture.state(ID).await);
            // And once more by the dead letters themselves, as an operator redrives them.
            for body in dead {
                let again = fixture.world.clients.sqs.send_message();
                let again = again.queue_url(&fixture.world.resources.event_queue_url);
                again.message_body(body).send().await.unwrap();
            }
            fixture.work().await;
        }
        let mut counts = fixture.get("/events/health").await["days"].clone();
        // Which of them came after newer ones depends on the order in which they are done at last.
        counts[0]["outOfOrder"] = Value::Null;
        let announced = fixture.announced().await;
        assert_eq!(announced.len(), 100, "each event once");
        ends.push((fixture.state(ID).await, counts));
    }
    assert_eq!(ends[0].0.len(), 31, "a conversation and thirty messages");
    assert_eq!(replayed.as_ref(), Some(&ends[0].0), "by the replay alone");
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test]
async fn what_waits_and_cannot_be_understood_is_settled_by_a_replay_and_what_is_gone_is_told() {
    let fixture = Fixture::start().await;
    let broken = Fault::on("dynamodb", "TransactWriteItems", denied());
    fixture.world.aws.add_fault(broken);
    let nameless = item(
        false,
        1_795_255_200_000,
        "message",
        json!({"text": "no name"}),
    );
    let long = "x".repeat(400_000);
    let large = item(
        false,
        1_795_255_200_000,
        "message",
        json!({"mid": "m-1", "text": long}),
    );
    fixture.deliver(&messaging(IG, &[nameless, large])).await;
    fixture.advance(SignedDuration::from_mins(20)).await;
    fixture.world.aws.clear_faults();
    assert_eq!(fixture.get("/events/health").await["stuck"], 2);
    let scan = fixture.world.clients.dynamodb.scan().table_name(TABLE);
    let scan = scan.filter_expression("contains(sk, :piece)");
    let scan = scan.expression_attribute_values(":piece", text(keys::EVENT_PIECE));
    let pieces = scan.send().await.unwrap().items.unwrap();
    assert_eq!(pieces.len(), 2);
    for piece in pieces.iter().filter_map(Key::of_item) {
        let deleted = fixture.world.clients.dynamodb.delete_item();
        let deleted = deleted.table_name(TABLE).set_key(Some(piece.into_item()));
        deleted.send().await.unwrap();
    }
    let span = json!({"from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z"});
    let call = HttpCall::post(&format!("/instagram/accounts/{ID}/events/replay")).json(&span);
    let answer = fixture.ask(call).await.json();
    assert_eq!(
        (&answer["events"], &answer["failed"]),
        (&json!(2), &json!(1)),
        "{answer}"
    );
    let health = fixture.get("/events/health").await;
    assert_eq!(health["stuck"], 1, "{health}");
    assert_eq!(health["days"][0]["unreadable"], 1);
}
