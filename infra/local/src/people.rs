//! People with a past, for a start page that has something to show: what an account did in years is not published through an
//! API in an afternoon.

use instagram_sim::{History, InstagramSim, Person};

/// Who deletes something now and then.
const CAFE: &str = "harbor.cafe";
const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
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

/// Deletes what the cafe thinks better of while a clock is turned: with each week that begins, a post of the last days and an
/// old one.
pub(crate) fn delete_posts(instagram: &InstagramSim, from_ms: i64, to_ms: i64) {
    for _ in from_ms.div_euclid(WEEK_MS)..to_ms.div_euclid(WEEK_MS) {
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
}
