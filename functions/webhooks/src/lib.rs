//! Receives what Meta tells on a function URL, handles it from a queue, and answers for it behind the API.

mod deauthorize;
mod deletion;
mod receive;
mod routes;
mod signed;
mod status;
mod worker;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use shared::app::App;
use shared::lambda::{TaskError, TaskFuture};
use shared::tasks::Task;

use routes::{health, list, replay};

shared::routes! {
    list::{list_events},
    health::{get_event_health},
    replay::{replay_events},
}

/// The routes of the function URL, for Meta and for a person who looks after a deletion. They are not part of the API: no JWT is asked for, and the signature is
/// the lock.
pub fn routes_of_url() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/",
            get(receive::shake_hands).post(receive::receive_delivery),
        )
        .route("/deauthorize", post(deauthorize::deauthorize))
        .route("/data-deletion", post(deletion::request_deletion))
        .route("/data-deletion/{code}", get(status::show_deletion))
}

/// All routes. What stands behind the API needs a verified JWT, which a call of the function URL cannot bring.
pub fn all_routes() -> Router<Arc<App>> {
    routes().merge(routes_of_url())
}

/// Does one task.
pub fn handle(app: Arc<App>, task: Task) -> TaskFuture {
    Box::pin(async move {
        match task {
            Task::HandleEvent { delivered } => worker::handle(&app, *delivered).await,
            other => Err(TaskError::new(format!(
                "{} is not a task of webhooks",
                other.name()
            ))),
        }
    })
}
