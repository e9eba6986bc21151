//! What a refusal of Instagram's means for a post.

use jiff::{SignedDuration, Timestamp};
use shared::graph::{AccountEffect, ErrorKind, Retry};

pub(super) use shared::verdict::failure_of as failure;

/// How often in a row a step is tried that fails for a reason of its own.
const MOST_FAILURES: u32 = 5;
/// So often a container that Instagram does not find is asked about before it is made anew.
const MOST_MISSES: u32 = 2;
/// The longest wait between two tries.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// What becomes of a post after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The same once more, after a while.
    Again(SignedDuration),
    /// The account cannot go on before something ends.
    Wait(Option<Timestamp>),
    /// With new containers.
    Renew,
    /// It cannot work.
    Fail,
}

/// What a refusal means that `failures` others preceded without an answer in between; `retry_after` is what Instagram says
/// itself.
///
/// What says nothing about the post, such as an outage, never ends it: its time does.
pub(super) fn outcome(
    kind: ErrorKind,
    failures: u32,
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
        // It says so to every call until a person has acted: the post tells them, and is not tried again.
        AccountEffect::MissingPermission | AccountEffect::NeedsUserAction => return Outcome::Fail,
        // The account's record says until when.
        AccountEffect::PublishingPaused
        | AccountEffect::TokenSuspect
        | AccountEffect::TokenDead
        | AccountEffect::Revoked => return Outcome::Wait(None),
    }
    let (first, most) = match row.retry {
        Retry::Never | Retry::AfterUserActs => return Outcome::Fail,
        Retry::WithNewContainer => return Outcome::Renew,
        Retry::NextDay => return Outcome::Wait(None),
        Retry::AfterHours(hours) => {
            return Outcome::Wait(Some(now + SignedDuration::from_hours(hours.into())));
        }
        Retry::AtOnce => (10, u32::MAX),
        Retry::WhenHeaderSays => (60, u32::MAX),
        Retry::AfterLooking | Retry::WithSmallerPage => (10, MOST_FAILURES),
        Retry::WhenReady => (30, MOST_FAILURES),
        Retry::AfterSeconds(seconds) => (i64::from(seconds), MOST_FAILURES),
    };
    if kind == ErrorKind::ContainerMissing && failures >= MOST_MISSES {
        return Outcome::Renew;
    }
    if failures >= most {
        return Outcome::Fail;
    }
    let wait = SignedDuration::from_secs(first << failures.min(10)).min(LONGEST_WAIT);
    Outcome::Again(said.unwrap_or(wait).max(SignedDuration::from_secs(1)))
}

/// A message of the catalogue without what it says that we shall do: nothing more is done for a post that has ended.
pub(super) fn without_promises(message: &str) -> String {
    let kept: Vec<&str> = message
        .split_inclusive(". ")
        .filter(|sentence| !sentence.starts_with("We "))
        .collect();
    let kept = kept.concat();
    let kept = kept.split("; we ").next().unwrap_or_default().trim_end();
    if kept.ends_with(['.', '?']) {
        kept.to_owned()
    } else {
        format!("{kept}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ErrorKind, failures: u32) -> Outcome {
        outcome(kind, failures, None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn d_what_cannot_work_is_not_tried_again_and_what_is_flaky_is_tried_a_few_times() {
        assert_eq!(of(ErrorKind::AspectRatioUnsupported, 0), Outcome::Fail);
        assert_eq!(of(ErrorKind::UploadFailed, 0), Outcome::Renew);
        let seconds = |kind, failures| match of(kind, failures) {
            Outcome::Again(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(seconds(ErrorKind::MediaFetchFailed, 0), 30);
        assert_eq!(seconds(ErrorKind::MediaFetchFailed, 2), 120);
        assert_eq!(seconds(ErrorKind::ContainerMissing, 1), 60);
        assert_eq!(of(ErrorKind::ContainerMissing, 2), Outcome::Renew);
        assert_eq!(of(ErrorKind::SpamSuspected, 0), Outcome::Wait(None));
        assert_eq!(of(ErrorKind::TokenExpired, 0), Outcome::Wait(None));
        assert_eq!(of(ErrorKind::AccountRestricted, 0), Outcome::Fail);
        assert_eq!(of(ErrorKind::PermissionMissing, 0), Outcome::Fail);
    }

    #[test]
    fn d07_only_what_says_nothing_about_the_post_is_tried_without_end() {
        let endless: Vec<ErrorKind> = ErrorKind::ALL
            .iter()
            .copied()
            .filter(|kind| matches!(of(*kind, 1_000_000), Outcome::Again(_)))
            .collect();
        assert_eq!(
            endless,
            [
                ErrorKind::ConnectionFailed,
                ErrorKind::TimedOut,
                ErrorKind::UnreadableAnswer,
                ErrorKind::UpstreamUnavailable,
                ErrorKind::InternalError,
                ErrorKind::PausedByBreaker,
                ErrorKind::AppRateLimited,
                ErrorKind::MessagingUnavailable,
            ]
        );
    }

    #[test]
    fn waits_grow_and_never_pass_their_limit() {
        for kind in ErrorKind::ALL.iter().copied() {
            let mut last = SignedDuration::ZERO;
            for failures in 0..100 {
                if let Outcome::Again(wait) = of(kind, failures) {
                    assert!(wait >= last && wait <= LONGEST_WAIT, "{kind:?} {failures}");
                    last = wait;
                }
            }
        }
        let said = Some(std::time::Duration::from_secs(7));
        let told = outcome(ErrorKind::PausedByBreaker, 3, said, Timestamp::UNIX_EPOCH);
        assert_eq!(told, Outcome::Again(SignedDuration::from_secs(7)));
    }

    #[test]
    fn d_a_post_that_has_failed_promises_nothing() {
        for kind in ErrorKind::ALL.iter().copied() {
            let sentence = without_promises(kind.row().sentence);
            assert!(sentence.ends_with(['.', '?']), "{kind:?}: {sentence}");
            for promise in ["We ", "; we ", "keep trying"] {
                assert!(!sentence.contains(promise), "{kind:?}: {sentence}");
            }
        }
        let ours = "The post could not be published within an hour of its time and was not published. Instagram could not \
                    be reached. We keep trying. A retry publishes it now.";
        let told = "The post could not be published within an hour of its time and was not published. Instagram could not \
                    be reached. A retry publishes it now.";
        assert_eq!(without_promises(ours), told);
    }
}
