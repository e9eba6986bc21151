//! A queue's attributes: strings on the wire, numbers here.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::invalid;
use crate::wire::ApiError;

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) visibility_seconds: i64,
    pub(crate) delay_seconds: i64,
    pub(crate) wait_seconds: u64,
    pub(crate) retention_seconds: i64,
    pub(crate) largest_message: usize,
    pub(crate) fifo: bool,
    pub(crate) content_based_deduplication: bool,
    pub(crate) redrive: Option<Redrive>,
    /// Attributes that are kept and given back, and mean nothing here: policies, encryption.
    pub(crate) others: Map<String, Value>,
}

/// When a message goes to which dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redrive {
    pub(crate) target: String,
    pub(crate) receives: u32,
    /// As it was set, which is how it is given back.
    text: String,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            visibility_seconds: 30,
            delay_seconds: 0,
            wait_seconds: 0,
            retention_seconds: 345_600,
            largest_message: 1_048_576,
            fifo: false,
            content_based_deduplication: false,
            redrive: None,
            others: Map::new(),
        }
    }
}

impl Attributes {
    /// These attributes with the given ones set.
    pub(crate) fn with(&self, given: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut attributes = self.clone();
        for (name, value) in given {
            let value = value.as_str().ok_or_else(|| bad(name))?;
            let number = |range: std::ops::RangeInclusive<i64>| {
                let number = value.parse().ok().filter(|number| range.contains(number));
                number.ok_or_else(|| bad(name))
            };
            let flag = || value.parse().map_err(|_| bad(name));
            match name.as_str() {
                "VisibilityTimeout" => attributes.visibility_seconds = number(0..=43_200)?,
                "DelaySeconds" => attributes.delay_seconds = number(0..=900)?,
                "ReceiveMessageWaitTimeSeconds" => {
                    attributes.wait_seconds = number(0..=20)?.unsigned_abs()
                }
                "MessageRetentionPeriod" => attributes.retention_seconds = number(60..=1_209_600)?,
                "MaximumMessageSize" => {
                    attributes.largest_message =
                        usize::try_from(number(1024..=1_048_576)?).map_err(|_| bad(name))?;
                }
                "FifoQueue" => attributes.fifo = flag()?,
                "ContentBasedDeduplication" => attributes.content_based_deduplication = flag()?,
                "RedrivePolicy" if value.is_empty() => attributes.redrive = None,
                "RedrivePolicy" => {
                    attributes.redrive = Some(redrive(value).ok_or_else(|| bad(name))?)
                }
                "Policy"
                | "RedriveAllowPolicy"
                | "KmsMasterKeyId"
                | "KmsDataKeyReusePeriodSeconds"
                | "SqsManagedSseEnabled"
                | "DeduplicationScope"
                | "FifoThroughputLimit" => {
                    attributes.others.insert(name.clone(), json!(value));
                }
                _ => {
                    let message = format!("Unknown Attribute {name}.");
                    return Err(ApiError::new(400, "InvalidAttributeName", message));
                }
            }
        }
        Ok(attributes)
    }

    /// As AWS lists them.
    pub(crate) fn listed(&self) -> Map<String, Value> {
        let mut listed = self.others.clone();
        let mut put = |name: &str, value: String| listed.insert(name.to_owned(), json!(value));
        put("VisibilityTimeout", self.visibility_seconds.to_string());
        put("DelaySeconds", self.delay_seconds.to_string());
        put(
            "ReceiveMessageWaitTimeSeconds",
            self.wait_seconds.to_string(),
        );
        put("MessageRetentionPeriod", self.retention_seconds.to_string());
        put("MaximumMessageSize", self.largest_message.to_string());
        if self.fifo {
            put("FifoQueue", "true".to_owned());
            put(
                "ContentBasedDeduplication",
                self.content_based_deduplication.to_string(),
            );
        }
        if let Some(redrive) = &self.redrive {
            put("RedrivePolicy", redrive.text.clone());
        }
        listed
    }
}

fn bad(name: &str) -> ApiError {
    ApiError::new(
        400,
        "InvalidAttributeValue",
        format!("Invalid value for the parameter {name}."),
    )
}

/// `maxReceiveCount` comes as a number or as a string.
fn redrive(text: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let receives = policy.get("maxReceiveCount")?;
    let receives = receives
        .as_u64()
        .or_else(|| receives.as_str()?.parse().ok())?;
    let receives = u32::try_from(receives)
        .ok()
        .filter(|receives| (1..=1000).contains(receives))?;
    Some(Redrive {
        target: policy.get("deadLetterTargetArn")?.as_str()?.to_owned(),
        receives,
        text: text.to_owned(),
    })
}

/// Seconds of a call's own, within the range that AWS allows.
pub(super) fn seconds(input: &Value, member: &str, largest: i64) -> Result<Option<i64>, ApiError> {
    let Some(value) = input.get(member).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let seconds = value
        .as_i64()
        .filter(|seconds| (0..=largest).contains(seconds));
    seconds.map(Some).ok_or_else(|| {
        invalid(format!(
            "Value {value} for parameter {member} is invalid. Reason: Must be between 0 and {largest}, if provided."
        ))
    })
}
