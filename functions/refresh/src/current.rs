//! Whether a task is still about something.

use std::sync::Arc;

use shared::account::Account;
use shared::app::App;
use shared::connection;
use shared::lambda::TaskError;
use shared::sync::BY_SCHEDULE;
use shared::vault::VaultError;
use shared::verdict;

/// The account, where it is connected as it was when the task was made. What an earlier connection left over is removed or
/// moved on the way: a schedule that outlived its account, or one whose mover died.
pub(crate) async fn account(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<Option<Account>, TaskError> {
    let account = app.table.account(id).await?.filter(Account::is_connected);
    match &account {
        None => connection::remove_schedules(app, id).await?,
        Some(account) if connection_generation < account.connection_generation => {
            planned(app, account).await?;
            return Ok(None);
        }
        // Queued for a login that did not come to be.
        Some(account) if connection_generation > account.connection_generation => return Ok(None),
        Some(_) => {}
    }
    Ok(account)
}

/// Makes the account's schedules; `false` where the vault has no usable token for it, which the record says then.
pub(crate) async fn planned(app: &Arc<App>, account: &Account) -> Result<bool, TaskError> {
    match connection::plan(app, account).await {
        Ok(()) => Ok(true),
        Err(error @ (VaultError::Missing | VaultError::Damaged)) => {
            verdict::note_vault_error(app, account, &error, BY_SCHEDULE).await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
