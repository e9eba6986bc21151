//! What Meta sends by itself: webhooks, and the signed calls when somebody removes an app or asks for deletion.
//!
//! Nothing is sent from here. Whoever runs the simulator takes what is due with [`InstagramSim::due_deliveries`], sends it,
//! and says what was answered: over the network, or straight into a function. `happening` is what can happen,
//! `envelope` the body that tells it, `outbox` when a delivery is tried.

mod envelope;
mod happening;
mod outbox;

use serde::{Deserialize, Serialize};

pub use happening::{Happening, HappeningKind};
pub(crate) use outbox::Outbox;
pub use outbox::{Delivery, DeliveryKind, DeliveryState, DeliveryView};

use crate::content::Comment;
use crate::person::Person;
use crate::sign::{signature, signed_request};
use crate::state::State;
use crate::{CodeAnswerId, InstagramSim, Revocation};

/// Which of an app's two secrets signs. Meta does not say which one it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningSecret {
    /// The Instagram app's.
    #[default]
    Instagram,
    /// The Meta app's.
    Meta,
}

/// The shape of an item that is no messaging event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeShape {
    /// `entry[].changes[]`: what callers see.
    #[default]
    Changes,
    /// `field` and `value` in the entry itself: what is documented for Instagram Login.
    Flat,
}

/// Where an app wants to be told, as it is written in Meta's dashboard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookAddresses {
    /// Takes the handshake and the events. Empty: none.
    pub callback_url: String,
    /// Hears that somebody removed the app. Empty: none.
    pub deauthorize_url: String,
    /// Hears that somebody wants their data deleted. Empty: none.
    pub data_deletion_url: String,
    /// What the handshake brings.
    pub verify_token: String,
    /// The Meta app's secret, for [`SigningSecret::Meta`].
    pub meta_secret: String,
}

impl InstagramSim {
    /// Registers where an app wants to be told. A callback address gets a handshake first, and events once it has answered it.
    ///
    /// # Panics
    ///
    /// With a sentence, where there is no such app.
    pub fn register_webhooks(&self, client_id: &str, addresses: WebhookAddresses) {
        let now_ms = (self.shared.now)();
        let registered = self
            .shared
            .with_state(|state| state.register_webhooks(client_id, addresses, now_ms));
        registered.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"));
    }

    /// Lets something happen to a person's account. Every app that the account is subscribed to hears of it with the next
    /// batch.
    ///
    /// # Panics
    ///
    /// With a sentence, where nobody has this name.
    pub fn let_happen(&self, username: &str, happening: Happening) {
        let now_ms = (self.shared.now)();
        let happened = self
            .shared
            .with_state(|state| state.let_happen(username, happening, now_ms));
        happened.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"));
    }

    /// Presses “Test” in the dashboard: an example event of nobody's.
    ///
    /// # Panics
    ///
    /// With a sentence, where there is no such app.
    pub fn press_test_button(&self, client_id: &str) {
        let now_ms = (self.shared.now)();
        let pressed = self
            .shared
            .with_state(|state| state.press_test_button(client_id, now_ms));
        pressed.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"));
    }

    /// A person removes every app in their settings, and asks for the deletion of their data or not: tokens and
    /// subscriptions end, and the apps are told.
    ///
    /// # Panics
    ///
    /// With a sentence, where nobody has this name.
    pub fn remove_apps(&self, username: &str, delete_data: bool) {
        let now_ms = (self.shared.now)();
        let removed = self
            .shared
            .with_state(|state| state.remove_apps(username, delete_data, now_ms));
        removed.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"));
    }

    /// What is to be sent now. Each one must be settled with [`Self::settle_delivery`], and comes back later otherwise.
    #[must_use]
    pub fn due_deliveries(&self) -> Vec<Delivery> {
        let now_ms = (self.shared.now)();
        self.shared.with_state(|state| state.due_deliveries(now_ms))
    }

    /// Says how a delivery was answered: with a status and a body, or `None` where there was no answer.
    pub fn settle_delivery(&self, id: u64, answer: Option<(u16, &[u8])>) {
        let now_ms = (self.shared.now)();
        self.shared
            .with_state(|state| state.outbox.settle(id, answer, now_ms));
    }

    /// When the next delivery is due, milliseconds since the epoch.
    #[must_use]
    pub fn next_delivery_ms(&self) -> Option<i64> {
        self.shared.with_state(|state| state.outbox.next_ms())
    }

    /// The deliveries so far, the latest 10,000 of those that are over.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryView> {
        self.shared.with_state(|state| state.outbox.views())
    }

    /// How many events were lost on purpose: [`crate::Settings::webhook_loss_percent`].
    #[must_use]
    pub fn lost_events(&self) -> u64 {
        self.shared.with_state(|state| state.outbox.lost)
    }
}

impl State {
    pub(crate) fn register_webhooks(
        &mut self,
        client_id: &str,
        addresses: WebhookAddresses,
        now_ms: i64,
    ) -> Result<(), String> {
        self.known_app(client_id)?;
        let challenge = (self.draw() % 9_000_000_000 + 1_000_000_000).to_string();
        self.outbox
            .register(client_id, addresses, &challenge, now_ms);
        Ok(())
    }

    pub(crate) fn let_happen(
        &mut self,
        username: &str,
        mut happening: Happening,
        now_ms: i64,
    ) -> Result<(), String> {
        let person = self.person(username);
        let person = person.cloned().ok_or_else(|| nobody(username))?;
        let id = self.draw();
        happening.complete(id, now_ms);
        self.keep_comment(&person, &happening, now_ms);
        let shape = self.durable.settings.webhook_shape;
        let item = happening.item(&person.ig_user_id, shape);
        let subscribed: Vec<String> = self
            .durable
            .subscriptions
            .iter()
            .filter(|(_, people)| people.contains_key(&person.ig_user_id))
            .map(|(client_id, _)| client_id.clone())
            .collect();
        for client_id in subscribed {
            let weather = self.weather();
            let (id, item) = (person.ig_user_id.clone(), item.clone());
            self.outbox.add(&client_id, id, item, weather, now_ms);
        }
        Ok(())
    }

    /// A comment on a media that is there stands below it, whether its webhook arrives or not.
    fn keep_comment(&mut self, person: &Person, happening: &Happening, now_ms: i64) {
        let media = self.content.media(&happening.media_id);
        let is_own = media.is_some_and(|media| media.ig_user_id == person.ig_user_id);
        let is_new = self.content.comment(&happening.id).is_none();
        if happening.kind == HappeningKind::Comment && is_own && is_new {
            self.content.add_comment(Comment {
                id: happening.id.clone(),
                media_id: happening.media_id.clone(),
                ig_user_id: happening.from.clone(),
                username: happening.username.clone(),
                text: happening.text.clone(),
                created_at_ms: happening.at_ms.unwrap_or(now_ms),
                parent_id: happening.of.clone(),
            });
        }
    }

    pub(crate) fn press_test_button(&mut self, client_id: &str, now_ms: i64) -> Result<(), String> {
        self.known_app(client_id)?;
        let item = happening::of_test_button();
        let calm = outbox::Weather::default();
        self.outbox
            .add(client_id, "0".to_owned(), item, calm, now_ms);
        Ok(())
    }

    pub(crate) fn remove_apps(
        &mut self,
        username: &str,
        delete_data: bool,
        now_ms: i64,
    ) -> Result<(), String> {
        let person = self.person(username);
        let person = person.cloned().ok_or_else(|| nobody(username))?;
        let user_id = match self.durable.settings.signed_request_id {
            CodeAnswerId::Professional => &person.ig_user_id,
            CodeAnswerId::AppScoped => &person.app_scoped_id,
        };
        let apps: Vec<String> = self.apps.iter().map(|app| app.client_id.clone()).collect();
        for client_id in &apps {
            let secret = self.signing_secret(client_id);
            let signed = signed_request(&secret, user_id, now_ms.div_euclid(1000));
            self.outbox
                .tell_removal(client_id, username, &signed, delete_data, now_ms);
        }
        self.revoke_tokens_of(username, Revocation::AppRemoved, now_ms);
        Ok(())
    }

    pub(crate) fn due_deliveries(&mut self, now_ms: i64) -> Vec<Delivery> {
        let most = self.durable.settings.webhook_batch_most;
        self.outbox.make_batches(most, now_ms);
        let due = self.outbox.take_due(now_ms);
        due.into_iter()
            .map(|mut delivery| {
                if delivery.kind == DeliveryKind::Events {
                    // Signed anew for each try: a secret that was changed meanwhile counts.
                    let secret = self.signing_secret(&delivery.client_id);
                    let header = signature(&secret, &delivery.body);
                    delivery
                        .headers
                        .push(("X-Hub-Signature-256".to_owned(), header));
                }
                delivery
            })
            .collect()
    }

    fn signing_secret(&self, client_id: &str) -> String {
        match self.durable.settings.webhook_secret {
            SigningSecret::Meta => self.outbox.meta_secret(client_id),
            SigningSecret::Instagram => self
                .app(client_id)
                .map(|app| app.client_secret.clone())
                .unwrap_or_default(),
        }
    }

    /// What becomes of an event on its way, drawn from the seed.
    fn weather(&mut self) -> outbox::Weather {
        let settings = self.durable.settings.clone();
        let mut hits = |percent: u32| percent > 0 && self.draw() % 100 < u64::from(percent);
        outbox::Weather {
            is_lost: hits(settings.webhook_loss_percent),
            is_repeated: hits(settings.webhook_duplicate_percent),
            is_late: hits(settings.webhook_reorder_percent),
        }
    }

    fn known_app(&self, client_id: &str) -> Result<(), String> {
        match self.app(client_id) {
            Some(_) => Ok(()),
            None => Err(format!("there is no app {client_id}")),
        }
    }
}

fn nobody(username: &str) -> String {
    format!("nobody is called {username:?}")
}
