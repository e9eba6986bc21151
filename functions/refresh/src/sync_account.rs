//! `SyncAccount`: completes a connection that was interrupted, reads the profile, and looks after what other tasks may
//! have left undone.

use std::sync::Arc;

use jiff::SignedDuration;
use shared::account::{Account, Status};
use shared::app::App;
use shared::lambda::TaskError;
use shared::sync::{self, BY_SCHEDULE, SyncError};
use shared::tasks::Task;
use shared::vault::VaultError;
use shared::{connection, policy, verdict};

use crate::current;

/// A refresh is planned daily once it is due; after this long without a try its schedule or task was lost.
const LOST_AFTER: SignedDuration = SignedDuration::from_hours(36);

/// Syncs an account that is still connected.
pub(crate) async fn sync(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<(), TaskError> {
    let Some(account) = current::account(app, id, connection_generation).await? else {
        return Ok(());
    };
    if account.setup_pending && !current::planned(app, &account).await? {
        return Ok(());
    }
    let now = app.clock.now();
    let status = account.status_at(now);
    if status == Status::TokenExpired && account.status != status {
        verdict::note_expiry(app, &account, BY_SCHEDULE).await?;
    }
    if matches!(
        status,
        Status::RateLimited | Status::TokenExpired | Status::Revoked
    ) {
        // Calls would lengthen the block, or cannot work before a person acts.
        return Ok(());
    }
    let asked = match sync::sync_profile(app, &account, BY_SCHEDULE).await {
        Ok(asked) => asked,
        // What the vault lacks stands in the record.
        Err(
            SyncError::NotConnected
            | SyncError::Gone
            | SyncError::Vault(VaultError::Missing | VaultError::Damaged),
        ) => return Ok(()),
        Err(SyncError::Vault(error)) => return Err(error.into()),
        Err(SyncError::Aws(error)) => return Err(error.into()),
    };
    // A refusal stands in the record with its verdict; the daily schedule is the next try.
    if asked.refusal.is_none() && asked.account.webhook_fields.is_empty() {
        connection::subscribe(app, &asked.account).await?;
    }
    if is_refresh_lost(app, &asked.account) {
        let (account, connection_generation) = (id.to_owned(), asked.account.connection_generation);
        app.queue
            .send(Task::RefreshToken {
                account,
                connection_generation,
            })
            .await?;
    }
    Ok(())
}

/// Whether a refresh should have been tried long ago and was not.
fn is_refresh_lost(app: &App, account: &Account) -> bool {
    let now = app.clock.now();
    let Some(expiry) = account.token_expires_at else {
        return false;
    };
    let due = expiry - policy::REFRESH_BEFORE_EXPIRY;
    let last_try = account
        .last_token_refresh_error
        .as_ref()
        .map_or(due, |failure| failure.at.max(due));
    expiry > now && now.duration_since(last_try) > LOST_AFTER
}
