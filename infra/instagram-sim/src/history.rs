//! What an account did before anybody looked: posts of years, stories of the last day, comments, followers who came and
//! went, and the figures of all that. Everything follows from a seed and a time, so that a history of 12,000 posts is a
//! dozen milliseconds of work and not a file.

use serde::{Deserialize, Serialize};

use crate::comments::scoped_id;
use crate::content::{Comment, ContentKind, DAY_MS, Media, PostDetails};
use crate::state::mix;

/// The past of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// How many posts it has.
    pub posts: u64,
    /// Over how many days they are spread.
    pub days: u64,
    /// When it ends (milliseconds since the epoch): from then on only what is published through the API is added.
    pub until_ms: i64,
}

/// So many of the newest posts have comments.
const COMMENTED: u64 = 200;
/// How lively each day of the week is, in hundredths, from Thursday on: the epoch began on one.
const WEEK: [u64; 7] = [100, 112, 128, 135, 78, 84, 92];
/// When followers are online, in thousandths of them, by the hour.
const HOURS: [u64; 24] = [
    95, 60, 40, 30, 35, 60, 120, 210, 260, 240, 230, 250, 310, 290, 260, 250, 270, 320, 390, 430,
    440, 400, 300, 180,
];
const CAPTIONS: [&str; 8] = [
    "Fresh out of the oven. #bread",
    "A look behind the scenes",
    "Sunday mood \u{2615}\u{fe0f}",
    "Three things we learned this week #notes",
    "Who wants one? \u{1f468}\u{200d}\u{1f373}",
    "New in the shop",
    "Thank you all for coming! @corner.bakery",
    "Slow morning, long shadows #light",
];
const COMMENTS: [&str; 5] = [
    "Beautiful!",
    "Where can I get this?",
    "\u{1f60d}\u{1f60d}",
    "See you on Saturday",
    "How long did it take?",
];
const COMMENTERS: [&str; 5] = [
    "mara.k",
    "tom_reads",
    "olives.and.oil",
    "lena.b",
    "old.harbour",
];

impl History {
    /// What is wrong with it, in a sentence, or nothing.
    pub(crate) fn complaint(&self) -> Option<String> {
        let fits = self.posts <= 120_000 && (1..=10_000).contains(&self.days);
        (!fits).then(|| "history: at most 120000 posts, over 1 to 10000 days".to_owned())
    }

    /// Posts and stories with the items of albums, oldest first, and the comments on them.
    pub(crate) fn generate(&self, ig_user_id: &str) -> (Vec<Media>, Vec<Comment>) {
        let seed = seed_of(ig_user_id);
        let span = self.days as i64 * DAY_MS;
        let start = self.until_ms - span;
        let mut media = Vec::new();
        let mut comments = Vec::new();
        for number in 0..self.posts {
            let drawn = mix(seed ^ mix(number));
            let slot = span / self.posts.max(1) as i64;
            let at = start + slot * number as i64 + (drawn % slot.max(2) as u64 / 2) as i64;
            let kind = match drawn >> 8 & 15 {
                0..=6 => ContentKind::Image,
                7..=11 => ContentKind::Reel,
                _ => ContentKind::Carousel,
            };
            let post = self.media(ig_user_id, number * 4, kind, at, drawn);
            if kind == ContentKind::Carousel {
                for (position, id) in post.children.iter().enumerate() {
                    media.push(Media {
                        id: id.clone(),
                        kind: ContentKind::CarouselImage,
                        parent_id: Some(post.id.clone()),
                        children: Vec::new(),
                        details: details(ContentKind::CarouselImage, drawn >> position, ""),
                        ..post.clone()
                    });
                }
            }
            if number + COMMENTED >= self.posts {
                comments.extend(comments_on(&post, seed, number, drawn));
            }
            media.push(post);
        }
        for number in 0..3 {
            let drawn = mix(seed ^ mix(number) ^ 7);
            let at = self.until_ms - (20 - 7 * number as i64) * DAY_MS / 24;
            media.push(self.media(
                ig_user_id,
                (self.posts + number) * 4,
                ContentKind::StoryImage,
                at,
                drawn,
            ));
        }
        (media, comments)
    }

    fn media(
        &self,
        ig_user_id: &str,
        number: u64,
        kind: ContentKind,
        at: i64,
        drawn: u64,
    ) -> Media {
        let items = match kind {
            ContentKind::Carousel => 2 + (drawn >> 16 & 1),
            _ => 0,
        };
        let caption = CAPTIONS[(drawn >> 20) as usize % CAPTIONS.len()];
        Media {
            id: id_of(ig_user_id, 17_850, number),
            ig_user_id: ig_user_id.to_owned(),
            kind,
            container_id: String::new(),
            parent_id: None,
            children: (1..=items)
                .map(|item| id_of(ig_user_id, 17_850, number + item))
                .collect(),
            published_at_ms: at / 1000 * 1000,
            details: details(kind, drawn, caption),
            counts_hidden: drawn >> 24 & 31 == 0,
            address_withheld: kind == ContentKind::Reel && drawn >> 30 & 7 == 0,
            comments_disabled: false,
        }
    }

    /// How many follow at this time, who are `now` that many at the history's end.
    pub(crate) fn followers_at(&self, followers: u64, at_ms: i64) -> u64 {
        let days = (at_ms - self.until_ms) / DAY_MS;
        let gained = followers as i64 * days / 900;
        (followers as i64 + gained).max(followers as i64 / 4).max(0) as u64
    }

    /// An account's figure of one day. `day` counts from the epoch. `None` before the history.
    pub(crate) fn of_day(
        &self,
        seed_of: &str,
        followers: u64,
        metric: &str,
        day: i64,
    ) -> Option<u64> {
        if day < self.until_ms / DAY_MS - self.days as i64 {
            return None;
        }
        let drawn = mix(crate::history::seed_of(seed_of) ^ mix(day as u64 ^ 0xda7e));
        let followers = self.followers_at(followers, day * DAY_MS);
        let lively = WEEK[day.rem_euclid(7) as usize] * (80 + drawn % 40);
        let reach = followers * lively / 30_000;
        Some(match metric {
            "reach" => reach,
            "views" => reach * (190 + drawn % 50) / 100,
            "accounts_engaged" => reach / 9,
            "total_interactions" => reach / 7 + reach / 90 + reach / 80 + reach / 60,
            "likes" => reach / 7,
            "comments" => reach / 90,
            "saves" => reach / 60,
            "shares" => reach / 80,
            "replies" => reach / 300,
            "reposts" => reach / 400,
            "profile_links_taps" => reach / 120,
            "follows" => followers / 600 + drawn % 5,
            "unfollows" => followers / 1_800 + drawn % 2,
            _ => return None,
        })
    }

    /// How many followers are online in each hour.
    pub(crate) fn online(followers: u64) -> impl Iterator<Item = (usize, u64)> {
        let hours = HOURS.iter().enumerate();
        hours.map(move |(hour, share)| (hour, followers * share / 1_000))
    }
}

/// The figure of a media so far. It grows fast at first and hardly at all after some weeks.
pub(crate) fn figure(
    media: &Media,
    followers: u64,
    comments: u64,
    metric: &str,
    now_ms: i64,
) -> Option<u64> {
    let number: u64 = media.id.parse().unwrap_or_default();
    let drawn = mix(number);
    let hours = u64::try_from((now_ms - media.published_at_ms) / 3_600_000).unwrap_or_default();
    let day = WEEK[(media.published_at_ms / DAY_MS).rem_euclid(7) as usize];
    let hour = HOURS[(media.published_at_ms / 3_600_000).rem_euclid(24) as usize];
    let most = followers * (80 + drawn % 320) / 1_000 * day / 100 * (500 + hour) / 800;
    let most = match media.kind {
        ContentKind::Reel => most * 2,
        kind if kind.is_story() => most / 3,
        _ => most,
    };
    let reach = most * hours / (hours + 20);
    let likes = reach * (20 + (drawn >> 10) % 60) / 1_000;
    Some(match metric {
        "reach" => reach,
        "views" => reach * 14 / 10,
        "likes" => likes,
        "comments" => comments,
        "saved" => likes / 8,
        "shares" => likes / 10,
        "reposts" => likes / 30,
        "total_interactions" => likes + likes / 8 + likes / 10 + comments,
        "follows" => reach / 400,
        "profile_visits" => reach / 60,
        "profile_activity" => reach / 200,
        "replies" => reach / 150,
        "navigation" => reach * 12 / 10,
        "ig_reels_avg_watch_time" => 3_000 + drawn % 9_000,
        "ig_reels_video_view_total_time" => reach * 14 / 10 * (3_000 + drawn % 9_000),
        "reels_skip_rate" => 20 + drawn % 40,
        _ => return None,
    })
}

fn comments_on(post: &Media, seed: u64, number: u64, drawn: u64) -> Vec<Comment> {
    let count = drawn >> 36 & 3;
    let mut comments: Vec<Comment> = Vec::new();
    for place in 0..count {
        let word = (mix(drawn ^ place) % 5) as usize;
        let is_reply = place == 2;
        let username = COMMENTERS[(mix(seed ^ drawn ^ place) % 5) as usize];
        comments.push(Comment {
            id: id_of(&post.ig_user_id, 17_860, number * 4 + place),
            media_id: post.id.clone(),
            ig_user_id: scoped_id(username),
            username: username.to_owned(),
            text: COMMENTS[word].to_owned(),
            created_at_ms: post.published_at_ms + (place as i64 + 1) * 600_000,
            parent_id: match comments.first().filter(|_| is_reply) {
                Some(first) => first.id.clone(),
                None => String::new(),
            },
        });
    }
    comments
}

fn details(kind: ContentKind, drawn: u64, caption: &str) -> PostDetails {
    let sample = match kind {
        kind if kind.is_video() => "reel.mp4",
        ContentKind::Carousel => "",
        _ if drawn & 1 == 0 => "square.jpg",
        _ => "portrait.jpg",
    };
    PostDetails {
        caption: caption.to_owned(),
        sample: sample.to_owned(),
        ..PostDetails::default()
    }
}

fn seed_of(ig_user_id: &str) -> u64 {
    mix(ig_user_id.parse().unwrap_or_default())
}

/// Smaller than every id of what is published through the API, and greater the later.
fn id_of(ig_user_id: &str, start: u64, number: u64) -> String {
    // The ids that this simulator gives to people differ in their last six digits.
    let account = ig_user_id.parse::<u64>().unwrap_or_default() % 1_000_000;
    (start * 1_000_000_000_000 + account * 1_000_000 + 2 * number + 1).to_string()
}
