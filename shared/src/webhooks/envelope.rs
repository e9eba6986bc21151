//! Taking a delivery apart: into items, without a copy of its bytes.
//!
//! Three forms are in use and all are taken: `changes[]`, `messaging[]` and `standby[]` in an entry, and `field` with `value`
//! directly in it; also a list around the whole, as Meta's own samples print it. What is not understood is reported, and
//! costs nothing of what stands beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::moment;
use crate::graph::wire::Object;

/// The form in which an item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// One of `changes[]`.
    Changes,
    /// The entry itself, also one in a form that is not understood.
    Flat,
    /// One of `messaging[]`.
    Messaging,
    /// One of `standby[]`: another app leads the conversation.
    Standby,
}

/// One thing that a delivery tells.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The entry's `id`: Instagram's id of the account.
    pub instagram_id: String,
    /// The entry's `time`: when Meta sent it.
    pub sent_at: Option<Timestamp>,
    /// In which form it came.
    pub envelope: Envelope,
    /// The item as it was sent.
    pub text: &'a str,
}

/// What of a delivery cannot be read: why, and which bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// A stable word.
    pub reason: &'static str,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// A delivery, taken apart.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// What it tells, in its order.
    pub items: Vec<Part<'a>>,
    /// How many entries tell of another product than Instagram.
    pub of_other_products: usize,
    /// What cannot be read.
    pub rejected: Vec<Rejected<'a>>,
}

#[derive(Deserialize)]
struct Delivery<'a> {
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    entry: Option<&'a RawValue>,
}

/// Takes a delivery apart. Never fails: what cannot be read is among the rejected.
pub fn split(body: &[u8]) -> Parts<'_> {
    let mut parts = Parts::default();
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if start == Some(&b'[') {
        match serde_json::from_slice::<Vec<&RawValue>>(body) {
            Ok(deliveries) => {
                for delivery in deliveries {
                    parts.take(delivery.get().as_bytes());
                }
            }
            Err(_) => parts.reject("not_json", body),
        }
    } else {
        parts.take(body);
    }
    parts
}

impl<'a> Parts<'a> {
    fn reject(&mut self, reason: &'static str, bytes: &'a [u8]) {
        self.rejected.push(Rejected { reason, bytes });
    }

    fn take(&mut self, bytes: &'a [u8]) {
        let delivery: Delivery<'a> = match serde_json::from_slice(bytes) {
            Ok(delivery) => delivery,
            Err(error) if error.is_data() => return self.reject("not_a_delivery", bytes),
            Err(_) => return self.reject("not_json", bytes),
        };
        let entries = delivery
            .entry
            .map(|entries| serde_json::from_str::<Vec<&'a RawValue>>(entries.get()));
        let Some(Ok(entries)) = entries else {
            return self.reject("without_entries", bytes);
        };
        if delivery.object.map(RawValue::get) != Some("\"instagram\"") {
            self.of_other_products += entries.len();
            return;
        }
        for entry in entries {
            self.take_entry(entry.get());
        }
    }

    fn take_entry(&mut self, text: &'a str) {
        let Ok(entry) = serde_json::from_str::<Entry<'a>>(text) else {
            return self.reject("entry_unreadable", text.as_bytes());
        };
        let Some(head) = Head::of(&entry) else {
            return self.reject("entry_without_id", text.as_bytes());
        };
        let mut is_whole = member(&entry, "field").is_some() || has_unknown_list(&entry);
        let mut is_known = false;
        for (name, envelope) in LISTS {
            let Some(list) = member(&entry, name) else {
                continue;
            };
            is_known = true;
            match serde_json::from_str::<Vec<&'a RawValue>>(list) {
                Ok(items) => self.items.extend(
                    items
                        .into_iter()
                        .map(|item| head.part(envelope, item.get())),
                ),
                Err(_) => is_whole = true,
            }
        }
        // An entry in a form that nobody knows is kept as it is: a later version may understand it.
        if is_whole || !is_known {
            self.items.push(head.part(Envelope::Flat, text));
        }
    }
}

/// The members of an entry.
type Entry<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The lists of items that are known.
const LISTS: [(&str, Envelope); 3] = [
    ("changes", Envelope::Changes),
    ("messaging", Envelope::Messaging),
    ("standby", Envelope::Standby),
];
/// A list that Messenger adds, of the apps that a message went through. It tells of nothing else.
const APPS_ON_THE_WAY: &str = "hop_context";

/// A member that is not `null`.
fn member<'a>(entry: &Entry<'a>, name: &str) -> Option<&'a str> {
    let value = entry.get(name)?.get();
    (value != "null").then_some(value)
}

fn has_unknown_list(entry: &Entry<'_>) -> bool {
    let is_known =
        |name: &str| name == APPS_ON_THE_WAY || LISTS.iter().any(|(known, _)| *known == name);
    let mut unknown = entry.iter().filter(|(name, _)| !is_known(name));
    unknown.any(|(_, value)| value.get().starts_with('['))
}

/// What all items of an entry share.
struct Head {
    instagram_id: String,
    sent_at: Option<Timestamp>,
}

impl Head {
    fn of(entry: &Entry<'_>) -> Option<Self> {
        let object: Object = ["id", "time"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), (*entry.get(name)?).to_owned())))
            .collect();
        Some(Self {
            instagram_id: object.id("id")?,
            sent_at: moment::read(&object, "time"),
        })
    }

    fn part<'a>(&self, envelope: Envelope, text: &'a str) -> Part<'a> {
        Part {
            instagram_id: self.instagram_id.clone(),
            sent_at: self.sent_at,
            envelope,
            text,
        }
    }
}
