//! `Deauthorize`: the person removed the app on Instagram, which told us so.

use std::sync::Arc;

use jiff::Timestamp;
use shared::app::App;
use shared::ending::{self, End};
use shared::lambda::TaskError;

/// Ends the connection of every account that holds this Instagram id, where it is not younger than the request: a replay
/// after a new connection does nothing.
pub(crate) async fn deauthorize(
    app: &Arc<App>,
    instagram_id: &str,
    issued_at: Timestamp,
) -> Result<(), TaskError> {
    let mut ended = 0_u64;
    for id in app.table.holders(instagram_id).await? {
        let Some(account) = app.table.account(&id).await? else {
            continue;
        };
        let before = account.connection_generation;
        let account = ending::end(app, account, End::ByPerson(issued_at)).await?;
        ended += u64::from(account.is_some_and(|after| after.connection_generation != before));
    }
    tracing::info!(event = "deauthorized", ended);
    Ok(())
}
