//! Which days are asked for, and how they are put together.

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use shared::app::App;
use shared::http::Problem;
use shared::media::days::{day_of, plus, start_of};
use utoipa::ToSchema;

/// So many days are shown where nothing is said.
const USUAL_DAYS: i64 = 28;
/// So many days may be asked for: as many as are kept.
const MOST_DAYS: i64 = 731;

/// Days, both ends included, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) since: Date,
    pub(crate) until: Date,
}

/// What a point of a series stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Granularity {
    /// A day.
    Day,
    /// A week from Monday on.
    Week,
    /// A month.
    Month,
}

impl Span {
    /// The span of a query: the 28 days until yesterday where nothing is said.
    pub(crate) fn of(app: &App, since: Option<&str>, until: Option<&str>) -> Result<Self, Problem> {
        let today = day_of(app.clock.now());
        let until = match until {
            Some(text) => day(text)?,
            None => plus(today, -1),
        };
        let since = match since {
            Some(text) => day(text)?,
            None => plus(until, 1 - USUAL_DAYS),
        };
        let span = Self { since, until };
        if since > until || span.days() > MOST_DAYS {
            return Err(invalid_days());
        }
        Ok(span)
    }

    /// How many days it has.
    pub(crate) fn days(self) -> i64 {
        let days = self.since.until(self.until).map(|span| span.get_days());
        days.map_or(i64::MAX, |days| i64::from(days) + 1)
    }

    /// As many days before it.
    pub(crate) fn before(self) -> Self {
        Self {
            since: plus(self.since, -self.days()),
            until: plus(self.since, -1),
        }
    }

    /// Its first and its last moment.
    pub(crate) fn times(self) -> (Option<Timestamp>, Option<Timestamp>) {
        let end = start_of(plus(self.until, 1)) - SignedDuration::from_millis(1);
        (Some(start_of(self.since)), Some(end))
    }

    /// Its days.
    pub(crate) fn each(self) -> impl Iterator<Item = Date> {
        (0..self.days()).map(move |number| plus(self.since, number))
    }
}

impl Granularity {
    pub(crate) fn parse(word: Option<&str>) -> Result<Self, Problem> {
        match word {
            None | Some("day") => Ok(Self::Day),
            Some("week") => Ok(Self::Week),
            Some("month") => Ok(Self::Month),
            Some(_) => Err(invalid_granularity()),
        }
    }

    /// The first day of what a day belongs to.
    pub(crate) fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => plus(day, -i64::from(day.weekday().since(Weekday::Monday))),
            Self::Month => day.first_of_month(),
        }
    }
}

shared::refusals!(
    /// Which spans are refused.
    pub(crate) SpanRefusals: [invalid_day(), invalid_days()]
);
shared::refusals!(
    /// Which granularity is refused.
    pub(crate) GranularityRefusals: [invalid_granularity()]
);

fn day(text: &str) -> Result<Date, Problem> {
    // `parse` would take a time as well.
    let day = (text.len() == 10).then(|| text.parse().ok()).flatten();
    day.filter(|day: &Date| (2000..=2999).contains(&day.year()))
        .ok_or_else(invalid_day)
}

fn invalid_day() -> Problem {
    Problem::bad_request(
        "invalid_day",
        "`since` and `until` must be days, as in `2026-11-21`.",
    )
}

fn invalid_days() -> Problem {
    Problem::bad_request(
        "invalid_days",
        format!("`since` must not be after `until`, with {MOST_DAYS} days between them at most."),
    )
}

fn invalid_granularity() -> Problem {
    Problem::bad_request(
        "invalid_granularity",
        "`granularity` must be `day`, `week` or `month`.",
    )
}
