//! Events that are too large for a message and for a record: in pieces beside the claim on their Instagram id, since whoever
//! receives one does not know its account.

use jiff::Timestamp;

use super::accounts::string;
use super::events::LIFETIME;
use super::keys;
use super::{Condition, Table, number, text};
use crate::aws::AwsError;
use crate::digest::sha256_hex;
use crate::webhooks::Item;

/// An item of more bytes is stored in pieces. Escaped it fits a message, and beside what else an event is a record.
pub const LARGEST_WHOLE: usize = 300_000;

impl Table {
    /// Keeps a large item for as long as an event is kept; the same one again changes nothing.
    pub async fn store_item(
        &self,
        instagram_id: &str,
        item: &str,
        now: Timestamp,
    ) -> Result<Item, AwsError> {
        let digest = sha256_hex(item.as_bytes());
        let pieces = pieces_of(item);
        for (position, piece) in pieces.iter().enumerate() {
            let mut record = keys::event_piece(instagram_id, &digest, position).into_item();
            record.insert("piece".into(), text(*piece));
            record.insert(keys::TTL.into(), number((now + LIFETIME).as_second()));
            self.put_if(record, Condition::is_new()).await?;
        }
        Ok(Item::Stored {
            digest,
            pieces: pieces.len(),
        })
    }

    /// The text of an item, wherever it is; `None` where a piece of it is gone.
    pub async fn text_of_item(
        &self,
        instagram_id: &str,
        item: &Item,
    ) -> Result<Option<String>, AwsError> {
        let (digest, pieces) = match item {
            Item::Text(text) => return Ok(Some(text.clone())),
            Item::Stored { digest, pieces } => (digest, *pieces),
        };
        let mut whole = String::new();
        for position in 0..pieces {
            let key = keys::event_piece(instagram_id, digest, position);
            let piece = self.get(key).await?;
            let Some(piece) = piece.as_ref().and_then(|piece| string(piece, "piece")) else {
                return Ok(None);
            };
            whole.push_str(&piece);
        }
        Ok(Some(whole))
    }
}

/// The text in pieces, none of which cuts a character.
fn pieces_of(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let (piece, rest) = text.split_at(text.floor_char_boundary(LARGEST_WHOLE));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_enough_and_make_the_whole() {
        for text in ["x".repeat(2 * LARGEST_WHOLE + 1), "é".repeat(LARGEST_WHOLE)] {
            let pieces = pieces_of(&text);
            assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= LARGEST_WHOLE));
            assert_eq!(pieces.concat(), text);
        }
        assert!(pieces_of("").is_empty());
    }
}
