//! What each error of Instagram's means: one table, from which `docs/errors.md` is written too.
//!
//! Facts: Meta's pages "Graph API: Handle Errors", "Instagram Platform: Error Codes" and "Graph API: Rate limits", and
//! what public code and issues report. An error is found by (call, cause, HTTP status, code, subcode, type), never by its
//! text. Where several rows fit, the most specific one counts: a subcode before a code, a code before a status.

mod access;
mod kinds;
mod matching;
mod messages;
mod platform;
mod publishing;

#[cfg(test)]
mod document;

use super::endpoint::Endpoint;

pub use kinds::ErrorKind;
pub use matching::{Cause, Facts, Match, classify};

/// All rows, by the sections of `docs/errors.md`.
const SECTIONS: &[(&str, &[Row])] = &[
    ("The way to Instagram", platform::TRANSPORT),
    ("Login and app", access::LOGIN),
    ("Tokens and accounts", access::TOKENS),
    ("Limits", platform::LIMITS),
    ("Requests", platform::REQUESTS),
    ("Publishing", publishing::ROWS),
    ("Messages and comments", messages::ROWS),
];

/// What the catalogue says about one error.
#[derive(Debug)]
pub struct Row {
    /// The error.
    pub kind: ErrorKind,
    /// What it means, for developers.
    pub meaning: &'static str,
    /// Who must act.
    pub who: Who,
    /// When to try again.
    pub retry: Retry,
    /// What becomes of the account.
    pub effect: AccountEffect,
    /// What a person reads.
    pub sentence: &'static str,
    /// Which answers it is.
    pub matches: &'static [Match],
}

/// Who must act for the error to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody: it is tried again.
    Nobody,
    /// The person whose account it is, or who made the request.
    User,
    /// Whoever runs this installation and its Meta app.
    Operator,
    /// Whoever wrote the code that made the call.
    Developer,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the same request fails the same way.
    Never,
    /// At once, a few times: the client does so itself where the call is safe to repeat; after that as a job, with a
    /// growing wait.
    AtOnce,
    /// A few times, this many seconds apart, as a job.
    AfterSeconds(u32),
    /// When the answer says ([`GraphError::retry_after`](super::GraphError::retry_after)); where it says nothing, with
    /// a wait that grows from a minute.
    WhenHeaderSays,
    /// After this many hours.
    AfterHours(u32),
    /// When the day's quota has room again.
    NextDay,
    /// When the container is ready: ask for its status, then the same request again.
    WhenReady,
    /// With a new container, not with this one.
    WithNewContainer,
    /// With a smaller page, down to one item.
    WithSmallerPage,
    /// When the person has done their part.
    AfterUserActs,
    /// Only after looking whether it has happened: it may have, although the answer says no.
    AfterLooking,
}

/// What becomes of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEffect {
    /// Nothing.
    None,
    /// Calls for it wait.
    RateLimited,
    /// Publishing for it waits; reading goes on.
    PublishingPaused,
    /// A scope is missing: say which, and do not say "reconnect" where "allow" is meant.
    MissingPermission,
    /// One signal that the token is dead. A second, independent one is needed before anything changes.
    TokenSuspect,
    /// The token is dead, terminally: the person must connect again.
    TokenDead,
    /// The person removed the app: the connection is over.
    Revoked,
    /// The connection stands, but the person must do something at Instagram first. It resumes by itself.
    NeedsUserAction,
}

impl AccountEffect {
    /// Whether this one answer ends the connection.
    pub fn is_terminal(self) -> bool {
        matches!(self, AccountEffect::TokenDead | AccountEffect::Revoked)
    }

    /// Whether the connection is good, and the call works only once a person has done something.
    pub fn needs_a_person(self) -> bool {
        matches!(
            self,
            AccountEffect::MissingPermission | AccountEffect::NeedsUserAction
        )
    }
}

impl Row {
    /// Whether the breaker counts it: an error that could as well be a fault of the whole app.
    ///
    /// What a person or one account's own limits bring about says nothing about others, nor does what is said of one object: many
    /// delete something on the same day.
    pub fn may_be_app_wide(&self) -> bool {
        if self.kind.is_not_there() {
            return false;
        }
        let is_about_access = matches!(
            self.effect,
            AccountEffect::TokenSuspect
                | AccountEffect::TokenDead
                | AccountEffect::Revoked
                | AccountEffect::MissingPermission
        );
        let is_about_the_app = matches!(self.who, Who::Operator | Who::Developer)
            // An app that lost its access level is refused in the same words as one person without a role.
            || self.kind == ErrorKind::NoRoleOnApp;
        let is_about_instagram = self.who == Who::Nobody
            && self.effect == AccountEffect::None
            && matches!(
                self.retry,
                Retry::AtOnce | Retry::AfterSeconds(_) | Retry::WhenHeaderSays
            );
        is_about_access || is_about_the_app || is_about_instagram
    }
}

impl ErrorKind {
    /// Those that a call can end with: what any call may meet, and what belongs to this one.
    pub fn possible_at(endpoint: Endpoint) -> Vec<Self> {
        let is_possible = |title: &str, row: &Row| {
            let is_of_any_call = !matches!(title, "Publishing" | "Messages and comments");
            row.kind == Self::PausedByBreaker
                || row.kind == Self::Unknown
                || row
                    .matches
                    .iter()
                    .any(|one| one.is_at(endpoint, is_of_any_call))
        };
        SECTIONS
            .iter()
            .flat_map(|(title, rows)| rows.iter().filter(move |row| is_possible(title, row)))
            .map(|row| row.kind)
            .collect()
    }

    /// The row of this error.
    pub fn row(self) -> &'static Row {
        let rows = || SECTIONS.iter().flat_map(|(_, rows)| rows.iter());
        // A test holds that every kind has exactly one row.
        rows()
            .find(|row| row.kind == self)
            .unwrap_or(&platform::REQUESTS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_exactly_one_row_and_a_sentence() {
        for kind in ErrorKind::ALL {
            let rows = SECTIONS
                .iter()
                .flat_map(|(_, rows)| rows.iter())
                .filter(|row| row.kind == *kind);
            assert_eq!(rows.count(), 1, "{kind:?}");
            let row = kind.row();
            assert!(
                row.sentence.ends_with(['.', '?']),
                "{kind:?}: {}",
                row.sentence
            );
            assert!(!row.meaning.is_empty(), "{kind:?}");
        }
        assert_eq!(ErrorKind::Unknown.row().kind, ErrorKind::Unknown);
        assert_eq!(platform::REQUESTS[0].kind, ErrorKind::Unknown);
    }

    #[test]
    fn codes_are_unique_and_in_snake_case() {
        let mut codes: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert!(codes.iter().all(|code| {
            code.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        }));
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn whoever_must_act_is_told_what_to_do_and_nobody_is_told_when_nothing_is_to_be_done() {
        for (_, rows) in SECTIONS {
            for row in *rows {
                if row.effect.is_terminal() {
                    assert_eq!(
                        (row.who, row.retry),
                        (Who::User, Retry::Never),
                        "{:?}",
                        row.kind
                    );
                    assert!(row.sentence.contains("onnect"), "{:?}", row.kind);
                }
                if row.who == Who::Nobody {
                    assert_ne!(row.retry, Retry::AfterUserActs, "{:?}", row.kind);
                }
            }
        }
    }
}
