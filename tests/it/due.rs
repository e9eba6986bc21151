//! Very many accounts are due at the same moment: nobody is renewed too late, and Secrets Manager is not overrun.

use std::collections::BTreeMap;

use aws_sim::Quotas;
use futures_util::future::join_all;
use instagram_sim::Person;
use jiff::SignedDuration;
use shared::lambda::Function;
use shared::schedules::Kind;
use world::resources::SCHEDULE_GROUP;

use crate::journey::{ANN, Journey};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Sandboxes of the worker at once.
const WORKERS: usize = 50;

/// Writes to Secrets Manager.
struct Writes {
    all: usize,
    throttled: usize,
    /// In the busiest second of the clock.
    most_in_a_second: usize,
    /// From the first to the last.
    seconds: i64,
}

impl Writes {
    fn of(journey: &Journey) -> Self {
        let calls = journey.world.aws.calls();
        let writes = calls.iter().filter(|call| {
            call.service == "secretsmanager"
                && ["PutSecretValue", "CreateSecret", "UpdateSecretVersionStage"]
                    .contains(&call.operation.as_str())
        });
        let mut of_second: BTreeMap<i64, usize> = BTreeMap::new();
        let (mut all, mut throttled) = (0, 0);
        for call in writes {
            *of_second.entry(call.at_ms.div_euclid(1000)).or_default() += 1;
            all += 1;
            // The first write of a page finds no secret yet, which is answered with 400 and makes it.
            let made = calls
                .iter()
                .any(|made| made.operation == "CreateSecret" && made.resource == call.resource);
            throttled += usize::from(call.status != 200 && !made);
        }
        let first = of_second.keys().next().copied().unwrap_or_default();
        let last = of_second.keys().last().copied().unwrap_or_default();
        Self {
            all,
            throttled,
            most_in_a_second: of_second.values().max().copied().unwrap_or_default(),
            seconds: last - first + 1,
        }
    }

    fn assert_within_the_quota(&self) {
        assert!(
            self.most_in_a_second <= 41,
            "{} in a second",
            self.most_in_a_second
        );
        assert_eq!(self.throttled, 0);
    }
}

impl std::fmt::Display for Writes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} writes in {} s, at most {} in a second, {} throttled",
            self.all, self.seconds, self.most_in_a_second, self.throttled
        )
    }
}

/// So many accounts connect within an hour; 50 days later Scheduler comes back from an outage and fires all of their
/// refreshes at once.
async fn due_at_once(accounts: usize) -> (Journey, Writes, Writes) {
    let journey = Journey::start().await;
    journey.world.aws.set_quotas(Quotas {
        secret_writes_per_second: Some(50),
        versions_per_secret: Some(100),
    });
    let between = SignedDuration::from_hours(1) / i32::try_from(accounts).expect("few enough");
    for number in 0..accounts {
        let username = format!("due.number.{number}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        journey.connected(ANN, &username).await;
        journey.world.clock.advance(between);
    }
    journey.settle().await;
    let connecting = Writes::of(&journey);
    connecting.assert_within_the_quota();
    journey.world.aws.clear_calls();

    // The daily syncs of all those days are of no interest here.
    let records = journey.records(ANN.company).await;
    for record in &records {
        let scheduler = &journey.world.clients.scheduler;
        let removed = scheduler
            .delete_schedule()
            .group_name(SCHEDULE_GROUP)
            .name(Kind::Sync.name(&record.id))
            .send();
        removed.await.expect("there is such a schedule");
    }
    journey.world.clock.advance(DAY * 51);
    journey.world.aws.fire_due_schedules().await;
    let workers: Vec<Function> = (0..WORKERS)
        .map(|_| Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle))
        .collect();
    let delivered = join_all(workers.iter().map(|worker| journey.world.drain(worker))).await;
    assert!(delivered.iter().sum::<usize>() >= accounts);
    let renewing = Writes::of(&journey);
    renewing.assert_within_the_quota();
    assert!(
        renewing.most_in_a_second > 30,
        "the budget is there to be used"
    );

    // A page takes 68 writes at once: where tries were lost, the last ones wait for 45 minutes. And the syncs come back.
    journey.world.schedule_audits().await;
    let two_hours = SignedDuration::from_hours(2);
    journey.world.advance(two_hours, &journey.worker).await;
    let now = journey.world.now();
    let records = journey.records(ANN.company).await;
    assert_eq!(records.len(), accounts);
    for record in &records {
        assert_eq!(record.token_generation, 2, "{}", record.id);
        assert!(
            record
                .token_time_left(now)
                .is_some_and(|left| left > DAY * 59)
        );
    }
    (journey, connecting, renewing)
}

#[tokio::test]
async fn b11_accounts_that_are_due_at_once_are_renewed_within_secrets_managers_quota() {
    let (journey, ..) = due_at_once(100).await;
    journey.finish().await;
}

#[tokio::test]
#[ignore = "takes half an hour: cargo test --profile endurance -p it -- --ignored --nocapture b11_ten"]
async fn b11_ten_thousand_accounts_that_are_due_at_once() {
    let (journey, connecting, renewing) = due_at_once(10_000).await;
    println!("connecting: {connecting}\nrenewing: {renewing}");
    journey.finish().await;
}
