//! A function on Lambda: looks at an event's shape and hands it to the routes or to the task handler.
//!
//! `Records` is a batch of SQS messages, answered with the ids of those that failed; anything else is an HTTP request
//! of API Gateway (payload format 2.0) or of a function URL, which have the same shape.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, IntoResponse, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tower::{Service, ServiceExt};

use crate::announce;
use crate::app::App;
use crate::aws::AwsError;
use crate::clock::Clock;
use crate::config::Config;
use crate::graph::GraphError;
use crate::http::edge::{edge, in_one_piece};
use crate::metrics::{self, FUNCTION, Unit};
use crate::tasks::{Message, Task};
use crate::telemetry::{self, Scope};
use crate::vault::VaultError;

pub use lambda_http::lambda_runtime::{Context, Error};

/// With less time left than this, no further message of a batch is begun.
const LEAST_TIME_LEFT_MS: i64 = 5_000;
/// Lambda's longest timeout. A deadline as small as this is no moment of these days but a duration, as `cargo lambda watch`
/// sends it.
const LONGEST_TIMEOUT_MS: i64 = 15 * 60 * 1000;
/// A task is ended this long before Lambda would end the sandbox, so that what is done is reported as done.
const SPARED_MS: i64 = 2_000;

/// Why a task did not come to an end; the queue delivers it again.
#[derive(Debug)]
pub struct TaskError(String);

impl TaskError {
    /// A task that cannot end for a reason of our own, in a sentence for whoever reads the log.
    pub fn new(cause: String) -> Self {
        Self(cause)
    }
}

impl std::fmt::Display for TaskError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<AwsError> for TaskError {
    fn from(error: AwsError) -> Self {
        Self(error.to_string())
    }
}

impl From<VaultError> for TaskError {
    fn from(error: VaultError) -> Self {
        Self(error.to_string())
    }
}

impl From<GraphError> for TaskError {
    fn from(error: GraphError) -> Self {
        Self(error.to_string())
    }
}

/// What a task handler returns.
pub type TaskFuture = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;
/// Does one task. Doing it twice must change nothing more.
pub type TaskHandler = fn(Arc<App>, Task) -> TaskFuture;

/// One function: its routes, its task handler, or both.
#[derive(Clone)]
pub struct Function {
    app: Arc<App>,
    routes: Option<Router>,
    tasks: Option<TaskHandler>,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

/// What SQS tells of a message.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    /// A number, as text: 1 where the message comes for the first time.
    approximate_receive_count: String,
}

impl Record {
    fn comes_again(&self) -> bool {
        let count = self.attributes.approximate_receive_count.parse::<u32>();
        count.is_ok_and(|count| count > 1)
    }
}

/// Lambda's answer to SQS: the messages to deliver again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

impl Function {
    /// A function that takes nothing yet.
    pub fn new(app: Arc<App>) -> Self {
        Self {
            app,
            routes: None,
            tasks: None,
        }
    }

    /// Takes HTTP requests.
    #[must_use]
    pub fn with_routes(mut self, routes: Router<Arc<App>>) -> Self {
        self.routes = Some(edge(routes, self.app.clone()));
        self
    }

    /// Takes tasks from a queue.
    #[must_use]
    pub fn with_tasks(mut self, tasks: TaskHandler) -> Self {
        self.tasks = Some(tasks);
        self
    }

    /// Handles one event, as JSON, and returns the answer as JSON.
    ///
    /// # Errors
    /// When the event has no shape that this function takes.
    pub async fn invoke(&self, event: &str, context: Context) -> Result<Box<RawValue>, Error> {
        if let Ok(batch) = serde_json::from_str::<Batch>(event) {
            let handler = self.tasks.ok_or("this function takes no tasks")?;
            return Ok(serde_json::value::to_raw_value(
                &self.handle_batch(batch, handler, &context).await,
            )?);
        }
        let routes = self
            .routes
            .clone()
            .ok_or("this function takes no HTTP requests")?;
        let request: LambdaRequest = serde_json::from_str(event)
            .map_err(|_| "the event is neither an HTTP request nor a batch")?;
        // The adapter itself cannot move between threads, and so must not live while its answer is waited for.
        let routes = ServiceExt::<Request>::map_response(routes, Answer);
        let event = LambdaEvent::new(request, context);
        // It panics at what neither of Lambda's callers sends: a body that is not the Base64 it claims to be, a host that is none.
        let call = catch_unwind(AssertUnwindSafe(|| Adapter::from(routes).call(event)));
        let response = call.map_err(|_| "the event is no HTTP request")?.await?;
        Ok(serde_json::value::to_raw_value(&response)?)
    }

    /// One message after the other: each on its own, so that a bad one takes no other with it. What all of them announced is
    /// sent at the end, in as few calls as can be.
    async fn handle_batch(
        &self,
        batch: Batch,
        handler: TaskHandler,
        context: &Context,
    ) -> BatchAnswer {
        let mut failed = Vec::new();
        for record in batch.records {
            if !self.handle_record(&record, handler, context).await {
                failed.push(BatchItemFailure {
                    item_identifier: record.message_id,
                });
            }
        }
        let time_left = time_left(context, &self.app.clock) - SPARED_MS / 2;
        let within = Duration::from_millis(u64::try_from(time_left).unwrap_or(0));
        announce::send_noted(&self.app, within.min(announce::WITHIN)).await;
        BatchAnswer {
            batch_item_failures: failed,
        }
    }

    async fn handle_record(
        &self,
        record: &Record,
        handler: TaskHandler,
        context: &Context,
    ) -> bool {
        let message = Message::parse(&record.body);
        let given = message
            .as_ref()
            .map(|message| message.correlation_id.as_str());
        let id = telemetry::accepted_correlation_id(given);
        let scope = Scope::of_delivery(id, record.comes_again());
        let (name, account) = message.as_ref().map_or(("unreadable", ""), |message| {
            (message.task.name(), message.task.account())
        });
        telemetry::in_scope(scope.clone(), async {
            let start = self.app.clock.now();
            let time_left = time_left(context, &self.app.clock);
            let (outcome, cause) = match &message {
                // Left to the queue's redrive: it reaches the dead letters by itself.
                None => ("unreadable", String::new()),
                Some(_) if time_left < LEAST_TIME_LEFT_MS => ("no_time_left", String::new()),
                Some(message) => {
                    let task = handler(self.app.clone(), message.task.clone());
                    let most = u64::try_from(time_left - SPARED_MS).unwrap_or(0);
                    let task = AssertUnwindSafe(task).catch_unwind();
                    match tokio::time::timeout(Duration::from_millis(most), task).await {
                        Ok(Ok(Ok(()))) => ("done", String::new()),
                        Ok(Ok(Err(error))) => ("failed", error.0),
                        Ok(Err(_)) => ("panicked", String::new()),
                        Err(_) => ("no_time_left", String::new()),
                    }
                }
            };
            let duration = telemetry::milliseconds_since(start, &self.app.clock);
            let config = &self.app.config.metrics;
            let embedded = metrics::embedded(
                config,
                &[(
                    &[
                        (FUNCTION, &config.function),
                        ("Task", name),
                        ("Outcome", outcome),
                    ],
                    &[("TaskDuration", Unit::Milliseconds, duration as f64)],
                )],
            );
            macro_rules! write_at {
                ($level:ident) => {
                    tracing::$level!(
                        target: metrics::TARGET,
                        event = "task",
                        account,
                        cause = cause.as_str(),
                        awsCalls = scope.aws_calls(),
                        graphCalls = scope.graph_calls(),
                        embedded,
                    )
                };
            }
            match outcome {
                "done" => write_at!(info),
                "no_time_left" => write_at!(warn),
                _ => write_at!(error),
            }
            outcome == "done"
        })
        .await
    }
}

/// How long Lambda lets the running call go on, milliseconds.
fn time_left(context: &Context, clock: &Clock) -> i64 {
    match i64::try_from(context.deadline).unwrap_or(i64::MAX) {
        duration if duration <= LONGEST_TIMEOUT_MS => duration,
        moment => moment.saturating_sub(clock.now().as_millisecond()),
    }
}

/// An answer of the routes, whose body is text where it is UTF-8. The conversion that `lambda_http` brings for any body knows
/// every encoding of the web, and its tables would be in each function's binary.
struct Answer(axum::response::Response);

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(async move {
            let (parts, bytes) = in_one_piece(self.0).await.into_parts();
            let body = match String::from_utf8(bytes.into()) {
                Ok(text) => Body::Text(text),
                Err(error) => Body::Binary(error.into_bytes()),
            };
            Response::from_parts(parts, body)
        })
    }
}

/// Starts a function on Lambda: reads the configuration, builds the function, and takes events until the sandbox ends.
///
/// # Errors
/// When the configuration is not usable: Lambda reports it as a failed start.
pub async fn run(build: impl FnOnce(Arc<App>) -> Function) -> Result<(), Error> {
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(error) => {
            telemetry::install(
                tracing::Level::ERROR,
                Clock::System,
                telemetry::standard_output(),
            );
            tracing::error!(event = "start_failed", error = %error, "the function cannot start");
            return Err(error.into());
        }
    };
    let clock = Clock::System;
    telemetry::install(
        config.log_level,
        clock.clone(),
        telemetry::standard_output(),
    );
    let function = build(App::new(config, clock)?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        let function = function.clone();
        async move { function.invoke(event.payload.get(), event.context).await }
    }))
    .await
}
