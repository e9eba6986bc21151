//! The tokens of local callers: signed here, and verified like those of a real issuer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Who issues.
pub const ISSUER: &str = "https://issuer.local.invalid/";
/// For whom.
pub const AUDIENCE: &str = "instagram-local";
/// How long a token is good.
pub const LIFETIME_SECONDS: i64 = 3600;

/// Signs and verifies.
pub struct Issuer {
    key: hmac::Key,
}

/// The person in a token.
#[derive(Clone, Debug)]
pub struct Person {
    /// `sub`.
    pub user: String,
    /// `custom:company`.
    pub company: String,
    /// `role`.
    pub role: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl Issuer {
    /// An issuer with this key.
    pub fn new(key: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// A token for a person, good from `now` (seconds) on.
    pub fn token(&self, person: &Person, now: i64) -> String {
        self.sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({
                "iss": ISSUER,
                "aud": AUDIENCE,
                "sub": person.user,
                "custom:company": person.company,
                "role": person.role,
                "iat": now,
                "exp": now + LIFETIME_SECONDS,
            }),
        )
    }

    /// Signs whatever it is given: tests make wrong tokens with it.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a good token as API Gateway hands them on, all of them texts; `None` for any other.
    pub fn verify(&self, token: &str, now: i64) -> Option<BTreeMap<String, String>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = from_base64(header)?;
        // The one algorithm, by name: `none` and all others are no signature of ours.
        if header.alg != "HS256" {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.key, signed.as_bytes(), &signature).ok()?;
        let claims: Map<String, Value> = from_base64(claims)?;
        let time = |name: &str| claims.get(name).and_then(Value::as_i64);
        let begins =
            |name: &str| !claims.contains_key(name) || time(name).is_some_and(|at| at <= now);
        let is_good = claims.get("iss").and_then(Value::as_str) == Some(ISSUER)
            && claims.get("aud").and_then(Value::as_str) == Some(AUDIENCE)
            && time("exp").is_some_and(|at| at > now)
            && begins("nbf")
            && begins("iat");
        is_good.then(|| {
            claims
                .into_iter()
                .map(|(name, value)| match value {
                    Value::String(text) => (name, text),
                    other => (name, other.to_string()),
                })
                .collect()
        })
    }
}

fn from_base64<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_255_200;

    fn claims(change: impl FnOnce(&mut Value)) -> Value {
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": NOW + 1});
        change(&mut claims);
        claims
    }

    #[test]
    fn a_token_of_ours_is_good_for_an_hour_and_its_claims_are_texts() {
        let issuer = Issuer::new(b"a key");
        let person = Person {
            user: "ann".into(),
            company: "acme".into(),
            role: "editor".into(),
        };
        let token = issuer.token(&person, NOW);
        let claims = issuer.verify(&token, NOW).unwrap();
        assert_eq!(claims["custom:company"], "acme");
        assert_eq!(claims["iat"], NOW.to_string());
        assert!(issuer.verify(&token, NOW + LIFETIME_SECONDS - 1).is_some());
        assert!(issuer.verify(&token, NOW + LIFETIME_SECONDS).is_none());
        assert!(issuer.verify(&token, NOW - 1).is_none(), "issued later");
        assert!(Issuer::new(b"another key").verify(&token, NOW).is_none());
    }

    #[test]
    fn only_the_one_algorithm_issuer_and_audience_count() {
        let issuer = Issuer::new(b"a key");
        let hs256 = json!({"alg": "HS256"});
        let good = issuer.sign(&hs256, &claims(|_| ()));
        assert!(issuer.verify(&good, NOW).is_some());
        for (what, header, wrong) in [
            ("none", json!({"alg": "none"}), claims(|_| ())),
            ("lower case", json!({"alg": "hs256"}), claims(|_| ())),
            ("another hash", json!({"alg": "HS512"}), claims(|_| ())),
            ("no algorithm", json!({}), claims(|_| ())),
            (
                "issuer",
                hs256.clone(),
                claims(|claims| claims["iss"] = "https://else.invalid/".into()),
            ),
            (
                "audience",
                hs256.clone(),
                claims(|claims| claims["aud"] = "else".into()),
            ),
            (
                "audiences",
                hs256.clone(),
                claims(|claims| claims["aud"] = json!([AUDIENCE, "else"])),
            ),
            (
                "expired",
                hs256.clone(),
                claims(|claims| claims["exp"] = NOW.into()),
            ),
            (
                "no expiry",
                hs256.clone(),
                claims(|claims| claims["exp"] = Value::Null),
            ),
            (
                "not yet",
                hs256.clone(),
                claims(|claims| claims["nbf"] = (NOW + 1).into()),
            ),
        ] {
            let token = issuer.sign(&header, &wrong);
            assert!(issuer.verify(&token, NOW).is_none(), "{what}");
        }
        let (signed, _) = good.rsplit_once('.').unwrap();
        for token in [
            "",
            "a",
            "a.b",
            "a.b.c",
            signed,
            &format!("{signed}."),
            &format!("{good}A"),
        ] {
            assert!(issuer.verify(token, NOW).is_none(), "{token}");
        }
    }
}
