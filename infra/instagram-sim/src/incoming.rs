//! A request, read: its query, its form or JSON body, its token.

use axum::http::{HeaderMap, Method, Uri, header};
use bytes::Bytes;
use serde_json::Value;

use crate::log::TokenPlace;

pub(crate) struct Incoming {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    /// The members of a JSON body, which the Graph host takes for a form and the token host does not.
    json: Vec<(String, String)>,
    bearer: Option<String>,
}

impl Incoming {
    pub(crate) fn new(method: Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Self {
        let header = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let content_type = header(header::CONTENT_TYPE);
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let form = match media_type.to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => pairs(&body),
            "multipart/form-data" => multipart(content_type, &body).unwrap_or_default(),
            _ => Vec::new(),
        };
        let json = match media_type.eq_ignore_ascii_case("application/json") {
            true => members(&body),
            false => Vec::new(),
        };
        let (scheme, credentials) = header(header::AUTHORIZATION)
            .split_once(' ')
            .unwrap_or_default();
        let bearer = scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| credentials.trim().to_owned());
        Self {
            path: uri.path().to_owned(),
            query: pairs(uri.query().unwrap_or_default().as_bytes()),
            method,
            body,
            form,
            json,
            bearer,
        }
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    pub(crate) fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        value(&self.form, name)
    }

    pub(crate) fn form_values(&self, name: &str) -> Vec<String> {
        let named = self.form.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    /// From the form or JSON body or else from the query, as Graph reads the parameters of a POST.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.form(name)
            .or_else(|| value(&self.json, name))
            .or_else(|| self.query(name))
    }

    pub(crate) fn token(&self) -> Option<(&str, TokenPlace)> {
        let bearer = self.bearer.as_deref();
        bearer
            .map(|token| (token, TokenPlace::Header))
            .or_else(|| Some((self.query("access_token")?, TokenPlace::Query)))
            .or_else(|| Some((self.parameter("access_token")?, TokenPlace::Form)))
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.as_str())
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

/// The members of a JSON object, texts as they are and everything else as JSON. Anything else yields nothing.
fn members(body: &[u8]) -> Vec<(String, String)> {
    let object: serde_json::Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let members = object.into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    });
    members.collect()
}

/// The text parts of a `multipart/form-data` body. Anything malformed yields nothing.
fn multipart(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let boundary = parameter_of(content_type, "boundary")?;
    let text = std::str::from_utf8(body).ok()?;
    // The first delimiter has no line break before it; giving it one makes all of them alike.
    let text = format!("\r\n{text}");
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    for part in text.split(delimiter.as_str()).skip(1) {
        if part.starts_with("--") {
            return Some(parts);
        }
        let (head, content) = part.split_once("\r\n\r\n")?;
        let disposition = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case("content-disposition")
                .then_some(value)
        })?;
        parts.push((parameter_of(disposition, "name")?, content.to_owned()));
    }
    None
}

fn parameter_of(header: &str, wanted: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case(wanted)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}
