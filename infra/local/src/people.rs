//! People with a past, for a start page that has something to show: what an account did in years is not published through an
//! API in an afternoon.

use instagram_sim::{History, InstagramSim, Person};
use jiff::SignedDuration;

/// Who deletes something now and then.
const CAFE: &str = "harbor.cafe";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const WEEK_MS: i64 = 7 * DAY_MS;
/// The first Monday since the epoch.
const MONDAY_MS: i64 = 4 * DAY_MS;
/// So many of its posts the cafe keeps.
const FEWEST_POSTS: usize = 100;

/// Adds those who are not there yet; their past ends when they come.
pub(crate) fn add_with_pasts(instagram: &InstagramSim, now_ms: i64) {
    let history = |posts, days| History {
        posts,
        days,
        until_ms: now_ms,
    };
    for person in [
        Person::business(CAFE)
            .named("Harbor Cafe")
            .with_biography("Coffee by the water.")
            .with_followers(6_400)
            .with_history(history(420, 540)),
        Person::creator("busy.kitchen")
            .named("Busy Kitchen")
            .with_biography("Three dishes a day, for ten years.")
            .with_followers(182_000)
            .with_history(history(12_000, 3_650)),
    ] {
        if instagram.person(&person.username).is_none() {
            instagram.add_person(person);
        }
    }
}

/// The parts of a time from a moment on (milliseconds since the epoch): with each but the first a week begins, on Monday (UTC).
pub(crate) fn weeks_of(from_ms: i64, time: SignedDuration) -> Vec<SignedDuration> {
    let mut left = time;
    let mut next = WEEK_MS - (from_ms - MONDAY_MS).rem_euclid(WEEK_MS);
    let mut parts = Vec::new();
    while left > SignedDuration::from_millis(next) {
        parts.push(SignedDuration::from_millis(next));
        left -= SignedDuration::from_millis(next);
        next = WEEK_MS;
    }
    parts.push(left);
    parts
}

/// Deletes what the cafe thinks better of when a week begins: a post of the last days and an old one.
pub(crate) fn delete_posts(instagram: &InstagramSim) {
    let published = instagram.published_by(CAFE);
    let posts: Vec<_> = published
        .into_iter()
        // Nothing that was published through the API.
        .filter(|media| !media.kind.is_story() && media.container_id.is_empty())
        .collect();
    if posts.len() < FEWEST_POSTS {
        return;
    }
    let chosen = [&posts[posts.len() - 3], &posts[posts.len() / 2]];
    instagram.remove_media(&chosen.map(|media| media.id.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_a_part_for_each_week_that_begins() {
        let hours = SignedDuration::from_hours;
        // 2026-11-21 is a Saturday.
        let noon = "2026-11-21T12:00:00Z".parse::<jiff::Timestamp>();
        let noon = noon.unwrap().as_millisecond();
        assert_eq!(weeks_of(noon, hours(36)), [hours(36)]);
        assert_eq!(weeks_of(noon, hours(37)), [hours(36), hours(1)]);
        let parts = weeks_of(noon, hours(15 * 24));
        assert_eq!(parts, [hours(36), hours(7 * 24), hours(6 * 24 + 12)]);
    }
}
