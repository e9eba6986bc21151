//! The bill as Markdown, the way it stands in `docs/cost.md`.

use super::bill::Usage;
use super::{Counted, prices};
use crate::arguments::CostOptions;
use crate::say;

/// A month's work of an account.
fn month(counted: &Counted) -> [(&'static str, Usage); 4] {
    let renewals = prices::MONTH_DAYS / prices::DAYS_BETWEEN_RENEWALS;
    let reads = prices::READS_A_DAY * prices::MONTH_DAYS;
    [
        ("daily sync", counted.sync * prices::MONTH_DAYS),
        ("renewal of the token", counted.renewal * renewals),
        (
            "its share of the hourly audit",
            counted.audit * prices::MONTH_DAYS,
        ),
        ("100 API reads a day", counted.read * reads),
    ]
}

/// Prints all of it.
pub(super) fn print(options: &CostOptions, counted: &[Counted]) {
    say(&format!(
        "US cents an account and month, counted with {} accounts:",
        options.accounts
    ));
    say("");
    print_total(counted);
    say("");
    say("The same by service, US cents:");
    say("");
    print_services(counted);
    say("");
    say("What was counted, an account and month:");
    say("");
    print_counts(counted);
    say("");
    say("Each deployment, whatever its accounts, US cents a month:");
    say("");
    row("", &["cents".into()]);
    line(1);
    row(
        "the app's own secret",
        &[cents(prices::dollars::SECRET_MONTH * 100.0)],
    );
    let polls = prices::POLLS_A_MONTH * prices::dollars::QUEUE_REQUEST * 100.0;
    row("Lambda's pollers at three empty queues", &[cents(polls)]);
    say("");
    say("Prices that were put in, US dollars:");
    say("");
    row("", &["price".into(), "for".into()]);
    line(2);
    for (what, price, of) in prices::LISTED {
        row(what, &[format!("{price}"), (*of).into()]);
    }
    say("");
    say(&format!(
        "Assumed: functions of {} MB; a task runs {} s, a step of a login {} s, an API read {} s, as a delivery at the \
         receiver, the handling of an event {} s;",
        prices::MEMORY_GB * 1024.0,
        prices::TASK_SECONDS,
        prices::LOGIN_SECONDS,
        prices::READ_SECONDS,
        prices::EVENT_SECONDS
    ));
    say(&format!(
        "Lambda itself logs {} bytes an invocation; a month has {} days; a token is renewed every {} days.",
        prices::PLATFORM_LOG_BYTES,
        prices::MONTH_DAYS,
        prices::DAYS_BETWEEN_RENEWALS
    ));
}

fn print_total(counted: &[Counted]) {
    row("", &pages(counted));
    line(counted.len());
    let of_each = |of: &dyn Fn(&Counted) -> f64| -> Vec<String> {
        counted.iter().map(|counted| cents(of(counted))).collect()
    };
    row("its share of a secret", &of_each(&secrets_cents));
    row("its items in the table", &of_each(&stored_cents));
    for (position, (what, _)) in counted.first().map(month).into_iter().flatten().enumerate() {
        row(
            what,
            &of_each(&|counted| month(counted)[position].1.total_cents()),
        );
    }
    row("**together**", &of_each(&total_cents));
    row(
        "more, where no sandbox has the vault's pages in memory",
        &of_each(&cold_cents),
    );
    row(
        "once, connecting",
        &of_each(&|counted| counted.connect.total_cents()),
    );
}

fn print_services(counted: &[Counted]) {
    row("", &pages(counted));
    line(counted.len());
    let of_month = |counted: &Counted| {
        let [sync, renewal, audit, read] = month(counted).map(|(_, usage)| usage);
        (sync + renewal + audit + read).cents()
    };
    let of_each: Vec<_> = counted.iter().map(of_month).collect();
    row(
        "Secrets Manager, secrets",
        &counted
            .iter()
            .map(|counted| cents(secrets_cents(counted)))
            .collect::<Vec<_>>(),
    );
    row(
        "DynamoDB, storage",
        &counted
            .iter()
            .map(|counted| cents(stored_cents(counted)))
            .collect::<Vec<_>>(),
    );
    for (position, (service, _)) in of_each.first().into_iter().flatten().enumerate() {
        let values: Vec<String> = of_each
            .iter()
            .map(|services| cents(services[position].1))
            .collect();
        row(service, &values);
    }
}

fn print_counts(counted: &[Counted]) {
    let names = [
        "Graph calls",
        "write units",
        "read units",
        "Secrets Manager",
        "SQS",
        "firings",
        "invocations",
        "log bytes",
    ];
    row("", &names.map(str::to_owned));
    line(names.len());
    for counted in counted {
        let once = ("once, connecting", counted.connect);
        let all = month(counted).into_iter().chain([once]);
        for (what, usage) in all {
            let counts = [
                usage.graph_calls,
                usage.write_units,
                usage.read_units,
                usage.secrets_calls,
                usage.queue_requests,
                usage.firings,
                usage.invocations,
                usage.log_bytes,
            ];
            // Differences of two counts may end a hair below nothing.
            let counts = counts.map(|count| format!("{:.1}", count.max(0.0)));
            row(&format!("pages of {}: {what}", counted.page_size), &counts);
        }
    }
}

fn secrets_cents(counted: &Counted) -> f64 {
    counted.secrets * prices::dollars::SECRET_MONTH * 100.0
}

fn stored_cents(counted: &Counted) -> f64 {
    counted.stored_bytes / 1e9 * prices::dollars::STORED_GB_MONTH * 100.0
}

fn total_cents(counted: &Counted) -> f64 {
    let work: f64 = month(counted)
        .iter()
        .map(|(_, usage)| usage.total_cents())
        .sum();
    secrets_cents(counted) + stored_cents(counted) + work
}

/// What it costs more when each task reads its page's record and its page.
fn cold_cents(counted: &Counted) -> f64 {
    let [(_, sync), (_, renewal), ..] = month(counted);
    let tasks = sync.firings + renewal.firings;
    let all_read = tasks * (prices::dollars::SECRETS_CALL + prices::dollars::READ_UNIT);
    let read_already =
        sync.secrets_calls.max(0.0) * (prices::dollars::SECRETS_CALL + prices::dollars::READ_UNIT);
    (all_read - read_already).max(0.0) * 100.0
}

fn pages(counted: &[Counted]) -> Vec<String> {
    counted
        .iter()
        .map(|counted| format!("pages of {}", counted.page_size))
        .collect()
}

pub(super) fn cents(cents: f64) -> String {
    // A difference of two counts may end a hair below nothing.
    format!("{:.4}", cents.max(0.0))
}

pub(super) fn row(first: &str, rest: &[String]) {
    say(&format!("| {first} | {} |", rest.join(" | ")));
}

pub(super) fn line(columns: usize) {
    say(&format!("| --- |{}", " --: |".repeat(columns)));
}
