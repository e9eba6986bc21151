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

/// Lets the days pass over all deployments, side by side, and prints what came of them.
///
/// # Errors
/// When a function fails as a whole, or a simulator does not answer.
pub(crate) fn run(options: &DaysOptions) -> Result<Report, String> {
    let started = Instant::now();
    let reports = std::thread::scope(|scope| {
        let threads: Vec<_> = shares(options)
            .into_iter()
            .map(|share| scope.spawn(move || crate::on_this_thread(run_deployment(share))))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a deployment panicked".into()))
            })
            .collect::<Result<Vec<Report>, String>>()
    })?;
    let mut reports = reports.into_iter();
    let mut report = reports.next().ok_or("no deployment was asked for")?;
    for other in reports {
        report.add(other);
    }
    report.print(options, started.elapsed());
    Ok(report)
}

/// What each deployment has of the accounts; another seed makes other people of them.
fn shares(options: &DaysOptions) -> Vec<Deployment> {
    let all = options.deployments;
    (0..all)
        .map(|number| Deployment {
            number,
            options: DaysOptions {
                accounts: options.accounts / all + usize::from(number < options.accounts % all),
                ..options.clone()
            },
        })
        .collect()
}

/// One of the deployments that run side by side.
struct Deployment {
    number: usize,
    options: DaysOptions,
}

async fn run_deployment(deployment: Deployment) -> Result<Report, String> {
    let Deployment { number, options } = deployment;
    let stage = Stage::set(WorldOptions {
        seed: options.seed + number as u64,
        page_size: options.page_size,
        ..WorldOptions::default()
    })
    .await;
    stage.world.schedule_audits().await;
    let begin = stage.world.clock.milliseconds();
    let weather = Weather::new(&options, begin);
    let mut run = Run {
        people: People::new(&options, number, begin),
        sky: Sky::default(),
        tally: Tally::default(),
        report: Report::new(&weather, begin),
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
            let (complaints, all) = (run.report.complaints(), options.days);
            crate::mutter(&format!(
                "deployment {}: day {day} of {all}, {complaints} complaints",
                number + 1
            ));
        }
        if day % DAYS_BETWEEN_SWEEPS == 0 {
            run.stage.world.aws.sweep_expired_items().await;
        }
    }
    Ok(run.report.finish(options.days, run.tally, &run.people))
}

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
        check::check_day(&self.stage, &mut self.people, &mut self.report, day).await?;
        let is_late = self.sky.schedules_stand_still;
        check::check_coverage(&self.stage, &self.people, &mut self.report, day, is_late).await
    }
}
