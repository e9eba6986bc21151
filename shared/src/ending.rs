//! How a connection ends: because a user of the company wants it, because the person removed the app on Instagram, or
//! because the account is erased.
//!
//! It can die after any step: whoever asks again goes on from there, and ends in the same state.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::account::{Account, Failure, Status};
use crate::app::App;
use crate::connection;
use crate::secret::AccessToken;
use crate::table::Transaction;
use crate::table::claims::Claim;
use crate::table::timeline::TimelineEntry;
use crate::telemetry;
use crate::vault::{Change, VaultError, Written};

/// How often a record that somebody else just wrote is read anew.
const TRIES: u32 = 10;
/// How long Instagram may take to hear that we want no more events.
const UNSUBSCRIBE_WITHIN: Duration = Duration::from_secs(2);
/// Who causes what the person does on Instagram, for the timeline.
pub const BY_INSTAGRAM: &str = "instagram";

/// Who ends a connection.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// A user of the company.
    ByUser(&'a str),
    /// The person, on Instagram, at this time: a connection that is younger is not meant.
    ByPerson(Timestamp),
    /// Everything about the account is being erased, so nothing is told in its timeline. Where the person asked for it, then
    /// at this time: a connection that is younger is not meant.
    ByErasure(Option<Timestamp>),
}

impl End<'_> {
    /// Whether there is something to end.
    fn is_meant_for(self, account: &Account) -> bool {
        match self {
            End::ByUser(_) => account.status != Status::Disconnected,
            End::ByErasure(asked_at) => {
                account.status != Status::Disconnected
                    && asked_at.is_none_or(|at| was_connected_by(account, at))
            }
            End::ByPerson(at) => account.is_connected() && was_connected_by(account, at),
        }
    }

    fn status(self) -> Status {
        match self {
            End::ByUser(_) | End::ByErasure(_) => Status::Disconnected,
            End::ByPerson(_) => Status::Revoked,
        }
    }

    fn reason(self, now: Timestamp) -> Failure {
        let (code, message) = match self {
            End::ByUser(_) => (
                "disconnected_by_user",
                "The account was disconnected. Connect it again to go on.",
            ),
            End::ByPerson(_) => (
                "app_removed",
                "The app was removed in the account's settings on Instagram. Connect the account again to go on.",
            ),
            End::ByErasure(_) => ("being_erased", "The account is being erased."),
        };
        Failure {
            code: code.into(),
            message: message.into(),
            at: now,
        }
    }

    fn timeline_entry(self, now: Timestamp) -> Option<TimelineEntry> {
        let (event, sentence, by) = match self {
            End::ByUser(user) => (
                "disconnected",
                "The account was disconnected: its token was removed, its history is kept.",
                user,
            ),
            End::ByPerson(_) => (
                "deauthorized",
                "The app was removed on Instagram: the token was removed, the history is kept.",
                BY_INSTAGRAM,
            ),
            End::ByErasure(_) => return None,
        };
        Some(TimelineEntry {
            at: now,
            event: event.into(),
            sentence: sentence.into(),
            by: by.to_owned(),
            correlation_id: telemetry::correlation_id(),
        })
    }
}

/// Whether an account was last connected at that time or before. Meta's times have whole seconds.
pub fn was_connected_by(account: &Account, at: Timestamp) -> bool {
    account.connected_at.as_second() <= at.as_second()
}

/// Ends the connection of an account and removes its schedules. `None`: there is no such account any more.
///
/// The schedules go last: while the account counts as connected it keeps them, and one that is left over sends a task
/// that stops by itself, because the connection's generation has risen.
///
/// # Errors
/// When AWS refuses: whoever asks again goes on from there.
pub async fn end(
    app: &Arc<App>,
    account: Account,
    end: End<'_>,
) -> Result<Option<Account>, VaultError> {
    let account = end_connection(app, account, end).await?;
    if let Some(account) = &account {
        connection::remove_schedules(app, &account.id).await?;
    }
    Ok(account)
}

/// Destroys the token, and with it in one transaction: the record says why, the Instagram ids are free for whoever
/// connects them next, and the timeline says who did it.
async fn end_connection(
    app: &App,
    mut account: Account,
    end: End<'_>,
) -> Result<Option<Account>, VaultError> {
    for _ in 0..TRIES {
        if !end.is_meant_for(&account) {
            return Ok(Some(account));
        }
        // Read before it is destroyed: Instagram takes the unsubscription only with it, and none of a removed app.
        let token = match end {
            End::ByUser(_) | End::ByErasure(_) => app.vault.token(&account).await.ok(),
            End::ByPerson(_) => None,
        };
        let now = app.clock.now();
        let ended = ended(&account, end, now);
        let mut records = vec![app.table.account_write(&ended, Some(account.version))?];
        if let Some(entry) = end.timeline_entry(now) {
            records.extend(app.table.timeline_writes(&account, &entry)?);
        }
        for id in app.table.held_claims(&account).await? {
            let released = Claim {
                account: account.id.clone(),
                company: account.company.clone(),
                released: true,
                since: now,
            };
            records.push(app.table.claim_write(&id, &released)?);
        }
        let written = match &account.token_page {
            Some(page) => {
                let change = Change::Remove(&account.id);
                app.vault.write(page, change, records, now).await? == Written::Yes
            }
            None => app.table.transact(records).await? == Transaction::Written,
        };
        if written {
            if let Some(token) = token {
                unsubscribe(app, &account, &token).await;
            }
            return Ok(Some(ended));
        }
        match app.table.account(&account.id).await? {
            Some(current) => account = current,
            None => return Ok(None),
        }
    }
    Err(VaultError::Busy)
}

/// Tells Instagram that we want no more events of the account. Whether it listens changes nothing: events of an
/// account that is not connected are dropped.
async fn unsubscribe(app: &App, account: &Account, token: &AccessToken) {
    let graph = app.graph.for_login(account.login);
    let call = graph.unsubscribe(token, &account.platform_account_id);
    let cause = match tokio::time::timeout(UNSUBSCRIBE_WITHIN, call).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        event = "webhooks_not_unsubscribed",
        account = account.id,
        cause,
        "the account is disconnected all the same"
    );
}

fn ended(account: &Account, end: End<'_>, now: Timestamp) -> Account {
    let mut account = account.clone();
    account.status = end.status();
    account.status_reason = Some(end.reason(now));
    if let End::ByPerson(at) = end {
        account.deauthorized_at = Some(at);
    }
    account.clear_token();
    account.webhook_fields.clear();
    account.setup_pending = false;
    account.connection_generation += 1;
    account.version += 1;
    account.updated_at = now;
    account
}
