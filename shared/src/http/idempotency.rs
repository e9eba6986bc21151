//! `Idempotency-Key` on POST: the same key and request get the same answer, and act once.
//!
//! A process may end between the act and the answer. So what a request makes has its ids from the request ([`NewIds`]):
//! the same request, made again, finds what it has made.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use uuid::Uuid;

use super::caller::Caller;
use super::edge::in_one_piece;
use super::extract::{OF_MANY, REQUEST_BODY_LIMIT, body_bytes, body_too_large};
use super::owned::is_id;
use super::problem::Problem;
use crate::app::App;
use crate::digest::sha256_hex;
use crate::openapi::{Describe, Described};
use crate::table::idempotency::{Answer, Claimed, Settled};

const HEADER: &str = "idempotency-key";
/// Answers are small; a larger one is made anew at a repetition, since DynamoDB would refuse one over 400 KB.
const LARGEST_ANSWER: usize = 200_000;

/// Middleware of the edge: acts on a POST that carries the header, and on nothing else.
///
/// # Errors
/// 422 for a key of another request, 409 while the same request runs, 400 for a key that is none.
pub async fn honor_idempotency_key(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = request.headers().get(HEADER).cloned() else {
        return Ok(next.run(request).await);
    };
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let key = key
        .to_str()
        .ok()
        .filter(|key| {
            (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .ok_or_else(invalid_key)?
        .to_owned();
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    let target = parts
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    // How long it may be is the route's to say.
    let limit = app.config.api.body_limit.saturating_mul(OF_MANY);
    let body = body_bytes(Request::new(body), limit).await?;
    let fingerprint =
        sha256_hex(format!("{}\n{target}\n{}", caller.user, sha256_hex(&body)).as_bytes());

    let claimed = app
        .table
        .claim_idempotency_key(
            &caller.company,
            &key,
            &fingerprint,
            account_of_path(parts.uri.path()),
            app.clock.now(),
        )
        .await?;
    let claim = match claimed {
        Claimed::Now(claim) => claim,
        Claimed::Answered(answer) => return Ok(replay(answer)),
        Claimed::InFlight => return Err(in_flight()),
        Claimed::Different => return Err(key_reused()),
    };

    parts.extensions.insert(NewIds {
        request: claim.request,
        is_repeated: claim.is_repeated,
    });
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (head, bytes) = in_one_piece(response).await.into_parts();
    let is_unfinished = head.extensions.get::<Unfinished>().is_some();
    let settled = match head.status {
        status if status.is_success() && !is_unfinished && bytes.len() <= LARGEST_ANSWER => {
            Settled::Answered(Answer {
                status: status.as_u16(),
                content_type: head
                    .headers
                    .get(header::CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned),
                body: String::from_utf8_lossy(&bytes).into_owned(),
            })
        }
        // A failure of ours may come after the act.
        status if status.is_success() || status.is_server_error() => Settled::Open,
        // What was refused has not acted, and may be put right under the same key.
        _ => Settled::Refused,
    };
    let now = app.clock.now();
    if let Err(error) = app
        .table
        .settle_idempotency_key(&caller.company, &key, &claim.holder, settled, now)
        .await
    {
        // The work is done and the caller gets its answer; only a repetition within minutes is told to wait.
        tracing::warn!(event = "idempotency_not_settled", error = %error, "an answer could not be remembered");
    }
    Ok(Response::from_parts(head, Body::from(bytes)))
}

/// The account that a path is about.
fn account_of_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/instagram/accounts/")?;
    rest.split('/').next().filter(|id| is_id(id))
}

/// Marks an answer to a part of the request only: what it makes again under its key finds what is there, and does the rest.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished;

/// The ids of what a request makes: those of an earlier time where the request is made again under its
/// `Idempotency-Key`, and new ones otherwise.
#[derive(Clone, Debug)]
pub struct NewIds {
    request: String,
    /// The request was worked on before: what it makes may be there already.
    pub is_repeated: bool,
}

impl NewIds {
    /// The id of the `number`th thing that the request makes.
    pub fn id(&self, number: usize) -> String {
        let digest = sha256_hex(format!("{}\n{number}", self.request).as_bytes());
        let digits = u128::from_str_radix(&digest[..32], 16).unwrap_or_default();
        uuid::Builder::from_custom_bytes(digits.to_be_bytes())
            .into_uuid()
            .to_string()
    }
}

impl<S: Sync> FromRequestParts<S> for NewIds {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let of_request = parts.extensions.get::<Self>().cloned();
        Ok(of_request.unwrap_or_else(|| Self {
            request: Uuid::new_v4().to_string(),
            is_repeated: false,
        }))
    }
}

/// [`honor_idempotency_key`] describes the header for every POST.
impl Describe for NewIds {
    fn describe(_: &mut Described) {}
}

fn invalid_key() -> Problem {
    Problem::bad_request(
        "invalid_idempotency_key",
        "`Idempotency-Key` must have 1 to 255 visible ASCII characters, and no space.",
    )
}

fn in_flight() -> Problem {
    Problem::conflict(
        "request_in_flight",
        "The same request is still being worked on. Ask again in a moment.",
    )
    .retry_after(std::time::Duration::from_secs(2))
}

fn key_reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "This `Idempotency-Key` belongs to another request. Use a new one.",
    )
}

/// What the header adds to an operation.
pub(super) fn describe(described: &mut Described) {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "The same key and request get the same answer, for a day, and act once.",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[!-~]{1,255}$")),
        ))
        .example(Some("8a1f0c1e-7d0b-4a53-9d0a-0c3b8f3d5a10".into()));
    described.take(key);
    described.refuse([
        invalid_key(),
        in_flight(),
        key_reused(),
        body_too_large(REQUEST_BODY_LIMIT),
    ]);
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Some(kind) = answer
        .content_type
        .and_then(|kind| HeaderValue::from_str(&kind).ok())
    {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
        .headers_mut()
        .insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
