use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::Expression;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;

fn milliseconds(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_millisecond()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The next firings after a time, as RFC 3339.
fn firings(expression: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let expression = Expression::parse(expression).unwrap();
    let mut last = milliseconds(after);
    let mut firings = Vec::new();
    while firings.len() < count {
        let Some(next) = expression.next(&zone(zone_name), last) else {
            break;
        };
        firings.push(Timestamp::from_millisecond(next).unwrap().to_string());
        last = next;
    }
    firings
}

#[test]
fn expressions_that_aws_takes_and_refuses() {
    for good in [
        "rate(1 minute)",
        "rate(12 hours)",
        "at(2031-01-01T00:00:00)",
        "cron(0 9 ? * MON-FRI *)",
        "cron(0/5 * * * ? *)",
        "cron(15 10 L * ? 2026-2030)",
        "cron(15 10 LW * ? *)",
        "cron(15 10 15W JAN,MAR ? *)",
        "cron(15 10 ? * 6#3 *)",
        "cron(15 10 ? * FRIL *)",
        "cron(0 22-2 ? * SAT-MON *)",
    ] {
        assert!(Expression::parse(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "every 5 minutes",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(5 parsecs)",
        "rate(5)",
        "at(2031-13-01T00:00:00)",
        "at(2031-02-29T00:00:00)",
        "at(2031-01-01T24:00:00)",
        "at(2031-01-01T00:00:00Z)",
        "at(2031-01-01 00:00:00)",
        "cron(* * * * *)",
        "cron(0 9 * * MON *)",
        "cron(0 9 ? * ? *)",
        "cron(60 9 * * ? *)",
        "cron(0/0 9 * * ? *)",
        "cron(0 9 32 * ? *)",
        "cron(0 9 ? * 6#6 *)",
        "cron(0 9 * * ? 1969)",
        "cron(0 9 * * ? *",
    ] {
        assert!(Expression::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn cron_finds_the_days_that_its_fields_name() {
    let after = "2026-01-01T00:00:00Z";
    assert_eq!(
        firings("cron(0 9 ? * MON-FRI *)", "UTC", after, 3),
        [
            "2026-01-01T09:00:00Z",
            "2026-01-02T09:00:00Z",
            "2026-01-05T09:00:00Z"
        ]
    );
    assert_eq!(
        firings("cron(15 10 L * ? *)", "UTC", after, 2),
        ["2026-01-31T10:15:00Z", "2026-02-28T10:15:00Z"]
    );
    assert_eq!(
        firings("cron(0 0 L-3 2 ? *)", "UTC", after, 1),
        ["2026-02-25T00:00:00Z"]
    );
    // The 31st of January 2026 is a Saturday, the 1st of February a Sunday, the 15th a Sunday.
    assert_eq!(
        firings("cron(0 0 LW 1 ? *)", "UTC", after, 1),
        ["2026-01-30T00:00:00Z"]
    );
    assert_eq!(
        firings("cron(0 0 1W 2 ? *)", "UTC", after, 1),
        ["2026-02-02T00:00:00Z"]
    );
    assert_eq!(
        firings("cron(0 0 15W 2 ? *)", "UTC", after, 1),
        ["2026-02-16T00:00:00Z"]
    );
    assert_eq!(
        firings("cron(0 0 ? * 6#3 *)", "UTC", after, 1),
        ["2026-01-16T00:00:00Z"]
    );
    assert_eq!(
        firings("cron(0 0 ? * FRIL *)", "UTC", after, 1),
        ["2026-01-30T00:00:00Z"]
    );
    assert_eq!(
        firings("cron(0 0 29 2 ? *)", "UTC", after, 1),
        ["2028-02-29T00:00:00Z"]
    );
    assert!(firings("cron(0 0 1 1 ? 2020)", "UTC", after, 1).is_empty());
    assert!(firings("cron(0 0 31 2 ? *)", "UTC", after, 1).is_empty());
}

#[test]
fn a_wall_time_that_is_skipped_is_skipped_and_one_that_comes_twice_fires_once() {
    // New York springs forward on 2026-03-08 at 02:00, and falls back on 2026-11-01 at 02:00.
    let daily = "cron(30 2 * * ? *)";
    assert_eq!(
        firings(daily, "America/New_York", "2026-03-07T00:00:00Z", 2),
        ["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"]
    );
    assert_eq!(
        firings(
            "cron(30 1 * * ? *)",
            "America/New_York",
            "2026-11-01T00:00:00Z",
            2
        ),
        ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
    );
}

#[test]
fn at_is_read_in_its_zone() {
    let first = |text: &str, name: &str| Expression::parse(text).unwrap().first(&zone(name), 0);
    let tokyo = first("at(2031-01-02T03:04:05)", "Asia/Tokyo");
    assert_eq!(tokyo, Some(milliseconds("2031-01-01T18:04:05Z")));
    let skipped = first("at(2026-03-08T02:30:00)", "America/New_York");
    assert_eq!(skipped, Some(milliseconds("2026-03-08T07:30:00Z")));
    let twice = first("at(2026-11-01T01:30:00)", "America/New_York");
    assert_eq!(twice, Some(milliseconds("2026-11-01T05:30:00Z")));
}

fn zones() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Zurich",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
    ])
}

proptest! {
    #[test]
    fn a_rate_keeps_its_distance(value in 1_i64..10_000, unit in 0_usize..3, start in 0_i64..4_000_000_000_000) {
        let (name, length) = [("minutes", MINUTE), ("hours", 60 * MINUTE), ("days", DAY)][unit];
        let rate = Expression::parse(&format!("rate({value} {name})")).unwrap();
        prop_assert_eq!(rate.first(&TimeZone::UTC, start), Some(start));
        prop_assert_eq!(rate.next(&TimeZone::UTC, start), Some(start + value * length));
    }

    /// Against the slow way: every minute on the way is looked at.
    #[test]
    fn cron_misses_no_minute_and_invents_none(
        minute in 0_i8..60,
        hours in prop::collection::btree_set(0_i8..24, 1..4),
        zone_name in zones(),
        start in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let list: Vec<String> = hours.iter().map(i8::to_string).collect();
        let text = format!("cron({minute} {} * * ? *)", list.join(","));
        let zone = zone(zone_name);
        let next = Expression::parse(&text).unwrap().next(&zone, start).unwrap();
        prop_assert!(next > start);
        let wall = |at: i64| -> DateTime { zone.to_datetime(Timestamp::from_millisecond(at).unwrap()) };
        let matches = |at: i64| wall(at).minute() == minute && hours.contains(&wall(at).hour());
        prop_assert!(matches(next) && next % MINUTE == 0);
        let mut at = start - start.rem_euclid(MINUTE) + MINUTE;
        while at < next {
            // Only the second coming of a wall time may match and not fire.
            let again = || (1..=120).any(|back| wall(at - back * MINUTE) == wall(at));
            prop_assert!(!matches(at) || again(), "{} was missed", wall(at));
            at += MINUTE;
        }
    }

    #[test]
    fn firings_go_forward(
        from in 0_i16..60, step in 1_i16..30, day in 1_i16..=31, zone_name in zones(),
        start in 1_700_000_000_000_i64..1_900_000_000_000,
    ) {
        let cron = Expression::parse(&format!("cron({from}/{step} * {day} * ? *)")).unwrap();
        let mut last = start;
        for _ in 0..200 {
            let next = cron.next(&zone(zone_name), last).unwrap();
            prop_assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in "(at|rate|cron)?\\(?[0-9A-Z*?/#,LW -]{0,30}\\)?") {
        let _ = Expression::parse(&text);
    }
}
