//! What the function's own address takes and refuses.

use std::collections::BTreeSet;

use aws_sim::{Fault, FaultKind};
use serde_json::{Value, json};
use shared::lambda::Context;
use world::gateway::HttpCall;
use world::resources::EVENT_QUEUE;
use world::{META_APP_SECRET, WEBHOOK_VERIFY_TOKEN, World};

use crate::fixture::{Fixture, ID, IG, comment, item, messaging, signature, signed};

/// The operations that the function called since the calls were cleared.
fn calls(fixture: &Fixture) -> Vec<String> {
    let calls = fixture.world.aws.calls().into_iter();
    calls.map(|call| call.operation).collect()
}

#[tokio::test]
async fn a_delivery_costs_one_call_for_ten_events_and_none_of_dynamodb() {
    let fixture = Fixture::start().await;
    fixture.deliver(&comment(IG, "1", "warms the secret")).await;
    for (events, expected) in [(1, 1), (10, 1), (11, 2), (100, 10)] {
        let items: Vec<_> = (0..events)
            .map(|number| {
                item(
                    false,
                    number,
                    "message",
                    json!({"mid": format!("m-{events}-{number}")}),
                )
            })
            .collect();
        fixture.world.aws.clear_calls();
        fixture.deliver(&messaging(IG, &items)).await;
        assert_eq!(
            calls(&fixture),
            vec!["SendMessageBatch"; expected],
            "{events}"
        );
    }
    fixture.work().await;
    fixture.finish().await;
}

#[tokio::test]
async fn e01_to_e04_nothing_is_read_written_or_logged_of_what_is_not_signed() {
    let fixture = Fixture::start().await;
    fixture.deliver(&comment(IG, "1", "warms the secret")).await;
    fixture.work().await;
    fixture.world.aws.clear_calls();
    let body = comment(IG, "2", "canary-of-an-unsigned-body").to_string();
    let good = signature(META_APP_SECRET, body.as_bytes());
    let digits = good.strip_prefix("sha256=").unwrap().to_owned();
    let bad = [
        String::new(),
        "sha256=".to_owned(),
        digits.clone(),
        format!("sha1={digits}"),
        format!("sha256={}", &digits[..62]),
        format!("sha256={}", &digits[..63]),
        format!("sha256={digits}0"),
        format!("sha256={}", digits.to_uppercase()),
        format!("sha256={}zz", &digits[..62]),
        format!("sha256={digits},sha256={digits}"),
        format!("SHA256={digits}"),
        format!(" sha256=0{}", &digits[1..]),
        signature("canary-other-secret", body.as_bytes()),
        signature(META_APP_SECRET, format!("{body} ").as_bytes()),
    ];
    let mut refused: Vec<HttpCall> = bad
        .iter()
        .map(|header| {
            HttpCall::post("/")
                .header("content-type", "application/json")
                .header("x-hub-signature-256", header)
                .body(body.clone())
        })
        .collect();
    refused.push(HttpCall::post("/").body(body.clone()));
    // Twice the header, as a function URL joins them.
    refused.push(
        HttpCall::post("/")
            .header("x-hub-signature-256", &good)
            .header("x-hub-signature-256", &good)
            .body(body.clone()),
    );
    for call in &refused {
        let reply = fixture.send(call).await;
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (401, Some("invalid_signature")),
            "{:?}",
            call.headers
        );
    }
    assert_eq!(calls(&fixture), [""; 0]);
    let logs = World::logs();
    assert!(
        !logs
            .iter()
            .any(|line| line.contains("canary-of-an-unsigned-body"))
    );
    // The very same body, signed with the Meta app's secret.
    let call = HttpCall::post("/")
        .header("content-type", "application/json")
        .header("x-hub-signature-256", &good)
        .body(body);
    assert_eq!(fixture.send(&call).await.status, 200);
    fixture.work().await;
    fixture.finish().await;
}

#[tokio::test]
async fn e12_a_body_that_travels_as_base64_is_hashed_as_it_was_sent() {
    let fixture = Fixture::start().await;
    let body = comment(IG, "1", "\u{1f451} \\/ caf\u{e9}").to_string();
    let mut call = signed(body);
    // Nothing says that it is text.
    call.headers.retain(|(name, _)| name != "content-type");
    let call = call.header("content-type", "application/octet-stream");
    assert_eq!(fixture.send(&call).await.status, 200);
    fixture.work().await;
    let item = fixture.get("/events").await["events"][0]["item"].clone();
    assert!(item.as_str().unwrap().contains('\u{1f451}'), "{item}");
    fixture.finish().await;
}

#[tokio::test]
async fn an_event_that_neither_a_function_url_nor_a_queue_sends_is_refused_without_a_panic() {
    let fixture = Fixture::start().await;
    let sample = include_str!("../../../../events/webhooks-receive-delivery.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let event = |change: fn(&mut Value)| {
        let mut event = sample.clone();
        change(&mut event);
        event.to_string()
    };
    for event in [
        event(|event| event["isBase64Encoded"] = true.into()),
        event(|event| event["headers"]["host"] = "two words".into()),
        event(|event| event["headers"]["x-forwarded-proto"] = "1".into()),
        event(|event| event["rawPath"] = "no path".into()),
        event(|event| event["rawPath"] = Value::Null),
        event(|event| event["Records"] = json!([{"messageId": 1}])),
        event(|event| *event = json!({})),
        "no JSON".to_owned(),
    ] {
        let answer = fixture.function.invoke(&event, Context::default()).await;
        if let Ok(answer) = answer {
            let answer: Value = serde_json::from_str(answer.get()).unwrap();
            assert!(answer["statusCode"].as_u64() < Some(500), "{event}");
        }
    }
    fixture.finish().await;
}

#[tokio::test]
async fn e23_a_handshake_without_the_token_gets_nothing_back() {
    let fixture = Fixture::start().await;
    let token = WEBHOOK_VERIFY_TOKEN;
    for query in [
        "".to_owned(),
        "?hub.mode=subscribe&hub.challenge=1".to_owned(),
        "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong".to_owned(),
        "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=".to_owned(),
        format!("?hub.challenge=1&hub.verify_token={token}"),
        format!("?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token={token}"),
        format!("?hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token={token}"),
        format!("?hub.mode=subscribe&hub.challenge=&hub.verify_token={token}"),
        format!(
            "?hub.mode=subscribe&hub.challenge={}&hub.verify_token={token}",
            "1".repeat(201)
        ),
        format!("?hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}%00"),
    ] {
        let reply = fixture.send(&HttpCall::get(&format!("/{query}"))).await;
        let code = reply.json()["code"].clone();
        assert_eq!(
            (reply.status, code),
            (403, json!("webhook_not_verified")),
            "{query}"
        );
    }
    let query = format!("/?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
    let reply = fixture.send(&HttpCall::get(&query)).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "1158201444"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    fixture.finish().await;
}

#[tokio::test]
async fn e24_what_is_not_safe_on_the_queue_is_answered_with_503_and_comes_again() {
    let fixture = Fixture::start().await;
    let delivery = signed(comment(IG, "1789", "Nice").to_string());
    let down = Fault::on("sqs", "SendMessageBatch", FaultKind::ServerError);
    fixture.world.aws.add_fault(down);
    let reply = fixture.send(&delivery).await;
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (503, json!("service_unavailable"))
    );
    fixture.world.aws.clear_faults();
    assert_eq!(fixture.send(&delivery).await.status, 200);
    fixture.work().await;
    assert_eq!(
        fixture.get("/events").await["events"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    fixture.finish().await;
}

#[tokio::test]
async fn e27_without_the_apps_secret_nothing_is_taken_unchecked() {
    let fixture = Fixture::start().await;
    let delivery = signed(comment(IG, "1789", "Nice").to_string());
    let down = Fault::on("secretsmanager", "GetSecretValue", FaultKind::ServerError);
    fixture.world.aws.add_fault(down);
    let cold = Fixture::of(fixture.world);
    let reply = cold.send(&delivery).await;
    assert_eq!(reply.status, 503);
    let handshake =
        format!("/?hub.mode=subscribe&hub.challenge=1&hub.verify_token={WEBHOOK_VERIFY_TOKEN}");
    assert_eq!(cold.send(&HttpCall::get(&handshake)).await.status, 503);
    assert!(cold.queued().is_empty());
    cold.world.aws.clear_faults();
    assert_eq!(cold.send(&delivery).await.status, 200);
    cold.work().await;
    cold.finish().await;
}

#[tokio::test]
async fn e16_one_that_cannot_be_read_costs_none_beside_it() {
    let fixture = Fixture::start().await;
    let good = |number: i64| {
        item(
            false,
            number,
            "message",
            json!({"mid": format!("m-{number}"), "text": "Hi"}),
        )
    };
    let body = json!({"object": "instagram", "entry": [
        {"id": IG, "time": 1_795_255_200, "messaging": [good(1), 7, null, "text", {"message": {"text": "no name"}}, good(2)]},
        {"time": 1_795_255_200, "messaging": [good(3)]},
        "no entry",
        {"id": IG, "time": 1_795_255_200},
        {"id": IG, "changes": {"field": "comments"}},
        {"id": IG, "changes": [{"field": "comments"}, {"field": "comments", "value": {"text": "no name"}}]},
        {"id": IG, "changes": [{"field": "invented_later", "value": 5}], "messaging": [good(4)], "invented": true},
        {"id": "17849999999999999", "time": 1_795_255_200, "messaging": [good(5)]},
        {"id": IG, "standby": [good(6)]},
    ]});
    fixture.deliver(&body).await;
    fixture.work().await;
    let events = fixture.get("/events?limit=100").await;
    let count = |state: &str, kind: &str| {
        let events = events["events"].as_array().unwrap().iter();
        events
            .filter(|event| event["state"] == state && event["kind"] == kind)
            .count()
    };
    assert_eq!(count("handled", "message"), 4, "{events:#}");
    assert_eq!(count("handled", "unknown"), 1);
    let mut reasons: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["reason"].as_str())
        .collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [
            "comment_without_id",
            "message_without_id",
            "not_an_object",
            "not_an_object",
            "not_an_object",
            "without_field",
            "without_field",
            "without_value"
        ]
    );
    let health = fixture.get("/events/health").await;
    assert!(
        health["sentence"]
            .as_str()
            .unwrap()
            .contains("8 events could not be understood and are kept as sent."),
        "{health}"
    );
    // What no account can be told for is told of by its hash.
    let lines = World::logs();
    let rejected: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("webhook_rejected"))
        .collect();
    for reason in ["entry_without_id", "entry_unreadable"] {
        assert!(
            rejected
                .iter()
                .any(|line| line.contains(reason) && line.contains("digest")),
            "{reason}"
        );
    }
    fixture.finish().await;
}

#[tokio::test]
async fn e29_an_envelope_that_nobody_knows_yet_is_kept_with_its_account() {
    let fixture = Fixture::start().await;
    let invented = json!({"id": IG, "time": 1_795_255_200, "message_edits": [{"mid": "m-1", "text": "Hello"}]});
    fixture
        .deliver(&json!({"object": "instagram", "entry": [invented]}))
        .await;
    fixture.work().await;
    let event = &fixture.get("/events").await["events"][0];
    assert_eq!(event["state"], "unreadable");
    assert_eq!(event["item"], invented.to_string());

    // Beside a list that is known; with one that tells of nothing; and a list in which nothing is.
    let message = |mid: &str| item(false, 1, "message", json!({"mid": mid, "text": "Hi"}));
    let beside =
        json!({"id": IG, "messaging": [message("m-2")], "message_edits": [{"mid": "m-2"}]});
    let known = json!({"id": IG, "messaging": [message("m-3")], "hop_context": [{"app_id": 1}]});
    let empty = json!({"id": IG, "messaging": [], "changes": null});
    fixture
        .deliver(&json!({"object": "instagram", "entry": [beside, known, empty]}))
        .await;
    fixture.work().await;
    let events = fixture.get("/events").await["events"].clone();
    let events = events.as_array().unwrap().iter();
    let of = |state| events.clone().filter(move |event| event["state"] == state);
    assert_eq!(of("handled").count(), 2);
    let kept: BTreeSet<String> = of("unreadable")
        .map(|event| event["item"].to_string())
        .collect();
    let expected = [&invented, &beside].map(|item| json!(item.to_string()).to_string());
    assert_eq!(kept, expected.into());
    fixture.finish().await;
}

#[tokio::test]
async fn characters_that_sqs_refuses_cost_no_delivery_and_change_no_item() {
    let fixture = Fixture::start().await;
    let body = comment(IG, "1", "\u{fffe} and \u{ffff}");
    fixture.deliver(&body).await;
    fixture.work().await;
    let item = &fixture.get("/events").await["events"][0]["item"];
    let sent = &body["entry"][0]["changes"][0];
    assert_eq!(*item, sent.to_string());
    fixture.finish().await;
}

#[tokio::test]
async fn e08_e09_large_and_deep_deliveries_are_taken_or_refused_and_never_fail() {
    let fixture = Fixture::start().await;
    // Larger than a message and a record: stored first, in pieces.
    let long = "\u{1f451}\"".repeat(100_000);
    fixture.deliver(&comment(IG, "1789", &long)).await;
    let mut many: Vec<_> = (0..299)
        .map(|number| {
            item(
                false,
                number,
                "message",
                json!({"mid": format!("m-{number}"), "text": "Hi"}),
            )
        })
        .collect();
    many.push(item(
        false,
        1,
        "message",
        json!({"mid": "m-large", "text": "x".repeat(290_000)}),
    ));
    fixture.deliver(&messaging(IG, &many)).await;
    fixture.work().await;
    let comment = fixture
        .world
        .app("seed")
        .table
        .comment(ID, "1789")
        .await
        .unwrap();
    // No text of Instagram's is that long, and no record either.
    assert!(long.starts_with(&comment.unwrap().text.unwrap()));
    let events = fixture.get("/events?kind=comment").await;
    assert_eq!(events["events"][0]["item"], serde_json::Value::Null);
    let day = &fixture.get("/events/health").await["days"][0];
    assert_eq!(day["byPush"], 301);

    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let keys: Vec<String> = (0..200_000)
        .map(|number| format!("\"k{number}\":1"))
        .collect();
    for body in [
        deep.clone(),
        "[".repeat(100_000),
        format!(
            "{{\"object\":\"instagram\",\"entry\":[{{\"id\":\"{IG}\",\"changes\":[{{\"field\":\"comments\",\"value\":{deep}}}]}}]}}"
        ),
        format!("{{{}}}", keys.join(",")),
        format!(
            "{{\"object\":\"instagram\",\"entry\":{}}}",
            "9".repeat(100_000)
        ),
    ] {
        assert_eq!(fixture.send(&signed(body)).await.status, 200);
    }
    fixture.work().await;
    let reply = fixture.send(&signed("x".repeat(6 * 1024 * 1024 + 1))).await;
    assert_eq!(reply.status, 413);
    fixture.finish().await;
}

#[tokio::test]
async fn the_functions_own_address_leads_to_nothing_of_the_api() {
    let fixture = Fixture::start().await;
    for call in [
        HttpCall::get(&format!("/instagram/accounts/{ID}/events")).as_user("ann", "acme", "admin"),
        HttpCall::get(&format!("/instagram/accounts/{ID}/events/health")),
        HttpCall::post(&format!("/instagram/accounts/{ID}/events/replay")),
    ] {
        assert_eq!(fixture.send(&call).await.status, 401);
    }
    assert_eq!(fixture.send(&HttpCall::get("/nothing")).await.status, 404);
    assert_eq!(fixture.send(&HttpCall::delete("/")).await.status, 405);
    assert!(fixture.world.aws.messages(EVENT_QUEUE).is_empty());
    // An idempotency key is the API's, and asks for a caller.
    let call = signed("{}").header("idempotency-key", "a-key");
    assert_eq!(fixture.send(&call).await.status, 401);
    fixture.finish().await;
}

#[tokio::test]
async fn what_the_queue_refuses_of_a_batch_is_sent_again() {
    let fixture = Fixture::start().await;
    let items: Vec<_> = (0..3)
        .map(|number| {
            item(
                false,
                number,
                "message",
                json!({"mid": format!("m-{number}")}),
            )
        })
        .collect();
    let partial = Fault::on("sqs", "SendMessageBatch", FaultKind::PartialBatch);
    fixture.world.aws.add_fault(partial.times(2));
    fixture.deliver(&messaging(IG, &items)).await;
    assert_eq!(fixture.queued().len(), 3);
    fixture.work().await;
    assert_eq!(
        fixture.get("/events").await["events"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    fixture.finish().await;
}
