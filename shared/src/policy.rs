//! When a token is refreshed: the one place that says so.
//!
//! Source of the limits: Meta, "Business Login for Instagram": a long-lived token lives 60 days and can be refreshed
//! when it is at least 24 hours old and has not expired.

use jiff::{SignedDuration, Timestamp};

use crate::account::Account;
use crate::vault::Entry;

/// From here on an account needs a refresh, and is shown so.
pub const REFRESH_BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(10 * 24);

/// From here on a refresh that keeps failing is told to people: an alarm, and an entry of the timeline.
pub const ALARM_BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Meta refuses to refresh a younger token: a day, and as much more as our clock may be ahead of Meta's.
pub const YOUNGEST_REFRESHABLE: SignedDuration = SignedDuration::from_mins(24 * 60 + 15);

/// When a refresh that failed is tried again: daily.
pub const RETRY_REFRESH_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// When a refresh is tried again that was not tried, because calls of its kind pause for everybody.
pub const RETRY_PAUSED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// For so long after a failure nobody asks Instagram again, whoever asks us: a person, or a task that came twice.
pub const COOL_DOWN: SignedDuration = SignedDuration::from_mins(10);

/// How long one worker alone may refresh an account: longer than any function runs, so that its end means that the
/// holder has died.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// A refresh whose time passed longer ago than this will not come by itself: its schedule or task was lost.
pub const REFRESH_LOST_AFTER: SignedDuration = SignedDuration::from_hours(2);

/// From this share of an account's calls on, in percent, a sync gives way: what is left is for publishing first.
pub const SYNC_GIVES_WAY_AT: u32 = 75;

/// From this share of the whole app's calls on, in percent, syncs give way: they are everybody's.
pub const SYNCS_GIVE_WAY_AT: u32 = 75;

/// For so long syncs wait then.
pub const SYNCS_WAIT_FOR: SignedDuration = SignedDuration::from_mins(10);

/// For so long after that each sync lets others go first after every step: as long as Instagram counts the calls of the app.
pub const SYNCS_TAKE_TURNS_FOR: SignedDuration = SignedDuration::from_hours(1);

/// After so long without a step the task of a media sync's next step may have been lost: whoever comes then sends it again.
/// It is less than what a message that was not done with takes to come again.
pub const STEP_LOST_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// A walk over all of an account's media is not begun oftener than this, whatever seems to be missing.
pub const WHOLE_WALK_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// After so long what Instagram told of an account's calls says nothing any more.
pub const USAGE_IS_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(1);

/// No schedule is made for an earlier moment than this from now: one that lies in the past when Scheduler reads it may be
/// refused.
pub const SOONEST_SCHEDULE: SignedDuration = SignedDuration::from_secs(60);

/// Spread of the first try, so that accounts that connected together do not refresh together.
const JITTER_SECONDS: u64 = 24 * 3600;

/// Who wants a token to be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A schedule, when the time has come; a repeated or early task is none.
    Schedule,
    /// A person, at any time that Instagram allows.
    Person,
}

/// Why a token is not refreshed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no token.
    NotConnected,
    /// The token is dead: only a new connection helps.
    Dead,
    /// Instagram takes no calls for the account until then.
    RateLimited(Timestamp),
    /// Instagram refreshes it from then on.
    TooYoung(Timestamp),
    /// A try has just failed; the next one is allowed from then on.
    CoolingDown(Timestamp),
    /// The schedule's time is then.
    NotDue(Timestamp),
}

/// Why the token of an account is not refreshed at `now`; `None` when it may be.
pub fn refresh_obstacle(
    account: &Account,
    entry: &Entry,
    asker: Asker,
    now: Timestamp,
) -> Option<Obstacle> {
    if !account.is_connected() {
        return Some(Obstacle::NotConnected);
    }
    if account.status_at(now).is_dead() || entry.expires_at <= now {
        return Some(Obstacle::Dead);
    }
    if let Some(until) = account.blocked_until_at(now) {
        return Some(Obstacle::RateLimited(until));
    }
    // Before its age: a repeated task would else move the plan of a fresh token to its second day.
    let planned = first_refresh_at(&account.id, entry.issued_at, entry.expires_at);
    if asker == Asker::Schedule && planned > now && !account.needs_refresh(now) {
        return Some(Obstacle::NotDue(planned));
    }
    let old_enough = entry.issued_at + YOUNGEST_REFRESHABLE;
    if old_enough > now {
        return Some(Obstacle::TooYoung(old_enough));
    }
    if let Some(failure) = &account.last_token_refresh_error
        && failure.at + COOL_DOWN > now
    {
        return Some(Obstacle::CoolingDown(failure.at + COOL_DOWN));
    }
    None
}

/// Whether a sync leaves the account's calls to others: few are left, as Instagram told lately.
pub fn sync_gives_way(account: &Account, now: Timestamp) -> bool {
    let rate = &account.rate;
    let is_known = rate
        .usage_at
        .is_some_and(|at| now.duration_since(at) < USAGE_IS_KNOWN_FOR);
    is_known && rate.usage_percent >= Some(SYNC_GIVES_WAY_AT)
}

/// When a refresh that failed at `now` is tried again: daily and, in the last day, after half of what is left. `None` when
/// too little is left for another try.
pub fn next_try_at(now: Timestamp, expiry: Timestamp) -> Option<Timestamp> {
    let left = expiry.duration_since(now);
    let wait = (left / 2).min(RETRY_REFRESH_AFTER);
    (wait > COOL_DOWN).then(|| now + wait)
}

/// Whether a refresh that is planned for `next` will still come by itself.
pub fn is_refresh_ahead(next: Timestamp, now: Timestamp) -> bool {
    now.duration_since(next) < REFRESH_LOST_AFTER
}

/// When the token of `account_id` is first refreshed: ten days before it expires, and up to a day earlier so that
/// accounts that connected together do not refresh together; never before the token can be refreshed.
pub fn first_refresh_at(account_id: &str, issued: Timestamp, expiry: Timestamp) -> Timestamp {
    let jitter = SignedDuration::from_secs((stable_hash(account_id) % JITTER_SECONDS) as i64);
    let planned = expiry - REFRESH_BEFORE_EXPIRY - jitter;
    full_second(planned.max(issued + YOUNGEST_REFRESHABLE))
}

/// The moment itself or the next full second: EventBridge Scheduler knows no fractions, and a schedule that fires before
/// its moment would be taken for an early one.
pub fn full_second(moment: Timestamp) -> Timestamp {
    let rest = moment.as_millisecond().rem_euclid(1000);
    let missing = if rest == 0 { 0 } else { 1000 - rest };
    moment
        .checked_add(SignedDuration::from_millis(missing))
        .unwrap_or(moment)
}

/// A time within this one that follows from a name, so that not all come at the same moment.
pub fn spread(name: &str, within: SignedDuration) -> SignedDuration {
    let seconds = u64::try_from(within.as_secs()).unwrap_or_default().max(1);
    SignedDuration::from_secs((stable_hash(name) % seconds) as i64)
}

/// The minute of the day (UTC) at which an account is synced: spread over the day, the same every day.
pub fn daily_sync_minute(account_id: &str) -> (u64, u64) {
    let minute = stable_hash(account_id) % (24 * 60);
    (minute / 60, minute % 60)
}

/// The same number for the same text in every process and build.
fn stable_hash(text: &str) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_refreshes_are_spread_over_a_day_and_never_too_early_or_too_late() {
        let issued: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let expiry = issued + SignedDuration::from_hours(60 * 24);
        // A hundred thousand accounts that connected at the same moment.
        let times: Vec<_> = (0..100_000)
            .map(|n| first_refresh_at(&format!("account-{n}"), issued, expiry))
            .collect();
        let mut of_hour = std::collections::HashMap::new();
        for time in &times {
            *of_hour.entry(time.as_second() / 3600).or_insert(0) += 1;
        }
        let busiest = of_hour.values().max().unwrap();
        assert!(*busiest < 2 * 100_000 / 24, "{busiest} in one hour");
        let first = times.iter().min().unwrap();
        let last = times.iter().max().unwrap();
        assert!(*last <= expiry - REFRESH_BEFORE_EXPIRY);
        assert!(*first >= expiry - REFRESH_BEFORE_EXPIRY - SignedDuration::from_hours(24));
        assert!(last.duration_since(*first) > SignedDuration::from_hours(20));
    }

    #[test]
    fn a_failed_refresh_is_tried_daily_and_oftener_in_the_last_day() {
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let hours = SignedDuration::from_hours;
        assert_eq!(next_try_at(now, now + hours(240)), Some(now + hours(24)));
        assert_eq!(next_try_at(now, now + hours(12)), Some(now + hours(6)));
        assert_eq!(next_try_at(now, now + COOL_DOWN), None);
        assert_eq!(next_try_at(now, now - hours(1)), None);
    }

    #[test]
    fn a_plan_falls_on_a_full_second_and_never_before_its_moment() {
        let issued: Timestamp = "2026-11-21T00:00:00.123Z".parse().unwrap();
        let planned = first_refresh_at("any", issued, issued + SignedDuration::from_hours(48));
        assert_eq!(planned.to_string(), "2026-11-22T00:15:01Z");
        assert_eq!(full_second(planned), planned);
    }

    #[test]
    fn b06_a_short_token_is_not_refreshed_before_it_is_a_day_old() {
        let issued: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let expiry = issued + SignedDuration::from_hours(48);
        assert_eq!(
            first_refresh_at("any", issued, expiry),
            issued + SignedDuration::from_hours(24) + SignedDuration::from_mins(15)
        );
    }
}
