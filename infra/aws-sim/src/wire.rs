//! What all five protocols share: a request as we need it, an error as each service words it, JSON with AWS's names.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::capacity::Units;

/// Which of the five services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    SecretsManager,
    Scheduler,
    EventBridge,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
            Service::SecretsManager => "secretsmanager",
            Service::Scheduler => "scheduler",
            Service::EventBridge => "eventbridge",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Service::DynamoDb | Service::Sqs => "application/x-amz-json-1.0",
            Service::SecretsManager | Service::EventBridge => "application/x-amz-json-1.1",
            Service::Scheduler => "application/json",
        }
    }
}

/// An error that a service answers with.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

/// What a call is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// The headers in which SQS and Scheduler repeat the error's code.
    pub(crate) header: Option<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// What DynamoDB charges for it.
    pub(crate) units: Units,
}

impl Answer {
    pub(crate) fn json(service: Service, body: &Value) -> Self {
        Self::text(service, 200, body.to_string())
    }

    pub(crate) fn text(service: Service, status: u16, body: String) -> Self {
        Self {
            status,
            content_type: service.content_type(),
            header: None,
            body: body.into(),
            units: Units::default(),
        }
    }

    pub(crate) fn error(service: Service, error: &ApiError) -> Self {
        let (code, message) = (&error.code, &error.message);
        let (header, body) = match service {
            Service::DynamoDb => (
                None,
                json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message}),
            ),
            // The code that the older query protocol has for the same error goes into a header.
            // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-faqs.html
            Service::Sqs => (
                Some((
                    "x-amzn-query-error",
                    format!("{};{}", query_code(code), sender(error)),
                )),
                json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": message}),
            ),
            Service::SecretsManager => (None, json!({"__type": code, "Message": message})),
            Service::EventBridge => (None, json!({"__type": code, "message": message})),
            Service::Scheduler => (
                Some(("x-amzn-errortype", code.clone())),
                json!({"Message": message}),
            ),
        };
        Self {
            header,
            ..Self::text(service, error.status, body.to_string())
        }
    }
}

fn sender(error: &ApiError) -> &'static str {
    if error.status < 500 {
        "Sender"
    } else {
        "Receiver"
    }
}

fn query_code(code: &str) -> &str {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "InvalidBatchEntryId" => "AWS.SimpleQueueService.InvalidBatchEntryId",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "PurgeQueueInProgress" => "AWS.SimpleQueueService.PurgeQueueInProgress",
        other => other,
    }
}

/// A member that is a string.
pub(crate) fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// A member that is a list; absent and null count as empty.
pub(crate) fn list<'a>(input: &'a Value, member: &str) -> &'a [Value] {
    input
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A member that is a list of strings.
pub(crate) fn texts(input: &Value, member: &str) -> Vec<String> {
    list(input, member)
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Seconds since the epoch with their fraction, as AWS's JSON has times.
pub(crate) fn seconds(milliseconds: i64) -> Value {
    json!(milliseconds as f64 / 1000.0)
}
