//! `SyncAccount`: completes a connection that was interrupted, reads the profile, and looks after what other tasks may
//! have left undone.

use std::sync::Arc;

use shared::app::App;
use shared::lambda::TaskError;
use shared::sync::{self, BY_SCHEDULE, SyncError};
use shared::tasks::Task;
use shared::vault::VaultError;
use shared::{connection, policy, verdict};

use crate::media::limits;
use crate::{current, unheard};

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
    if status.is_dead() {
        // Only a person can bring it back, and a new connection makes its schedules anew.
        verdict::note_expiry(app, &account, BY_SCHEDULE).await?;
        return Ok(connection::remove_schedules(app, id).await?);
    }
    if account.blocked_until_at(now).is_some() {
        // A call would lengthen the block. Media and figures wait for its end by themselves.
        return begin_media_sync(app, id, connection_generation).await;
    }
    // What a connection still lacks is worth the calls.
    let is_complete = !account.webhook_fields.is_empty();
    if is_complete && policy::sync_gives_way(&account, now) {
        // The profile is read on the next day.
        tracing::info!(
            event = "sync_gave_way",
            account = account.id,
            "few of the account's calls are left, and publishing goes first"
        );
        return begin_media_sync(app, id, connection_generation).await;
    }
    let app_waits_until = limits::app_waits_until(app, &account, now).await?;
    if let Some(until) = app_waits_until.filter(|_| is_complete) {
        let task = Task::SyncAccount {
            account: id.to_owned(),
            connection_generation,
        };
        let delay = limits::delay_until(until, now);
        return Ok(app.queue.send_later(task, delay).await?);
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
    limits::note_use_of_the_app(app, &asked.usage, app.clock.now()).await?;
    // A refusal stands in the record with its verdict; the daily schedule is the next try.
    if asked.refusal.is_none() && asked.account.webhook_fields.is_empty() {
        connection::subscribe(app, &asked.account).await?;
    }
    // What keeps Instagram from telling the profile keeps media and figures waiting, and they try again.
    begin_media_sync(app, id, connection_generation).await?;
    let is_app_close = limits::app_waits_until(app, &asked.account, app.clock.now()).await?;
    if asked.refusal.is_none() && is_app_close.is_none() {
        unheard::find_comments(app, &asked.account).await?;
    }
    let next = asked.account.next_refresh_at;
    if asked.account.is_live(app.clock.now())
        && !next.is_some_and(|next| policy::is_refresh_ahead(next, now))
    {
        // Its schedule or task was lost.
        current::planned(app, &asked.account).await?;
    }
    Ok(())
}

async fn begin_media_sync(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<(), TaskError> {
    let task = Task::SyncMedia {
        account: id.to_owned(),
        connection_generation,
        run: None,
        step: 0,
    };
    Ok(app.queue.send(task).await?)
}
