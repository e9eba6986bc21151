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

/// What `REQUEST_BODY_LIMIT` is where nothing is configured, for examples.
pub(super) const REQUEST_BODY_LIMIT: usize = 65_536;

/// A JSON body. The type names every member it takes (`deny_unknown_fields`).
pub struct JsonBody<T>(pub T);

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

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(content_type());
        }
        let bytes = body_bytes(request, app.config.api.body_limit).await?;
        // serde would also take an array, member by member.
        let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if start.is_some_and(|byte| *byte != b'{') {
            return Err(not_understood("it is not a JSON object"));
        }
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| invalid_body(&error))
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

/// A part of a body that was read, as its own type.
///
/// # Errors
/// 400, as for the body itself.
pub fn member<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| invalid_body(&error))
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
/// 413 for more than `limit` bytes.
pub async fn body_bytes(request: Request, limit: usize) -> Result<bytes::Bytes, Problem> {
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

/// Names a member where serde does, and never repeats a value: it may be a code.
fn invalid_body(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    // What begins with a backtick is a sentence of our own.
    let names_a_member = ["unknown field", "missing field", "duplicate field", "`"]
        .iter()
        .any(|start| text.starts_with(start));
    let what = if names_a_member {
        // The member's name and what is expected, without serde's position.
        text.split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned()
    } else if error.is_data() && error.line() == 0 {
        // Of a part of the body, whose place in it is not known any more.
        "a member has the wrong type".to_owned()
    } else if error.is_data() {
        format!(
            "a member has the wrong type (line {}, column {})",
            error.line(),
            error.column()
        )
    } else {
        format!(
            "it is not JSON (line {}, column {})",
            error.line(),
            error.column()
        )
    };
    not_understood(&what)
}

fn not_understood(what: &str) -> Problem {
    Problem::bad_request(
        "invalid_body",
        format!("The body was not understood: {what}."),
    )
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
        not_understood("unknown field `example`"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::Error as _;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Body {
        name: String,
    }

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

    #[test]
    fn a_member_that_says_itself_what_it_must_be_is_repeated_with_that_sentence() {
        let sentence = "`publishAt` must be `now` or a time";
        for text in [
            sentence.to_owned(),
            format!("{sentence} at line 1 column 2"),
        ] {
            let error = serde_json::Error::custom(text);
            let detail = invalid_body(&error).detail;
            assert!(detail.ends_with(&format!(": {sentence}.")), "{detail}");
        }
    }

    #[test]
    fn a_refused_body_names_the_member_and_never_the_value() {
        for (body, expected) in [
            (r#"{"status":"active"}"#, "unknown field `status`"),
            (r#"{"name":"a","name":"b"}"#, "duplicate field `name`"),
            ("{}", "missing field `name`"),
            (r#"{"name":{"canary":1}}"#, "wrong type"),
            (r#"{"name":"canary"#, "not JSON"),
        ] {
            let error = serde_json::from_str::<Body>(body).unwrap_err();
            let detail = invalid_body(&error).detail;
            assert!(detail.contains(expected), "{detail}");
            assert!(!detail.contains("canary"), "{detail}");
        }
    }
}
