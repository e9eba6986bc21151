//! Whether the service runs, and whether what it needs answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use utoipa::ToSchema;

/// A service that takes longer does not count as ready.
const WITHIN: Duration = Duration::from_secs(5);

/// The function runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Of the function.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Whether requests can be served now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether all of them answer.
    #[schema(example = true)]
    ready: bool,
    /// Each of them.
    checks: Checks,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Checks {
    /// DynamoDB.
    table: Check,
    /// Secrets Manager.
    vault: Check,
    /// SQS.
    queue: Check,
    /// The app's secret, and whether it is complete.
    app_secret: Check,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Check {
    Ok,
    Failed,
}

/// Says that this runs.
///
/// Nothing else is asked.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "It runs.", body = Health)))]
pub(crate) async fn get_health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Asks the table, the vault, the queue and the app's secret whether they answer.
#[utoipa::path(get, path = "/ready", responses(
    (status = 200, description = "All of them answer.", body = Readiness),
    (status = 503, description = "One of them does not answer.", body = Readiness),
))]
pub(crate) async fn get_readiness(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let (table, vault, queue, app_secret) = tokio::join!(
        check("table", app.table.check()),
        check("vault", app.vault.check()),
        check("queue", app.queue.check()),
        check("app secret", app.check_app_secret()),
    );
    let all = [table, vault, queue, app_secret];
    let ready = all.iter().all(|check| *check == Check::Ok);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let checks = Checks {
        table,
        vault,
        queue,
        app_secret,
    };
    (status, Json(Readiness { ready, checks }))
}

/// What went wrong is for the log: the answer is open to anybody.
async fn check<T, E: std::fmt::Display>(
    name: &str,
    asked: impl Future<Output = Result<T, E>>,
) -> Check {
    let cause = match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(_)) => return Check::Ok,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        event = "not_ready",
        check = name,
        cause,
        "a service does not answer"
    );
    Check::Failed
}
