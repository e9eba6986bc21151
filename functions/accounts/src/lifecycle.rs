//! How an account's connection ends, and how an account goes away.
//!
//! Both can die after any step: whoever asks again goes on from there, and ends in the same state.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::account::{Account, AccountView};
use shared::announce::Announcement;
use shared::app::App;
use shared::deletion;
use shared::ending::{self, End};
use shared::http::{EditableAccount, Problem, QueryString};
use shared::table::Transaction;
use shared::table::deletions::Deletion;
use utoipa::{IntoParams, ToSchema};

use crate::account::{TRIES, read_again};

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

/// How an account is deleted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletionQuery {
    /// `true`: as when the person asks Meta for it, with a manifest of what was erased.
    #[serde(default)]
    #[param(example = false)]
    purge: bool,
}

/// A deletion that has begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletionBegun {
    /// Names the deletion: `GET /data-deletion/{confirmationCode}` at the webhooks' address shows how far it is.
    #[schema(example = "5a697887-96a5-4b4c-83d2-e1f0014f1d2c")]
    confirmation_code: String,
}

/// Ends the connection of an account, and erases everything that was stored about it.
///
/// With `purge=true` a task does it within a quarter of an hour, looks again for what was written meanwhile, and keeps a
/// manifest without personal data for a year.
#[utoipa::path(delete, path = "/instagram/accounts/{id}", responses(
    (status = 204, description = "It is gone. From now on it answers 404."),
    (status = 202, description = "It is being erased: with `purge=true`, or since it has more than a request can erase.",
        body = DeletionBegun),
))]
pub(crate) async fn delete_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    QueryString(query): QueryString<DeletionQuery>,
) -> Result<Response, Problem> {
    let begun = match query.purge {
        true => Some(deletion::begin_purge(&app, &account).await?),
        false => delete(&app, account, &caller.user).await?,
    };
    let Some(deletion) = begun else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let begun = DeletionBegun {
        confirmation_code: deletion.code,
    };
    Ok((StatusCode::ACCEPTED, Json(begun)).into_response())
}

async fn disconnect(app: &Arc<App>, account: Account, by: &str) -> Result<Account, Problem> {
    ending::end(app, account, End::ByUser(by))
        .await?
        .ok_or_else(Problem::account_not_found)
}

/// The record goes last, after history and schedules: as long as anything is left, the account is there to be deleted
/// again. What a task that was under way writes meanwhile goes with the sweep. Where there is more than a request can erase, a
/// deletion is begun that goes on.
async fn delete(
    app: &Arc<App>,
    mut account: Account,
    by: &str,
) -> Result<Option<Deletion>, Problem> {
    deletion::plan_sweep(app, &account).await?;
    for _ in 0..TRIES {
        account = disconnect(app, account, by).await?;
        if !deletion::erase_history(app, &account).await? {
            return Ok(Some(deletion::begin_purge(app, &account).await?));
        }
        let mut records = vec![app.table.account_removal(&account)?];
        let deleted = Announcement::of_deleted(&account, app.clock.now());
        records.push(app.table.announcement_write(&deleted)?);
        for key in app.table.holdings(&account).await? {
            records.push(app.table.holding_removal(key, &account.id)?);
        }
        match app.table.transact(records).await? {
            Transaction::Written => return Ok(None),
            Transaction::Refused(_) => account = read_again(app, &account.id).await?,
        }
    }
    Err(Problem::unavailable())
}
