//! What follows a connection: schedules and the webhook subscription.
//!
//! The callback does it at once; when it dies or AWS refuses, the record says that it is pending, and the sync task that
//! was queued before the record was written does it. Every step can be repeated.

use std::sync::Arc;

use jiff::Timestamp;

use crate::account::Account;
use crate::app::App;
use crate::policy;
use crate::vault::VaultError;

/// How often schedules are made again because the account was connected anew meanwhile.
const TRIES: u32 = 8;

/// Makes the account's schedules and subscribes it to webhooks.
///
/// A refused subscription does not fail: the account works without, and each sync tries again.
///
/// # Errors
/// When AWS refuses: the record stays pending.
pub async fn complete(app: &Arc<App>, account: &Account) -> Result<(), VaultError> {
    plan(app, account).await?;
    subscribe(app, account).await
}

/// Makes the schedules of the connection that counts. One that was made for an earlier connection is moved; whoever
/// connects or disconnects the account while this runs gets what fits the record in the end.
///
/// # Errors
/// When AWS refuses: whoever asks again goes on from there.
pub async fn plan(app: &Arc<App>, account: &Account) -> Result<(), VaultError> {
    let mut account = account.clone();
    for _ in 0..TRIES {
        let entry = app.vault.entry(&account).await?;
        let now = app.clock.now();
        let at = policy::first_refresh_at(&account.id, entry.issued_at, entry.expires_at);
        let at = at.max(policy::full_second(now + policy::SOONEST_SCHEDULE));
        app.schedules
            .put_refresh(&account.id, account.connection_generation, at)
            .await?;
        app.schedules
            .put_sync(&account.id, account.connection_generation)
            .await?;
        let planned = account.connection_generation;
        let current = app
            .table
            .update_account(&account.id, now, |record| {
                let is_same = record.connection_generation == planned;
                let is_news = record.setup_pending || record.next_refresh_at != Some(at);
                if is_same && is_news {
                    record.setup_pending = false;
                    record.next_refresh_at = Some(at);
                }
                is_same && is_news
            })
            .await?;
        match current {
            Some(current) if current.connection_generation == planned => return Ok(()),
            Some(current) if current.is_connected() => account = current,
            _ => return Ok(app.schedules.remove(&account.id).await?),
        }
    }
    Err(VaultError::Busy)
}

/// Moves the refresh of an account that is still connected as it was, and says so in its record. Where it is not any
/// more, whoever ended or renewed the connection may have been faster: then the schedules become what fits the record.
///
/// # Errors
/// When AWS refuses: the former plan stays, or none, which the audit finds.
pub async fn plan_refresh(
    app: &Arc<App>,
    account: &Account,
    at: Timestamp,
) -> Result<(), VaultError> {
    let soonest = app.clock.now() + policy::SOONEST_SCHEDULE;
    let at = policy::full_second(at.max(soonest));
    let planned = account.connection_generation;
    app.schedules.put_refresh(&account.id, planned, at).await?;
    let now = app.clock.now();
    let is_planned =
        |record: &Account| record.connection_generation == planned && record.is_live(now);
    let current = app
        .table
        .update_account(&account.id, now, |record| {
            let is_news = is_planned(record) && record.next_refresh_at != Some(at);
            if is_news {
                record.next_refresh_at = Some(at);
            }
            is_news
        })
        .await?;
    if current.is_some_and(|current| is_planned(&current)) {
        return Ok(());
    }
    remove_schedules(app, &account.id).await
}

/// Subscribes the account to the app's webhooks, and notes the fields in the record.
///
/// # Errors
/// When AWS refuses. A refusal of Instagram's is no error: the record names no fields, and each sync tries again.
pub async fn subscribe(app: &Arc<App>, account: &Account) -> Result<(), VaultError> {
    let token = app.vault.token(account).await?;
    let fields = &app.config.instagram.webhook_fields;
    let graph = app.graph.for_login(account.login);
    if let Err(error) = graph
        .subscribe(&token, &account.platform_account_id, fields)
        .await
    {
        tracing::warn!(event = "webhooks_not_subscribed", account = account.id, error = %error, "the next sync tries again");
        return Ok(());
    }
    app.table
        .update_account(&account.id, app.clock.now(), |record| {
            let is_same = record.connection_generation == account.connection_generation;
            if is_same {
                record.webhook_fields.clone_from(fields);
            }
            is_same
        })
        .await?;
    Ok(())
}

/// Removes the schedules of an account whose token is gone or dead.
///
/// Somebody may connect it anew while they are being removed: then what follows a connection is done again.
///
/// # Errors
/// When AWS refuses: whoever asks again goes on from there.
pub async fn remove_schedules(app: &Arc<App>, account: &str) -> Result<(), VaultError> {
    app.schedules.remove(account).await?;
    match app.table.account(account).await? {
        Some(account) if account.is_live(app.clock.now()) => complete(app, &account).await,
        _ => Ok(()),
    }
}
