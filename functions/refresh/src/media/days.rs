//! The stage that reads what the account's days were like.
//!
//! One call tells all figures of a day, the latest days first. Instagram may add to them for two days after its end: later it
//! counts as settled and is not asked for again. A figure that Instagram does not have is absent.

use jiff::civil::Date;
use shared::aws::AwsError;
use shared::graph::InsightsQuery;
use shared::media::days::{self, Day, KEPT_BY_INSTAGRAM, SETTLED_AFTER, day_of, plus, start_of};
use shared::media::{figures, figures_of, metrics};

use super::log::DAYS_REFUSED;
use super::{Done, Step, StepError};

/// So many days a step asks for at most.
const DAYS: usize = 15;
/// Instagram tells who came to follow for so many days, and for accounts with so many followers.
const DAYS_OF_FOLLOWERS: i64 = 30;
const FEWEST_FOLLOWERS: u64 = 100;

impl Step<'_> {
    pub(super) async fn read_days(&mut self) -> Result<Done, StepError> {
        let today = day_of(self.app.clock.now());
        let first = match self.progress.settled_through {
            Some(settled) => plus(settled, 1).max(plus(today, -KEPT_BY_INSTAGRAM + 1)),
            None => plus(today, -KEPT_BY_INSTAGRAM + 1),
        };
        let mut day = match self.run.next_day {
            Some(day) => day,
            None => {
                if !self.run.with_figures {
                    return Ok(Done::All);
                }
                let earliest = first.max(plus(today, -DAYS_OF_FOLLOWERS));
                self.read_followers(earliest, today).await?;
                plus(today, -1)
            }
        };
        for _ in 0..DAYS {
            if day < first {
                // Days that were read when the run began may have grown since.
                let settled = plus(day_of(self.run.started_at), -SETTLED_AFTER);
                self.progress.settled_through = self.progress.settled_through.max(Some(settled));
                self.run.next_day = None;
                return Ok(Done::All);
            }
            if !self.read_day(day, today).await? {
                // Nothing is settled: the next sync asks for these days again.
                self.run.partial.get_or_insert(DAYS_REFUSED.into());
                self.run.next_day = None;
                return Ok(Done::All);
            }
            day = plus(day, -1);
            self.run.next_day = Some(day);
            if !self.goes_on() {
                break;
            }
        }
        Ok(Done::More)
    }

    async fn read_followers(&mut self, first: Date, today: Date) -> Result<(), StepError> {
        if self.account.follower_count.unwrap_or_default() < FEWEST_FOLLOWERS || first >= today {
            return Ok(());
        }
        let query = InsightsQuery {
            metrics: &[metrics::NEW_FOLLOWERS],
            period: "day",
            since: Some(start_of(first)),
            until: Some(start_of(today)),
            ..InsightsQuery::default()
        };
        let found = figures::of_account(self.app, self.account, &self.token, &query).await?;
        self.run.calls += found.calls;
        self.usage = found.usage;
        let points = found.insights.iter().flat_map(|insight| &insight.values);
        for point in points {
            let (Some(value), Some(end)) = (point.value, point.end) else {
                continue;
            };
            // C17: a time that ends later than today tells of no day that was.
            let day = plus(day_of(end), -1);
            if day < first || day >= today {
                continue;
            }
            self.change_day(day, |record| {
                record.figures.insert("follows".to_owned(), value);
            })
            .await?;
        }
        Ok(())
    }

    /// Reads a day. Instagram has no figures of one on which nothing happened. A day that was read already is read again when
    /// it is final. `false`: Instagram refuses to tell.
    async fn read_day(&mut self, day: Date, today: Date) -> Result<bool, StepError> {
        let is_settled = plus(day, SETTLED_AFTER) <= today;
        if !is_settled && day < plus(today, -1) {
            let known = self.app.table.day(&self.account.id, day).await?;
            if known.as_ref().is_some_and(Day::is_told) {
                return Ok(true);
            }
        }
        let found = figures::of_day(self.app, self.account, &self.token, day).await?;
        self.run.calls += found.calls;
        self.usage = found.usage;
        let figures = figures_of(&found.insights);
        if figures.is_empty() {
            return Ok(found.refused.is_none());
        }
        self.change_day(day, |record| {
            record.figures.extend(figures.clone());
            record.settled = is_settled;
        })
        .await?;
        Ok(true)
    }

    /// Writes a day where the change changes it.
    async fn change_day(&mut self, day: Date, change: impl Fn(&mut Day)) -> Result<(), AwsError> {
        let is_written = days::change(&self.app.table, &self.account.id, day, change).await?;
        self.run.changed += u64::from(is_written);
        Ok(())
    }
}
