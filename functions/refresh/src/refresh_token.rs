//! `RefreshToken`: exchanges a token for a younger one and plans the next time.
//!
//! The new token goes into the vault under the next generation, in one transaction with the record. When another worker
//! was faster, its token is the newer one and this one's is dropped.

use std::sync::Arc;

use jiff::Timestamp;
use shared::account::{Account, Status};
use shared::app::App;
use shared::graph::{GraphError, LongLivedToken};
use shared::lambda::TaskError;
use shared::sync::BY_SCHEDULE;
use shared::table::timeline::TimelineEntry;
use shared::vault::{Change, Entry, VaultError, Written};
use shared::{policy, telemetry, verdict};

use crate::current;

/// How often a token that Instagram has given out is offered to the vault, when others keep changing the record.
const TRIES: u32 = 8;

/// Refreshes the token of an account that is still connected as it was when the task was made.
pub(crate) async fn refresh(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<(), TaskError> {
    let Some(account) = current::account(app, id, connection_generation).await? else {
        return Ok(());
    };
    let connection_generation = account.connection_generation;
    let entry = match app.vault.entry(&account).await {
        Ok(entry) => entry,
        Err(error @ (VaultError::Missing | VaultError::Damaged)) => {
            return Ok(verdict::note_vault_error(app, &account, &error, BY_SCHEDULE).await?);
        }
        Err(error) => return Err(error.into()),
    };
    let now = app.clock.now();
    if is_dead(&account, now) || entry.expires_at <= now {
        // Meta refuses to refresh it; the record says that a person must connect again.
        return Ok(());
    }
    if let Some(until) = account.rate.blocked_until.filter(|until| *until > now) {
        // A call now would lengthen the block.
        return Ok(app
            .schedules
            .put_refresh(id, connection_generation, until)
            .await?);
    }
    let planned = policy::first_refresh_at(id, entry.issued_at, entry.expires_at);
    if entry.issued_at + policy::YOUNGEST_REFRESHABLE > now
        || planned > now && !account.needs_refresh(now)
    {
        // An early or repeated delivery: another worker has refreshed, or the schedule was moved.
        return Ok(app
            .schedules
            .put_refresh(id, connection_generation, planned.max(now))
            .await?);
    }
    if let Some(until) = page_spent_until(app, &account)
        .await?
        .filter(|until| *until < entry.expires_at)
    {
        return Ok(app
            .schedules
            .put_refresh(id, connection_generation, until)
            .await?);
    }
    match app
        .graph
        .for_login(account.login)
        .refresh(&entry.token)
        .await
    {
        Ok(answered) => {
            let stored = store(app, account, &answered.value, now).await?;
            let at = policy::first_refresh_at(id, stored.issued_at, stored.expires_at);
            Ok(app
                .schedules
                .put_refresh(id, connection_generation, at)
                .await?)
        }
        Err(error) => note_failure(app, &account, &error, entry.expires_at).await,
    }
}

/// Until when the account's page takes no refresh. Asked before Instagram is: what it gives out must be stored.
async fn page_spent_until(app: &App, account: &Account) -> Result<Option<Timestamp>, VaultError> {
    let Some(page) = &account.token_page else {
        return Ok(None);
    };
    match app.vault.room_for_write(page).await {
        Ok(()) => Ok(None),
        Err(VaultError::Spent(until)) => Ok(Some(until)),
        Err(error) => Err(error),
    }
}

/// Whether only a person can bring the account's connection back.
fn is_dead(account: &Account, now: Timestamp) -> bool {
    matches!(
        account.status_at(now),
        Status::TokenExpired | Status::Revoked
    )
}

/// Puts the new token into the vault, together with the record.
async fn store(
    app: &Arc<App>,
    mut account: Account,
    token: &LongLivedToken,
    issued_at: Timestamp,
) -> Result<Entry, TaskError> {
    let (id, connection_generation) = (account.id.clone(), account.connection_generation);
    for _ in 0..TRIES {
        let Some(page) = account.token_page.clone() else {
            break;
        };
        let now = app.clock.now();
        let read_version = account.version;
        let entry = Entry {
            token: token.token.clone(),
            generation: account.token_generation + 1,
            issued_at,
            expires_at: issued_at + token.expires_in,
        };
        account.token_generation = entry.generation;
        account.token_expires_at = Some(entry.expires_at);
        account.last_token_refresh_at = Some(now);
        account.last_token_refresh_error = None;
        account.mark_working();
        account.version += 1;
        account.updated_at = now;
        let renewed = TimelineEntry {
            at: now,
            event: "token_refreshed".into(),
            sentence: format!(
                "The connection was renewed until {}.",
                entry.expires_at.strftime("%Y-%m-%d")
            ),
            by: BY_SCHEDULE.into(),
            correlation_id: telemetry::correlation_id(),
        };
        let records = vec![
            app.table.account_write(&account, Some(read_version))?,
            app.table.timeline_write(&id, &renewed)?,
        ];
        if app
            .vault
            .write(&page, Change::Set(&id, entry.clone()), records, now)
            .await?
            == Written::Yes
        {
            return Ok(entry);
        }
        match app.table.account(&id).await? {
            Some(current) if current.connection_generation == connection_generation => {
                account = current
            }
            _ => break,
        }
    }
    // Disconnected or connected anew meanwhile: the token that was just given out has no owner here any more.
    Err(VaultError::Busy.into())
}

async fn note_failure(
    app: &Arc<App>,
    account: &Account,
    error: &GraphError,
    expires_at: Timestamp,
) -> Result<(), TaskError> {
    let is_app_wide = verdict::is_app_wide(app, error);
    let now = app.clock.now();
    let written = verdict::take_over(app, account, true, BY_SCHEDULE, |record| {
        verdict::note_failure(record, error, is_app_wide, now);
        record.last_token_refresh_error = Some(verdict::failure(error, now));
    })
    .await?;
    // Another worker's token is not this one's failure, and a dead token's end stands in the timeline by itself.
    let Some(written) =
        written.filter(|written| written.token_generation == account.token_generation)
    else {
        return Ok(());
    };
    if is_dead(&written, now) {
        return Ok(());
    }
    if account.last_token_refresh_error.is_none() {
        let begun = TimelineEntry {
            at: now,
            event: "token_refresh_failed".into(),
            sentence: format!(
                "{} The connection is good until {}.",
                error.row().sentence,
                expires_at.strftime("%Y-%m-%d")
            ),
            by: BY_SCHEDULE.into(),
            correlation_id: telemetry::correlation_id(),
        };
        app.table.append_timeline(&account.id, &begun).await?;
    }
    let next = now + policy::RETRY_REFRESH_AFTER;
    if next < expires_at {
        app.schedules
            .put_refresh(&account.id, account.connection_generation, next)
            .await?;
    }
    Ok(())
}
