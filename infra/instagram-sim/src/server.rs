//! One call from the socket to the answer: find out what it is, let faults have their way, apply it, log it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State as SharedState};
use axum::http::{Method, Response};
use serde_json::json;

use crate::answer::{Answer, GraphError};
use crate::connection::Connection;
use crate::control;
use crate::delivery::{Delivery, deliver};
use crate::fault::FaultKind;
use crate::incoming::Incoming;
use crate::log::Call;
use crate::router::{self, Route};
use crate::state::State;
use crate::tokens::masked;
use crate::visit::{Effects, Visit, unsupported_request};
use crate::{Now, samples, usage};

/// More than any call of the real API takes in a body that is not an upload.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// What all calls share.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) now: Now,
    pub(crate) base_url: String,
    pub(crate) state_file: Option<PathBuf>,
}

impl Shared {
    pub(crate) fn with_state<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        // A caller's closure that panicked must not take the simulator with it.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state);
        state.content.write_down();
        if state.unsaved
            && let Some(file) = &self.state_file
        {
            match save(&state, file) {
                Ok(()) => state.unsaved = false,
                Err(error) => {
                    let _ = writeln!(
                        std::io::stderr(),
                        "instagram-sim: cannot write {}: {error}",
                        file.display()
                    );
                }
            }
        }
        result
    }
}

/// Through a second file, so that whoever is interrupted leaves the old state and not half of the new.
fn save(state: &State, file: &std::path::Path) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(&state.durable)?;
    let mut new_file = file.as_os_str().to_owned();
    new_file.push(".new");
    std::fs::write(&new_file, text)?;
    std::fs::rename(&new_file, file)
}

pub(crate) async fn answer(
    SharedState(shared): SharedState<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        let refusal = Answer::json(
            413,
            &json!({ "error": { "message": "instagram-sim: the body is too large" } }),
        );
        return deliver(refusal, Delivery::Whole, &connection).await;
    };
    let incoming = Incoming::new(head.method, &head.uri, &head.headers, body);
    if let Some(name) = incoming.path.strip_prefix("/_sim/media/")
        && matches!(incoming.method, Method::GET | Method::HEAD)
    {
        let (answer, delivery) = samples::answer(name);
        return deliver(answer, delivery, &connection).await;
    }
    if incoming.method == "GET"
        && let Some(answer) = control::website_page(&shared, &incoming.path)
    {
        return deliver(answer, Delivery::Whole, &connection).await;
    }
    if incoming.path == "/_sim" || incoming.path.starts_with("/_sim/") {
        let answer = control::answer(&shared, &incoming);
        return deliver(answer, Delivery::Whole, &connection).await;
    }
    if incoming.path == "/" && incoming.method == "GET" {
        // No path of Meta's: somebody opened the address to see what is there.
        return deliver(
            Answer::redirect(302, "/_sim/"),
            Delivery::Whole,
            &connection,
        )
        .await;
    }
    let plan = shared.with_state(|state| Plan::new(state, &incoming));
    if plan.wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(plan.wait_ms)).await;
    }
    let now_ms = (shared.now)();
    let (answer, delivery) =
        shared.with_state(|state| plan.carry_out(state, &incoming, now_ms, &shared.base_url));
    deliver(answer, delivery, &connection).await
}

/// What a call is, and what will go wrong with it.
struct Plan {
    route: Option<Route>,
    username: Option<String>,
    faults: Vec<FaultKind>,
    wait_ms: u64,
}

impl Plan {
    fn new(state: &mut State, incoming: &Incoming) -> Self {
        let route = router::find(incoming.method.as_str(), &incoming.path, |id| {
            state.content.kind_of(id)
        });
        let username = Visit::username(state, incoming);
        let faults = route.as_ref().map_or_else(Vec::new, |route| {
            state.faults_for(route.endpoint, username.as_deref())
        });
        let delays = faults.iter().map(|fault| match fault {
            FaultKind::Delay(milliseconds) => *milliseconds,
            _ => 0,
        });
        let wait_ms = delays.fold(0, u64::saturating_add);
        Self {
            route,
            username,
            faults,
            wait_ms,
        }
    }

    fn carry_out(
        &self,
        state: &mut State,
        incoming: &Incoming,
        now_ms: i64,
        base_url: &str,
    ) -> (Answer, Delivery) {
        let mut delivery = Delivery::Whole;
        let mut effects = Effects::default();
        let mut instead = None;
        for fault in &self.faults {
            match fault {
                FaultKind::ApplyThenDelay(milliseconds) => {
                    delivery = Delivery::Late {
                        milliseconds: *milliseconds,
                    };
                }
                FaultKind::SlowBody(milliseconds) => {
                    delivery = Delivery::ByteByByte {
                        milliseconds: *milliseconds,
                    };
                }
                FaultKind::ApplyThenDrop => delivery = Delivery::Closed,
                FaultKind::TruncatedBody => delivery = Delivery::Half,
                FaultKind::EmptyBody => delivery = Delivery::WithoutBody,
                FaultKind::HugeBody(bytes) => delivery = Delivery::Padded { bytes: *bytes },
                FaultKind::Reset => {
                    delivery = Delivery::Reset;
                    instead = Some(Answer::new(500, "text/plain", ""));
                }
                FaultKind::TokenRevoked(how) => {
                    if let Some(username) = &self.username {
                        state.revoke_tokens_of(username, *how, now_ms);
                    }
                }
                FaultKind::Rotation(rotation) => effects.rotation = Some(*rotation),
                FaultKind::WrongUserToken => effects.wrong_user = true,
                FaultKind::ExpiresIn(said) => effects.expires_in = Some(said.clone()),
                FaultKind::ProcessingTakes(seconds) => effects.processing_seconds = Some(*seconds),
                FaultKind::ProcessingFails(subcode) => effects.processing_fails = Some(*subcode),
                FaultKind::ContainerLives(seconds) => effects.container_seconds = Some(*seconds),
                other => instead = self.answer_of(other, state, incoming, now_ms).or(instead),
            }
        }
        let mut answer = match instead {
            Some(answer) => answer,
            None => self.apply(state, incoming, effects, now_ms, base_url),
        };
        for fault in &self.faults {
            if let FaultKind::ApplyThenGraphError(error) = fault {
                answer = error.answer(state.draw());
            }
        }
        for fault in &self.faults {
            if let FaultKind::Headers(headers) = fault {
                for (name, value) in headers {
                    answer = answer.with_header(name, value);
                }
            }
        }
        if self
            .route
            .as_ref()
            .is_some_and(|route| route.endpoint.is_graph())
        {
            state.count_graph_call(now_ms);
        }
        let (token, token_place) = incoming.token().unzip();
        let endpoint = match &self.route {
            Some(route) => route.endpoint.name.to_owned(),
            None => format!("{} {}", incoming.method, incoming.path),
        };
        state.log(Call {
            at_ms: now_ms,
            endpoint,
            status: if delivery.shows_status() {
                answer.status
            } else {
                0
            },
            username: self.username.clone(),
            token: token.map(masked),
            token_place,
            faults: self
                .faults
                .iter()
                .map(|fault| fault.name().to_owned())
                .collect(),
        });
        (answer, delivery)
    }

    fn apply(
        &self,
        state: &mut State,
        incoming: &Incoming,
        effects: Effects,
        now_ms: i64,
        base_url: &str,
    ) -> Answer {
        let Some(route) = &self.route else {
            return unknown_call(incoming);
        };
        let mut visit = Visit {
            state,
            incoming,
            ig_id: route.ig_id.as_deref(),
            node_id: route.node_id.as_deref(),
            effects,
            now_ms,
            base_url,
        };
        let result = match &route.version_error {
            Some(error) => Err(error.clone()),
            None => (route.endpoint.handler)(&mut visit),
        };
        let answer = result.unwrap_or_else(|error| error.answer(state.draw()));
        if !route.endpoint.is_graph() {
            return answer;
        }
        let caller = self
            .username
            .as_deref()
            .and_then(|username| state.person(username));
        usage::with_headers(answer, state, caller, now_ms, None)
    }

    /// The answer of a fault that takes the place of the call.
    fn answer_of(
        &self,
        fault: &FaultKind,
        state: &mut State,
        incoming: &Incoming,
        now_ms: i64,
    ) -> Option<Answer> {
        Some(match fault {
            FaultKind::Status {
                status,
                body,
                content_type,
            } => Answer::new(*status, content_type, body.clone()),
            FaultKind::GraphError(error) => error.answer(state.draw()),
            FaultKind::ReadOutage => {
                let route = self.route.as_ref();
                let id =
                    route.and_then(|route| route.node_id.as_deref().or(route.ig_id.as_deref()));
                GraphError::missing_object(&incoming.method, id.unwrap_or_default())
                    .answer(state.draw())
            }
            FaultKind::Html502 => Answer::new(502, "text/html; charset=utf-8", BAD_GATEWAY_PAGE),
            FaultKind::Redirect { to } => Answer::redirect(302, to),
            FaultKind::AppOutage => {
                unsupported_request(incoming.method.as_str()).answer(state.draw())
            }
            FaultKind::RateLimit { minutes } => {
                let trace_number = state.draw();
                let caller = self
                    .username
                    .as_deref()
                    .and_then(|username| state.person(username));
                let status = state.durable.settings.throttle_status;
                let refusal = match caller {
                    Some(_) => usage::account_limit_reached(status),
                    None => usage::app_limit_reached(status),
                };
                usage::with_headers(
                    refusal.answer(trace_number),
                    state,
                    caller,
                    now_ms,
                    Some(*minutes),
                )
            }
            _ => return None,
        })
    }
}

const BAD_GATEWAY_PAGE: &str = "<!DOCTYPE html><html lang=\"en\"><head><title>Instagram | Error</title></head>\
<body><h1>Something went wrong</h1><p>The page could not be shown (simulated).</p></body></html>";

/// Loud, so that nobody takes a call that the simulator does not have for a call that Meta refuses.
fn unknown_call(incoming: &Incoming) -> Answer {
    let message = format!(
        "instagram-sim does not know {} {}; it knows {}",
        incoming.method,
        incoming.path,
        router::names().join(", ")
    );
    Answer::json(
        501,
        &json!({ "error": { "message": message, "type": "SimulatorError" } }),
    )
}
