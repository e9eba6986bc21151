//! What a refusal of Instagram's means for a post.

use jiff::{SignedDuration, Timestamp};
use shared::account::Failure;
use shared::graph::{AccountEffect, ErrorKind, Retry};

/// How often a step is tried that fails.
const MOST_TRIES: u32 = 5;
/// The longest wait between two tries.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// What becomes of a post after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The same once more, after a while.
    Again(SignedDuration),
    /// The account cannot go on before something ends or somebody acts.
    Wait(Option<Timestamp>),
    /// With new containers.
    Renew,
    /// It cannot work.
    Fail,
}

/// What a refusal means at the `tries`th failure of a step; `retry_after` is what Instagram says itself.
pub(super) fn outcome(
    kind: ErrorKind,
    tries: u32,
    retry_after: Option<std::time::Duration>,
    now: Timestamp,
) -> Outcome {
    let row = kind.row();
    let said = retry_after.and_then(|wait| SignedDuration::try_from(wait).ok());
    match row.effect {
        AccountEffect::None => {}
        AccountEffect::RateLimited => {
            return Outcome::Wait(Some(now + said.unwrap_or(SignedDuration::from_hours(1))));
        }
        AccountEffect::PublishingPaused => {
            // The account's record says until when.
            return Outcome::Wait(None);
        }
        AccountEffect::TokenSuspect | AccountEffect::TokenDead | AccountEffect::Revoked => {
            return Outcome::Wait(None);
        }
        // It says so to every call until a person has acted at Instagram: the post tells them, and is not tried again.
        AccountEffect::MissingPermission | AccountEffect::NeedsUserAction => return Outcome::Fail,
    }
    let first = match row.retry {
        Retry::Never | Retry::AfterUserActs => return Outcome::Fail,
        Retry::WithNewContainer => return Outcome::Renew,
        Retry::NextDay => return Outcome::Wait(None),
        Retry::AfterHours(hours) => {
            return Outcome::Wait(Some(now + SignedDuration::from_hours(hours.into())));
        }
        // Instagram is not done yet, which is no failure.
        Retry::WhenReady => return Outcome::Again(SignedDuration::from_secs(30)),
        Retry::AtOnce | Retry::AfterLooking | Retry::WithSmallerPage => 10,
        Retry::AfterSeconds(seconds) => i64::from(seconds),
        Retry::WhenHeaderSays => 60,
    };
    if tries >= MOST_TRIES {
        return Outcome::Fail;
    }
    let wait = SignedDuration::from_secs(first << tries).min(LONGEST_WAIT);
    Outcome::Again(said.unwrap_or(wait).max(SignedDuration::from_secs(1)))
}

/// The failure as a post shows it.
pub(super) fn failure(kind: ErrorKind, now: Timestamp) -> Failure {
    Failure {
        code: kind.code().to_owned(),
        message: kind.row().sentence.to_owned(),
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ErrorKind, tries: u32) -> Outcome {
        outcome(kind, tries, None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn d_what_cannot_work_is_not_tried_again_and_what_is_flaky_is_tried_a_few_times() {
        assert_eq!(of(ErrorKind::AspectRatioUnsupported, 0), Outcome::Fail);
        assert_eq!(of(ErrorKind::UploadFailed, 0), Outcome::Renew);
        let seconds = |kind, tries| match of(kind, tries) {
            Outcome::Again(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(seconds(ErrorKind::MediaFetchFailed, 0), 30);
        assert_eq!(seconds(ErrorKind::MediaFetchFailed, 2), 120);
        assert_eq!(of(ErrorKind::MediaFetchFailed, MOST_TRIES), Outcome::Fail);
        assert_eq!(seconds(ErrorKind::NotReady, 100), 30);
        assert_eq!(of(ErrorKind::SpamSuspected, 0), Outcome::Wait(None));
        assert_eq!(of(ErrorKind::TokenExpired, 0), Outcome::Wait(None));
        assert_eq!(of(ErrorKind::AccountRestricted, 0), Outcome::Fail);
        assert_eq!(of(ErrorKind::PermissionMissing, 0), Outcome::Fail);
    }

    #[test]
    fn every_refusal_has_an_outcome_that_ends() {
        for kind in ErrorKind::ALL.iter().copied() {
            let last = of(kind, MOST_TRIES);
            assert!(
                !matches!(last, Outcome::Again(_)) || kind == ErrorKind::NotReady,
                "{kind:?} is tried forever"
            );
        }
    }
}
