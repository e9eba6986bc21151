//! Tells a fault of the whole app from many dead accounts.
//!
//! In December 2024 every refresh of every account was refused with the same answer. Whoever believes such answers one
//! by one disconnects all customers. So when several different accounts meet the same error at the same call, and
//! nobody succeeds in between, calls of that kind pause.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::catalogue::ErrorKind;
use super::endpoint::Endpoint;

/// When calls pause, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerConfig {
    /// How many different accounts must meet the same error.
    pub accounts: usize,
    /// Within how long.
    pub window: SignedDuration,
    /// How long calls pause before one is let through to see.
    pub cool_down: SignedDuration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            accounts: 5,
            window: SignedDuration::from_mins(5),
            cool_down: SignedDuration::from_mins(1),
        }
    }
}

/// Watches each (call, error) over different accounts.
///
/// It lives in memory, so each sandbox finds the fault for itself. State that sandboxes share belongs to whoever works
/// through many accounts (the refresh worker), on top of this.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    endpoints: Mutex<HashMap<Endpoint, Watch>>,
}

#[derive(Debug, Default)]
struct Watch {
    /// Who met which error, since the last success.
    met: HashMap<ErrorKind, Met>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Met {
    since: Timestamp,
    accounts: HashSet<u64>,
}

#[derive(Debug)]
struct Open {
    kind: ErrorKind,
    /// Until when nobody calls. A probe moves it on, so that a probe which never reports does not block for ever.
    until: Timestamp,
}

impl Breaker {
    /// A breaker that lets everything through until it learns better.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            endpoints: Mutex::default(),
        }
    }

    /// Asks whether a call may be made now.
    ///
    /// # Errors
    /// How long to wait, where calls of that kind pause.
    pub fn admit(&self, endpoint: Endpoint, now: Timestamp) -> Result<(), Duration> {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(open) = endpoints
            .get_mut(&endpoint)
            .and_then(|watch| watch.open.as_mut())
        else {
            return Ok(());
        };
        let wait = open.until.duration_since(now);
        if wait.is_positive() {
            return Err(wait.unsigned_abs());
        }
        // This call is the probe; the next one waits for what it learns.
        open.until = later(now, self.config.cool_down);
        Ok(())
    }

    /// Notes how a call of `account` ended (`None`: well). The account is any number that is stable for it.
    ///
    /// Returns whether the calls begin to pause with this, which is the moment to tell the operator.
    pub fn record(
        &self,
        endpoint: Endpoint,
        account: u64,
        failure: Option<ErrorKind>,
        now: Timestamp,
    ) -> bool {
        if !endpoint.is_watched() {
            return false;
        }
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(kind) = failure else {
            endpoints.remove(&endpoint);
            return false;
        };
        let watch = endpoints.entry(endpoint).or_default();
        if let Some(open) = &mut watch.open {
            if kind.row().may_be_app_wide() {
                open.kind = kind;
                open.until = later(now, self.config.cool_down);
            } else {
                // Instagram gave this account an answer of its own: the call works again.
                endpoints.remove(&endpoint);
            }
            return false;
        }
        if !kind.row().may_be_app_wide() {
            return false;
        }
        let met = watch.met.entry(kind).or_insert_with(|| Met {
            since: now,
            accounts: HashSet::new(),
        });
        if now.duration_since(met.since) > self.config.window {
            met.since = now;
            met.accounts.clear();
        }
        met.accounts.insert(account);
        if met.accounts.len() < self.config.accounts.max(1) {
            return false;
        }
        watch.met.clear();
        watch.open = Some(Open {
            kind,
            until: later(now, self.config.cool_down),
        });
        true
    }

    /// The error because of which a call pauses.
    pub fn open_because_of(&self, endpoint: Endpoint) -> Option<ErrorKind> {
        let endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        endpoints
            .get(&endpoint)?
            .open
            .as_ref()
            .map(|open| open.kind)
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
