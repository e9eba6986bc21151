//! The API's own description: the document, and a page that renders it.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use shared::digest::sha256_base64;

/// Written by a test from the annotations of all functions.
const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

const STYLE: &str = include_str!("document.css");
const SCRIPT: &str = include_str!("document.js");

static PAGE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>API</title><style>{STYLE}</style></head><body>\
         <noscript>This page needs JavaScript. The document itself: <a href=\"openapi.json\">openapi.json</a></noscript>\
         <script>{SCRIPT}</script></body></html>"
    )
});

/// Nothing of another host, and of this one only the document.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        sha256_base64(STYLE.as_bytes()),
        sha256_base64(SCRIPT.as_bytes()),
    )
});

/// Answers with this description of the API, as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", responses(
    (status = 200, description = "The document.", body = Object, example = json!({"openapi": "3.1.0"})),
))]
pub(crate) async fn get_document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

/// Answers with the same as a page to read.
#[utoipa::path(get, path = "/docs", responses(
    (status = 200, description = "The page.", body = String, content_type = "text/html",
        example = json!("<!doctype html>…")),
))]
pub(crate) async fn show_document() -> Response {
    let policy = HeaderValue::from_str(&POLICY);
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            policy.unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex"),
        ),
    ];
    (headers, PAGE.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_cannot_end_their_elements() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
    }
}
