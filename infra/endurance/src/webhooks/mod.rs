//! Very many events, of which some come twice, late, or unreadable, through a queue that is down now and then and workers
//! that die: each is kept, done and announced once, in its own account. And a handler that is broken for a while: its dead
//! letters are replayed, and nothing is left of it.

mod check;
mod flood;
mod target;

use std::time::Instant;

use aws_sim::Fault;

use crate::arguments::WebhooksOptions;
use crate::{mutter, say};
use check::Found;
use flood::Flood;

/// What is lost to the broken handler.
const MENDED_EVENTS: usize = 1000;
const MENDED_ACCOUNTS: usize = 5;
/// So many records are shown that are otherwise than they should be.
const SHOWN: usize = 3;

/// What was sent, and what went wrong on the way.
#[derive(Clone, Debug, Default)]
struct Sent {
    events: usize,
    unreadable: usize,
    duplicates: usize,
    reordered: usize,
    /// Deliveries that were answered with 503, and sent again.
    refused: usize,
    /// Times that nobody took the queue for a while.
    outages: usize,
    /// Batches of which nothing came back, since their worker died.
    deaths: usize,
    /// Messages that were put back from the dead letters.
    redriven: usize,
}

/// What came of a deployment.
struct Outcome {
    sent: Sent,
    found: Found,
}

/// Runs the flood over all deployments, side by side; `false` where an expectation does not hold.
///
/// # Errors
/// When the surroundings fail.
pub(crate) fn run(options: &WebhooksOptions) -> Result<bool, String> {
    let started = Instant::now();
    let all = options.deployments;
    let outcomes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..all)
            .map(|number| {
                let events = options.events / all + usize::from(number < options.events % all);
                let seed = options.seed + number as u64;
                let accounts = options.accounts;
                scope.spawn(move || crate::on_this_thread(deployment(seed, accounts, events)))
            })
            .collect();
        let ends = threads.into_iter().map(|thread| {
            let end = thread.join();
            end.unwrap_or_else(|_| Err("a deployment panicked".into()))
        });
        ends.collect::<Result<Vec<Outcome>, String>>()
    })?;
    let mut sent = Sent::default();
    let mut found = Found::default();
    for outcome in outcomes {
        sent.add(&outcome.sent);
        found.add(&outcome.found);
    }
    say(&format!(
        "{} events for {} accounts, {} s: {} came twice, {} after later ones, {} are unreadable",
        sent.events,
        options.accounts * all,
        started.elapsed().as_secs(),
        sent.duplicates,
        sent.reordered,
        sent.unreadable,
    ));
    say(&format!(
        "on the way: {} deliveries refused and sent again, {} times nobody at the queue, {} batches whose worker died, {} \
         messages put back from the dead letters",
        sent.refused, sent.outages, sent.deaths, sent.redriven,
    ));
    say(&format!(
        "kept: {} events, {} conversations, {} messages, {} comments, {} announcements",
        found.events, found.threads, found.messages, found.comments, found.announced,
    ));
    say(&format!(
        "lost: {}; twice: {}; in another account: {}; not as told: {}",
        found.lost, found.twice, found.astray, found.untrue,
    ));
    Ok(found.lost + found.twice + found.astray + found.untrue == 0)
}

/// Loses that many events to a broken handler, mends and replays it; `false` where the end is not that of a run which never
/// broke.
///
/// # Errors
/// When the surroundings fail.
pub(crate) async fn mend(options: &WebhooksOptions) -> Result<bool, String> {
    let mut ends = Vec::new();
    let mut dead = 0;
    let (mut wrong, mut done) = (0, 0);
    for breaks in [false, true] {
        let mut flood = Flood::begin(options.seed, MENDED_ACCOUNTS, true).await?;
        if breaks {
            let record = || Fault::on("dynamodb", "PutItem", flood::denied());
            let ledger = Fault::on("dynamodb", "TransactWriteItems", flood::denied());
            let comment = record().containing("\"COMMENT#");
            for fault in [ledger, comment, record().containing("\"THREAD#")] {
                flood.world().aws.add_fault(fault);
            }
        }
        flood.tell(MENDED_EVENTS).await?;
        dead += flood.give_up().await?;
        flood.world().aws.clear_faults();
        if breaks {
            done += check::state(&flood).await?.len();
            flood.replay().await?;
        }
        ends.push(check::state(&flood).await?);
        // Hands the dead letters back as well, as an operator does.
        flood.settle().await?;
        let found = check::check(&flood).await?;
        wrong += found.lost + found.twice + found.astray + found.untrue;
    }
    let (records, is_same) = (ends[1].len(), ends[0] == ends[1]);
    let differ = ends[1]
        .iter()
        .filter(|(key, it)| ends[0].get(*key) != Some(*it));
    for (key, record) in differ.take(SHOWN) {
        mutter(&format!("{key:?}: {:?}, then {record}", ends[0].get(key)));
    }
    say(&format!(
        "{MENDED_EVENTS} events and a broken handler: {dead} dead letters, {done} records; after the replay {records} records, {} those of a \
         run that never broke; lost, twice, in another account or not as told: {wrong}",
        if is_same { "equal to" } else { "NOT equal to" },
    ));
    Ok(is_same && dead == MENDED_EVENTS && done == 0 && wrong == 0)
}

async fn deployment(seed: u64, accounts: usize, events: usize) -> Result<Outcome, String> {
    let mut flood = Flood::begin(seed, accounts, false).await?;
    flood.pour(events).await?;
    flood.settle().await?;
    let found = check::check(&flood).await?;
    Ok(Outcome {
        sent: flood.sent,
        found,
    })
}

impl Sent {
    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.unreadable += other.unreadable;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.refused += other.refused;
        self.outages += other.outages;
        self.deaths += other.deaths;
        self.redriven += other.redriven;
    }
}
