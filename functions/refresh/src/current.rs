//! Whether a task is still about something.

use std::sync::Arc;

use shared::account::Account;
use shared::app::App;
use shared::connection;
use shared::lambda::TaskError;

/// The account, where it is connected. What an earlier connection left over is removed or moved on the way: a schedule
/// that outlived its account, or one whose mover died.
pub(crate) async fn account(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<Option<Account>, TaskError> {
    let account = app.table.account(id).await?.filter(Account::is_connected);
    match &account {
        None => connection::remove_schedules(app, id).await?,
        Some(account) if connection_generation < account.connection_generation => {
            connection::plan(app, account).await?;
        }
        // Queued for a login that did not come to be.
        Some(account) if connection_generation > account.connection_generation => return Ok(None),
        Some(_) => {}
    }
    Ok(account)
}
