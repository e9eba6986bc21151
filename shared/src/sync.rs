//! Asking Instagram about an account: its profile, and with it whether its token works.

use std::sync::Arc;

use jiff::Timestamp;

use crate::account::{Account, Failure, Status};
use crate::app::App;
use crate::aws::AwsError;
use crate::graph::{Answered, GraphError, Profile, Usage};
use crate::media::days;
use crate::table::timeline::SyncLogEntry;
use crate::telemetry;
use crate::vault::VaultError;
use crate::verdict::{self, Weight};

/// Who asked, for the timeline: a user's id, or one of these.
pub const BY_SCHEDULE: &str = "schedule";

/// Why an account could not be asked about at all.
#[derive(Debug)]
pub enum SyncError {
    /// It has no token: it was disconnected, or never finished connecting.
    NotConnected,
    /// It was deleted meanwhile.
    Gone,
    /// The token cannot be read.
    Vault(VaultError),
    /// A record cannot be read or written.
    Aws(AwsError),
}

impl From<AwsError> for SyncError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

/// What came of asking: the record as it is now, and Instagram's refusal where there was one.
#[derive(Debug)]
pub struct Asked {
    /// The record as it is now.
    pub account: Account,
    /// Why Instagram did not answer with a profile.
    pub refusal: Option<GraphError>,
    /// What its answer told of limits.
    pub usage: Usage,
}

/// Reads the profile from Instagram, takes it over or keeps the failure with its verdict, and writes a sync log entry.
pub async fn sync_profile(app: &Arc<App>, account: &Account, by: &str) -> Result<Asked, SyncError> {
    let started_at = app.clock.now();
    let asked = ask(app, account, by, true).await?;
    let completed_at = app.clock.now();
    // Whatever kept this sync from taking a profile over: a refusal, or an answer for another account.
    let failure = match &asked.refusal {
        Some(error) => Some(verdict::failure(error, completed_at)),
        None => asked
            .account
            .error
            .clone()
            .filter(|failure| failure.at >= started_at),
    };
    if failure.is_none() {
        keep_day(app, &asked.account, completed_at).await?;
    }
    let blocked_until = asked.account.blocked_until_at(completed_at);
    let entry = SyncLogEntry {
        started_at,
        completed_at,
        duration_ms: telemetry::milliseconds_since(started_at, &app.clock),
        sync_type: "profile".into(),
        status: if failure.is_none() {
            "success"
        } else {
            "failed"
        }
        .into(),
        items_synced: u64::from(failure.is_none()),
        error_code: failure.as_ref().map(|failure| failure.code.clone()),
        error_message: failure.map(|failure| failure.message),
        rate_limit_hit: blocked_until.is_some(),
        rate_limit_reset: blocked_until,
        correlation_id: telemetry::correlation_id(),
    };
    app.table.append_sync_log(&account.id, &entry).await?;
    Ok(asked)
}

/// Keeps how many followed the account today, and how many media it had.
async fn keep_day(app: &App, account: &Account, now: Timestamp) -> Result<(), AwsError> {
    let (followers, following) = (account.follower_count, account.following_count);
    let media = account.media_count;
    days::change(&app.table, &account.id, days::day_of(now), |day| {
        day.followers = followers;
        day.following = following;
        day.media = media;
    })
    .await
    .map(|_| ())
}

/// Asks Instagram whether the account's token works, and takes the verdict over.
pub async fn check_status(app: &Arc<App>, account: &Account, by: &str) -> Result<Asked, SyncError> {
    ask(app, account, by, false).await
}

async fn ask(
    app: &Arc<App>,
    account: &Account,
    by: &str,
    is_sync: bool,
) -> Result<Asked, SyncError> {
    if !account.is_connected() {
        return Err(SyncError::NotConnected);
    }
    let token = match app.vault.token(account).await {
        Ok(token) => token,
        Err(error) => {
            verdict::note_vault_error(app, account, &error, by).await?;
            return Err(SyncError::Vault(error));
        }
    };
    let answer = app.graph.for_login(account.login).me(&token).await;
    let weight = match &answer {
        Ok(_) => Weight::Believed,
        Err(error) => verdict::weigh(app, account, &token, error).await?,
    };
    let now = app.clock.now();
    // The refusal of an earlier token says nothing about the token that replaced it meanwhile.
    let of_this_token = answer.is_err();
    let account = verdict::take_over(app, account, of_this_token, by, |record| {
        take_over(record, &answer, weight, is_sync, now);
    })
    .await?
    .ok_or(SyncError::Gone)?;
    let usage = match &answer {
        Ok(answered) => answered.usage,
        Err(error) => error.usage,
    };
    Ok(Asked {
        account,
        refusal: answer.err(),
        usage,
    })
}

fn take_over(
    record: &mut Account,
    answer: &Result<Answered<Profile>, GraphError>,
    weight: Weight,
    is_sync: bool,
    now: Timestamp,
) {
    match answer {
        // Another account's profile would be stored under this one's name.
        Ok(answered) if answered.value.ig_user_id != record.platform_account_id => {
            record.status = Status::Error;
            let reason = Failure {
                code: "wrong_account".into(),
                message: "Instagram answered for another account. Connect this one again.".into(),
                at: now,
            };
            record.status_reason = Some(reason.clone());
            record.error = Some(reason);
        }
        Ok(answered) => {
            verdict::note_success(record, &answered.usage, now);
            if is_sync {
                record.apply_profile(&answered.value);
                record.last_sync_at = Some(now);
                record.error = None;
            }
        }
        Err(error) => {
            verdict::note_failure(record, error, weight, now);
            if is_sync {
                record.error = Some(verdict::failure(error, now));
            }
        }
    }
}
