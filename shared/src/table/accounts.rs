//! Accounts: records, lists, counts.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, Select, TransactWriteItem};
use jiff::Timestamp;

pub use super::account_filter::AccountFilter;
use super::keys::{self, Item};
use super::timeline::TimelineEntry;
use super::{Condition, Table, Transaction, number, text, to_item};
use crate::account::Account;
use crate::aws::AwsError;

/// A page of accounts.
pub struct AccountPage {
    /// The accounts, in the list's order.
    pub accounts: Vec<Account>,
    /// Position after the last one; absent at the end.
    pub next: Option<String>,
}

/// What an index tells of an account.
struct Found {
    id: String,
    position: String,
    expires_ms: i64,
}

/// How often a changed record is read anew before a change gives up.
const UPDATE_TRIES: u32 = 10;

impl Table {
    /// An account's record.
    pub async fn account(&self, id: &str) -> Result<Option<Account>, AwsError> {
        self.get_record(keys::account(id)).await
    }

    /// Changes an account's record: reads, changes, writes where nobody wrote meanwhile, and starts again otherwise.
    /// `change` returns `false` to leave the record alone. `None`: there is no such account.
    pub async fn update_account(
        &self,
        id: &str,
        now: Timestamp,
        mut change: impl FnMut(&mut Account) -> bool,
    ) -> Result<Option<Account>, AwsError> {
        self.update_account_telling(id, now, |account, _| change(account))
            .await
    }

    /// Changes an account's record as [`Table::update_account`] does, and tells in its timeline what `change` puts into the
    /// list: both or neither, so that nothing happens untold and nothing is told twice.
    pub async fn update_account_telling(
        &self,
        id: &str,
        now: Timestamp,
        mut change: impl FnMut(&mut Account, &mut Vec<TimelineEntry>) -> bool,
    ) -> Result<Option<Account>, AwsError> {
        for _ in 0..UPDATE_TRIES {
            let Some(mut account) = self.account(id).await? else {
                return Ok(None);
            };
            let read_version = account.version;
            let mut told = Vec::new();
            if !change(&mut account, &mut told) {
                return Ok(Some(account));
            }
            account.version += 1;
            account.updated_at = now;
            let is_written = if told.is_empty() {
                let condition = Condition::equals("version", number(read_version));
                self.put_if(account_item(&account)?, condition).await?
            } else {
                let mut records = vec![self.account_write(&account, Some(read_version))?];
                for entry in &told {
                    records.extend(self.timeline_writes(&account, entry)?);
                }
                self.transact(records).await? == Transaction::Written
            };
            if is_written {
                return Ok(Some(account));
            }
        }
        Err(AwsError::unreadable(
            "PutItem",
            "a record that others keep changing",
        ))
    }

    /// An account's write as part of a transaction: new, or over the version that was read.
    pub fn account_write(
        &self,
        account: &Account,
        read_version: Option<u64>,
    ) -> Result<TransactWriteItem, AwsError> {
        let condition = match read_version {
            None => Condition::is_new(),
            Some(version) => Condition::equals("version", number(version)),
        };
        self.put_write(account_item(account)?, condition)
    }

    /// The account's removal as part of a transaction, where nobody wrote since it was read.
    pub fn account_removal(&self, account: &Account) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(self.name())
            .set_key(Some(keys::account(&account.id).into_item()))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(account.version))
            .build()
            .map_err(|_| AwsError::unreadable("TransactWriteItems", "an incomplete write"))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    pub(crate) fn put_write(
        &self,
        item: Item,
        condition: Condition,
    ) -> Result<TransactWriteItem, AwsError> {
        let put = Put::builder()
            .table_name(self.name())
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values)
            .build()
            .map_err(|_| AwsError::unreadable("TransactWriteItems", "an incomplete write"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// A page of a company's accounts, newest first, after the position `after`. An account that is added while a
    /// caller pages stands before the first page, and moves nothing.
    pub async fn accounts_of_company(
        &self,
        company: &str,
        filter: &AccountFilter,
        limit: usize,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<AccountPage, AwsError> {
        // One more than asked for tells whether there is a next page.
        let found = self
            .find(company, filter, Some(limit + 1), after, now)
            .await?;
        self.page(found, limit).await
    }

    /// A page of a company's accounts whose token runs out in the filter's time, soonest first.
    pub async fn expiring_accounts(
        &self,
        company: &str,
        filter: &AccountFilter,
        limit: usize,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<(AccountPage, usize), AwsError> {
        let mut found = self.find(company, filter, None, None, now).await?;
        for found in &mut found {
            found.position = format!("{:020}#{}", found.expires_ms, found.id);
        }
        found.sort_by(|left, right| left.position.cmp(&right.position));
        let total = found.len();
        if let Some(after) = after {
            found.retain(|found| found.position > after);
        }
        Ok((self.page(found, limit).await?, total))
    }

    /// The first `limit` of what was found, and where the next page begins when there is more.
    async fn page(&self, mut found: Vec<Found>, limit: usize) -> Result<AccountPage, AwsError> {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found
            .last()
            .filter(|_| more)
            .map(|last| last.position.clone());
        let wanted = found.iter().map(|found| keys::account(&found.id));
        let accounts = self.records(wanted.collect()).await?;
        Ok(AccountPage { accounts, next })
    }

    /// How many accounts of a company the filter lets through.
    pub async fn count_accounts(
        &self,
        company: &str,
        filter: &AccountFilter,
        now: Timestamp,
    ) -> Result<usize, AwsError> {
        let mut total = 0;
        let mut start = None;
        loop {
            let output = self
                .company_query(company, filter, now)
                .select(Select::Count)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            total += usize::try_from(output.count).unwrap_or(0);
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(total);
            }
        }
    }

    /// The account of a company for an Instagram id whose claim is not the company's (any more).
    pub async fn former_account(
        &self,
        company: &str,
        instagram_id: &str,
        now: Timestamp,
    ) -> Result<Option<Account>, AwsError> {
        let mut start = None;
        loop {
            let output = self
                .company_query(company, &AccountFilter::default(), now)
                .scan_index_forward(false)
                .filter_expression("platformAccountId = :id")
                .expression_attribute_values(":id", text(instagram_id))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            if let Some(id) = output.items().iter().find_map(|item| string(item, "id")) {
                return self.account(&id).await;
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(None);
            }
        }
    }

    /// Ids and positions from the first index: it may lag, so the records themselves are read from the table.
    async fn find(
        &self,
        company: &str,
        filter: &AccountFilter,
        limit: Option<usize>,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Vec<Found>, AwsError> {
        let mut found = Vec::new();
        let mut start = after
            .as_deref()
            .and_then(|position| start_key(company, position));
        loop {
            let output = self
                .company_query(company, filter, now)
                .scan_index_forward(false)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            for item in output.items() {
                if let (Some(id), Some(position)) = (string(item, "id"), string(item, "index1sk")) {
                    let expires_ms = milliseconds(item, "tokenExpiresMs").unwrap_or(i64::MAX);
                    found.push(Found {
                        id,
                        position,
                        expires_ms,
                    });
                }
                if limit.is_some_and(|limit| found.len() >= limit) {
                    return Ok(found);
                }
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

/// The whole key of a position in the first index; `None` for one that cannot be one.
fn start_key(company: &str, position: &str) -> Option<Item> {
    let (_, id) = position.split_once('#')?;
    let mut key = keys::account(id).into_item();
    key.insert("index1pk".into(), text(keys::company_partition(company)));
    key.insert("index1sk".into(), text(position));
    Some(key)
}

pub(super) fn string(item: &Item, attribute: &str) -> Option<String> {
    match item.get(attribute) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn milliseconds(item: &Item, attribute: &str) -> Option<i64> {
    match item.get(attribute) {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        _ => None,
    }
}

/// An account with its key and what the indexes need.
fn account_item(account: &Account) -> Result<Item, AwsError> {
    let mut item = to_item(keys::account(&account.id), account)?;
    item.insert(
        "index1pk".into(),
        text(keys::company_partition(&account.company)),
    );
    item.insert(
        "index1sk".into(),
        text(keys::by_creation(account.created_at, &account.id)),
    );
    if let Some(expiry) = account.token_expires_at {
        let digit = account.id.chars().next().unwrap_or('0');
        item.insert("index2pk".into(), text(keys::connected_partition(digit)));
        item.insert(
            "index2sk".into(),
            text(keys::by_expiry(expiry, &account.id)),
        );
        item.insert("tokenExpiresMs".into(), number(expiry.as_millisecond()));
    }
    if let Some(until) = account.rate.blocked_until {
        item.insert("rateBlockedMs".into(), number(until.as_millisecond()));
    }
    for (attribute, time) in [
        ("nextRefreshMs", account.next_refresh_at),
        ("suspectMs", account.token_suspect_since),
    ] {
        if let Some(time) = time {
            item.insert(attribute.into(), number(time.as_millisecond()));
        }
    }
    if let Some(reason) = &account.status_reason {
        item.insert("reasonCode".into(), text(&reason.code));
    }
    let names = [&account.username, &account.display_name, &account.name];
    let names: Vec<String> = names
        .into_iter()
        .flatten()
        .map(|name| name.to_lowercase())
        .collect();
    item.insert("searchText".into(), text(names.join("\n")));
    Ok(item)
}
