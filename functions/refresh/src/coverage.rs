//! `GET /health/coverage`: whether every connected account has a refresh ahead of it, or a named state with a reason.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use shared::account::Status;
use shared::app::App;
use shared::http::{Caller, Problem};
use shared::table::coverage::Coverage;
use utoipa::ToSchema;

/// How a company's connected accounts are covered. `connected` is the sum of `scheduled`, `unscheduled` and the accounts
/// of `waiting`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CoverageAnswer {
    /// Whether nothing is unscheduled.
    #[schema(example = true)]
    complete: bool,
    /// Accounts with a token.
    #[schema(example = 4)]
    connected: usize,
    /// Those that are renewed by themselves.
    #[schema(example = 3)]
    scheduled: usize,
    /// Those that wait for a person, by state and reason.
    waiting: Vec<Waiting>,
    /// Those without a refresh ahead: the hourly audit mends them.
    #[schema(example = 0)]
    unscheduled: usize,
    /// The next refresh of any.
    next_refresh_at: Option<Timestamp>,
    /// When the first of the living tokens runs out.
    soonest_expiry: Option<Timestamp>,
    /// When accounts and schedules were compared last, by the audit; `null` before the first time, and when that is more
    /// than six hours ago.
    audited_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    /// Their state.
    status: Status,
    /// A stable code.
    #[schema(example = "token_expired")]
    reason: String,
    /// How many.
    #[schema(example = 1)]
    accounts: usize,
}

/// Says whether each connected account of the company is renewed by itself, or waits for a person and why.
#[utoipa::path(get, path = "/health/coverage", responses(
    (status = 200, description = "The coverage of the company.", body = CoverageAnswer),
))]
pub(crate) async fn get_coverage(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<CoverageAnswer>, Problem> {
    let now = app.clock.now();
    let coverage = app.table.coverage_of_company(&caller.company, now).await?;
    let audited_at = app.table.audited_at(now).await?;
    Ok(Json(CoverageAnswer::new(&coverage, audited_at)))
}

impl CoverageAnswer {
    fn new(coverage: &Coverage, audited_at: Option<Timestamp>) -> Self {
        let waiting = coverage.waiting.iter();
        Self {
            complete: coverage.is_complete(),
            connected: coverage.connected,
            scheduled: coverage.scheduled,
            waiting: waiting
                .map(|((status, reason), accounts)| Waiting {
                    status: *status,
                    reason: reason.clone(),
                    accounts: *accounts,
                })
                .collect(),
            unscheduled: coverage.unscheduled,
            next_refresh_at: coverage.next_refresh_at,
            soonest_expiry: coverage.soonest_expiry,
            audited_at,
        }
    }
}
