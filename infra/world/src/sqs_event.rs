//! A batch of messages as Lambda gets it from SQS, and its answer.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>

use std::collections::BTreeSet;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::resources::REGION;

/// Most messages of one batch.
pub const BATCH_SIZE: i32 = 10;

/// The event for these messages.
pub fn sqs_event(messages: &[Message], queue_arn: &str) -> String {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| record(message, queue_arn))
        .collect();
    json!({ "Records": records }).to_string()
}

fn record(message: &Message, queue_arn: &str) -> Value {
    let attributes: Map<String, Value> = message
        .attributes()
        .into_iter()
        .flatten()
        .map(|(name, value): (&MessageSystemAttributeName, &String)| {
            (name.as_str().to_owned(), value.clone().into())
        })
        .collect();
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Which messages of the batch are done. As on AWS, an answer that cannot be read, or that names a message which was
/// not in the batch, fails the whole batch.
pub fn done<'a>(messages: &'a [Message], answer: &str) -> Vec<&'a Message> {
    let id = |message: &'a Message| message.message_id().unwrap_or_default();
    let failed: BTreeSet<String> = match serde_json::from_str::<Option<Answer>>(answer) {
        Ok(answer) => answer
            .and_then(|answer| answer.batch_item_failures)
            .unwrap_or_default()
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect(),
        Err(_) => return Vec::new(),
    };
    let known: BTreeSet<&str> = messages.iter().map(id).collect();
    if failed.iter().any(|name| !known.contains(name.as_str())) {
        return Vec::new();
    }
    messages
        .iter()
        .filter(|message| !failed.contains(id(message)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Message {
        Message::builder()
            .message_id(id)
            .receipt_handle(format!("handle-{id}"))
            .body("{}")
            .md5_of_body("99914b932bd37a50b983c5e7c90ae93b")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
            .build()
    }

    #[test]
    fn an_event_has_the_documented_members() {
        let event: Value =
            serde_json::from_str(&sqs_event(&[message("m-1")], "arn:aws:sqs:us-east-1:0:q"))
                .unwrap();
        assert_eq!(
            event,
            json!({"Records": [{
                "messageId": "m-1",
                "receiptHandle": "handle-m-1",
                "body": "{}",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:0:q",
                "awsRegion": "us-east-1",
            }]})
        );
    }

    #[test]
    fn an_answer_fails_what_it_names_and_everything_where_it_makes_no_sense() {
        let batch = [message("m-1"), message("m-2")];
        let ids = |answer: &str| -> Vec<String> {
            done(&batch, answer)
                .into_iter()
                .filter_map(|message| message.message_id().map(str::to_owned))
                .collect()
        };
        assert_eq!(ids(r#"{"batchItemFailures":[]}"#), ["m-1", "m-2"]);
        assert_eq!(ids("null"), ["m-1", "m-2"]);
        assert_eq!(
            ids(r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#),
            ["m-2"]
        );
        for all_failed in [
            r#"{"batchItemFailures":[{"itemIdentifier":"stranger"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{}]}"#,
            "nonsense",
        ] {
            assert!(ids(all_failed).is_empty(), "{all_failed}");
        }
    }
}
