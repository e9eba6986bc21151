//! A simulated Instagram: state that answers like Meta's API.
//!
//! It has people, apps, codes and tokens, a consent page, and the shapes, habits and errors of the Instagram API
//! with Instagram Login, all of Meta's hosts on one origin. Faults can be switched on per endpoint and person. It
//! knows nothing of whoever calls it. `docs/simulator.md` describes it from the outside.
//!
//! A call goes this way: `server` reads it and asks `router` what it is, `state` says which faults hit it, the handler
//! of its area (`authorize`, `exchange`, `profile`, `subscriptions`, `containers`, `publish`, `media`, `comments`,
//! `insights`, `account_insights`) works on the state, and `delivery` sends the answer or what a fault leaves of it. `control` is the
//! second door, under `/_sim/`. `webhooks` holds what the simulator itself has to say to an app, until somebody sends it.

mod account_insights;
mod answer;
mod authorize;
mod comments;
mod connection;
mod containers;
mod content;
mod control;
mod crawler;
mod delivery;
mod draft;
mod exchange;
mod fault;
mod fields;
mod history;
mod html;
mod incoming;
mod insights;
mod log;
mod media;
mod paging;
mod people;
mod person;
mod profile;
mod publish;
mod refusals;
mod router;
mod samples;
mod server;
mod settings;
mod sign;
mod state;
mod subscriptions;
mod tokens;
mod usage;
mod visit;
mod webhooks;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use crate::content::{Comment, Container, ContainerStatus, ContentKind, Media, PostDetails};
pub use crate::fault::{Fault, FaultKind, GraphErrorFault};
pub use crate::history::History;
pub use crate::log::{Call, TokenPlace};
pub use crate::person::{AccountType, Person, Revocation};
pub use crate::settings::{
    AccountTypeCase, CodeAnswer, CodeAnswerId, PersonalAccounts, Settings, TokenRotation, Wrapping,
};
pub use crate::sign::{signature, signed_request};
pub use crate::webhooks::{
    Delivery, DeliveryKind, DeliveryState, DeliveryView, EnvelopeShape, Happening, HappeningKind,
    SigningSecret, WebhookAddresses,
};

use crate::connection::{Connection, CuttableListener};
use crate::content::Content;
use crate::server::Shared;
use crate::state::State;

/// Milliseconds since the epoch, from whoever owns the clock.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// With what a simulator starts.
pub struct Options {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The clock. Only faults that delay an answer use real time.
    pub now: Now,
    /// Ids, codes, tokens and the dice of faults come from this: two runs with one seed agree.
    pub seed: u64,
    /// The apps that exist.
    pub apps: Vec<App>,
    /// Where people, tokens, codes, subscriptions and settings are kept across restarts, and, with `.media` added to
    /// the name, containers, media, comments and insights. The log and the faults are not kept.
    pub state_file: Option<PathBuf>,
}

/// An app as it is registered with Meta.
#[derive(Clone, Debug)]
pub struct App {
    /// What the consent page calls it.
    pub name: String,
    /// The Instagram app id.
    pub client_id: String,
    /// The Instagram app secret.
    pub client_secret: String,
    /// Where a login may lead back to. Compared letter by letter.
    pub redirect_uris: Vec<String>,
    /// In development, the API serves only people with a role on the app.
    pub development: bool,
}

/// A running simulator. Clones are handles to the same one.
#[derive(Clone)]
pub struct InstagramSim {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Arc<Mutex<Option<JoinHandle<io::Result<()>>>>>,
}

impl InstagramSim {
    /// Starts it. Fails where the address is taken or the state file cannot be read.
    pub async fn start(options: Options) -> io::Result<Self> {
        let saved = match &options.state_file {
            Some(file) if file.exists() => Some(serde_json::from_slice(&std::fs::read(file)?)?),
            _ => None,
        };
        let content = match &options.state_file {
            Some(file) => {
                let mut beside = file.as_os_str().to_owned();
                beside.push(".media");
                Content::kept_in(beside.as_ref(), saved.is_some(), options.seed)?
            }
            None => Content::new(options.seed),
        };
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let base_url = match address.ip().is_unspecified() {
            true => format!("http://127.0.0.1:{}", address.port()),
            false => format!("http://{address}"),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(options.apps, options.seed, saved, content)),
            now: options.now,
            base_url,
            state_file: options.state_file,
        });
        let service = Router::new()
            .fallback(server::answer)
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<Connection>();
        let (stop, mut stopped) = watch::channel(false);
        let serving =
            axum::serve(CuttableListener(listener), service).with_graceful_shutdown(async move {
                // Ends with `stop`, or when the last handle is gone.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            });
        let task = tokio::spawn(serving.into_future());
        Ok(Self {
            shared,
            stop,
            task: Arc::new(Mutex::new(Some(task))),
        })
    }

    /// Where it listens, `http://127.0.0.1:PORT`. All of Meta's Instagram hosts are this one origin.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// Lets calls under way finish, for a second at most, and writes the state file.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut task) = task
            && tokio::time::timeout(Duration::from_secs(1), &mut task)
                .await
                .is_err()
        {
            task.abort();
        }
        self.shared.with_state(|state| state.unsaved = true);
    }

    /// Adds a person, or replaces the one with the same name, whose ids then stay. Returns them with their ids.
    ///
    /// # Panics
    ///
    /// With a sentence, where the name or an id cannot be one or somebody else has it.
    pub fn add_person(&self, person: Person) -> Person {
        let added = self.shared.with_state(|state| state.add_person(person));
        added.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"))
    }

    /// Changes a person. The ids stay as they are.
    ///
    /// # Panics
    ///
    /// With a sentence, where nobody has this name or the change is not possible.
    pub fn update_person(&self, username: &str, change: impl FnOnce(&mut Person)) {
        let changed = self.shared.with_state(|state| {
            let person = state.person(username);
            let mut changed = person
                .cloned()
                .ok_or_else(|| format!("nobody is called {username:?}"))?;
            change(&mut changed);
            state.replace_person(username, changed)
        });
        changed.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"));
    }

    /// Everybody, in the order of their ids.
    #[must_use]
    pub fn people(&self) -> Vec<Person> {
        self.shared
            .with_state(|state| state.durable.people.iter().cloned().collect())
    }

    /// The person with this name.
    #[must_use]
    pub fn person(&self, username: &str) -> Option<Person> {
        self.shared
            .with_state(|state| state.person(username).cloned())
    }

    /// Switches a fault on. Of the faults that match a call, the one added first hits it.
    ///
    /// # Panics
    ///
    /// With a sentence, where the endpoint is none of the simulator's or a figure is out of range: a fault that
    /// can never hit would let a test pass for nothing.
    pub fn add_fault(&self, fault: Fault) {
        if let Some(complaint) = fault.complaint() {
            panic!("instagram-sim: {complaint}");
        }
        self.shared.with_state(|state| state.add_fault(fault));
    }

    /// Switches all faults off.
    pub fn clear_faults(&self) {
        self.shared.with_state(|state| state.faults.clear());
    }

    /// The settings that hold now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.shared
            .with_state(|state| state.durable.settings.clone())
    }

    /// Changes settings.
    ///
    /// # Panics
    ///
    /// With a sentence, where a figure is out of range.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let complaint = self.shared.with_state(|state| {
            let mut changed = state.durable.settings.clone();
            change(&mut changed);
            let complaint = changed.complaint();
            if complaint.is_none() {
                state.durable.settings = changed;
                state.unsaved = true;
            }
            complaint
        });
        if let Some(complaint) = complaint {
            panic!("instagram-sim: {complaint}");
        }
    }

    /// Kills all live tokens of a person.
    ///
    /// # Panics
    ///
    /// With a sentence, where nobody has this name.
    pub fn revoke_tokens_of(&self, username: &str, how: Revocation) {
        let now_ms = (self.shared.now)();
        let revoked = self
            .shared
            .with_state(|state| state.revoke_tokens_of(username, how, now_ms));
        assert!(
            revoked.is_some(),
            "instagram-sim: nobody is called {username:?}"
        );
    }

    /// What was called, oldest first, without calls under `/_sim/`. The latest 100,000 are kept.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared
            .with_state(|state| state.calls.iter().cloned().collect())
    }

    /// Empties the log of calls.
    pub fn clear_calls(&self) {
        self.shared.with_state(|state| state.calls.clear());
    }

    /// How many tokens of a person work now, short-lived ones included.
    #[must_use]
    pub fn live_tokens_of(&self, username: &str) -> usize {
        let now_ms = (self.shared.now)();
        self.shared.with_state(|state| {
            let person = state.person(username);
            person.map_or(0, |person| {
                state.durable.tokens.live_of(&person.ig_user_id, now_ms)
            })
        })
    }

    /// Whether this text is a token that works now.
    #[must_use]
    pub fn is_live_token(&self, token: &str) -> bool {
        let now_ms = (self.shared.now)();
        self.shared.with_state(|state| {
            let token = state.durable.tokens.get(token);
            token.is_some_and(|token| token.is_live(now_ms))
        })
    }

    /// The webhook fields that a person's account sends, of all apps together.
    #[must_use]
    pub fn subscriptions_of(&self, username: &str) -> Vec<String> {
        self.shared.with_state(|state| {
            let Some(person) = state.person(username) else {
                return Vec::new();
            };
            let of_apps = state.durable.subscriptions.values();
            of_apps
                .filter_map(|people| people.get(&person.ig_user_id))
                .flatten()
                .cloned()
                .collect()
        })
    }

    /// What a person published, posts and stories, also those that are over, oldest first. The items of a carousel
    /// are not among them.
    #[must_use]
    pub fn published_by(&self, username: &str) -> Vec<Media> {
        self.shared.with_state(|state| {
            let Some(person) = state.person(username) else {
                return Vec::new();
            };
            let content = &state.content;
            let posts = content.posts_of(&person.ig_user_id).iter();
            let all = posts.chain(content.stories_of(&person.ig_user_id));
            let mut published: Vec<Media> =
                all.filter_map(|id| content.media(id)).cloned().collect();
            published.sort_by(|one, other| one.id.cmp(&other.id));
            published
        })
    }

    /// What everybody published, as [`Self::published_by`] has it, in no order.
    #[must_use]
    pub fn published(&self) -> Vec<Media> {
        self.shared
            .with_state(|state| state.content.all_published().cloned().collect())
    }

    /// The containers that a person made, oldest first.
    #[must_use]
    pub fn containers_of(&self, username: &str) -> Vec<Container> {
        self.shared.with_state(|state| {
            let person = state.person(username);
            person.map_or_else(Vec::new, |person| {
                let containers = state.content.containers_of(&person.ig_user_id);
                containers.cloned().collect()
            })
        })
    }

    /// The container with this id.
    #[must_use]
    pub fn container(&self, id: &str) -> Option<Container> {
        self.shared
            .with_state(|state| state.content.container(id).cloned())
    }

    /// The comments on a media, oldest first.
    #[must_use]
    pub fn comments_on(&self, media_id: &str) -> Vec<Comment> {
        self.shared.with_state(|state| {
            let ids = state.content.comments_on(media_id).iter();
            ids.filter_map(|id| state.content.comment(id))
                .cloned()
                .collect()
        })
    }

    /// Sets figures that the insights of a media show, for example `("reach", 120)`. A figure that was never set is
    /// left out of the answer, and a story whose `reach` is below 5 shows none.
    ///
    /// # Panics
    ///
    /// With a sentence, where there is no such media or metric.
    pub fn set_insights(&self, media_id: &str, figures: &[(&str, u64)]) {
        let figures = figures
            .iter()
            .map(|(metric, figure)| ((*metric).to_owned(), *figure));
        let set = self
            .shared
            .with_state(|state| state.content.set_insights(media_id, figures.collect()));
        set.unwrap_or_else(|complaint| panic!("instagram-sim: {complaint}"));
    }

    /// Puts a media on a person's profile as the app on a phone does, without a container, and returns its id.
    ///
    /// # Panics
    ///
    /// With a sentence, where nobody has this name.
    pub fn post(&self, username: &str, kind: ContentKind, caption: &str) -> String {
        let now_ms = (self.shared.now)();
        let posted = self.shared.with_state(|state| {
            let ig_user_id = state.person(username)?.ig_user_id.clone();
            Some(state.content.post(Media {
                id: String::new(),
                ig_user_id,
                kind,
                container_id: String::new(),
                parent_id: None,
                children: Vec::new(),
                published_at_ms: now_ms / 1_000 * 1_000,
                details: PostDetails {
                    caption: caption.to_owned(),
                    sample: "square.jpg".to_owned(),
                    ..PostDetails::default()
                },
                counts_hidden: false,
                address_withheld: false,
                comments_disabled: false,
            }))
        });
        posted.unwrap_or_else(|| panic!("instagram-sim: nobody is called {username:?}"))
    }

    /// Writes a comment on a media under this name, and returns its id.
    ///
    /// # Panics
    ///
    /// With a sentence, where there is no such media.
    pub fn comment(&self, media_id: &str, username: &str, text: &str) -> String {
        let now_ms = (self.shared.now)();
        let written = self.shared.with_state(|state| {
            state.content.media(media_id)?;
            Some(state.content.add_comment(Comment {
                id: String::new(),
                media_id: media_id.to_owned(),
                ig_user_id: comments::scoped_id(username),
                username: username.to_owned(),
                text: text.to_owned(),
                created_at_ms: now_ms,
                parent_id: String::new(),
            }))
        });
        written.unwrap_or_else(|| panic!("instagram-sim: there is no media {media_id}"))
    }

    /// Takes media away, as their owner may.
    pub fn remove_media(&self, ids: &[String]) {
        self.shared
            .with_state(|state| state.content.remove_media(ids));
    }

    /// Every token and code that was ever issued, and the secrets of the apps: what must be found nowhere else.
    #[must_use]
    pub fn secrets_in_play(&self) -> Vec<String> {
        self.shared.with_state(|state| {
            let tokens = state.durable.tokens.texts();
            let codes = state.durable.codes.keys();
            let secrets = state.apps.iter().map(|app| &app.client_secret);
            tokens.chain(codes).chain(secrets).cloned().collect()
        })
    }
}
