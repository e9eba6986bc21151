//! What the listener and the handle share: the clock, the five services, the faults and the log.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::call::Call;
use crate::dynamodb::DynamoDb;
use crate::eventbridge::Buses;
use crate::fault::{FaultKind, Faults};
use crate::random::Random;
use crate::scheduler::Schedules;
use crate::secrets::Secrets;
use crate::sqs::Queues;
use crate::wire::Service;
use crate::{Now, Options};

/// A lock that outlives a panic of another thread: a test that failed must not fail the rest of it in another way.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where in AWS we claim to be.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) account: String,
}

impl Place {
    /// An ARN of this Region and account.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }
}

pub(crate) struct Core {
    now: Now,
    pub(crate) place: Place,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) queues: Mutex<Queues>,
    /// Told whenever a message may have become visible.
    pub(crate) queues_changed: Notify,
    pub(crate) secrets: Mutex<Secrets>,
    pub(crate) schedules: Mutex<Schedules>,
    pub(crate) buses: Mutex<Buses>,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<Call>>,
    request_ids: Mutex<Random>,
    state_dir: Option<PathBuf>,
    pub(crate) stop: watch::Sender<bool>,
}

/// Everything but the tables, as it is kept in a file.
#[derive(Serialize, Deserialize)]
struct State {
    queues: Queues,
    secrets: Secrets,
    schedules: Schedules,
    #[serde(default)]
    buses: Buses,
}

const STATE_FILE: &str = "aws-sim.json";
const TABLES_FILE: &str = "dynamodb.sqlite";

impl Core {
    pub(crate) fn new(options: &Options) -> std::io::Result<Arc<Self>> {
        let dynamodb = DynamoDb::new(options.now.clone())?;
        let mut state = State {
            queues: Queues::new(options.seed),
            secrets: Secrets::new(options.seed),
            schedules: Schedules::new(options.seed, (options.now)()),
            buses: Buses::default(),
        };
        if let Some(folder) = &options.state_dir {
            std::fs::create_dir_all(folder)?;
            if let Some(kept) = read_state(&folder.join(STATE_FILE))? {
                state = kept;
                state.schedules.catch_up((options.now)());
            }
            if folder.join(TABLES_FILE).exists() {
                dynamodb.restore(&folder.join(TABLES_FILE))?;
            }
        }
        Ok(Arc::new(Self {
            now: options.now.clone(),
            place: Place {
                region: options.region.clone(),
                account: options.account_id.clone(),
            },
            dynamodb,
            queues: Mutex::new(state.queues),
            queues_changed: Notify::new(),
            secrets: Mutex::new(state.secrets),
            schedules: Mutex::new(state.schedules),
            buses: Mutex::new(state.buses),
            faults: Mutex::new(Faults::new(options.seed)),
            calls: Mutex::default(),
            request_ids: Mutex::new(Random::new(options.seed, "request ids")),
            state_dir: options.state_dir.clone(),
            stop: watch::channel(false).0,
        }))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.now)()
    }

    pub(crate) fn request_id(&self) -> String {
        lock(&self.request_ids).uuid()
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn draw_fault(
        &self,
        service: Service,
        operation: &str,
        body: &[u8],
    ) -> Option<FaultKind> {
        self.faults().draw(service, operation, body)
    }

    pub(crate) fn log(&self, call: Call) {
        lock(&self.calls).push(call);
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        lock(&self.calls)
    }

    /// Writes everything to the state folder, if there is one.
    pub(crate) fn persist(&self) -> std::io::Result<()> {
        let Some(folder) = &self.state_dir else {
            return Ok(());
        };
        // Locked together, so that no task is in the file both as a due schedule and as the message that it became.
        let (schedules, queues, secrets) = (
            lock(&self.schedules),
            lock(&self.queues),
            lock(&self.secrets),
        );
        let buses = lock(&self.buses);
        let state = StateView {
            buses: &buses,
            queues: &queues,
            secrets: &secrets,
            schedules: &schedules,
        };
        let text = serde_json::to_vec(&state)?;
        self.dynamodb.write_snapshot(&folder.join(TABLES_FILE))?;
        write_private(&folder.join(STATE_FILE), &text)
    }
}

#[derive(Serialize)]
struct StateView<'a> {
    queues: &'a Queues,
    secrets: &'a Secrets,
    schedules: &'a Schedules,
    buses: &'a Buses,
}

fn read_state(file: &Path) -> std::io::Result<Option<State>> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file holds the secrets' values, so it is for its owner alone; it replaces the former one only when it is whole.
fn write_private(file: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let partial = file.with_extension("partial");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&partial)?.write_all(text)?;
    std::fs::rename(partial, file)
}
