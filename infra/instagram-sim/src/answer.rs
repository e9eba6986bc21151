//! Answers, and the shapes in which Meta says no.

use axum::http::{HeaderName, HeaderValue, Method, Response, header};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::fault::GraphErrorFault;

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

/// Meta's error envelope on the Graph host. In a box, since every call may end in one and few do.
#[derive(Clone, Debug)]
pub(crate) struct GraphError(pub(crate) Box<GraphErrorFault>);

pub(crate) const OAUTH_EXCEPTION: &str = "OAuthException";
pub(crate) const IG_API_EXCEPTION: &str = "IGApiException";
pub(crate) const GRAPH_METHOD_EXCEPTION: &str = "GraphMethodException";

impl GraphError {
    pub(crate) fn new(code: i64, error_type: &str, message: impl Into<String>) -> Self {
        Self(Box::new(GraphErrorFault {
            status: 400,
            message: message.into(),
            error_type: error_type.to_owned(),
            code,
            subcode: None,
            is_transient: None,
            user_title: None,
            user_message: None,
        }))
    }

    /// An object that is not there, or that the caller may not see: Meta does not say which.
    pub(crate) fn missing_object(method: &Method, id: &str) -> Self {
        let message = format!(
            "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation",
            method.as_str().to_ascii_lowercase()
        );
        Self::new(100, GRAPH_METHOD_EXCEPTION, message).with_subcode(33)
    }

    pub(crate) fn nonexisting_field(field: &str) -> Self {
        let message = format!("(#100) Tried accessing nonexisting field ({field})");
        Self::new(100, IG_API_EXCEPTION, message)
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    pub(crate) fn with_subcode(mut self, subcode: i64) -> Self {
        self.0.subcode = Some(subcode);
        self
    }

    /// With the texts for a person, which come with `is_transient`, whether or not a retry helps.
    pub(crate) fn with_user_texts(mut self, title: &str, message: impl Into<String>) -> Self {
        self.0.is_transient = Some(false);
        self.0.user_title = Some(title.to_owned());
        self.0.user_message = Some(message.into());
        self
    }

    pub(crate) fn answer(&self, trace_number: u64) -> Answer {
        self.0.answer(trace_number)
    }
}

impl GraphErrorFault {
    pub(crate) fn answer(&self, trace_number: u64) -> Answer {
        let mut error = json!({
            "message": self.message,
            "type": self.error_type,
            "code": self.code,
            "fbtrace_id": trace_id(trace_number),
        });
        let optional = [
            ("error_subcode", self.subcode.map(Value::from)),
            ("is_transient", self.is_transient.map(Value::from)),
            ("error_user_title", self.user_title.clone().map(Value::from)),
            ("error_user_msg", self.user_message.clone().map(Value::from)),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                error[member] = value;
            }
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

fn trace_id(number: u64) -> String {
    format!("Asim{number:016x}")
}

/// The other error shape, of the host that turns codes into tokens.
pub(crate) fn token_host_error(message: &str) -> Answer {
    Answer::json(
        400,
        &json!({ "error_type": OAUTH_EXCEPTION, "code": 400, "error_message": message }),
    )
}
