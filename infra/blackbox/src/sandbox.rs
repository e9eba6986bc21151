//! A function as a process under a Lambda Runtime API of its own.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as InPath, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as TurnMutex, mpsc, oneshot};

/// A function that takes longer is given up, of the machine's time.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(40);
/// How often a process is looked at while its answer is waited for.
const LOOKS_AFTER: Duration = Duration::from_millis(100);

type Answer = Result<String, String>;

/// A function's process. It ends with this.
pub(crate) struct Sandbox {
    process: Mutex<Child>,
    log: PathBuf,
    events: mpsc::UnboundedSender<Event>,
    api: Arc<RuntimeApi>,
}

struct Event {
    id: String,
    deadline_ms: i64,
    body: String,
}

struct RuntimeApi {
    events: TurnMutex<mpsc::UnboundedReceiver<Event>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Sandbox {
    /// Starts a program with exactly this environment and what Lambda adds to it.
    ///
    /// # Errors
    /// When no port is free or the program cannot be started.
    pub(crate) async fn start(
        name: &str,
        program: &Path,
        variables: &[(String, String)],
        log: PathBuf,
    ) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{name}: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        let (events, waiting_events) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            events: TurnMutex::new(waiting_events),
            waiting: Mutex::default(),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(respond),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(fail))
            .route("/2018-06-01/runtime/init/error", post(fail_start))
            .with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let file = File::create(&log).map_err(said)?;
        let process = Command::new(program)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "blackbox")
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(said)?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self {
            process: Mutex::new(process),
            log,
            events,
            api,
        })
    }

    /// Hands over an event and waits for the answer.
    ///
    /// # Errors
    /// What the function reported, where it failed as a whole; a sentence where it did not answer.
    pub(crate) async fn invoke(&self, body: String, deadline_ms: i64) -> Answer {
        let id = uuid::Uuid::new_v4().to_string();
        let (sender, answer) = oneshot::channel();
        lock(&self.api.waiting).insert(id.clone(), sender);
        let event = Event {
            id,
            deadline_ms,
            body,
        };
        if self.events.send(event).is_err() {
            return Err("it takes no events any more".to_owned());
        }
        tokio::select! {
            answer = answer => answer.unwrap_or_else(|_| Err("it did not start".to_owned())),
            status = self.end() => Err(format!("it ended: {status}")),
            () = tokio::time::sleep(GIVEN_UP_AFTER) => Err("it does not answer".to_owned()),
        }
    }

    /// Waits until the process has ended, and says how.
    async fn end(&self) -> String {
        loop {
            if let Ok(Some(status)) = lock(&self.process).try_wait() {
                return status.to_string();
            }
            tokio::time::sleep(LOOKS_AFTER).await;
        }
    }

    /// What the process wrote so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn log(&self) -> Result<String, String> {
        std::fs::read_to_string(&self.log)
            .map_err(|error| format!("{}: {error}", self.log.display()))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Gone already is as good.
        let mut process = lock(&self.process);
        let _ = process.kill();
        let _ = process.wait();
    }
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Result<(HeaderMap, String), StatusCode> {
    let event = api.events.lock().await.recv().await;
    let event = event.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", event.deadline_ms.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:blackbox".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ] {
        let value = HeaderValue::from_str(&value).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok((headers, event.body))
}

async fn respond(
    State(api): State<Arc<RuntimeApi>>,
    InPath(id): InPath<String>,
    body: String,
) -> StatusCode {
    api.answer(&id, Ok(body))
}

async fn fail(
    State(api): State<Arc<RuntimeApi>>,
    InPath(id): InPath<String>,
    body: String,
) -> StatusCode {
    api.answer(&id, Err(body))
}

async fn fail_start(State(api): State<Arc<RuntimeApi>>) -> StatusCode {
    // Whoever waits is told so; the process's log says why.
    lock(&api.waiting).clear();
    StatusCode::ACCEPTED
}

impl RuntimeApi {
    fn answer(&self, id: &str, answer: Answer) -> StatusCode {
        match lock(&self.waiting).remove(id) {
            // Nobody waits any more where the function was given up.
            Some(waiting) => {
                let _ = waiting.send(answer);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

/// What a mutex holds, whoever panicked with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
