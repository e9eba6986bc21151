//! Asking Instagram about an account at once: its profile, or only whether its token works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use shared::account::{Account, AccountView, Failure, Status, TokenStatus};
use shared::app::App;
use shared::graph::{Endpoint, GraphError};
use shared::http::{EditableAccount, Problem};
use shared::openapi::of_instagram;
use shared::reading::refuse_while_blocked;
use shared::sync::{self, Asked, SyncError};
use shared::tasks::Task;
use shared::verdict;
use utoipa::ToSchema;

/// How an account stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckedStatus {
    /// As it is now.
    status: Status,
    /// How it stands with the token.
    token_status: TokenStatus,
    /// Why the status is what it is; where Instagram was asked and settled nothing, why not.
    reason: Option<Failure>,
    /// Whether Instagram was asked just now, and its answer settles the status.
    #[schema(example = true)]
    checked: bool,
    /// When this was found.
    checked_at: Timestamp,
}

/// Reads the profile of an account from Instagram now, and has its media and figures read.
///
/// Those follow in the background, which the sync log tells; where that is under way already, it goes on.
///
/// Where Instagram refuses, its refusal is answered; the account keeps it as `error` and, where it changes the state,
/// as `statusReason`.
#[utoipa::path(post, path = "/instagram/accounts/{id}/sync", responses(
    (status = 200, description = "The account with the profile that Instagram has now.", body = AccountView),
    TokenRefusals, ProfileRefusals,
))]
pub(crate) async fn sync_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
) -> Result<Json<AccountView>, Problem> {
    let now = app.clock.now();
    if let Err(blocked) = refuse_while_blocked(&account, now) {
        // No wait brings back what only a person can.
        let is_live = account.is_live(now);
        return Err(if is_live {
            blocked
        } else {
            Problem::account_not_connected()
        });
    }
    let asked = sync::sync_profile(&app, &account, &caller.user)
        .await
        .map_err(problem)?;
    match asked.refusal {
        Some(refusal) => Err(refusal.into()),
        None => {
            let task = Task::SyncMedia {
                account: asked.account.id.clone(),
                connection_generation: asked.account.connection_generation,
                run: None,
                step: 0,
            };
            app.queue.send(task).await?;
            Ok(Json(AccountView::new(asked.account, app.clock.now())))
        }
    }
}

/// Asks Instagram whether the connection of an account works.
///
/// Instagram is not asked about an account that has no token, whose token has run out, or whose rate limit is reached:
/// the answer is known. An outage is not the account's state, and therefore no error of this request: the status stays,
/// `checked` is `false` and `reason` says why.
#[utoipa::path(post, path = "/instagram/accounts/{id}/refresh-status", responses(
    (status = 200, description = "How the account stands.", body = CheckedStatus),
    TokenRefusals,
))]
pub(crate) async fn check_account_status(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
) -> Result<Json<CheckedStatus>, Problem> {
    let now = app.clock.now();
    let has_run_out = account.token_expires_at.is_some_and(|expiry| expiry <= now);
    let is_blocked = account.blocked_until_at(now).is_some();
    if !account.is_connected() || has_run_out || is_blocked {
        return Ok(Json(CheckedStatus::stored(&account, now)));
    }
    let asked = sync::check_status(&app, &account, &caller.user)
        .await
        .map_err(problem)?;
    Ok(Json(CheckedStatus::asked(&asked, app.clock.now())))
}

shared::refusals!(
    /// Why Instagram cannot be asked with the account's token.
    pub(crate) TokenRefusals: [
        Problem::token_missing(),
        Problem::token_unavailable(),
    ]
);
shared::refusals!(
    /// Why there is no profile.
    pub(crate) ProfileRefusals: of_instagram(&[Endpoint::Profile])
        .into_iter()
        .map(Problem::from)
        .chain([Problem::account_not_connected()])
);

impl CheckedStatus {
    fn stored(account: &Account, now: Timestamp) -> Self {
        Self {
            status: account.status_at(now),
            token_status: account.token_status(now),
            reason: account.status_reason_at(now),
            checked: false,
            checked_at: now,
        }
    }

    fn asked(asked: &Asked, now: Timestamp) -> Self {
        let stored = Self::stored(&asked.account, now);
        let unsettled = asked
            .refusal
            .as_ref()
            .filter(|error| !is_reason(stored.reason.as_ref(), error));
        match unsettled {
            Some(error) => Self {
                reason: Some(verdict::failure(error, now)),
                ..stored
            },
            None => Self {
                checked: true,
                ..stored
            },
        }
    }
}

/// Whether the refusal is why the account stands as it does.
fn is_reason(reason: Option<&Failure>, refusal: &GraphError) -> bool {
    reason.is_some_and(|reason| reason.code == refusal.kind.code())
}

fn problem(error: SyncError) -> Problem {
    match error {
        SyncError::NotConnected => Problem::account_not_connected(),
        SyncError::Gone => Problem::account_not_found(),
        SyncError::Vault(error) => error.into(),
        SyncError::Aws(error) => error.into(),
    }
}
