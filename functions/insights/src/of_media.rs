//! Figures of one media, and of stories, which are kept when they have vanished.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::cache::{self, Aged};
use shared::engagement::StoryMetrics;
use shared::graph::{Endpoint, MediaKind};
use shared::http::{MediaId, OwnAccount, Problem, QueryString};
use shared::media::days::day_of;
use shared::media::{RECENT, StoredMedia, figures, figures_of, metrics};
use shared::reading::{self, Reading};
use shared::table::keys;
use utoipa::{IntoParams, ToSchema};

use crate::series::{Note, asked_metrics};
use crate::time::{Span, SpanRefusals};

/// So many stories are shown at most.
const MOST_STORIES: usize = 100;

/// Which figures.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediaInsightsQuery {
    /// Names with commas between them; all that go with its kind without it. For one that Meta has retired its successor is
    /// told, with a note.
    #[param(value_type = String, required = false, example = "reach,saved")]
    metrics: Option<String>,
}

/// Of which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoriesQuery {
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; today without it.
    #[param(value_type = Date, required = false, example = "2026-11-21")]
    until: Option<String>,
}

/// A media's figures so far.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MediaInsights {
    /// Meta's id.
    #[schema(example = "17895000000000001")]
    media_id: String,
    /// What it is.
    kind: MediaKind,
    /// By Meta's names. What Instagram does not have is absent, and not zero; it may be two days late.
    #[schema(example = json!({ "reach": 812, "saved": 9 }))]
    figures: BTreeMap<String, u64>,
    /// (likes + comments + saves + shares) ÷ followers, where one of them is hidden Instagram's total interactions ÷ followers;
    /// absent where neither is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.042)]
    engagement_rate: Option<f64>,
    /// What it had come to on those of its first days on which a sync saw it change, the earliest first.
    days: Vec<MediaDayView>,
    /// What should be known about them.
    notes: Vec<Note>,
}

/// What a media had come to on a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct MediaDayView {
    /// The day of the sync, UTC.
    day: Date,
    /// By Meta's names, from its beginning until then; `likes` and `comments` are among them.
    #[schema(example = json!({ "likes": 61, "comments": 4, "reach": 640 }))]
    figures: BTreeMap<String, u64>,
}

/// Stories, the latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoryInsights {
    /// The latest first.
    stories: Vec<StoryView>,
}

/// A story and its figures.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoryView {
    /// Meta's id.
    #[schema(example = "17895000000000002")]
    media_id: String,
    /// When it was published.
    published_at: Timestamp,
    /// By Meta's names, as they were read last while it lived or told at its end. Empty where fewer than five saw it.
    #[schema(example = json!({ "reach": 120, "replies": 2 }))]
    figures: BTreeMap<String, u64>,
}

/// What Instagram told of a media, as it is cached.
#[derive(Serialize, Deserialize)]
struct Told {
    kind: MediaKind,
    published_at: Option<Timestamp>,
    figures: BTreeMap<String, u64>,
    interactions: Option<u64>,
}

/// Shows the figures of a media's life so far, as Instagram has them, through the cache.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media/{mediaId}/insights", responses(
    (status = 200, description = "Its figures.", body = MediaInsights, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    MediaInsightsRefusals,
))]
pub(crate) async fn get_media_insights(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    MediaId(id): MediaId,
    QueryString(query): QueryString<MediaInsightsQuery>,
) -> Result<Aged<MediaInsights>, Problem> {
    let known = known_metrics();
    let asked = query.metrics.as_deref();
    let asked = asked
        .map(|text| asked_metrics(text, &known, unknown_media_metric))
        .transpose()?;
    // Code 10 is Instagram's word for a story with too few viewers as well as for a missing scope.
    if !figures::are_allowed(&account) {
        return Err(Problem::permission_missing());
    }
    let name = format!("insights {id} {}", account.connection_generation);
    let cached = cache::through(&app, &account.id, &name, async {
        let reading = Reading::of(&app, &account, "reader").await?;
        let graph = reading.graph();
        let answer = graph.one_media(&reading.token, &id).await;
        let media = reading.take_of_media(&id, answer).await?;
        let kind = media.kind();
        let found = figures::of_media(&app, &account, &reading.token, (&id, kind)).await;
        let found = reading.take_figures(found).await?;
        if let Some(error) = found.refused {
            return Err(Problem::from(error));
        }
        let mut stored = StoredMedia::told(&media, None);
        stored.figures = figures_of(&found.insights);
        Ok(Told {
            kind,
            published_at: media.published_at,
            interactions: stored.interactions(),
            figures: stored.figures,
        })
    })
    .await?;
    let (wanted, notes) = match asked {
        Some((wanted, notes)) => (Some(wanted), notes),
        None => (None, Vec::new()),
    };
    let only_wanted = |mut figures: BTreeMap<String, u64>| {
        figures.retain(|name, _| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|wanted| wanted.contains(&name.as_str()))
        });
        figures
    };
    let days = first_days(&app, &account, &id, cached.value.published_at).await?;
    let days = days.into_iter().map(|day| MediaDayView {
        figures: only_wanted(day.figures),
        ..day
    });
    let days = days.filter(|day| !day.figures.is_empty()).collect();
    let followers = account.follower_count;
    Ok(Aged::of(cached, app.clock.now(), |told| {
        let rate = told.interactions.zip(followers);
        MediaInsights {
            media_id: id,
            kind: told.kind,
            figures: only_wanted(told.figures),
            engagement_rate: rate
                .and_then(|(done, followers)| shared::media::engagement_rate(done, followers)),
            days,
            notes,
        }
    }))
}

/// What syncs kept of a media's days.
async fn first_days(
    app: &App,
    account: &Account,
    media: &str,
    published_at: Option<Timestamp>,
) -> Result<Vec<MediaDayView>, Problem> {
    let Some(published_at) = published_at else {
        return Ok(Vec::new());
    };
    let (from, to) = (day_of(published_at), day_of(published_at + RECENT));
    let kept = app.table.media_days(&account.id, from, to).await?;
    let days = kept.into_iter().filter_map(|mut kept| {
        let figures = kept.media.remove(media)?;
        Some(MediaDayView {
            day: kept.day,
            figures,
        })
    });
    Ok(days.collect())
}

/// Lists an account's stories with their figures, the latest first, 100 at most; they are kept when the stories are over.
///
/// They are looked for among the 4,500 newest media of these days.
#[utoipa::path(get, path = "/instagram/accounts/{id}/stories/insights", responses(
    (status = 200, description = "Stories.", body = StoryInsights),
    SpanRefusals,
))]
pub(crate) async fn list_story_insights(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<StoriesQuery>,
) -> Result<Json<StoryInsights>, Problem> {
    let today = day_of(app.clock.now()).to_string();
    let until = query.until.as_deref().unwrap_or(&today);
    let span = Span::of(&app, query.since.as_deref(), Some(until))?;
    let is_story = |media: &StoredMedia| media.kind == MediaKind::Story;
    let page = app
        .table
        .stored_media(&account.id, span.times(), MOST_STORIES, None, is_story)
        .await?;
    let places = page.media.iter();
    let places = places.map(|story| keys::story(&account.id, &story.id));
    let told: Vec<StoryMetrics> = app.table.records(places.collect()).await?;
    let mut told: BTreeMap<String, StoryMetrics> = told
        .into_iter()
        .map(|story| (story.media.clone(), story))
        .collect();
    let stories = page.media.into_iter().map(|story| {
        let mut figures = story.figures;
        // What is told at a story's end is final.
        figures.extend(
            told.remove(&story.id)
                .map(|told| told.metrics)
                .unwrap_or_default(),
        );
        StoryView {
            media_id: story.id,
            published_at: story.published_at,
            figures,
        }
    });
    Ok(Json(StoryInsights {
        stories: stories.collect(),
    }))
}

/// Every metric of a media of any kind.
fn known_metrics() -> Vec<&'static str> {
    let mut known: Vec<&str> = Vec::new();
    for kind in MediaKind::ALL {
        for metric in metrics::of_kind(*kind) {
            if !known.contains(metric) {
                known.push(metric);
            }
        }
    }
    known
}

shared::refusals!(
    /// Why Instagram does not tell a media's figures.
    pub(crate) MediaInsightsRefusals: reading::refusals(&[Endpoint::ReadMedia, Endpoint::MediaInsights])
        .into_iter()
        .chain([unknown_media_metric(&known_metrics()), Problem::permission_missing()])
);

fn unknown_media_metric(known: &[&str]) -> Problem {
    Problem::bad_request(
        "unknown_media_metric",
        format!(
            "`metrics` must name some of {}: those of this kind of media.",
            known.join(", ")
        ),
    )
}
