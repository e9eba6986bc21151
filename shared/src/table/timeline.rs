//! What happened to an account, and what each sync did: append-only, newest first.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::{self, Item};
use super::{Condition, Table, from_item, number, text, to_item};
use crate::account::Account;
use crate::announce::Announcement;
use crate::aws::AwsError;

/// How long entries are kept.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// One thing that happened to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// Stable word for what happened.
    pub event: String,
    /// A sentence for a person.
    pub sentence: String,
    /// Who caused it: a user's id, or `instagram`, or `schedule`.
    pub by: String,
    /// The request or task that caused it.
    pub correlation_id: String,
}

/// What one sync did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncLogEntry {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
    /// Milliseconds in between.
    pub duration_ms: u64,
    /// What was synced: `profile`.
    pub sync_type: String,
    /// `success` or `failed`.
    pub status: String,
    /// How many things were read.
    pub items_synced: u64,
    /// Stable code of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// A sentence about the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Whether Instagram's rate limit stopped it.
    pub rate_limit_hit: bool,
    /// When Instagram takes calls again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_reset: Option<Timestamp>,
    /// The request or task that caused it.
    pub correlation_id: String,
}

/// A page of entries, and the sort key after which the next one begins.
pub struct Entries<T> {
    /// Newest first.
    pub entries: Vec<T>,
    /// Position for the next page; absent at the end.
    pub next: Option<String>,
}

impl Table {
    /// A timeline entry as part of a transaction, and what it announces.
    pub fn timeline_writes(
        &self,
        account: &Account,
        entry: &TimelineEntry,
    ) -> Result<Vec<TransactWriteItem>, AwsError> {
        let item = timeline_item(&account.id, entry)?;
        let mut writes = vec![self.put_write(item, Condition::is_new())?];
        if let Some(announcement) = Announcement::of_account(account, entry) {
            writes.push(self.announcement_write(&announcement)?);
        }
        Ok(writes)
    }

    /// Appends a sync log entry.
    pub async fn append_sync_log(
        &self,
        account: &str,
        entry: &SyncLogEntry,
    ) -> Result<(), AwsError> {
        self.put_if(sync_log_item(account, entry)?, Condition::is_new())
            .await
            .map(|_| ())
    }

    /// A sync log entry as part of a transaction.
    pub fn sync_log_write(
        &self,
        account: &str,
        entry: &SyncLogEntry,
    ) -> Result<TransactWriteItem, AwsError> {
        self.put_write(sync_log_item(account, entry)?, Condition::is_new())
    }

    /// A page of the timeline, newest first.
    pub async fn timeline(
        &self,
        account: &str,
        limit: usize,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Entries<TimelineEntry>, AwsError> {
        self.entries(account, keys::TIMELINE, limit, after, now)
            .await
    }

    /// A page of the sync log, newest first.
    pub async fn sync_log(
        &self,
        account: &str,
        limit: usize,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Entries<SyncLogEntry>, AwsError> {
        self.entries(account, keys::SYNC_LOG, limit, after, now)
            .await
    }

    pub(super) async fn entries<T: serde::de::DeserializeOwned>(
        &self,
        account: &str,
        prefix: &str,
        limit: usize,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Entries<T>, AwsError> {
        // What DynamoDB has not dropped yet counts as dropped.
        let oldest = format!("{prefix}{}", keys::sortable(now - LIFETIME));
        let partition = keys::account_partition(account);
        let start = after.map(|sk| {
            Item::from([
                ("pk".to_owned(), text(partition.clone())),
                ("sk".to_owned(), text(sk)),
            ])
        });
        // One more than asked for tells whether there is a next page: DynamoDB's own mark also stands at the end.
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :oldest AND :end")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":oldest", text(oldest))
            .expression_attribute_values(":end", text(format!("{prefix}~")))
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        let mut items = output.items.unwrap_or_default();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).and_then(sort_key);
        let entries = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Entries { entries, next })
    }
}

fn sync_log_item(account: &str, entry: &SyncLogEntry) -> Result<Item, AwsError> {
    let suffix = keys::Key::suffix();
    let item = to_item(keys::sync_log(account, entry.completed_at, &suffix), entry)?;
    Ok(lasting(item, entry.completed_at))
}

fn timeline_item(account: &str, entry: &TimelineEntry) -> Result<Item, AwsError> {
    let item = to_item(
        keys::timeline(account, entry.at, &keys::Key::suffix()),
        entry,
    )?;
    Ok(lasting(item, entry.at))
}

pub(super) fn lasting(mut item: Item, at: Timestamp) -> Item {
    item.insert(keys::TTL.into(), number((at + LIFETIME).as_second()));
    item
}

fn sort_key(item: &Item) -> Option<String> {
    match item.get("sk") {
        Some(AttributeValue::S(sk)) => Some(sk.clone()),
        _ => None,
    }
}
