//! The body of a delivery.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::happening::Item;
use super::outbox::Pending;

/// The body of a batch, in the order of its events. Letters that are not ASCII and slashes are escaped, as Meta does: whoever
/// signs a body that was read and written again signs other bytes.
pub(super) fn body(batch: &[Pending], now_ms: i64) -> Bytes {
    let mut entries: Vec<(String, &'static str, Map<String, Value>)> = Vec::new();
    for pending in batch {
        let (place, value) = match &pending.item {
            Item::Change(value) => ("changes", value),
            Item::Messaging(value) => ("messaging", value),
            Item::Standby(value) => ("standby", value),
            Item::Flat(value) => ("", value),
        };
        let time = match &pending.item {
            Item::Change(_) | Item::Flat(_) => now_ms.div_euclid(1000),
            _ => now_ms,
        };
        let joins = entries
            .last_mut()
            .filter(|(id, last, _)| *id == pending.entry_id && *last == place && !place.is_empty());
        match joins {
            Some((_, _, entry)) => {
                if let Some(list) = entry.get_mut(place).and_then(Value::as_array_mut) {
                    list.push(value.clone());
                }
            }
            None => {
                let mut entry = Map::new();
                entry.insert("id".to_owned(), json!(pending.entry_id));
                entry.insert("time".to_owned(), json!(time));
                match (place, value) {
                    ("", Value::Object(members)) => entry.extend(members.clone()),
                    _ => {
                        entry.insert(place.to_owned(), json!([value]));
                    }
                }
                entries.push((pending.entry_id.clone(), place, entry));
            }
        }
    }
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(_, _, entry)| Value::Object(entry))
        .collect();
    let text = json!({ "object": "instagram", "entry": entries }).to_string();
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            character if character.is_ascii() => escaped.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    Bytes::from(escaped)
}
