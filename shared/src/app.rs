//! What a function is made of: built once per cold start, shared by every request and task.

use std::fmt;
use std::sync::Arc;

use crate::announce::Bus;
use crate::app_secrets::{AppSecrets, AppSecretsSource};
use crate::aws::{Aws, AwsError};
use crate::clock::Clock;
use crate::config::{Config, MetricsConfig};
use crate::graph::{CallRecord, Graph};
use crate::metrics::{self, Dimensions, FUNCTION, Unit, Values};
use crate::outgoing::ClientSetupError;
use crate::schedules::Schedules;
use crate::table::Table;
use crate::tasks::Queue;
use crate::telemetry;
use crate::vault::Vault;

/// Everything that a request or task works with.
pub struct App {
    /// What the function was told from outside.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Instagram.
    pub graph: Graph,
    /// Records.
    pub table: Table,
    /// Tokens.
    pub vault: Vault,
    /// Schedules.
    pub schedules: Schedules,
    /// The accounts' queue.
    pub queue: Queue,
    /// The posts' queue.
    pub post_queue: Queue,
    /// The events' queue.
    pub event_queue: Queue,
    /// Where announcements go.
    pub bus: Bus,
    app_secrets: AppSecretsSource,
}

impl App {
    /// Puts a function's parts together; no call is made.
    pub fn new(config: Config, clock: Clock) -> Result<Arc<Self>, ClientSetupError> {
        let aws = Aws::new(&config.aws)?;
        let metrics = config.metrics.clone();
        let graph = Graph::new(config.graph.clone(), clock.clone())?
            .on_call(move |call| note_call(&metrics, call));
        let table = Table::new(aws.dynamodb, config.aws.table.clone());
        Ok(Arc::new(Self {
            graph,
            vault: Vault::new(
                aws.secrets.clone(),
                table.clone(),
                config.vault.clone(),
                clock.clone(),
            ),
            schedules: Schedules::new(aws.scheduler, &config.aws),
            queue: Queue::new(aws.sqs.clone(), config.aws.queue_url.clone()),
            post_queue: Queue::new(aws.sqs.clone(), config.aws.post_queue_url.clone()),
            event_queue: Queue::new(aws.sqs, config.aws.event_queue_url.clone()),
            bus: Bus::new(aws.eventbridge, config.aws.event_bus.clone()),
            app_secrets: AppSecretsSource::new(aws.secrets, config.aws.app_secret_id.clone()),
            table,
            config,
            clock,
        }))
    }

    /// App ids and app secrets, cached.
    pub async fn app_secrets(&self) -> Result<Arc<AppSecrets>, AwsError> {
        self.app_secrets.get(self.clock.now()).await
    }

    /// Whether the app's secret can be read right now, whatever is cached.
    pub async fn check_app_secret(&self) -> Result<(), AwsError> {
        self.app_secrets.check().await
    }
}

/// The line of a Graph call: how it ended, how long it took, and by which id Meta knows it.
fn note_call(config: &MetricsConfig, call: &CallRecord) {
    for _ in 0..call.tries {
        telemetry::count_graph_call();
    }
    let endpoint = call.endpoint.name();
    let class = call.failure.map_or("ok", |kind| kind.code());
    let duration = [(
        "GraphDuration",
        Unit::Milliseconds,
        call.took.as_millis() as f64,
    )];
    let dimensions = [
        (FUNCTION, config.function.as_str()),
        ("Endpoint", endpoint),
        ("Class", class),
    ];
    let app_usage = call.usage.app.max_percent();
    let usage = app_usage.map(|percent| ("AppUsage", Unit::Percent, f64::from(percent)));
    let mut sets: Vec<(Dimensions<'_>, Values<'_>)> = vec![(&dimensions, &duration)];
    if usage.is_some() {
        sets.push((&[], usage.as_slice()));
    }
    let embedded = metrics::embedded(config, &sets);
    tracing::info!(
        target: metrics::TARGET,
        event = "graph_call",
        status = call.http_status,
        tries = call.tries,
        fbtraceId = call.fbtrace_id.as_deref(),
        accountUsage = call.usage.business.max_percent(),
        embedded,
    );
    if call.paused_from_now {
        tracing::error!(
            event = "graph_paused",
            endpoint,
            failure = class,
            "many accounts met the same error: calls of this kind pause, no account changes its status"
        );
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").finish_non_exhaustive()
    }
}
