//! When a media sync leaves calls to others, and what it notes of their number.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::{Account, Status};
use shared::app::App;
use shared::aws::AwsError;
use shared::graph::Usage;
use shared::lambda::TaskError;
use shared::media::progress::{MediaSync, Run};
use shared::sync::BY_SCHEDULE;
use shared::{policy, verdict};

use super::log::log_entry;
use super::{Step, keep, send_next};

/// SQS delays a message for so many seconds at most.
const LONGEST_DELAY: i32 = 900;

/// Until when a sync leaves the calls to others, where all syncs wait until `all_wait_until`; `None`: it need not.
pub(super) fn waits_until(
    account: &Account,
    all_wait_until: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let blocked_until = account.blocked_until_at(now);
    if blocked_until.is_some() {
        return blocked_until;
    }
    if policy::sync_gives_way(account, now) {
        let known_at = account.rate.usage_at;
        return known_at.map(|at| at + policy::USAGE_IS_KNOWN_FOR);
    }
    own_turn(account, all_wait_until?, now)
}

/// Whether syncs had to leave calls to others just now: then each does one step and lets others go first, or those that happen
/// to come first would take all that there is until they are done.
pub(super) fn takes_turns(all_wait_until: Option<Timestamp>, now: Timestamp) -> bool {
    all_wait_until.is_some_and(|until| now.duration_since(until) < policy::SYNCS_TAKE_TURNS_FOR)
}

/// Sends the step again for when it may be done, and tells the wait in the sync log once.
pub(super) async fn wait(
    app: &Arc<App>,
    account: &Account,
    progress: MediaSync,
    mut run: Run,
    until: Timestamp,
) -> Result<(), TaskError> {
    let now = app.clock.now();
    let delay = delay_until(until, now);
    let comes_at = now + SignedDuration::from_secs(delay.into());
    if account.blocked_until_at(now).is_some() && !run.waiting_told {
        let entry = log_entry(app, account, &run, "rate_limited", None);
        app.table.append_sync_log(&account.id, &entry).await?;
        run.waiting_told = true;
    }
    // So that whoever asks for a sync meanwhile joins this one.
    run.waits_until = Some(comes_at);
    if keep(app, &account.id, progress, &run).await? {
        send_next(app, &account.id, &run, delay).await?;
    }
    Ok(())
}

/// Until when this account's syncs leave the calls of the whole app to others; `None`: they need not.
pub(crate) async fn app_waits_until(
    app: &App,
    account: &Account,
    now: Timestamp,
) -> Result<Option<Timestamp>, AwsError> {
    let all_wait_until = app.table.syncs_wait_until().await?;
    Ok(all_wait_until.and_then(|until| own_turn(account, until, now)))
}

/// When this account's syncs go on, where all wait until then: not all at the same moment, and not the same ones first each
/// time. `None`: that is over.
fn own_turn(account: &Account, all_wait_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let turn = format!("{} {all_wait_until}", account.id);
    let turn = all_wait_until + policy::spread(&turn, policy::SYNCS_WAIT_FOR);
    (turn > now).then_some(turn)
}

/// Has all syncs wait where the calls of the whole app grow few.
pub(crate) async fn note_use_of_the_app(
    app: &App,
    usage: &Usage,
    now: Timestamp,
) -> Result<(), AwsError> {
    let of_the_app = usage.app.max_percent().map(u32::from);
    match of_the_app >= Some(policy::SYNCS_GIVE_WAY_AT) {
        true => {
            app.table
                .have_syncs_wait(now + policy::SYNCS_WAIT_FOR)
                .await
        }
        false => Ok(()),
    }
}

/// Seconds until then, or as many of them as SQS delays a message.
pub(crate) fn delay_until(until: Timestamp, now: Timestamp) -> i32 {
    let left = until.duration_since(now).as_secs() + 1;
    i32::try_from(left).map_or(LONGEST_DELAY, |left| left.clamp(1, LONGEST_DELAY))
}

impl Step<'_> {
    /// Notes how much of the limits is used: of the account's in its record, where it differs much, and of the app's where
    /// all syncs have to give way.
    pub(super) async fn note_usage(&self) -> Result<(), AwsError> {
        let now = self.app.clock.now();
        note_use_of_the_app(self.app, &self.usage, now).await?;
        let Some(used) = self.usage.business.max_percent().map(u32::from) else {
            return Ok(());
        };
        let rate = &self.account.rate;
        let is_close = rate.usage_percent.unwrap_or_default().abs_diff(used) < 5;
        // What makes syncs give way must not grow old while it holds.
        let is_told = is_close
            && (used < policy::SYNC_GIVES_WAY_AT || policy::sync_gives_way(self.account, now));
        if is_told && self.account.status == Status::Active {
            return Ok(());
        }
        verdict::take_over(self.app, self.account, false, BY_SCHEDULE, |record| {
            // Whoever was refused while this step lasted knows better.
            if record.blocked_until_at(now).is_none() {
                verdict::note_success(record, &self.usage, now);
            }
        })
        .await
        .map(|_| ())
    }
}
