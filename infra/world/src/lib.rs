//! The functions' surroundings in one process: the embedded AWS, the simulated Instagram and a clock that is turned by
//! hand. For the functions' tests, for journeys across functions, and for the local stack.
//!
//! Knows no function: a test builds a [`shared::lambda::Function`] around [`World::app`] and hands it events of
//! [`gateway`], or lets [`World::advance`] feed it from the queue.

pub mod browser;
pub mod delivery;
pub mod gateway;
pub mod login;
pub mod logs;
pub mod resources;
pub mod scrutiny;
pub mod sqs_event;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sim::AwsSim;
use instagram_sim::InstagramSim;
use jiff::{SignedDuration, Timestamp};
use shared::app::App;
use shared::aws::Aws;
use shared::clock::{Clock, ManualClock};
use shared::config::Config;
use shared::lambda::Function;
use url::Url;

use crate::browser::Browser;
use crate::delivery::{Feed, Turned, Workers};
use crate::gateway::{HttpCall, Reply, api_gateway_event, function_url_event};
use crate::resources::{
    ACCOUNT_ID, DEAD_LETTERS, EVENT_DEAD_LETTERS, EVENT_QUEUE, POST_DEAD_LETTERS, POST_QUEUE,
    QUEUE, REGION, Resources,
};

/// Where Instagram sends people back to.
pub const REDIRECT_URI: &str = "https://api.example.com/instagram/callback";
/// What is registered as the webhooks' address.
pub const WEBHOOKS_URL: &str = "https://webhooks.example.com";
/// The origin to which a login may return.
pub const RETURN_TO: &str = "https://app.example.com";
/// The Instagram app's id.
pub const INSTAGRAM_APP_ID: &str = "990602627938098";
/// The Meta app's id.
pub const META_APP_ID: &str = "445566778899001";
/// The Instagram app's secret.
pub const INSTAGRAM_APP_SECRET: &str = "canary-instagram-app-secret-5f3a9c";
/// The Meta app's secret.
pub const META_APP_SECRET: &str = "canary-meta-app-secret-81c2d7";
/// What Meta sends in the webhooks' handshake.
pub const WEBHOOK_VERIFY_TOKEN: &str = "canary-webhook-verify-token-0b1e44";
/// What signs cursors.
pub const CURSOR_KEY: &str = "canary-cursor-key-7d90aa62";

/// With what a world starts.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// The time that the clock shows.
    pub start: Timestamp,
    /// Whatever the simulators draw comes from this.
    pub seed: u64,
    /// Accounts to a page of the vault.
    pub page_size: usize,
    /// Further variables of every function, which also replace those that the world sets.
    pub variables: BTreeMap<String, String>,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            start: Timestamp::from_second(1_795_255_200).unwrap_or_default(),
            seed: 1,
            page_size: 64,
            variables: BTreeMap::new(),
        }
    }
}

/// The functions' surroundings.
pub struct World {
    /// The one clock: functions, schedules, queues and Instagram see it.
    pub clock: ManualClock,
    /// The embedded AWS.
    pub aws: AwsSim,
    /// The simulated Instagram.
    pub instagram: InstagramSim,
    /// What was made on AWS.
    pub resources: Resources,
    /// Clients of the test's own, under the access key `TEST`.
    pub clients: Aws,
    options: WorldOptions,
    feed: Feed,
    browser: Browser,
    warm: Mutex<BTreeMap<String, Arc<App>>>,
    seen: Mutex<BTreeSet<String>>,
}

/// What a person does at Instagram's consent window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allows everything.
    Allow,
    /// Says no.
    Deny,
}

/// The access key id by which the embedded AWS knows a function's calls: `TESTCALLBACK` for `callback`.
pub fn access_key_id(function: &str) -> String {
    format!("TEST{}", function.to_uppercase())
}

/// The text of the app's secret with these ids and secrets, and the other members as in tests.
pub fn app_secret(instagram_app_id: &str, instagram_app_secret: &str) -> String {
    serde_json::json!({
        "instagramAppId": instagram_app_id,
        "instagramAppSecret": instagram_app_secret,
        "metaAppId": META_APP_ID,
        "metaAppSecret": META_APP_SECRET,
        "webhookVerifyToken": WEBHOOK_VERIFY_TOKEN,
        "cursorKey": CURSOR_KEY,
    })
    .to_string()
}

/// A clock as the simulators take it: milliseconds since the epoch.
pub fn simulators_clock(clock: &ManualClock) -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let clock = clock.clone();
    Arc::new(move || clock.milliseconds())
}

impl World {
    /// A world as of 2026-11-21 10:00 UTC.
    pub async fn start() -> Self {
        Self::start_with(WorldOptions::default()).await
    }

    /// A world with these options. Its clock stands still until it is turned.
    ///
    /// # Panics
    /// When a simulator cannot start: a test cannot go on without it.
    pub async fn start_with(options: WorldOptions) -> Self {
        logs::capture();
        let clock = ManualClock::stopped_at(options.start);
        let now = simulators_clock(&clock);
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let aws = AwsSim::start(aws_sim::Options {
            listen: anywhere,
            now: now.clone(),
            seed: options.seed,
            state_dir: None,
            region: REGION.to_owned(),
            account_id: ACCOUNT_ID.to_owned(),
        })
        .await
        .expect("the embedded AWS starts");
        let instagram = InstagramSim::start(instagram_sim::Options {
            listen: anywhere,
            now,
            seed: options.seed,
            apps: vec![instagram_sim::App {
                name: "Test".to_owned(),
                client_id: INSTAGRAM_APP_ID.to_owned(),
                client_secret: INSTAGRAM_APP_SECRET.to_owned(),
                redirect_uris: vec![REDIRECT_URI.to_owned()],
                development: true,
            }],
            state_file: None,
        })
        .await
        .expect("the simulated Instagram starts");
        let told = |path: &str| format!("{WEBHOOKS_URL}{path}");
        instagram.register_webhooks(
            INSTAGRAM_APP_ID,
            instagram_sim::WebhookAddresses {
                callback_url: told("/"),
                deauthorize_url: told("/deauthorize"),
                data_deletion_url: told("/data-deletion"),
                verify_token: WEBHOOK_VERIFY_TOKEN.to_owned(),
                meta_secret: META_APP_SECRET.to_owned(),
            },
        );
        let clients = resources::clients(&aws.url(), &access_key_id(""));
        let secret = app_secret(INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET);
        let resources = resources::provision(&clients, &secret)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            feed: Feed::new(&aws.url(), &resources),
            clock,
            aws,
            instagram,
            resources,
            clients,
            options,
            browser: Browser::new(),
            warm: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    /// The environment of a function, as the template would set it.
    pub fn variables(&self, function: &str) -> BTreeMap<String, String> {
        let mut variables = self
            .resources
            .variables(&self.aws.url(), &access_key_id(function));
        let instagram = self.instagram.url();
        for (name, value) in [
            ("INSTAGRAM_MODE", "development"),
            ("INSTAGRAM_REDIRECT_URI", REDIRECT_URI),
            ("INSTAGRAM_RETURN_TO", RETURN_TO),
            ("INSTAGRAM_AUTHORIZE_URL", &instagram),
            ("INSTAGRAM_TOKEN_URL", &instagram),
            ("INSTAGRAM_GRAPH_URL", &instagram),
            ("PUBLISH_TRUSTED_MEDIA", &instagram),
            ("VAULT_PAGE_SIZE", &self.options.page_size.to_string()),
            ("LOG_LEVEL", "debug"),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        variables.extend(self.options.variables.clone());
        variables
    }

    /// The configuration of a function.
    ///
    /// # Panics
    /// When a variable of [`WorldOptions::variables`] makes it unusable.
    pub fn config(&self, function: &str) -> Config {
        Config::from_variables(&self.variables(function)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A function's warm sandbox: the same one each time, with all that it has cached.
    pub fn app(&self, function: &str) -> Arc<App> {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        warm.entry(function.to_owned())
            .or_insert_with(|| self.cold(function))
            .clone()
    }

    /// A fresh sandbox of a function, with nothing cached.
    ///
    /// # Panics
    /// As [`World::config`].
    pub fn cold(&self, function: &str) -> Arc<App> {
        self.app_with(self.config(function))
    }

    /// A fresh sandbox with a configuration of the test's own.
    ///
    /// # Panics
    /// When no Graph client can be made with it.
    pub fn app_with(&self, config: Config) -> Arc<App> {
        App::new(config, Clock::Manual(self.clock.clone()))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends an HTTP call to a function, through API Gateway's event.
    ///
    /// # Errors
    /// A sentence, where the function fails as a whole and API Gateway would answer 500.
    pub async fn call(&self, function: &Function, call: &HttpCall) -> Result<Reply, String> {
        let event = api_gateway_event(call, self.now());
        gateway::invoke(function, event, self.clock.milliseconds()).await
    }

    /// Sends an HTTP call to a function's own address, through the event of a function URL.
    ///
    /// # Errors
    /// As [`World::call`].
    pub async fn call_url(&self, function: &Function, call: &HttpCall) -> Result<Reply, String> {
        let event = function_url_event(call, self.now());
        gateway::invoke(function, event, self.clock.milliseconds()).await
    }

    /// A person at Instagram's consent window: opens the address that `GET /instagram/connect` gave and decides.
    /// Returns the address of the redirect back, without its fragment. State and code in it are canaries from then on.
    ///
    /// # Panics
    /// When Instagram shows a page instead of redirecting: the page's text says why.
    pub async fn consent(&self, authorize_url: &str, username: &str, decision: Decision) -> Url {
        let back = login::consent(&self.browser, authorize_url, username, decision)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        for (name, value) in back.query_pairs() {
            if name == "code" || name == "state" {
                self.note_secret(&value);
            }
        }
        back
    }

    /// Makes a text a canary: it must be found nowhere from now on.
    pub fn note_secret(&self, text: &str) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.to_owned());
    }

    /// Lets the hourly audit of the accounts run from now on, as the template does. A test that turns the clock far and needs no audit
    /// does without.
    ///
    /// # Panics
    /// When the embedded AWS refuses.
    pub async fn schedule_audits(&self) {
        resources::schedule_audits(&self.clients, &self.resources)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Lets the audit of the posts run from now on, as the template does.
    ///
    /// # Panics
    /// When the embedded AWS refuses.
    pub async fn schedule_post_audits(&self) {
        resources::schedule_post_audits(&self.clients, &self.resources, "rate(15 minutes)")
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Hands over what waits on the queue now. Returns how many messages that were, repeated ones counted again.
    ///
    /// # Panics
    /// When the embedded AWS does not answer.
    pub async fn drain<'a>(&self, workers: impl Into<Workers<'a>>) -> usize {
        self.feed
            .drain(workers.into(), &self.clock)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Turns the clock, from due time to due time: Instagram calls the receiver, schedules fire, and the workers take their
    /// queues.
    ///
    /// # Panics
    /// When the embedded AWS does not answer, or something stays due.
    pub async fn advance<'a>(&self, by: SignedDuration, workers: impl Into<Workers<'a>>) -> Turned {
        self.feed
            .turn(
                &self.aws,
                Some(&self.instagram),
                workers.into(),
                &self.clock,
                by,
            )
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The bodies of messages that are left in any queue, each with its queue's name before it. A test that leaves
    /// work behind has forgotten something.
    pub async fn leftovers(&self) -> Vec<String> {
        let mut left = Vec::new();
        for queue in [
            QUEUE,
            DEAD_LETTERS,
            POST_QUEUE,
            POST_DEAD_LETTERS,
            EVENT_QUEUE,
            EVENT_DEAD_LETTERS,
        ] {
            for message in self.aws.messages(queue) {
                left.push(format!("{queue}: {message}"));
            }
        }
        left
    }

    /// Fails the test when a message is left in any queue.
    ///
    /// # Panics
    /// When there is one; shows it.
    pub async fn assert_no_leftovers(&self) {
        let left = self.leftovers().await;
        assert!(left.is_empty(), "work is left behind: {left:#?}");
    }

    /// The log lines of this process so far; see [`logs`].
    pub fn logs() -> Vec<String> {
        logs::lines()
    }
}
