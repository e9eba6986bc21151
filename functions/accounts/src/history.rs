//! What happened to an account, and what its syncs did: newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::http::cursor::List;
use shared::http::paging::{self, PageRefusals};
use shared::http::{OwnAccount, Problem, QueryString};
use shared::table::timeline::{SyncLogEntry, TimelineEntry};
use utoipa::{IntoParams, ToSchema};

/// The page of a history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    /// How many at once.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// A page of a history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History<T> {
    /// Newest first.
    entries: Vec<T>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// One thing that happened, as a caller sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineView {
    /// When.
    at: Timestamp,
    /// A stable word for what happened.
    #[schema(example = "token_refreshed")]
    event: String,
    /// The same for a person.
    #[schema(example = "The connection was renewed until 2027-03-11.")]
    sentence: String,
    /// The user who did it, or `schedule`.
    #[schema(example = "schedule")]
    by: String,
    /// Ties it to the log.
    #[schema(example = "6062b68b-fdb9-4bc9-ae4e-65b6133e5d89")]
    correlation_id: String,
}

/// What one sync did, as a caller sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncLogView {
    /// What was read: `profile`, or `media` with its figures.
    #[schema(example = "profile")]
    sync_type: String,
    /// `success`, `partial` where something is missing that `errorCode` names, `failed`, or `rate_limited`: it goes on by itself
    /// at `rateLimitReset`.
    #[schema(example = "success")]
    status: String,
    /// How much was taken over.
    #[schema(example = 1)]
    items_synced: u64,
    /// When it began.
    started_at: Timestamp,
    /// When it ended.
    completed_at: Timestamp,
    /// How long it took, milliseconds.
    #[schema(example = 143)]
    duration_ms: u64,
    /// Why it failed.
    error_code: Option<String>,
    /// The same for a person.
    error_message: Option<String>,
    /// Whether Instagram's rate limit ended it.
    #[schema(example = false)]
    rate_limit_hit: bool,
    /// When that limit ends.
    rate_limit_reset: Option<Timestamp>,
    /// Ties it to the log.
    #[schema(example = "6062b68b-fdb9-4bc9-ae4e-65b6133e5d89")]
    correlation_id: String,
}

/// Lists what happened to an account, newest first, a sentence each.
#[utoipa::path(get, path = "/instagram/accounts/{id}/timeline", responses(
    (status = 200, description = "A page of what happened.", body = History<TimelineView>),
    PageRefusals,
))]
pub(crate) async fn list_timeline(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<HistoryQuery>,
) -> Result<Json<History<TimelineView>>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let route = format!("/instagram/accounts/{}/timeline", account.id);
    let list = list_of(&account, &route);
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let page = app
        .table
        .timeline(&account.id, limit, after, app.clock.now())
        .await?;
    Ok(Json(History {
        entries: page.entries.into_iter().map(TimelineView::from).collect(),
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

/// Lists what each sync of an account did, newest first.
#[utoipa::path(get, path = "/instagram/accounts/{id}/sync-log", responses(
    (status = 200, description = "A page of syncs.", body = History<SyncLogView>),
    PageRefusals,
))]
pub(crate) async fn list_sync_log(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<HistoryQuery>,
) -> Result<Json<History<SyncLogView>>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let route = format!("/instagram/accounts/{}/sync-log", account.id);
    let list = list_of(&account, &route);
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let page = app
        .table
        .sync_log(&account.id, limit, after, app.clock.now())
        .await?;
    Ok(Json(History {
        entries: page.entries.into_iter().map(SyncLogView::from).collect(),
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

fn list_of<'a>(account: &'a Account, route: &'a str) -> List<'a> {
    List {
        company: &account.company,
        route,
        filter: "",
    }
}

impl From<TimelineEntry> for TimelineView {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            at: entry.at,
            event: entry.event,
            sentence: entry.sentence,
            by: entry.by,
            correlation_id: entry.correlation_id,
        }
    }
}

impl From<SyncLogEntry> for SyncLogView {
    fn from(entry: SyncLogEntry) -> Self {
        Self {
            sync_type: entry.sync_type,
            status: entry.status,
            items_synced: entry.items_synced,
            started_at: entry.started_at,
            completed_at: entry.completed_at,
            duration_ms: entry.duration_ms,
            error_code: entry.error_code,
            error_message: entry.error_message,
            rate_limit_hit: entry.rate_limit_hit,
            rate_limit_reset: entry.rate_limit_reset,
            correlation_id: entry.correlation_id,
        }
    }
}
