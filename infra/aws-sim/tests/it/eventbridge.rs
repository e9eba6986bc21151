//! Event buses.

use aws_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::surroundings::*;

fn entry(detail: &str) -> Value {
    json!({"EventBusName": "news", "Source": "shop", "DetailType": "opened", "Detail": detail, "Time": 1_767_225_600.185})
}

async fn put(it: &Surroundings, entries: Vec<Value>) -> Answer {
    it.eventbridge("PutEvents", json!({ "Entries": entries }))
        .await
}

async fn with_bus() -> Surroundings {
    let it = Surroundings::new().await;
    let made = it
        .eventbridge("CreateEventBus", json!({"Name": "news"}))
        .await;
    assert_eq!(
        made.body["EventBusArn"],
        "arn:aws:events:us-east-1:123456789012:event-bus/news"
    );
    it
}

#[tokio::test]
async fn what_is_put_on_a_bus_can_be_taken_once() {
    let it = with_bus().await;
    let again = it
        .eventbridge("CreateEventBus", json!({"Name": "news"}))
        .await;
    assert_eq!(again.code(), "ResourceAlreadyExistsException");
    let answer = put(&it, vec![entry("{\"door\":1}"), entry("{}")]).await;
    assert_eq!(answer.body["FailedEntryCount"], 0);
    let events = it.aws.bus_events();
    assert_eq!(answer.body["Entries"][0]["EventId"], events[0].id.as_str());
    assert_ne!(events[0].id, events[1].id);
    let first = &events[0];
    assert_eq!(
        (first.bus.as_str(), first.source.as_str()),
        ("news", "shop")
    );
    assert_eq!(
        (first.detail_type.as_str(), first.detail.as_str()),
        ("opened", "{\"door\":1}")
    );
    assert_eq!(first.at_ms, START + 185);
    assert_eq!(it.aws.take_bus_events(), events);
    assert!(it.aws.bus_events().is_empty());
    // By its ARN, without a time, and on the bus that is always there.
    let mut by_arn = entry("{}");
    by_arn["EventBusName"] = json!("arn:aws:events:us-east-1:123456789012:event-bus/news");
    by_arn.as_object_mut().expect("an object").remove("Time");
    let mut default = entry("{}");
    default
        .as_object_mut()
        .expect("an object")
        .remove("EventBusName");
    put(&it, vec![by_arn, default]).await;
    let events = it.aws.bus_events();
    assert_eq!(
        (events[0].bus.as_str(), events[0].at_ms),
        ("news", it.now())
    );
    assert_eq!(events[1].bus, "default");
}

#[tokio::test]
async fn an_entry_is_refused_alone_and_a_call_that_is_too_large_whole() {
    let it = with_bus().await;
    let with = |member: &str, value: Value| {
        let mut entry = entry("{}");
        entry[member] = value;
        entry
    };
    for (bad, code) in [
        (with("Source", json!("")), "InvalidArgument"),
        (with("DetailType", Value::Null), "InvalidArgument"),
        (with("Detail", json!("no json")), "MalformedDetail"),
        (with("Detail", json!("[]")), "MalformedDetail"),
        (
            with("Source", json!("aws.s3")),
            "NotAuthorizedForSourceException",
        ),
        (
            with("EventBusName", json!("nowhere")),
            "ResourceNotFoundException",
        ),
    ] {
        let answer = put(&it, vec![bad, entry("{}")]).await;
        assert_eq!(answer.body["FailedEntryCount"], 1, "{code}");
        assert_eq!(answer.body["Entries"][0]["ErrorCode"], code);
        assert!(answer.body["Entries"][1]["EventId"].is_string());
        assert_eq!(it.aws.take_bus_events().len(), 1);
    }
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(300_000));
    for entries in [vec![], vec![entry("{}"); 11], vec![entry(&large)]] {
        let answer = put(&it, entries).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "ValidationException")
        );
    }
    assert!(it.aws.bus_events().is_empty());
}

#[tokio::test]
async fn a_bus_fails_as_it_is_told_to() {
    let it = with_bus().await;
    it.aws
        .add_fault(Fault::on("eventbridge", "PutEvents", FaultKind::PartialBatch).times(1));
    let answer = put(&it, vec![entry("{}"), entry("{}"), entry("{}")]).await;
    assert_eq!(answer.body["FailedEntryCount"], 2);
    assert_eq!(it.aws.take_bus_events().len(), 1);
    for (kind, status) in [(FaultKind::Throttle, 400), (FaultKind::ServerError, 500)] {
        it.aws
            .add_fault(Fault::on("eventbridge", "PutEvents", kind).times(1));
        assert_eq!(put(&it, vec![entry("{}")]).await.status, status);
        it.aws.clear_faults();
    }
    assert!(it.aws.bus_events().is_empty());
    let calls = it.aws.calls();
    let call = calls.last().expect("a call");
    assert_eq!(
        (call.service, call.permissions[0].action.as_str()),
        ("eventbridge", "events:PutEvents")
    );
}
