//! Whether the service runs, and whether what it needs answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use shared::app::App;

/// A service that takes longer does not count as ready.
const WITHIN: Duration = Duration::from_secs(5);

/// The function runs.
#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
}

/// Whether requests can be served now.
#[derive(Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    checks: Checks,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checks {
    table: Check,
    vault: Check,
    queue: Check,
    app_secret: Check,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Check {
    Ok,
    Failed,
}

/// `GET /health`: this function runs; nothing else is asked.
pub(crate) async fn get_health() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// `GET /ready`: asks the table, the vault and the queue, and the app's secret. 503 where one of
/// them does not answer.
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
