//! When a token is refreshed: the one place that says so.
//!
//! Source of the limits: Meta, "Business Login for Instagram": a long-lived token lives 60 days and can be refreshed
//! when it is at least 24 hours old and has not expired.

use jiff::{SignedDuration, Timestamp};

/// From here on an account needs a refresh, and is shown so.
pub const REFRESH_BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Meta refuses to refresh a younger token.
pub const YOUNGEST_REFRESHABLE: SignedDuration = SignedDuration::from_hours(24);

/// Spread of the first try, so that accounts that connected together do not refresh together.
const JITTER_SECONDS: u64 = 24 * 3600;

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

/// When a refresh that failed is tried again: daily.
pub const RETRY_REFRESH_AFTER: SignedDuration = SignedDuration::from_hours(24);

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
    fn refreshes_are_spread_over_a_day_and_never_too_early_or_too_late() {
        let issued: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let expiry = issued + SignedDuration::from_hours(60 * 24);
        let times: Vec<_> = (0..1000)
            .map(|n| first_refresh_at(&format!("account-{n}"), issued, expiry))
            .collect();
        let first = times.iter().min().unwrap();
        let last = times.iter().max().unwrap();
        assert!(*last <= expiry - REFRESH_BEFORE_EXPIRY);
        assert!(*first >= expiry - REFRESH_BEFORE_EXPIRY - SignedDuration::from_hours(24));
        assert!(last.duration_since(*first) > SignedDuration::from_hours(20));
    }

    #[test]
    fn a_plan_falls_on_a_full_second_and_never_before_its_moment() {
        let issued: Timestamp = "2026-11-21T00:00:00.123Z".parse().unwrap();
        let planned = first_refresh_at("any", issued, issued + SignedDuration::from_hours(48));
        assert_eq!(planned.to_string(), "2026-11-22T00:00:01Z");
        assert_eq!(full_second(planned), planned);
    }

    #[test]
    fn b06_a_short_token_is_not_refreshed_before_it_is_a_day_old() {
        let issued: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let expiry = issued + SignedDuration::from_hours(48);
        assert_eq!(
            first_refresh_at("any", issued, expiry),
            issued + SignedDuration::from_hours(24)
        );
    }
}
