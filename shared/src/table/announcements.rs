//! Announcements that wait to be sent, and which partitions may have some.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::keys::ID_DIGITS;
use super::{Condition, Table, from_item, keys, text, to_item};
use crate::announce::Announcement;
use crate::aws::AwsError;

/// So many of a partition are sent and removed at once.
pub(crate) const PAGE: usize = 50;

impl Table {
    /// Keeps an announcement as part of a transaction, and notes that it is to be sent.
    pub fn announcement_write(
        &self,
        announcement: &Announcement,
    ) -> Result<TransactWriteItem, AwsError> {
        self.note_announcements(&announcement.account);
        let item = to_item(key(announcement), announcement)?;
        self.put_write(item, Condition::is_new())
    }

    /// Notes that announcements about an account may wait.
    pub fn note_announcements(&self, account: &str) {
        self.noted_announcements().insert(partition_of(account));
    }

    /// The partitions for which something was noted since this was asked last: the first digits of accounts' ids.
    pub fn take_noted_announcements(&self) -> BTreeSet<char> {
        std::mem::take(&mut self.noted_announcements())
    }

    fn noted_announcements(&self) -> std::sync::MutexGuard<'_, BTreeSet<char>> {
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

fn key(announcement: &Announcement) -> keys::Key {
    let partition = partition_of(&announcement.account);
    keys::announcement(partition, announcement.at, &announcement.id)
}

/// An id that begins with no digit is none of ours; it has a place all the same.
fn partition_of(account: &str) -> char {
    let digit = account.chars().next().unwrap_or_default();
    ID_DIGITS.chars().find(|own| *own == digit).unwrap_or('0')
}
