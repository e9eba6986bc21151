//! `AuditCoverage`: compares accounts with schedules, mends what is missing and removes what is left over.
//!
//! Whatever died on the way, whoever deleted a schedule: an hour later every living token has a refresh ahead of it
//! again, and every dead one a named state. Works through any number of accounts: where there are more than one task can
//! compare, it makes a task for each further digit of their ids.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use shared::account::{Account, Status};
use shared::app::App;
use shared::lambda::TaskError;
use shared::metrics::{self, Unit};
use shared::schedules::Kind;
use shared::sync::BY_SCHEDULE;
use shared::table::connected::ConnectedAccount;
use shared::table::keys::ID_DIGITS;
use shared::tasks::Task;
use shared::{connection, policy, verdict};

use crate::{current, pages};

/// So many accounts are compared by one task: some forty calls of `ListSchedules` for each kind.
const MOST_COMPARED: usize = 4_000;
/// So many accounts are brought in order by one task; it is queued again for the rest.
const MOST_CHANGED: usize = 200;

/// What an audit found.
#[derive(Debug, Default)]
struct Findings {
    by_status: BTreeMap<Status, usize>,
    soonest_expiry: Option<Timestamp>,
    at_risk: usize,
    mended: usize,
    removed: usize,
    failed: usize,
}

/// Audits the accounts whose id begins with `prefix`.
pub(crate) async fn audit(app: &Arc<App>, prefix: &str) -> Result<(), TaskError> {
    let now = app.clock.now();
    if prefix.is_empty() {
        pages::audit(app).await?;
    }
    let refreshes = app
        .schedules
        .list(Kind::Refresh, prefix, MOST_COMPARED)
        .await?;
    let syncs = app
        .schedules
        .list(Kind::Sync, prefix, MOST_COMPARED)
        .await?;
    let accounts = app
        .table
        .connected_accounts(prefix, MOST_COMPARED, now)
        .await?;
    let (Some(refreshes), Some(syncs), Some(accounts)) = (refreshes, syncs, accounts) else {
        return split(app, prefix).await;
    };
    let mut findings = Findings::default();
    for found in &accounts {
        findings.count(found, now);
        let (has_refresh, has_sync) = (refreshes.contains(&found.id), syncs.contains(&found.id));
        if !needs_mending(found, has_refresh, has_sync, now) {
            continue;
        }
        findings.note(&found.id, mend(app, found, has_refresh).await);
        if findings.changed() == MOST_CHANGED {
            return again(app, prefix).await;
        }
    }
    let connected: HashSet<&String> = accounts.iter().map(|account| &account.id).collect();
    for id in refreshes.union(&syncs).filter(|id| !connected.contains(id)) {
        match remove_left_over(app, id).await {
            Ok(removed) => findings.removed += usize::from(removed),
            Err(error) => findings.note(id, Err(error)),
        }
        if findings.changed() == MOST_CHANGED {
            return again(app, prefix).await;
        }
    }
    findings.tell(prefix, now);
    Ok(())
}

async fn again(app: &Arc<App>, prefix: &str) -> Result<(), TaskError> {
    let prefix = prefix.to_owned();
    Ok(app.queue.send(Task::AuditCoverage { prefix }).await?)
}

async fn split(app: &Arc<App>, prefix: &str) -> Result<(), TaskError> {
    for digit in ID_DIGITS.chars() {
        let prefix = format!("{prefix}{digit}");
        app.queue.send(Task::AuditCoverage { prefix }).await?;
    }
    Ok(())
}

/// Whether the record is worth a look, by what the index and the schedules' names tell.
fn needs_mending(
    found: &ConnectedAccount,
    has_refresh: bool,
    has_sync: bool,
    now: Timestamp,
) -> bool {
    if found.status.is_dead() {
        return found.stored_status != found.status || has_refresh || has_sync;
    }
    is_refresh_missing(found.next_refresh_at, has_refresh, now)
        || !has_sync
        || found.token_suspect_since.is_some_and(|since| {
            // The second of two signals is fetched, and not waited for.
            now.duration_since(since) >= verdict::SIGNALS_APART
        })
}

/// Whether no refresh will come by itself. One whose time has just passed is on the queue, without a schedule.
fn is_refresh_missing(next: Option<Timestamp>, has_refresh: bool, now: Timestamp) -> bool {
    match next {
        None => true,
        Some(next) if next > now => !has_refresh,
        Some(next) => !policy::is_refresh_ahead(next, now),
    }
}

/// Brings one account in order; `false` where its record shows that there is nothing to do.
async fn mend(
    app: &Arc<App>,
    found: &ConnectedAccount,
    has_refresh: bool,
) -> Result<bool, TaskError> {
    let now = app.clock.now();
    let account = app.table.account(&found.id).await?;
    let Some(account) = account.filter(Account::is_connected) else {
        connection::remove_schedules(app, &found.id).await?;
        return Ok(true);
    };
    if !account.is_live(now) {
        // A token that ran out is told in the timeline once, by whoever finds it first.
        verdict::note_expiry(app, &account, BY_SCHEDULE).await?;
        connection::remove_schedules(app, &found.id).await?;
        return Ok(true);
    }
    if account.token_suspect_since.is_some() {
        let task = Task::SyncAccount {
            account: account.id.clone(),
            connection_generation: account.connection_generation,
        };
        app.queue.send(task).await?;
    }
    let is_missing = is_refresh_missing(account.next_refresh_at, has_refresh, now);
    if is_missing || account.token_suspect_since.is_none() {
        current::planned(app, &account).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes the schedules of an account that the index does not show; `false` where it is connected all the same.
async fn remove_left_over(app: &Arc<App>, id: &str) -> Result<bool, TaskError> {
    let account = app.table.account(id).await?;
    if account.is_some_and(|account| account.is_connected()) {
        return Ok(false);
    }
    connection::remove_schedules(app, id).await?;
    Ok(true)
}

impl Findings {
    fn count(&mut self, found: &ConnectedAccount, now: Timestamp) {
        *self.by_status.entry(found.status).or_default() += 1;
        if found.status.is_dead() {
            return;
        }
        let expiry = found.token_expires_at;
        self.soonest_expiry = Some(
            self.soonest_expiry
                .map_or(expiry, |soonest| soonest.min(expiry)),
        );
        self.at_risk += usize::from(expiry.duration_since(now) <= policy::ALARM_BEFORE_EXPIRY);
    }

    fn changed(&self) -> usize {
        self.mended + self.removed
    }

    /// One account that cannot be mended keeps no other from it; the next audit tries again.
    fn note(&mut self, id: &str, mended: Result<bool, TaskError>) {
        match mended {
            Ok(mended) => self.mended += usize::from(mended),
            Err(error) => {
                self.failed += 1;
                tracing::error!(event = "account_not_mended", account = id, error = ?error, "the next audit tries again");
            }
        }
    }

    fn tell(&self, prefix: &str, now: Timestamp) {
        let count = |number: usize| number as f64;
        tracing::info!(
            event = "audit",
            prefix,
            accounts = self.by_status.values().sum::<usize>() as u64,
            mended = self.mended as u64,
            removed = self.removed as u64,
            failed = self.failed as u64,
            atRisk = self.at_risk as u64,
        );
        metrics::put(
            &[],
            &[
                ("AuditMended", Unit::Count, count(self.mended)),
                ("AuditRemoved", Unit::Count, count(self.removed)),
                ("AuditFailed", Unit::Count, count(self.failed)),
                ("TokensAtRisk", Unit::Count, count(self.at_risk)),
            ],
        );
        if let Some(soonest) = self.soonest_expiry {
            let days = soonest.duration_since(now).as_secs_f64() / 86_400.0;
            metrics::put(&[], &[("TokenDaysLeft", Unit::None, days)]);
        }
        for (status, accounts) in &self.by_status {
            metrics::put(
                &[("Status", status.as_str())],
                &[("Accounts", Unit::Count, count(*accounts))],
            );
        }
    }
}
