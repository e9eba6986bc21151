//! What follows a connection: schedules and the webhook subscription.
//!
//! The callback does it at once; when it dies or AWS refuses, the record says that it is pending, and the sync task
//! that the callback queued does it. Every step can be repeated.

use std::sync::Arc;

use crate::account::Account;
use crate::app::App;
use crate::policy;
use crate::table::timeline::TimelineEntry;
use crate::telemetry;
use crate::vault::VaultError;

/// Makes the account's schedules and subscribes it to webhooks.
///
/// A refused subscription does not fail: the account works without, and the next sync tries again.
///
/// # Errors
/// When AWS refuses: the record stays pending.
pub async fn complete(app: &Arc<App>, account: &Account) -> Result<(), VaultError> {
    let entry = app.vault.entry(account).await?;
    let refresh_at = policy::first_refresh_at(&account.id, entry.issued_at, entry.expires_at);
    app.schedules
        .put_refresh(&account.id, account.connection_generation, refresh_at)
        .await?;
    app.schedules
        .put_sync(&account.id, account.connection_generation)
        .await?;

    let fields = &app.config.instagram.webhook_fields;
    let graph = app.graph.for_login(account.login);
    let subscribed = graph
        .subscribe(&entry.token, &account.platform_account_id, fields)
        .await;
    let now = app.clock.now();
    if let Err(error) = &subscribed {
        let first_time = account
            .last_sync_at
            .is_none_or(|at| at <= account.connected_at);
        tracing::warn!(event = "webhooks_not_subscribed", account = account.id, error = %error, "the next sync tries again");
        if first_time {
            let entry = TimelineEntry {
                at: now,
                event: "webhooks_not_subscribed".into(),
                sentence: format!(
                    "Instagram did not take the subscription to events: {} It is tried again with each sync.",
                    error.row().sentence
                ),
                by: "instagram".into(),
                correlation_id: telemetry::correlation_id(),
            };
            app.table.append_timeline(&account.id, &entry).await?;
        }
    }
    app.table
        .update_account(&account.id, now, |record| {
            if record.connection_generation != account.connection_generation {
                return false;
            }
            if subscribed.is_ok() {
                record.webhook_fields.clone_from(fields);
                record.setup_pending = false;
            }
            true
        })
        .await?;
    Ok(())
}

/// Removes the schedules of an account that is not connected any more.
///
/// Somebody may connect it anew while they are being removed: then they are made again.
///
/// # Errors
/// When AWS refuses: whoever asks again goes on from there.
pub async fn remove_schedules(app: &Arc<App>, account: &str) -> Result<(), VaultError> {
    app.schedules.remove(account).await?;
    match app.table.account(account).await? {
        Some(account) if account.is_connected() => complete(app, &account).await,
        _ => Ok(()),
    }
}
