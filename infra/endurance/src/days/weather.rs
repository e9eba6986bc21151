//! What goes wrong, and when: drawn from the seed before the first day.

use std::ops::Range;

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use instagram_sim::{Fault, FaultKind};
use shared::policy;
use world::World;

use super::{DAY_MS, HOUR_MS};
use crate::arguments::DaysOptions;
use crate::random::Random;

/// The calls that an account needs. The consent page is not among them: a person would just try again.
const ENDPOINTS: &[&str] = &[
    "POST /oauth/access_token",
    "GET /access_token",
    "GET /refresh_access_token",
    "GET /me",
    "POST /{ig_id}/subscribed_apps",
    "POST /me/subscribed_apps",
];
/// How long Instagram refuses every call of the app with code 100.
const OUTAGE_MS: i64 = 6 * HOUR_MS;
/// How long Instagram refuses every call as one too many.
const THROTTLING_MS: i64 = DAY_MS;
/// What a refusal for too many calls says to wait.
const REGAIN_MINUTES: u32 = 60;
/// Schedules are late once in so many days.
const DAYS_BETWEEN_LATE_SCHEDULES: i64 = 9;
/// How likely what was received is delivered again.
const DUPLICATES: f64 = 0.03;
/// How likely Scheduler's delivery fails at first.
const FAILED_DELIVERIES: f64 = 0.01;

/// What holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sky {
    outage: bool,
    throttling: bool,
    /// Scheduler fires nothing now, and all of it later.
    pub(crate) schedules_stand_still: bool,
}

/// What holds when.
#[derive(Debug)]
pub(crate) struct Weather {
    /// Every call is refused with code 100.
    pub(crate) outage: Range<i64>,
    /// Every call is one too many.
    pub(crate) throttling: Range<i64>,
    /// Scheduler fires nothing.
    pub(crate) late_schedules: Vec<Range<i64>>,
}

impl Weather {
    /// The weather of these days. All accounts connect on one day, so their tokens are renewed on a few: outage and
    /// throttling meet the first and the second of these waves, where there are so many days, as that is when they
    /// can do harm.
    pub(crate) fn new(options: &DaysOptions, begin: i64) -> Self {
        let mut random = Random::new(options.seed, "weather");
        let end = begin + options.days * DAY_MS;
        let to_refresh = 60 * DAY_MS - policy::REFRESH_BEFORE_EXPIRY.as_millis() as i64;
        let mut in_wave = |wave: i64, length: i64| {
            let from = begin + wave * (to_refresh - DAY_MS);
            let latest = (from + 2 * DAY_MS).min(end) - length;
            let starts = random.within(from.min(latest)..latest);
            starts..starts + length
        };
        let outage = in_wave(1, OUTAGE_MS);
        let throttling = in_wave(2, THROTTLING_MS);
        let late_schedules = (0..options.days / DAYS_BETWEEN_LATE_SCHEDULES)
            .map(|number| {
                let first = number * DAYS_BETWEEN_LATE_SCHEDULES;
                let day = random.within(first..first + DAYS_BETWEEN_LATE_SCHEDULES);
                // Within the day, so that at its end, when everything is looked at, all is made up for.
                let hour = random.within(1..16);
                let hours = random.within(2..7);
                let starts = begin + day * DAY_MS + hour * HOUR_MS;
                starts..starts + hours * HOUR_MS
            })
            .collect();
        Self {
            outage,
            throttling,
            late_schedules,
        }
    }

    /// What holds now.
    pub(crate) fn at(&self, now: i64) -> Sky {
        Sky {
            outage: self.outage.contains(&now),
            throttling: self.throttling.contains(&now),
            schedules_stand_still: self.late_schedules.iter().any(|late| late.contains(&now)),
        }
    }

    /// Makes the simulators behave so.
    pub(crate) fn put_on(&self, world: &World, sky: Sky) {
        world.instagram.clear_faults();
        for endpoint in ENDPOINTS {
            let add = |kind: FaultKind, probability: f64| {
                let fault = Fault::new(kind).at(endpoint).with_probability(probability);
                world.instagram.add_fault(fault);
            };
            if sky.outage {
                add(FaultKind::AppOutage, 1.0);
            }
            if sky.throttling {
                let minutes = REGAIN_MINUTES;
                add(FaultKind::RateLimit { minutes }, 1.0);
            }
            // Together one in twenty: refused, refused by something before Instagram, not answered, half answered.
            add(FaultKind::graph_error(500, 2, None), 0.02);
            add(FaultKind::Html502, 0.01);
            add(FaultKind::Reset, 0.01);
            add(FaultKind::ApplyThenDrop, 0.005);
            add(FaultKind::TruncatedBody, 0.005);
        }
        world.aws.clear_faults();
        world.aws.add_fault(AwsFault {
            probability: DUPLICATES,
            ..AwsFault::on("sqs", "ReceiveMessage", AwsFaultKind::DuplicateDelivery)
        });
        world.aws.add_fault(AwsFault {
            probability: FAILED_DELIVERIES,
            ..AwsFault::on("scheduler", "Deliver", AwsFaultKind::ServerError)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_and_throttling_meet_a_wave_of_renewals_and_lateness_ends_within_its_day() {
        for seed in 0..50 {
            let options = DaysOptions {
                seed,
                ..DaysOptions::default()
            };
            let weather = Weather::new(&options, 0);
            assert!((48..51).contains(&(weather.outage.start / DAY_MS)));
            assert!((97..101).contains(&(weather.throttling.start / DAY_MS)));
            assert_eq!(weather.late_schedules.len(), 20);
            for late in &weather.late_schedules {
                assert_eq!(late.start / DAY_MS, late.end / DAY_MS);
                assert!(weather.at(late.start).schedules_stand_still);
                assert!(!weather.at(late.end).schedules_stand_still);
            }
        }
    }
}
