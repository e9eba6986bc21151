//! Insights of one media. The figures are what a test or a person set or, where the account has a past, what follows from
//! that.
//! <https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights>

use serde_json::{Value, json};

use crate::answer::{Answer, GraphError, IG_API_EXCEPTION};
use crate::authorize::INSIGHTS_SCOPE;
use crate::content::Media;
use crate::history;
use crate::media::own_media;
use crate::person::Person;
use crate::refusals;
use crate::router::Endpoint;
use crate::state::State;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    name: "GET /{media_id}/insights",
    method: "GET",
    path: "/{version}/{media_id}/insights",
    handler: read,
}];

/// Which metric goes with which `media_product_type`.
const METRICS: &[(&str, &[&str])] = &[
    ("views", &["FEED", "REELS", "STORY"]),
    ("reach", &["FEED", "REELS", "STORY"]),
    ("total_interactions", &["FEED", "REELS", "STORY"]),
    ("shares", &["FEED", "REELS", "STORY"]),
    ("reposts", &["FEED", "REELS", "STORY"]),
    ("likes", &["FEED", "REELS"]),
    ("comments", &["FEED", "REELS"]),
    ("saved", &["FEED", "REELS"]),
    ("follows", &["FEED", "STORY"]),
    ("profile_visits", &["FEED", "STORY"]),
    ("profile_activity", &["FEED", "STORY"]),
    ("ig_reels_avg_watch_time", &["REELS"]),
    ("ig_reels_video_view_total_time", &["REELS"]),
    ("reels_skip_rate", &["REELS"]),
    ("replies", &["STORY"]),
    ("navigation", &["STORY"]),
];

/// A story that fewer people saw shows nothing.
const FEWEST_VIEWERS: u64 = 5;

/// What is wrong with the name of a metric, in a sentence, or nothing.
pub(crate) fn complaint(metric: &str) -> Option<String> {
    let known: Vec<&str> = METRICS.iter().map(|(known, _)| *known).collect();
    (!known.contains(&metric))
        .then(|| format!("no metric {metric:?}; there are {}", known.join(", ")))
}

fn read(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(INSIGHTS_SCOPE))?.person;
    let media = own_media(visit, &person)?;
    if visit.incoming.query("breakdown").is_some() {
        let message = "instagram-sim does not know breakdowns of media";
        return Err(GraphError::new(0, "SimulatorError", message).with_status(501));
    }
    let asked = visit.incoming.query("metric").unwrap_or_default();
    if asked.is_empty() {
        return Err(refusals::parameter("The parameter metric is required"));
    }
    let data = of_media(visit.state, &person, media, asked, visit.now_ms)?;
    Ok(Answer::json(200, &json!({ "data": data })))
}

/// A figure of a media: what was set or, where its owner has a past, what follows from that.
pub(crate) fn figure(
    state: &State,
    person: &Person,
    media: &Media,
    metric: &str,
    now_ms: i64,
) -> Option<u64> {
    let set = state.content.insight(&media.id, metric);
    set.or_else(|| {
        person.history.as_ref()?;
        let comments = state.content.comments_on(&media.id).len() as u64;
        let followers = person.followers_at(media.published_at_ms);
        history::figure(media, followers, comments, metric, now_ms)
    })
}

/// The figures of a media by these metrics, as `data` has them.
pub(crate) fn of_media(
    state: &State,
    person: &Person,
    media: &Media,
    metrics: &str,
    now_ms: i64,
) -> Result<Vec<Value>, GraphError> {
    if media.kind.is_carousel_item() {
        return Err(refusals::parameter(
            "There are no insights of the items of a carousel",
        ));
    }
    let product = media.kind.media_product_type();
    let refused = &state.durable.settings.refused_metrics;
    let mut data: Vec<Value> = Vec::new();
    for metric in metrics.split(',').map(str::trim) {
        let known = METRICS.iter().find(|(known, _)| *known == metric);
        let known = known.filter(|(name, _)| {
            let here = format!("{product}:{name}");
            !refused.iter().any(|entry| entry == name || *entry == here)
        });
        let Some((name, products)) = known else {
            return Err(refusals::parameter(format!("Unknown metric {metric}")));
        };
        if !products.contains(&product) {
            let message = format!("The metric {name} does not go with {product}");
            return Err(refusals::parameter(message));
        }
        // What is not known yet is left out; it is not zero.
        let Some(value) = figure(state, person, media, name, now_ms) else {
            continue;
        };
        data.push(json!({
            "name": name,
            "period": "lifetime",
            "values": [{ "value": value }],
            "title": name,
            "description": "",
            "id": format!("{}/insights/{name}/lifetime", media.id),
        }));
    }
    let reach = figure(state, person, media, "reach", now_ms);
    if media.kind.is_story() && reach.unwrap_or_default() < FEWEST_VIEWERS {
        let message = "(#10) Not enough viewers for the media to show insights";
        return Err(GraphError::new(10, IG_API_EXCEPTION, message));
    }
    Ok(data)
}
