//! What a media sync writes into the sync log.

use std::sync::Arc;

use shared::account::Account;
use shared::app::App;
use shared::graph::GraphError;
use shared::media::progress::Run;
use shared::table::timeline::SyncLogEntry;
use shared::telemetry;

/// Why figures are missing of an account without the scope for them.
pub(super) const MISSING_PERMISSION: &str = "insights_permission_missing";
/// Why media are missing where Instagram's list came back to where it had been, or did not end.
pub(super) const ENDLESS_LIST: &str = "media_list_endless";
/// Why media may be missing where Instagram listed fewer than it counts.
pub(super) const SHORT_LIST: &str = "media_list_short";
/// Why figures of media are missing where Instagram does not tell them, or one by one only, and slowly.
pub(super) const FIGURES_INCOMPLETE: &str = "figures_incomplete";
/// Why days are missing where Instagram refuses every metric of one.
pub(super) const DAYS_REFUSED: &str = "days_refused";

/// An entry about a run as it is now.
pub(super) fn log_entry(
    app: &Arc<App>,
    account: &Account,
    run: &Run,
    status: &str,
    error: Option<&GraphError>,
) -> SyncLogEntry {
    let now = app.clock.now();
    let is_limited = status == "rate_limited";
    let row = error.map(|error| error.kind.row());
    let partial = run.partial.as_ref().filter(|_| status == "partial");
    SyncLogEntry {
        started_at: run.started_at,
        completed_at: now,
        duration_ms: telemetry::milliseconds_since(run.started_at, &app.clock),
        sync_type: "media".into(),
        status: status.to_owned(),
        items_synced: run.changed,
        error_code: error
            .map(|error| error.kind.code().to_owned())
            .or_else(|| partial.cloned()),
        error_message: row
            .map(|row| row.sentence)
            .or_else(|| partial.and_then(|code| what_is_missing(code)))
            .map(str::to_owned),
        rate_limit_hit: is_limited,
        rate_limit_reset: account.rate.blocked_until.filter(|_| is_limited),
        correlation_id: telemetry::correlation_id(),
    }
}

/// What is missing where a run is partial, in a sentence.
fn what_is_missing(code: &str) -> Option<&'static str> {
    Some(match code {
        MISSING_PERMISSION => {
            "The permission for insights was not granted: figures are missing. Connect the account again and grant it."
        }
        ENDLESS_LIST => {
            "Instagram's list of media did not end: some may be missing until a later sync."
        }
        SHORT_LIST => {
            "Instagram listed fewer media than it counts: some may be missing until a later sync, and none is marked as gone."
        }
        FIGURES_INCOMPLETE => {
            "Instagram did not tell the figures of some media, or one by one only: those are as they were at the sync before."
        }
        DAYS_REFUSED => {
            "Instagram refused to tell the account's figures by day: the next sync asks for them again."
        }
        _ => return None,
    })
}
