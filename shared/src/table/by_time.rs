//! Lists of the first index: what an account has, by time.

use jiff::Timestamp;

use super::accounts::string;
use super::keys::{self, Item, Key};
use super::{Table, text};
use crate::aws::AwsError;

/// So many pages of the index, of a mebibyte each, are read for one page of a list: a filter that matches little must not read
/// all of it.
const MOST_PAGES: usize = 4;

/// Which records of a partition of the first index are asked for, and in which order.
pub(super) struct ByTime<'a> {
    /// The partition of the first index.
    pub(super) partition: String,
    /// A record's key, by its id.
    pub(super) key_of: &'a (dyn Fn(&str) -> Key + Sync),
    /// Only those whose time is not before.
    pub(super) from: Option<Timestamp>,
    /// Only those whose time is before.
    pub(super) to: Option<Timestamp>,
    /// Only those whose attribute, one that the index carries, has this text.
    pub(super) equal: &'a [(&'a str, &'a str)],
    /// The earliest first.
    pub(super) earliest_first: bool,
}

/// A page of such a list.
#[derive(Default)]
pub(super) struct Found {
    /// The records' keys, in the list's order.
    pub(super) keys: Vec<Key>,
    /// Position after the last one that was looked at; absent at the end.
    pub(super) next: Option<String>,
}

impl Table {
    /// A page of a list, after the position `after`. With a filter it may hold fewer than `limit`, and not be the last.
    pub(super) async fn by_time(
        &self,
        list: &ByTime<'_>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Found, AwsError> {
        let (from, to) = (bound(list.from, " "), bound(list.to, "~"));
        if from > to {
            // DynamoDB refuses a range that ends before it begins.
            return Ok(Found::default());
        }
        let mut found: Vec<(String, String)> = Vec::new();
        let mut start = after.and_then(|after| start_key(list, after));
        let names: Vec<String> = (0..list.equal.len())
            .map(|number| format!("#a{number} = :v{number}"))
            .collect();
        for _ in 0..MOST_PAGES {
            let mut query = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(keys::INDEX_1)
                .key_condition_expression("index1pk = :list AND index1sk BETWEEN :from AND :to")
                .expression_attribute_values(":list", text(&list.partition))
                .expression_attribute_values(":from", text(&from))
                .expression_attribute_values(":to", text(&to))
                .scan_index_forward(list.earliest_first)
                .set_exclusive_start_key(start);
            for (number, (attribute, value)) in list.equal.iter().enumerate() {
                query = query
                    .expression_attribute_names(format!("#a{number}"), *attribute)
                    .expression_attribute_values(format!(":v{number}"), text(*value));
            }
            if !names.is_empty() {
                query = query.filter_expression(names.join(" AND "));
            }
            let output = query
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            let items = output.items.unwrap_or_default();
            found.extend(
                items
                    .iter()
                    .filter_map(|item| Some((string(item, "id")?, string(item, "index1sk")?))),
            );
            start = output.last_evaluated_key;
            // One more than asked for tells whether there is a next page.
            if start.is_none() || found.len() > limit {
                break;
            }
        }
        let next = if found.len() > limit {
            found.truncate(limit);
            found.last().map(|(_, position)| position.clone())
        } else {
            start.and_then(|key| string(&key, "index1sk"))
        };
        Ok(Found {
            next,
            keys: found.iter().map(|(id, _)| (list.key_of)(id)).collect(),
        })
    }
}

/// An end of the time that a list shows: without one, before or after every time. DynamoDB takes no empty text for a key.
fn bound(time: Option<Timestamp>, otherwise: &str) -> String {
    time.map_or_else(|| otherwise.to_owned(), keys::sortable)
}

/// The whole key of a position in the first index; `None` for one that cannot be one.
fn start_key(list: &ByTime<'_>, position: &str) -> Option<Item> {
    let (_, id) = position.split_once('#')?;
    let mut key = (list.key_of)(id).into_item();
    key.insert("index1pk".into(), text(&list.partition));
    key.insert("index1sk".into(), text(position));
    Some(key)
}
