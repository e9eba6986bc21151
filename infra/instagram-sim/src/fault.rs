//! Faults: what goes wrong, where, for whom, how often.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::GraphError;
use crate::person::Revocation;
use crate::refusals;
use crate::router::{self, Endpoint};
use crate::settings::TokenRotation;

/// Something that goes wrong with calls that match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// For example `GET /me` or `POST /oauth/access_token`; `None` matches every call.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Only calls of this person (by token, code or consent); `None` matches everybody.
    #[serde(default)]
    pub username: Option<String>,
    /// How many calls it hits before it is over; `None` means until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// How likely a matching call is hit, 0 to 1, drawn from the simulator's seed.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What goes wrong.
    pub kind: FaultKind,
}

fn certain() -> f64 {
    1.0
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Answers with this and does not apply the call.
    Status {
        /// The HTTP status.
        status: u16,
        /// The whole body.
        #[serde(default)]
        body: String,
        /// The `Content-Type` header.
        #[serde(default = "json")]
        content_type: String,
    },
    /// Answers with Meta's error envelope and does not apply the call.
    GraphError(GraphErrorFault),
    /// Applies the call and, whatever came of it, answers with Meta's error envelope.
    ApplyThenGraphError(GraphErrorFault),
    /// Waits so many milliseconds of real time, then goes on. Adds to the other faults of a call.
    Delay(u64),
    /// Applies the call at once and answers so many milliseconds later.
    ApplyThenDelay(u64),
    /// Applies the call, then sends its answer one byte in so many milliseconds.
    SlowBody(u64),
    /// Closes the connection without an answer and does not apply the call.
    Reset,
    /// Applies the call, then closes the connection without an answer.
    ApplyThenDrop,
    /// Applies the call, sends half of the answer, then closes the connection.
    TruncatedBody,
    /// Applies the call and answers with its status and no body.
    EmptyBody,
    /// Applies the call and answers with so many bytes of JSON.
    HugeBody(u64),
    /// Answers 502 with a page in HTML and does not apply the call.
    Html502,
    /// Refuses for too many calls: code 80002, or 4 where nobody is known, and these minutes to wait.
    RateLimit {
        /// What `estimated_time_to_regain_access` says.
        minutes: u32,
    },
    /// Answers 302 to this address and does not apply the call.
    Redirect {
        /// The `Location` header.
        to: String,
    },
    /// Answers code 100 "Unsupported request" as every refresh did in December 2024. Without an endpoint, every
    /// call to the Graph host is hit, and the login pages are not.
    AppOutage,
    /// Answers code 100 with subcode 33, as reads of fresh objects did from May 2026. Without an endpoint, every
    /// read of a container, a media or a comment is hit, and the lists of an account's media are not.
    ReadOutage,
    /// The container that is made is being processed for so many seconds of the simulator's clock. Adds to the
    /// other faults of a call. Hits only calls that make a container.
    ProcessingTakes(i64),
    /// The container that is made ends in `ERROR` with this subcode. Adds to the other faults of a call. Hits only
    /// calls that make a container.
    ProcessingFails(u32),
    /// The container that is made expires after so many seconds of the simulator's clock. Adds to the other faults
    /// of a call. Hits only calls that make a container.
    ContainerLives(i64),
    /// Adds these headers to the answer, or replaces them. Adds to the other faults of a call.
    Headers(Vec<(String, String)>),
    /// Kills all tokens of whoever calls, then goes on: the call meets its own dead token.
    TokenRevoked(Revocation),
    /// This refresh treats the old token so, whatever the settings say.
    Rotation(TokenRotation),
    /// The answer carries a good token of somebody else. For the two long-lived exchanges and the code exchange.
    WrongUserToken,
    /// What `expires_in` says instead of the truth; `None` leaves it out. The token's real life is as always.
    ExpiresIn(Option<Value>),
}

fn json() -> String {
    "application/json; charset=utf-8".to_owned()
}

/// The members of Meta's error envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphErrorFault {
    /// The HTTP status.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// `error.code`.
    pub code: i64,
    /// `error.error_subcode`.
    #[serde(default)]
    pub subcode: Option<i64>,
    /// `error.message`.
    #[serde(default = "plain_message")]
    pub message: String,
    /// `error.type`.
    #[serde(default = "oauth_exception")]
    pub error_type: String,
    /// `error.is_transient`.
    #[serde(default)]
    pub is_transient: Option<bool>,
    /// `error.error_user_title`.
    #[serde(default)]
    pub user_title: Option<String>,
    /// `error.error_user_msg`.
    #[serde(default)]
    pub user_message: Option<String>,
}

fn bad_request() -> u16 {
    400
}

fn plain_message() -> String {
    "a simulated error".to_owned()
}

fn oauth_exception() -> String {
    "OAuthException".to_owned()
}

impl Fault {
    /// A fault that hits every call, always.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            endpoint: None,
            username: None,
            times: None,
            probability: 1.0,
            kind,
        }
    }

    /// Only at this endpoint, for example `GET /me`.
    #[must_use]
    pub fn at(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// Only for this person.
    #[must_use]
    pub fn of(mut self, username: &str) -> Self {
        self.username = Some(username.to_owned());
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only with this probability.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// What is wrong with this fault, in a sentence, or nothing.
    pub(crate) fn complaint(&self) -> Option<String> {
        if let Some(name) = &self.endpoint {
            let Some(endpoint) = router::all().find(|endpoint| endpoint.name == name) else {
                let known = router::names().join(", ");
                return Some(format!("endpoint: no {name:?} here; there are {known}"));
            };
            if self.kind.only_when_making_containers() && !endpoint.makes_containers() {
                let kind = self.kind.name();
                return Some(format!("endpoint: {kind} hits only what makes a container"));
            }
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return Some("probability: 0 to 1".to_owned());
        }
        let status = match &self.kind {
            FaultKind::Status { status, .. } => *status,
            FaultKind::GraphError(error) | FaultKind::ApplyThenGraphError(error) => error.status,
            FaultKind::ProcessingTakes(seconds) | FaultKind::ContainerLives(seconds)
                if !(0..=10_000_000_000).contains(seconds) =>
            {
                return Some(format!("{}: 0 to 10000000000 seconds", self.kind.name()));
            }
            FaultKind::HugeBody(bytes) if *bytes > 1 << 30 => {
                return Some("huge_body: at most 1073741824 bytes".to_owned());
            }
            FaultKind::Headers(headers) => {
                let bad = headers.iter().find(|(name, value)| {
                    axum::http::HeaderName::from_bytes(name.as_bytes()).is_err()
                        || axum::http::HeaderValue::from_str(value).is_err()
                });
                return bad
                    .map(|(name, _)| format!("headers: {name:?} cannot be sent as a header"));
            }
            FaultKind::Redirect { to } if axum::http::HeaderValue::from_str(to).is_err() => {
                return Some("to: cannot be sent as a header".to_owned());
            }
            _ => 200,
        };
        (!(200..=599).contains(&status))
            .then(|| "status: an HTTP status from 200 to 599".to_owned())
    }
}

impl FaultKind {
    /// Meta's error envelope with this code, at this HTTP status.
    #[must_use]
    pub fn graph_error(status: u16, code: i64, subcode: Option<i64>) -> Self {
        let error = GraphError::new(code, &oauth_exception(), plain_message());
        Self::GraphError(GraphErrorFault {
            status,
            subcode,
            ..*error.0
        })
    }

    /// What Meta answers when it takes a publish for spam (403, code 4, subcode 2207051), sometimes although the
    /// media went live: [`Self::although_applied`].
    #[must_use]
    pub fn spam_block() -> Self {
        Self::GraphError(*refusals::spam_block().0)
    }

    /// What Meta answers for an account that it restricted (code 25, subcode 2207050).
    #[must_use]
    pub fn restricted_account() -> Self {
        Self::GraphError(*refusals::restricted_account().0)
    }

    /// What Meta answers when its crawler does not get the media (code 9004, subcode 2207052), now and then without
    /// a reason.
    #[must_use]
    pub fn media_not_fetched() -> Self {
        let error = refusals::media_not_fetched("https://media.example/picture.jpg");
        Self::GraphError(*error.0)
    }

    /// What Meta has answered to comments that it then showed all the same (400, code 20, subcode 1772107):
    /// [`Self::although_applied`].
    #[must_use]
    pub fn comment_refused() -> Self {
        Self::GraphError(*refusals::comment_refused().0)
    }

    /// The same error, but the call is applied all the same. Anything but a Graph error stays as it is.
    #[must_use]
    pub fn although_applied(self) -> Self {
        match self {
            Self::GraphError(error) => Self::ApplyThenGraphError(error),
            other => other,
        }
    }

    /// This status with this body, as JSON.
    #[must_use]
    pub fn status(status: u16, body: &str) -> Self {
        Self::Status {
            status,
            body: body.to_owned(),
            content_type: json(),
        }
    }

    /// The name as it stands in JSON, for the log of calls.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::GraphError(_) => "graph_error",
            Self::ApplyThenGraphError(_) => "apply_then_graph_error",
            Self::Delay(_) => "delay",
            Self::ApplyThenDelay(_) => "apply_then_delay",
            Self::SlowBody(_) => "slow_body",
            Self::Reset => "reset",
            Self::ApplyThenDrop => "apply_then_drop",
            Self::TruncatedBody => "truncated_body",
            Self::EmptyBody => "empty_body",
            Self::HugeBody(_) => "huge_body",
            Self::Html502 => "html502",
            Self::RateLimit { .. } => "rate_limit",
            Self::Redirect { .. } => "redirect",
            Self::AppOutage => "app_outage",
            Self::ReadOutage => "read_outage",
            Self::ProcessingTakes(_) => "processing_takes",
            Self::ProcessingFails(_) => "processing_fails",
            Self::ContainerLives(_) => "container_lives",
            Self::Headers(_) => "headers",
            Self::TokenRevoked(_) => "token_revoked",
            Self::Rotation(_) => "rotation",
            Self::WrongUserToken => "wrong_user_token",
            Self::ExpiresIn(_) => "expires_in",
        }
    }

    /// Whether other faults of the same call come in addition.
    pub(crate) fn adds_to_others(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::Headers(_)) || self.only_when_making_containers()
    }

    /// Which calls a fault without an endpoint can hit.
    pub(crate) fn can_hit(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::AppOutage => endpoint.is_graph(),
            Self::ReadOutage => endpoint.reads_a_node(),
            other if other.only_when_making_containers() => endpoint.makes_containers(),
            _ => true,
        }
    }

    fn only_when_making_containers(&self) -> bool {
        matches!(
            self,
            Self::ProcessingTakes(_) | Self::ProcessingFails(_) | Self::ContainerLives(_)
        )
    }
}
