//! Codes and tokens: who they stand for, what they allow, until when.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::person::Revocation;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TokenKind {
    ShortLived,
    LongLived,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) kind: TokenKind,
    pub(crate) client_id: String,
    pub(crate) ig_user_id: String,
    pub(crate) scopes: Vec<String>,
    /// When it was issued or, where the text stays the same, last refreshed.
    pub(crate) issued_at_ms: i64,
    pub(crate) expires_at_ms: i64,
    pub(crate) revoked: Option<Revocation>,
}

impl Token {
    pub(crate) fn is_live(&self, now_ms: i64) -> bool {
        self.revoked.is_none() && now_ms < self.expires_at_ms
    }
}

/// What the consent page hands out: good once, for one app and one redirect address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) ig_user_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at_ms: i64,
    pub(crate) used: bool,
}

/// All tokens ever issued, found by their text and by their person.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Token>", into = "Vec<Token>")]
pub(crate) struct Tokens {
    by_text: BTreeMap<String, Token>,
    texts_of: HashMap<String, Vec<String>>,
}

impl Clone for Tokens {
    fn clone(&self) -> Self {
        Self::from(self.by_text.values().cloned().collect::<Vec<_>>())
    }
}

impl From<Vec<Token>> for Tokens {
    fn from(list: Vec<Token>) -> Self {
        let mut tokens = Self::default();
        for token in list {
            tokens.insert(token);
        }
        tokens
    }
}

impl From<Tokens> for Vec<Token> {
    fn from(tokens: Tokens) -> Self {
        tokens.by_text.into_values().collect()
    }
}

impl Tokens {
    pub(crate) fn insert(&mut self, token: Token) {
        self.texts_of
            .entry(token.ig_user_id.clone())
            .or_default()
            .push(token.text.clone());
        self.by_text.insert(token.text.clone(), token);
    }

    pub(crate) fn get(&self, text: &str) -> Option<&Token> {
        self.by_text.get(text)
    }

    pub(crate) fn get_mut(&mut self, text: &str) -> Option<&mut Token> {
        self.by_text.get_mut(text)
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        self.by_text.keys()
    }

    pub(crate) fn live_of(&self, ig_user_id: &str, now_ms: i64) -> usize {
        let texts = self.texts_of.get(ig_user_id).into_iter().flatten();
        texts
            .filter_map(|text| self.get(text))
            .filter(|token| token.is_live(now_ms))
            .count()
    }

    /// Revokes what is live, and says how many that were.
    pub(crate) fn revoke_all_of(
        &mut self,
        ig_user_id: &str,
        how: Revocation,
        now_ms: i64,
    ) -> usize {
        let mut revoked = 0;
        for text in self.texts_of.get(ig_user_id).into_iter().flatten() {
            if let Some(token) = self.by_text.get_mut(text)
                && token.is_live(now_ms)
            {
                token.revoked = Some(how);
                revoked += 1;
            }
        }
        revoked
    }
}

/// What a log may show of a token: its kind where it is one of ours, and the last four characters.
pub(crate) fn masked(text: &str) -> String {
    let shown_start = ["IGSIM-short-lived-", "IGSIM-long-lived-"]
        .into_iter()
        .find(|start| text.starts_with(start))
        .unwrap_or_default();
    let characters: Vec<char> = text.chars().collect();
    let shown_end: String = match characters.len() {
        0..20 => String::new(),
        length => characters[length - 4..].iter().collect(),
    };
    format!("{shown_start}…{shown_end}")
}
