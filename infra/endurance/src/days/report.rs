//! What came of the days, as it is printed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use shared::account::{Account, Status};

use super::people::{People, Somebody};
use super::weather::Weather;
use super::{DAY_MS, HOUR_MS};
use crate::arguments::DaysOptions;
use crate::say;
use crate::tally::Tally;

/// So many complaints are printed; the rest is counted.
const COMPLAINTS_SHOWN: usize = 20;

/// What came of the days.
pub(crate) struct Report {
    weather: Vec<String>,
    begin: i64,
    tally: Tally,
    complaints: Vec<String>,
    complaints_left_out: usize,
    /// Logins that ended without an account and were begun again.
    pub(crate) logins_refused: u64,
    /// Messages that were handed over.
    pub(crate) delivered: usize,
    /// Messages that nobody could do.
    pub(crate) dead_letters: usize,
    least_time_left: Option<i64>,
    named: BTreeMap<&'static str, BTreeMap<String, i64>>,
    last_day: BTreeMap<&'static str, usize>,
    connected: usize,
    account_days: u64,
    revocations: usize,
    longest_to_evidence: i64,
    people: usize,
}

impl Report {
    pub(super) fn new(weather: &Weather, begin: i64) -> Self {
        let shown = |range: &std::ops::Range<i64>| {
            format!("{} to {}", moment(range.start), moment(range.end))
        };
        Self {
            weather: vec![
                format!("Instagram out of order   {}", shown(&weather.outage)),
                format!("Instagram throttling     {}", shown(&weather.throttling)),
                format!(
                    "Schedules late           {} times, for 2 to 6 hours",
                    weather.late_schedules.len()
                ),
            ],
            begin,
            tally: Tally::default(),
            complaints: Vec::new(),
            complaints_left_out: 0,
            logins_refused: 0,
            delivered: 0,
            dead_letters: 0,
            least_time_left: None,
            named: BTreeMap::new(),
            last_day: BTreeMap::new(),
            connected: 0,
            account_days: 0,
            revocations: 0,
            longest_to_evidence: 0,
            people: 0,
        }
    }

    /// An expectation that did not hold.
    pub(super) fn complain(&mut self, day: i64, text: String) {
        if self.complaints.len() < COMPLAINTS_SHOWN {
            self.complaints.push(format!("day {day}: {text}"));
        } else {
            self.complaints_left_out += 1;
        }
    }

    pub(super) fn note_time_left(&mut self, left: i64) {
        self.least_time_left = Some(self.least_time_left.map_or(left, |least| least.min(left)));
    }

    /// Notes how long it took from the first evidence to a named state.
    pub(super) fn note_named(&mut self, account: &Account, somebody: &Somebody, status: Status) {
        let named_at = account
            .status_reason
            .as_ref()
            .map(|reason| reason.at.as_millisecond());
        let took = match (named_at, somebody.evidence_at) {
            (Some(named_at), Some(evidence_at)) => named_at - evidence_at,
            _ => 0,
        };
        self.named
            .entry(status.as_str())
            .or_default()
            .entry(account.id.clone())
            .or_insert(took);
    }

    pub(super) fn end_day(
        &mut self,
        day: i64,
        counts: BTreeMap<&'static str, usize>,
        connected: usize,
    ) {
        let sum: usize = counts.values().sum();
        if sum != connected {
            self.complain(
                day,
                format!("{connected} are connected, and the counts are {counts:?}"),
            );
        }
        self.account_days += connected as u64;
        self.connected = connected;
        self.last_day = counts;
    }

    /// The whole of it, after so many days.
    pub(super) fn finish(mut self, days: i64, tally: Tally, people: &People) -> Self {
        self.tally = tally;
        self.people = people.all.len();
        for somebody in &people.all {
            self.revocations += usize::from(somebody.revoked_at.is_some());
            if let (Some(revoked), Some(evidence)) = (somebody.revoked_at, somebody.evidence_at) {
                self.longest_to_evidence = self.longest_to_evidence.max(evidence - revoked);
            }
        }
        if self.connected != self.people {
            let text = format!("{} of {} people are connected", self.connected, self.people);
            self.complain(days, text);
        }
        self
    }

    /// Takes over what came of another deployment's days.
    pub(super) fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        self.complaints.extend(other.complaints);
        self.complaints_left_out += other.complaints_left_out;
        self.logins_refused += other.logins_refused;
        self.delivered += other.delivered;
        self.dead_letters += other.dead_letters;
        if let Some(left) = other.least_time_left {
            self.note_time_left(left);
        }
        for (status, waits) in other.named {
            self.named.entry(status).or_default().extend(waits);
        }
        for (what, count) in other.last_day {
            *self.last_day.entry(what).or_default() += count;
        }
        self.connected += other.connected;
        self.people += other.people;
        self.account_days += other.account_days;
        self.revocations += other.revocations;
        self.longest_to_evidence = self.longest_to_evidence.max(other.longest_to_evidence);
    }

    /// How many expectations did not hold.
    pub(super) fn complaints(&self) -> usize {
        self.complaints.len() + self.complaints_left_out
    }

    /// Whether every expectation held.
    pub(crate) fn is_good(&self) -> bool {
        self.complaints.is_empty()
    }

    pub(super) fn print(&self, options: &DaysOptions, wall: Duration) {
        say(&format!(
            "{} accounts in {} deployments, {} days from {}, pages of {}, seed {}",
            options.accounts,
            options.deployments,
            options.days,
            moment(self.begin),
            options.page_size,
            options.seed
        ));
        for line in &self.weather {
            say(&format!("  {line}"));
        }
        say("");
        say("Calls of Instagram, per account and day");
        for (endpoint, count) in &self.tally.graph {
            say(&format!(
                "  {endpoint:<34}{count:>10}{:>12.4}",
                self.per_account_day(*count)
            ));
        }
        say("  of these not answered well");
        for (what, count) in &self.tally.graph_failures {
            say(&format!("    {what:<32}{count:>10}"));
        }
        say("");
        say("Calls of AWS, per account and day");
        for ((service, operation), counted) in &self.tally.aws {
            let count = &counted.calls;
            let name = format!("{service} {operation}");
            say(&format!(
                "  {name:<34}{count:>10}{:>12.4}",
                self.per_account_day(*count)
            ));
        }
        say("  of these refused");
        for ((service, operation, status), count) in &self.tally.aws_failures {
            let name = format!("{service} {operation} {status}");
            say(&format!("    {name:<32}{count:>10}"));
        }
        say("");
        say("Tasks");
        for ((task, outcome), count) in &self.tally.tasks {
            let name = format!("{task} {outcome}");
            say(&format!("  {name:<34}{count:>10}"));
        }
        for (cause, count) in &self.tally.task_failures {
            say(&format!("    {count:>8} {cause}"));
        }
        say(&format!(
            "  {:<34}{:>10}",
            "messages handed over", self.delivered
        ));
        say(&format!(
            "  {:<34}{:>10}",
            "dead letters", self.dead_letters
        ));
        say(&format!(
            "  {:<34}{:>10}",
            "logins begun again", self.logins_refused
        ));
        say(&format!(
            "  {:<34}{:>10}",
            "bytes of log lines", self.tally.log_bytes
        ));
        say("");
        say("Accounts");
        let mut sum = 0;
        for (what, count) in &self.last_day {
            sum += count;
            say(&format!("  {what:<34}{count:>10}"));
        }
        say(&format!(
            "  {:<34}{sum:>10}  of {} connected",
            "together", self.connected
        ));
        say(&format!(
            "  {:<34}{:>10}",
            "people who removed the app", self.revocations
        ));
        for (status, accounts) in &self.named {
            let longest = accounts.values().max().copied().unwrap_or(0);
            let name = format!("named {status}, longest wait");
            say(&format!(
                "  {name:<34}{:>10}  {}",
                accounts.len(),
                hours(longest)
            ));
        }
        say(&format!(
            "  {:<34}{:>10}",
            "longest from removal to evidence",
            hours(self.longest_to_evidence)
        ));
        if let Some(least) = self.least_time_left {
            say(&format!(
                "  {:<34}{:>10.2}",
                "least days left of a live account",
                least as f64 / DAY_MS as f64
            ));
        }
        say("");
        say(&format!("took {:.1} s", wall.as_secs_f64()));
        for complaint in &self.complaints {
            say(&format!("NOT AS EXPECTED: {complaint}"));
        }
        if self.complaints_left_out > 0 {
            say(&format!(
                "NOT AS EXPECTED: {} more",
                self.complaints_left_out
            ));
        }
        say(match self.is_good() {
            true => "No account died silently.",
            false => "Not all was as expected.",
        });
    }

    fn per_account_day(&self, count: u64) -> f64 {
        count as f64 / self.account_days.max(1) as f64
    }
}

fn moment(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

fn hours(milliseconds: i64) -> String {
    format!("{:.1} h", milliseconds as f64 / HOUR_MS as f64)
}
