//! What an answer of Instagram's means for an account: the one place where an error changes a status.
//!
//! A network failure, an outage and an unknown error never change the status. A refusal that would change it is weighed
//! first, because a fault of the whole app is told in the same words as the end of one account: it is believed when the
//! account's token fails at another call too and another account works at this moment. A token is then declared dead by
//! a terminal answer, or by two signals apart in time where the answer is not terminal.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::account::{Account, Failure, PublishingPause, Status};
use crate::app::App;
use crate::aws::AwsError;
use crate::graph::{AccountEffect, Endpoint, ErrorKind, GraphError, Retry, Usage};
use crate::secret::AccessToken;
use crate::table::timeline::TimelineEntry;
use crate::telemetry;
use crate::vault::VaultError;

/// Two doubts closer together count as one.
pub const SIGNALS_APART: SignedDuration = SignedDuration::from_hours(1);
/// Refusals that last longer than this are believed although no other account could be found that works, where there are
/// too few others to tell: they may be dead themselves.
const BELIEVED_AFTER: SignedDuration = SignedDuration::from_hours(12);
/// How many other accounts are asked for a comparison.
const COMPARED: usize = 3;
/// How long a rate limit lasts when Instagram does not say.
const USUAL_BLOCK: Duration = Duration::from_secs(3600);
/// No rate limit is believed to last longer.
const LONGEST_BLOCK: SignedDuration = SignedDuration::from_hours(24);

/// The failure as records and answers show it.
pub fn failure(error: &GraphError, now: Timestamp) -> Failure {
    failure_of(error.kind, now)
}

/// An error of the catalogue as records and answers show it.
pub fn failure_of(kind: ErrorKind, now: Timestamp) -> Failure {
    Failure {
        code: kind.code().to_owned(),
        message: kind.row().sentence.to_owned(),
        at: now,
    }
}

/// Takes over what a working answer proves: the token lives, and this is how much of the limits is used.
pub fn note_success(account: &mut Account, usage: &Usage, now: Timestamp) {
    account.mark_working();
    note_usage(account, usage, now);
}

/// What a refusal weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It is about this account.
    Believed,
    /// It may be about this account or about the whole app: time will tell.
    Doubted,
    /// It is about the whole app: as many other accounts as were asked are refused too.
    OfTheApp,
    /// It is not about this account, or disproved.
    Dismissed,
}

/// Takes over what a refusal means for the account; [`weigh`] says what it weighs.
pub fn note_failure(account: &mut Account, error: &GraphError, weight: Weight, now: Timestamp) {
    note_usage(account, &error.usage, now);
    if weight == Weight::Dismissed || !account.is_connected() {
        return;
    }
    if matches!(weight, Weight::Doubted | Weight::OfTheApp) && is_weighed(error) {
        // The audit asks again as long as it is doubted.
        let since = *account.token_suspect_since.get_or_insert(now);
        if weight == Weight::OfTheApp || now.duration_since(since) < BELIEVED_AFTER {
            return;
        }
    }
    let effect = error.row().effect;
    let is_publishing = matches!(
        error.endpoint,
        Endpoint::CreateContainer | Endpoint::PublishContainer
    );
    if is_publishing {
        pause_publishing(account, error.kind, now, now);
    }
    let status = match effect {
        AccountEffect::None | AccountEffect::PublishingPaused => return,
        AccountEffect::RateLimited => {
            let wait = error.retry_after.unwrap_or(USUAL_BLOCK);
            let wait = SignedDuration::try_from(wait).unwrap_or(LONGEST_BLOCK);
            account.rate.blocked_until = Some(now + wait.min(LONGEST_BLOCK));
            Status::RateLimited
        }
        // Only the profile needs nothing but the basic scope; another call's refusal leaves the account at work.
        AccountEffect::MissingPermission if error.endpoint != Endpoint::Profile => return,
        AccountEffect::MissingPermission | AccountEffect::NeedsUserAction => Status::Error,
        AccountEffect::TokenSuspect => match account.token_suspect_since {
            None => {
                account.token_suspect_since = Some(now);
                return;
            }
            Some(since) if now.duration_since(since) < SIGNALS_APART => return,
            Some(_) => Status::TokenExpired,
        },
        AccountEffect::TokenDead => Status::TokenExpired,
        AccountEffect::Revoked => {
            account.deauthorized_at.get_or_insert(now);
            Status::Revoked
        }
    };
    if may_become(account.status, status) {
        account.status = status;
        account.status_reason = Some(failure(error, now));
    }
}

/// Pauses an account's publishing after a refusal at `at`, where every other post would be refused as well. A pause that
/// is longer stays.
pub fn pause_publishing(account: &mut Account, kind: ErrorKind, at: Timestamp, now: Timestamp) {
    let effect = kind.row().effect;
    let until = at + publishing_pause(kind);
    let is_longer = account
        .publishing_pause_at(now)
        .is_none_or(|pause| pause.until < until);
    let is_for_all = effect == AccountEffect::PublishingPaused || effect.needs_a_person();
    if is_for_all && until > now && is_longer {
        account.publishing_paused = Some(PublishingPause {
            until,
            reason: failure_of(kind, at),
        });
    }
}

/// How long nothing is published after this refusal. A full quota empties bit by bit, and nobody tells when a person has
/// acted: so it is tried again soon.
fn publishing_pause(kind: ErrorKind) -> SignedDuration {
    match kind.row().retry {
        Retry::AfterHours(hours) => SignedDuration::from_hours(hours.into()),
        _ => SignedDuration::from_mins(30),
    }
}

/// A passing trouble does not hide a lasting one: only a working call or a new connection ends that.
fn may_become(old: Status, new: Status) -> bool {
    match old {
        Status::Active | Status::RateLimited => true,
        Status::Error => new != Status::RateLimited,
        Status::TokenExpired => new == Status::Revoked,
        Status::Revoked | Status::Disconnected => false,
    }
}

/// Whether a refusal must be weighed: it would change the status, and could as well be a fault of the whole app.
fn is_weighed(error: &GraphError) -> bool {
    let row = error.row();
    let changes_status = match row.effect {
        AccountEffect::None | AccountEffect::PublishingPaused | AccountEffect::RateLimited => false,
        AccountEffect::MissingPermission => error.endpoint == Endpoint::Profile,
        AccountEffect::TokenSuspect
        | AccountEffect::TokenDead
        | AccountEffect::Revoked
        | AccountEffect::NeedsUserAction => true,
    };
    changes_status && row.may_be_app_wide()
}

/// Finds out what a refusal weighs, by asking Instagram where that is at stake: whether the same token works at another
/// call, and whether another account works at all.
///
/// # Errors
/// When the table does not answer.
pub async fn weigh(
    app: &App,
    account: &Account,
    token: &AccessToken,
    error: &GraphError,
) -> Result<Weight, AwsError> {
    let breaker = app.graph.breaker();
    if breaker.open_because_of(error.endpoint).is_some() {
        return Ok(Weight::Dismissed);
    }
    if !is_weighed(error) {
        return Ok(Weight::Believed);
    }
    if error.endpoint != Endpoint::Profile {
        match app.graph.for_login(account.login).me(token).await {
            Ok(_) => return Ok(Weight::Dismissed),
            Err(second) if !is_weighed(&second) => return Ok(Weight::Dismissed),
            Err(_) => {}
        }
    }
    let now = app.clock.now();
    let others = app
        .table
        .working_accounts(&account.id, COMPARED, now)
        .await?;
    let mut compared = 0;
    for id in others.to_ask {
        let Some(other) = app.table.account(&id).await? else {
            continue;
        };
        let Ok(token) = app.vault.token(&other).await else {
            continue;
        };
        match app.graph.for_login(other.login).me(&token).await {
            Ok(_) => return Ok(Weight::Believed),
            Err(_) => compared += 1,
        }
    }
    if !others.are_there {
        return Ok(Weight::Believed);
    }
    tracing::error!(
        event = "refusal_doubted",
        account = account.id,
        failure = error.kind.code(),
        fbtraceId = error.fbtrace_id.as_deref().unwrap_or_default(),
        compared,
        "no other account works either: the account keeps its status for now"
    );
    Ok(if compared < COMPARED {
        Weight::Doubted
    } else {
        Weight::OfTheApp
    })
}

/// Changes the record as long as it is of the connection (and, `of_this_token`, of the token) that `account` was read
/// with, and tells in the timeline, in the same transaction, when its status changes. `None`: there is no such account any
/// more.
///
/// # Errors
/// When the table does not answer.
pub async fn take_over(
    app: &App,
    account: &Account,
    of_this_token: bool,
    by: &str,
    mut change: impl FnMut(&mut Account),
) -> Result<Option<Account>, AwsError> {
    take_over_telling(app, account, of_this_token, by, |record, _| change(record)).await
}

/// As [`take_over`], and tells what `change` puts into the list besides.
///
/// # Errors
/// When the table does not answer.
pub async fn take_over_telling(
    app: &App,
    account: &Account,
    of_this_token: bool,
    by: &str,
    mut change: impl FnMut(&mut Account, &mut Vec<TimelineEntry>),
) -> Result<Option<Account>, AwsError> {
    let now = app.clock.now();
    app.table
        .update_account_telling(&account.id, now, |record, told| {
            if record.connection_generation != account.connection_generation
                || !record.is_connected()
                || (of_this_token && record.token_generation != account.token_generation)
            {
                return false;
            }
            let read = record.clone();
            change(record, told);
            let (before, after) = (read.status_at(now), record.status_at(now));
            // A token that ran out changes the status without anybody's writing; the record follows later.
            let is_told_late = read.status != record.status && after == Status::TokenExpired;
            if before != after || is_told_late {
                told.push(status_changed(record, by, now));
            }
            // What others have written already is not written again: many who come to one verdict at once would keep each
            // other from it.
            *record != read
        })
        .await
}

/// Writes into record and timeline that a token ran out: the record says so by its dates alone, its history does not.
///
/// # Errors
/// When the table does not answer.
pub async fn note_expiry(app: &App, account: &Account, by: &str) -> Result<(), AwsError> {
    let now = app.clock.now();
    if account.status == Status::TokenExpired || account.status_at(now) != Status::TokenExpired {
        return Ok(());
    }
    take_over(app, account, true, by, |record| {
        if record.status_at(now) == Status::TokenExpired {
            record.status_reason = record.status_reason_at(now);
            record.status = Status::TokenExpired;
        }
    })
    .await
    .map(|_| ())
}

/// Keeps in the record that the vault has no usable token for a connected account: an operator or a new login mends it.
/// A vault that does not answer is held against nobody.
///
/// # Errors
/// When the table does not answer.
pub async fn note_vault_error(
    app: &App,
    account: &Account,
    error: &VaultError,
    by: &str,
) -> Result<(), AwsError> {
    if !matches!(error, VaultError::Missing | VaultError::Damaged) {
        return Ok(());
    }
    tracing::error!(event = "token_unavailable", account = account.id, error = %error, "the record names a token that cannot be read");
    let reason = Failure {
        code: "token_unavailable".into(),
        message: "The stored access to Instagram cannot be read. The operator of this service has to look; connecting \
                  the account again helps as well."
            .into(),
        at: app.clock.now(),
    };
    take_over(app, account, true, by, |record| {
        if may_become(record.status, Status::Error) {
            record.status = Status::Error;
            record.status_reason = Some(reason.clone());
        }
        record.error = Some(reason.clone());
    })
    .await
    .map(|_| ())
}

fn status_changed(account: &Account, by: &str, now: Timestamp) -> TimelineEntry {
    let status = account.status_at(now);
    let sentence = match account.status_reason_at(now) {
        Some(reason) => reason.message,
        None => "The account works again.".into(),
    };
    TimelineEntry {
        at: now,
        event: format!("status_{}", status.as_str()),
        sentence,
        by: by.to_owned(),
        correlation_id: telemetry::correlation_id(),
    }
}

/// Takes over how much of the limits is used, where an answer says it.
pub fn note_usage(account: &mut Account, usage: &Usage, now: Timestamp) {
    // The app's own limit is everybody's, and says nothing of this account.
    if let Some(percent) = usage.business.max_percent() {
        account.rate.usage_percent = Some(percent.into());
        account.rate.usage_at = Some(now);
    }
}
