//! How an account's connection ends, and how an account goes away.
//!
//! Both can die after any step: whoever asks again goes on from there, and ends in the same state.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use shared::account::{Account, AccountView, Failure, Status};
use shared::app::App;
use shared::connection;
use shared::http::{EditableAccount, Problem};
use shared::secret::AccessToken;
use shared::table::Transaction;
use shared::table::claims::Claim;
use shared::table::timeline::TimelineEntry;
use shared::telemetry;
use shared::vault::{Change, Written};

use crate::account::{TRIES, read_again};

/// How long Instagram may take to hear that we want no more events.
const UNSUBSCRIBE_WITHIN: Duration = Duration::from_secs(2);

/// Ends the connection of an account.
///
/// Its token is removed, its schedules are gone, its history stays. Asking again answers the same.
#[utoipa::path(post, path = "/instagram/accounts/{id}/disconnect", responses(
    (status = 200, description = "The account, disconnected.", body = AccountView),
))]
pub(crate) async fn disconnect_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
) -> Result<Json<AccountView>, Problem> {
    let account = disconnect(&app, account, &caller.user).await?;
    Ok(Json(AccountView::new(account, app.clock.now())))
}

/// Ends the connection of an account, and erases everything that was stored about it.
#[utoipa::path(delete, path = "/instagram/accounts/{id}", responses(
    (status = 204, description = "It is gone. From now on it answers 404."),
))]
pub(crate) async fn delete_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
) -> Result<StatusCode, Problem> {
    delete(&app, account, &caller.user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The schedules go last: while the account counts as connected it keeps them, and one that is left over sends a task
/// that stops by itself, because the connection's generation has risen.
async fn disconnect(app: &Arc<App>, account: Account, by: &str) -> Result<Account, Problem> {
    let account = end_connection(app, account, by).await?;
    connection::remove_schedules(app, &account.id).await?;
    Ok(account)
}

/// The record goes last, after history and schedules: as long as anything is left, the account is there to be deleted
/// again.
async fn delete(app: &Arc<App>, mut account: Account, by: &str) -> Result<(), Problem> {
    for _ in 0..TRIES {
        account = disconnect(app, account, by).await?;
        app.table.erase_history(&account).await?;
        let mut records = vec![app.table.account_removal(&account)?];
        for id in app.table.held_claims(&account).await? {
            records.push(app.table.claim_removal(&id, &account.id)?);
        }
        match app.table.transact(records).await? {
            Transaction::Written => {
                // What a task that was under way wrote meanwhile.
                app.table.erase_history(&account).await?;
                return Ok(());
            }
            Transaction::Refused(_) => account = read_again(app, &account.id).await?,
        }
    }
    Err(Problem::unavailable())
}

/// Destroys the token, and with it in one transaction: the record says `disconnected`, the Instagram ids are free for
/// whoever connects them next, and the timeline says who did it.
async fn end_connection(app: &App, mut account: Account, by: &str) -> Result<Account, Problem> {
    for _ in 0..TRIES {
        if account.status == Status::Disconnected {
            return Ok(account);
        }
        // Read before it is destroyed: Instagram takes the unsubscription only with it.
        let token = app.vault.token(&account).await.ok();
        let now = app.clock.now();
        let disconnected = disconnected(&account, now);
        let mut records = vec![
            app.table
                .account_write(&disconnected, Some(account.version))?,
            app.table
                .timeline_write(&account.id, &timeline_entry(by, now))?,
        ];
        for id in app.table.held_claims(&account).await? {
            let released = Claim {
                account: account.id.clone(),
                company: account.company.clone(),
                released: true,
            };
            records.push(app.table.claim_write(&id, &released)?);
        }
        let written = match &account.token_page {
            Some(page) => {
                let change = Change::Remove(&account.id);
                app.vault.write(page, change, records, now).await? == Written::Yes
            }
            None => app.table.transact(records).await? == Transaction::Written,
        };
        if written {
            if let Some(token) = token {
                unsubscribe(app, &account, &token).await;
            }
            return Ok(disconnected);
        }
        account = read_again(app, &account.id).await?;
    }
    Err(Problem::unavailable())
}

/// Tells Instagram that we want no more events of the account. Whether it listens changes nothing: events of an
/// account that is not connected are dropped.
async fn unsubscribe(app: &App, account: &Account, token: &AccessToken) {
    let graph = app.graph.for_login(account.login);
    let call = graph.unsubscribe(token, &account.platform_account_id);
    let cause = match tokio::time::timeout(UNSUBSCRIBE_WITHIN, call).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        event = "webhooks_not_unsubscribed",
        account = account.id,
        cause,
        "the account is disconnected all the same"
    );
}

fn disconnected(account: &Account, now: Timestamp) -> Account {
    let mut account = account.clone();
    account.status = Status::Disconnected;
    account.status_reason = Some(Failure {
        code: "disconnected_by_user".into(),
        message: "The account was disconnected. Connect it again to go on.".into(),
        at: now,
    });
    account.clear_token();
    account.webhook_fields.clear();
    account.setup_pending = false;
    account.connection_generation += 1;
    account.version += 1;
    account.updated_at = now;
    account
}

fn timeline_entry(by: &str, now: Timestamp) -> TimelineEntry {
    TimelineEntry {
        at: now,
        event: "disconnected".into(),
        sentence: "The account was disconnected: its token was removed, its history is kept."
            .into(),
        by: by.to_owned(),
        correlation_id: telemetry::correlation_id(),
    }
}
