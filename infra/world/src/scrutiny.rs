//! The search for secrets where none may be.

use std::sync::PoisonError;

use aho_corasick::AhoCorasick;

use crate::resources::SECRET_ACCESS_KEY;
use crate::{CURSOR_KEY, INSTAGRAM_APP_SECRET, META_APP_SECRET, WEBHOOK_VERIFY_TOKEN, World, logs};

/// The app's secrets and the AWS key.
pub const SECRETS: [&str; 5] = [
    INSTAGRAM_APP_SECRET,
    META_APP_SECRET,
    WEBHOOK_VERIFY_TOKEN,
    CURSOR_KEY,
    SECRET_ACCESS_KEY,
];

impl World {
    /// Every secret in play: tokens and codes that Instagram issued, the app's secrets, the AWS key, and what was seen
    /// at the consent window or noted by the test.
    pub fn canaries(&self) -> Vec<String> {
        let mut canaries = self.secrets();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        canaries.extend(seen.iter().cloned());
        canaries.sort();
        canaries.dedup();
        canaries
    }

    /// What no caller may see either: all but the login states, which belong to the caller.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = self.instagram.secrets_in_play();
        secrets.extend(SECRETS.map(str::to_owned));
        secrets
    }

    /// Fails the test when a secret stands in a log line, in the table, a queue, a schedule, the simulators' records of
    /// calls, or in one of the given answers.
    ///
    /// # Panics
    /// When a secret is found; says where, and shows only its beginning.
    pub async fn assert_no_canary_anywhere(&self, answers: &[String]) {
        let stored = self.aws.everything_but_secrets().await;
        let instagram_calls = format!("{:?}", self.instagram.calls());
        let aws_calls = format!("{:?}", self.aws.calls());
        let logs = logs::lines().join("\n");
        let places = [
            ("table, queues and schedules", &stored),
            ("the record of Instagram's calls", &instagram_calls),
            ("the record of AWS's calls", &aws_calls),
            ("a log line", &logs),
        ];
        let canaries = Search::new(&self.canaries());
        for (place, text) in places {
            canaries.assert_absent(text, place);
        }
        let secrets = Search::new(&self.secrets());
        for answer in answers {
            secrets.assert_absent(answer, "an answer");
        }
    }
}

/// Looks for many secrets at once, as they are and encoded for an address, in time that depends on the text alone.
pub struct Search(AhoCorasick);

impl Search {
    /// For these secrets. Very short ones are left out, which would be found by chance.
    ///
    /// # Panics
    /// When there are too many for an automaton (gigabytes).
    pub fn new(secrets: &[String]) -> Self {
        let long = secrets.iter().filter(|secret| secret.len() >= 12);
        let forms = long.flat_map(|secret| {
            let encoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            [secret.clone(), encoded]
        });
        Self(AhoCorasick::new(forms).expect("an automaton of the secrets"))
    }

    /// The beginning of the first secret that stands in a text.
    pub fn found_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        let found = &text[self.0.find(text)?.range()];
        Some(
            found
                .char_indices()
                .nth(10)
                .map_or(found, |(end, _)| &found[..end]),
        )
    }

    fn assert_absent(&self, text: &str, place: &str) {
        if let Some(beginning) = self.found_in(text) {
            panic!("a secret that begins with `{beginning}` stands in {place}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_as_it_is_and_encoded_and_a_short_text_is_none() {
        let search = Search::new(&["a secret|of some length".to_owned(), "short".to_owned()]);
        for (text, found) in [
            ("x=a secret|of some length;", Some("a secret|o")),
            ("?x=a+secret%7Cof+some+length&y", Some("a+secret%7")),
            ("a secret of some length, short", None),
        ] {
            assert_eq!(search.found_in(text), found, "{text}");
        }
    }
}
