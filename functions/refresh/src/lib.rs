//! Keeps accounts in sync and tokens alive: takes the accounts' tasks from the queue.

mod current;
mod refresh_token;
mod sync_account;

use std::sync::Arc;

use shared::app::App;
use shared::lambda::TaskFuture;
use shared::tasks::Task;

/// Does one task.
pub fn handle(app: Arc<App>, task: Task) -> TaskFuture {
    Box::pin(async move {
        match task {
            Task::SyncAccount {
                account,
                connection_generation,
            } => sync_account::sync(&app, &account, connection_generation).await,
            Task::RefreshToken {
                account,
                connection_generation,
            } => refresh_token::refresh(&app, &account, connection_generation).await,
        }
    })
}
