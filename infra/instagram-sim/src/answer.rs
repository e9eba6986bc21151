//! Answers, and the shapes in which Meta says no.

use axum::http::{HeaderName, HeaderValue, Response, header};
use bytes::Bytes;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        // No `form-action`: browsers apply it to the redirect after the form too, which leads to the app.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; frame-ancestors 'none'; base-uri 'none'";
        Self::new(status, "text/html; charset=utf-8", page)
            .with_header("content-security-policy", policy)
            .with_header("cache-control", "no-store")
            .with_header("referrer-policy", "no-referrer")
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", "").with_header("location", to)
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The status and the headers; whoever sends the answer adds the body.
    pub(crate) fn head<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                response.headers_mut().append(name, value);
            }
        }
        response
            .headers_mut()
            .entry(header::X_CONTENT_TYPE_OPTIONS)
            .or_insert(HeaderValue::from_static("nosniff"));
        response
    }
}

/// Meta's error envelope on the Graph host.
#[derive(Clone, Debug)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) error_type: &'static str,
    pub(crate) code: i64,
    pub(crate) subcode: Option<i64>,
}

pub(crate) const OAUTH_EXCEPTION: &str = "OAuthException";
pub(crate) const IG_API_EXCEPTION: &str = "IGApiException";
pub(crate) const GRAPH_METHOD_EXCEPTION: &str = "GraphMethodException";

impl GraphError {
    pub(crate) fn new(code: i64, error_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            message: message.into(),
            error_type,
            code,
            subcode: None,
        }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with_subcode(mut self, subcode: i64) -> Self {
        self.subcode = Some(subcode);
        self
    }

    pub(crate) fn answer(&self, trace_number: u64) -> Answer {
        let mut error = json!({
            "message": self.message,
            "type": self.error_type,
            "code": self.code,
            "fbtrace_id": trace_id(trace_number),
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        let answer = Answer::json(self.status, &json!({ "error": error }));
        if self.code != 190 {
            return answer;
        }
        let challenge = format!(
            "OAuth \"Facebook Platform\" \"invalid_token\" \"{}\"",
            self.message
        );
        answer.with_header("www-authenticate", &challenge)
    }
}

pub(crate) fn trace_id(number: u64) -> String {
    format!("Asim{number:016x}")
}

/// The other error shape, of the host that turns codes into tokens.
pub(crate) fn token_host_error(message: &str) -> Answer {
    Answer::json(
        400,
        &json!({ "error_type": OAUTH_EXCEPTION, "code": 400, "error_message": message }),
    )
}
