//! Whether every connected account of a company has a refresh ahead of it or a named state: one look at the first index.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Table;
use super::accounts::{AccountFilter, milliseconds, string};
use crate::account::Status;
use crate::aws::AwsError;
use crate::policy;

/// A company's connected accounts, each counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// All of them.
    pub connected: usize,
    /// Those whose token lives and is refreshed by itself.
    pub scheduled: usize,
    /// Those that wait for a person, by status and reason: their token is dead, or cannot be read.
    pub waiting: BTreeMap<(Status, String), usize>,
    /// Those whose token lives and that have no refresh ahead: the audit mends them.
    pub unscheduled: usize,
    /// The next refresh of any.
    pub next_refresh_at: Option<Timestamp>,
    /// When the first of the living tokens runs out.
    pub soonest_expiry: Option<Timestamp>,
}

impl Coverage {
    /// Counts a connected account.
    pub fn count(
        &mut self,
        status: Status,
        reason: Option<String>,
        next_refresh_at: Option<Timestamp>,
        token_expires_at: Timestamp,
        now: Timestamp,
    ) {
        self.connected += 1;
        let earliest =
            |known: Option<Timestamp>, new| Some(known.map_or(new, |known| known.min(new)));
        let is_live = !status.is_dead();
        if is_live {
            self.soonest_expiry = earliest(self.soonest_expiry, token_expires_at);
        }
        let ahead = next_refresh_at.filter(|next| is_live && policy::is_refresh_ahead(*next, now));
        if let Some(next) = ahead {
            self.scheduled += 1;
            self.next_refresh_at = earliest(self.next_refresh_at, next);
        } else if !is_live || status == Status::Error {
            // A token that ran out says so by its date, before anybody has written a reason.
            let reason = reason.unwrap_or_else(|| status.as_str().to_owned());
            *self.waiting.entry((status, reason)).or_default() += 1;
        } else {
            self.unscheduled += 1;
        }
    }

    /// Whether every connected account is either refreshed by itself or waits for a person with a reason.
    pub fn is_complete(&self) -> bool {
        self.unscheduled == 0
    }
}

impl Table {
    /// How well a company's connected accounts are covered at `now`.
    pub async fn coverage_of_company(
        &self,
        company: &str,
        now: Timestamp,
    ) -> Result<Coverage, AwsError> {
        let mut coverage = Coverage::default();
        let mut start = None;
        loop {
            let output = self
                .company_query(company, &AccountFilter::default(), now)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            for item in output.items() {
                let time = |attribute| {
                    milliseconds(item, attribute)
                        .and_then(|time| Timestamp::from_millisecond(time).ok())
                };
                let status = string(item, "status").and_then(|text| Status::parse(&text));
                // Only a connected account has a token that runs out.
                let (Some(status), Some(expiry)) = (status, time("tokenExpiresMs")) else {
                    continue;
                };
                let at = status.at(now, Some(expiry), time("rateBlockedMs"));
                let reason = string(item, "reasonCode").filter(|_| at == status);
                coverage.count(at, reason, time("nextRefreshMs"), expiry, now);
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(coverage);
            }
        }
    }
}
