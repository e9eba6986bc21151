//! People with a past, for a start page that has something to show: what an account did in years is not published through an
//! API in an afternoon.

use instagram_sim::{History, InstagramSim, Person};

/// Adds those who are not there yet; their past ends when they come.
pub(crate) fn add_with_pasts(instagram: &InstagramSim, now_ms: i64) {
    let history = |posts, days| History {
        posts,
        days,
        until_ms: now_ms,
    };
    for person in [
        Person::business("harbor.cafe")
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
