//! The one way to change a page.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::{SignedDuration, Timestamp};

use super::page::{self, Entry, Page};
use super::pages::PageRecord;
use super::{Cached, MARKED_FOR_DELETION, Vault, VaultError};
use crate::aws::{AwsError, is_code};
use crate::clock::Clock;
use crate::table::{Condition, Transaction, keys, text, to_item};

/// What a change does to a page.
pub enum Change<'a> {
    /// Sets an account's entry, unless the page holds a newer one. A page at its limit takes no account that is new to it,
    /// though its chooser saw room: others may have chosen it at the same time.
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
pub(super) const WRITE_TRIES: u32 = 12;

/// The waits between tries to put a version, beyond the SDK's own: a token that Instagram has just issued is nowhere
/// else.
const WAITS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// No try is begun later than this after the first one.
const TRIES_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// What a change makes of a page's content.
enum Changed {
    Content(Page),
    Nothing,
    Outdated,
    Occupied,
}

impl Change<'_> {
    /// The changed content, on a page that has at most so many accounts.
    fn apply(&self, mut content: Page, most: usize) -> Changed {
        match self {
            Change::Set(account, entry) => {
                let old = content.get(account);
                if old.is_some_and(|old| old.generation >= entry.generation) {
                    return Changed::Outdated;
                }
                if old.is_none() && content.len() >= most {
                    return Changed::Occupied;
                }
                content.set(account, entry.clone());
            }
            Change::Remove(account) => {
                if !content.remove(account) {
                    return Changed::Nothing;
                }
            }
        }
        Changed::Content(content)
    }
}

impl Vault {
    /// Changes a page and the records that belong to the change: all or nothing. An entry that is to be removed and is
    /// gone already, or stands on a page that nobody can read, leaves the page as it is; then only the records change.
    ///
    /// # Errors
    /// [`VaultError::Missing`], [`VaultError::Damaged`], [`VaultError::Full`] and [`VaultError::Occupied`] where this page
    /// cannot take an entry; another one can. [`VaultError::Busy`] where too many others write.
    pub async fn write(
        &self,
        page: &str,
        change: Change<'_>,
        records: Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Written, VaultError> {
        let mut versions = 0;
        let outcome = self
            .try_write(page, &change, &records, now, &mut versions)
            .await;
        if versions > 0 && !matches!(outcome, Ok(Written::Yes)) {
            self.count_versions(page, versions).await;
        }
        outcome
    }

    /// `versions` rises with each version that was put.
    async fn try_write(
        &self,
        page: &str,
        change: &Change<'_>,
        records: &[TransactWriteItem],
        now: Timestamp,
        versions: &mut i32,
    ) -> Result<Written, VaultError> {
        for attempt in 0..WRITE_TRIES {
            // Before the page is read: the longer ago that was, the likelier another one wins.
            self.take_turn().await?;
            let record = self.page_record(page).await?;
            let content = match self.content(page, record.as_ref()).await {
                Err(error) if error.is_of_page() && matches!(change, Change::Remove(_)) => {
                    tracing::error!(
                        event = "token_not_removed",
                        page,
                        error = %error,
                        "the page cannot be read, so the entry was not looked for"
                    );
                    return self.write_alone(records.to_vec()).await;
                }
                content => content?,
            };
            let content = match change.apply(content, self.config.page_size) {
                Changed::Content(content) => content,
                Changed::Nothing => return self.write_alone(records.to_vec()).await,
                Changed::Outdated => return Ok(Written::Outdated),
                Changed::Occupied => return Err(VaultError::Occupied),
            };
            let value = content.to_text();
            if value.len() > page::MOST_BYTES {
                return Err(VaultError::Full);
            }
            let version = self.put_version(page, &value).await?;
            *versions += 1;
            let budget = record.as_ref().map(PageRecord::budget).unwrap_or_default();
            let new_record = PageRecord {
                version_id: version.clone(),
                entries: content.len(),
                bytes: value.len(),
                updated_at: now,
                budget_used_until: Some(budget.after(*versions, self.clock.now())),
            };
            let condition = match &record {
                None => Condition::is_new(),
                Some(record) => Condition::equals("versionId", text(&record.version_id)),
            };
            let item = to_item(keys::vault_page(page), &new_record)?;
            let mut items = vec![self.table.put_write(item, condition)?];
            items.extend_from_slice(records);
            match self.table.transact(items).await? {
                Transaction::Written => {
                    let kept = Cached {
                        version,
                        page: content,
                    };
                    self.keep(page, kept);
                    return Ok(Written::Yes);
                }
                Transaction::Refused(positions) if !positions.contains(&0) => {
                    return Ok(Written::Refused(
                        positions.iter().map(|position| position - 1).collect(),
                    ));
                }
                Transaction::Refused(_) => pause(&self.clock, attempt).await,
            }
        }
        Err(VaultError::Busy)
    }

    async fn content(&self, page: &str, record: Option<&PageRecord>) -> Result<Page, VaultError> {
        match record {
            Some(record) => Ok(self.load(page, &record.version_id).await?.page.clone()),
            None => Ok(Page::default()),
        }
    }

    async fn write_alone(&self, records: Vec<TransactWriteItem>) -> Result<Written, VaultError> {
        if records.is_empty() {
            return Ok(Written::Yes);
        }
        Ok(match self.table.transact(records).await? {
            Transaction::Written => Written::Yes,
            Transaction::Refused(positions) => Written::Refused(positions),
        })
    }

    /// Counts versions that no record names, where a write ends without success. Where another one moves the record at
    /// the same time, they stay uncounted: there are few of them. And where the table does not answer, so that the write
    /// ends as it would have ended.
    async fn count_versions(&self, page: &str, versions: i32) {
        if let Err(error) = self.try_count_versions(page, versions).await {
            tracing::warn!(event = "versions_not_counted", page, versions, error = %error, "a page's budget knows too few of its versions");
        }
    }

    async fn try_count_versions(&self, page: &str, versions: i32) -> Result<(), AwsError> {
        let Some(mut record) = self.page_record(page).await? else {
            return Ok(());
        };
        let condition = Condition::equals("versionId", text(&record.version_id));
        record.budget_used_until = Some(record.budget().after(versions, self.clock.now()));
        let item = to_item(keys::vault_page(page), &record)?;
        self.table.put_if(item, condition).await.map(|_| ())
    }

    /// Stores the content as a new version, which nobody reads until the page's record names it.
    async fn put_version(&self, page: &str, value: &str) -> Result<String, VaultError> {
        // One id for all tries: a version whose answer was lost is the same one.
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
        let mut result = self.patiently(put).await?;
        if let Err(error) = &result
            && is_code(error, "ResourceNotFoundException")
        {
            // The first write of a page, whose secret may not exist yet when its opener died half-way.
            self.take_turn().await?;
            self.create_secret(page).await?;
            self.take_turn().await?;
            result = self.patiently(put).await?;
        }
        match result {
            Ok(_) => Ok(version),
            Err(error) if is_code(&error, MARKED_FOR_DELETION) => Err(VaultError::Missing),
            Err(error) => Err(AwsError::new("PutSecretValue", &error).into()),
        }
    }

    async fn create_secret(&self, page: &str) -> Result<(), VaultError> {
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
            Err(error) if is_code(&error, MARKED_FOR_DELETION) => Err(VaultError::Missing),
            Err(error) => Err(AwsError::new("CreateSecret", &error).into()),
        }
    }

    /// Makes a call whose turn has come, and makes it again, each time in a turn of its own, as long as what keeps it
    /// from being done may pass within seconds.
    async fn patiently<T, E, F>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<Result<T, SdkError<E, HttpResponse>>, VaultError>
    where
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let first = self.clock.now();
        let mut waits = WAITS.iter();
        loop {
            let error = match call().await {
                Ok(done) => return Ok(Ok(done)),
                Err(error) => error,
            };
            let has_time = |wait: &&Duration| {
                let elapsed = self.clock.now().duration_since(first);
                elapsed + SignedDuration::try_from(**wait).unwrap_or_default() <= TRIES_WITHIN
            };
            match waits.next().filter(has_time) {
                Some(wait) if may_pass(&error) => self.clock.sleep(*wait).await,
                _ => return Ok(Err(error)),
            }
            self.take_turn().await?;
        }
    }
}

/// Throttling, an error of the server, or no answer at all.
fn may_pass<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ServiceError(service) => {
            service.err().code() == Some("ThrottlingException")
                || service.raw().status().is_server_error()
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        _ => false,
    }
}

/// Full jitter between tries, so that writers of one page do not keep meeting.
pub(super) async fn pause(clock: &Clock, attempt: u32) {
    let most = 20u64 << attempt.min(6);
    let milliseconds = getrandom::u64().unwrap_or(most) % most;
    clock.sleep(Duration::from_millis(milliseconds)).await;
}
