//! How a company's accounts stand, taken together: one look at the first index, whatever their number.

use jiff::Timestamp;

use super::Table;
use super::accounts::{AccountFilter, milliseconds, string};
use crate::account::Status;
use crate::aws::AwsError;
use crate::policy;

/// A company's accounts, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// How many are connected, those in trouble among them.
    pub connected: usize,
    /// The newest that works; one whose rate limit is reached only where none is active.
    pub newest_working: Option<String>,
    /// Whether a person must do something about one of them.
    pub in_trouble: bool,
    /// Whether the token of a connected one has ten days or less left.
    pub needs_refresh: bool,
}

impl Table {
    /// How a company's accounts stand at `now`.
    pub async fn overview_of_company(
        &self,
        company: &str,
        now: Timestamp,
    ) -> Result<Overview, AwsError> {
        let mut overview = Overview::default();
        let mut newest_limited = None;
        let mut start = None;
        loop {
            let output = self
                .company_query(company, &AccountFilter::default(), now)
                .scan_index_forward(false)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            for item in output.items() {
                let (Some(id), Some(status)) = (
                    string(item, "id"),
                    string(item, "status").and_then(|text| Status::parse(&text)),
                ) else {
                    continue;
                };
                let time = |attribute| {
                    milliseconds(item, attribute)
                        .and_then(|time| Timestamp::from_millisecond(time).ok())
                };
                let expiry = time("tokenExpiresMs");
                match status.at(now, expiry, time("rateBlockedMs")) {
                    Status::Disconnected => continue,
                    Status::Revoked => {
                        overview.in_trouble = true;
                        continue;
                    }
                    Status::Active => {
                        overview.newest_working.get_or_insert(id);
                    }
                    Status::RateLimited => {
                        newest_limited.get_or_insert(id);
                    }
                    Status::TokenExpired | Status::Error => overview.in_trouble = true,
                }
                overview.connected += 1;
                overview.needs_refresh |= expiry.is_some_and(|expiry| {
                    expiry.duration_since(now) <= policy::REFRESH_BEFORE_EXPIRY
                });
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        overview.newest_working = overview.newest_working.or(newest_limited);
        Ok(overview)
    }
}
