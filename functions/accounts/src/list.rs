//! Lists of accounts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::account::{Account, AccountView, Status};
use shared::app::App;
use shared::http::cursor::List;
use shared::http::paging::{self, PageRefusals};
use shared::http::{Caller, Problem, QueryString};
use shared::table::accounts::AccountFilter;
use utoipa::{IntoParams, ToSchema};

use crate::account::{client_id, invalid_client_id};

/// The longest look ahead for tokens that run out: none lives longer.
const LONGEST_HOURS: u32 = 60 * 24;
const USUAL_HOURS: u32 = 168;
/// The longest text to search for.
const LONGEST_SEARCH: usize = 100;

/// The filters and the page of `GET /instagram/accounts`.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountsQuery {
    /// Only accounts in this state.
    #[param(value_type = Status, required = false, inline, example = "active")]
    status: Option<String>,
    /// Only accounts that are assigned to this customer.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9._:-]{1,128}$", example = "client-7")]
    client_id: Option<String>,
    /// A part of the name or username.
    #[param(value_type = String, required = false, min_length = 1, max_length = 100, example = "bakery")]
    q: Option<String>,
    /// How many at once.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// The window and the page of `GET /instagram/accounts/expiring`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiringQuery {
    /// How far to look ahead.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 1440, default = 168, example = 72)]
    hours: Option<String>,
    /// How many at once.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// A page of accounts, and how many the filter lets through in all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountList {
    /// The accounts of this page.
    accounts: Vec<AccountView>,
    /// How many the filter lets through in all.
    #[schema(example = 1)]
    total: usize,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// Lists the company's accounts, newest first.
#[utoipa::path(get, path = "/instagram/accounts", responses(
    (status = 200, description = "A page of accounts.", body = AccountList),
    PageRefusals, FilterRefusals,
))]
pub(crate) async fn list_accounts(
    State(app): State<Arc<App>>,
    caller: Caller,
    QueryString(query): QueryString<AccountsQuery>,
) -> Result<Json<AccountList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let filter = AccountFilter {
        status: query.status.as_deref().map(status).transpose()?,
        client_id: query.client_id.map(client_id).transpose()?,
        search: query.q.as_deref().map(search).transpose()?,
        expiring_until: None,
    };
    let filter_text = format!(
        "{:?} {:?} {:?}",
        filter.status, filter.client_id, filter.search
    );
    let list = List {
        company: &caller.company,
        route: "/instagram/accounts",
        filter: &filter_text,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let now = app.clock.now();
    let (page, total) = tokio::try_join!(
        app.table
            .accounts_of_company(&caller.company, &filter, limit, after, now),
        app.table.count_accounts(&caller.company, &filter, now),
    )?;
    Ok(Json(AccountList {
        accounts: views(page.accounts, now),
        total,
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

/// Lists accounts whose token runs out within the next hours, soonest first.
///
/// One whose token is dead already is not among them.
#[utoipa::path(get, path = "/instagram/accounts/expiring", responses(
    (status = 200, description = "A page of accounts.", body = AccountList),
    PageRefusals, WindowRefusals,
))]
pub(crate) async fn list_expiring_accounts(
    State(app): State<Arc<App>>,
    caller: Caller,
    QueryString(query): QueryString<ExpiringQuery>,
) -> Result<Json<AccountList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let hours = query
        .hours
        .as_deref()
        .map_or(Ok(USUAL_HOURS), expiring_hours)?;
    let filter_text = hours.to_string();
    let list = List {
        company: &caller.company,
        route: "/instagram/accounts/expiring",
        filter: &filter_text,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let now = app.clock.now();
    let filter = AccountFilter {
        expiring_until: Some(now + SignedDuration::from_hours(hours.into())),
        ..AccountFilter::default()
    };
    let (page, total) = app
        .table
        .expiring_accounts(&caller.company, &filter, limit, after, now)
        .await?;
    Ok(Json(AccountList {
        accounts: views(page.accounts, now),
        total,
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

fn views(accounts: Vec<Account>, now: Timestamp) -> Vec<AccountView> {
    accounts
        .into_iter()
        .map(|account| AccountView::new(account, now))
        .collect()
}

fn status(text: &str) -> Result<Status, Problem> {
    Status::parse(text).ok_or_else(invalid_status)
}

fn invalid_status() -> Problem {
    Problem::bad_request(
        "invalid_status",
        "`status` must be `active`, `token_expired`, `revoked`, `disconnected`, `rate_limited` or `error`.",
    )
}

fn search(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if !(1..=LONGEST_SEARCH).contains(&text.chars().count()) {
        return Err(invalid_search());
    }
    Ok(text.to_owned())
}

fn invalid_search() -> Problem {
    Problem::bad_request(
        "invalid_search",
        format!("`q` must have 1 to {LONGEST_SEARCH} characters."),
    )
}

fn expiring_hours(text: &str) -> Result<u32, Problem> {
    paging::whole_number(text, LONGEST_HOURS).ok_or_else(invalid_hours)
}

fn invalid_hours() -> Problem {
    Problem::bad_request(
        "invalid_hours",
        format!("`hours` must be a whole number from 1 to {LONGEST_HOURS}."),
    )
}

shared::refusals!(
    /// What a filter is refused for.
    pub(crate) FilterRefusals: [invalid_status(), invalid_client_id(), invalid_search()]
);
shared::refusals!(
    /// What the look ahead is refused for.
    pub(crate) WindowRefusals: [invalid_hours()]
);
