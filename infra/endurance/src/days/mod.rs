//! Half a year: people connect, days pass, things go wrong, and every day it is checked that no account died silently.

mod check;
mod people;
mod report;
mod weather;

use std::time::Instant;

use instagram_sim::Revocation;
use jiff::SignedDuration;
use world::WorldOptions;

use crate::arguments::DaysOptions;
use crate::stage::{LoginEnd, Stage};
use crate::tally::Tally;
use people::People;
pub(crate) use report::Report;
use weather::{Sky, Weather};

/// The clock goes in steps of this length: what became due in one is done at its end, by many workers at once. Real
/// schedules too are up to a minute late, and real queues longer.
pub(crate) const STEP_MS: i64 = 15 * 60_000;
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// DynamoDB drops what is past its time within days.
const DAYS_BETWEEN_SWEEPS: i64 = 5;
/// Whoever waits sees that it goes on.
const DAYS_BETWEEN_SIGNS_OF_LIFE: i64 = 10;

/// Lets the days pass.
///
/// # Errors
/// When a function fails as a whole, or a simulator does not answer.
pub(crate) async fn run(options: &DaysOptions) -> Result<Report, String> {
    let started = Instant::now();
    let stage = Stage::set(WorldOptions {
        seed: options.seed,
        page_size: options.page_size,
        ..WorldOptions::default()
    })
    .await;
    make_schedules(&stage).await;
    let begin = stage.world.clock.milliseconds();
    let weather = Weather::new(options, begin);
    let mut run = Run {
        people: People::new(options, begin),
        sky: Sky::default(),
        tally: Tally::default(),
        report: Report::new(options, &weather, begin),
        stage,
        weather,
    };
    run.people.add_to(&run.stage.world.instagram);
    run.weather.put_on(&run.stage.world, run.sky);
    run.stage.world.aws.clear_calls();
    for day in 1..=options.days {
        run.pass_day().await?;
        run.check_day(day).await?;
        if day % DAYS_BETWEEN_SIGNS_OF_LIFE == 0 {
            let complaints = run.report.complaints();
            crate::mutter(&format!(
                "day {day} of {}, {complaints} complaints, {:.0} s",
                options.days,
                started.elapsed().as_secs_f64()
            ));
        }
        if day % DAYS_BETWEEN_SWEEPS == 0 {
            run.stage.world.aws.sweep_expired_items().await;
        }
    }
    let Run {
        tally,
        report,
        people,
        ..
    } = run;
    let report = report.finish(tally, &people, started.elapsed());
    report.print();
    Ok(report)
}

/// Schedules that a deployment makes, and no account.
async fn make_schedules(_stage: &Stage) {}

struct Run {
    stage: Stage,
    people: People,
    weather: Weather,
    sky: Sky,
    tally: Tally,
    report: Report,
}

impl Run {
    async fn pass_day(&mut self) -> Result<(), String> {
        for _ in 0..DAY_MS / STEP_MS {
            self.stage
                .world
                .clock
                .advance(SignedDuration::from_millis(STEP_MS));
            self.pass_step().await?;
        }
        Ok(())
    }

    async fn pass_step(&mut self) -> Result<(), String> {
        let world = &self.stage.world;
        let now = world.clock.milliseconds();
        let sky = self.weather.at(now);
        if sky != self.sky {
            self.weather.put_on(world, sky);
            self.sky = sky;
        }
        for username in self.people.who_revoke(now) {
            world
                .instagram
                .revoke_tokens_of(&username, Revocation::AppRemoved);
        }
        for person in self.people.who_connect(now) {
            match self
                .stage
                .log_in(&person.user, &person.company, &person.username)
                .await?
            {
                LoginEnd::Connected => self.people.connected(&person.username, now),
                LoginEnd::Refused => self.report.logins_refused += 1,
            }
        }
        if !sky.schedules_stand_still {
            world.aws.fire_due_schedules().await;
        }
        self.report.delivered += self.stage.work().await;
        Ok(())
    }

    /// Counts the day's calls and looks whether every account lives or says why not.
    async fn check_day(&mut self, day: i64) -> Result<(), String> {
        let world = &self.stage.world;
        let calls = self.tally.take(world);
        self.people.note_evidence(&calls);
        check::check_day(&self.stage, &mut self.people, &mut self.report, day).await
    }
}
