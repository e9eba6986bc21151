//! An account's figures by time: from the days that are stored, and from Instagram for those that are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::cache;
use shared::graph::Endpoint;
use shared::http::{OwnAccount, Problem, QueryString};
use shared::media::days::{Day, KEPT_BY_INSTAGRAM, SETTLED_AFTER, day_of, plus};
use shared::media::{figures, figures_of, metrics};
use shared::reading::{self, Reading};
use utoipa::{IntoParams, ToSchema};

use crate::time::{Granularity, GranularityRefusals, Span, SpanRefusals};

/// What is a level, and not a sum of days.
pub(crate) const LEVELS: &[&str] = &["followers", "following", "media"];
/// So many days that are not stored a request asks Instagram for: the latest of them.
const ASKED_AT_ONCE: usize = 7;

/// Which figures of which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct InsightsQuery {
    /// Names with commas between them; all without it. Besides Meta's names there are `followers`, `following`, `media` and
    /// `follows`. For one that Meta has retired its successor is told, with a note.
    #[param(value_type = String, required = false, example = "reach,views")]
    metrics: Option<String>,
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
    /// What a point stands for.
    #[param(value_type = Granularity, required = false, default = "day")]
    granularity: Option<String>,
}

/// Figures by time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Insights {
    /// The first day.
    since: Date,
    /// The last day.
    until: Date,
    /// What a point stands for.
    granularity: Granularity,
    /// One for each metric.
    series: Vec<Series>,
    /// What should be known about them.
    notes: Vec<Note>,
}

/// A metric's figures.
#[derive(Serialize, ToSchema)]
pub(crate) struct Series {
    /// Its name.
    #[schema(example = "reach")]
    pub(crate) metric: String,
    /// In order. Days of which nothing is known are gaps: their value is `null`, and not zero.
    pub(crate) points: Vec<SeriesPoint>,
}

/// A figure of a day, week or month.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeriesPoint {
    /// Its first day.
    pub(crate) start: Date,
    /// The sum of its known days; of `followers`, `following` and `media` the last that is known.
    #[schema(example = 1240)]
    pub(crate) value: Option<u64>,
    /// Of how many days it is known.
    #[schema(example = 1)]
    pub(crate) days: u32,
}

/// Something that should be known about a metric.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Note {
    /// The metric that was asked for.
    #[schema(example = "impressions")]
    metric: String,
    /// What there is to know.
    #[schema(
        example = "Meta has retired `impressions` on 2025-04-21. `views` took its place, and is what is told here."
    )]
    message: String,
}

/// Shows an account's figures by time.
///
/// Days come from what syncs have stored; up to seven that are missing are asked of Instagram, which keeps 90 days and may
/// add to a day's figures for two days. The reach of several days is the sum of the days' reach: somebody who came on two of
/// them counts twice.
#[utoipa::path(get, path = "/instagram/accounts/{id}/insights", responses(
    (status = 200, description = "The figures.", body = Insights),
    SpanRefusals, GranularityRefusals, MetricRefusals,
))]
pub(crate) async fn get_insights(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<InsightsQuery>,
) -> Result<Json<Insights>, Problem> {
    let span = Span::of(&app, query.since.as_deref(), query.until.as_deref())?;
    let granularity = Granularity::parse(query.granularity.as_deref())?;
    let (wanted, notes) = match &query.metrics {
        None => (all_metrics(), Vec::new()),
        Some(text) => asked_metrics(text, &all_metrics(), unknown_metric)?,
    };
    let days = days_of(&app, &account, span).await?;
    Ok(Json(Insights {
        since: span.since,
        until: span.until,
        granularity,
        series: series_of(&days, span, granularity, &wanted),
        notes,
    }))
}

/// Every metric of an account.
pub(crate) fn all_metrics() -> Vec<&'static str> {
    let levels = LEVELS.iter().chain(&["follows"]);
    levels.chain(metrics::OF_DAY).copied().collect()
}

/// The metrics that a caller names, with successors in the place of those that are retired; `refuse` has the words for a name
/// that is not among the `known`.
pub(crate) fn asked_metrics(
    text: &str,
    known: &[&'static str],
    refuse: fn(&[&str]) -> Problem,
) -> Result<(Vec<&'static str>, Vec<Note>), Problem> {
    let (mut wanted, mut notes) = (Vec::new(), Vec::new());
    for name in text.split(',').map(str::trim) {
        let found = match metrics::retired_metric(name) {
            None => known.iter().copied().find(|metric| *metric == name),
            Some(retired) => {
                let told = retired.successor;
                let told = told.and_then(|told| known.iter().copied().find(|one| *one == told));
                let place = match told {
                    Some(told) if retired.is_part => format!(
                        "It was one part of what `{told}` counts: what is told here is the total of `{told}`, and not the same figure."
                    ),
                    Some(told) => format!("`{told}` took its place, and is what is told here."),
                    None => "Nothing takes its place here.".to_owned(),
                };
                notes.push(Note {
                    metric: name.to_owned(),
                    message: format!(
                        "Meta has retired `{}` on {}. {place}",
                        retired.name, retired.since
                    ),
                });
                if told.is_none() {
                    continue;
                }
                told
            }
        };
        let found = found.ok_or_else(|| refuse(known))?;
        if !wanted.contains(&found) {
            wanted.push(found);
        }
    }
    Ok((wanted, notes))
}

/// The days of a span: what is stored and, for the latest of those that are missing, what Instagram says. Where Instagram
/// cannot be asked, they stay gaps.
pub(crate) async fn days_of(
    app: &Arc<App>,
    account: &Account,
    span: Span,
) -> Result<Vec<Day>, Problem> {
    let stored = app.table.days(&account.id, span.since, span.until).await?;
    let mut days: BTreeMap<Date, Day> = stored.into_iter().map(|day| (day.day, day)).collect();
    let now = app.clock.now();
    let today = day_of(now);
    let earliest = plus(today, -KEPT_BY_INSTAGRAM);
    let missing = span.each().filter(|day| {
        let is_known = days.get(day).is_some_and(Day::is_told);
        *day >= earliest && *day < today && !is_known
    });
    let mut missing: Vec<Date> = missing.collect();
    missing.reverse();
    missing.truncate(ASKED_AT_ONCE);
    // An account that was synced and has no figures of these days has none.
    let synced = app.table.media_sync(&account.id).await?;
    let settled = synced.and_then(|synced| synced.settled_through);
    missing.retain(|day| settled.is_none_or(|settled| *day > settled));
    let is_blocked = account.blocked_until_at(now).is_some();
    if is_blocked || !account.is_live(now) || !figures::are_allowed(account) {
        missing.clear();
    }
    for day in missing {
        let known = days.entry(day).or_insert_with(|| Day {
            day,
            ..Day::default()
        });
        let Ok(Some(told)) = told_of_day(app, account, known).await else {
            break;
        };
        known.figures.extend(told);
    }
    Ok(days.into_values().collect())
}

/// What Instagram tells of a day, through the cache, which remembers for its life that there is nothing too, or that Instagram
/// refuses to tell (`None`): to be refused every metric takes many calls. What there is, is stored.
async fn told_of_day(
    app: &Arc<App>,
    account: &Account,
    known: &Day,
) -> Result<Option<BTreeMap<String, u64>>, Problem> {
    let name = format!("day {} {}", known.day, account.connection_generation);
    let cached = cache::through(app, &account.id, &name, async {
        let reading = Reading::of(app, account, "reader").await?;
        let found = figures::of_day(app, account, &reading.token, known.day).await;
        let found = reading.take_figures(found).await?;
        if found.refused.is_some() {
            return Ok(None);
        }
        let figures = figures_of(&found.insights);
        if !figures.is_empty() {
            let mut record = known.clone();
            record.figures.extend(figures.clone());
            record.settled = plus(known.day, SETTLED_AFTER) <= day_of(app.clock.now());
            // A sync that writes it meanwhile writes the same.
            app.table.write_day(&account.id, &record).await?;
        }
        Ok(Some(figures))
    });
    Ok(cached.await?.value)
}

/// Puts days together.
pub(crate) fn series_of(
    days: &[Day],
    span: Span,
    granularity: Granularity,
    wanted: &[&str],
) -> Vec<Series> {
    let by_day: BTreeMap<Date, &Day> = days.iter().map(|day| (day.day, day)).collect();
    let series = wanted.iter().map(|metric| {
        let mut points: Vec<SeriesPoint> = Vec::new();
        for day in span.each() {
            let start = granularity.start(day);
            if points.last().is_none_or(|point| point.start != start) {
                points.push(SeriesPoint {
                    start,
                    value: None,
                    days: 0,
                });
            }
            let figure = by_day.get(&day).and_then(|day| day.figure(metric));
            if let (Some(point), Some(figure)) = (points.last_mut(), figure) {
                let before = match LEVELS.contains(metric) {
                    true => 0,
                    false => point.value.unwrap_or_default(),
                };
                point.value = Some(before.saturating_add(figure));
                point.days += 1;
            }
        }
        Series {
            metric: (*metric).to_owned(),
            points,
        }
    });
    series.collect()
}

shared::refusals!(
    /// Which metrics are refused.
    pub(crate) MetricRefusals: [unknown_metric(&all_metrics())]
);
shared::refusals!(
    /// Why an account's figures cannot be asked for.
    pub(crate) AccountInsightsRefusals: reading::refusals(&[Endpoint::AccountInsights])
);

fn unknown_metric(known: &[&str]) -> Problem {
    Problem::bad_request(
        "unknown_metric",
        format!("`metrics` must name some of {}.", known.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str, figures: &[(&str, u64)], followers: Option<u64>) -> Day {
        Day {
            day: text.parse().unwrap(),
            followers,
            figures: figures
                .iter()
                .map(|(name, figure)| ((*name).to_owned(), *figure))
                .collect(),
            ..Day::default()
        }
    }

    #[test]
    fn a_day_of_which_nothing_is_known_is_a_gap_and_weeks_begin_on_monday() {
        let days = [
            day("2026-11-13", &[("reach", 10)], Some(100)),
            day("2026-11-16", &[("reach", 7)], Some(103)),
            day("2026-11-18", &[("reach", 5)], Some(101)),
        ];
        let span = Span {
            since: "2026-11-13".parse().unwrap(),
            until: "2026-11-18".parse().unwrap(),
        };
        let points = |granularity, metric: &str| -> Vec<(String, Option<u64>, u32)> {
            let series = series_of(&days, span, granularity, &[metric]);
            let points = series[0].points.iter();
            points
                .map(|point| (point.start.to_string(), point.value, point.days))
                .collect()
        };
        let by_day = points(Granularity::Day, "reach");
        assert_eq!(by_day.len(), 6);
        assert_eq!(by_day[1], ("2026-11-14".to_owned(), None, 0));
        assert_eq!(
            points(Granularity::Week, "reach"),
            [
                ("2026-11-09".to_owned(), Some(10), 1),
                ("2026-11-16".to_owned(), Some(12), 2)
            ]
        );
        let levels = points(Granularity::Month, "followers");
        assert_eq!(levels, [("2026-11-01".to_owned(), Some(101), 3)]);
    }

    #[test]
    fn a_retired_metric_is_told_by_its_successor_with_a_note() {
        let (wanted, notes) =
            asked_metrics("impressions,views,reach", &all_metrics(), unknown_metric).unwrap();
        assert_eq!(wanted, ["views", "reach"]);
        assert_eq!(notes.len(), 1);
        assert!(notes[0].message.contains("`views` took its place"));
        let (wanted, notes) =
            asked_metrics("profile_views", &all_metrics(), unknown_metric).unwrap();
        assert!(wanted.is_empty());
        assert!(notes[0].message.contains("Nothing takes its place"));
        assert!(asked_metrics("invented", &all_metrics(), unknown_metric).is_err());
        let message = |name: &str| {
            let known = ["profile_links_taps", "navigation", "views"];
            let (wanted, notes) = asked_metrics(name, &known, unknown_metric).unwrap();
            assert_eq!(wanted.len(), 1, "{name}");
            notes[0].message.clone()
        };
        for (name, successor) in [
            ("website_clicks", "profile_links_taps"),
            ("get_direction_clicks", "profile_links_taps"),
            ("exits", "navigation"),
            ("taps_back", "navigation"),
            ("taps_forward", "navigation"),
        ] {
            let note = message(name);
            let total = format!("the total of `{successor}`, and not the same figure");
            assert!(note.contains(&total), "{note}");
        }
        assert!(!message("plays").contains("not the same figure"));
    }
}
