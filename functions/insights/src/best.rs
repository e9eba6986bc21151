//! What works: the hours at which an account's posts did best, and its best posts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::aws::AwsError;
use shared::graph::MediaKind;
use shared::http::paging::{self, LimitRefusals};
use shared::http::{OwnAccount, Problem, QueryString};
use shared::media::{MEAN_OF, StoredMedia, mean_engagement_rate};
use utoipa::{IntoParams, ToSchema};

use crate::time::{Span, SpanRefusals};

/// So many of the span's media are looked at: the newest.
const LOOKED_AT: usize = 1_000;
/// An hour with fewer posts says nothing.
const FEWEST_POSTS: usize = 2;
/// So many hours are named as the best.
const BEST: usize = 5;
/// By what posts may be ordered.
const ORDERS: &[&str] = &[
    "interactions",
    "engagement_rate",
    "reach",
    "views",
    "likes",
    "comments",
    "saved",
    "shares",
];

/// Which posts count.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct BestTimesQuery {
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-05-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
}

/// Which posts, and in which order.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopMediaQuery {
    /// `interactions`, `engagement_rate`, `reach`, `views`, `likes`, `comments`, `saved` or `shares`.
    #[param(value_type = String, required = false, default = "interactions")]
    by: Option<String>,
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
    /// How many.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
}

/// At which hours posts did best.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BestTimes {
    /// How many posts this is based on: few of them say little.
    #[schema(example = 132)]
    based_on: usize,
    /// The first day.
    since: Date,
    /// The last day.
    until: Date,
    /// The hours with at least two posts that did best, the best first.
    best: Vec<Slot>,
    /// Every hour of the week with a post.
    slots: Vec<Slot>,
}

/// An hour of the week, UTC.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Slot {
    /// 1 is Monday, 7 is Sunday.
    #[schema(example = 4)]
    weekday: i8,
    /// From 0 to 23.
    #[schema(example = 18)]
    hour: i8,
    /// How many posts were published then.
    #[schema(example = 6)]
    posts: usize,
    /// The mean of their likes, comments, saves and shares.
    #[schema(example = 214.5)]
    mean_interactions: f64,
    /// That, divided by the mean of all posts: 1 is usual.
    #[schema(example = 1.32)]
    score: f64,
}

/// An account's best posts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopMediaList {
    /// The best first.
    media: Vec<TopMedia>,
    /// The mean engagement rate of the last 30 posts; absent where nothing of it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.037)]
    mean_engagement_rate: Option<f64>,
}

/// A post that did well.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopMedia {
    /// Meta's id.
    #[schema(example = "17895000000000001")]
    pub(crate) media_id: String,
    /// The account's id.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    pub(crate) account_id: String,
    /// What it is.
    pub(crate) kind: MediaKind,
    /// Its caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Fresh out of the oven.")]
    pub(crate) caption: Option<String>,
    /// Where people see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "https://instagram.example.com/p/DExample/"
    )]
    pub(crate) permalink: Option<String>,
    /// When it was published.
    pub(crate) published_at: Timestamp,
    /// That by which it is ordered.
    #[schema(example = 341.0)]
    pub(crate) value: f64,
}

/// Shows at which hours of the week an account's posts did best, from its own history.
#[utoipa::path(get, path = "/instagram/accounts/{id}/best-times", responses(
    (status = 200, description = "The hours, and how many posts that is based on.", body = BestTimes),
    SpanRefusals,
))]
pub(crate) async fn get_best_times(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<BestTimesQuery>,
) -> Result<Json<BestTimes>, Problem> {
    let span = Span::of(&app, query.since.as_deref(), query.until.as_deref())?;
    let media = posts_of(&app, &account, span).await?;
    let slots = slots_of(&media);
    let mut best: Vec<Slot> = slots
        .iter()
        .filter(|slot| slot.posts >= FEWEST_POSTS)
        .cloned()
        .collect();
    best.sort_by(|one, other| other.score.total_cmp(&one.score));
    best.truncate(BEST);
    Ok(Json(BestTimes {
        based_on: slots.iter().map(|slot| slot.posts).sum(),
        since: span.since,
        until: span.until,
        best,
        slots,
    }))
}

/// Lists an account's best posts of some days, by one of their figures.
#[utoipa::path(get, path = "/instagram/accounts/{id}/top-media", responses(
    (status = 200, description = "The best first.", body = TopMediaList),
    SpanRefusals, LimitRefusals, OrderRefusals,
))]
pub(crate) async fn list_top_media(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<TopMediaQuery>,
) -> Result<Json<TopMediaList>, Problem> {
    let span = Span::of(&app, query.since.as_deref(), query.until.as_deref())?;
    let limit = paging::limit(query.limit.as_deref())?;
    let by = query.by.as_deref().unwrap_or("interactions");
    if !ORDERS.contains(&by) {
        return Err(invalid_order());
    }
    let media = posts_of(&app, &account, span).await?;
    let is_post = |media: &StoredMedia| is_post(media);
    let newest = app
        .table
        .stored_media(&account.id, (None, None), MEAN_OF, None, is_post)
        .await?;
    Ok(Json(TopMediaList {
        media: top_of(&account, media, by, limit),
        mean_engagement_rate: mean_engagement_rate(&newest.media, account.follower_count),
    }))
}

/// What an account published in these days and what is still there, without stories.
pub(crate) async fn posts_of(
    app: &Arc<App>,
    account: &Account,
    span: Span,
) -> Result<Vec<StoredMedia>, AwsError> {
    let page = app
        .table
        .stored_media(&account.id, span.times(), LOOKED_AT, None, is_post)
        .await?;
    Ok(page.media)
}

fn is_post(media: &StoredMedia) -> bool {
    media.kind != MediaKind::Story && media.gone_at.is_none()
}

/// The best of these, by one of their figures; those of which it is not known are left out.
pub(crate) fn top_of(
    account: &Account,
    media: Vec<StoredMedia>,
    by: &str,
    limit: usize,
) -> Vec<TopMedia> {
    let valued = media.into_iter().filter_map(|media| {
        let value = match by {
            "engagement_rate" => media.engagement_rate(account.follower_count)?,
            name => media.figure(name)? as f64,
        };
        Some(TopMedia {
            media_id: media.id,
            account_id: account.id.clone(),
            kind: media.kind,
            caption: media.caption,
            permalink: media.permalink,
            published_at: media.published_at,
            value,
        })
    });
    let mut best: Vec<TopMedia> = valued.collect();
    sort(&mut best);
    best.truncate(limit);
    best
}

/// The best first.
pub(crate) fn sort(media: &mut [TopMedia]) {
    media.sort_by(|one, other| {
        let by_value = other.value.total_cmp(&one.value);
        by_value.then_with(|| one.media_id.cmp(&other.media_id))
    });
}

fn slots_of(media: &[StoredMedia]) -> Vec<Slot> {
    let mut by_hour: BTreeMap<(i8, i8), Vec<u64>> = BTreeMap::new();
    for one in media {
        let Some(interactions) = one.interactions() else {
            continue;
        };
        let at = one.published_at.to_zoned(TimeZone::UTC);
        let place = (at.weekday().to_monday_one_offset(), at.hour());
        by_hour.entry(place).or_default().push(interactions);
    }
    let all: Vec<u64> = by_hour.values().flatten().copied().collect();
    let usual = mean(&all);
    let slots = by_hour.into_iter().map(|((weekday, hour), figures)| {
        let own = mean(&figures);
        Slot {
            weekday,
            hour,
            posts: figures.len(),
            mean_interactions: rounded(own),
            score: if usual > 0.0 {
                rounded(own / usual)
            } else {
                0.0
            },
        }
    });
    slots.collect()
}

fn mean(figures: &[u64]) -> f64 {
    let sum: u64 = figures.iter().sum();
    sum as f64 / figures.len().max(1) as f64
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

shared::refusals!(
    /// Which order is refused.
    pub(crate) OrderRefusals: [invalid_order()]
);

fn invalid_order() -> Problem {
    Problem::bad_request(
        "invalid_order",
        format!("`by` must be one of {}.", ORDERS.join(", ")),
    )
}
