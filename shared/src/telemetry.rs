//! One JSON log line per request and task, written at the edge, and the facts that a request collects for it.
//!
//! A line holds what happened, never what was said: no token, code, secret, body, query or whole event.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::clock::Clock;
use crate::metrics;

tokio::task_local! {
    static SCOPE: Arc<Scope>;
}

/// What one request or task collects while it runs.
#[derive(Debug)]
pub struct Scope {
    /// The id that ties log lines, answers, tasks and schedules together.
    pub correlation_id: String,
    /// Whether it is a task that the queue has delivered before.
    pub comes_again: bool,
    aws_calls: AtomicU32,
    graph_calls: AtomicU32,
    cause: Mutex<String>,
}

impl Scope {
    /// A scope without calls yet.
    pub fn new(correlation_id: String) -> Arc<Self> {
        Self::of_delivery(correlation_id, false)
    }

    /// As [`Self::new`], for a task as the queue delivers it.
    pub fn of_delivery(correlation_id: String, comes_again: bool) -> Arc<Self> {
        Arc::new(Self {
            correlation_id,
            comes_again,
            aws_calls: AtomicU32::new(0),
            graph_calls: AtomicU32::new(0),
            cause: Mutex::default(),
        })
    }

    /// What lay behind the last failure, in our words; empty without one.
    pub fn cause(&self) -> String {
        self.cause
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Calls of AWS so far, each attempt counted.
    pub fn aws_calls(&self) -> u32 {
        self.aws_calls.load(Ordering::Relaxed)
    }

    /// Calls of Instagram so far, each attempt counted.
    pub fn graph_calls(&self) -> u32 {
        self.graph_calls.load(Ordering::Relaxed)
    }
}

/// Runs the future with `scope` as what [`correlation_id`] and the counters see.
pub async fn in_scope<F: Future>(scope: Arc<Scope>, future: F) -> F::Output {
    SCOPE.scope(scope, future).await
}

/// The correlation id of the running request or task; empty outside of one.
pub fn correlation_id() -> String {
    SCOPE
        .try_with(|scope| scope.correlation_id.clone())
        .unwrap_or_default()
}

/// Whether the queue has delivered the running task before: whoever had it may have died in the middle of it.
pub fn comes_again() -> bool {
    SCOPE
        .try_with(|scope| scope.comes_again)
        .unwrap_or_default()
}

/// Keeps what lies behind a failure for the edge's log line: our words and codes, never a value.
pub fn note_cause(cause: String) {
    let _ = SCOPE.try_with(|scope| {
        *scope.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    });
}

/// Counts one attempt of an AWS call.
pub fn count_aws_call() {
    let _ = SCOPE.try_with(|scope| scope.aws_calls.fetch_add(1, Ordering::Relaxed));
}

/// Counts one attempt of a Graph call.
pub fn count_graph_call() {
    let _ = SCOPE.try_with(|scope| scope.graph_calls.fetch_add(1, Ordering::Relaxed));
}

/// A new correlation id.
pub fn new_correlation_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Takes a caller's correlation id when it is harmless text: 8 to 64 letters, digits, `-`, `_` or `.`.
pub fn accepted_correlation_id(given: Option<&str>) -> String {
    given
        .filter(|id| {
            (8..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
        .map_or_else(new_correlation_id, str::to_owned)
}

/// Where log lines go.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Writes log lines as JSON to `sink` from now on, for the whole process. Does nothing the second time.
pub fn install(level: tracing::Level, clock: Clock, sink: Sink) {
    let layer = JsonLines { level, clock, sink };
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
}

/// Standard output, where Lambda collects log lines.
pub fn standard_output() -> Sink {
    Arc::new(|line| {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{line}");
    })
}

/// The crates whose lines are written.
const OUR_CRATES: &[&str] = &[
    "shared", "connect", "callback", "accounts", "media", "publish", "webhooks", "refresh",
    "insights",
];

struct JsonLines {
    level: tracing::Level,
    clock: Clock,
    sink: Sink,
}

thread_local! {
    /// Keeps a log line from causing another one.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // Only our own lines: a library's may hold a header or an address.
        let target = metadata.target();
        let crate_name = target.split("::").next().unwrap_or(target);
        if target == metrics::TARGET {
            return true;
        }
        *metadata.level() <= self.level && OUR_CRATES.contains(&crate_name)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if WRITING.replace(true) {
            return;
        }
        let mut fields = Fields(Map::new());
        fields
            .0
            .insert("time".into(), self.clock.now().to_string().into());
        fields.0.insert(
            "level".into(),
            event.metadata().level().as_str().to_lowercase().into(),
        );
        let correlation_id = correlation_id();
        if !correlation_id.is_empty() {
            fields
                .0
                .insert("correlationId".into(), correlation_id.into());
        }
        event.record(&mut fields);
        if event.metadata().target() == metrics::TARGET {
            fields.embed(self.clock.now());
        }
        (self.sink)(&Value::Object(fields.0).to_string());
        WRITING.set(false);
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    /// Puts metrics where CloudWatch looks for them: the definitions under `_aws`, the values beside it.
    fn embed(&mut self, now: Timestamp) {
        let embedded = self.0.remove("embedded");
        let text = embedded.as_ref().and_then(Value::as_str).unwrap_or("{}");
        let mut line: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        let definitions = line.remove("CloudWatchMetrics").unwrap_or_default();
        let aws = serde_json::json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": definitions,
        });
        self.0.insert("_aws".into(), aws);
        self.0.extend(line);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}

/// Milliseconds from `start` to now; 0 when the clock went back.
pub fn milliseconds_since(start: Timestamp, clock: &Clock) -> u64 {
    u64::try_from(
        clock
            .now()
            .as_millisecond()
            .saturating_sub(start.as_millisecond()),
    )
    .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MetricsConfig;

    #[test]
    fn i14_text_from_outside_cannot_make_a_second_line_or_field() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = lines.clone();
        let layer = JsonLines {
            level: tracing::Level::INFO,
            clock: Clock::System,
            sink: Arc::new(move |line| sink.lock().unwrap().push(line.to_owned())),
        };
        let name = "eve\r\n\u{1b}[31m\",\"level\":\"fake\"";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(target: "shared::test", event = "test", username = name);
            tracing::info!(target: "hyper", header = "authorization");
        });
        let lines = lines.lock().unwrap();
        assert_eq!(
            lines.len(),
            1,
            "a library's line must not be written: {lines:?}"
        );
        assert!(!lines[0].contains('\n') && !lines[0].contains('\u{1b}'));
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["username"], name);
        assert_eq!(line["level"], "info");
    }

    #[test]
    fn metrics_are_written_in_the_embedded_format_whatever_the_level() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = lines.clone();
        let layer = JsonLines {
            level: tracing::Level::ERROR,
            clock: Clock::System,
            sink: Arc::new(move |line| sink.lock().unwrap().push(line.to_owned())),
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(target: "shared::test", event = "test");
            let config = MetricsConfig {
                namespace: "test".into(),
                function: "refresh".into(),
            };
            metrics::put(
                &config,
                &[("Status", "active")],
                &[("Accounts", metrics::Unit::Count, 3.0)],
            );
        });
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (&line["Status"], &line["Accounts"]),
            (&"active".into(), &3.0.into())
        );
        assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 0);
        let definition = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(definition["Namespace"], "test");
        assert_eq!(definition["Dimensions"][0][0], "Status");
        assert_eq!(definition["Metrics"][0]["Name"], "Accounts");
    }

    #[test]
    fn a_correlation_id_is_taken_over_only_when_harmless() {
        assert_eq!(accepted_correlation_id(Some("order-12345")), "order-12345");
        for bad in [
            "short",
            "has space in it",
            "line\nbreak-line",
            "<script>alert</script>",
            "",
        ] {
            assert_ne!(accepted_correlation_id(Some(bad)), bad);
        }
        assert_ne!(
            accepted_correlation_id(Some(&"x".repeat(65))),
            "x".repeat(65)
        );
    }

    #[tokio::test]
    async fn calls_are_counted_in_the_scope_that_made_them() {
        let scope = Scope::new("test-scope".into());
        in_scope(scope.clone(), async {
            count_aws_call();
            count_aws_call();
            count_graph_call();
            assert_eq!(correlation_id(), "test-scope");
        })
        .await;
        count_aws_call();
        assert_eq!((scope.aws_calls(), scope.graph_calls()), (2, 1));
        assert_eq!(correlation_id(), "");
    }
}
