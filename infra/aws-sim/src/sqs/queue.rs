//! One queue: messages that become visible, are received, come back or go to the dead-letter queue.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::attributes::Attributes;
use super::fifo::Deduplication;
use super::invalid;
use crate::core::Place;
use crate::random::Random;
use crate::wire::ApiError;

/// A queue with all its messages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    pub(crate) tags: Map<String, Value>,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(super) messages: BTreeMap<u64, Message>,
    next_sequence: u64,
    /// No message was sent before then.
    oldest_sent_ms: i64,
    pub(super) deduplication: Deduplication,
}

/// A message that a queue holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) trace_header: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
    pub(crate) sent_ms: i64,
    /// Visible from then on: the delay's end, or the visibility timeout's.
    pub(crate) visible_ms: i64,
    pub(crate) receives: u32,
    pub(crate) first_received_ms: Option<i64>,
    /// Of the last receive; none before the first.
    pub(crate) handle: Option<String>,
    /// The queue that gave it up.
    pub(crate) source: Option<String>,
}

impl Message {
    /// Received, and not yet back.
    pub(crate) fn is_in_flight(&self, now: i64) -> bool {
        self.handle.is_some() && self.visible_ms > now
    }

    /// Sent, and not yet visible for the first time.
    pub(crate) fn is_delayed(&self, now: i64) -> bool {
        self.handle.is_none() && self.visible_ms > now
    }
}

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) body: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) trace_header: Option<String>,
    pub(crate) delay_seconds: Option<i64>,
    pub(crate) group: Option<String>,
    pub(crate) deduplication: Option<String>,
}

/// What became of a draft.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) sequence: u64,
}

impl Queue {
    pub(super) fn new(
        name: &str,
        attributes: Attributes,
        tags: Map<String, Value>,
        now: i64,
    ) -> Self {
        Self {
            name: name.to_owned(),
            attributes,
            tags,
            created_ms: now,
            modified_ms: now,
            messages: BTreeMap::new(),
            next_sequence: 1,
            oldest_sent_ms: i64::MAX,
            deduplication: Deduplication::default(),
        }
    }

    pub(crate) fn arn(&self, place: &Place) -> String {
        place.arn("sqs", &self.name)
    }

    /// Every message, oldest first.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// Drops what is past its retention.
    pub(super) fn expire(&mut self, now: i64) {
        let kept = now - self.attributes.retention_seconds * 1000;
        if self.oldest_sent_ms <= kept {
            self.messages.retain(|_, message| message.sent_ms > kept);
            self.oldest_sent_ms = self
                .messages
                .values()
                .map(|message| message.sent_ms)
                .min()
                .unwrap_or(i64::MAX);
        }
        self.deduplication.expire(now);
    }

    pub(crate) fn send(
        &mut self,
        draft: Draft,
        now: i64,
        random: &mut Random,
    ) -> Result<Sent, ApiError> {
        let size = draft.body.len() + attributes_size(&draft.attributes);
        if draft.body.is_empty() {
            let message = "The request must contain the parameter MessageBody.";
            return Err(ApiError::new(400, "MissingParameter", message));
        }
        if size > self.attributes.largest_message {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {} bytes.",
                self.attributes.largest_message
            )));
        }
        let deduplication = self.check_fifo(&draft)?;
        if let Some(known) = deduplication
            .as_deref()
            .and_then(|id| self.deduplication.known(id))
        {
            return Ok(known);
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let delay = draft.delay_seconds.unwrap_or(self.attributes.delay_seconds);
        let message = Message {
            id: random.uuid(),
            body: draft.body,
            attributes: draft.attributes,
            trace_header: draft.trace_header,
            group: draft.group,
            deduplication: deduplication.clone(),
            sent_ms: now,
            visible_ms: now + delay * 1000,
            receives: 0,
            first_received_ms: None,
            handle: None,
            source: None,
        };
        let sent = Sent {
            id: message.id.clone(),
            sequence,
        };
        if let Some(id) = deduplication {
            self.deduplication.remember(id, &sent, now);
        }
        self.oldest_sent_ms = self.oldest_sent_ms.min(now);
        self.messages.insert(sequence, message);
        Ok(sent)
    }

    /// Takes in a message that another queue gave up.
    pub(super) fn take_in(&mut self, mut message: Message, now: i64) {
        message.handle = None;
        message.visible_ms = now;
        self.oldest_sent_ms = self.oldest_sent_ms.min(message.sent_ms);
        self.messages.insert(self.next_sequence, message);
        self.next_sequence += 1;
    }

    /// Up to `most` visible messages, oldest first, hidden for `visibility` milliseconds; and those that were received
    /// too often already, which are taken out for the dead-letter queue.
    pub(super) fn receive(
        &mut self,
        most: usize,
        visibility: i64,
        now: i64,
        random: &mut Random,
    ) -> (Vec<(u64, Message)>, Vec<Message>) {
        let limit = self
            .attributes
            .redrive
            .as_ref()
            .map(|redrive| redrive.receives);
        let mut locked = self.locked_groups(now);
        let mut given_up = Vec::new();
        let mut received = Vec::new();
        for (sequence, message) in &mut self.messages {
            if received.len() == most {
                break;
            }
            let group = message.group.as_deref().filter(|_| self.attributes.fifo);
            if message.visible_ms > now || group.is_some_and(|group| locked.contains(group)) {
                // A delayed message holds back what follows it in its group, or the order would be lost.
                locked.extend(group.map(str::to_owned));
                continue;
            }
            if limit.is_some_and(|limit| message.receives >= limit) {
                given_up.push(*sequence);
                continue;
            }
            message.receives += 1;
            message.first_received_ms.get_or_insert(now);
            message.visible_ms = now + visibility;
            let handle = format!("{}/{sequence}/{}", self.name, random.uuid());
            message.handle = Some(URL_SAFE_NO_PAD.encode(handle));
            received.push((*sequence, message.clone()));
        }
        let given_up = given_up
            .iter()
            .filter_map(|sequence| self.messages.remove(sequence));
        (received, given_up.collect())
    }

    /// Deletes by receipt handle. One from an earlier receive is accepted and changes nothing, as on AWS.
    pub(super) fn delete(&mut self, handle: &str) -> Result<(), ApiError> {
        let sequence = self.sequence_of(handle)?;
        let current = self
            .messages
            .get(&sequence)
            .and_then(|message| message.handle.as_deref());
        if current == Some(handle) {
            self.messages.remove(&sequence);
        }
        Ok(())
    }

    pub(super) fn change_visibility(
        &mut self,
        handle: &str,
        seconds: i64,
        now: i64,
    ) -> Result<(), ApiError> {
        let sequence = self.sequence_of(handle)?;
        let message = self
            .messages
            .get_mut(&sequence)
            .filter(|message| message.handle.as_deref() == Some(handle));
        let Some(message) = message else {
            return Err(invalid(format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
                 available for visibility timeout change."
            )));
        };
        if !message.is_in_flight(now) {
            let text = "The specified message isn't in flight.";
            return Err(ApiError::new(400, "MessageNotInflight", text));
        }
        message.visible_ms = now + seconds * 1000;
        Ok(())
    }

    fn sequence_of(&self, handle: &str) -> Result<u64, ApiError> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(handle).ok()?).ok()?;
            let (name, rest) = text.split_once('/')?;
            let sequence = rest.split_once('/')?.0.parse().ok()?;
            (name == self.name).then_some(sequence)
        };
        parse().ok_or_else(|| {
            let message =
                format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
            ApiError::new(400, "ReceiptHandleIsInvalid", message)
        })
    }
}

/// Names, types and values count towards a message's size.
pub(super) fn attributes_size(attributes: &Map<String, Value>) -> usize {
    let length = |attribute: &Value, member: &str| {
        attribute
            .get(member)
            .and_then(Value::as_str)
            .map_or(0, str::len)
    };
    attributes
        .iter()
        .map(|(name, attribute)| {
            name.len()
                + length(attribute, "DataType")
                + length(attribute, "StringValue")
                + length(attribute, "BinaryValue") / 4 * 3
        })
        .sum()
}
