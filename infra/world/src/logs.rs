//! Log lines of the whole process, kept for tests.
//!
//! Lines of all worlds in one test binary stand here together; a correlation id tells them apart.

use std::sync::{Arc, Mutex, Once, PoisonError};

use shared::clock::Clock;
use shared::telemetry;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static INSTALL: Once = Once::new();

/// Begins to keep log lines, of every level. Does nothing the second time.
pub fn capture() {
    INSTALL.call_once(|| {
        telemetry::install(
            tracing::Level::DEBUG,
            Clock::System,
            Arc::new(|line| {
                LINES
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line.to_owned());
            }),
        );
    });
}

/// All lines so far, oldest first.
pub fn lines() -> Vec<String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// All lines since the start or the last call of this, which are forgotten: for a run that would keep too many.
pub fn take() -> Vec<String> {
    std::mem::take(&mut *LINES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The lines of one request or task, read as JSON.
pub fn lines_of(correlation_id: &str) -> Vec<serde_json::Value> {
    lines()
        .iter()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["correlationId"] == correlation_id)
        .collect()
}
