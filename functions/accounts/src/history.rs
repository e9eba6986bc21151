//! What happened to an account, and what its syncs did: newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::http::cursor::List;
use shared::http::paging;
use shared::http::{OwnAccount, Problem, QueryString};
use shared::table::timeline::{SyncLogEntry, TimelineEntry};

/// The page of a history.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

/// A page of a history.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History<T> {
    entries: Vec<T>,
    next_cursor: Option<String>,
}

/// One thing that happened, as a caller sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineView {
    at: Timestamp,
    event: String,
    sentence: String,
    by: String,
    correlation_id: String,
}

/// What one sync did, as a caller sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncLogView {
    sync_type: String,
    status: String,
    items_synced: u64,
    started_at: Timestamp,
    completed_at: Timestamp,
    duration_ms: u64,
    error_code: Option<String>,
    error_message: Option<String>,
    rate_limit_hit: bool,
    rate_limit_reset: Option<Timestamp>,
    correlation_id: String,
}

/// `GET /instagram/accounts/{id}/timeline`: what happened to the account, a sentence each.
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

/// `GET /instagram/accounts/{id}/sync-log`: what each sync of the account did.
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
