//! The functions of `template.yaml` as processes, with AWS, Instagram, API Gateway and the queue's poller around them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Mutex;

use instagram_sim::InstagramSim;
use jiff::SignedDuration;
use local::routes;
use world::browser::Browser;
use world::gateway::{HttpCall, Reply, api_gateway_event, function_url_event};
use world::resources::{REGION, SECRET_ACCESS_KEY, WORKER_TIMEOUT_SECONDS};
use world::scrutiny::{self, Search};
use world::{INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, access_key_id, app_secret};

use crate::Places;
use crate::clock::SharedClock;
use crate::emulator::{Deployed, Emulator};
use crate::sandbox::{Sandbox, lock};

/// The accounts' queue, by its logical id in the template.
pub(crate) const ACCOUNTS: &str = "AccountQueue";
/// The posts' queue.
pub(crate) const POSTS: &str = "PostQueue";

/// The queue of Instagram's events.
pub(crate) const EVENTS: &str = "EventQueue";
/// The function with an address of its own, which Meta calls.
pub(crate) const RECEIVER: &str = "WebhookReceiver";

/// The services whose addresses the functions are told.
const SERVICES: [&str; 5] = [
    "DYNAMODB",
    "SECRETS_MANAGER",
    "SQS",
    "SCHEDULER",
    "EVENTBRIDGE",
];

/// Everything that the journey plays on.
pub(crate) struct Stage {
    /// AWS.
    pub(crate) aws: Emulator,
    /// Instagram.
    pub(crate) instagram: InstagramSim,
    /// The one clock.
    pub(crate) clock: SharedClock,
    /// A person's browser, for Instagram's pages.
    pub(crate) browser: Browser,
    /// The folder of the sample events.
    pub(crate) samples: PathBuf,
    functions: BTreeMap<String, (Deployed, Sandbox)>,
    /// Texts that must be found nowhere but in answers to whom they belong.
    seen: Mutex<BTreeSet<String>>,
    answers: Mutex<Vec<String>>,
}

impl Stage {
    /// Starts AWS and Instagram, and every function of the template.
    ///
    /// # Errors
    /// A sentence that says what does not start.
    pub(crate) async fn set(places: &Places) -> Result<Self, String> {
        let clock = SharedClock::new(places.logs.join("clock"), &places.faketime)?;
        let secret = app_secret(INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET);
        let aws = Emulator::start(places, &clock, &secret)?;
        let instagram = InstagramSim::start(instagram_sim::Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            now: world::simulators_clock(clock.manual()),
            seed: 1,
            apps: vec![instagram_sim::App {
                name: "Test".to_owned(),
                client_id: INSTAGRAM_APP_ID.to_owned(),
                client_secret: INSTAGRAM_APP_SECRET.to_owned(),
                redirect_uris: vec![aws.variable("INSTAGRAM_REDIRECT_URI").to_owned()],
                development: true,
            }],
            state_file: None,
        })
        .await
        .map_err(|error| format!("the simulated Instagram does not start: {error}"))?;
        let mut functions = BTreeMap::new();
        for function in &aws.deployment.functions {
            let mut variables = clock.variables();
            variables.extend(function.environment.clone());
            variables.extend(surroundings(&function.name, &aws, &instagram));
            let sandbox = Sandbox::start(
                &function.name,
                &places.programs.join(&function.program),
                &variables,
                places.logs.join(format!("{}.log", function.name)),
            )
            .await?;
            functions.insert(function.name.clone(), (function.clone(), sandbox));
        }
        Ok(Self {
            aws,
            instagram,
            clock,
            browser: Browser::new(),
            samples: places.root.join("events"),
            functions,
            seen: Mutex::default(),
            answers: Mutex::default(),
        })
    }

    /// The names of all functions, and of what they were built.
    pub(crate) fn functions(&self) -> Vec<String> {
        let functions = self.functions.values();
        functions
            .map(|(function, _)| format!("{} ({})", function.name, function.program))
            .collect()
    }

    /// Sends an HTTP call to the function to which the template's route leads, as API Gateway does.
    ///
    /// # Errors
    /// Where no route leads anywhere, or the function fails as a whole.
    pub(crate) async fn call(&self, mut call: HttpCall) -> Result<Reply, String> {
        let found = routes::find(&call.method, &call.path)
            .ok_or_else(|| format!("no route for {} {}", call.method, call.path))?;
        let key = format!("{} {}", found.route.method, found.route.path);
        call.path_parameters = found.parameters;
        call.route_key = Some(key.clone());
        let event = api_gateway_event(&call, self.clock.now());
        let reply = Reply::parse(&self.invoke(&self.behind(&key)?, event).await?)?;
        lock(&self.answers).push(reply.everything());
        Ok(reply)
    }

    /// Sends an HTTP call to the receiver's own address.
    ///
    /// # Errors
    /// Where the function fails as a whole.
    pub(crate) async fn call_url(&self, call: &HttpCall) -> Result<Reply, String> {
        let event = function_url_event(call, self.clock.now());
        let reply = Reply::parse(&self.invoke(RECEIVER, event).await?)?;
        lock(&self.answers).push(reply.everything());
        Ok(reply)
    }

    /// The name of the function to which a route of the template leads.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn behind(&self, route_key: &str) -> Result<String, String> {
        let mut functions = self.functions.values();
        functions
            .find(|(function, _)| function.routes.contains(route_key))
            .map(|(function, _)| function.name.clone())
            .ok_or_else(|| format!("the template leads {route_key} nowhere"))
    }

    /// The name of the function that takes a queue.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn worker(&self, queue: &str) -> Result<String, String> {
        let mut functions = self.functions.values();
        functions
            .find(|(function, _)| function.queue.as_deref() == Some(queue))
            .map(|(function, _)| function.name.clone())
            .ok_or_else(|| format!("no function takes the queue {queue}"))
    }

    /// Hands an event to a function and returns its answer.
    ///
    /// # Errors
    /// Where the function fails as a whole.
    pub(crate) async fn invoke(&self, name: &str, event: String) -> Result<String, String> {
        let (_, sandbox) = self.functions.get(name).ok_or("no such function")?;
        let deadline = self.clock.now() + SignedDuration::from_secs(WORKER_TIMEOUT_SECONDS);
        let answered = sandbox.invoke(event, deadline.as_millisecond()).await;
        answered.map_err(|error| format!("{name}: {error}"))
    }

    /// Hands over what waits on the queues, as Lambda's poller does. Returns how many messages that were.
    ///
    /// # Errors
    /// Where SQS does not answer, or the worker fails as a whole.
    pub(crate) async fn work(&self) -> Result<usize, String> {
        let feed = &self.aws.feed;
        let mut delivered = 0;
        for (queue, source) in [
            (ACCOUNTS, &feed.accounts),
            (POSTS, &feed.posts),
            (EVENTS, &feed.events),
        ] {
            let worker = self.worker(queue)?;
            loop {
                let batch = source.receive().await?;
                if batch.is_empty() {
                    break;
                }
                delivered += batch.len();
                let answer = self.invoke(&worker, source.event(&batch)).await?;
                source.delete_done(&batch, &answer).await?;
            }
        }
        Ok(delivered)
    }

    /// Makes a text a canary: it must be found nowhere from now on.
    pub(crate) fn note_secret(&self, text: &str) {
        lock(&self.seen).insert(text.to_owned());
    }

    /// Looks for secrets in logs, table, schedules and answers. Returns how many secrets and how many log lines there
    /// were.
    ///
    /// # Errors
    /// Where one is found; says where, and only its beginning.
    pub(crate) async fn look_for_secrets(&self) -> Result<(usize, usize), String> {
        let mut secrets = self.instagram.secrets_in_play();
        secrets.extend(scrutiny::SECRETS.map(str::to_owned));
        let answers = lock(&self.answers).join("\n");
        // Before the states are added, which belong to the caller.
        check(&[("an answer".to_owned(), answers)], &secrets)?;
        secrets.extend(lock(&self.seen).iter().cloned());
        let items = format!("{:?}", self.aws.items().await?);
        let mut places = vec![("the table".to_owned(), items)];
        let mut lines = 0;
        for (function, sandbox) in self.functions.values() {
            let log = sandbox.log()?;
            if !log.contains("\"event\":") {
                return Err(format!("{} wrote no log", function.name));
            }
            lines += log.lines().count();
            places.push((format!("the log of {}", function.name), log));
        }
        for name in self.aws.schedules().await? {
            places.push((name.clone(), self.aws.schedule(&name).await?.input));
        }
        check(&places, &secrets)?;
        Ok((secrets.len(), lines))
    }
}

fn check(places: &[(String, String)], secrets: &[String]) -> Result<(), String> {
    let search = Search::new(secrets);
    for (place, text) in places {
        if let Some(beginning) = search.found_in(text) {
            return Err(format!(
                "a secret that begins with `{beginning}` stands in {place}"
            ));
        }
    }
    Ok(())
}

/// What Lambda sets itself, and the addresses of what stands in for AWS and Instagram.
fn surroundings(name: &str, aws: &Emulator, instagram: &InstagramSim) -> Vec<(String, String)> {
    let mut variables = vec![
        ("AWS_REGION".to_owned(), REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID".to_owned(), access_key_id(name)),
        (
            "AWS_SECRET_ACCESS_KEY".to_owned(),
            SECRET_ACCESS_KEY.to_owned(),
        ),
    ];
    for service in SERVICES {
        let name = format!("AWS_ENDPOINT_URL_{service}");
        variables.push((name, aws.deployment.url.clone()));
    }
    for host in ["AUTHORIZE", "TOKEN", "GRAPH"] {
        variables.push((format!("INSTAGRAM_{host}_URL"), instagram.url()));
    }
    variables.push(("PUBLISH_TRUSTED_MEDIA".to_owned(), instagram.url()));
    variables
}
