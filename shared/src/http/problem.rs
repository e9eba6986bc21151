//! Refusals as RFC 9457 problem documents.
//!
//! `code` is stable, `detail` is a sentence for the person who must act, and nothing in it comes from inside: no
//! upstream text, no ARN, no stack.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::aws::AwsError;
use crate::graph::{AccountEffect, ErrorKind, GraphError, Retry, Who};
use crate::post::Finding;
use crate::telemetry;
use crate::vault::VaultError;

/// A refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable word for a program.
    pub code: &'static str,
    /// Sentence for a person.
    pub detail: String,
    /// What Meta said, as numbers.
    pub instagram: Option<Box<InstagramNumbers>>,
    /// What a preflight found, where that is why.
    pub findings: Vec<Finding>,
    /// When it makes sense to try again.
    pub retry_after: Option<Duration>,
}

/// Meta's numbers for an error, for its support and for people who know them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstagramNumbers {
    /// Meta's `code`.
    #[schema(example = 190)]
    pub code: Option<i64>,
    /// Meta's `error_subcode`.
    #[schema(example = 463)]
    pub subcode: Option<i64>,
    /// Meta's id of the call.
    #[schema(example = "AbCdEfGhIjKlMnOpQrStUv")]
    pub fbtrace_id: Option<String>,
}

/// What the edge's log line tells of a refusal.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The problem's code.
    pub code: &'static str,
    /// Meta's id of the call.
    pub fbtrace_id: Option<String>,
}

/// A refusal, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct Body<'a> {
    /// Always `about:blank`: `code` says what it is.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A sentence for the person who must act.
    detail: &'a str,
    /// A stable word for a program.
    code: &'static str,
    /// Ties the answer to the log.
    correlation_id: String,
    /// Where Instagram refused: Meta's numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    instagram: Option<&'a InstagramNumbers>,
    /// Where a preflight refused: all that it found.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    findings: &'a [Finding],
}

impl Problem {
    /// A refusal without a time to try again.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            instagram: None,
            findings: Vec::new(),
            retry_after: None,
        }
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404 for an account.
    pub fn account_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "account_not_found",
            "There is no account with this id.",
        )
    }

    /// 409 for an account without a token.
    pub fn account_not_connected() -> Self {
        Self::conflict(
            "account_not_connected",
            "The account is not connected. Connect it again first.",
        )
    }

    /// 409 for what a person has not allowed, as where Instagram refuses it.
    pub fn permission_missing() -> Self {
        Self::conflict(
            ErrorKind::PermissionMissing.code(),
            ErrorKind::PermissionMissing.row().sentence,
        )
    }

    /// 429 for an account for which Instagram takes no calls for so long.
    pub fn rate_limited(left: Duration) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::RateLimited.code(),
            ErrorKind::RateLimited.row().sentence,
        )
        .retry_after(left)
    }

    /// 422: what is asked for is understood, and cannot be done.
    pub fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 400, for a change whose body is empty.
    pub fn nothing_to_change() -> Self {
        Self::bad_request(
            "nothing_to_change",
            "The body names nothing: send at least one member that may be changed.",
        )
    }

    /// 422: Instagram's API with the Instagram login has no call for this.
    pub fn not_supported_by_platform() -> Self {
        Self::unprocessable(
            "not_supported_by_platform",
            "With the Instagram login no app can delete what is live or change its caption: do it in Instagram's own app.",
        )
    }

    /// 503: a service that we need does not answer.
    pub fn unavailable() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(5)),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "A service that this one needs does not answer right now. Try again in a moment.",
            )
        }
    }

    /// 409: the vault has no token for a connected account.
    pub fn token_missing() -> Self {
        Self::conflict(
            "token_missing",
            "No token is stored for this account. Connect the account again.",
        )
    }

    /// 503: the vault's page cannot be read.
    pub fn token_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "token_unavailable",
            "The account's token cannot be read. The operator of this service has to look.",
        )
    }

    /// The refusal with a time to try again.
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            correlation_id: telemetry::correlation_id(),
            instagram: self.instagram.as_deref(),
            findings: &self.findings,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(after) = self.retry_after {
            // Rounded up: a caller that comes exactly then must not be too early.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let refusal = Refusal {
            code: self.code,
            fbtrace_id: self.instagram.and_then(|numbers| numbers.fbtrace_id),
        };
        response.extensions_mut().insert(refusal);
        response
    }
}

impl From<AwsError> for Problem {
    fn from(error: AwsError) -> Self {
        telemetry::note_cause(error.to_string());
        Self::unavailable()
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        telemetry::note_cause(error.to_string());
        match error {
            VaultError::Unavailable(_)
            | VaultError::Busy
            | VaultError::Occupied
            | VaultError::Spent(_) => Self::unavailable(),
            VaultError::Missing => Self::token_missing(),
            VaultError::Damaged | VaultError::Full => Self::token_unavailable(),
        }
    }
}

impl From<GraphError> for Problem {
    fn from(error: GraphError) -> Self {
        let row = error.row();
        let status = status_of(error.kind);
        telemetry::note_cause(error.to_string());
        Self {
            instagram: Some(Box::new(InstagramNumbers {
                code: error.code,
                subcode: error.subcode,
                fbtrace_id: error.fbtrace_id.as_deref().map(str::to_owned),
            })),
            retry_after: error.retry_after.or_else(|| {
                let passes =
                    matches!(status.as_u16(), 429 | 502 | 503) && row.retry != Retry::Never;
                passes.then_some(Duration::from_secs(30))
            }),
            ..Self::new(status, error.kind.code(), row.sentence)
        }
    }
}

/// What a refusal of Instagram's is to our caller: a limit, a state of the account that a person must mend, a request
/// that cannot work, or a fault behind us.
fn status_of(kind: ErrorKind) -> StatusCode {
    let row = kind.row();
    match (kind, row.effect, row.who) {
        (ErrorKind::AppRateLimited, ..) | (_, AccountEffect::RateLimited, _) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        (ErrorKind::PausedByBreaker, ..) => StatusCode::SERVICE_UNAVAILABLE,
        (_, AccountEffect::None, Who::User) => StatusCode::UNPROCESSABLE_ENTITY,
        (_, AccountEffect::None, _) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::CONFLICT,
    }
}
