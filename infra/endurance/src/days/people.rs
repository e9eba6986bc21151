//! The people who connect an account, and those of them who remove the app again.

use std::collections::{BTreeSet, HashMap};

use instagram_sim::{Call, InstagramSim, Person};

use super::{DAY_MS, HOUR_MS};
use crate::arguments::DaysOptions;
use crate::random::Random;

/// People connect within the first hours.
const CONNECT_WITHIN_MS: i64 = 6 * HOUR_MS;
/// One in so many removes the app.
const ONE_IN_REVOKES: usize = 10;
/// Companies, unless there are more than a hundred accounts to each.
const COMPANIES: usize = 10;
const ACCOUNTS_PER_COMPANY: usize = 100;

/// Somebody, and what is known of their account from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Somebody {
    /// At Instagram.
    pub(crate) username: String,
    /// Whose customer they are.
    pub(crate) company: String,
    /// Who of the company connects them.
    pub(crate) user: String,
    connect_at: i64,
    /// When they were connected.
    pub(crate) connected_at: Option<i64>,
    revoke_at: Option<i64>,
    /// When they removed the app.
    pub(crate) revoked_at: Option<i64>,
    /// When Instagram first refused a call for that reason.
    pub(crate) evidence_at: Option<i64>,
}

/// Everybody.
pub(crate) struct People {
    pub(crate) all: Vec<Somebody>,
    by_name: HashMap<String, usize>,
    to_connect: BTreeSet<(i64, usize)>,
    to_revoke: BTreeSet<(i64, usize)>,
}

impl People {
    /// People of a deployment with what they will do, drawn from the seed.
    pub(crate) fn new(options: &DaysOptions, deployment: usize, begin: i64) -> Self {
        let mut random = Random::new(options.seed, &format!("people of {deployment}"));
        let companies = COMPANIES.max(options.accounts / ACCOUNTS_PER_COMPANY);
        let mut all: Vec<Somebody> = (0..options.accounts)
            .map(|number| Somebody {
                username: format!("person.{number}"),
                company: format!("company-{}", number % companies),
                user: format!("user-{}", number % companies),
                connect_at: begin + random.within(0..CONNECT_WITHIN_MS),
                connected_at: None,
                revoke_at: None,
                revoked_at: None,
                evidence_at: None,
            })
            .collect();
        let end = begin + options.days * DAY_MS;
        for number in random.choose(options.accounts / ONE_IN_REVOKES, options.accounts) {
            all[number].revoke_at = Some(random.within(begin + CONNECT_WITHIN_MS..end));
        }
        let numbered = || all.iter().enumerate();
        Self {
            by_name: numbered()
                .map(|(number, somebody)| (somebody.username.clone(), number))
                .collect(),
            to_connect: numbered()
                .map(|(number, somebody)| (somebody.connect_at, number))
                .collect(),
            to_revoke: numbered()
                .filter_map(|(number, somebody)| Some((somebody.revoke_at?, number)))
                .collect(),
            all,
        }
    }

    /// Makes them known to Instagram.
    pub(crate) fn add_to(&self, instagram: &InstagramSim) {
        for somebody in &self.all {
            let person = Person::business(&somebody.username)
                .named(&format!("The shop of {}", somebody.username))
                .with_biography("Fresh every morning, and open until the last loaf is gone.");
            instagram.add_person(person);
        }
    }

    /// The companies.
    pub(crate) fn companies(&self) -> BTreeSet<&str> {
        self.all
            .iter()
            .map(|somebody| somebody.company.as_str())
            .collect()
    }

    /// Whoever has this name.
    pub(crate) fn named(&self, username: &str) -> Option<&Somebody> {
        self.by_name.get(username).map(|number| &self.all[*number])
    }

    /// Those whose time to connect has come and who are not connected yet.
    pub(crate) fn who_connect(&self, now: i64) -> Vec<Somebody> {
        let due = self.to_connect.range(..(now, usize::MAX));
        due.map(|(_, number)| self.all[*number].clone()).collect()
    }

    /// Notes that somebody is connected.
    pub(crate) fn connected(&mut self, username: &str, now: i64) {
        if let Some(number) = self.by_name.get(username) {
            let somebody = &mut self.all[*number];
            somebody.connected_at = Some(now);
            self.to_connect.remove(&(somebody.connect_at, *number));
        }
    }

    /// Those who remove the app by now: whoever is not connected has nothing to remove, and does it when they are.
    pub(crate) fn who_revoke(&mut self, now: i64) -> Vec<String> {
        let due: Vec<(i64, usize)> = self
            .to_revoke
            .range(..(now, usize::MAX))
            .filter(|(_, number)| self.all[*number].connected_at.is_some())
            .copied()
            .collect();
        due.into_iter()
            .map(|entry| {
                self.to_revoke.remove(&entry);
                let somebody = &mut self.all[entry.1];
                somebody.revoked_at = Some(now);
                somebody.username.clone()
            })
            .collect()
    }

    /// Looks for the first refusal of each person who removed the app. A call that was hit by a fault of the weather
    /// tells nothing.
    pub(crate) fn note_evidence(&mut self, calls: &[Call]) {
        for call in calls {
            let number = call
                .username
                .as_ref()
                .and_then(|name| self.by_name.get(name));
            let Some(somebody) = number.map(|number| &mut self.all[*number]) else {
                continue;
            };
            let is_after = somebody.revoked_at.is_some_and(|at| at <= call.at_ms);
            if is_after && call.status >= 400 && call.faults.is_empty() {
                somebody.evidence_at.get_or_insert(call.at_ms);
            }
        }
    }
}
