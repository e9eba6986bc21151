//! EventBridge: buses that keep what is put on them. There are no rules and no targets.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::{Core, lock};
use crate::fault::FaultKind;
use crate::wire::{ApiError, list, text};

/// The most entries of one call.
const MOST_ENTRIES: usize = 10;
/// The most bytes of one call's entries.
const MOST_BYTES: usize = 256 * 1024;
/// A bus that every account has.
const DEFAULT_BUS: &str = "default";

/// All buses.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Buses {
    names: BTreeSet<String>,
    pub(crate) events: Vec<BusEvent>,
}

/// An event that was put on a bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusEvent {
    /// EventBridge's own id.
    pub id: String,
    /// The bus's name.
    pub bus: String,
    /// Who put it there, as it says.
    pub source: String,
    /// What it is.
    pub detail_type: String,
    /// A JSON object.
    pub detail: String,
    /// When it happened, milliseconds since the epoch; when it was put, where it does not say.
    pub at_ms: i64,
}

/// The bus that a call names.
pub(crate) fn resource(input: &Value) -> Option<String> {
    let first = list(input, "Entries").first();
    let named = first.and_then(|entry| text(entry, "EventBusName"));
    let bus = named.or_else(|| text(input, "Name"));
    Some(name_of(bus.unwrap_or(DEFAULT_BUS)).to_owned())
}

/// A bus may be named by its ARN.
fn name_of(bus: &str) -> &str {
    bus.rsplit('/').next().unwrap_or(bus)
}

impl Core {
    pub(crate) fn call_eventbridge(
        &self,
        operation: &str,
        input: &Value,
        fault: Option<&FaultKind>,
    ) -> Result<Value, ApiError> {
        match operation {
            "CreateEventBus" => self.create_bus(input),
            "PutEvents" => self.put_events(input, fault),
            _ => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("{operation} is not simulated"),
            )),
        }
    }

    fn create_bus(&self, input: &Value) -> Result<Value, ApiError> {
        let name = text(input, "Name").unwrap_or_default();
        if name.is_empty() || name == DEFAULT_BUS {
            return Err(ApiError::new(
                400,
                "ValidationException",
                "an unusable name",
            ));
        }
        if !lock(&self.buses).names.insert(name.to_owned()) {
            return Err(ApiError::new(
                400,
                "ResourceAlreadyExistsException",
                format!("Event bus {name} already exists."),
            ));
        }
        Ok(json!({"EventBusArn": self.place.arn("events", &format!("event-bus/{name}"))}))
    }

    fn put_events(&self, input: &Value, fault: Option<&FaultKind>) -> Result<Value, ApiError> {
        let entries = list(input, "Entries");
        if entries.is_empty() || entries.len() > MOST_ENTRIES {
            return Err(ApiError::new(
                400,
                "ValidationException",
                format!("1 to {MOST_ENTRIES} entries, and not {}", entries.len()),
            ));
        }
        if entries.iter().map(size).sum::<usize>() > MOST_BYTES {
            return Err(ApiError::new(
                400,
                "ValidationException",
                "Total size of the entries in the request is over the limit.",
            ));
        }
        let mut failed = 0;
        let mut answers = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let is_left = fault == Some(&FaultKind::PartialBatch) && position > 0;
            let outcome = match is_left {
                true => Err(("InternalFailure", "The entry was not taken.".to_owned())),
                false => self.put_event(entry),
            };
            answers.push(match outcome {
                Ok(id) => json!({ "EventId": id }),
                Err((code, message)) => {
                    failed += 1;
                    json!({ "ErrorCode": code, "ErrorMessage": message })
                }
            });
        }
        Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
    }

    fn put_event(&self, entry: &Value) -> Result<String, (&'static str, String)> {
        let required = |member: &str| {
            let given = text(entry, member).filter(|text| !text.is_empty());
            given.ok_or_else(|| {
                let reason = format!("Parameter {member} is not valid. Reason: it is required.");
                ("InvalidArgument", reason)
            })
        };
        let (source, detail_type) = (required("Source")?, required("DetailType")?);
        let detail = required("Detail")?;
        if source.starts_with("aws.") {
            let reason = format!("Not authorized for the source {source}.");
            return Err(("NotAuthorizedForSourceException", reason));
        }
        if !serde_json::from_str::<Value>(detail).is_ok_and(|detail| detail.is_object()) {
            return Err(("MalformedDetail", "Detail is malformed.".to_owned()));
        }
        let bus = name_of(text(entry, "EventBusName").unwrap_or(DEFAULT_BUS));
        let mut buses = lock(&self.buses);
        if bus != DEFAULT_BUS && !buses.names.contains(bus) {
            // AWS does not say so: it takes the event, and nobody gets it. A test would pass for nothing.
            let reason = format!("Event bus {bus} does not exist.");
            return Err(("ResourceNotFoundException", reason));
        }
        let id = self.request_id();
        let seconds = entry.get("Time").and_then(Value::as_f64);
        buses.events.push(BusEvent {
            id: id.clone(),
            bus: bus.to_owned(),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            detail: detail.to_owned(),
            at_ms: seconds.map_or_else(
                || self.now_ms(),
                |seconds| (seconds * 1000.0).round() as i64,
            ),
        });
        Ok(id)
    }
}

/// As AWS counts an entry.
fn size(entry: &Value) -> usize {
    let texts = ["Source", "DetailType", "Detail"].map(|member| text(entry, member));
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    let time = if entry.get("Time").is_some() { 14 } else { 0 };
    texts + time
}
