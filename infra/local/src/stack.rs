//! The stack: everything started in order, and stopped again.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sim::AwsSim;
use axum::Router;
use instagram_sim::InstagramSim;
use shared::app::App;
use shared::clock::{Clock, ManualClock};
use shared::config::Config;
use shared::lambda::Function;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use url::Url;
use world::browser::Browser;
use world::delivery::Feed;
use world::resources::{self, ACCOUNT_ID, REGION, Resources};

use crate::activity::Activity;
use crate::jwt::Issuer;
use crate::logs::LogFile;
use crate::people;
use crate::routes::FunctionName;
use crate::state::StateFolder;
use crate::{Instagram, Options, Report, StartError, api, from_meta, own, webhook_url, work};

/// The simulated app's id.
const SIMULATED_APP_ID: &str = "100200300400500";
/// The simulated app's secret: it protects nothing.
const SIMULATED_APP_SECRET: &str = "simulated-instagram-app-secret";
/// What the simulators draw comes from this.
const SEED: u64 = 3000;
/// How long calls under way may take when the stack is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// A running stack.
pub struct Stack {
    /// Where the API and the start page are.
    pub api_url: String,
    /// Where the webhooks' function URL is.
    pub webhook_url: String,
    /// Where the simulated Instagram is; `None` with the real one.
    pub instagram_url: Option<String>,
    /// Where the embedded AWS is.
    pub aws_url: String,
    /// Where Instagram sends people back to.
    pub redirect_uri: String,
    inside: Arc<Inside>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    _log: LogFile,
}

/// What requests and background work share.
pub(crate) struct Inside {
    pub(crate) functions: BTreeMap<FunctionName, Function>,
    pub(crate) issuer: Issuer,
    pub(crate) clock: ManualClock,
    pub(crate) aws: AwsSim,
    pub(crate) instagram: Option<InstagramSim>,
    pub(crate) feed: Feed,
    pub(crate) activity: Activity,
    pub(crate) state: StateFolder,
    /// Held by whoever fires schedules and feeds the queue: the background's loop or a turn of the clock.
    pub(crate) working: Mutex<()>,
    pub(crate) report: Report,
    pub(crate) api_url: String,
    pub(crate) webhook_url: String,
    pub(crate) redirect_uri: String,
    /// Something happened that the state folder does not know of yet.
    changed: AtomicBool,
}

impl Inside {
    pub(crate) fn note_change(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Whether something changed since this was asked last.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        Clock::Manual(self.clock.clone()).now()
    }

    pub(crate) fn function(&self, name: FunctionName) -> &Function {
        &self.functions[&name]
    }

    /// Whether Instagram sends people back to another host than the one where they began. No cookie of ours gets there.
    pub(crate) fn returns_elsewhere(&self) -> bool {
        are_apart(&self.redirect_uri, &self.api_url)
    }
}

/// Whether two addresses have different hosts.
fn are_apart(one: &str, other: &str) -> bool {
    let host = |text: &str| {
        Url::parse(text)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
    };
    host(one) != host(other)
}

impl Stack {
    /// Starts everything.
    ///
    /// # Errors
    /// A sentence, where a port is taken, the state folder is in use or cannot be read, or a setting is wrong.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (api_listener, api_url) = listen(options.api_port, "the API", "api").await?;
        let (webhook_listener, webhook_url) = listen(
            options.webhook_port,
            "the webhooks' function URL",
            "webhook",
        )
        .await?;
        let state = StateFolder::open(&options.state, options.fresh)?;
        let key = state.key()?;
        let clock = ManualClock::running_ahead_by(state.clock_ahead());
        let level = options
            .variables
            .get("LOG_LEVEL")
            .and_then(|level| level.parse().ok())
            .unwrap_or(tracing::Level::INFO);
        let log = LogFile::begin(
            state.open_log()?,
            options.verbose.then(|| options.report.clone()),
            Clock::Manual(clock.clone()),
            level,
        );
        let redirect_uri = match &options.instagram {
            Instagram::Real {
                redirect_uri: Some(uri),
                ..
            } => uri.clone(),
            _ => format!("{api_url}/instagram/callback"),
        };
        let instagram = match &options.instagram {
            Instagram::Simulated => {
                Some(start_instagram(&options, &state, &clock, &redirect_uri).await?)
            }
            Instagram::Real { .. } => None,
        };
        let aws = AwsSim::start(aws_sim::Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            now: world::simulators_clock(&clock),
            seed: SEED,
            state_dir: Some(state.aws()),
            region: REGION.to_owned(),
            account_id: ACCOUNT_ID.to_owned(),
        })
        .await
        .map_err(|error| StartError::new(format!("the embedded AWS does not start: {error}")))?;
        let clients = resources::clients(&aws.url(), "LOCAL");
        let unusable = |error| StartError::new(format!("the embedded AWS is not usable: {error}"));
        let resources = resources::provision(&clients, &app_secret(&options.instagram, &key))
            .await
            .map_err(unusable)?;
        resources::schedule_audits(&clients, &resources)
            .await
            .map_err(unusable)?;
        // Seldom, since no message is lost here, and a turn of the clock does each of them.
        resources::schedule_post_audits(&clients, &resources, "rate(6 hours)")
            .await
            .map_err(unusable)?;

        let activity = Activity::open(&state)?;
        if let Some(instagram) = &instagram {
            let told = from_meta::addresses(
                &webhook_url,
                derived(&key, VERIFY_TOKEN),
                derived(&key, META_SECRET),
            );
            instagram.register_webhooks(SIMULATED_APP_ID, told);
        }
        let settings = Settings {
            resources: &resources,
            aws_url: aws.url(),
            instagram_url: instagram.as_ref().map(InstagramSim::url),
            redirect_uri: redirect_uri.clone(),
            return_to: api_url.clone(),
            webhook_url: webhook_url.clone(),
            given: &options.variables,
        };
        let mut functions = BTreeMap::new();
        for name in FunctionName::ALL {
            let app = App::new(settings.config(name)?, Clock::Manual(clock.clone()))
                .map_err(|error| StartError::new(error.to_string()))?;
            functions.insert(name, name.build(app));
        }
        let inside = Arc::new(Inside {
            functions,
            issuer: Issuer::new(&key),
            feed: Feed::new(&aws.url(), &resources),
            activity,
            clock,
            aws,
            instagram,
            state,
            working: Mutex::new(()),
            report: options.report,
            api_url: api_url.clone(),
            webhook_url: webhook_url.clone(),
            redirect_uri: redirect_uri.clone(),
            changed: AtomicBool::new(true),
        });
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            serve(
                api_listener,
                own::router(inside.clone())
                    .fallback(api::answer)
                    .with_state(inside.clone()),
                &stopped,
            ),
            serve(
                webhook_listener,
                webhook_url::router().with_state(inside.clone()),
                &stopped,
            ),
            tokio::spawn(work::keep_working(inside.clone(), stopped)),
        ];
        Ok(Self {
            api_url,
            webhook_url,
            instagram_url: inside.instagram.as_ref().map(InstagramSim::url),
            aws_url: inside.aws.url(),
            redirect_uri,
            inside,
            stop,
            tasks,
            _log: log,
        })
    }

    /// Asks everything whether it answers.
    ///
    /// # Errors
    /// A sentence about the first that does not.
    pub async fn check(&self) -> Result<(), String> {
        let browser = Browser::new();
        let ready = browser.open(&format!("{}/ready", self.api_url)).await?;
        if ready.status != 200 {
            return Err(format!("the API is not ready: {}", ready.text()));
        }
        browser.open(&self.webhook_url).await?;
        if let Some(instagram) = &self.instagram_url {
            browser.open(instagram).await?;
        }
        Ok(())
    }

    /// The simulated Instagram, to change people and add faults.
    pub fn instagram(&self) -> Option<&InstagramSim> {
        self.inside.instagram.as_ref()
    }

    /// Who signs the tokens of this stack's callers.
    pub fn issuer(&self) -> &Issuer {
        &self.inside.issuer
    }

    /// The present moment, by the stack's clock.
    pub fn now(&self) -> jiff::Timestamp {
        self.inside.now()
    }

    /// Lets calls under way finish, keeps the state and stops.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for mut task in self.tasks {
            if tokio::time::timeout(STOP_WITHIN, &mut task).await.is_err() {
                task.abort();
            }
        }
        work::keep_state(&self.inside).await;
        self.inside.aws.clone().stop().await;
        if let Some(instagram) = &self.inside.instagram {
            instagram.clone().stop().await;
        }
    }
}

async fn listen(port: u16, what: &str, flag: &str) -> Result<(TcpListener, String), StartError> {
    let cannot = |error: &std::io::Error| not_listening(port, what, flag, error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| cannot(&error))?;
    let address = listener.local_addr().map_err(|error| cannot(&error))?;
    Ok((listener, format!("http://{address}")))
}

fn not_listening(port: u16, what: &str, flag: &str, error: &std::io::Error) -> StartError {
    let variable = format!("LOCAL_{}_PORT", flag.to_uppercase());
    StartError::new(if error.kind() == ErrorKind::AddrInUse {
        format!(
            "port {port} for {what} is taken: stop what uses it, or choose another one with --{flag}-port or {variable}"
        )
    } else {
        format!("port {port} for {what} cannot be used: {error}")
    })
}

async fn start_instagram(
    options: &Options,
    state: &StateFolder,
    clock: &ManualClock,
    redirect_uri: &str,
) -> Result<InstagramSim, StartError> {
    let instagram = InstagramSim::start(instagram_sim::Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, options.instagram_port)),
        now: world::simulators_clock(clock),
        seed: SEED,
        apps: vec![instagram_sim::App {
            name: "Local".to_owned(),
            client_id: SIMULATED_APP_ID.to_owned(),
            client_secret: SIMULATED_APP_SECRET.to_owned(),
            redirect_uris: vec![redirect_uri.to_owned()],
            development: true,
        }],
        state_file: Some(state.instagram()),
    })
    .await
    .map_err(|error| {
        not_listening(
            options.instagram_port,
            "the simulated Instagram",
            "instagram",
            &error,
        )
    })?;
    people::add_with_pasts(&instagram, clock.milliseconds());
    Ok(instagram)
}

/// The text of the app's secret. What the real one would hold besides is not needed here yet, and is made from the key.
fn app_secret(instagram: &Instagram, key: &[u8]) -> String {
    let simulated_meta_secret = derived(key, META_SECRET);
    let (app_id, app_secret, meta_secret) = match instagram {
        Instagram::Simulated => (
            SIMULATED_APP_ID,
            SIMULATED_APP_SECRET,
            simulated_meta_secret.as_str(),
        ),
        Instagram::Real {
            app_id, app_secret, ..
        } => (app_id.as_str(), app_secret.as_str(), app_secret.as_str()),
    };
    serde_json::json!({
        "instagramAppId": app_id,
        "instagramAppSecret": app_secret,
        "metaAppId": app_id,
        "metaAppSecret": meta_secret,
        "webhookVerifyToken": derived(key, VERIFY_TOKEN),
        "cursorKey": derived(key, "cursor key"),
    })
    .to_string()
}

/// What a derived secret is for.
const VERIFY_TOKEN: &str = "webhook verify token";
const META_SECRET: &str = "simulated meta app secret";

/// A secret for one purpose, from the stack's key.
fn derived(key: &[u8], purpose: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    let tag = ring::hmac::sign(&key, purpose.as_bytes());
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag)
}

/// What the functions' environment is made from.
struct Settings<'a> {
    resources: &'a Resources,
    aws_url: String,
    instagram_url: Option<String>,
    redirect_uri: String,
    return_to: String,
    webhook_url: String,
    given: &'a BTreeMap<String, String>,
}

impl Settings<'_> {
    fn config(&self, function: FunctionName) -> Result<Config, StartError> {
        let access_key_id = format!("LOCAL{}", function.as_str().to_uppercase());
        let mut variables = self.given.clone();
        variables
            .entry("INSTAGRAM_MODE".to_owned())
            .or_insert_with(|| "development".to_owned());
        variables.extend(self.resources.variables(&self.aws_url, &access_key_id));
        let mut set = |name: &str, value: &str| {
            variables.insert(name.to_owned(), value.to_owned());
        };
        set("AWS_LAMBDA_FUNCTION_NAME", function.as_str());
        set("INSTAGRAM_REDIRECT_URI", &self.redirect_uri);
        set("INSTAGRAM_RETURN_TO", &self.return_to);
        if self.instagram_url.is_some() {
            // Of a real app, Meta calls a tunnel, which the function sees.
            set("WEBHOOKS_URL", &self.webhook_url);
        }
        if are_apart(&self.redirect_uri, &self.return_to) {
            // Through a tunnel no cookie reaches the callback, and whoever sits at this machine is its only user.
            set("INSTAGRAM_LOGINS_BEGUN_BY_SERVERS", "allow");
        }
        if let Some(url) = &self.instagram_url {
            set("INSTAGRAM_AUTHORIZE_URL", url);
            set("INSTAGRAM_TOKEN_URL", url);
            set("INSTAGRAM_GRAPH_URL", url);
            set("PUBLISH_TRUSTED_MEDIA", url);
        }
        Config::from_variables(&variables).map_err(|error| StartError::new(error.to_string()))
    }
}

fn serve(listener: TcpListener, router: Router, stopped: &watch::Receiver<bool>) -> JoinHandle<()> {
    let mut stopped = stopped.clone();
    tokio::spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        let _ = serving.await;
    })
}
