//! `RefreshToken`: the schedule's time has come.

use std::sync::Arc;

use shared::app::App;
use shared::lambda::TaskError;
use shared::policy::{Asker, Obstacle};
use shared::sync::BY_SCHEDULE;
use shared::tasks::Task;
use shared::vault::VaultError;
use shared::{connection, verdict};

use crate::current;
use crate::renew::{Renewal, renew};

/// Refreshes the token of an account that is still connected as it was when the task was made, and sees to it that a
/// refresh lies ahead of it afterwards, whatever came of this one.
pub(crate) async fn refresh(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
) -> Result<(), TaskError> {
    let Some(account) = current::account(app, id, connection_generation).await? else {
        return Ok(());
    };
    if account.setup_pending && !current::planned(app, &account).await? {
        return Ok(());
    }
    let renewal = match renew(app, &account, Asker::Schedule, BY_SCHEDULE).await {
        Ok(renewal) => renewal,
        Err(error @ (VaultError::Missing | VaultError::Damaged)) => {
            return Ok(verdict::note_vault_error(app, &account, &error, BY_SCHEDULE).await?);
        }
        Err(error) => return Err(error.into()),
    };
    let now = app.clock.now();
    let next = match renewal {
        // Planned by whoever renewed it, or with the failure.
        Renewal::Renewed(_)
        | Renewal::Refused(_)
        | Renewal::WrongAccount
        | Renewal::NotStored(_) => return Ok(()),
        Renewal::NotAsked(obstacle @ (Obstacle::NotConnected | Obstacle::Dead)) => {
            if obstacle == Obstacle::Dead {
                // With the schedules goes the sync, which would tell it otherwise.
                verdict::note_expiry(app, &account, BY_SCHEDULE).await?;
            }
            return Ok(connection::remove_schedules(app, id).await?);
        }
        Renewal::NotAsked(Obstacle::CoolingDown(until)) => {
            // A repeated delivery: the next try is planned already.
            account
                .next_refresh_at
                .filter(|next| *next > now)
                .unwrap_or(until)
        }
        Renewal::NotAsked(
            Obstacle::RateLimited(until) | Obstacle::TooYoung(until) | Obstacle::NotDue(until),
        )
        | Renewal::Postponed(until) => until,
        Renewal::Taken(until) => {
            // The other one may die: this task looks again when its lease has ended.
            let task = Task::RefreshToken {
                account: id.to_owned(),
                connection_generation: account.connection_generation,
            };
            let seconds = until.duration_since(now).as_secs().clamp(0, 898) + 1;
            let seconds = i32::try_from(seconds).unwrap_or(900);
            return Ok(app.queue.send_later(task, seconds).await?);
        }
    };
    Ok(connection::plan_refresh(app, &account, next.max(now)).await?)
}
