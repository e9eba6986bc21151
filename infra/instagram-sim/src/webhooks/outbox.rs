//! Events on their way: batches, repetitions, and the tries of 36 hours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::happening::Item;
use super::{WebhookAddresses, envelope};

/// When a delivery is tried again, seconds after its first try: at once, then with growing gaps. Meta names no figures but
/// the end.
const TRIES_AFTER: [i64; 11] = [
    0, 0, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 129_600,
];
/// How long an event may wait for others to go with it.
const LATE_BY_MS: i64 = 45_000;
/// When a repeated event comes again.
const REPEATED_AFTER_MS: i64 = 20_000;
/// How long a delivery that was taken may stay unsettled.
const UNSETTLED_MS: i64 = 20_000;
/// So many deliveries that are over are kept.
const KEPT: usize = 10_000;

/// What a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// `GET` with a challenge, which the answer must repeat.
    Handshake,
    /// A batch of events.
    Events,
    /// Somebody removed the app.
    Deauthorize,
    /// Somebody wants their data deleted.
    DataDeletion,
}

/// A request that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names it when it is settled.
    pub id: u64,
    /// The app's id.
    pub client_id: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where it goes.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body, byte by byte as it was signed.
    pub body: Bytes,
    /// Which try this is, from 1 on.
    pub attempt: usize,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// A try lies ahead.
    Waiting,
    /// The last try was answered well.
    Done,
    /// No try was answered well for 36 hours.
    Dropped,
}

/// A delivery, for a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryView {
    /// Names it.
    pub id: u64,
    /// The app's id.
    pub client_id: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// Where it goes.
    pub url: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: usize,
    /// The last answer's status; `None`: there was none.
    pub status: Option<u16>,
    /// How many events it has.
    pub events: usize,
    /// When it is tried next, milliseconds since the epoch.
    pub due_ms: Option<i64>,
    /// Who removed the app; empty where nobody did.
    pub username: String,
    /// What the app said about a deletion: where its state can be seen.
    pub deletion_url: Option<String>,
}

/// What becomes of an event on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) is_lost: bool,
    pub(crate) is_repeated: bool,
    pub(crate) is_late: bool,
}

#[derive(Default)]
pub(crate) struct Outbox {
    addresses: BTreeMap<String, WebhookAddresses>,
    /// Callback addresses that have answered their handshake.
    verified: BTreeSet<String>,
    pending: Vec<Pending>,
    waiting: Vec<Tried>,
    over: VecDeque<DeliveryView>,
    next_id: u64,
    pub(crate) lost: u64,
}

/// An event that is in no batch yet.
pub(super) struct Pending {
    client_id: String,
    pub(super) entry_id: String,
    pub(super) item: Item,
    due_ms: i64,
}

/// A delivery between its first try and its end.
struct Tried {
    delivery: Delivery,
    view: DeliveryView,
    first_ms: i64,
    due_ms: i64,
    challenge: String,
}

impl Outbox {
    pub(crate) fn addresses(&self) -> &BTreeMap<String, WebhookAddresses> {
        &self.addresses
    }

    pub(crate) fn meta_secret(&self, client_id: &str) -> String {
        let addresses = self.addresses.get(client_id);
        addresses.map_or_else(String::new, |addresses| addresses.meta_secret.clone())
    }

    pub(crate) fn register(
        &mut self,
        client_id: &str,
        addresses: WebhookAddresses,
        challenge: &str,
        now_ms: i64,
    ) {
        self.verified.remove(client_id);
        if !addresses.callback_url.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query
                .append_pair("hub.mode", "subscribe")
                .append_pair("hub.challenge", challenge)
                .append_pair("hub.verify_token", &addresses.verify_token);
            let url = format!("{}?{}", addresses.callback_url, query.finish());
            let draft = Draft {
                kind: DeliveryKind::Handshake,
                url,
                challenge: challenge.to_owned(),
                ..Draft::default()
            };
            self.post(client_id, draft, now_ms);
        }
        self.addresses.insert(client_id.to_owned(), addresses);
    }

    pub(crate) fn add(
        &mut self,
        client_id: &str,
        entry_id: String,
        item: Item,
        weather: Weather,
        now_ms: i64,
    ) {
        if weather.is_lost {
            self.lost += 1;
            return;
        }
        let late = if weather.is_late { LATE_BY_MS } else { 0 };
        let times = if weather.is_repeated {
            vec![late, late + REPEATED_AFTER_MS]
        } else {
            vec![late]
        };
        for after in times {
            self.pending.push(Pending {
                client_id: client_id.to_owned(),
                entry_id: entry_id.clone(),
                item: item.clone(),
                due_ms: now_ms + after,
            });
        }
    }

    pub(crate) fn tell_removal(
        &mut self,
        client_id: &str,
        username: &str,
        signed: &str,
        delete_data: bool,
        now_ms: i64,
    ) {
        let Some(addresses) = self.addresses.get(client_id).cloned() else {
            return;
        };
        let mut told = vec![(DeliveryKind::Deauthorize, addresses.deauthorize_url)];
        if delete_data {
            told.push((DeliveryKind::DataDeletion, addresses.data_deletion_url));
        }
        for (kind, url) in told {
            if url.is_empty() {
                continue;
            }
            let draft = Draft {
                kind,
                url,
                content_type: "application/x-www-form-urlencoded",
                body: Bytes::from(format!("signed_request={signed}")),
                username: username.to_owned(),
                ..Draft::default()
            };
            self.post(client_id, draft, now_ms);
        }
    }

    /// Puts what is due into batches of at most so many events: one entry for each account and kind of envelope.
    pub(crate) fn make_batches(&mut self, most: usize, now_ms: i64) {
        let is_verified = |client_id: &str| self.verified.contains(client_id);
        let (due, later): (Vec<Pending>, Vec<Pending>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|pending| pending.due_ms <= now_ms && is_verified(&pending.client_id));
        self.pending = later;
        let mut by_app: BTreeMap<String, Vec<Pending>> = BTreeMap::new();
        for pending in due {
            let of_app = by_app.entry(pending.client_id.clone()).or_default();
            of_app.push(pending);
        }
        for (client_id, due) in by_app {
            let Some(addresses) = self.addresses.get(&client_id) else {
                continue;
            };
            let url = addresses.callback_url.clone();
            for batch in due.chunks(most.max(1)) {
                let draft = Draft {
                    kind: DeliveryKind::Events,
                    url: url.clone(),
                    content_type: "application/json",
                    body: envelope::body(batch, now_ms),
                    events: batch.len(),
                    ..Draft::default()
                };
                self.post(&client_id, draft, now_ms);
            }
        }
    }

    /// What is due now. Until it is settled it counts as not answered.
    pub(crate) fn take_due(&mut self, now_ms: i64) -> Vec<Delivery> {
        let mut due = Vec::new();
        for tried in &mut self.waiting {
            if tried.due_ms <= now_ms {
                tried.view.attempts += 1;
                tried.due_ms = now_ms + UNSETTLED_MS;
                let mut delivery = tried.delivery.clone();
                delivery.attempt = tried.view.attempts;
                due.push(delivery);
            }
        }
        due
    }

    pub(crate) fn settle(&mut self, id: u64, answer: Option<(u16, &[u8])>, now_ms: i64) {
        let position = self
            .waiting
            .iter()
            .position(|tried| tried.delivery.id == id);
        let Some(position) = position else {
            return;
        };
        let tried = &mut self.waiting[position];
        tried.view.status = answer.map(|(status, _)| status);
        let is_good = answer.is_some_and(|(status, body)| {
            (200..300).contains(&status)
                && (tried.delivery.kind != DeliveryKind::Handshake
                    || body == tried.challenge.as_bytes())
        });
        if is_good && tried.delivery.kind == DeliveryKind::Handshake {
            self.verified.insert(tried.delivery.client_id.clone());
        }
        if is_good && tried.delivery.kind == DeliveryKind::DataDeletion {
            let said: Option<Value> =
                answer.and_then(|(_, body)| serde_json::from_slice(body).ok());
            tried.view.deletion_url = said.and_then(|said| Some(said["url"].as_str()?.to_owned()));
        }
        // Nobody repeats a handshake: the dashboard says that it failed.
        let next = match tried.delivery.kind {
            DeliveryKind::Handshake => None,
            _ => TRIES_AFTER.get(tried.view.attempts),
        };
        let state = match next {
            _ if is_good => DeliveryState::Done,
            Some(after) => {
                tried.due_ms = (tried.first_ms + after * 1000).max(now_ms);
                return;
            }
            None => DeliveryState::Dropped,
        };
        let mut view = self.waiting.remove(position).view;
        view.state = state;
        if self.over.len() == KEPT {
            self.over.pop_front();
        }
        self.over.push_back(view);
    }

    pub(crate) fn next_ms(&self) -> Option<i64> {
        let waiting = self.waiting.iter().map(|tried| tried.due_ms);
        let verified = |pending: &&Pending| self.verified.contains(&pending.client_id);
        let pending = self.pending.iter().filter(verified);
        waiting.chain(pending.map(|pending| pending.due_ms)).min()
    }

    pub(crate) fn views(&self) -> Vec<DeliveryView> {
        let waiting = self.waiting.iter().map(|tried| DeliveryView {
            due_ms: Some(tried.due_ms),
            ..tried.view.clone()
        });
        let mut views: Vec<DeliveryView> = self.over.iter().cloned().chain(waiting).collect();
        views.sort_by_key(|view| view.id);
        views
    }

    fn post(&mut self, client_id: &str, draft: Draft, now_ms: i64) {
        self.next_id += 1;
        let headers = match draft.content_type {
            "" => Vec::new(),
            kind => vec![("Content-Type".to_owned(), kind.to_owned())],
        };
        let method = match draft.kind {
            DeliveryKind::Handshake => "GET",
            _ => "POST",
        };
        let view = DeliveryView {
            id: self.next_id,
            client_id: client_id.to_owned(),
            kind: draft.kind,
            // Without the query, which has the verify token.
            url: draft.url.split('?').next().unwrap_or_default().to_owned(),
            state: DeliveryState::Waiting,
            attempts: 0,
            status: None,
            events: draft.events,
            due_ms: None,
            username: draft.username,
            deletion_url: None,
        };
        let delivery = Delivery {
            id: self.next_id,
            client_id: client_id.to_owned(),
            kind: draft.kind,
            method,
            url: draft.url,
            headers,
            body: draft.body,
            attempt: 0,
        };
        self.waiting.push(Tried {
            delivery,
            view,
            first_ms: now_ms,
            due_ms: now_ms,
            challenge: draft.challenge,
        });
    }
}

/// What differs between deliveries.
struct Draft {
    kind: DeliveryKind,
    url: String,
    content_type: &'static str,
    body: Bytes,
    events: usize,
    username: String,
    challenge: String,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            kind: DeliveryKind::Events,
            url: String::new(),
            content_type: "",
            body: Bytes::new(),
            events: 0,
            username: String::new(),
            challenge: String::new(),
        }
    }
}
