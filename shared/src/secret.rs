//! Values that must not be seen: they cannot be printed, logged or serialized by accident.

use std::fmt;

/// A value of Meta's or ours that nobody may read in a log, an answer or a queue.
///
/// It has no `Display` and no `Serialize`, and its `Debug` prints `[redacted]`. [`Secret::expose`] is the one way to
/// the text, so that every use can be found by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for an outgoing header or form, a signature, or the vault.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// An access token of Meta's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken(Secret);

impl AccessToken {
    /// Takes the token's text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text))
    }

    /// The token's text: for one outgoing `Authorization` header, a token exchange, or the vault.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k02_a_panic_with_a_struct_that_holds_a_token_does_not_show_it() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "read by Debug only")]
        struct Holder {
            token: AccessToken,
            secret: Secret,
        }
        let holder = Holder {
            token: AccessToken::new("canary-token"),
            secret: Secret::new("canary-secret"),
        };
        let text = format!("{holder:?} {holder:#?}");
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("[redacted]"));
    }
}
