//! `AuditCoverage`: compares accounts with schedules, mends what is missing and removes what is left over.
//!
//! Whatever died on the way, whoever deleted a schedule: an hour later every living token has a refresh ahead of it
//! again, and every dead one a named state. Works through any number of accounts: where there are more than one task can
//! compare, it makes a task for each further digit of their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::{Account, Status};
use shared::announce;
use shared::app::App;
use shared::lambda::TaskError;
use shared::metrics::{self, Unit};
use shared::schedules::Kind;
use shared::sync::BY_SCHEDULE;
use shared::table::connected::ConnectedAccount;
use shared::table::keys::ID_DIGITS;
use shared::tasks::Task;
use shared::{connection, policy, verdict};

use crate::{current, delete_data, pages};

/// So many accounts are compared by one task: some forty calls of `ListSchedules` for each kind.
const MOST_COMPARED: usize = 4_000;
/// So many accounts are looked at more closely by one task; the next task goes on behind them.
const MOST_TOUCHED: usize = 100;
/// And no further one is begun after this long.
const MOST_TIME: SignedDuration = SignedDuration::from_secs(12);

/// What an audit found and did.
#[derive(Debug, Default)]
struct Findings {
    touched: usize,
    mended: usize,
    removed: usize,
    failed: usize,
}

/// How the compared accounts stand.
#[derive(Debug, Default)]
struct Standing {
    by_status: BTreeMap<Status, usize>,
    soonest_expiry: Option<Timestamp>,
    at_risk: usize,
}

/// Audits the accounts whose id begins with `prefix` and comes after `after`.
///
/// Each account is met once by an audit, however many tasks it takes: one that cannot be mended keeps nobody behind it
/// from being looked at.
pub(crate) async fn audit(app: &Arc<App>, prefix: &str, after: &str) -> Result<(), TaskError> {
    let now = app.clock.now();
    let Some(refreshes) = app
        .schedules
        .list(Kind::Refresh, prefix, MOST_COMPARED)
        .await?
    else {
        return split(app, prefix).await;
    };
    let Some(syncs) = app
        .schedules
        .list(Kind::Sync, prefix, MOST_COMPARED)
        .await?
    else {
        return split(app, prefix).await;
    };
    let Some(accounts) = app
        .table
        .connected_accounts(prefix, MOST_COMPARED, now)
        .await?
    else {
        return split(app, prefix).await;
    };
    let accounts: BTreeMap<&str, &ConnectedAccount> = accounts
        .iter()
        .map(|account| (account.id.as_str(), account))
        .collect();
    let ids: BTreeSet<&str> = refreshes
        .union(&syncs)
        .map(String::as_str)
        .chain(accounts.keys().copied())
        .filter(|id| *id > after)
        .collect();
    let mut findings = Findings::default();
    for id in ids {
        let (has_refresh, has_sync) = (refreshes.contains(id), syncs.contains(id));
        let outcome = match accounts.get(id) {
            Some(found) if !needs_mending(found, has_refresh, has_sync, now) => continue,
            Some(_) => mend(app, id, has_refresh, has_sync).await,
            None => remove_left_over(app, id).await,
        };
        findings.note(id, outcome, accounts.contains_key(id));
        let elapsed = app.clock.now().duration_since(now);
        if findings.touched == MOST_TOUCHED || elapsed > MOST_TIME {
            findings.tell(app, prefix);
            return send(app, prefix.to_owned(), id.to_owned()).await;
        }
    }
    findings.tell(app, prefix);
    Standing::of(accounts.values().copied(), now).tell(app, prefix, now);
    app.table.note_audit(prefix, now).await?;
    audit_the_rest(app, prefix).await
}

/// What is not compared by account, once for each audit.
async fn audit_the_rest(app: &Arc<App>, prefix: &str) -> Result<(), TaskError> {
    if prefix.is_empty() {
        delete_data::resume(app).await?;
        pages::audit(app).await?;
        announce::send_what_waits(app).await;
    }
    Ok(())
}

async fn send(app: &Arc<App>, prefix: String, after: String) -> Result<(), TaskError> {
    Ok(app
        .queue
        .send(Task::AuditCoverage { prefix, after })
        .await?)
}

/// Too many for one task: one for each next digit.
async fn split(app: &Arc<App>, prefix: &str) -> Result<(), TaskError> {
    for digit in ID_DIGITS.chars() {
        send(app, format!("{prefix}{digit}"), String::new()).await?;
    }
    audit_the_rest(app, prefix).await
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

/// Brings one account in order; `false` where there is nothing to do, or nothing that this could mend.
async fn mend(
    app: &Arc<App>,
    id: &str,
    has_refresh: bool,
    has_sync: bool,
) -> Result<bool, TaskError> {
    let now = app.clock.now();
    let account = app.table.account(id).await?;
    let Some(account) = account.filter(Account::is_connected) else {
        connection::remove_schedules(app, id).await?;
        return Ok(true);
    };
    if !account.is_live(now) {
        // A token that ran out is told in the timeline once, by whoever finds it first.
        verdict::note_expiry(app, &account, BY_SCHEDULE).await?;
        connection::remove_schedules(app, id).await?;
        return Ok(true);
    }
    if account.token_suspect_since.is_some() {
        let task = Task::SyncAccount {
            account: account.id.clone(),
            connection_generation: account.connection_generation,
        };
        app.queue.send(task).await?;
    }
    if has_sync && !is_refresh_missing(account.next_refresh_at, has_refresh, now) {
        return Ok(false);
    }
    current::planned(app, &account).await
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
    /// One account that cannot be mended keeps no other from it; the next audit tries again.
    fn note(&mut self, id: &str, outcome: Result<bool, TaskError>, is_connected: bool) {
        self.touched += 1;
        match outcome {
            Ok(true) if is_connected => self.mended += 1,
            Ok(true) => self.removed += 1,
            Ok(false) => {}
            Err(error) => {
                self.failed += 1;
                tracing::error!(event = "account_not_mended", account = id, error = ?error, "the next audit tries again");
            }
        }
    }

    fn tell(&self, app: &App, prefix: &str) {
        tracing::info!(
            event = "audit",
            prefix,
            touched = self.touched as u64,
            mended = self.mended as u64,
            removed = self.removed as u64,
            failed = self.failed as u64,
        );
        metrics::put(
            &app.config.metrics,
            &[],
            &[
                ("AuditMended", Unit::Count, self.mended as f64),
                ("AuditRemoved", Unit::Count, self.removed as f64),
                ("AuditFailed", Unit::Count, self.failed as f64),
            ],
        );
    }
}

impl Standing {
    fn of<'a>(accounts: impl Iterator<Item = &'a ConnectedAccount>, now: Timestamp) -> Self {
        // A status that nobody has any more must fall to zero, and not keep its last number.
        let mut standing = Self {
            by_status: Status::OF_CONNECTED
                .iter()
                .map(|status| (*status, 0))
                .collect(),
            ..Self::default()
        };
        for found in accounts {
            *standing.by_status.entry(found.status).or_default() += 1;
            if found.status.is_dead() {
                continue;
            }
            let expiry = found.token_expires_at;
            let soonest = standing.soonest_expiry;
            standing.soonest_expiry = Some(soonest.map_or(expiry, |soonest| soonest.min(expiry)));
            let is_at_risk = expiry.duration_since(now) <= policy::ALARM_BEFORE_EXPIRY;
            standing.at_risk += usize::from(is_at_risk);
        }
        standing
    }

    fn tell(&self, app: &App, prefix: &str, now: Timestamp) {
        tracing::info!(
            event = "coverage",
            prefix,
            accounts = self.by_status.values().sum::<usize>() as u64,
            atRisk = self.at_risk as u64,
        );
        metrics::put(
            &app.config.metrics,
            &[],
            &[("TokensAtRisk", Unit::Count, self.at_risk as f64)],
        );
        if let Some(soonest) = self.soonest_expiry {
            let days = soonest.duration_since(now).as_secs_f64() / 86_400.0;
            metrics::put(
                &app.config.metrics,
                &[],
                &[("TokenDaysLeft", Unit::None, days)],
            );
        }
        for (status, accounts) in &self.by_status {
            metrics::put(
                &app.config.metrics,
                &[("Status", status.as_str())],
                &[("Accounts", Unit::Count, *accounts as f64)],
            );
        }
    }
}
