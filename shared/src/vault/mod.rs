//! The vault: tokens, in pages.
//!
//! A page is one secret of Secrets Manager that holds many accounts' tokens, and a record in the table that names the
//! version which counts. Secrets Manager stores, DynamoDB arbitrates: a write puts a new version under a fresh id and
//! then moves the page's record to it in one transaction with the records that belong to the change. Whoever loses that
//! transaction starts again from the winner's version, and a write that ends half-way is invisible.
//!
//! An entry's generation is its fence: it only rises. A cached page is good for an account when its entry is at least
//! as new as the account's record says, so a warm function reads a token without any call.
//!
//! `page` is what a secret holds, `pages` the records and which pages take new accounts, `moving` how an account gets to
//! another page, `write` the one way to change a page, `budget` how often that may happen, `heal` what the audit does for
//! pages that nobody writes.

mod budget;
mod heal;
mod moving;
mod page;
mod pages;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_secretsmanager::Client;
use jiff::Timestamp;

use crate::account::Account;
use crate::aws::{AwsError, is_code};
use crate::clock::Clock;
use crate::config::VaultConfig;
use crate::secret::AccessToken;
use crate::table::{Table, keys};
pub use heal::Healed;
pub use moving::PageChoice;
pub use page::Entry;
use page::Page;
use pages::{OpenPages, PageRecord};
pub use write::{Change, Written};

/// Access to tokens.
#[derive(Clone)]
pub struct Vault {
    secrets: Client,
    table: Table,
    config: VaultConfig,
    clock: Clock,
    cache: Arc<Mutex<HashMap<String, Arc<Cached>>>>,
}

/// The version of a page that counted when it was read.
struct Cached {
    version: String,
    page: Page,
}

/// Why the vault did not do what was asked.
#[derive(Clone, Debug)]
pub enum VaultError {
    /// AWS did not answer, or refused: try again; nothing was changed.
    Unavailable(AwsError),
    /// There is no token for the account: its page has no entry for it, or an older one than its record says, or the
    /// page's secret or the version that counts is gone. A secret that is marked for deletion is as good as gone, since
    /// Secrets Manager hands out nothing of it. The account must be connected again.
    Missing,
    /// The page cannot be read: an operator must look.
    Damaged,
    /// Others kept changing the page, or the next ten seconds of the Region's writes are taken: try again; nothing was
    /// changed.
    Busy,
    /// Tokens have grown so much that the page's do not fit a secret any more: an operator must look.
    Full,
    /// The page has as many accounts as it may have, so that it takes no further one.
    Occupied,
    /// The page, or the whole Region, has been written so often that a refresh has to wait until then.
    Spent(Timestamp),
}

impl fmt::Display for VaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(error) => write!(formatter, "the vault is not available: {error}"),
            Self::Missing => formatter.write_str("the vault holds no token for the account"),
            Self::Damaged => formatter.write_str("a page of the vault cannot be read"),
            Self::Busy => formatter.write_str("too many others are writing to the vault"),
            Self::Full => {
                formatter.write_str("the tokens of a page of the vault do not fit a secret")
            }
            Self::Occupied => {
                formatter.write_str("a page of the vault has as many accounts as it may have")
            }
            Self::Spent(until) => write!(formatter, "the vault takes no refresh until {until}"),
        }
    }
}

impl std::error::Error for VaultError {}

impl From<AwsError> for VaultError {
    fn from(error: AwsError) -> Self {
        Self::Unavailable(error)
    }
}

impl VaultError {
    /// Whether the page itself is what fails, so that only another page can take the account's token.
    pub fn is_of_page(&self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Damaged | Self::Full | Self::Occupied
        )
    }
}

impl Vault {
    /// A vault without anything cached; no call is made.
    pub fn new(secrets: Client, table: Table, config: VaultConfig, clock: Clock) -> Self {
        Self {
            secrets,
            table,
            config,
            clock,
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

    /// Whether Secrets Manager answers for one of the open pages; without pages there is nothing to ask. A page that is
    /// broken says nothing about the others, so only where all are there is no vault.
    pub async fn check(&self) -> Result<(), VaultError> {
        let open = self
            .table
            .get_record::<OpenPages>(keys::vault_open_pages())
            .await?;
        let mut outcome = Ok(());
        for page in open.map(|open| open.pages).unwrap_or_default() {
            // An open page has no secret before its first account.
            let Some(record) = self.page_record(&page).await? else {
                continue;
            };
            match self.fetch(&page, &record.version_id).await {
                Err(error) if error.is_of_page() => outcome = Err(error),
                answered => return answered.map(|_| ()),
            }
        }
        outcome
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
        let result = Box::pin(
            self.secrets
                .get_secret_value()
                .secret_id(self.secret_name(page))
                .version_id(version)
                .send(),
        )
        .await;
        let output = match result {
            Ok(output) => output,
            Err(error) if GONE.iter().any(|code| is_code(&error, code)) => {
                return Err(VaultError::Missing);
            }
            Err(error) => return Err(AwsError::new("GetSecretValue", &error).into()),
        };
        output
            .secret_string
            .as_deref()
            .and_then(Page::parse)
            .ok_or(VaultError::Damaged)
    }
}

/// What Secrets Manager says of a secret or version that is not there, and of a secret that is marked for deletion.
const GONE: &[&str] = &["ResourceNotFoundException", MARKED_FOR_DELETION];
const MARKED_FOR_DELETION: &str = "InvalidRequestException";
