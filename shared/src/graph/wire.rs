//! From the bytes of an answer to an object, or to a row of the catalogue. Works without a network.
//!
//! Bodies are hostile input. An error comes in one of three envelopes (`error{}`, top-level
//! `error_type`/`error_message`, `meta{}`) or as an upload's `debug_info`, with any HTTP status, 200 included. It is
//! told by its structure: an account may well be named "error". Meta's texts are localized and never looked at.

use std::time::Duration;

use http::HeaderMap;
use serde_json::value::RawValue;

use super::catalogue::{Cause, ErrorKind, Facts, classify};
use super::endpoint::Endpoint;
use super::error::GraphError;
pub use super::object::Object;
use super::usage::Usage;

/// The longest wait that is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer than any trace id that was seen, and shorter than any token.
const LONGEST_TRACE: usize = 40;

/// What an answer's body says about an error, before anyone knows what it means.
#[derive(Default)]
struct Envelope {
    code: Option<i64>,
    subcode: Option<i64>,
    /// The status inside the answer, where the envelope's `code` is a status and not one of the Graph API's codes.
    inner_status: Option<u16>,
    error_type: Option<String>,
    /// A code that is a word.
    name: Option<String>,
    is_transient: Option<bool>,
    fbtrace_id: Option<String>,
}

/// Reads an answer.
///
/// # Errors
/// The error that the answer is, whatever its HTTP status.
pub fn parse_answer(
    endpoint: Endpoint,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Object, GraphError> {
    let text = std::str::from_utf8(body).ok().map(str::trim);
    let object = text.and_then(read_object);
    let envelope = object.as_ref().and_then(read_envelope);
    let succeeded = (200..300).contains(&status);
    let cause = match (&object, &envelope) {
        (Some(_), None) if succeeded => return Ok(object.unwrap_or_default()),
        _ if (300..400).contains(&status) => Cause::Redirect,
        (Some(_), _) => Cause::Answer,
        // An empty refusal is still a refusal; only a success must have something to say.
        (None, _) if !succeeded && text.is_some_and(|text| text.is_empty() || text == "null") => {
            Cause::Answer
        }
        (None, _) if status == 429 => Cause::Answer,
        (None, _) => Cause::Unreadable,
    };
    Err(explain(
        endpoint,
        cause,
        status,
        headers,
        envelope.unwrap_or_default(),
    ))
}

/// The error for an answer that parsed, but lacks what the call is made for.
pub fn unusable(endpoint: Endpoint, status: u16, headers: &HeaderMap) -> GraphError {
    explain(
        endpoint,
        Cause::Unreadable,
        status,
        headers,
        Envelope::default(),
    )
}

fn explain(
    endpoint: Endpoint,
    cause: Cause,
    status: u16,
    headers: &HeaderMap,
    envelope: Envelope,
) -> GraphError {
    let kind = classify(&Facts {
        endpoint,
        cause,
        status: envelope.inner_status.unwrap_or(status),
        code: if envelope.inner_status.is_some() {
            None
        } else {
            envelope.code
        },
        // Some libraries' servers send 0 for "none".
        subcode: envelope.subcode.filter(|subcode| *subcode != 0),
        error_type: envelope.error_type.as_deref(),
        name: envelope.name.as_deref(),
        is_transient: envelope.is_transient,
    });
    let usage = Usage::from_headers(headers);
    let told = retry_after(headers)
        .max(usage.blocked_for())
        .map(|wait| wait.min(LONGEST_WAIT));
    GraphError {
        endpoint,
        kind,
        http_status: Some(status),
        code: envelope.code,
        subcode: envelope.subcode,
        fbtrace_id: envelope.fbtrace_id.and_then(trace),
        retry_after: told,
        usage,
    }
}

fn read_object(text: &str) -> Option<Object> {
    if text == "true" {
        // Some deletes are documented to answer with this word alone.
        return Object::parse(r#"{"success":true}"#);
    }
    Object::parse(text).or_else(|| {
        // An error in a list of one.
        let items: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
        let first = Object::parse(items.first()?.get())?;
        read_envelope(&first).map(|_| first)
    })
}

fn read_envelope(object: &Object) -> Option<Envelope> {
    if let Some(error) = object.object("error") {
        let code = error.integer("code");
        return Some(Envelope {
            code,
            subcode: error.integer("error_subcode"),
            inner_status: None,
            error_type: error.text("type"),
            name: if code.is_none() {
                error.text("code")
            } else {
                None
            },
            is_transient: error.flag("is_transient"),
            fbtrace_id: error.text("fbtrace_id"),
        });
    }
    let meta = object.object("meta");
    let flat = meta.as_ref().unwrap_or(object);
    if flat.raw("error_type").is_some() || flat.raw("error_message").is_some() {
        let code = flat.integer("code");
        return Some(Envelope {
            code,
            inner_status: code
                .and_then(|code| u16::try_from(code).ok())
                .filter(|status| (300..600).contains(status)),
            error_type: flat.text("error_type"),
            ..Envelope::default()
        });
    }
    if let Some(upload) = object.object("debug_info")
        && !object.is_success()
    {
        return Some(Envelope {
            error_type: upload.text("type"),
            is_transient: upload.flag("retriable"),
            ..Envelope::default()
        });
    }
    None
}

/// A trace id that looks like one. Anything else might be something that must not be seen.
fn trace(text: String) -> Option<Box<str>> {
    let looks_right = !text.is_empty()
        && text.len() <= LONGEST_TRACE
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/+=_-".contains(&byte));
    looks_right.then(|| text.into_boxed_str())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // Instagram is not known to send this header; what stands before it may, and then in seconds.
    let seconds: u64 = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// A page of a list.
///
/// `paging.next` carries the access token, so it is not here: only whether it was there.
pub struct Page {
    /// The items, unread.
    pub items: Vec<Box<RawValue>>,
    /// Where the next page begins.
    pub after: Option<String>,
    /// Whether Instagram says that there is a next page.
    pub has_next: bool,
}

impl Page {
    /// The page in an answer; `None` where it is no list.
    pub fn read(object: &Object) -> Option<Self> {
        let items = object.items("data")?;
        let paging = object.object("paging");
        let paging = paging.as_ref();
        Some(Self {
            items,
            after: paging
                .and_then(|paging| paging.object("cursors"))
                .and_then(|cursors| cursors.text("after")),
            has_next: paging.is_some_and(|paging| paging.text("next").is_some()),
        })
    }
}

/// The kind of a failure that came with no answer to read.
pub(super) fn without_answer(endpoint: Endpoint, cause: Cause) -> GraphError {
    let kind = classify(&Facts {
        endpoint,
        cause,
        status: 0,
        code: None,
        subcode: None,
        error_type: None,
        name: None,
        is_transient: None,
    });
    debug_assert_ne!(kind, ErrorKind::Unknown, "every cause has a row");
    GraphError::without_answer(endpoint, kind)
}
