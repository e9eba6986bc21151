//! Events that are too large for a message and for a record: in pieces. Whoever receives one does not know its account, so
//! they stand under the Instagram id until the worker moves them to the account, with which they are erased.

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
    /// Keeps a large item that was received, for as long as an event is kept; the same one again changes nothing.
    pub async fn store_item(
        &self,
        instagram_id: &str,
        item: &str,
        now: Timestamp,
    ) -> Result<Item, AwsError> {
        let digest = sha256_hex(item.as_bytes());
        let pieces = pieces_of(item);
        for (position, piece) in pieces.iter().enumerate() {
            let mut record = keys::received_piece(instagram_id, &digest, position).into_item();
            record.insert("piece".into(), text(*piece));
            record.insert(keys::TTL.into(), number((now + LIFETIME).as_second()));
            self.put_if(record, Condition::is_new()).await?;
        }
        Ok(Item::Stored {
            digest,
            pieces: pieces.len(),
        })
    }

    /// Moves to the account what was stored of an item when it was received. Whoever dies on the way goes on from there.
    pub async fn adopt_item(
        &self,
        account: &str,
        instagram_id: &str,
        item: &Item,
    ) -> Result<(), AwsError> {
        for (digest, position) in pieces(item) {
            let received = keys::received_piece(instagram_id, digest, position);
            if let Some(mut record) = self.get(received.clone()).await? {
                record.extend(keys::event_piece(account, digest, position).into_item());
                self.put_if(record, Condition::is_new()).await?;
                self.remove(received).await?;
            }
        }
        Ok(())
    }

    /// Drops what was stored of an item of nobody's when it was received.
    pub async fn drop_item(&self, instagram_id: &str, item: &Item) -> Result<(), AwsError> {
        for (digest, position) in pieces(item) {
            let received = keys::received_piece(instagram_id, digest, position);
            self.remove(received).await?;
        }
        Ok(())
    }

    /// The text of an account's item; `None` where a piece of it is gone.
    pub async fn text_of_item(
        &self,
        account: &str,
        item: &Item,
    ) -> Result<Option<String>, AwsError> {
        if let Item::Text(text) = item {
            return Ok(Some(text.clone()));
        }
        let mut whole = String::new();
        for (digest, position) in pieces(item) {
            let piece = self
                .get(keys::event_piece(account, digest, position))
                .await?;
            let Some(piece) = piece.as_ref().and_then(|piece| string(piece, "piece")) else {
                return Ok(None);
            };
            whole.push_str(&piece);
        }
        Ok(Some(whole))
    }
}

/// The pieces in which an item is stored: its digest and the number of each.
fn pieces(item: &Item) -> impl Iterator<Item = (&str, usize)> {
    let (digest, count) = match item {
        Item::Text(_) => ("", 0),
        Item::Stored { digest, pieces } => (digest.as_str(), *pieces),
    };
    (0..count).map(move |position| (digest, position))
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
