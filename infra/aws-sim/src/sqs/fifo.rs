//! What a FIFO queue adds: groups in order, and five minutes of deduplication.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::invalid;
use super::queue::{Draft, Queue, Sent};
use crate::wire::ApiError;

const DEDUPLICATION_MS: i64 = 300_000;

/// What was sent in the last five minutes, by deduplication id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Deduplication(BTreeMap<String, (i64, String, u64)>);

impl Deduplication {
    pub(super) fn known(&self, id: &str) -> Option<Sent> {
        let (_, message, sequence) = self.0.get(id)?;
        Some(Sent {
            id: message.clone(),
            sequence: *sequence,
        })
    }

    pub(super) fn remember(&mut self, id: String, sent: &Sent, now: i64) {
        self.0
            .insert(id, (now + DEDUPLICATION_MS, sent.id.clone(), sent.sequence));
    }

    pub(super) fn expire(&mut self, now: i64) {
        self.0.retain(|_, (until, ..)| *until > now);
    }
}

impl Queue {
    /// The draft's deduplication id; none in a standard queue.
    pub(super) fn check_fifo(&self, draft: &Draft) -> Result<Option<String>, ApiError> {
        if !self.attributes.fifo {
            return match draft.deduplication {
                Some(_) => Err(invalid(
                    "The request includes a parameter that is not valid for this queue type: MessageDeduplicationId.",
                )),
                None => Ok(None),
            };
        }
        if draft.group.is_none() {
            let message = "The request must contain the parameter MessageGroupId.";
            return Err(ApiError::new(400, "MissingParameter", message));
        }
        if draft.delay_seconds.is_some_and(|seconds| seconds > 0) {
            return Err(invalid(
                "Value for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid \
                 for this queue type.",
            ));
        }
        let by_content = || {
            let digest = format!("{:x}", md5::compute(&draft.body));
            self.attributes
                .content_based_deduplication
                .then_some(digest)
        };
        let id = draft.deduplication.clone().or_else(by_content);
        id.map(Some).ok_or_else(|| {
            invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            )
        })
    }

    /// The groups of which a message is in flight: nothing more of them is received until it is gone or back.
    pub(super) fn locked_groups(&self, now: i64) -> BTreeSet<String> {
        if !self.attributes.fifo {
            return BTreeSet::new();
        }
        let in_flight = self
            .messages
            .values()
            .filter(|message| message.is_in_flight(now));
        in_flight
            .filter_map(|message| message.group.clone())
            .collect()
    }
}
