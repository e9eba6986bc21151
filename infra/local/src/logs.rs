//! Where the functions' log lines go: into the state folder of the stack, or of all stacks that run in this process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};

use shared::clock::Clock;
use shared::telemetry;

type Sinks = BTreeMap<u64, (File, Option<crate::Report>)>;

static SINKS: Mutex<Sinks> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);
static INSTALL: Once = Once::new();

/// Log lines go to the file as long as this lives.
pub(crate) struct LogFile(u64);

impl LogFile {
    /// Begins to write log lines to the file, and to `report` where there is one.
    pub(crate) fn begin(
        file: File,
        report: Option<crate::Report>,
        clock: Clock,
        level: tracing::Level,
    ) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        sinks().insert(id, (file, report));
        INSTALL.call_once(|| {
            telemetry::install(level, clock, Arc::new(write));
        });
        Self(id)
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        sinks().remove(&self.0);
    }
}

fn write(line: &str) {
    for (file, report) in sinks().values_mut() {
        // A full disk must not stop the stack.
        let _ = writeln!(file, "{line}");
        if let Some(report) = report {
            report(line);
        }
    }
}

fn sinks() -> std::sync::MutexGuard<'static, Sinks> {
    SINKS.lock().unwrap_or_else(PoisonError::into_inner)
}
