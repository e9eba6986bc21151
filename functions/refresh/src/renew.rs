//! Renewing a token: exchanging it at Instagram for a younger one, whoever asks.
//!
//! One worker at a time, by a lease; the new token and the record change together, under the next generation. A worker
//! that was overtaken while it was slow brings a token of a generation that is taken by then: it is dropped. `store` has
//! what follows Instagram's answer. `docs/tokens.md` goes through every point at which a worker may die.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::{Account, Failure};
use shared::app::App;
use shared::connection;
use shared::graph::{ErrorKind, GraphError};
use shared::metrics::{self, Unit};
use shared::policy::{self, Asker, Obstacle};
use shared::table::leases::{Acquired, Lease};
use shared::table::timeline::TimelineEntry;
use shared::tasks::Task;
use shared::vault::{Entry, VaultError};
use shared::{telemetry, verdict};

use crate::store::{Issued, store};

/// Tries fail daily where they fail at all: a failure that comes later than this after the one before is told anew.
const TOLD_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What came of asking for a younger token.
#[derive(Debug)]
pub(crate) enum Renewal {
    /// The account with its younger token: made by this worker, or by another one just now.
    Renewed(Box<Account>),
    /// Instagram was not asked.
    NotAsked(Obstacle),
    /// Another worker is at it, at most until then.
    Taken(Timestamp),
    /// The vault takes no further write, to its page or at all, before then.
    Postponed(Timestamp),
    /// Instagram refused, or did not answer.
    Refused(Box<GraphError>),
    /// Instagram answered with a token of another account.
    WrongAccount,
    /// Instagram has given out a token that no page of the vault takes.
    NotStored(VaultError),
}

/// Renews the token of an account, where policy allows it and nobody else does.
///
/// # Errors
/// When AWS does not answer, or the vault has no token for the account. What Instagram says is no error.
pub(crate) async fn renew(
    app: &Arc<App>,
    account: &Account,
    asker: Asker,
    by: &str,
) -> Result<Renewal, VaultError> {
    if !account.is_connected() {
        return Ok(Renewal::NotAsked(Obstacle::NotConnected));
    }
    let entry = app.vault.entry(account).await?;
    let now = app.clock.now();
    if let Some(obstacle) = policy::refresh_obstacle(account, &entry, asker, now) {
        return Ok(Renewal::NotAsked(obstacle));
    }
    let lease = match app.table.acquire_lease(&account.id, now).await? {
        Acquired::Held(lease) => lease,
        Acquired::Taken(until) => return Ok(Renewal::Taken(until)),
    };
    let renewal = renew_alone(app, &lease, account, asker, by).await;
    if let Err(error) = app.table.release_lease(&lease).await {
        tracing::warn!(event = "lease_not_released", account = account.id, error = %error, "it ends by itself");
    }
    renewal
}

/// Under the lease: what was read before it may be outdated.
async fn renew_alone(
    app: &Arc<App>,
    lease: &Lease,
    before: &Account,
    asker: Asker,
    by: &str,
) -> Result<Renewal, VaultError> {
    let Some(account) = app.table.account(&before.id).await? else {
        return Ok(Renewal::NotAsked(Obstacle::NotConnected));
    };
    if account.is_connected() && account.token_generation > before.token_generation {
        return Ok(Renewal::Renewed(Box::new(account)));
    }
    let entry = match app.vault.entry(&account).await {
        Err(VaultError::Missing) if !account.is_connected() => {
            return Ok(Renewal::NotAsked(Obstacle::NotConnected));
        }
        entry => entry?,
    };
    let now = app.clock.now();
    if let Some(obstacle) = policy::refresh_obstacle(&account, &entry, asker, now) {
        return Ok(Renewal::NotAsked(obstacle));
    }
    if lease.until < now + app.graph.config().timeout {
        // Somebody else may get the lease while Instagram thinks.
        return Ok(Renewal::Taken(lease.until));
    }
    if let Some(until) = spent_until(app, &account, &entry, asker).await? {
        return Ok(Renewal::Postponed(until));
    }
    let graph = app.graph.for_login(account.login);
    let token = match graph.refresh(&entry.token).await {
        Ok(answered) => answered.value,
        Err(error) => {
            note_refusal(app, lease, &account, &entry, &error, by).await?;
            return Ok(Renewal::Refused(Box::new(error)));
        }
    };
    // Only an answer that names another account is one: a token that may be the only live one is not thrown away
    // because Instagram is slow.
    if let Ok(owner) = graph.me(&token.token).await
        && owner.value.ig_user_id != account.platform_account_id
    {
        note_wrong_account(app, &account, &entry, by).await?;
        return Ok(Renewal::WrongAccount);
    }
    let issued = Issued {
        token: &token,
        at: now,
        by,
    };
    let renewal = match store(app, lease, &account, &issued).await {
        Err(error) if error.is_of_page() => {
            note_not_stored(app, &account, &entry, &error, by).await?;
            Renewal::NotStored(error)
        }
        renewal => renewal?,
    };
    if let Renewal::Renewed(account) = &renewal {
        metrics::put(
            &app.config.metrics,
            &[],
            &[("TokensRefreshed", Unit::Count, 1.0)],
        );
        plan(app, account).await;
    }
    Ok(renewal)
}

/// Until when the vault takes no further write of this account, where the token lives that long. Asked before Instagram
/// is: what Instagram gives out must be stored. A person's writes are not bound to the page's budget, but nobody's can be
/// made when the Region's turns are taken.
async fn spent_until(
    app: &App,
    account: &Account,
    entry: &Entry,
    asker: Asker,
) -> Result<Option<Timestamp>, VaultError> {
    let mut room = app.vault.room_for_turn().await;
    if let (Ok(()), Asker::Schedule, Some(page)) = (&room, asker, &account.token_page) {
        room = app.vault.room_for_write(page).await;
    }
    match room {
        Ok(()) => Ok(None),
        Err(VaultError::Spent(until)) => Ok(Some(until).filter(|until| *until < entry.expires_at)),
        Err(error) => Err(error),
    }
}

/// Moves the schedule to what the record says, and makes both anew where they may be gone. The token is safe by then, so
/// that a schedule which cannot be moved is no failure of the renewal: a task does it later and, where not even that can
/// be queued, the audit.
async fn plan(app: &Arc<App>, account: &Account) {
    let Some(at) = account.next_refresh_at else {
        return;
    };
    let planned = if account.setup_pending {
        connection::plan(app, account).await
    } else {
        connection::plan_refresh(app, account, at).await
    };
    let Err(error) = planned else {
        return;
    };
    tracing::warn!(event = "refresh_not_planned", account = account.id, error = %error, "a task or the audit plans it");
    let task = Task::RefreshToken {
        account: account.id.clone(),
        connection_generation: account.connection_generation,
    };
    if let Err(error) = app.queue.send(task).await {
        tracing::error!(event = "refresh_not_queued", account = account.id, error = %error, "the audit plans it");
    }
}

/// Keeps a refusal with its verdict, and plans the next try.
async fn note_refusal(
    app: &Arc<App>,
    lease: &Lease,
    account: &Account,
    entry: &Entry,
    error: &GraphError,
    by: &str,
) -> Result<(), VaultError> {
    let now = app.clock.now();
    if error.kind == ErrorKind::PausedByBreaker {
        // Nothing was asked, and nothing is known about this account.
        connection::plan_refresh(app, account, now + policy::RETRY_PAUSED_AFTER).await?;
        return Ok(());
    }
    metrics::put(
        &app.config.metrics,
        &[("Class", error.kind.code())],
        &[("TokenRefreshesFailed", Unit::Count, 1.0)],
    );
    let weight = verdict::weigh(app, account, &entry.token, error).await?;
    if !app.table.holds_lease(lease).await? {
        // Another worker has taken over: what this one was told is about a token that may be gone.
        return Ok(());
    }
    let failure = verdict::failure(error, app.clock.now());
    note_failure(app, account, entry, failure, by, |record, now| {
        verdict::note_failure(record, error, weight, now);
    })
    .await
}

/// An answer with somebody else's token: an operator must look, since Instagram mixes accounts up.
async fn note_wrong_account(
    app: &Arc<App>,
    account: &Account,
    entry: &Entry,
    by: &str,
) -> Result<(), VaultError> {
    tracing::error!(
        event = "token_of_another_account",
        account = account.id,
        "Instagram answered a refresh with another account's token: it was dropped"
    );
    metrics::put(
        &app.config.metrics,
        &[("Class", "wrong_account")],
        &[("TokenRefreshesFailed", Unit::Count, 1.0)],
    );
    let failure = Failure {
        code: "wrong_account".into(),
        message: "Instagram answered with the token of another account, which was not taken."
            .into(),
        at: app.clock.now(),
    };
    note_failure(app, account, entry, failure, by, |_, _| {}).await
}

/// A token that no page takes: an operator must look. The next try comes as after any failure, so that Instagram is not
/// asked for one token after the other.
async fn note_not_stored(
    app: &Arc<App>,
    account: &Account,
    entry: &Entry,
    error: &VaultError,
    by: &str,
) -> Result<(), VaultError> {
    tracing::error!(
        event = "token_not_stored",
        account = account.id,
        error = %error,
        "Instagram has issued a token that no page of the vault takes: it is lost"
    );
    let failure = Failure {
        code: "token_unavailable".into(),
        message: "The renewed access to Instagram could not be stored. The operator of this service has to look; \
                  connecting the account again helps as well."
            .into(),
        at: app.clock.now(),
    };
    metrics::put(
        &app.config.metrics,
        &[("Class", failure.code.as_str())],
        &[("TokenRefreshesFailed", Unit::Count, 1.0)],
    );
    verdict::note_vault_error(app, account, error, by).await?;
    note_failure(app, account, entry, failure, by, |_, _| {}).await
}

async fn note_failure(
    app: &Arc<App>,
    account: &Account,
    entry: &Entry,
    failure: Failure,
    by: &str,
    mut change: impl FnMut(&mut Account, Timestamp),
) -> Result<(), VaultError> {
    let now = app.clock.now();
    let until = day(entry.expires_at);
    let is_at_risk = entry.expires_at.duration_since(now) <= policy::ALARM_BEFORE_EXPIRY;
    let mut is_alarm = false;
    let written = verdict::take_over_telling(app, account, true, by, |record, told| {
        let earlier = record.last_token_refresh_error.take();
        change(record, now);
        record.last_token_refresh_error = Some(failure.clone());
        is_alarm = is_at_risk && record.at_risk_since.is_none() && record.is_live(now);
        // A dead token's end is told by itself.
        if !record.is_live(now) {
            return;
        }
        if earlier.is_none_or(|earlier| now.duration_since(earlier.at) > TOLD_AGAIN_AFTER) {
            let sentence = format!("{} The connection is good until {until}.", failure.message);
            told.push(entry_of(now, "token_refresh_failed", sentence, by));
        }
        if is_alarm {
            record.at_risk_since = Some(now);
            let sentence = format!(
                "The connection could not be renewed and ends on {until}. We keep trying; connecting the account again \
                 helps at once."
            );
            told.push(entry_of(now, "token_at_risk", sentence, by));
        }
    })
    .await?;
    // Another worker's token is not this one's failure.
    let Some(written) =
        written.filter(|written| written.token_generation == account.token_generation)
    else {
        return Ok(());
    };
    if !written.is_live(now) {
        return connection::remove_schedules(app, &account.id).await;
    }
    if is_alarm {
        tracing::error!(
            event = "token_at_risk",
            account = account.id,
            failure = failure.code,
            "the token could not be renewed and runs out within seven days"
        );
    }
    match policy::next_try_at(now, entry.expires_at) {
        Some(next) => Ok(connection::plan_refresh(app, &written, next).await?),
        None => Ok(()),
    }
}

/// An entry of the timeline.
pub(crate) fn entry_of(at: Timestamp, event: &str, sentence: String, by: &str) -> TimelineEntry {
    TimelineEntry {
        at,
        event: event.into(),
        sentence,
        by: by.to_owned(),
        correlation_id: telemetry::correlation_id(),
    }
}

/// The day of a moment, as sentences name it.
pub(crate) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
