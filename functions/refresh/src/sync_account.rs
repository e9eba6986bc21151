//! `SyncAccount`: completes a connection that was interrupted, and reads the profile.

use std::sync::Arc;

use shared::account::Status;
use shared::app::App;
use shared::lambda::TaskError;
use shared::sync::{self, BY_SCHEDULE, SyncError};
use shared::{connection, vault::VaultError};

/// Syncs an account that is still connected as it was when the task was made.
pub(crate) async fn sync(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<(), TaskError> {
    let Some(account) = app.table.account(id).await? else {
        // The schedule outlived its account.
        return Ok(connection::remove_schedules(app, id).await?);
    };
    if account.connection_generation != connection_generation {
        return Ok(());
    }
    if !account.is_connected() {
        return Ok(connection::remove_schedules(app, id).await?);
    }
    if account.setup_pending {
        connection::complete(app, &account).await?;
    }
    let status = account.status_at(app.clock.now());
    if matches!(
        status,
        Status::RateLimited | Status::TokenExpired | Status::Revoked
    ) {
        // Calls would lengthen the block, or cannot work before a person acts.
        return Ok(());
    }
    match sync::sync_profile(app, &account, BY_SCHEDULE).await {
        // A refusal stands in the record with its verdict; the daily schedule is the next try.
        Ok(_) | Err(SyncError::NotConnected | SyncError::Gone) => Ok(()),
        Err(SyncError::Vault(VaultError::Missing)) => {
            tracing::error!(
                event = "token_missing",
                account = id,
                "the record names a token that the vault does not hold"
            );
            Ok(())
        }
        Err(SyncError::Vault(error)) => Err(error.into()),
        Err(SyncError::Aws(error)) => Err(error.into()),
    }
}
