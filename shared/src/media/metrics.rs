//! Which metrics exist, for what, and what became of those that Meta has retired.
//!
//! Source: Meta, "Instagram User: insights", "Instagram Media: insights" and the changelog. One metric that Instagram does
//! not take refuses the whole call; which it does not take is learnt ([`Refused`]) and remembered for each API version.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::graph::{ErrorKind, MediaKind};

/// What an account's figures of a day are asked for by: one call tells all of them.
pub const OF_DAY: &[&str] = &[
    "reach",
    "views",
    "accounts_engaged",
    "total_interactions",
    "likes",
    "comments",
    "saves",
    "shares",
    "replies",
    "profile_links_taps",
];
/// How many came to follow the account: a series of its own.
pub const NEW_FOLLOWERS: &str = "follower_count";
/// What goes with every post, so that a list of them can tell it.
pub const OF_EVERY_POST: &[&str] = &["reach", "views", "saved", "shares", "total_interactions"];
const OF_FEED: &[&str] = &[
    "reach",
    "views",
    "likes",
    "comments",
    "saved",
    "shares",
    "total_interactions",
    "follows",
    "profile_visits",
    "profile_activity",
];
const OF_REEL: &[&str] = &[
    "reach",
    "views",
    "likes",
    "comments",
    "saved",
    "shares",
    "total_interactions",
    "ig_reels_avg_watch_time",
    "ig_reels_video_view_total_time",
    "reels_skip_rate",
];
const OF_STORY: &[&str] = &[
    "reach",
    "views",
    "replies",
    "shares",
    "total_interactions",
    "follows",
    "profile_visits",
    "navigation",
];

/// A metric that Meta has retired, and what took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Its name.
    pub name: &'static str,
    /// What to ask for instead; `None` where nothing took its place.
    pub successor: Option<&'static str>,
    /// It was one part of what the successor counts: the successor's total is another figure.
    pub is_part: bool,
    /// Since when it is gone in every version.
    pub since: &'static str,
}

/// What was retired of accounts' and media's metrics.
pub const RETIRED: &[Retired] = &[
    retired("impressions", Some("views"), "2025-04-21"),
    retired("plays", Some("views"), "2025-04-21"),
    retired("video_views", Some("views"), "2025-01-08"),
    part_of("views", "clips_replays_count", "2025-04-21"),
    retired(
        "ig_reels_aggregated_all_plays_count",
        Some("views"),
        "2025-04-21",
    ),
    retired("engagement", Some("total_interactions"), "2023-12-11"),
    retired("profile_views", None, "2025-01-08"),
    part_of("profile_links_taps", "website_clicks", "2025-01-08"),
    part_of("profile_links_taps", "email_contacts", "2025-01-08"),
    part_of("profile_links_taps", "phone_call_clicks", "2025-01-08"),
    part_of("profile_links_taps", "text_message_clicks", "2025-01-08"),
    part_of("profile_links_taps", "get_direction_clicks", "2025-01-08"),
    part_of("navigation", "exits", "2023-12-11"),
    part_of("navigation", "taps_forward", "2023-12-11"),
    part_of("navigation", "taps_back", "2023-12-11"),
];

const fn retired(
    name: &'static str,
    successor: Option<&'static str>,
    since: &'static str,
) -> Retired {
    Retired {
        name,
        successor,
        is_part: false,
        since,
    }
}

const fn part_of(successor: &'static str, name: &'static str, since: &'static str) -> Retired {
    Retired {
        name,
        successor: Some(successor),
        is_part: true,
        since,
    }
}

/// What was retired under this name.
pub fn retired_metric(name: &str) -> Option<&'static Retired> {
    RETIRED.iter().find(|retired| retired.name == name)
}

/// The metrics of a media of this kind.
pub fn of_kind(kind: MediaKind) -> &'static [&'static str] {
    match kind {
        MediaKind::Image | MediaKind::Video | MediaKind::Carousel => OF_FEED,
        MediaKind::Reel => OF_REEL,
        MediaKind::Story => OF_STORY,
        MediaKind::Other => OF_EVERY_POST,
    }
}

/// After so long a metric that was refused is asked for again.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What Instagram has refused in one version of its API, by [`ACCOUNT`] or kind of media, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// By kind and metric.
    pub metrics: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// The word for the metrics of an account.
pub const ACCOUNT: &str = "account";

impl Refused {
    /// Those of `metrics` that are not known to be refused.
    pub fn working<'a>(&self, kind: &str, metrics: &[&'a str], now: Timestamp) -> Vec<&'a str> {
        let refused = self.metrics.get(kind);
        let is_refused = |metric: &str| {
            let since = refused.and_then(|refused| refused.get(metric));
            since.is_some_and(|since| now.duration_since(*since) < FORGOTTEN_AFTER)
        };
        let working = metrics.iter().copied();
        working.filter(|metric| !is_refused(metric)).collect()
    }

    /// Those of the metrics of every post that work for every kind of post.
    pub fn working_of_every_post(&self, now: Timestamp) -> Vec<&'static str> {
        let kinds = MediaKind::ALL
            .iter()
            .filter(|kind| **kind != MediaKind::Story);
        kinds.fold(OF_EVERY_POST.to_vec(), |metrics, kind| {
            self.working(kind.as_str(), &metrics, now)
        })
    }

    /// Notes that these are refused.
    pub fn note(&mut self, kind: &str, metrics: &[&str], now: Timestamp) {
        let of_kind = self.metrics.entry(kind.to_owned()).or_default();
        of_kind.extend(metrics.iter().map(|metric| ((*metric).to_owned(), now)));
    }
}

/// Whether a refusal of insights may be about one of the metrics, and not about the call.
pub fn may_be_about_a_metric(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidParameter
            | ErrorKind::Deprecated
            | ErrorKind::RefusedWithoutReason
            | ErrorKind::RefusedWithUnknownReason
    )
}

/// Whether Instagram has no figures for this media, now or for ever.
pub fn is_no_data(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TooFewViewers | ErrorKind::MediaBeforeConversion
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_metric_is_left_out_for_its_kind_and_asked_for_again_after_a_month() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let mut refused = Refused::default();
        refused.note("reel", &["views"], now);
        assert_eq!(refused.working("reel", &["reach", "views"], now), ["reach"]);
        assert_eq!(
            refused.working("image", &["reach", "views"], now),
            ["reach", "views"]
        );
        assert!(!refused.working_of_every_post(now).contains(&"views"));
        let later = now + SignedDuration::from_hours(31 * 24);
        assert!(refused.working_of_every_post(later).contains(&"views"));
    }

    #[test]
    fn a_retired_metric_names_one_that_exists() {
        for retired in RETIRED {
            assert!(!OF_DAY.contains(&retired.name), "{}", retired.name);
            let kinds = MediaKind::ALL.iter().flat_map(|kind| of_kind(*kind));
            let known: Vec<&str> = kinds.chain(OF_DAY).copied().collect();
            assert!(!known.contains(&retired.name), "{}", retired.name);
            assert!(
                retired.successor.is_none_or(|name| known.contains(&name)),
                "{}",
                retired.name
            );
        }
        assert_eq!(retired_metric("reach"), None);
        let parts = RETIRED.iter().filter(|retired| retired.is_part);
        let parts: Vec<&str> = parts.map(|retired| retired.name).collect();
        let named = [
            "clips_replays_count",
            "website_clicks",
            "email_contacts",
            "phone_call_clicks",
            "text_message_clicks",
            "get_direction_clicks",
            "exits",
            "taps_forward",
            "taps_back",
        ];
        assert_eq!(parts, named);
    }
}
