//! Cursors: where a list goes on, signed so that only the list that gave one out takes it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::problem::Problem;
use crate::app_secrets::AppSecrets;
use crate::digest::{keyed_tag, verify_keyed_tag};

/// How long a cursor is good for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
const VERSION: u8 = 1;
const TAG_BYTES: usize = 32;
/// No cursor of ours is longer; a longer one is not looked at.
const LONGEST: usize = 2048;

/// The list that a cursor belongs to.
#[derive(Clone, Debug)]
pub struct List<'a> {
    /// The caller's company.
    pub company: &'a str,
    /// The route, with the account's id where it has one.
    pub route: &'a str,
    /// Every filter of the request, as text.
    pub filter: &'a str,
}

impl List<'_> {
    /// A cursor after `position`.
    pub fn cursor(&self, secrets: &AppSecrets, position: &str, now: Timestamp) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend((now + LIFETIME).as_second().to_be_bytes());
        bytes.extend(position.as_bytes());
        let key = secrets.cursor_keys.first().map_or("", |key| key.expose());
        let tag = keyed_tag(key.as_bytes(), &self.parts(&bytes));
        bytes.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a cursor that this list gave out.
    ///
    /// # Errors
    /// 400 `invalid_cursor` for any other text.
    pub fn position(
        &self,
        secrets: &AppSecrets,
        cursor: &str,
        now: Timestamp,
    ) -> Result<String, Problem> {
        self.read(secrets, cursor, now).ok_or_else(invalid_cursor)
    }

    fn read(&self, secrets: &AppSecrets, cursor: &str, now: Timestamp) -> Option<String> {
        if cursor.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let genuine = secrets
            .cursor_keys
            .iter()
            .any(|key| verify_keyed_tag(key.expose().as_bytes(), &self.parts(signed), tag));
        if !genuine {
            return None;
        }
        let (version, rest) = signed.split_first()?;
        let (expiry, position) = rest.split_first_chunk::<8>()?;
        let alive = i64::from_be_bytes(*expiry) >= now.as_second();
        (*version == VERSION && alive)
            .then(|| String::from_utf8(position.to_vec()).ok())
            .flatten()
    }

    fn parts<'b>(&'b self, signed: &'b [u8]) -> [&'b [u8]; 4] {
        [
            self.company.as_bytes(),
            self.route.as_bytes(),
            self.filter.as_bytes(),
            signed,
        ]
    }
}

/// What is answered for a cursor that a list does not take.
pub fn invalid_cursor() -> Problem {
    Problem::bad_request(
        "invalid_cursor",
        "The cursor does not belong to this list or is older than a day. Start again without one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(keys: &str) -> AppSecrets {
        AppSecrets::parse(&format!(
            r#"{{"instagramAppId":"1","instagramAppSecret":"test","metaAppId":"2","metaAppSecret":"test",
            "webhookVerifyToken":"test",{keys}}}"#
        ))
        .unwrap()
    }

    const LIST: List<'_> = List {
        company: "acme",
        route: "/instagram/accounts",
        filter: "q=a",
    };

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn i04_a_cursor_is_taken_by_its_own_list_only() {
        let secrets = secrets(r#""cursorKey":"test-cursor-key""#);
        let cursor = LIST.cursor(&secrets, "position#1", now());
        assert_eq!(
            LIST.position(&secrets, &cursor, now()).unwrap(),
            "position#1"
        );
        for other in [
            List {
                company: "other",
                ..LIST
            },
            List {
                route: "/instagram/accounts/expiring",
                ..LIST
            },
            List {
                filter: "q=b",
                ..LIST
            },
        ] {
            assert!(
                other.position(&secrets, &cursor, now()).is_err(),
                "{other:?}"
            );
        }
        assert!(
            LIST.position(&secrets, &cursor, now() + SignedDuration::from_hours(25))
                .is_err()
        );
    }

    #[test]
    fn a_cursor_survives_the_rotation_of_its_key() {
        let old = secrets(r#""cursorKey":"test-old""#);
        let both = secrets(r#""cursorKey":"test-new","previousCursorKey":"test-old""#);
        let new = secrets(r#""cursorKey":"test-new""#);
        let cursor = LIST.cursor(&old, "p", now());
        assert!(LIST.position(&both, &cursor, now()).is_ok());
        assert!(LIST.position(&new, &cursor, now()).is_err());
    }

    #[test]
    fn i04_100_000_random_mutations_are_all_refused() {
        let secrets = secrets(r#""cursorKey":"test-cursor-key""#);
        let cursor = LIST.cursor(&secrets, "2026-11-21T10:00:00.000Z#id", now());
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..100_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut changed = bytes.clone();
            let position = (state >> 8) as usize % changed.len();
            changed[position] ^= 1 << (state & 7);
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert!(LIST.read(&secrets, &changed, now()).is_none(), "{changed}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_and_nothing_panics(text in ".{0,300}") {
            let secrets = secrets(r#""cursorKey":"test-cursor-key""#);
            prop_assert!(LIST.read(&secrets, &text, now()).is_none());
        }
    }
}
