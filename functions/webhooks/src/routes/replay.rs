//! Doing again what follows from events that are kept.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::cursor::{List, invalid_cursor};
use shared::http::{EditableAccount, JsonBody, Problem, QueryString, paging};
use shared::table::events::EventFilter;
use shared::telemetry;
use utoipa::{IntoParams, ToSchema};

use crate::worker;

/// So many events are done at once: a few seconds' work.
const PAGE: usize = 100;

/// Which events to do again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Replay {
    /// Events that happened not before.
    #[schema(example = "2026-11-21T00:00:00Z")]
    from: Timestamp,
    /// Events that happened before.
    #[schema(example = "2026-11-22T00:00:00Z")]
    to: Timestamp,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Where a replay goes on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayQuery {
    /// `nextCursor` of its former answer, with the same body. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// What was done again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replayed {
    /// How many events were looked at, 100 at most.
    #[schema(example = 100)]
    events: usize,
    /// How many records changed, or would.
    #[schema(example = 3)]
    changed: usize,
    /// How many events could not be done again.
    #[schema(example = 0)]
    failed: usize,
    /// For the next events; `null` when all are done.
    next_cursor: Option<String>,
}

/// Does again what follows from events of the last 30 days, the earliest first: comments, conversations, messages and figures
/// are as they would be if every event had just come. What reached others is not done twice.
#[utoipa::path(post, path = "/instagram/accounts/{id}/events/replay", responses(
    (status = 200, description = "The next hundred events are done.", body = Replayed),
    ReplayRefusals,
))]
pub(crate) async fn replay_events(
    State(app): State<Arc<App>>,
    EditableAccount { account, .. }: EditableAccount,
    QueryString(query): QueryString<ReplayQuery>,
    JsonBody(replay): JsonBody<Replay>,
) -> Result<Json<Replayed>, Problem> {
    if replay.from >= replay.to {
        return Err(invalid_span());
    }
    let filter = EventFilter {
        from: Some(replay.from),
        to: Some(replay.to),
        earliest_first: true,
        ..EventFilter::default()
    };
    let route = format!("/instagram/accounts/{}/events/replay", account.id);
    let filter_text = format!("{filter:?} {}", replay.dry_run);
    let list = List {
        company: &account.company,
        route: &route,
        filter: &filter_text,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let page = app
        .table
        .events_of_account(
            &account.id,
            &filter,
            PAGE,
            after.as_deref(),
            app.clock.now(),
        )
        .await?;
    let mut answer = Replayed {
        events: page.events.len(),
        changed: 0,
        failed: 0,
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    };
    for event in page.events {
        let done = if replay.dry_run {
            worker::rehearse(&app, &event).await
        } else {
            worker::replay(&app, &account, event).await
        };
        match done {
            Ok(changed) => answer.changed += changed,
            Err(error) => {
                telemetry::note_cause(error.to_string());
                answer.failed += 1;
            }
        }
    }
    Ok(Json(answer))
}

shared::refusals!(
    /// What a replay is refused for.
    pub(crate) ReplayRefusals: [invalid_span(), invalid_cursor()]
);

fn invalid_span() -> Problem {
    Problem::bad_request("invalid_span", "`from` must be before `to`.")
}
