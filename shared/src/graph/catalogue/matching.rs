//! From what an answer says to the row that it is.

use std::fmt;

use super::{ErrorKind, SECTIONS};
use crate::graph::endpoint::Endpoint;

/// How a call ended, before anyone reads a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Instagram answered, and refused.
    Answer,
    /// No connection, or it broke before the whole answer was there.
    Connection,
    /// The time was up.
    Timeout,
    /// The answer is not what the call answers with: HTML, empty, cut off, or without what it must hold.
    Unreadable,
    /// The answer is larger than what is read.
    TooLarge,
    /// The answer sends us to another address.
    Redirect,
}

/// What is known of a failed call.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The call.
    pub endpoint: Endpoint,
    /// How it ended.
    pub cause: Cause,
    /// The HTTP status.
    pub status: u16,
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's subcode. Alone (a container's status text has no code) it is enough, if it is in the table.
    pub subcode: Option<i64>,
    /// Meta's type, such as `OAuthException`.
    pub error_type: Option<&'a str>,
    /// A code that is a word.
    pub name: Option<&'a str>,
    /// Meta's hint that waiting helps.
    pub is_transient: Option<bool>,
}

/// Which answers a row is. Everything that is not said may be anything.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    cause: Cause,
    endpoints: &'static [Endpoint],
    status: Option<(u16, u16)>,
    code: Option<(i64, i64)>,
    has_no_code: bool,
    subcode: Option<i64>,
    has_subcode: bool,
    error_type: Option<&'static str>,
    name: Option<&'static str>,
    is_transient: Option<bool>,
}

impl Match {
    /// Every answer of this cause.
    pub(super) const fn cause(cause: Cause) -> Self {
        Self {
            cause,
            endpoints: &[],
            status: None,
            code: None,
            has_no_code: false,
            subcode: None,
            has_subcode: false,
            error_type: None,
            name: None,
            is_transient: None,
        }
    }

    /// Every answer with this code.
    pub(super) const fn code(code: i64) -> Self {
        Self::codes(code, code)
    }

    /// Every answer with a code in this range.
    pub(super) const fn codes(first: i64, last: i64) -> Self {
        Self {
            code: Some((first, last)),
            ..Self::cause(Cause::Answer)
        }
    }

    /// Every answer with this subcode, whatever its code.
    pub(super) const fn subcode(subcode: i64) -> Self {
        Self {
            subcode: Some(subcode),
            ..Self::cause(Cause::Answer)
        }
    }

    /// Every answer with an HTTP status in this range and no code.
    pub(super) const fn status(first: u16, last: u16) -> Self {
        Self {
            status: Some((first, last)),
            has_no_code: true,
            ..Self::cause(Cause::Answer)
        }
    }

    /// Every answer whose code is this word.
    pub(super) const fn name(name: &'static str) -> Self {
        Self {
            name: Some(name),
            ..Self::cause(Cause::Answer)
        }
    }

    /// … with this subcode.
    pub(super) const fn sub(mut self, subcode: i64) -> Self {
        self.subcode = Some(subcode);
        self
    }

    /// … with a subcode that no other row has.
    pub(super) const fn any_sub(mut self) -> Self {
        self.has_subcode = true;
        self
    }

    /// … with this HTTP status.
    pub(super) const fn http(mut self, first: u16, last: u16) -> Self {
        self.status = Some((first, last));
        self
    }

    /// … at these calls.
    pub(super) const fn at(mut self, endpoints: &'static [Endpoint]) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// … of this type.
    pub(super) const fn of_type(mut self, error_type: &'static str) -> Self {
        self.error_type = Some(error_type);
        self
    }

    /// … with this hint of Meta's.
    pub(super) const fn transient(mut self, is_transient: bool) -> Self {
        self.is_transient = Some(is_transient);
        self
    }

    /// Whether it can be an answer of this call; one that names no call is, where `of_any_call` says so.
    pub(super) fn is_at(&self, endpoint: Endpoint, of_any_call: bool) -> bool {
        (of_any_call && self.endpoints.is_empty()) || self.endpoints.contains(&endpoint)
    }

    fn fits(&self, facts: &Facts<'_>) -> bool {
        let code_fits = |(first, last): (i64, i64)| match facts.code {
            Some(code) => first <= code && code <= last,
            // A subcode of Instagram's own names its case alone.
            None => self.subcode.is_some_and(|subcode| subcode > 1_000_000),
        };
        self.cause == facts.cause
            && (self.endpoints.is_empty() || self.endpoints.contains(&facts.endpoint))
            && self
                .status
                .is_none_or(|(first, last)| first <= facts.status && facts.status <= last)
            && self.code.is_none_or(code_fits)
            && (!self.has_no_code || facts.code.is_none())
            && self
                .subcode
                .is_none_or(|subcode| facts.subcode == Some(subcode))
            && (!self.has_subcode || facts.subcode.is_some())
            && self
                .error_type
                .is_none_or(|error_type| facts.error_type == Some(error_type))
            && self.name.is_none_or(|name| facts.name == Some(name))
            && self
                .is_transient
                .is_none_or(|is_transient| facts.is_transient == Some(is_transient))
    }

    /// How much a match says. Each property outweighs all that stand after it.
    fn weight(&self) -> u32 {
        let exact_code = self.code.is_some_and(|(first, last)| first == last);
        let exact_status = self.status.is_some_and(|(first, last)| first == last);
        let properties = [
            self.subcode.is_some(),
            self.name.is_some(),
            exact_code,
            self.code.is_some(),
            !self.endpoints.is_empty(),
            self.error_type.is_some(),
            self.has_subcode,
            exact_status,
            self.is_transient.is_some(),
            self.status.is_some(),
        ];
        properties
            .iter()
            .fold(0, |weight, property| weight * 2 + u32::from(*property))
    }
}

/// Finds the row.
pub fn classify(facts: &Facts<'_>) -> ErrorKind {
    let mut best = (0, ErrorKind::Unknown);
    for row in SECTIONS.iter().flat_map(|(_, rows)| rows.iter()) {
        for one in row.matches {
            let weight = one.weight() + 1;
            if weight > best.0 && one.fits(facts) {
                best = (weight, row.kind);
            }
        }
    }
    best.1
}

impl ErrorKind {
    /// Whether Instagram says that there is no such object, or none that may be seen. In an outage it says so too.
    pub fn is_not_there(self) -> bool {
        matches!(self, Self::NotFoundOrNoAccess | Self::UnknownObject)
    }

    /// The error that an answer with this subcode is, whatever its code: a container's status tells no other number.
    pub fn of_publishing_subcode(subcode: i64) -> Option<Self> {
        let rows = SECTIONS.iter().flat_map(|(_, rows)| rows.iter());
        rows.filter(|row| row.matches.iter().any(|one| one.subcode == Some(subcode)))
            .map(|row| row.kind)
            .next()
    }
}

impl fmt::Display for Match {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.code, self.subcode) {
            (Some((first, last)), _) if first != last => parts.push(format!("{first} to {last}")),
            (Some((code, _)), Some(subcode)) => parts.push(format!("{code} / {subcode}")),
            (Some((code, _)), None) => parts.push(code.to_string()),
            (None, Some(subcode)) => parts.push(format!("any / {subcode}")),
            (None, None) => {}
        }
        if self.has_subcode {
            parts.push("unlisted subcode".to_owned());
        }
        if let Some(name) = self.name {
            parts.push(name.to_owned());
        }
        if let Some((first, last)) = self.status {
            let range = if first == last {
                first.to_string()
            } else {
                format!("{first} to {last}")
            };
            parts.push(format!("HTTP {range}"));
        }
        if self.has_no_code {
            parts.push("no code".to_owned());
        }
        if let Some(error_type) = self.error_type {
            parts.push(error_type.to_owned());
        }
        if let Some(is_transient) = self.is_transient {
            parts.push(format!("is_transient {is_transient}"));
        }
        if !self.endpoints.is_empty() {
            let names: Vec<&str> = self
                .endpoints
                .iter()
                .map(|endpoint| endpoint.name())
                .collect();
            parts.push(format!("at {}", names.join(", ")));
        }
        match self.cause {
            Cause::Answer => {}
            Cause::Connection => parts.insert(0, "no or broken connection".to_owned()),
            Cause::Timeout => parts.insert(0, "time is up".to_owned()),
            Cause::Unreadable => parts.insert(0, "not readable".to_owned()),
            Cause::TooLarge => parts.insert(0, "too large".to_owned()),
            Cause::Redirect => parts.insert(0, "redirect".to_owned()),
        }
        formatter.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(one: &Match, other: &Match) -> bool {
        let both = |a: Option<(i64, i64)>, b: Option<(i64, i64)>| match (a, b) {
            (Some(a), Some(b)) => a.0 <= b.1 && b.0 <= a.1,
            _ => true,
        };
        let widen = |range: Option<(u16, u16)>| range.map(|(a, b)| (i64::from(a), i64::from(b)));
        let same = |a: Option<&str>, b: Option<&str>| a.is_none() || b.is_none() || a == b;
        one.cause == other.cause
            && both(one.code, other.code)
            && both(widen(one.status), widen(other.status))
            && !(one.has_no_code && other.code.is_some() && other.subcode.is_none())
            && !(other.has_no_code && one.code.is_some() && one.subcode.is_none())
            && (one.subcode.is_none() || other.subcode.is_none() || one.subcode == other.subcode)
            && same(one.error_type, other.error_type)
            && same(one.name, other.name)
            && (one.is_transient.is_none()
                || other.is_transient.is_none()
                || one.is_transient == other.is_transient)
            && (one.endpoints.is_empty()
                || other.endpoints.is_empty()
                || one
                    .endpoints
                    .iter()
                    .any(|endpoint| other.endpoints.contains(endpoint)))
    }

    #[test]
    fn no_answer_fits_two_rows_equally_well() {
        let all: Vec<(ErrorKind, &Match)> = SECTIONS
            .iter()
            .flat_map(|(_, rows)| rows.iter())
            .flat_map(|row| row.matches.iter().map(|one| (row.kind, one)))
            .collect();
        for (index, (kind, one)) in all.iter().enumerate() {
            for (other_kind, other) in &all[index + 1..] {
                assert!(
                    kind == other_kind || one.weight() != other.weight() || !overlap(one, other),
                    "{kind:?} ({one}) and {other_kind:?} ({other})"
                );
            }
        }
    }

    #[test]
    fn every_code_of_the_documentation_has_a_row() {
        let publishing = [
            (-2, 2207003),
            (-2, 2207020),
            (-1, 2207001),
            (-1, 2207032),
            (-1, 2207053),
            (-1, 2207073),
            (1, 2207057),
            (4, 2207051),
            (9, 2207042),
            (24, 2207006),
            (24, 2207008),
            (25, 2207050),
            (100, 2207023),
            (100, 2207028),
            (100, 2207035),
            (100, 2207036),
            (100, 2207037),
            (100, 2207040),
            (352, 2207026),
            (9004, 2207052),
            (9007, 2207027),
            (36000, 2207004),
            (36001, 2207005),
            (36003, 2207009),
            (36004, 2207010),
            (100, 9050),
            (100, 9052),
            (100, 9054),
            (100, 9055),
            (100, 9056),
            (100, 9057),
            (100, 9058),
            (100, 9060),
            (100, 9062),
            (100, 9063),
            (100, 9064),
            (10, 9053),
            (0, 2207077),
            (0, 2207081),
            (0, 2207082),
            (0, 2207085),
        ];
        let messages = [
            (10, 2534022),
            (10, 2018278),
            (551, 0),
            (100, 2534014),
            (100, 2534025),
            (100, 2534001),
            (100, 2534013),
            (100, 2534068),
            (2, 1545133),
            (10, 1893063),
            (1, 99),
            (1, 1357046),
            (2, 2018344),
        ];
        let general = [
            (1, 0),
            (2, 0),
            (-1, 0),
            (-2, 0),
            (3, 0),
            (4, 0),
            (17, 0),
            (32, 0),
            (341, 0),
            (613, 0),
            (613, 1996),
            (80001, 0),
            (80002, 0),
            (80006, 0),
            (80000, 0),
            (80003, 0),
            (80004, 0),
            (80005, 0),
            (80008, 0),
            (80009, 0),
            (80014, 0),
            (9, 0),
            (10, 0),
            (18, 0),
            (24, 0),
            (25, 0),
            (100, 0),
            (100, 33),
            (102, 0),
            (190, 0),
            (190, 458),
            (190, 459),
            (190, 460),
            (190, 463),
            (190, 464),
            (190, 467),
            (190, 492),
            (200, 0),
            (299, 0),
            (352, 0),
            (368, 0),
            (506, 0),
            (803, 0),
            (2500, 0),
            (9004, 0),
            (9007, 0),
            (36000, 0),
            (36001, 0),
            (36002, 0),
            (36003, 0),
            (36004, 0),
        ];
        // With a subcode, the row must be the subcode's own and not the one of its code alone.
        let find = |code: i64, subcode: Option<i64>| {
            classify(&Facts {
                endpoint: Endpoint::ReadMedia,
                cause: Cause::Answer,
                status: 400,
                code: Some(code),
                subcode,
                error_type: Some("OAuthException"),
                name: None,
                is_transient: None,
            })
        };
        for (code, subcode) in publishing.iter().chain(&messages).chain(&general) {
            let kind = find(*code, Some(*subcode).filter(|subcode| *subcode != 0));
            assert_ne!(kind, ErrorKind::Unknown, "{code} / {subcode}");
            let rows = kind.row().matches;
            assert!(
                *subcode == 0 || rows.iter().any(|row| row.subcode == Some(*subcode)),
                "{code} / {subcode}"
            );
        }
        assert_eq!(find(42, None), ErrorKind::Unknown);
    }

    #[test]
    fn a_subcode_of_a_containers_status_text_is_enough() {
        let facts = Facts {
            endpoint: Endpoint::ContainerStatus,
            cause: Cause::Answer,
            status: 200,
            code: None,
            subcode: Some(2_207_026),
            error_type: None,
            name: None,
            is_transient: None,
        };
        assert_eq!(classify(&facts), ErrorKind::VideoFormatUnsupported);
    }
}
