//! The search for secrets where none may be.

use std::sync::PoisonError;

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
        for (place, text) in places {
            assert_free_of(&self.canaries(), text, place);
        }
        for answer in answers {
            assert_free_of(&self.secrets(), answer, "an answer");
        }
    }
}

fn assert_free_of(canaries: &[String], text: &str, place: &str) {
    if let Some(beginning) = found_in(text, canaries) {
        panic!("a secret that begins with `{beginning}` stands in {place}");
    }
}

/// The beginning of the first of these secrets that stands in a text, as it is or encoded for an address.
pub fn found_in(text: &str, canaries: &[String]) -> Option<String> {
    let stands = |canary: &&String| {
        let encoded: String = url::form_urlencoded::byte_serialize(canary.as_bytes()).collect();
        // Very short texts would be found by chance.
        canary.len() >= 12 && (text.contains(canary.as_str()) || text.contains(&encoded))
    };
    let found = canaries.iter().find(stands)?;
    Some(found.chars().take(10).collect())
}
