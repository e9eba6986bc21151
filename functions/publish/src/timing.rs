//! When a post's steps are due.

use jiff::{SignedDuration, Timestamp};
use shared::post::{Container, Post};

/// How far ahead a post can be planned.
pub(crate) const FARTHEST: SignedDuration = SignedDuration::from_hours(75 * 24);

/// A post that is due within this time is prepared at once: its containers live longer.
pub(crate) const NEAR: SignedDuration = SignedDuration::from_hours(12);

/// A post that could not be published within this time of its own is not published any more unless somebody asks.
pub(crate) const LATEST: SignedDuration = SignedDuration::from_hours(1);

/// So long before its time a post is looked at once more.
pub(crate) const LAST_CHECK: SignedDuration = SignedDuration::from_hours(1);

/// Containers live 24 hours (Meta: "IG Container"); one that is older than this is not published any more.
const CONTAINER_LIFE: SignedDuration = SignedDuration::from_mins(23 * 60 + 30);

/// From its beginning on, a call that publishes is left alone for so long: longer than any function runs and than
/// Instagram works on a call, so that nobody looks for a media which is only just coming to be.
pub(crate) const QUIET: SignedDuration = SignedDuration::from_secs(120);

/// When a planned post is prepared: at once where its time is near.
pub(crate) fn prepare_at(
    publish_at: Timestamp,
    ahead: SignedDuration,
    now: Timestamp,
) -> Timestamp {
    if publish_at.duration_since(now) <= NEAR {
        now
    } else {
        publish_at - ahead
    }
}

/// When a post that is ready is looked at next: once more an hour before its time, then at its time.
pub(crate) fn ready_wake_at(post: &Post, publish_at: Timestamp, now: Timestamp) -> Timestamp {
    let check_at = publish_at - LAST_CHECK;
    let is_checked = post.checked_at.is_some_and(|checked| checked >= check_at);
    if check_at > now && !is_checked {
        check_at
    } else {
        publish_at
    }
}

/// Whether a container can still be published at `at`.
pub(crate) fn is_alive(container: &Container, at: Timestamp) -> bool {
    at.duration_since(container.made_at) < CONTAINER_LIFE
}

/// How long after a container was made or last asked about it is asked about again, at the `tries`th time. Meta advises
/// once a minute; pictures are mostly ready at once.
pub(crate) fn poll_after(has_video: bool, tries: u32) -> SignedDuration {
    let first = if has_video { 15 } else { 1 };
    SignedDuration::from_secs((first << tries.min(6)).min(60))
}

/// For so long Instagram may process a container: three times what Meta advises to wait for.
pub(crate) fn longest_processing(has_video: bool) -> SignedDuration {
    SignedDuration::from_mins(if has_video { 15 } else { 3 })
}

/// How long after a look for a post whose publishing was unclear it is looked for again; `None` after a day.
pub(crate) fn look_after(looks: u32) -> Option<SignedDuration> {
    let seconds = match looks {
        0 => 10,
        1 => 30,
        2 | 3 => 60,
        4 => 300,
        5 => 600,
        6 => 1800,
        7..=29 => 3600,
        _ => return None,
    };
    Some(SignedDuration::from_secs(seconds))
}

/// When a post that cannot go on is tried again, at the latest when its time is over. What keeps it may end before `until`,
/// as where the account is connected again.
pub(crate) fn wait_until(
    publish_at: Timestamp,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let left = publish_at.duration_since(now);
    let pause = (left / 4).clamp(SignedDuration::from_mins(5), SignedDuration::from_hours(1));
    let over = publish_at + LATEST;
    let next = now + pause;
    until
        .map_or(next, |until| until.min(next))
        .min(over.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_post_that_is_due_soon_is_prepared_at_once_and_another_some_hours_before() {
        let now = time("2026-11-21T10:00:00Z");
        let ahead = SignedDuration::from_hours(3);
        assert_eq!(prepare_at(now, ahead, now), now);
        assert_eq!(prepare_at(now + NEAR, ahead, now), now);
        let far = now + SignedDuration::from_hours(48);
        assert_eq!(prepare_at(far, ahead, now), far - ahead);
    }

    #[test]
    fn polls_slow_down_to_once_a_minute() {
        let seconds = |has_video, tries| poll_after(has_video, tries).as_secs();
        assert_eq!(
            [0, 1, 2, 10].map(|tries| seconds(false, tries)),
            [1, 2, 4, 60]
        );
        assert_eq!(
            [0, 1, 2, 10].map(|tries| seconds(true, tries)),
            [15, 30, 60, 60]
        );
    }

    #[test]
    fn looking_ends_after_a_day() {
        let mut all = SignedDuration::ZERO;
        let mut looks = 0;
        while let Some(pause) = look_after(looks) {
            all += pause;
            looks += 1;
        }
        assert!(all > SignedDuration::from_hours(23) && all < SignedDuration::from_hours(25));
    }

    #[test]
    fn waiting_ends_when_the_time_is_over() {
        let due = time("2026-11-21T10:00:00Z");
        let minutes = SignedDuration::from_mins;
        assert_eq!(wait_until(due, None, due), due + minutes(5));
        assert_eq!(
            wait_until(due, Some(due + minutes(2)), due),
            due + minutes(2)
        );
        assert_eq!(wait_until(due, None, due + minutes(58)), due + LATEST);
        let far = due - SignedDuration::from_hours(12);
        assert_eq!(wait_until(due, None, far), far + minutes(60));
    }
}
