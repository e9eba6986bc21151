//! Six fields: minutes, hours, day of month, month, day of week, year. One of the two days is `?`.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based>

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};

const YEARS: (i16, i16) = (1970, 2199);
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
/// Sunday is 1.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A cron expression, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    day: Day,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

/// Which days of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(BTreeSet<i16>),
    /// `L`, or `L-3`: so many days before the last.
    LastOfMonth(i8),
    /// `15W`: the weekday, Monday to Friday, that is nearest, within the month.
    NearestWeekday(i8),
    /// `LW`.
    LastWeekday,
    /// 1 is Sunday.
    OfWeek(BTreeSet<i16>),
    /// `6L`: the last Friday.
    LastOfWeek(i16),
    /// `6#3`: the third Friday.
    NthOfWeek(i16, i8),
}

impl Cron {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return None;
        };
        let day = match (*day_of_month, *day_of_week) {
            (day, "?") => of_month(day)?,
            ("?", day) => of_week(day)?,
            _ => return None,
        };
        Some(Self {
            minutes: set(minutes, 0, 59, &[])?,
            hours: set(hours, 0, 23, &[])?,
            day,
            months: set(month, 1, 12, &MONTHS)?,
            years: set(year, YEARS.0, YEARS.1, &[])?,
        })
    }

    /// The first matching day, `date` included.
    pub(super) fn first_day_from(&self, mut date: Date) -> Option<Date> {
        loop {
            let year = *self.years.range(date.year()..).next()?;
            if year > date.year() {
                date = Date::new(year, 1, 1).ok()?;
            }
            match self
                .months
                .range(i16::from(date.month())..)
                .next()
                .and_then(|month| i8::try_from(*month).ok())
            {
                None => date = Date::new(date.year() + 1, 1, 1).ok()?,
                Some(month) if month > date.month() => {
                    date = Date::new(date.year(), month, 1).ok()?
                }
                Some(_) if self.day.is(date) => return Some(date),
                Some(_) => date = date.tomorrow().ok()?,
            }
        }
    }

    /// The matching times of a day, in order, as hour and minute.
    pub(super) fn times(&self) -> impl Iterator<Item = (i8, i8)> {
        let small = |number: &i16| i8::try_from(*number).unwrap_or(0);
        self.hours.iter().flat_map(move |hour| {
            self.minutes
                .iter()
                .map(move |minute| (small(hour), small(minute)))
        })
    }
}

impl Day {
    fn is(&self, date: Date) -> bool {
        let last = date.days_in_month();
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        match self {
            Day::OfMonth(days) => days.contains(&i16::from(date.day())),
            Day::LastOfMonth(before) => date.day() == last - before,
            Day::NearestWeekday(day) => date.day() == nearest_weekday(date, (*day).min(last)),
            Day::LastWeekday => date.day() == nearest_weekday(date, last),
            Day::OfWeek(days) => days.contains(&weekday),
            Day::LastOfWeek(day) => weekday == *day && date.day() + 7 > last,
            Day::NthOfWeek(day, nth) => weekday == *day && (date.day() - 1) / 7 + 1 == *nth,
        }
    }
}

fn nearest_weekday(month: Date, day: i8) -> i8 {
    let last = month.days_in_month();
    let weekday = Date::new(month.year(), month.month(), day).map(Date::weekday);
    match weekday {
        Ok(Weekday::Saturday) if day > 1 => day - 1,
        Ok(Weekday::Saturday) => day + 2,
        Ok(Weekday::Sunday) if day < last => day + 1,
        Ok(Weekday::Sunday) => day - 2,
        _ => day,
    }
}

fn of_month(field: &str) -> Option<Day> {
    let small =
        |text: &str, largest: i8| text.parse().ok().filter(|day| (1..=largest).contains(day));
    if field == "LW" {
        return Some(Day::LastWeekday);
    }
    if let Some(before) = field.strip_prefix('L') {
        let before = if before.is_empty() {
            Some(0)
        } else {
            small(before.strip_prefix('-')?, 30)
        };
        return before.map(Day::LastOfMonth);
    }
    if let Some(day) = field.strip_suffix('W') {
        return small(day, 31).map(Day::NearestWeekday);
    }
    set(field, 1, 31, &[]).map(Day::OfMonth)
}

fn of_week(field: &str) -> Option<Day> {
    let weekday = |text: &str| value(text, 1, 7, &WEEKDAYS);
    if field == "L" {
        return Some(Day::OfWeek(BTreeSet::from([7])));
    }
    if let Some(day) = field.strip_suffix('L') {
        return weekday(day).map(Day::LastOfWeek);
    }
    if let Some((day, nth)) = field.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return Some(Day::NthOfWeek(weekday(day)?, nth));
    }
    set(field, 1, 7, &WEEKDAYS).map(Day::OfWeek)
}

/// `*`, `5`, `1,5`, `1-5`, `0/15`, `10-40/5`, and names where there are some.
fn set(field: &str, least: i16, most: i16, names: &[&str]) -> Option<BTreeSet<i16>> {
    let mut numbers = BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                Some(step.parse::<usize>().ok().filter(|step| *step > 0)?),
            ),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (
                value(from, least, most, names)?,
                value(to, least, most, names)?,
            ),
            None => {
                let from = value(range, least, most, names)?;
                (from, if step.is_some() { most } else { from })
            }
        };
        if from > to {
            // `FRI-MON`, `22-2`: over the end and on from the beginning.
            let around: Vec<i16> = (from..=most).chain(least..=to).collect();
            numbers.extend(around.into_iter().step_by(step.unwrap_or(1)));
        } else {
            numbers.extend((from..=to).step_by(step.unwrap_or(1)));
        }
    }
    Some(numbers)
}

fn value(text: &str, least: i16, most: i16, names: &[&str]) -> Option<i16> {
    let upper = text.to_ascii_uppercase();
    let named = names
        .iter()
        .position(|name| *name == upper)
        .and_then(|index| i16::try_from(index).ok());
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = || text.parse().ok().filter(|_| digits);
    named
        .map(|index| index + 1)
        .or_else(number)
        .filter(|number| (least..=most).contains(number))
}
