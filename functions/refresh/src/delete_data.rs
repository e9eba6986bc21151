//! `DeleteData`: a person asked Meta to have their data deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use shared::app::App;
use shared::deletion;
use shared::ending::was_connected_by;
use shared::lambda::TaskError;
use shared::table::deletions::State;

/// Finds the accounts that hold this Instagram id or once held it, and makes a task for each. One that was connected after
/// the request is not meant: the person came back.
pub(crate) async fn delete_data(
    app: &Arc<App>,
    code: &str,
    instagram_id: &str,
    issued_at: Timestamp,
) -> Result<(), TaskError> {
    let Some(deletion) = app.table.deletion(code).await? else {
        return Ok(());
    };
    let accounts = match deletion.state {
        State::Done => return Ok(()),
        State::Running => deletion.accounts,
        State::Received => {
            let accounts = find(app, instagram_id, issued_at).await?;
            let now = app.clock.now();
            let started = app
                .table
                .update_deletion(code, |deletion| {
                    if deletion.state == State::Received {
                        deletion.start(accounts.clone(), now);
                    }
                })
                .await?;
            started.map(|started| started.accounts).unwrap_or_default()
        }
    };
    tracing::info!(event = "data_deletion", accounts = accounts.len() as u64);
    for account in accounts.keys() {
        app.queue
            .send(deletion::erase_task(account, code, ""))
            .await?;
    }
    Ok(())
}

async fn find(
    app: &App,
    instagram_id: &str,
    issued_at: Timestamp,
) -> Result<BTreeSet<String>, TaskError> {
    let mut found = BTreeSet::new();
    for id in app.table.holders(instagram_id).await? {
        let account = app.table.account(&id).await?;
        if account.is_some_and(|account| was_connected_by(&account, issued_at)) {
            found.insert(id);
        }
    }
    Ok(found)
}
