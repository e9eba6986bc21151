//! What an account costs a month, and what an event of Instagram's costs: accounts live in good weather, what they call is counted, and list prices are put in.
//!
//! The days are cut so that each kind of work can be told apart: people connect; days with nothing but the daily sync;
//! days in which each token is renewed once; and calls of the API that look at each account once.

mod bill;
mod event;
mod prices;
mod table;

use instagram_sim::Person;
use jiff::SignedDuration;
use shared::table::timeline::LIFETIME;
use world::WorldOptions;

use crate::arguments::CostOptions;
use crate::stage::{LoginEnd, Stage};
use crate::tally::Tally;
use bill::Usage;

const COMPANY: &str = "company";
/// Days after the connection in which nothing but the daily sync happens.
const QUIET_DAYS: i64 = 40;
/// Days in which each token is renewed once: its time comes 49 to 50 days after the connection.
const RENEWAL_DAYS: i64 = 15;
/// Days with hourly audits.
const AUDIT_DAYS: i64 = 5;
/// Steps of a quiet day, so small that a batch rarely holds two tasks: how it is where accounts are few.
const STEP: SignedDuration = SignedDuration::from_mins(5);
const STEPS_A_DAY: i64 = 24 * 60 / 5;

/// What was counted with pages of one size, per account.
struct Counted {
    page_size: usize,
    secrets: f64,
    stored_bytes: f64,
    connect: Usage,
    sync: Usage,
    renewal: Usage,
    audit: Usage,
    read: Usage,
}

/// Counts and prints.
///
/// # Errors
/// When a function does not answer, or a login does not end with an account.
pub(crate) async fn run(options: &CostOptions) -> Result<(), String> {
    let mut counted = Vec::new();
    for page_size in [1, 64] {
        counted.push(count(options, page_size).await?);
    }
    table::print(options, &counted);
    crate::say("");
    event::run(options.seed).await
}

async fn count(options: &CostOptions, page_size: usize) -> Result<Counted, String> {
    let stage = Stage::set(WorldOptions {
        seed: options.seed,
        page_size,
        ..WorldOptions::default()
    })
    .await;
    let mut tally = Tally::default();
    tally.take(&stage.world);
    let each = 1.0 / options.accounts as f64;

    for number in 0..options.accounts {
        let username = format!("person.{number}");
        let person = Person::business(&username)
            .named(&format!("The shop of {username}"))
            .with_biography("Fresh every morning, and open until the last loaf is gone.");
        stage.world.instagram.add_person(person);
        match stage.log_in("user", COMPANY, &username).await? {
            LoginEnd::Connected => {}
            LoginEnd::Refused => return Err(format!("{username} cannot connect")),
        }
        pass(&stage, 1).await;
    }
    let http_requests = 2.0 * options.accounts as f64;
    let stored_at_first = stored_bytes(&stage).await;
    let connect = Usage::of(&taken(&stage), http_requests, prices::LOGIN_SECONDS) * each;

    pass(&stage, QUIET_DAYS * STEPS_A_DAY).await;
    let stored_later = stored_bytes(&stage).await;
    let sync = Usage::of(&taken(&stage), 0.0, 0.0) * (each / QUIET_DAYS as f64);

    pass(&stage, RENEWAL_DAYS * STEPS_A_DAY).await;
    let renewal = Usage::of(&taken(&stage), 0.0, 0.0) * each - sync * RENEWAL_DAYS as f64;

    let accounts = stage.accounts_of(COMPANY).await?;
    taken(&stage);
    for account in &accounts {
        let reply = stage.look_at(COMPANY, &account.id).await?;
        if reply.status != 200 {
            return Err(format!("an account cannot be read: {}", reply.text()));
        }
    }
    let read = Usage::of(
        &taken(&stage),
        options.accounts as f64,
        prices::READ_SECONDS,
    ) * each;

    // Last, so that nothing else is counted with it but the daily syncs.
    stage.world.schedule_audits().await;
    pass(&stage, AUDIT_DAYS * STEPS_A_DAY).await;
    let audit = Usage::of(&taken(&stage), 0.0, 0.0) * (each / AUDIT_DAYS as f64) - sync;

    // Entries of the logs come every day and are dropped after their time.
    let a_day = (stored_later - stored_at_first) / QUIET_DAYS as f64;
    let stored_bytes = stored_at_first + a_day * LIFETIME.as_hours() as f64 / 24.0;
    // The app's own secret is one for all.
    let secrets = stage.world.aws.secrets().len() - 1;
    Ok(Counted {
        page_size,
        secrets: secrets as f64 * each,
        stored_bytes: stored_bytes * each,
        connect,
        sync,
        renewal,
        audit,
        read,
    })
}

/// What was counted since the last time.
fn taken(stage: &Stage) -> Tally {
    let mut tally = Tally::default();
    tally.take(&stage.world);
    tally
}

/// What DynamoDB stores, in bytes.
async fn stored_bytes(stage: &Stage) -> f64 {
    let aws = &stage.world.aws;
    let tables = aws.table_counts().await;
    let items: u64 = tables.iter().map(|(_, count)| count).sum();
    aws.table_bytes().await as f64 + items as f64 * prices::ITEM_OVERHEAD_BYTES
}

async fn pass(stage: &Stage, steps: i64) {
    for _ in 0..steps {
        stage.world.clock.advance(STEP);
        stage.world.aws.fire_due_schedules().await;
        stage.work().await;
    }
}
