//! The one place that reads the time.
//!
//! Everything that depends on time takes a [`Clock`], so that 180 days can pass in a second of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Where the present moment comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that is turned by hand.
    Manual(ManualClock),
}

/// A clock that is turned by hand; copies show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock {
    /// Milliseconds: since the epoch when `running` is false, ahead of the machine's clock when it is true.
    milliseconds: Arc<AtomicI64>,
    running: bool,
}

impl Clock {
    /// The present moment, cut to milliseconds, which is what records store.
    pub fn now(&self) -> Timestamp {
        let milliseconds = match self {
            Clock::System => system_milliseconds(),
            Clock::Manual(manual) => manual.milliseconds(),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Waits between two tries. A stopped clock does not wait: the caller's task only yields.
    pub async fn sleep(&self, duration: Duration) {
        match self {
            Clock::Manual(manual) if !manual.running => tokio::task::yield_now().await,
            _ => tokio::time::sleep(duration).await,
        }
    }

    /// Waits for a moment. A stopped clock is turned to it, if it lies ahead: as in a simulation by events, time passes
    /// because somebody waits for it. It passes one millisecond at a turn of the runtime, so that others get their turns
    /// in between, and so that of several who wait the one with the earliest moment goes on first.
    pub async fn sleep_until(&self, moment: Timestamp) {
        let moment = moment.as_millisecond();
        match self {
            Clock::Manual(manual) if !manual.running => loop {
                let now = manual.milliseconds();
                tokio::task::yield_now().await;
                if now >= moment {
                    return;
                }
                manual.milliseconds.fetch_max(now + 1, Ordering::SeqCst);
            },
            _ => {
                let left = moment.saturating_sub(self.now().as_millisecond());
                let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                tokio::time::sleep(left).await;
            }
        }
    }
}

impl ManualClock {
    /// A clock that stands still at `start` until it is advanced.
    pub fn stopped_at(start: Timestamp) -> Self {
        Self {
            milliseconds: Arc::new(AtomicI64::new(start.as_millisecond())),
            running: false,
        }
    }

    /// A clock that runs with the machine's, ahead of it by what it was advanced.
    pub fn running_ahead_by(ahead: SignedDuration) -> Self {
        Self {
            milliseconds: Arc::new(AtomicI64::new(
                i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX),
            )),
            running: true,
        }
    }

    /// Milliseconds since the epoch.
    pub fn milliseconds(&self) -> i64 {
        let own = self.milliseconds.load(Ordering::SeqCst);
        if self.running {
            own.saturating_add(system_milliseconds())
        } else {
            own
        }
    }

    /// How far a running clock is ahead of the machine's.
    pub fn ahead(&self) -> SignedDuration {
        let own = self.milliseconds.load(Ordering::SeqCst);
        SignedDuration::from_millis(if self.running {
            own
        } else {
            own.saturating_sub(system_milliseconds())
        })
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.milliseconds.fetch_add(by, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place")]
fn system_milliseconds() -> i64 {
    Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_it_is_turned() {
        let manual = ManualClock::stopped_at(Timestamp::UNIX_EPOCH);
        let clock = Clock::Manual(manual.clone());
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        manual.advance(SignedDuration::from_hours(24 * 180));
        assert_eq!(clock.now().to_string(), "1970-06-30T00:00:00Z");
    }

    #[tokio::test]
    async fn a_stopped_clock_is_turned_by_those_who_wait_the_earliest_first() {
        let manual = ManualClock::stopped_at(Timestamp::UNIX_EPOCH);
        let clock = Clock::Manual(manual.clone());
        let woken = std::sync::Mutex::new(Vec::new());
        let wait = async |milliseconds: i64| {
            let moment = Timestamp::from_millisecond(milliseconds).unwrap();
            clock.sleep_until(moment).await;
            woken
                .lock()
                .unwrap()
                .push((milliseconds, manual.milliseconds()));
        };
        futures_util::future::join3(wait(200), wait(40), wait(-5)).await;
        let woken = woken.into_inner().unwrap();
        let order: Vec<i64> = woken.iter().map(|(moment, _)| *moment).collect();
        assert_eq!(order, [-5, 40, 200]);
        for (moment, at) in woken {
            assert!((moment..moment.max(0) + 3).contains(&at), "{moment}: {at}");
        }
        assert_eq!(manual.milliseconds(), 200);
    }

    #[tokio::test]
    async fn a_running_clock_waits_and_is_not_turned() {
        let manual = ManualClock::running_ahead_by(SignedDuration::from_hours(1));
        let clock = Clock::Manual(manual.clone());
        let moment = clock.now() + SignedDuration::from_millis(20);
        clock.sleep_until(moment).await;
        assert!(clock.now() >= moment);
        assert_eq!(manual.ahead(), SignedDuration::from_hours(1));
        Clock::System.sleep_until(Timestamp::UNIX_EPOCH).await;
    }

    #[test]
    fn a_running_clock_is_ahead_by_what_it_was_advanced() {
        let manual = ManualClock::running_ahead_by(SignedDuration::from_hours(1));
        manual.advance(SignedDuration::from_hours(1));
        assert_eq!(manual.ahead(), SignedDuration::from_hours(2));
        assert!(manual.milliseconds() > system_milliseconds() + 7_000_000);
    }
}
