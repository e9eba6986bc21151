//! Why a call to Instagram did not do what was asked.

use std::fmt;
use std::time::Duration;

use super::catalogue::{ErrorKind, Row};
use super::endpoint::Endpoint;
use super::usage::Usage;

/// A call that failed, in our words.
///
/// It carries numbers and Meta's trace id, and nothing else of Meta's: no message, no address, no body. So it can be
/// logged, stored and shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// The call.
    pub endpoint: Endpoint,
    /// The row of the catalogue.
    pub kind: ErrorKind,
    /// The answer's HTTP status; `None` where there was no answer.
    pub http_status: Option<u16>,
    /// Meta's `code`.
    pub code: Option<i64>,
    /// Meta's `error_subcode`.
    pub subcode: Option<i64>,
    /// Meta's id of the call, for its support. Meta's logs for it do not last.
    pub fbtrace_id: Option<Box<str>>,
    /// How long Instagram (or our breaker) says to wait, where it says so.
    pub retry_after: Option<Duration>,
    /// What the answer said about limits.
    pub usage: Usage,
}

impl GraphError {
    /// An error without an answer: nothing was sent, or nothing came back.
    pub fn without_answer(endpoint: Endpoint, kind: ErrorKind) -> Self {
        Self {
            endpoint,
            kind,
            http_status: None,
            code: None,
            subcode: None,
            fbtrace_id: None,
            retry_after: None,
            usage: Usage::default(),
        }
    }

    /// What the catalogue says about it.
    pub fn row(&self) -> &'static Row {
        self.kind.row()
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.kind.code(), self.endpoint)?;
        let mut separator = " (";
        if let Some(status) = self.http_status {
            write!(formatter, "{separator}http {status}")?;
            separator = ", ";
        }
        if let Some(code) = self.code {
            write!(formatter, "{separator}code {code}")?;
            separator = ", ";
        }
        if let Some(subcode) = self.subcode {
            write!(formatter, "{separator}subcode {subcode}")?;
            separator = ", ";
        }
        if let Some(fbtrace_id) = &self.fbtrace_id {
            write!(formatter, "{separator}trace {fbtrace_id}")?;
            separator = ", ";
        }
        if separator == ", " {
            formatter.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for GraphError {}
