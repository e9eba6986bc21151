//! Keeps tokens alive and accounts in sync: takes the accounts' tasks from the queue, and answers for both.

mod audit;
mod coverage;
mod current;
mod deauthorize;
mod delete_data;
mod pages;
mod refresh_token;
mod renew;
mod route;
mod store;
mod sync_account;
mod unheard;

use std::sync::Arc;

use shared::app::App;
use shared::deletion;
use shared::lambda::{TaskError, TaskFuture};
use shared::tasks::Task;

shared::routes! {
    route::{refresh_account},
    coverage::{get_coverage},
}

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
            Task::AuditCoverage { prefix, after } => audit::audit(&app, &prefix, &after).await,
            Task::Deauthorize {
                instagram_id,
                issued_at,
            } => deauthorize::deauthorize(&app, &instagram_id, issued_at).await,
            Task::DeleteData { deletion } => delete_data::delete_data(&app, &deletion).await,
            Task::EraseAccount {
                account,
                deletion,
                instagram_ids,
            } => Ok(deletion::erase_account(&app, &account, &deletion, &instagram_ids).await?),
            Task::SweepAccount {
                account,
                instagram_ids,
            } => Ok(deletion::sweep_account(&app, &account, &instagram_ids).await?),
            other => Err(TaskError::new(format!(
                "{} is not a task of accounts",
                other.name()
            ))),
        }
    })
}
