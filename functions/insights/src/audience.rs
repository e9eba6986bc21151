//! Who follows an account, and when they are there; and what cannot be known of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::cache::{self, Aged};
use shared::graph::InsightsQuery;
use shared::http::{OwnAccount, Problem, QueryString};
use shared::media::figures;
use shared::reading::Reading;
use utoipa::{IntoParams, ToSchema};

use crate::series::AccountInsightsRefusals;

/// By what an audience is told.
const BREAKDOWNS: &[&str] = &["age", "city", "country", "gender"];

/// Which audience, and of which time.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemographicsQuery {
    /// `followers`, or `engaged`: those who did something with what the account published.
    #[param(value_type = Audience, required = false, default = "followers")]
    audience: Option<String>,
    /// `this_month` is the last 30 days, `this_week` the last 7.
    #[param(value_type = Timeframe, required = false, default = "this_month")]
    timeframe: Option<String>,
}

/// Whose demographics.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Audience {
    /// Those who follow the account.
    Followers,
    /// Those who did something with what it published.
    Engaged,
}

/// Of which time.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Timeframe {
    /// The last 30 days.
    ThisMonth,
    /// The last 7 days.
    ThisWeek,
}

/// Who an audience is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Demographics {
    /// Whose they are.
    audience: Audience,
    /// Of which time.
    timeframe: Timeframe,
    /// By `age`, `city`, `country` and `gender`; what Instagram does not tell is absent. It tells nothing of fewer than 100
    /// people, and the 45 most frequent at most.
    breakdowns: BTreeMap<String, Vec<Group>>,
}

/// People who have something in common.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Group {
    /// What they have in common.
    #[schema(example = "25-34")]
    value: String,
    /// How many they are.
    #[schema(example = 412)]
    people: u64,
}

/// When followers are there.
#[derive(Serialize, ToSchema)]
pub(crate) struct OnlineFollowers {
    /// Where the day ends that is told; absent where Instagram tells none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    end: Option<Timestamp>,
    /// By the hour. Empty where Instagram tells nothing: of fewer than 100 followers.
    hours: Vec<Hour>,
}

/// An hour of the day.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Hour {
    /// From 0 to 23, in Instagram's time.
    #[schema(example = 19)]
    hour: u8,
    /// How many were online.
    #[schema(example = 803)]
    followers: u64,
}

/// Whom a caller wants to know about.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompetitorQuery {
    /// The other account's name.
    #[param(required = false, example = "some.name")]
    #[allow(dead_code, reason = "read by no login that is built")]
    username: Option<String>,
}

/// Shows who follows an account, or who is engaged with it: by age, city, country and gender.
#[utoipa::path(get, path = "/instagram/accounts/{id}/demographics", responses(
    (status = 200, description = "Who they are.", body = Demographics, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    AudienceRefusals, AccountInsightsRefusals,
))]
pub(crate) async fn get_demographics(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<DemographicsQuery>,
) -> Result<Aged<Demographics>, Problem> {
    let (audience, metric) = match query.audience.as_deref() {
        None | Some("followers") => (Audience::Followers, "follower_demographics"),
        Some("engaged") => (Audience::Engaged, "engaged_audience_demographics"),
        Some(_) => return Err(invalid_audience()),
    };
    let (timeframe, word) = match query.timeframe.as_deref() {
        None | Some("this_month") => (Timeframe::ThisMonth, "this_month"),
        Some("this_week") => (Timeframe::ThisWeek, "this_week"),
        Some(_) => return Err(invalid_timeframe()),
    };
    let name = format!("{metric} {word} {}", account.connection_generation);
    let cached = cache::through(&app, &account.id, &name, async {
        let reading = Reading::of(&app, &account, "reader").await?;
        let mut breakdowns: BTreeMap<String, Vec<Group>> = BTreeMap::new();
        let mut refused = Vec::new();
        for breakdown in BREAKDOWNS {
            let query = InsightsQuery {
                metrics: &[metric],
                period: "lifetime",
                metric_type: "total_value",
                breakdown,
                timeframe: word,
                ..InsightsQuery::default()
            };
            let found = figures::of_account(&app, &account, &reading.token, &query).await;
            let found = reading.take_figures(found).await?;
            refused.extend(found.refused);
            let parts = found.insights.iter().flat_map(|one| &one.breakdowns);
            let results = parts.flat_map(|part| &part.results);
            let mut groups: Vec<Group> = results
                .filter_map(|(values, people)| {
                    let value = values.last()?.clone();
                    Some(Group {
                        value,
                        people: *people,
                    })
                })
                .collect();
            groups.sort_by_key(|group| std::cmp::Reverse(group.people));
            if !groups.is_empty() {
                breakdowns.insert((*breakdown).to_owned(), groups);
            }
        }
        // That one is refused fails no other; of nothing but refusals is not known that there is nothing.
        match refused.pop() {
            Some(error) if refused.len() + 1 == BREAKDOWNS.len() => Err(Problem::from(error)),
            _ => Ok(breakdowns),
        }
    })
    .await?;
    Ok(Aged::of(cached, app.clock.now(), |breakdowns| {
        Demographics {
            audience,
            timeframe,
            breakdowns,
        }
    }))
}

/// Shows when an account's followers are online, by the hour.
#[utoipa::path(get, path = "/instagram/accounts/{id}/online-followers", responses(
    (status = 200, description = "By the hour.", body = OnlineFollowers, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    AccountInsightsRefusals,
))]
pub(crate) async fn get_online_followers(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
) -> Result<Aged<OnlineFollowers>, Problem> {
    let name = format!("online {}", account.connection_generation);
    let cached = cache::through(&app, &account.id, &name, async {
        let reading = Reading::of(&app, &account, "reader").await?;
        let query = InsightsQuery {
            metrics: &["online_followers"],
            period: "lifetime",
            ..InsightsQuery::default()
        };
        let found = figures::of_account(&app, &account, &reading.token, &query).await;
        let found = reading.take_figures(found).await?;
        if let Some(error) = found.refused {
            return Err(Problem::from(error));
        }
        let mut points = found.insights.iter().flat_map(|one| &one.values);
        let last = points.rfind(|point| !point.parts.is_empty());
        let hours = last.map_or_else(Vec::new, |point| {
            let parts = point.parts.iter();
            let mut hours: Vec<Hour> = parts
                .filter_map(|(hour, followers)| {
                    Some(Hour {
                        hour: hour.parse().ok()?,
                        followers: *followers,
                    })
                })
                .collect();
            hours.sort_by_key(|hour| hour.hour);
            hours
        });
        Ok((last.and_then(|point| point.end), hours))
    })
    .await?;
    Ok(Aged::of(cached, app.clock.now(), |(end, hours)| {
        OnlineFollowers { end, hours }
    }))
}

/// What others' accounts show (business discovery) needs the Facebook login: answers 422 until that is built.
#[utoipa::path(get, path = "/instagram/accounts/{id}/competitors", responses(
    (status = 204, description = "Never answered with the Instagram login."),
    CompetitorRefusals,
))]
pub(crate) async fn get_competitor(
    OwnAccount(_): OwnAccount,
    QueryString(_): QueryString<CompetitorQuery>,
) -> Result<http::StatusCode, Problem> {
    Err(needs_facebook_login())
}

shared::refusals!(
    /// Which audiences are refused.
    pub(crate) AudienceRefusals: [invalid_audience(), invalid_timeframe()]
);
shared::refusals!(
    /// Why others' accounts are not shown.
    pub(crate) CompetitorRefusals: [needs_facebook_login()]
);

fn invalid_audience() -> Problem {
    Problem::bad_request(
        "invalid_audience",
        "`audience` must be `followers` or `engaged`.",
    )
}

fn invalid_timeframe() -> Problem {
    Problem::bad_request(
        "invalid_timeframe",
        "`timeframe` must be `this_month` or `this_week`.",
    )
}

fn needs_facebook_login() -> Problem {
    Problem::unprocessable(
        "facebook_login_required",
        "Instagram shows other accounts to connections by the Facebook login only, and this one is by the Instagram login.",
    )
}
