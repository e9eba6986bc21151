//! The pages' records, and which pages take new accounts.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::budget::PageBudget;
use super::page::ROOM_UNTIL_BYTES;
use super::write::{WRITE_TRIES, pause};
use super::{Vault, VaultError};
use crate::aws::AwsError;
use crate::table::{Condition, keys, text, to_item};

/// How many pages may be open besides the newest ones: those that have room and no writes left today, and those that
/// were opened again. Whoever looks for a page reads the records of the open ones, one after the other.
const OTHER_OPEN_PAGES: usize = 16;

/// A page's record in the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageRecord {
    /// The version that counts.
    pub(super) version_id: String,
    /// How many entries it holds.
    pub(super) entries: usize,
    /// How many bytes its secret has.
    pub(super) bytes: usize,
    /// When it was written.
    pub(super) updated_at: Timestamp,
    /// When all of its budget of versions is there again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) budget_used_until: Option<Timestamp>,
}

impl PageRecord {
    pub(super) fn budget(&self) -> PageBudget {
        PageBudget {
            used_until: self.budget_used_until,
        }
    }

    fn holds_at_most(&self, entries: usize) -> bool {
        self.entries <= entries && self.bytes < ROOM_UNTIL_BYTES
    }
}

/// The pages over which new accounts are dealt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenPages {
    pub(super) pages: Vec<String>,
    /// The number of the next page that is opened.
    next: u64,
}

fn page_name(number: u64) -> String {
    format!("page-{number:06}")
}

impl Vault {
    /// A page for an account that has none: one of the open pages, a new one where all of them are full or were written
    /// too often today.
    ///
    /// # Errors
    /// As [`Vault::other_page_for`].
    pub async fn page_for(&self, account: &str) -> Result<String, VaultError> {
        self.other_page_for(account, &[]).await
    }

    /// A page for an account that cannot use these ones, because they are broken.
    ///
    /// # Errors
    /// [`VaultError::Busy`] when others kept filling the pages that were opened.
    pub async fn other_page_for(
        &self,
        account: &str,
        broken: &[String],
    ) -> Result<String, VaultError> {
        for attempt in 0..WRITE_TRIES {
            let open = self.open_pages().await?;
            let now = self.clock.now();
            let start = usize::from(
                ring::digest::digest(&ring::digest::SHA256, account.as_bytes()).as_ref()[0],
            );
            let mut resting = Vec::new();
            for offset in 0..open.pages.len() {
                let page = &open.pages[(start + offset) % open.pages.len()];
                if broken.contains(page) {
                    continue;
                }
                let Some(record) = self.page_record(page).await? else {
                    return Ok(page.clone());
                };
                if !record.holds_at_most(self.config.page_size - 1) {
                    continue;
                }
                if record.budget().has_room(now) {
                    return Ok(page.clone());
                }
                resting.push(page.clone());
            }
            self.open_more(Some(&open), resting).await?;
            pause(&self.clock, attempt).await;
        }
        Err(VaultError::Busy)
    }

    /// Whether a scheduled refresh may write to the page now. Asked before Instagram is asked for a token: a token that
    /// was issued must be stored, so [`Vault::write`] itself never refuses for this reason.
    ///
    /// # Errors
    /// [`VaultError::Spent`] with the moment from which one write is left.
    pub async fn room_for_write(&self, page: &str) -> Result<(), VaultError> {
        let record = self.page_record(page).await?;
        let now = self.clock.now();
        match record.and_then(|record| record.budget().spent_until(now)) {
            None => Ok(()),
            Some(until) => Err(VaultError::Spent(until)),
        }
    }

    /// Every page that was ever opened, oldest first; a young one may have neither record nor secret yet.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn page_names(&self) -> Result<Vec<String>, AwsError> {
        let open = self.read_open_pages().await?;
        Ok((1..open.map_or(1, |open| open.next))
            .map(page_name)
            .collect())
    }

    /// Puts a page among the open pages again that has become at least half empty, so that accounts which come and go do
    /// not leave paid secrets behind. `false` where nothing is to be done, or where enough pages are open.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn reopen(&self, page: &str) -> Result<bool, VaultError> {
        let Some(open) = self.read_open_pages().await? else {
            return Ok(false);
        };
        let enough = self.config.open_pages + OTHER_OPEN_PAGES;
        if open.pages.len() >= enough || open.pages.iter().any(|opened| opened == page) {
            return Ok(false);
        }
        // A page without a record has no secret either, and costs nothing.
        let record = self.page_record(page).await?;
        if !record.is_some_and(|record| record.holds_at_most(self.config.page_size / 2)) {
            return Ok(false);
        }
        let mut more = open.clone();
        more.pages.push(page.to_owned());
        Ok(self.replace_open_pages(Some(&open), &more).await?)
    }

    async fn read_open_pages(&self) -> Result<Option<OpenPages>, AwsError> {
        self.table.get_record(keys::vault_open_pages()).await
    }

    async fn open_pages(&self) -> Result<OpenPages, AwsError> {
        loop {
            match self.read_open_pages().await? {
                Some(open) => return Ok(open),
                None => self.open_more(None, Vec::new()).await?,
            }
        }
    }

    /// Replaces the open pages by as many new ones, where nobody else just did. Those that only rest stay open.
    async fn open_more(
        &self,
        old: Option<&OpenPages>,
        mut resting: Vec<String>,
    ) -> Result<(), AwsError> {
        let first = old.map_or(1, |old| old.next);
        let next = first + self.config.open_pages as u64;
        resting.truncate(OTHER_OPEN_PAGES);
        resting.extend((first..next).map(page_name));
        let pages = resting;
        self.replace_open_pages(old, &OpenPages { pages, next })
            .await
            .map(|_| ())
    }

    /// `false` where somebody else changed them meanwhile.
    async fn replace_open_pages(
        &self,
        old: Option<&OpenPages>,
        new: &OpenPages,
    ) -> Result<bool, AwsError> {
        let condition = match old {
            None => Condition::is_new(),
            Some(old) => {
                let pages = old.pages.iter().map(text).collect();
                Condition::equals("pages", AttributeValue::L(pages))
            }
        };
        let item = to_item(keys::vault_open_pages(), new)?;
        self.table.put_if(item, condition).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::from_item;

    #[test]
    fn a_record_without_a_budget_has_all_of_it() {
        let item = [
            ("versionId".to_owned(), text("v")),
            ("entries".to_owned(), AttributeValue::N("3".into())),
            ("bytes".to_owned(), AttributeValue::N("900".into())),
            ("updatedAt".to_owned(), text("2026-11-21T10:00:00Z")),
        ];
        let record: PageRecord = from_item(item.into()).unwrap();
        assert_eq!(record.budget().spent_until(record.updated_at), None);
    }
}
