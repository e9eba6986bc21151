//! Every line of `../shared/cases` that is about webhooks, through the function's own address: verified or refused, and
//! taken apart as the case says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::webhooks::event::What;
use shared::webhooks::messaging::Act;
use shared::webhooks::{Event, Item};
use world::gateway::HttpCall;
use world::resources::APP_SECRET;
use world::{INSTAGRAM_APP_ID, World, app_secret};

use crate::fixture::{Fixture, signed};

/// Where we decide otherwise than a case expects: (case, member, why).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "meta-doc-mention-array-wrapped",
        "events",
        "Meta's own pages print a list around the object: it is unwrapped",
    ),
    (
        "meta-doc-message-all-options",
        "text",
        "a message that was taken back: nothing of it is read",
    ),
    (
        "meta-doc-message-all-options",
        "attachment_types",
        "… as its text",
    ),
    ("meta-doc-message-all-options", "reply_to", "… as its text"),
    (
        "meta-doc-message-all-options",
        "quick_reply_payload",
        "… as its text",
    ),
    (
        "restfb-page-unknown-change-value",
        "parent_id",
        "of an unknown kind nothing is read but its item",
    ),
];

/// The lines of a file of cases; `None`, with a line that says so, in a clone that stands alone.
fn cases(file: &str) -> Option<Vec<Value>> {
    let path = format!(
        "{}/../../../shared/cases/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared/cases/{file} is absent");
        return None;
    };
    let cases: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!cases.is_empty());
    Some(cases)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A world whose app secrets are these: the present and the former one.
async fn with_secrets(secrets: &[&str], verify_token: &str) -> Fixture {
    let world = World::start().await;
    let mut text: Value = serde_json::from_str(&app_secret(INSTAGRAM_APP_ID, secrets[0])).unwrap();
    text["metaAppSecret"] = "of-no-case".into();
    text["webhookVerifyToken"] = verify_token.into();
    text["previousInstagramAppSecret"] = json!(secrets.get(1));
    let put = world.clients.secrets.put_secret_value();
    put.secret_id(APP_SECRET)
        .secret_string(text.to_string())
        .client_request_token("00000000-0000-4000-8000-000000000002")
        .send()
        .await
        .unwrap();
    Fixture::of(world)
}

#[tokio::test]
async fn every_signature_is_verified_or_refused_as_its_case_says() {
    let Some(cases) = cases("signatures.jsonl") else {
        return;
    };
    let mut seen = 0;
    for case in cases
        .iter()
        .filter(|case| ["x_hub_signature_256", "webhook_handshake"].contains(&text(&case["kind"])))
    {
        let id = text(&case["id"]);
        let input = &case["input"];
        let secret = input["app_secret"].as_str().unwrap_or("unused");
        let verify_token = input["verify_token"].as_str().unwrap_or("unused");
        let (call, expected) = if case["kind"] == "webhook_handshake" {
            let query: String = url_query(&input["query_pairs"]);
            let expected =
                u16::try_from(case["expected"]["http_status"].as_u64().unwrap()).unwrap();
            (HttpCall::get(&format!("/?{query}")), expected)
        } else {
            let call = HttpCall::post("/")
                .header("content-type", "application/json")
                .header(text(&input["header_name"]), text(&input["header_value"]))
                .body(text(&input["body_utf8"]));
            let accepted = case["expected"]["accepted"].as_bool().unwrap();
            (call, if accepted { 200 } else { 401 })
        };
        let fixture = with_secrets(&[secret], verify_token).await;
        let reply = fixture.send(&call).await;
        assert_eq!(reply.status, expected, "{id}: {}", reply.text());
        if let Some(body) = case["expected"]["body"].as_str() {
            assert_eq!(reply.text(), body, "{id}");
            assert_eq!(
                reply.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
        }
        if id == "hub-octokit-fallback-wrong" {
            // Accepted while the former secret is still taken.
            let fixture = with_secrets(&[secret, "secret"], verify_token).await;
            assert_eq!(fixture.send(&call).await.status, 200, "{id}");
        }
        seen += 1;
    }
    assert_eq!(seen, 10);
}

/// What a case tells of an event, for an event of ours.
fn told(case: &Value, event: &Event, envelope: &Value) -> Value {
    let mut told = json!({
        "type": match text(&case["type"]) {
            // The field's or the member's name is kept; the kind is unknown.
            name @ ("messages" | "foo" | "manage_fundraisers") => match &event.what {
                What::Unknown(own) if own == name => name,
                _ => "read as something else",
            },
            _ => match event.kind.as_str() {
                "comment" => "comments",
                "live_comment" => "live_comments",
                "mention" => "mentions",
                kind => kind,
            },
        },
        "envelope": envelope,
        "external_id": null,
    });
    match &event.what {
        What::Comment(comment) => {
            told["external_id"] = json!(comment.id);
            told["text"] = json!(comment.text);
            told["from_id"] = json!(comment.from);
            told["from_username"] = json!(comment.username);
            told["media_id"] = json!(comment.media);
            told["media_product_type"] = json!(comment.media_product_type);
            told["parent_id"] = json!(comment.parent);
        }
        What::Mention(mention) => {
            told["external_id"] = json!(mention.comment.as_ref().unwrap_or(&mention.media));
            told["media_id"] = json!(mention.media);
        }
        What::StoryInsights(insights) => {
            told["external_id"] = json!(insights.media);
            told["media_id"] = json!(insights.media);
        }
        What::Messaging(messaging) => {
            let person = if messaging.parties.by_account {
                "recipient_id"
            } else {
                "sender_id"
            };
            told[person] = json!(messaging.parties.person);
            match &messaging.act {
                Act::Message { mid, content } => {
                    told["external_id"] = json!(mid);
                    told["text"] = json!(content.text);
                    let kinds = content.attachments.iter().map(|it| it.kind.clone());
                    told["attachment_types"] = kinds.collect();
                    told["quick_reply_payload"] = json!(content.payload);
                    if content.reply_to_story.is_some() {
                        told["reply_to"] = json!("story");
                    }
                }
                Act::Delete { mid } | Act::Read { mid } => told["external_id"] = json!(mid),
                Act::React { mid, reaction } => {
                    told["external_id"] = json!(mid);
                    told["action"] = json!(if reaction.is_some() {
                        "react"
                    } else {
                        "unreact"
                    });
                    told["emoji"] = json!(reaction.as_ref().and_then(|it| it.emoji.clone()));
                }
                Act::Refer(referral) => told["ref"] = json!(referral.reference),
                Act::Edit { .. } | Act::HandOver { .. } | Act::OptIn => {}
            }
        }
        What::Unknown(_) => {}
    }
    told
}

/// The members that a case tells and that an event of ours has nothing of: what they say follows from others.
const NOT_TOLD: &[&str] = &[
    "entry_id",
    "time",
    "timestamp",
    "is_echo",
    "is_self",
    "is_deleted",
    "is_unsupported",
    "has_referral",
];

#[tokio::test]
async fn every_delivery_is_taken_apart_as_its_case_says() {
    let Some(cases) = cases("webhooks.jsonl") else {
        return;
    };
    let fixture = Fixture::of(World::start().await);
    let mut events = 0;
    for case in &cases {
        let id = text(&case["id"]);
        let differs = |member: &str| {
            DIFFERENCES
                .iter()
                .any(|(case, other, _)| *case == id && *other == member)
        };
        let body = text(&case["input"]["body"]);
        assert_eq!(fixture.send(&signed(body)).await.status, 200, "{id}");
        let mut queued = fixture.queued();
        if case["expected"]["stored_as_instagram_event"] == false {
            assert!(queued.is_empty(), "{id}: of another product");
            // What the project would read of it if it was Instagram's.
            let object: Value = serde_json::from_str(body).unwrap();
            let product = format!("\"object\": {}", object["object"]);
            let body = body.replace(&product, "\"object\": \"instagram\"");
            assert_eq!(fixture.send(&signed(body)).await.status, 200, "{id}");
            queued = fixture.queued();
        }
        let expected = case["expected"]["events"].as_array().unwrap();
        if !differs("events") {
            assert_eq!(queued.len(), expected.len(), "{id}: {queued:?}");
        }
        for (expected, delivered) in expected.iter().zip(&queued) {
            let Item::Text(item) = &delivered.item else {
                panic!("{id}");
            };
            let event = delivered.read(item);
            let event = event.unwrap_or_else(|error| panic!("{id}: {error:?}"));
            let told = told(expected, &event, &json!(delivered.envelope));
            assert_eq!(expected["entry_id"], delivered.instagram_id, "{id}");
            for (member, value) in expected.as_object().unwrap() {
                let is_other_side = member == "recipient_id" || member == "sender_id";
                if NOT_TOLD.contains(&member.as_str())
                    || differs(member)
                    || (is_other_side && told.get(member).is_none())
                {
                    continue;
                }
                assert_eq!(
                    told.get(member).unwrap_or(&Value::Null),
                    value,
                    "{id}: {member}"
                );
            }
            events += 1;
        }
        // No account of these is connected: all of it is counted and dropped.
        fixture.work().await;
        assert!(fixture.queued().is_empty(), "{id}");
    }
    assert!(events >= 29, "only {events} events");
    fixture.finish().await;
}

#[tokio::test]
async fn e07_e10_no_json_makes_an_event_an_error_or_a_panic() {
    let Some(cases) = cases("json_test_suite.jsonl") else {
        return;
    };
    let fixture = Fixture::of(World::start().await);
    for case in &cases {
        let id = text(&case["id"]);
        let body = match case["input"]["body"].as_str() {
            Some(body) => body.as_bytes().to_vec(),
            None => STANDARD
                .decode(text(&case["input"]["body_base64"]))
                .unwrap(),
        };
        let reply = fixture.send(&signed(body)).await;
        assert_eq!(reply.status, 200, "{id}: {}", reply.text());
        assert!(fixture.queued().is_empty(), "{id}");
    }
    assert!(cases.len() > 300);
    fixture.finish().await;
}

/// A query of these pairs, escaped.
fn url_query(pairs: &Value) -> String {
    let escaped = |text: &str| -> String {
        let bytes = text.bytes();
        bytes
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs = pairs.as_object().unwrap().iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(text(value))))
        .collect();
    pairs.join("&")
}
