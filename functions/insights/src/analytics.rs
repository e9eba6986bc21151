//! All accounts of a company together: totals, change, series, each account, the best posts; and accounts side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
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
use crate::series::{Series, all_metrics, series_of};
use crate::time::{Granularity, GranularityRefusals, Span, SpanRefusals};
use crate::totals::{Sum, Total, add_series};

/// So many accounts are put together at most.
const MOST_ACCOUNTS: usize = 200;
/// So many days of accounts are put together at most: 100 days of 200 accounts, or two years of 27.
const MOST_ACCOUNT_DAYS: i64 = 20_000;
/// So many are compared.
const MOST_COMPARED: usize = 10;
/// So many are read at once.
const READ_AT_ONCE: usize = 4;
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
    /// By time. Of what is counted by day, the sum of the accounts of which it is known. `followers`, `following` and `media`
    /// are told where they are known of every account of which any of these days is: from an account's first known day on, its
    /// last figure holds where there is none.
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

/// What was read of an account.
struct Read {
    account: AccountTotals,
    sums: BTreeMap<&'static str, Sum>,
    days: Vec<Day>,
    top: Vec<TopMedia>,
}

/// Shows how all accounts of the company are doing together, from what syncs have stored.
#[utoipa::path(get, path = "/analytics", responses(
    (status = 200, description = "How they are doing.", body = Analytics),
    SpanRefusals, GranularityRefusals, AccountsRefusals, DaysRefusals,
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
    SpanRefusals, GranularityRefusals, AccountsRefusals, DaysRefusals,
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
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(*id));
    if !(2..=MOST_COMPARED).contains(&ids.len()) {
        return Err(invalid_comparison());
    }
    let mut accounts = Vec::new();
    for id in ids {
        accounts.push(own_account(&app, &caller, id).await?);
    }
    let read = read_each(&app, accounts, span).map_ok(|read| read.account);
    Ok(Json(Comparison {
        since: span.since,
        until: span.until,
        accounts: read.try_collect().await?,
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
    if !is_bounded(accounts.len(), span) {
        return Err(too_many_days());
    }
    let mut series: Vec<Series> = Vec::new();
    let mut totals: BTreeMap<&str, Sum> = BTreeMap::new();
    let mut top_media = Vec::new();
    let mut each = Vec::new();
    let mut read = pin!(read_each(app, accounts, span));
    while let Some(one) = read.try_next().await? {
        let own = series_of(&one.days, span, granularity, &all_metrics());
        add_series(&mut series, own);
        for (metric, sum) in &one.sums {
            totals.entry(*metric).or_default().add(sum);
        }
        top_media.extend(one.top);
        sort(&mut top_media);
        top_media.truncate(BEST);
        each.push(one.account);
    }
    Ok(Json(Analytics {
        platforms: vec![PLATFORM.to_owned()],
        since: span.since,
        until: span.until,
        totals: shown(&totals),
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

/// What is known of each account, in their order: a few of them are read at once, and none is held that was taken.
fn read_each(
    app: &Arc<App>,
    accounts: Vec<Account>,
    span: Span,
) -> impl Stream<Item = Result<Read, Problem>> {
    stream::iter(accounts)
        .map(move |account| {
            let app = app.clone();
            async move { read(&app, &account, span).await }
        })
        .buffered(READ_AT_ONCE)
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
    let sums: BTreeMap<&str, Sum> = all_metrics()
        .into_iter()
        .map(|metric| (metric, Sum::of(&days, &earlier, span, metric)))
        .collect();
    Ok(Read {
        account: AccountTotals {
            account_id: account.id.clone(),
            username: account.username.clone(),
            client_id: account.client_id.clone(),
            totals: shown(&sums),
            mean_engagement_rate,
        },
        sums,
        top: top_of(account, media, "interactions", BEST),
        days,
    })
}

fn shown(sums: &BTreeMap<&str, Sum>) -> BTreeMap<String, Total> {
    let totals = sums.iter();
    totals
        .map(|(metric, sum)| ((*metric).to_owned(), sum.total()))
        .collect()
}

/// Whether a function can read so many accounts' days while a caller waits.
fn is_bounded(accounts: usize, span: Span) -> bool {
    let accounts = i64::try_from(accounts).unwrap_or(i64::MAX);
    accounts.saturating_mul(span.days()) <= MOST_ACCOUNT_DAYS
}

shared::refusals!(
    /// Which accounts are refused.
    pub(crate) AccountsRefusals: [Problem::account_not_found(), too_many_accounts()]
);
shared::refusals!(
    /// How many days are refused.
    pub(crate) DaysRefusals: [too_many_days()]
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

fn too_many_days() -> Problem {
    Problem::unprocessable(
        "too_many_days",
        format!(
            "Accounts times days must be {MOST_ACCOUNT_DAYS} at most: ask for fewer days, or name a client or an account."
        ),
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
    fn so_many_days_of_so_many_accounts_are_put_together_and_no_more() {
        let span = |since: &str| Span {
            since: since.parse().unwrap(),
            until: "2026-11-20".parse().unwrap(),
        };
        assert!(is_bounded(200, span("2026-08-13")));
        assert!(!is_bounded(200, span("2026-08-12")));
        assert!(is_bounded(27, span("2024-11-20")));
        assert!(!is_bounded(28, span("2024-11-20")));
    }
}
