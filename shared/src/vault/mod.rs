//! The vault: tokens, in pages.
//!
//! A page is one secret of Secrets Manager that holds many accounts' tokens, and a record in the table that names the
//! version which counts. Secrets Manager stores, DynamoDB arbitrates: a write puts a new version under a fresh id and
//! then moves the page's record to it in one transaction with the records that belong to the change. Whoever loses that
//! transaction starts again from the winner's version, and a write that ends half-way is invisible.
//!
//! An entry's generation is its fence: it only rises. A cached page is good for an account when its entry is at least
//! as new as the account's record says, so a warm function reads a token without any call.

mod page;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_secretsmanager::Client;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::aws::{AwsError, is_code};
use crate::config::VaultConfig;
use crate::secret::AccessToken;
use crate::table::{Condition, Table, Transaction, keys, number, text, to_item};
pub use page::Entry;
use page::{Page, ROOM_UNTIL_BYTES};

/// Access to tokens.
#[derive(Clone)]
pub struct Vault {
    secrets: Client,
    table: Table,
    config: VaultConfig,
    cache: Arc<Mutex<HashMap<String, Arc<Cached>>>>,
}

/// The version of a page that counted when it was read.
struct Cached {
    version: String,
    page: Page,
}

/// A page's record in the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageRecord {
    /// The version that counts.
    version_id: String,
    /// How many entries it holds.
    entries: usize,
    /// How many bytes its secret has.
    bytes: usize,
    /// When it was written.
    updated_at: Timestamp,
}

/// The pages over which new accounts are dealt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenPages {
    pages: Vec<String>,
    /// The number of the next page that is opened.
    next: u64,
}

/// Why the vault did not do what was asked.
#[derive(Clone, Debug)]
pub enum VaultError {
    /// AWS did not answer, or refused: try again; nothing was changed.
    Unavailable(AwsError),
    /// The page has no entry for the account, or an older one than its record says: the account must be connected
    /// again.
    Missing,
    /// The page cannot be read: an operator must look.
    Damaged,
    /// Others kept changing the page: try again; nothing was changed.
    Busy,
    /// Tokens have grown so much that the page's do not fit a secret any more: an operator must look.
    Full,
}

impl fmt::Display for VaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(error) => write!(formatter, "the vault is not available: {error}"),
            Self::Missing => formatter.write_str("the vault holds no token for the account"),
            Self::Damaged => formatter.write_str("a page of the vault cannot be read"),
            Self::Busy => formatter.write_str("others kept changing the page of the vault"),
            Self::Full => {
                formatter.write_str("the tokens of a page of the vault do not fit a secret")
            }
        }
    }
}

impl std::error::Error for VaultError {}

impl From<AwsError> for VaultError {
    fn from(error: AwsError) -> Self {
        Self::Unavailable(error)
    }
}

/// What a change does to a page.
pub enum Change<'a> {
    /// Sets an account's entry, unless the page holds a newer one.
    Set(&'a str, Entry),
    /// Removes an account's entry.
    Remove(&'a str),
}

/// How a change ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Page and records were changed together.
    Yes,
    /// Nothing was changed: the conditions of the given records at these positions did not hold.
    Refused(Vec<usize>),
    /// Nothing was changed: the page holds a token of this generation or a newer one.
    Outdated,
}

/// How often a change starts again from a winner's version.
const WRITE_TRIES: u32 = 12;

impl Vault {
    /// A vault without anything cached; no call is made.
    pub fn new(secrets: Client, table: Table, config: VaultConfig) -> Self {
        Self {
            secrets,
            table,
            config,
            cache: Arc::default(),
        }
    }

    /// The token of an account. A warm function needs no call for it.
    ///
    /// # Errors
    /// [`VaultError::Missing`] when the account has none or an older one than its record says.
    pub async fn token(&self, account: &Account) -> Result<AccessToken, VaultError> {
        Ok(self.entry(account).await?.token)
    }

    /// The whole entry of an account.
    ///
    /// # Errors
    /// As [`Vault::token`].
    pub async fn entry(&self, account: &Account) -> Result<Entry, VaultError> {
        let page = account.token_page.as_deref().ok_or(VaultError::Missing)?;
        let good = |cached: &Cached| {
            let entry = cached.page.get(&account.id)?;
            (entry.generation >= account.token_generation).then(|| entry.clone())
        };
        if let Some(entry) = self.cached(page).and_then(|cached| good(&cached)) {
            return Ok(entry);
        }
        let record = self.page_record(page).await?.ok_or(VaultError::Missing)?;
        let cached = self.load(page, &record.version_id).await?;
        good(&cached).ok_or(VaultError::Missing)
    }

    /// A page for an account that has none: one of the open pages, a new one where all of them are full.
    pub async fn page_for(&self, account: &str) -> Result<String, VaultError> {
        for attempt in 0..WRITE_TRIES {
            let open = self.open_pages().await?;
            let start = usize::from(
                ring::digest::digest(&ring::digest::SHA256, account.as_bytes()).as_ref()[0],
            );
            for offset in 0..open.pages.len() {
                let page = &open.pages[(start + offset) % open.pages.len()];
                let record = self.page_record(page).await?;
                let has_room = record.is_none_or(|record| {
                    record.entries < self.config.page_size && record.bytes < ROOM_UNTIL_BYTES
                });
                if has_room {
                    return Ok(page.clone());
                }
            }
            self.open_more(Some(&open)).await?;
            pause(attempt).await;
        }
        Err(VaultError::Busy)
    }

    /// Changes a page and the records that belong to the change: all or nothing.
    pub async fn write(
        &self,
        page: &str,
        change: Change<'_>,
        records: Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Written, VaultError> {
        for attempt in 0..WRITE_TRIES {
            let record = self.page_record(page).await?;
            let mut content = match &record {
                Some(record) => self.load(page, &record.version_id).await?.page.clone(),
                None => Page::default(),
            };
            match &change {
                Change::Set(account, entry) => {
                    if content
                        .get(account)
                        .is_some_and(|old| old.generation >= entry.generation)
                    {
                        return Ok(Written::Outdated);
                    }
                    content.set(account, entry.clone());
                }
                // An entry that is gone already leaves the page as it is; only the records change.
                Change::Remove(account) => {
                    if !content.remove(account) {
                        return Ok(match self.table.transact(records).await? {
                            Transaction::Written => Written::Yes,
                            Transaction::Refused(positions) => Written::Refused(positions),
                        });
                    }
                }
            }
            let value = content.to_text();
            if value.len() > page::MOST_BYTES {
                return Err(VaultError::Full);
            }
            let version = self.put_version(page, &value).await?;
            let new_record = PageRecord {
                version_id: version.clone(),
                entries: content.len(),
                bytes: value.len(),
                updated_at: now,
            };
            let condition = match &record {
                None => Condition::is_new(),
                Some(record) => Condition::equals("versionId", text(&record.version_id)),
            };
            let item = to_item(keys::vault_page(page), &new_record)?;
            let mut items = vec![self.table.put_write(item, condition)?];
            items.extend(records.iter().cloned());
            match self.table.transact(items).await? {
                Transaction::Written => {
                    self.keep(
                        page,
                        Cached {
                            version,
                            page: content,
                        },
                    );
                    return Ok(Written::Yes);
                }
                Transaction::Refused(positions) if !positions.contains(&0) => {
                    return Ok(Written::Refused(
                        positions.iter().map(|position| position - 1).collect(),
                    ));
                }
                Transaction::Refused(_) => pause(attempt).await,
            }
        }
        Err(VaultError::Busy)
    }

    /// Whether Secrets Manager answers for a page; without pages there is nothing to ask.
    pub async fn check(&self) -> Result<(), VaultError> {
        let Some(open) = self
            .table
            .get_record::<OpenPages>(keys::vault_open_pages())
            .await?
        else {
            return Ok(());
        };
        let Some(page) = open.pages.first() else {
            return Ok(());
        };
        // An open page has no secret before its first account.
        let Some(record) = self.page_record(page).await? else {
            return Ok(());
        };
        self.fetch(page, &record.version_id).await.map(|_| ())
    }

    fn secret_name(&self, page: &str) -> String {
        format!("{}/{page}", self.config.prefix)
    }

    async fn page_record(&self, page: &str) -> Result<Option<PageRecord>, AwsError> {
        self.table.get_record(keys::vault_page(page)).await
    }

    fn cached(&self, page: &str) -> Option<Arc<Cached>> {
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(page)
            .cloned()
    }

    fn keep(&self, page: &str, cached: Cached) -> Arc<Cached> {
        let cached = Arc::new(cached);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // A page is at most 64 KiB; 64 of them bound what a function holds in memory.
        if cache.len() >= 64 {
            cache.clear();
        }
        cache.insert(page.to_owned(), cached.clone());
        cached
    }

    /// The page's content in this version: versions never change, so a cached one is as good.
    async fn load(&self, page: &str, version: &str) -> Result<Arc<Cached>, VaultError> {
        if let Some(cached) = self.cached(page).filter(|cached| cached.version == version) {
            return Ok(cached);
        }
        let content = self.fetch(page, version).await?;
        Ok(self.keep(
            page,
            Cached {
                version: version.to_owned(),
                page: content,
            },
        ))
    }

    async fn fetch(&self, page: &str, version: &str) -> Result<Page, VaultError> {
        let output = self
            .secrets
            .get_secret_value()
            .secret_id(self.secret_name(page))
            .version_id(version)
            .send()
            .await
            .map_err(|error| AwsError::new("GetSecretValue", &error))?;
        output
            .secret_string
            .as_deref()
            .and_then(Page::parse)
            .ok_or(VaultError::Damaged)
    }

    /// Stores the content as a new version, which nobody reads until the page's record names it.
    async fn put_version(&self, page: &str, value: &str) -> Result<String, VaultError> {
        let version = uuid::Uuid::new_v4().to_string();
        let name = self.secret_name(page);
        let put = || {
            self.secrets
                .put_secret_value()
                .secret_id(&name)
                .client_request_token(&version)
                .secret_string(value)
                .send()
        };
        match put().await {
            Ok(_) => Ok(version),
            // The first write of a page, whose secret may not exist yet when its opener died half-way.
            Err(error) if is_code(&error, "ResourceNotFoundException") => {
                self.create_secret(page).await?;
                put()
                    .await
                    .map_err(|error| AwsError::new("PutSecretValue", &error))?;
                Ok(version)
            }
            Err(error) => Err(AwsError::new("PutSecretValue", &error).into()),
        }
    }

    async fn create_secret(&self, page: &str) -> Result<(), AwsError> {
        let result = self
            .secrets
            .create_secret()
            .name(self.secret_name(page))
            .description("Access tokens of connected Instagram accounts: a page of the vault")
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if is_code(&error, "ResourceExistsException") => Ok(()),
            Err(error) => Err(AwsError::new("CreateSecret", &error)),
        }
    }

    async fn open_pages(&self) -> Result<OpenPages, AwsError> {
        loop {
            match self
                .table
                .get_record::<OpenPages>(keys::vault_open_pages())
                .await?
            {
                Some(open) => return Ok(open),
                None => self.open_more(None).await?,
            }
        }
    }

    /// Replaces the open pages by as many new ones, where nobody else just did.
    async fn open_more(&self, old: Option<&OpenPages>) -> Result<(), AwsError> {
        let first = old.map_or(1, |old| old.next);
        let next = first + self.config.open_pages as u64;
        let pages = (first..next)
            .map(|page| format!("page-{page:06}"))
            .collect();
        let condition = match old {
            None => Condition::is_new(),
            Some(old) => Condition::equals("next", number(old.next)),
        };
        let item = to_item(keys::vault_open_pages(), &OpenPages { pages, next })?;
        self.table.put_if(item, condition).await.map(|_| ())
    }
}

/// Full jitter between tries, so that writers of one page do not keep meeting.
async fn pause(attempt: u32) {
    let most = 20u64 << attempt.min(6);
    let milliseconds = getrandom::u64().unwrap_or(most) % most;
    tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
}
