//! `at(…)`, `rate(…)` and `cron(…)`: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::cron::Cron;

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Once, at this wall time.
    At(DateTime),
    /// Every so many milliseconds.
    Rate(i64),
    /// Whenever the wall clock shows this.
    Cron(Box<Cron>),
}

impl Expression {
    /// Reads an expression; none when AWS would refuse it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('(')?;
        let inside = rest.strip_suffix(')')?;
        match kind {
            "at" => at(inside).map(Expression::At),
            "rate" => rate(inside).map(Expression::Rate),
            "cron" => Cron::parse(inside).map(|cron| Expression::Cron(Box::new(cron))),
            _ => None,
        }
    }

    pub(crate) fn is_one_time(&self) -> bool {
        matches!(self, Expression::At(_))
    }

    /// The first firing of a schedule that begins at `start`.
    pub(crate) fn first(&self, zone: &TimeZone, start: i64) -> Option<i64> {
        match self {
            // A wall time that the clock skips counts as the one an hour later; one that comes twice as the earlier.
            Expression::At(at) => {
                let zoned = zone.to_ambiguous_zoned(*at).compatible().ok()?;
                Some(zoned.timestamp().as_millisecond())
            }
            // "If you do not provide a StartDate for a rate-based schedule, your schedule starts invoking the target
            // immediately."
            Expression::Rate(_) => Some(start),
            Expression::Cron(_) => self.next(zone, start - 1),
        }
    }

    /// The firing after the one at `last`.
    pub(crate) fn next(&self, zone: &TimeZone, last: i64) -> Option<i64> {
        match self {
            Expression::At(_) => None,
            Expression::Rate(every) => last.checked_add(*every),
            Expression::Cron(cron) => next_of_cron(cron, zone, last),
        }
    }
}

/// "If a cron expression falls on a non-existent date and time, your schedule invocation is skipped. When time shifts
/// backwards, your schedule runs only once."
fn next_of_cron(cron: &Cron, zone: &TimeZone, last: i64) -> Option<i64> {
    let after = Timestamp::from_millisecond(last).ok()?;
    let mut date = zone.to_datetime(after).date();
    loop {
        date = cron.first_day_from(date)?;
        for (hour, minute) in cron.times() {
            let wall = date.to_datetime(Time::constant(hour, minute, 0, 0));
            if let Some(instant) = instant(zone, wall).filter(|instant| *instant > after) {
                return Some(instant.as_millisecond());
            }
        }
        date = date.tomorrow().ok()?;
    }
}

fn instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return None,
    };
    offset.to_timestamp(wall).ok()
}

/// `yyyy-mm-ddThh:mm:ss`, without a zone.
fn at(text: &str) -> Option<DateTime> {
    let shape = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 19 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i8>().ok();
    let date = Date::new(text.get(0..4)?.parse().ok()?, number(5..7)?, number(8..10)?).ok()?;
    let time = Time::new(number(11..13)?, number(14..16)?, number(17..19)?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn rate(text: &str) -> Option<i64> {
    let (value, unit) = text.split_once(' ')?;
    let value: i64 = value.parse().ok().filter(|value| *value > 0)?;
    let unit = match unit {
        "minute" | "minutes" => 60_000,
        "hour" | "hours" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return None,
    };
    value.checked_mul(unit)
}

#[cfg(test)]
#[path = "expression_tests.rs"]
mod tests;
