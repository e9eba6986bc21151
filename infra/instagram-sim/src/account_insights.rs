//! Insights of an account: what each day was like, and who follows. Without a past there is no figure, which is not zero.
//! <https://developers.facebook.com/docs/instagram-platform/api-reference/instagram-user/insights>

use serde_json::{Value, json};

use crate::answer::{Answer, GraphError, OAUTH_EXCEPTION};
use crate::authorize::INSIGHTS_SCOPE;
use crate::content::DAY_MS;
use crate::fields::timestamp;
use crate::history::History;
use crate::person::Person;
use crate::refusals;
use crate::router::Endpoint;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "GET /me/insights",
        method: "GET",
        path: "/{version}/me/insights",
        handler: read,
    },
    Endpoint {
        name: "GET /{ig_id}/insights",
        method: "GET",
        path: "/{version}/{ig_id}/insights",
        handler: read,
    },
];

/// Metrics whose total of some days can be asked for.
const TOTALS: &[&str] = &[
    "reach",
    "views",
    "accounts_engaged",
    "total_interactions",
    "likes",
    "comments",
    "saves",
    "shares",
    "replies",
    "reposts",
    "profile_links_taps",
    "follows_and_unfollows",
];
const DEMOGRAPHICS: &[&str] = &["follower_demographics", "engaged_audience_demographics"];
/// Fewer followers than this show neither who they are nor when they come and go.
const FEWEST_FOLLOWERS: u64 = 100;
/// Meta keeps the figures of so many days, and gives so many at once.
const DAYS_KEPT: i64 = 90;
const DAYS_AT_ONCE: i64 = 30;
const AUDIENCE: &[(&str, &[(&str, u64)])] = &[
    (
        "age",
        &[
            ("13-17", 24),
            ("18-24", 231),
            ("25-34", 368),
            ("35-44", 214),
            ("45-54", 98),
            ("55-64", 43),
            ("65+", 22),
        ],
    ),
    ("gender", &[("F", 548), ("M", 401), ("U", 51)]),
    (
        "country",
        &[
            ("DE", 512),
            ("AT", 143),
            ("CH", 97),
            ("IT", 58),
            ("US", 44),
            ("BR", 12),
        ],
    ),
    (
        "city",
        &[
            ("Berlin, Berlin", 187),
            ("Vienna, Vienna", 101),
            ("Munich, Bavaria", 88),
            ("Zürich, Canton of Zürich", 61),
            ("São Paulo, São Paulo (state)", 7),
        ],
    ),
];

fn read(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(INSIGHTS_SCOPE))?.person;
    let asked = visit.incoming.query("metric").unwrap_or_default();
    if asked.is_empty() {
        return Err(refusals::parameter("The parameter metric is required"));
    }
    let refused = &visit.state.durable.settings.refused_metrics;
    let mut data = Vec::new();
    for metric in asked.split(',').map(str::trim) {
        if refused.iter().any(|entry| entry == metric) {
            return Err(refusals::parameter(format!(
                "metric[0] must not be {metric}"
            )));
        }
        let found = match metric {
            "follower_count" => series(visit, &person, metric, "follows")?,
            "online_followers" => online(visit, &person),
            name if DEMOGRAPHICS.contains(&name) => demographics(visit, &person, name)?,
            "reach" if visit.incoming.query("metric_type") == Some("time_series") => {
                series(visit, &person, metric, metric)?
            }
            name if TOTALS.contains(&name) => total(visit, &person, name)?,
            other => {
                return Err(refusals::parameter(format!(
                    "metric[0] must not be {other}"
                )));
            }
        };
        data.extend(found);
    }
    Ok(Answer::json(200, &json!({ "data": data })))
}

/// The days that are asked for, by their numbers since the epoch; yesterday where nothing is said.
fn days(visit: &Visit<'_>) -> Result<std::ops::Range<i64>, GraphError> {
    let today = visit.now_ms.div_euclid(DAY_MS);
    let moment = |name| -> Result<Option<i64>, GraphError> {
        let Some(text) = visit.incoming.query(name) else {
            return Ok(None);
        };
        let seconds = text.parse::<i64>();
        let seconds =
            seconds.map_err(|_| refusals::parameter(format!("{name} must be in seconds")))?;
        Ok(Some(seconds))
    };
    let since = moment("since")?.map_or(today - 1, |since| since.div_euclid(86_400));
    // A moment before midnight and midnight itself end the same day.
    let until = moment("until")?.map_or(today, |until| (until - 1).div_euclid(86_400) + 1);
    if until - since > DAYS_AT_ONCE {
        return Err(refusals::parameter(
            "There cannot be more than 30 days between since and until",
        ));
    }
    Ok(since.max(today - DAYS_KEPT)..until.min(today))
}

fn figure(person: &Person, metric: &str, day: i64) -> Option<u64> {
    let history = person.history.as_ref()?;
    history.of_day(&person.ig_user_id, person.followers_count, metric, day)
}

fn insight(person: &Person, name: &str, period: &str, figures: (&str, Value)) -> Value {
    let mut insight = json!({
        "name": name,
        "period": period,
        "title": name,
        "description": "",
        "id": format!("{}/insights/{name}/{period}", person.ig_user_id),
    });
    insight[figures.0] = figures.1;
    insight
}

fn series(
    visit: &Visit<'_>,
    person: &Person,
    name: &str,
    metric: &str,
) -> Result<Option<Value>, GraphError> {
    let values: Vec<Value> = days(visit)?
        .filter_map(|day| {
            let value = figure(person, metric, day)?;
            Some(json!({ "value": value, "end_time": timestamp((day + 1) * DAY_MS) }))
        })
        .collect();
    Ok((!values.is_empty()).then(|| insight(person, name, "day", ("values", values.into()))))
}

fn total(visit: &Visit<'_>, person: &Person, name: &str) -> Result<Option<Value>, GraphError> {
    if visit.incoming.query("metric_type") != Some("total_value") {
        return Err(refusals::parameter(format!(
            "{name} wants metric_type=total_value"
        )));
    }
    let sum = |metric: &str| -> Result<Option<u64>, GraphError> {
        let figures: Vec<u64> = days(visit)?
            .filter_map(|day| figure(person, metric, day))
            .collect();
        Ok((!figures.is_empty()).then(|| figures.iter().sum()))
    };
    let breakdown = visit.incoming.query("breakdown");
    if name == "follows_and_unfollows" {
        let (Some(follows), Some(unfollows)) = (sum("follows")?, sum("unfollows")?) else {
            return Ok(None);
        };
        if person.followers_at(visit.now_ms) < FEWEST_FOLLOWERS {
            return Ok(None);
        }
        let mut value = json!({ "value": follows + unfollows });
        if breakdown == Some("follow_type") {
            value = json!({ "breakdowns": [{ "dimension_keys": ["follow_type"], "results": [
                { "dimension_values": ["FOLLOWER"], "value": follows },
                { "dimension_values": ["NON_FOLLOWER"], "value": unfollows },
            ] }] });
        }
        return Ok(Some(insight(person, name, "day", ("total_value", value))));
    }
    if breakdown.is_some() {
        // Meta's answer to a breakdown that it does not have.
        let message = "An unknown error has occurred.";
        return Err(GraphError::new(1, OAUTH_EXCEPTION, message).with_status(500));
    }
    let sum = sum(name)?;
    Ok(sum.map(|sum| {
        insight(
            person,
            name,
            "day",
            ("total_value", json!({ "value": sum })),
        )
    }))
}

fn demographics(
    visit: &Visit<'_>,
    person: &Person,
    name: &str,
) -> Result<Option<Value>, GraphError> {
    let breakdown = visit.incoming.query("breakdown").unwrap_or_default();
    let parts = AUDIENCE.iter().find(|(known, _)| *known == breakdown);
    let Some((_, parts)) = parts else {
        return Err(refusals::parameter(
            "breakdown must be one of age, city, country, gender",
        ));
    };
    let timeframe = visit.incoming.query("timeframe").unwrap_or_default();
    if !matches!(timeframe, "this_month" | "this_week") {
        return Err(refusals::parameter(
            "timeframe must be one of this_month, this_week",
        ));
    }
    let followers = person.followers_at(visit.now_ms);
    if person.history.is_none() || followers < FEWEST_FOLLOWERS {
        return Ok(None);
    }
    let people = match name {
        "follower_demographics" => followers,
        _ => followers / 6,
    };
    let results: Vec<Value> = parts
        .iter()
        .map(|(word, share)| {
            json!({
                "dimension_values": [timeframe.to_ascii_uppercase(), word],
                "value": people * share / 1_000,
            })
        })
        .collect();
    let value = json!({ "breakdowns": [
        { "dimension_keys": ["timeframe", breakdown], "results": results },
    ] });
    Ok(Some(insight(
        person,
        name,
        "lifetime",
        ("total_value", value),
    )))
}

fn online(visit: &Visit<'_>, person: &Person) -> Option<Value> {
    let followers = person.followers_at(visit.now_ms);
    if person.history.is_none() || followers < FEWEST_FOLLOWERS {
        return None;
    }
    let hours: serde_json::Map<String, Value> = History::online(followers)
        .map(|(hour, online)| (hour.to_string(), online.into()))
        .collect();
    let today = visit.now_ms.div_euclid(DAY_MS);
    let value = json!([{ "value": hours, "end_time": timestamp(today * DAY_MS) }]);
    Some(insight(
        person,
        "online_followers",
        "lifetime",
        ("values", value),
    ))
}
