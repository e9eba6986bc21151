//! Takes posts in, and publishes them.

mod preflight;
mod routes;
mod steps;
mod timing;
mod wake;

use std::sync::Arc;

use axum::Router;
use shared::app::App;
use shared::lambda::{TaskError, TaskFuture};
use shared::tasks::Task;

/// The function's routes.
pub fn routes() -> Router<Arc<App>> {
    routes::routes()
}

/// Does one task.
pub fn handle(app: Arc<App>, task: Task) -> TaskFuture {
    Box::pin(async move {
        match task {
            Task::AdvancePost {
                account,
                post,
                post_version,
            } => steps::advance(&app, &account, &post, post_version).await,
            Task::AuditPosts => steps::audit(&app).await,
            other => Err(TaskError::new(format!(
                "{} is not a task of posts",
                other.name()
            ))),
        }
    })
}
