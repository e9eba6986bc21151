//! What an answer of Instagram's means for an account: the one place where an error changes a status.
//!
//! A token is declared dead by a terminal answer, or by two independent signals apart in time. A network failure, an
//! outage and an unknown error never change the status.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::account::{Account, Failure, Status};
use crate::graph::{AccountEffect, Endpoint, GraphError, Usage};

/// Two doubts closer together count as one.
const SIGNALS_APART: SignedDuration = SignedDuration::from_hours(1);
/// How long a rate limit lasts when Instagram does not say.
const USUAL_BLOCK: Duration = Duration::from_secs(3600);

/// The failure as records and answers show it.
pub fn failure(error: &GraphError, now: Timestamp) -> Failure {
    let row = error.row();
    Failure {
        code: error.kind.code().to_owned(),
        message: row.sentence.to_owned(),
        at: now,
    }
}

/// Takes over what a working answer proves: the token lives, and this is how much of the limits is used.
pub fn note_success(account: &mut Account, usage: &Usage) {
    account.mark_working();
    note_usage(account, usage);
}

/// Takes over what a refusal means for the account.
///
/// While calls of this kind pause because many accounts met the same error, it means nothing for any one of them:
/// `is_app_wide` says so.
pub fn note_failure(account: &mut Account, error: &GraphError, is_app_wide: bool, now: Timestamp) {
    note_usage(account, &error.usage);
    if is_app_wide || !account.is_connected() {
        return;
    }
    let status = match error.row().effect {
        AccountEffect::None | AccountEffect::PublishingPaused => return,
        AccountEffect::RateLimited => {
            let wait = error.retry_after.unwrap_or(USUAL_BLOCK);
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_hours(24));
            account.rate.blocked_until = Some(now + wait.min(SignedDuration::from_hours(24)));
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
    account.status = status;
    account.status_reason = Some(failure(error, now));
}

fn note_usage(account: &mut Account, usage: &Usage) {
    if let Some(percent) = usage.max_percent() {
        account.rate.usage_percent = Some(percent.into());
    }
}
