//! `POST /instagram/accounts/{id}/refresh`: a person wants the connection renewed now.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use shared::account::{Account, AccountView, Status};
use shared::app::App;
use shared::graph::{Endpoint, ErrorKind, GraphError};
use shared::http::{EditableAccount, Problem};
use shared::openapi::of_instagram;
use shared::policy::{Asker, Obstacle};
use shared::verdict;

use crate::renew::{Renewal, renew};

/// How often, and how long apart, a caller looks whether another worker has come to its end: four seconds in all, which
/// most renewals do not need.
const LOOKS: u32 = 40;
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// Renews the token of an account now, once it is a day old.
///
/// Where another worker is renewing it just now, its result is answered.
#[utoipa::path(post, path = "/instagram/accounts/{id}/refresh", responses(
    (status = 200, description = "The account with its younger token.", body = AccountView),
    RefreshRefusals,
))]
pub(crate) async fn refresh_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
) -> Result<Json<AccountView>, Problem> {
    let now = app.clock.now();
    let renewal = match renew(&app, &account, Asker::Person, &caller.user).await {
        Ok(renewal) => renewal,
        Err(error) => {
            verdict::note_vault_error(&app, &account, &error, &caller.user).await?;
            return Err(error.into());
        }
    };
    let account = match renewal {
        Renewal::Renewed(account) => *account,
        Renewal::NotAsked(obstacle) => return Err(problem(obstacle, &account, now)),
        Renewal::Taken(until) => result_of_another(&app, account, until).await?,
        Renewal::Postponed(until) => {
            return Err(Problem::unavailable().retry_after(left(until, now)));
        }
        Renewal::Refused(error) => return Err((*error).into()),
        Renewal::NotStored(error) => return Err(error.into()),
        Renewal::WrongAccount => {
            return Err(wrong_account());
        }
    };
    Ok(Json(AccountView::new(account, app.clock.now())))
}

/// Waits for the worker that has the lease.
async fn result_of_another(
    app: &App,
    before: Account,
    until: Timestamp,
) -> Result<Account, Problem> {
    for _ in 0..LOOKS {
        let leased = app
            .table
            .leased_until(&before.id, app.clock.now())
            .await?
            .is_some();
        let account = app
            .table
            .account(&before.id)
            .await?
            .ok_or_else(Problem::account_not_found)?;
        if account.token_generation > before.token_generation {
            return Ok(account);
        }
        if !leased {
            return Err(failure_of_another(&account, &before));
        }
        tokio::time::sleep(LOOK_AFTER).await;
    }
    Err(in_progress().retry_after(left(until, app.clock.now())))
}

/// What the other worker was told, which would be told again.
fn failure_of_another(account: &Account, before: &Account) -> Problem {
    let failure = account
        .last_token_refresh_error
        .as_ref()
        .filter(|_| account.last_token_refresh_error != before.last_token_refresh_error);
    let kind = failure.and_then(|failure| {
        ErrorKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.code() == failure.code)
    });
    match kind {
        Some(kind) => GraphError::without_answer(Endpoint::Refresh, kind).into(),
        None => in_progress(),
    }
}

shared::refusals!(
    /// Why a token is not renewed.
    pub(crate) RefreshRefusals: {
        let of_ours = [
            wrong_account(),
            in_progress(),
            Problem::account_not_connected(),
            Problem::token_missing(),
            Problem::token_unavailable(),
            revoked(),
            token_expired(),
            Problem::rate_limited(Duration::ZERO),
            token_too_young(Timestamp::UNIX_EPOCH),
            refresh_just_failed(),
        ];
        let of_instagram = of_instagram(&[Endpoint::Refresh]).into_iter().map(Problem::from);
        of_instagram.chain(of_ours)
    }
);

fn wrong_account() -> Problem {
    Problem::conflict(
        "wrong_account",
        "Instagram answered with the token of another account, which was not taken. The former connection stays.",
    )
}

fn revoked() -> Problem {
    Problem::conflict(
        "revoked",
        "Instagram has taken this app's access to the account back. Connect the account again.",
    )
}

fn token_expired() -> Problem {
    let kind = ErrorKind::TokenExpired;
    Problem::conflict(kind.code(), kind.row().sentence)
}

fn token_too_young(until: Timestamp) -> Problem {
    Problem::conflict(
        "token_too_young",
        format!(
            "The connection was renewed less than a day ago. Instagram renews it again from {} on.",
            until.strftime("%Y-%m-%d %H:%M UTC")
        ),
    )
}

fn refresh_just_failed() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "refresh_just_failed",
        "Instagram has just refused to renew the connection. Try again in a few minutes.",
    )
}

fn in_progress() -> Problem {
    Problem::conflict(
        "refresh_in_progress",
        "The connection is being renewed right now. Look at the account in a moment.",
    )
}

fn problem(obstacle: Obstacle, account: &Account, now: Timestamp) -> Problem {
    match obstacle {
        Obstacle::NotConnected => Problem::account_not_connected(),
        Obstacle::Dead if account.status == Status::Revoked => revoked(),
        Obstacle::Dead => token_expired(),
        Obstacle::RateLimited(until) => Problem::rate_limited(left(until, now)),
        Obstacle::TooYoung(until) => token_too_young(until).retry_after(left(until, now)),
        Obstacle::CoolingDown(until) => refresh_just_failed().retry_after(left(until, now)),
        // A person is not bound to the schedule.
        Obstacle::NotDue(_) => in_progress(),
    }
}

fn left(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}
