//! An item of a delivery, as it travels from the receiver to the worker and stays with its event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope::Envelope;
use super::event::{Event, Unreadable};

/// An item, with what is known of how it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    /// The entry's `id`: Instagram's id of the account.
    pub instagram_id: String,
    /// In which form it came.
    pub envelope: Envelope,
    /// The entry's `time`: when Meta sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was received.
    pub received_at: Timestamp,
    /// Who brought it.
    pub source: Source,
    /// Tells a second delivery by Meta from a second try of the queue: every item of every delivery has its own.
    pub delivery: String,
    /// The item itself.
    pub item: Item,
}

/// Who brought an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Meta, by a webhook.
    Push,
    /// Ourselves, by asking.
    Poll,
}

/// An item's JSON, as Meta sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Item {
    /// Itself.
    Text(String),
    /// In the table, since it is too large for a message or a record.
    Stored {
        /// SHA-256 of the text.
        digest: String,
        /// In how many pieces.
        pieces: usize,
    },
}

impl Delivered {
    /// When it was told: when Meta sent it, which cannot be after it was received; or when we found it.
    pub fn told_at(&self) -> Timestamp {
        self.sent_at
            .map_or(self.received_at, |sent_at| sent_at.min(self.received_at))
    }

    /// What the item means; `text` is the item's.
    ///
    /// # Errors
    /// Where it cannot be understood.
    pub fn read(&self, text: &str) -> Result<Event, Unreadable> {
        Event::read(&self.instagram_id, self.envelope, self.sent_at, text)
    }
}
