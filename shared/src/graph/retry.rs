//! Whether a failed call is sent again at once, and after how long.

use std::time::Duration;

use super::catalogue::{ErrorKind, Retry};
use super::error::GraphError;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long to wait before the next try; `None` where there must be none.
///
/// `tries` were made, and `left` remains of the call's time. What takes longer than a moment is not waited for here:
/// whoever called decides, with the row's [`Retry`].
pub(super) fn wait_before_next_try(
    error: &GraphError,
    tries: u32,
    max_tries: u32,
    left: Duration,
) -> Option<Duration> {
    let allowed = match error.kind {
        // An unreadable answer that repeats is not going to get better.
        ErrorKind::UnreadableAnswer => max_tries.min(2),
        _ => max_tries,
    };
    if tries >= allowed || !error.endpoint.is_safe_to_repeat() || error.row().retry != Retry::AtOnce
    {
        return None;
    }
    let wait = full_jitter(tries, random_fraction()).max(error.retry_after.unwrap_or_default());
    (wait < left).then_some(wait)
}

/// A wait anywhere between nothing and an exponentially growing limit, so that many who failed together do not come
/// back together.
fn full_jitter(tries: u32, fraction: f64) -> Duration {
    let limit = FIRST_WAIT
        .saturating_mul(1 << tries.saturating_sub(1).min(8))
        .min(LONGEST_WAIT);
    limit.mul_f64(fraction)
}

fn random_fraction() -> f64 {
    // Without randomness the longest wait is the safe choice.
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Endpoint;

    fn wait(endpoint: Endpoint, kind: ErrorKind, tries: u32) -> Option<Duration> {
        let error = GraphError::without_answer(endpoint, kind);
        wait_before_next_try(&error, tries, 3, Duration::from_secs(10))
    }

    #[test]
    fn c01_only_what_is_safe_and_transient_is_tried_again_and_at_most_three_times() {
        assert!(wait(Endpoint::Profile, ErrorKind::UpstreamUnavailable, 1).is_some());
        assert!(wait(Endpoint::Profile, ErrorKind::UpstreamUnavailable, 2).is_some());
        assert!(wait(Endpoint::Profile, ErrorKind::UpstreamUnavailable, 3).is_none());
        assert!(
            wait(
                Endpoint::PublishContainer,
                ErrorKind::UpstreamUnavailable,
                1
            )
            .is_none()
        );
        assert!(wait(Endpoint::CodeExchange, ErrorKind::UpstreamUnavailable, 1).is_none());
        assert!(wait(Endpoint::Profile, ErrorKind::TokenExpired, 1).is_none());
    }

    #[test]
    fn c04_an_unreadable_answer_is_asked_for_once_more() {
        assert!(wait(Endpoint::Profile, ErrorKind::UnreadableAnswer, 1).is_some());
        assert!(wait(Endpoint::Profile, ErrorKind::UnreadableAnswer, 2).is_none());
    }

    #[test]
    fn c11_a_rate_limit_is_never_waited_for() {
        assert!(wait(Endpoint::Profile, ErrorKind::RateLimited, 1).is_none());
        assert!(wait(Endpoint::Profile, ErrorKind::AppRateLimited, 1).is_none());
    }

    #[test]
    fn what_instagram_says_to_wait_is_obeyed_or_reported() {
        let mut error =
            GraphError::without_answer(Endpoint::Profile, ErrorKind::UpstreamUnavailable);
        error.retry_after = Some(Duration::from_secs(4));
        let told = wait_before_next_try(&error, 1, 3, Duration::from_secs(10));
        assert_eq!(told, Some(Duration::from_secs(4)));
        assert_eq!(
            wait_before_next_try(&error, 1, 3, Duration::from_secs(3)),
            None
        );
    }

    #[test]
    fn the_jitter_spans_from_nothing_to_a_growing_limit() {
        assert_eq!(full_jitter(1, 0.0), Duration::ZERO);
        assert_eq!(full_jitter(1, 1.0), FIRST_WAIT);
        assert_eq!(full_jitter(2, 1.0), FIRST_WAIT * 2);
        assert_eq!(full_jitter(60, 1.0), LONGEST_WAIT);
    }
}
