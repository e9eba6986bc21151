//! What a page's secret holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::secret::AccessToken;

/// Secrets Manager's limit of a secret's value.
pub(super) const MOST_BYTES: usize = 65_536;

/// A page with more bytes takes no new account: a secret's value has at most 65,536, and tokens may grow.
pub(super) const ROOM_UNTIL_BYTES: usize = 48_000;

/// One account's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The token itself.
    pub token: AccessToken,
    /// Rises with each token of the account.
    pub generation: u64,
    /// When Instagram issued it.
    pub issued_at: Timestamp,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// A page's entries by account.
#[derive(Clone, Default)]
pub(super) struct Page(BTreeMap<String, Entry>);

/// The text form: the one place where a token is serialized.
#[derive(Serialize, Deserialize)]
struct Text {
    accounts: BTreeMap<String, EntryText>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryText {
    token: String,
    generation: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

impl Page {
    pub(super) fn get(&self, account: &str) -> Option<&Entry> {
        self.0.get(account)
    }

    pub(super) fn set(&mut self, account: &str, entry: Entry) {
        self.0.insert(account.to_owned(), entry);
    }

    pub(super) fn remove(&mut self, account: &str) -> bool {
        self.0.remove(account).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `None` when the text is no page of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text: Text = serde_json::from_str(text).ok()?;
        let entries = text.accounts.into_iter().map(|(account, entry)| {
            let entry = Entry {
                token: AccessToken::new(entry.token),
                generation: entry.generation,
                issued_at: entry.issued_at,
                expires_at: entry.expires_at,
            };
            (account, entry)
        });
        Some(Self(entries.collect()))
    }

    pub(super) fn to_text(&self) -> String {
        let accounts = self.0.iter().map(|(account, entry)| {
            let text = EntryText {
                token: entry.token.expose().to_owned(),
                generation: entry.generation,
                issued_at: entry.issued_at,
                expires_at: entry.expires_at,
            };
            (account.clone(), text)
        });
        // A map of texts and numbers always has a JSON form.
        serde_json::to_string(&Text {
            accounts: accounts.collect(),
        })
        .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: &str) -> Entry {
        Entry {
            token: AccessToken::new(token),
            generation: 3,
            issued_at: "2026-11-21T00:00:00Z".parse().unwrap(),
            expires_at: "2027-01-20T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_page_reads_back_what_it_wrote() {
        let mut page = Page::default();
        page.set("a", entry("test-token-a"));
        page.set("b", entry("test-token-\"quoted\"-b"));
        let again = Page::parse(&page.to_text()).unwrap();
        assert_eq!(again.get("b"), Some(&entry("test-token-\"quoted\"-b")));
        assert_eq!(again.len(), 2);
    }

    #[test]
    fn a_full_page_of_long_tokens_fits_a_secret() {
        let mut page = Page::default();
        for number in 0..100 {
            page.set(
                &format!("00000000-0000-4000-8000-{number:012}"),
                entry(&"t".repeat(300)),
            );
        }
        assert!(
            page.to_text().len() <= ROOM_UNTIL_BYTES,
            "{}",
            page.to_text().len()
        );
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for text in ["", "{}", "[]", "null", "{\"accounts\":{\"a\":{}}}"] {
            assert!(Page::parse(text).is_none(), "{text}");
        }
    }
}
