//! One HTTP client to Instagram: deadline, size cap, no redirects, tries, breaker.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use url::Url;

use super::breaker::Breaker;
use super::catalogue::{Cause, ErrorKind};
use super::config::{GraphConfig, LoginKind};
use super::endpoint::Endpoint;
use super::error::GraphError;
use super::object::Object;
use super::proof::appsecret_proof;
use super::retry::wait_before_next_try;
use super::usage::Usage;
use super::wire;
use crate::clock::Clock;
use crate::outgoing::{self, ClientSetupError};
use crate::secret::AccessToken;

/// How long an answer is still taken when the time for it is up.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// The client for Instagram's API. Build it once per cold start; copies share connections and breaker.
#[derive(Clone)]
pub struct Graph {
    inner: Arc<Inner>,
    login: LoginKind,
    on_call: Option<OnCall>,
}

struct Inner {
    config: GraphConfig,
    clock: Clock,
    http: reqwest::Client,
    breaker: Breaker,
    /// Accounts are told apart by a keyed hash of their token: the breaker never holds one.
    hasher: RandomState,
}

type OnCall = Arc<dyn Fn(&CallRecord) + Send + Sync>;

/// An answer, and what it said about limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<T> {
    /// What was asked for.
    pub value: T,
    /// What the answer said about limits.
    pub usage: Usage,
}

/// One finished call, for metrics and for counting the calls of a request.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The call.
    pub endpoint: Endpoint,
    /// Why it failed; `None` where it went well.
    pub failure: Option<ErrorKind>,
    /// The HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// Meta's id of a refused call.
    pub fbtrace_id: Option<Box<str>>,
    /// How often it was sent; 0 where it was not sent at all.
    pub tries: u32,
    /// How long it took, by the clock that the client was given.
    pub took: Duration,
    /// What the answer said about limits.
    pub usage: Usage,
    /// Whether calls of this kind pause from now on, because many accounts failed alike: tell the operator.
    pub paused_from_now: bool,
}

/// A request that is about to be made.
pub(super) struct Call {
    endpoint: Endpoint,
    method: Method,
    url: Url,
    bearer: Option<AccessToken>,
    form: Option<String>,
    account: String,
}

impl fmt::Debug for Graph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Graph")
            .field("config", &self.inner.config)
            .field("login", &self.login)
            .finish()
    }
}

impl Graph {
    /// A client with these hosts and limits.
    ///
    /// # Errors
    /// A base address that cannot carry a path, or TLS settings that cannot be made.
    pub fn new(config: GraphConfig, clock: Clock) -> Result<Self, ClientSetupError> {
        let bases = [
            &config.authorize_base,
            &config.token_base,
            &config.graph_base,
        ];
        if bases
            .iter()
            .any(|base| !matches!(base.scheme(), "http" | "https"))
        {
            return Err(ClientSetupError::BaseAddress);
        }
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        // The other limits are kept by `within`: a client's own would throw away an answer that has come.
        let http = outgoing::client(roots, config.connect_timeout)?;
        let breaker = Breaker::new(config.breaker);
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                clock,
                http,
                breaker,
                hasher: RandomState::new(),
            }),
            login: LoginKind::Instagram,
            on_call: None,
        })
    }

    /// The same client for accounts of this login. Calls of the Facebook login are not built: each answers
    /// [`ErrorKind::UnsupportedLogin`].
    pub fn for_login(&self, login: LoginKind) -> Self {
        Self {
            login,
            ..self.clone()
        }
    }

    /// The same client, telling `hook` of every finished call.
    pub fn on_call(&self, hook: impl Fn(&CallRecord) + Send + Sync + 'static) -> Self {
        Self {
            on_call: Some(Arc::new(hook)),
            ..self.clone()
        }
    }

    /// Hosts and limits.
    pub fn config(&self) -> &GraphConfig {
        &self.inner.config
    }

    /// What is known about faults of the whole app.
    pub fn breaker(&self) -> &Breaker {
        &self.inner.breaker
    }

    /// An address below a base, each segment encoded.
    pub(super) fn address(&self, base: &Url, segments: &[&str]) -> Url {
        let mut url = base.clone();
        // `new` has refused every address without a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// An address of the Graph API in the configured version.
    pub(super) fn versioned(&self, segments: &[&str]) -> Url {
        let config = &self.inner.config;
        self.address(
            &self.address(&config.graph_base, &[config.api_version.as_str()]),
            segments,
        )
    }

    /// Makes a call and reads what it is made for from the answer.
    pub(super) async fn send<T>(
        &self,
        call: Call,
        read: impl Fn(Object) -> Option<T>,
    ) -> Result<Answered<T>, GraphError> {
        let inner = &self.inner;
        let endpoint = call.endpoint;
        let started = inner.clock.now();
        let account = inner.hasher.hash_one(&call.account);
        let mut tries = 0;
        let outcome = match self.admit(endpoint, started) {
            Err(error) => Err(error),
            Ok(()) => {
                let tried = Box::pin(inner.send_with_tries(&call, &read, started, &mut tries));
                within(inner.config.timeout, tried)
                    .await
                    .unwrap_or_else(|| Err(wire::without_answer(endpoint, Cause::Timeout)))
            }
        };
        let now = inner.clock.now();
        let failure = outcome.as_ref().err();
        let kind = failure.map(|error| error.kind);
        let paused_from_now = tries > 0 && inner.breaker.record(endpoint, account, kind, now);
        if let Some(error) = failure.filter(|error| error.kind == ErrorKind::Unknown) {
            tracing::warn!(%error, "an error of Instagram's that the catalogue does not know");
        }
        if let Some(hook) = &self.on_call {
            let (http_status, usage) = match &outcome {
                Ok((answered, status)) => (Some(*status), answered.usage),
                Err(error) => (error.http_status, error.usage),
            };
            hook(&CallRecord {
                endpoint,
                failure: kind,
                http_status,
                fbtrace_id: failure.and_then(|error| error.fbtrace_id.clone()),
                tries,
                took: elapsed(started, now),
                usage,
                paused_from_now,
            });
        }
        outcome.map(|(answered, _)| answered)
    }

    fn admit(&self, endpoint: Endpoint, now: Timestamp) -> Result<(), GraphError> {
        if self.login != LoginKind::Instagram {
            return Err(GraphError::without_answer(
                endpoint,
                ErrorKind::UnsupportedLogin,
            ));
        }
        self.inner.breaker.admit(endpoint, now).map_err(|wait| {
            let mut error = GraphError::without_answer(endpoint, ErrorKind::PausedByBreaker);
            error.retry_after = Some(wait);
            error
        })
    }
}

impl Inner {
    async fn send_with_tries<T>(
        &self,
        call: &Call,
        read: &impl Fn(Object) -> Option<T>,
        started: Timestamp,
        tries: &mut u32,
    ) -> Result<(Answered<T>, u16), GraphError> {
        let invalid = || GraphError::without_answer(call.endpoint, ErrorKind::InvalidCall);
        let request = self.request(call).ok_or_else(invalid)?;
        loop {
            let request = request.try_clone().ok_or_else(invalid)?;
            *tries += 1;
            let error = match self.send_once(call.endpoint, request, read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let left = self
                .config
                .timeout
                .saturating_sub(elapsed(started, self.clock.now()));
            match wait_before_next_try(&error, *tries, self.config.max_tries, left) {
                Some(wait) => self.clock.sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    async fn send_once<T>(
        &self,
        endpoint: Endpoint,
        request: reqwest::Request,
        read: &impl Fn(Object) -> Option<T>,
    ) -> Result<(Answered<T>, u16), GraphError> {
        // An error of reqwest's names the address, which may hold a token: only its class is looked at.
        let failed = |error: reqwest::Error| {
            let cause = if error.is_timeout() {
                Cause::Timeout
            } else {
                Cause::Connection
            };
            wire::without_answer(endpoint, cause)
        };
        let silent = || wire::without_answer(endpoint, Cause::Timeout);
        let limit = self.config.read_timeout;
        let mut response = within(limit, self.http.execute(request))
            .await
            .ok_or_else(silent)?
            .map_err(failed)?;
        let status = response.status().as_u16();
        let headers: HeaderMap = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = within(limit, response.chunk())
            .await
            .ok_or_else(silent)?
            .map_err(failed)?
        {
            if body.len() + chunk.len() > self.config.max_body_bytes {
                return Err(wire::without_answer(endpoint, Cause::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        let object = wire::parse_answer(endpoint, status, &headers, &body)?;
        let value = read(object).ok_or_else(|| wire::unusable(endpoint, status, &headers))?;
        let usage = Usage::from_headers(&headers);
        Ok((Answered { value, usage }, status))
    }

    fn request(&self, call: &Call) -> Option<reqwest::Request> {
        let mut url = call.url.clone();
        if let (Some(secret), Some(token)) = (&self.config.proof_secret, &call.bearer) {
            url.query_pairs_mut()
                .append_pair("appsecret_proof", &appsecret_proof(secret, token));
        }
        let mut request = reqwest::Request::new(call.method.clone(), url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = &call.bearer {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).ok()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(form) = &call.form {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            *request.body_mut() = Some(form.clone().into());
        }
        Some(request)
    }
}

impl Call {
    pub(super) fn get(endpoint: Endpoint, url: Url) -> Self {
        Self::new(endpoint, Method::GET, url)
    }

    pub(super) fn post(endpoint: Endpoint, url: Url) -> Self {
        Self::new(endpoint, Method::POST, url)
    }

    pub(super) fn delete(endpoint: Endpoint, url: Url) -> Self {
        Self::new(endpoint, Method::DELETE, url)
    }

    fn new(endpoint: Endpoint, method: Method, url: Url) -> Self {
        Self {
            endpoint,
            method,
            url,
            bearer: None,
            form: None,
            account: String::new(),
        }
    }

    /// The token goes into the `Authorization` header, and tells accounts apart.
    pub(super) fn bearer(mut self, token: &AccessToken) -> Self {
        self.bearer = Some(token.clone());
        self.account(token.expose())
    }

    /// What tells this call's account from others.
    pub(super) fn account(mut self, account: &str) -> Self {
        self.account = account.to_owned();
        self
    }

    pub(super) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        self.form = Some(form.extend_pairs(fields).finish());
        self
    }
}

/// Waits for so long at most. A process that slept finds its limits run out when it wakes, and an answer in the socket that
/// nobody has read yet: it may be the only token that works, so it gets a last look.
async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match tokio::time::timeout(limit, future.as_mut()).await {
        Ok(output) => Some(output),
        Err(_) => tokio::time::timeout(LAST_LOOK, future).await.ok(),
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
