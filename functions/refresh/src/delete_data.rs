//! `DeleteData`: a person asked Meta to have their data deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use shared::app::App;
use shared::aws::AwsError;
use shared::deletion;
use shared::lambda::TaskError;
use shared::table::deletions::{Deletion, State};
use shared::tasks::Task;

/// A deletion takes some twenty minutes. One that is not done after this long has lost its task.
const RESUMED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Finds the accounts that hold this Instagram id or once held it, and makes a task for each. One that was connected after
/// the request is not meant: the person came back.
pub(crate) async fn delete_data(app: &Arc<App>, code: &str) -> Result<(), TaskError> {
    let Some(deletion) = app.table.deletion(code).await? else {
        return Ok(());
    };
    let accounts = match deletion.state {
        State::Done => return Ok(()),
        State::Running => deletion.accounts,
        State::Received => {
            let (accounts, left) = find(app, &deletion).await?;
            let now = app.clock.now();
            let started = app
                .table
                .update_deletion(code, |deletion| {
                    if deletion.state == State::Received {
                        deletion.start(accounts.clone(), left, now);
                    }
                })
                .await?;
            started.map(|started| started.accounts).unwrap_or_default()
        }
    };
    tracing::info!(event = "data_deletion", accounts = accounts.len() as u64);
    for account in accounts.keys() {
        app.queue
            .send(deletion::erase_task(account, code, &[]))
            .await?;
    }
    Ok(())
}

/// The accounts that a deletion is about, and how many it leaves.
async fn find(app: &App, deletion: &Deletion) -> Result<(BTreeSet<String>, usize), AwsError> {
    let (mut found, mut left) = (BTreeSet::new(), 0);
    let instagram_id = deletion.instagram_id.as_deref().unwrap_or_default();
    for id in app.table.holders(instagram_id).await? {
        match app.table.account(&id).await? {
            Some(account) if deletion::leaves(deletion, &account) => left += 1,
            Some(_) => {
                found.insert(id);
            }
            None => {}
        }
    }
    Ok((found, left))
}

/// Hands deletions to the queue again whose task was lost.
pub(crate) async fn resume(app: &App) -> Result<(), AwsError> {
    let before = app.clock.now() - RESUMED_AFTER;
    for deletion in app.table.unfinished_deletions(before).await? {
        app.queue.send(Task::DeleteData { deletion }).await?;
    }
    Ok(())
}
