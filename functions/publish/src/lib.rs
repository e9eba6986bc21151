//! Takes posts in, and publishes them.

mod preflight;
mod routes;
mod steps;
mod timing;
mod wake;

use std::sync::Arc;

use shared::app::App;
use shared::lambda::{TaskError, TaskFuture};
use shared::tasks::Task;

use routes::{bulk, change, limit, list, new_post, post, templates};

shared::routes! {
    new_post::{create_post, check_post},
    bulk::{create_posts},
    list::{list_posts, list_post_timeline},
    change::{update_post},
    post::{get_post, cancel_post, retry_post, duplicate_post},
    limit::{get_publishing_limit},
    templates::{list_templates, create_template, get_template, update_template, delete_template},
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
