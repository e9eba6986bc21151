//! Bodies and queries, read strictly: an unknown member is refused, so that a misspelled one is not silently ignored.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::problem::Problem;
use crate::app::App;
use crate::members;

/// What `REQUEST_BODY_LIMIT` is where nothing is configured, for examples.
pub(crate) const REQUEST_BODY_LIMIT: usize = 65_536;

/// Lambda takes 6 MB at once, with what stands around the body.
const LONGEST_BODY: usize = 6_000_000;

/// So many times longer than another body one with many things may be: 50 captions and comments of any letters fit.
pub const OF_MANY: usize = 16;

/// A JSON body. The type names every member it takes (`deny_unknown_fields`). It may be `TIMES` times as long as
/// `REQUEST_BODY_LIMIT` says, as far as Lambda takes that.
pub struct JsonBody<T, const TIMES: usize = 1>(pub T);

/// For `#[serde(default, deserialize_with = "given")]`: a member that is there is read as its type says, also where it is
/// `null`, and an absent one is left to the default.
///
/// # Errors
/// What the type makes of it.
pub fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A query. The type names every parameter it takes (`deny_unknown_fields`).
pub struct QueryString<T>(pub T);

impl<T: DeserializeOwned, const TIMES: usize> FromRequest<Arc<App>> for JsonBody<T, TIMES> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(content_type());
        }
        let limit = app.config.api.body_limit.saturating_mul(TIMES);
        let bytes = body_bytes(request, limit).await?;
        // serde would also take an array, member by member.
        let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if start.is_some_and(|byte| *byte != b'{') {
            return Err(Problem::not_understood("it is not a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            if error.inner().is_data() {
                Problem::not_understood(&members::fault(&error))
            } else {
                not_json(error.inner())
            }
        })?;
        json.end().map_err(|error| not_json(&error))?;
        Ok(Self(read))
    }
}

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for QueryString<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| invalid_query(&fault_of_query(&error)))
    }
}

/// Names the parameter, and never repeats its value.
fn fault_of_query(error: &QueryRejection) -> String {
    let text = std::error::Error::source(error).map(ToString::to_string);
    let text = text.unwrap_or_default();
    if text.starts_with("duplicate field") || text.starts_with("missing field") {
        return text;
    }
    if let Some((_, unknown)) = text.split_once(": unknown field") {
        return format!("unknown field{unknown}");
    }
    let name = text.split(':').next().unwrap_or_default();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("`{name}` must be {expected}"),
        None => format!("`{name}` has the wrong form"),
    }
}

pub(crate) fn invalid_query(what: &str) -> Problem {
    Problem::bad_request(
        "invalid_query",
        format!("The query was not understood: {what}."),
    )
}

/// The whole body.
///
/// # Errors
/// 413 for more than `limit` bytes, or than Lambda takes.
pub async fn body_bytes(request: Request, limit: usize) -> Result<bytes::Bytes, Problem> {
    let limit = limit.min(LONGEST_BODY);
    axum::body::to_bytes(request.into_body(), limit)
        .await
        .map_err(|_| body_too_large(limit))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::not_understood(&format!(
        "it is not JSON (line {}, column {})",
        error.line(),
        error.column()
    ))
}

impl Problem {
    /// 400 for a body, with what is wrong with it ([`crate::members`]).
    pub fn not_understood(what: &str) -> Self {
        Self::bad_request(
            "invalid_body",
            format!("The body was not understood: {what}."),
        )
    }
}

fn content_type() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        "Send the body as `Content-Type: application/json`.",
    )
}

pub(super) fn body_too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("The body has more than {limit} bytes."),
    )
}

/// What a body can be refused for.
pub(crate) fn body_refusals() -> [Problem; 3] {
    [
        content_type(),
        body_too_large(REQUEST_BODY_LIMIT),
        Problem::not_understood("unknown field `example`"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Parameters {
        login: crate::graph::LoginKind,
        scopes: Option<String>,
        limit: Option<u32>,
    }

    #[test]
    fn a_refused_query_names_the_parameter_and_never_the_value() {
        for (query, expected) in [
            ("login=instagram&sort=canary", "unknown field `sort`"),
            (
                "login=instagram&scopes=canary&scopes=b",
                "duplicate field `scopes`",
            ),
            ("scopes=canary", "missing field `login`"),
            (
                "login=canary,%20expected",
                "`login` must be `instagram` or `facebook`",
            ),
            ("login=instagram&limit=canary", "`limit` has the wrong form"),
        ] {
            let address = format!("https://api.example.com/?{query}").parse().unwrap();
            let error = Query::<Parameters>::try_from_uri(&address).unwrap_err();
            let detail = invalid_query(&fault_of_query(&error)).detail;
            assert!(detail.contains(expected), "{detail}");
            assert!(!detail.contains("canary"), "{detail}");
        }
    }
}
