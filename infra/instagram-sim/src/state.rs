//! Everything the simulator remembers, behind one lock.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::App;
use crate::content::Content;
use crate::fault::{Fault, FaultKind};
use crate::history::History;
use crate::log::Call;
use crate::people::People;
use crate::person::{Person, Revocation};
use crate::router::Endpoint;
use crate::settings::Settings;
use crate::tokens::{Code, Token, TokenKind, Tokens};
use crate::webhooks::Outbox;

/// The log keeps this many calls and then forgets the oldest.
const CALLS_KEPT: usize = 100_000;
const HOUR_MS: i64 = 3_600_000;

pub(crate) struct State {
    pub(crate) apps: Vec<App>,
    pub(crate) durable: Durable,
    /// Kept across restarts too, in a file of its own.
    pub(crate) content: Content,
    pub(crate) faults: Vec<ActiveFault>,
    next_fault_id: u64,
    pub(crate) calls: VecDeque<Call>,
    /// When Graph calls were made, as long as they count.
    graph_calls_ms: VecDeque<i64>,
    /// What is to be told to apps; not kept.
    pub(crate) outbox: Outbox,
    seed: u64,
    /// Whether `durable` changed since it was last written to its file.
    pub(crate) unsaved: bool,
}

/// What survives a restart.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Durable {
    pub(crate) people: People,
    pub(crate) tokens: Tokens,
    pub(crate) codes: BTreeMap<String, Code>,
    /// Webhook fields by app (`client_id`) and person (`ig_user_id`).
    pub(crate) subscriptions: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    pub(crate) settings: Settings,
    /// How many values were drawn from the seed.
    draws: u64,
    people_added: u64,
}

/// A fault that was added, with how often it may still hit and how often it has.
#[derive(Clone, Serialize)]
pub(crate) struct ActiveFault {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) fault: Fault,
    pub(crate) hits: u64,
}

impl State {
    pub(crate) fn new(apps: Vec<App>, seed: u64, saved: Option<Durable>, content: Content) -> Self {
        let first_time = saved.is_none();
        let mut state = Self {
            apps,
            durable: saved.unwrap_or_default(),
            content,
            faults: Vec::new(),
            next_fault_id: 1,
            calls: VecDeque::new(),
            graph_calls_ms: VecDeque::new(),
            outbox: Outbox::default(),
            seed,
            unsaved: first_time,
        };
        for person in state.durable.people.iter() {
            if let Some(history) = &person.history {
                state.content.add_past(&person.ig_user_id, history);
            }
        }
        if first_time {
            for person in Person::usual_people() {
                // The five differ in their names and have no ids yet, so nothing can be wrong with them.
                let _ = state.add_person(person);
            }
        }
        state
    }

    /// The next value of the seed's sequence (SplitMix64).
    pub(crate) fn draw(&mut self) -> u64 {
        self.durable.draws += 1;
        mix(self.seed ^ mix(self.durable.draws))
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    pub(crate) fn person(&self, username: &str) -> Option<&Person> {
        self.durable.people.by_username(username)
    }

    /// Adds a person, or replaces the one with the same name, whose ids then stay.
    pub(crate) fn add_person(&mut self, mut person: Person) -> Result<Person, String> {
        if let Some(complaint) = person.complaint() {
            return Err(complaint);
        }
        let earlier = self.person(&person.username).cloned();
        let number = self.durable.people_added;
        // Odd, and above 2^53: whoever takes such an id for a floating-point number reads another one.
        let new_ig_user_id =
            17_841_400_000_000_000 + mix(self.seed) % 90_000 * 1_000_000 + 2 * number + 1;
        let new_app_scoped_id =
            25_000_000_000_000_000 + mix(self.seed ^ 1) % 90_000 * 1_000_000 + 2 * number + 1;
        for (id, earlier_id, new_id) in [
            (
                &mut person.ig_user_id,
                earlier.as_ref().map(|earlier| &earlier.ig_user_id),
                new_ig_user_id,
            ),
            (
                &mut person.app_scoped_id,
                earlier.as_ref().map(|earlier| &earlier.app_scoped_id),
                new_app_scoped_id,
            ),
        ] {
            match earlier_id {
                Some(earlier_id) if id.is_empty() => id.clone_from(earlier_id),
                Some(earlier_id) if id != earlier_id => {
                    return Err(format!("{} is here with other ids", person.username));
                }
                None if id.is_empty() => *id = new_id.to_string(),
                _ => {}
            }
        }
        if self.durable.people.has_ids_of_another(&person) {
            return Err("somebody else has one of these ids".to_owned());
        }
        self.durable.people_added += 1;
        let known = earlier.and_then(|earlier| earlier.history);
        self.give_past(&person, known.as_ref())?;
        self.durable.people.put(person.clone());
        self.unsaved = true;
        Ok(person)
    }

    /// Puts a changed person in the place of the one with this name. The ids cannot change.
    pub(crate) fn replace_person(&mut self, username: &str, changed: Person) -> Result<(), String> {
        let Some(before) = self.person(username) else {
            return Err(format!("nobody is called {username:?}"));
        };
        if let Some(complaint) = changed.complaint() {
            return Err(complaint);
        }
        if before.ig_user_id != changed.ig_user_id || before.app_scoped_id != changed.app_scoped_id
        {
            return Err("the ids of a person stay as they are".to_owned());
        }
        if changed.username != username && self.person(&changed.username).is_some() {
            return Err(format!("{} is the name of somebody else", changed.username));
        }
        let known = before.history.clone();
        self.give_past(&changed, known.as_ref())?;
        self.durable.people.put(changed);
        self.unsaved = true;
        Ok(())
    }

    fn give_past(&mut self, person: &Person, known: Option<&History>) -> Result<(), String> {
        match (&person.history, known) {
            (Some(history), None) => self.content.add_past(&person.ig_user_id, history),
            (history, known) if history.as_ref() != known => {
                return Err("a history stays as it is".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn issue_code(&mut self, mut code: Code, now_ms: i64) -> String {
        code.expires_at_ms = now_ms.saturating_add(self.durable.settings.code_seconds * 1_000);
        let text = format!("AQSIM-code-{}", self.hex());
        self.durable.codes.insert(text.clone(), code);
        self.unsaved = true;
        text
    }

    pub(crate) fn issue_token(
        &mut self,
        kind: TokenKind,
        client_id: &str,
        ig_user_id: &str,
        scopes: &[String],
        now_ms: i64,
    ) -> Token {
        let (start, seconds) = match kind {
            TokenKind::ShortLived => (
                "IGSIM-short-lived",
                self.durable.settings.short_lived_seconds,
            ),
            TokenKind::LongLived => ("IGSIM-long-lived", self.durable.settings.long_lived_seconds),
        };
        let token = Token {
            text: format!("{start}-{}", self.hex()),
            kind,
            client_id: client_id.to_owned(),
            ig_user_id: ig_user_id.to_owned(),
            scopes: scopes.to_vec(),
            issued_at_ms: now_ms,
            expires_at_ms: now_ms.saturating_add(seconds * 1_000),
            revoked: None,
        };
        self.durable.tokens.insert(token.clone());
        self.unsaved = true;
        token
    }

    /// Kills the live tokens of a person and says how many that were, or `None` where nobody has this name.
    pub(crate) fn revoke_tokens_of(
        &mut self,
        username: &str,
        how: Revocation,
        now_ms: i64,
    ) -> Option<usize> {
        let ig_user_id = self.person(username)?.ig_user_id.clone();
        if how == Revocation::AppRemoved {
            for people in self.durable.subscriptions.values_mut() {
                people.remove(&ig_user_id);
            }
        }
        self.unsaved = true;
        Some(self.durable.tokens.revoke_all_of(&ig_user_id, how, now_ms))
    }

    pub(crate) fn add_fault(&mut self, fault: Fault) -> u64 {
        let id = self.next_fault_id;
        self.next_fault_id += 1;
        self.faults.push(ActiveFault { id, fault, hits: 0 });
        id
    }

    /// Which faults hit this call. A fault that is used up stays in the list, so that its hits can be read.
    pub(crate) fn faults_for(
        &mut self,
        endpoint: &Endpoint,
        username: Option<&str>,
    ) -> Vec<FaultKind> {
        let mut hitting: Vec<FaultKind> = Vec::new();
        for position in 0..self.faults.len() {
            let ActiveFault { fault, hits, .. } = &self.faults[position];
            let endpoint_matches = match &fault.endpoint {
                Some(wanted) => wanted == endpoint.name,
                None => fault.kind.can_hit(endpoint),
            };
            let username_matches =
                fault.username.is_none() || fault.username.as_deref() == username;
            let used_up = fault.times.is_some_and(|times| *hits >= u64::from(times));
            let place_taken =
                !fault.kind.adds_to_others() && hitting.iter().any(|kind| !kind.adds_to_others());
            if !endpoint_matches || !username_matches || used_up || place_taken {
                continue;
            }
            let probability = fault.probability;
            if probability < 1.0 {
                // 53 bits: as many as a fraction between 0 and 1 can hold.
                let drawn = (self.draw() >> 11) as f64 / (1_u64 << 53) as f64;
                if drawn >= probability {
                    continue;
                }
            }
            self.faults[position].hits += 1;
            hitting.push(self.faults[position].fault.kind.clone());
        }
        hitting
    }

    /// Counts a Graph call.
    pub(crate) fn count_graph_call(&mut self, now_ms: i64) {
        if self.durable.settings.app_calls_per_hour == 0 {
            return;
        }
        self.graph_calls_ms.push_back(now_ms);
        while self
            .graph_calls_ms
            .front()
            .is_some_and(|at| *at <= now_ms - HOUR_MS)
        {
            self.graph_calls_ms.pop_front();
        }
    }

    /// How much of the app's calls is used up, in percent.
    pub(crate) fn app_usage_percent(&self) -> u32 {
        let settings = &self.durable.settings;
        match settings.app_calls_per_hour {
            0 => settings.app_usage_percent,
            most => {
                let used = self.graph_calls_ms.len() as u64 * 100 / most;
                u32::try_from(used).unwrap_or(u32::MAX)
            }
        }
    }

    pub(crate) fn log(&mut self, call: Call) {
        if self.calls.len() == CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.draw(), self.draw())
    }
}

pub(crate) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
