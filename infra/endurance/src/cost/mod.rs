//! What an account costs a month: accounts live in good weather, what they call is counted, and list prices are put in.
//!
//! The days are cut so that each kind of work can be told apart: people connect; days with nothing but the daily sync;
//! days in which each token is renewed once; and calls of the API that look at each account once.

mod bill;
mod prices;

use instagram_sim::Person;
use jiff::SignedDuration;
use shared::table::timeline::LIFETIME;
use world::WorldOptions;

use crate::arguments::CostOptions;
use crate::say;
use crate::stage::{LoginEnd, Stage};
use crate::tally::Tally;
use bill::Usage;

const COMPANY: &str = "company";
/// Days after the connection in which nothing but the daily sync happens.
const QUIET_DAYS: i64 = 40;
/// Days in which each token is renewed once: its time comes 49 to 50 days after the connection.
const RENEWAL_DAYS: i64 = 15;
/// Every how many days a token is renewed.
const DAYS_BETWEEN_RENEWALS: f64 = 49.5;
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
    print(options, &counted);
    Ok(())
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

/// A month's work of an account.
fn month(counted: &Counted) -> [(&'static str, Usage); 3] {
    let renewals = prices::MONTH_DAYS / DAYS_BETWEEN_RENEWALS;
    [
        ("daily sync", counted.sync * prices::MONTH_DAYS),
        ("renewal of the token", counted.renewal * renewals),
        (
            "100 API reads a day",
            counted.read * (prices::READS_A_DAY * prices::MONTH_DAYS),
        ),
    ]
}

fn print(options: &CostOptions, counted: &[Counted]) {
    say(&format!(
        "Counted with {} accounts; put in:",
        options.accounts
    ));
    for line in prices::listed() {
        say(&format!("  {line}"));
    }
    for counted in counted {
        print_one(counted);
    }
    say("");
    say("For each deployment, whatever its accounts");
    let app_secret = prices::dollars::SECRET_MONTH * 100.0;
    let polls = prices::POLLS_A_MONTH * prices::dollars::QUEUE_REQUEST * 100.0;
    say(&format!(
        "  the app's secret                    {app_secret:>10.4} cents a month"
    ));
    say(&format!(
        "  Lambda's waiting at the empty queue {polls:>10.4} cents a month"
    ));
}

fn print_one(counted: &Counted) {
    say("");
    say(&format!(
        "An account a month, pages of {}, US cents",
        counted.page_size
    ));
    let secrets = counted.secrets * prices::dollars::SECRET_MONTH * 100.0;
    let stored = counted.stored_bytes / 1e9 * prices::dollars::STORED_GB_MONTH * 100.0;
    let mut total = secrets + stored;
    say(&format!(
        "  {:<24}{secrets:>10.4}  {:.4} secrets",
        "its share of a secret", counted.secrets
    ));
    say(&format!(
        "  {:<24}{stored:>10.4}  {:.0} bytes",
        "its items in the table", counted.stored_bytes
    ));
    for (what, usage) in month(counted) {
        total += usage.total_cents();
        say(&format!(
            "  {what:<24}{:>10.4}  {}",
            usage.total_cents(),
            shown(&usage)
        ));
        let parts = usage.cents().into_iter().filter(|(_, cents)| *cents > 0.0);
        let parts: Vec<String> = parts
            .map(|(service, cents)| format!("{service} {cents:.4}"))
            .collect();
        say(&format!("  {:<36}{}", "", parts.join(", ")));
    }
    say(&format!("  {:<24}{total:>10.4}", "together"));
    let tasks = counted.sync.firings * prices::MONTH_DAYS;
    let cold = tasks * (prices::dollars::SECRETS_CALL + prices::dollars::READ_UNIT) * 100.0;
    say(&format!(
        "  {:<24}{cold:>10.4}  more, if every task met a sandbox that has no page of the vault in its memory",
        ""
    ));
    let connect = counted.connect;
    say(&format!(
        "  {:<24}{:>10.4}  {}",
        "once: connecting",
        connect.total_cents(),
        shown(&connect)
    ));
}

fn shown(usage: &Usage) -> String {
    format!(
        "{:.2} Graph calls, {:.1} write units, {:.1} read units, {:.2} calls of Secrets Manager, {:.1} of SQS, \
         {:.1} invocations, {:.0} bytes of log",
        usage.graph_calls.max(0.0),
        usage.write_units.max(0.0),
        usage.read_units.max(0.0),
        usage.secrets_calls.max(0.0),
        usage.queue_requests.max(0.0),
        usage.invocations.max(0.0),
        usage.log_bytes.max(0.0),
    )
}
