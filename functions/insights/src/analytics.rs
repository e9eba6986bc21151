//! All accounts of a company together: totals, change, series, each account, the best posts; and accounts side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use shared::account::{Account, PLATFORM};
use shared::app::App;
use shared::http::owned::is_id;
use shared::http::{Caller, Problem, QueryString};
use shared::media::days::Day;
use shared::media::mean_engagement_rate;
use shared::table::accounts::AccountFilter;
use utoipa::{IntoParams, ToSchema};

use crate::best::{TopMedia, posts_of, sort, top_of};
use crate::series::{LEVELS, Series, all_metrics, series_of};
use crate::time::{Granularity, GranularityRefusals, Span, SpanRefusals};

/// So many accounts are put together at most.
const MOST_ACCOUNTS: usize = 200;
/// So many are compared.
const MOST_COMPARED: usize = 10;
/// So many are read at once.
const READ_AT_ONCE: usize = 8;
/// So many of the best posts are shown.
const BEST: usize = 10;

/// Which accounts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct AccountsQuery {
    /// Only this client's.
    #[param(required = false, example = "client-7")]
    client_id: Option<String>,
    /// Only this one.
    #[param(required = false, example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    account_id: Option<String>,
}

/// Which accounts, and which days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(rename_all = "camelCase")]
pub(crate) struct AnalyticsQuery {
    /// Only this client's accounts.
    #[param(required = false, example = "client-7")]
    client_id: Option<String>,
    /// Only this account.
    #[param(required = false, example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    account_id: Option<String>,
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
    /// What a point of a series stands for.
    #[param(value_type = Granularity, required = false, default = "day")]
    granularity: Option<String>,
}

/// Which accounts stand side by side.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComparisonQuery {
    /// Two to ten ids with commas between them.
    #[param(example = "a3972e6e-ff59-4209-923f-9658e29f68ec,0a6d7c52-91a7-4f0b-8d35-2f8f3b6f2c11")]
    accounts: String,
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
}

/// How accounts are doing together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Analytics {
    /// The platforms that are put together.
    #[schema(example = json!(["instagram"]))]
    platforms: Vec<String>,
    /// The first day.
    since: Date,
    /// The last day.
    until: Date,
    /// By metric.
    totals: BTreeMap<String, Total>,
    /// By time: the sum of the accounts of which it is known.
    series: Vec<Series>,
    /// Each account.
    accounts: Vec<AccountTotals>,
    /// The posts of these days with the most interactions, the best first.
    top_media: Vec<TopMedia>,
}

/// How an account is doing.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountTotals {
    /// The account's id.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    account_id: String,
    /// Without `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "corner.bakery")]
    username: Option<String>,
    /// The client that it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "client-7")]
    client_id: Option<String>,
    /// By metric.
    totals: BTreeMap<String, Total>,
    /// The mean engagement rate of the posts of these days; absent where nothing of it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.037)]
    mean_engagement_rate: Option<f64>,
}

/// Accounts side by side, in the order in which they were asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Comparison {
    /// The first day.
    since: Date,
    /// The last day.
    until: Date,
    /// Each of them.
    accounts: Vec<AccountTotals>,
}

/// A metric's figure of the days, and of as many days before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Total {
    /// The sum of the days of which it is known; of `followers`, `following` and `media` the last that is known. `null`: no
    /// day is known.
    #[schema(example = 31450)]
    value: Option<u64>,
    /// The same of as many days before.
    #[schema(example = 29870)]
    previous: Option<u64>,
    /// (value − previous) ÷ previous; `null` where one of them is not known, or the earlier is zero.
    #[schema(example = 0.052896)]
    change: Option<f64>,
}

/// What was read of an account.
struct Read {
    totals: AccountTotals,
    days: Vec<Day>,
    top: Vec<TopMedia>,
}

/// Shows how all accounts of the company are doing together, from what syncs have stored.
#[utoipa::path(get, path = "/analytics", responses(
    (status = 200, description = "How they are doing.", body = Analytics),
    SpanRefusals, GranularityRefusals, AccountsRefusals,
))]
pub(crate) async fn get_analytics(
    State(app): State<Arc<App>>,
    caller: Caller,
    QueryString(query): QueryString<AnalyticsQuery>,
) -> Result<Json<Analytics>, Problem> {
    analytics(&app, &caller, query).await
}

/// Shows how all Instagram accounts of the company are doing together.
#[utoipa::path(get, path = "/analytics/instagram", responses(
    (status = 200, description = "How they are doing.", body = Analytics),
    SpanRefusals, GranularityRefusals, AccountsRefusals,
))]
pub(crate) async fn get_instagram_analytics(
    State(app): State<Arc<App>>,
    caller: Caller,
    QueryString(query): QueryString<AnalyticsQuery>,
) -> Result<Json<Analytics>, Problem> {
    // Instagram is the one platform so far.
    analytics(&app, &caller, query).await
}

/// Shows up to ten accounts side by side.
#[utoipa::path(get, path = "/analytics/comparison", responses(
    (status = 200, description = "Side by side.", body = Comparison),
    SpanRefusals, ComparisonRefusals, AccountsRefusals,
))]
pub(crate) async fn compare_accounts(
    State(app): State<Arc<App>>,
    caller: Caller,
    QueryString(query): QueryString<ComparisonQuery>,
) -> Result<Json<Comparison>, Problem> {
    let span = Span::of(&app, query.since.as_deref(), query.until.as_deref())?;
    let mut ids: Vec<&str> = query.accounts.split(',').map(str::trim).collect();
    ids.dedup();
    if !(2..=MOST_COMPARED).contains(&ids.len()) {
        return Err(invalid_comparison());
    }
    let mut accounts = Vec::new();
    for id in ids {
        accounts.push(own_account(&app, &caller, id).await?);
    }
    let read = read_all(&app, &accounts, span).await?;
    Ok(Json(Comparison {
        since: span.since,
        until: span.until,
        accounts: read.into_iter().map(|read| read.totals).collect(),
    }))
}

async fn analytics(
    app: &Arc<App>,
    caller: &Caller,
    query: AnalyticsQuery,
) -> Result<Json<Analytics>, Problem> {
    let span = Span::of(app, query.since.as_deref(), query.until.as_deref())?;
    let granularity = Granularity::parse(query.granularity.as_deref())?;
    let wanted = AccountsQuery {
        client_id: query.client_id,
        account_id: query.account_id,
    };
    let accounts = accounts_of(app, caller, &wanted).await?;
    let read = read_all(app, &accounts, span).await?;
    let mut series: Vec<Series> = Vec::new();
    let mut totals: BTreeMap<String, Total> = BTreeMap::new();
    let mut top_media = Vec::new();
    let mut each = Vec::new();
    for one in read {
        let own = series_of(&one.days, span, granularity, &all_metrics());
        match series.is_empty() {
            true => series = own,
            false => add_series(&mut series, &own),
        }
        for (metric, total) in &one.totals.totals {
            totals.entry(metric.clone()).or_default().add(total);
        }
        top_media.extend(one.top);
        each.push(one.totals);
    }
    totals.values_mut().for_each(Total::compare);
    sort(&mut top_media);
    top_media.truncate(BEST);
    Ok(Json(Analytics {
        platforms: vec![PLATFORM.to_owned()],
        since: span.since,
        until: span.until,
        totals,
        series,
        accounts: each,
        top_media,
    }))
}

/// The company's accounts that a query is about.
pub(crate) async fn accounts_of(
    app: &Arc<App>,
    caller: &Caller,
    query: &AccountsQuery,
) -> Result<Vec<Account>, Problem> {
    if let Some(id) = &query.account_id {
        let account = own_account(app, caller, id).await?;
        let wanted = query.client_id.as_ref();
        let fits = wanted.is_none_or(|client| account.client_id.as_ref() == Some(client));
        return Ok(fits.then_some(account).into_iter().collect());
    }
    let filter = AccountFilter {
        client_id: query.client_id.clone(),
        ..AccountFilter::default()
    };
    let page = app
        .table
        .accounts_of_company(
            &caller.company,
            &filter,
            MOST_ACCOUNTS,
            None,
            app.clock.now(),
        )
        .await?;
    match page.next {
        None => Ok(page.accounts),
        Some(_) => Err(too_many_accounts()),
    }
}

/// An account of the caller's company. One of another company's is as unknown as any: it was named in a query.
async fn own_account(app: &Arc<App>, caller: &Caller, id: &str) -> Result<Account, Problem> {
    if !is_id(id) {
        return Err(Problem::account_not_found());
    }
    let account = app.table.account(id).await?;
    let own = account.filter(|account| account.company == caller.company);
    own.ok_or_else(Problem::account_not_found)
}

async fn read_all(app: &Arc<App>, accounts: &[Account], span: Span) -> Result<Vec<Read>, Problem> {
    // Clones: a closure over borrowed accounts would make the future one that cannot be sent.
    stream::iter(accounts.to_vec())
        .map(|account| async move { read(app, &account, span).await })
        .buffered(READ_AT_ONCE)
        .try_collect()
        .await
}

async fn read(app: &Arc<App>, account: &Account, span: Span) -> Result<Read, Problem> {
    let before = span.before();
    let days = app
        .table
        .days(&account.id, before.since, span.until)
        .await?;
    let (earlier, days): (Vec<Day>, Vec<Day>) =
        days.into_iter().partition(|day| day.day < span.since);
    let media = posts_of(app, account, span).await?;
    let mean_engagement_rate = mean_engagement_rate(&media, account.follower_count);
    let totals = all_metrics().into_iter().map(|metric| {
        let mut total = Total {
            value: total_of(&days, metric),
            previous: total_of(&earlier, metric),
            change: None,
        };
        total.compare();
        (metric.to_owned(), total)
    });
    Ok(Read {
        totals: AccountTotals {
            account_id: account.id.clone(),
            username: account.username.clone(),
            client_id: account.client_id.clone(),
            totals: totals.collect(),
            mean_engagement_rate,
        },
        top: top_of(account, media, "interactions", BEST),
        days,
    })
}

fn total_of(days: &[Day], metric: &str) -> Option<u64> {
    let mut known = days.iter().filter_map(|day| day.figure(metric));
    if LEVELS.contains(&metric) {
        return known.next_back();
    }
    let first = known.next()?;
    Some(known.fold(first, u64::saturating_add))
}

fn add_series(sum: &mut [Series], other: &[Series]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        for (point, other) in sum.points.iter_mut().zip(&other.points) {
            point.value = added(point.value, other.value);
            point.days = point.days.max(other.days);
        }
    }
}

fn added(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(
            one.unwrap_or_default()
                .saturating_add(other.unwrap_or_default()),
        ),
    }
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.value = added(self.value, other.value);
        self.previous = added(self.previous, other.previous);
    }

    fn compare(&mut self) {
        let known = self.value.zip(self.previous);
        let known = known.filter(|(_, previous)| *previous > 0);
        self.change = known.map(|(value, previous)| {
            let change = (value as f64 - previous as f64) / previous as f64;
            (change * 1_000_000.0).round() / 1_000_000.0
        });
    }
}

shared::refusals!(
    /// Which accounts are refused.
    pub(crate) AccountsRefusals: [Problem::account_not_found(), too_many_accounts()]
);
shared::refusals!(
    /// Which comparison is refused.
    pub(crate) ComparisonRefusals: [invalid_comparison()]
);

fn too_many_accounts() -> Problem {
    Problem::unprocessable(
        "too_many_accounts",
        format!("More than {MOST_ACCOUNTS} accounts cannot be put together: name a client."),
    )
}

fn invalid_comparison() -> Problem {
    Problem::bad_request(
        "invalid_comparison",
        format!("`accounts` must name two to {MOST_COMPARED} ids with commas between them."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_both_and_an_earlier_one_that_is_not_zero() {
        let change = |value, previous| {
            let mut total = Total {
                value,
                previous,
                change: None,
            };
            total.compare();
            total.change
        };
        assert_eq!(change(Some(110), Some(100)), Some(0.1));
        assert_eq!(change(Some(90), Some(100)), Some(-0.1));
        assert_eq!(change(Some(90), Some(0)), None);
        assert_eq!(change(None, Some(100)), None);
        assert_eq!(change(Some(90), None), None);
    }
}
