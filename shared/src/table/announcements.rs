//! Announcements that wait to be sent, and which partitions may have some.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::keys::{ID_DIGITS, Key};
use super::{Condition, Table, from_item, keys, text, to_item};
use crate::announce::Announcement;
use crate::aws::AwsError;

/// So many of a partition are sent and removed at once.
pub(crate) const PAGE: usize = 50;

/// What is to be sent at the end of the request or batch of tasks.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// What it wrote itself.
    pub(crate) written: Vec<Announcement>,
    /// Partitions of which everything is to be sent, whoever wrote it.
    pub(crate) partitions: BTreeSet<char>,
}

impl Table {
    /// Keeps an announcement as part of a transaction. Once that is written, it is noted to be sent.
    pub fn announcement_write(
        &self,
        announcement: &Announcement,
    ) -> Result<TransactWriteItem, AwsError> {
        let item = to_item(key(announcement), announcement)?;
        self.put_write(item, Condition::is_new())
    }

    /// Notes the announcements among what was written.
    pub(super) fn note_written(&self, items: &[TransactWriteItem]) {
        let written = items.iter().filter_map(|item| item.put());
        let announcements = written
            .map(|put| put.item())
            .filter(|item| {
                Key::of_item(item).is_some_and(|key| key.pk.starts_with(keys::ANNOUNCEMENTS))
            })
            .filter_map(|item| from_item(item.clone()).ok());
        self.noted().written.extend(announcements);
    }

    /// Notes that all announcements that wait about an account are to be sent, whoever wrote them.
    pub fn note_announcements(&self, account: &str) {
        self.noted().partitions.insert(partition_of(account));
    }

    /// What was noted since this was asked last.
    pub(crate) fn take_noted(&self) -> Noted {
        std::mem::take(&mut self.noted())
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first announcements of a partition, oldest first.
    pub async fn waiting_announcements(
        &self,
        partition: char,
    ) -> Result<Vec<Announcement>, AwsError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::announcements_partition(partition)))
            .consistent_read(true)
            .limit(i32::try_from(PAGE).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        let items = output.items.unwrap_or_default();
        items.into_iter().map(from_item).collect()
    }

    /// Removes an announcement that was sent; somebody else may have done so.
    pub async fn remove_announcement(&self, announcement: &Announcement) -> Result<(), AwsError> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key(announcement).into_item()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::new("DeleteItem", &error))
    }
}

fn key(announcement: &Announcement) -> Key {
    let partition = partition_of(&announcement.account);
    keys::announcement(partition, announcement.at, &announcement.id)
}

/// An id that begins with no digit is none of ours; it has a place all the same.
fn partition_of(account: &str) -> char {
    let digit = account.chars().next().unwrap_or_default();
    ID_DIGITS.chars().find(|own| *own == digit).unwrap_or('0')
}
