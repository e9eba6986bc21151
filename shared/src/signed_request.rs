//! `signed_request`: how Meta says at the deauthorize and the data deletion callback whom it is about.
//!
//! `<signature>.<payload>`, both base64url. The signature is an HMAC-SHA-256 over the payload as it was sent, still
//! encoded, under the app's secret. Meta:
//! <https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback/>.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use serde::{Deserialize, Deserializer};

use crate::digest::sha256_start;
use crate::secret::Secret;

/// With or without padding: Meta sends none, its own libraries have sent it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Clocks differ; a request from further ahead is not Meta's.
const MOST_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A request whose signature was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// Whom it is about, digits: the app-scoped id or the professional account's, Meta does not say which.
    pub user_id: String,
    /// When Meta signed it, whole seconds.
    pub issued_at: Timestamp,
    /// 128 bits that belong to this request alone, in the form of our ids. Nobody can guess them who does not know the
    /// app's secret, and the same request has the same ones.
    pub fingerprint: String,
}

/// Why a request is not believed. For tests and the log: Meta is told no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disbelieved {
    /// No signature and payload of the documented form.
    Malformed,
    /// Signed with none of the app's secrets.
    Signature,
    /// Signed, and by its own word not with HMAC-SHA-256.
    Algorithm,
    /// Signed, and about nobody.
    NoUser,
    /// Signed, and without a time, or with one that is yet to come.
    Time,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    algorithm: String,
    #[serde(default, deserialize_with = "digits")]
    user_id: Option<String>,
    #[serde(default)]
    issued_at: Option<i64>,
}

/// Checks a `signed_request` against each of the app's secrets.
///
/// The signature may stand in standard base64 too, as some libraries write it; nothing else depends on it.
///
/// # Errors
/// Where it must not be believed.
pub fn verify<'a>(
    text: &str,
    secrets: impl IntoIterator<Item = &'a Secret>,
    now: Timestamp,
) -> Result<SignedRequest, Disbelieved> {
    let (signature, payload) = text.split_once('.').ok_or(Disbelieved::Malformed)?;
    let signature = signature.replace('+', "-").replace('/', "_");
    let signature = BASE64
        .decode(signature)
        .map_err(|_| Disbelieved::Malformed)?;
    let is_signed = |secret: &Secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        hmac::verify(&key, payload.as_bytes(), &signature).is_ok()
    };
    if !secrets.into_iter().any(is_signed) {
        return Err(Disbelieved::Signature);
    }
    let payload = BASE64.decode(payload).map_err(|_| Disbelieved::Malformed)?;
    let payload: Payload = serde_json::from_slice(&payload).map_err(|_| Disbelieved::Malformed)?;
    if !payload.algorithm.eq_ignore_ascii_case("HMAC-SHA256") {
        return Err(Disbelieved::Algorithm);
    }
    let user_id = payload.user_id.ok_or(Disbelieved::NoUser)?;
    let issued_at = payload
        .issued_at
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .filter(|issued_at| issued_at.duration_since(now) <= MOST_AHEAD)
        .ok_or(Disbelieved::Time)?;
    let fingerprint = uuid::Uuid::from_bytes(sha256_start(&signature));
    Ok(SignedRequest {
        user_id,
        issued_at,
        fingerprint: fingerprint.to_string(),
    })
}

/// An id, be it a text or a number; `None` for anything else, which names nobody.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    let is_id = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    Ok(is_id.then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SECRET: &str = "test-app-secret";
    const NOW: i64 = 1_795_255_200;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn signed(payload: &str, secret: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, payload.as_bytes());
        let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag);
        format!("{signature}.{payload}")
    }

    fn encoded(payload: &Value) -> String {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload.to_string())
    }

    fn request(payload: &Value) -> String {
        signed(&encoded(payload), SECRET)
    }

    fn check(text: &str) -> Result<SignedRequest, Disbelieved> {
        let secrets = [Secret::new("test-another-secret"), Secret::new(SECRET)];
        verify(text, &secrets, now())
    }

    fn payload() -> Value {
        json!({"algorithm":"HMAC-SHA256","expires":NOW + 3600,"issued_at":NOW,"user_id":"218471"})
    }

    #[test]
    fn f01_a_request_under_any_of_the_secrets_is_read() {
        let read = check(&request(&payload())).unwrap();
        assert_eq!(read.user_id, "218471");
        assert_eq!(read.issued_at, now());
        assert!(crate::http::owned::is_id(&read.fingerprint));
        assert_eq!(check(&request(&payload())).unwrap(), read);
        let mut later = payload();
        later["issued_at"] = json!(NOW - 1);
        let later = check(&request(&later)).unwrap();
        assert_ne!(later.fingerprint, read.fingerprint);
    }

    #[test]
    fn f02_only_hmac_sha_256_is_believed_though_the_signature_matches() {
        for algorithm in [
            json!("none"),
            json!("HMAC-SHA1"),
            json!("UNKNOWN_ALGORITHM"),
            json!(""),
        ] {
            let mut payload = payload();
            payload["algorithm"] = algorithm;
            assert_eq!(check(&request(&payload)), Err(Disbelieved::Algorithm));
        }
        let mut without = payload();
        without.as_object_mut().unwrap().remove("algorithm");
        assert_eq!(check(&request(&without)), Err(Disbelieved::Algorithm));
        let mut lower_case = payload();
        lower_case["algorithm"] = json!("hmac-sha256");
        assert!(check(&request(&lower_case)).is_ok());
    }

    #[test]
    fn f03_a_changed_payload_and_a_foreign_secret_are_refused() {
        let good = request(&payload());
        let (signature, _) = good.split_once('.').unwrap();
        let mut other = payload();
        other["user_id"] = json!("218472");
        let tampered = format!("{signature}.{}", encoded(&other));
        let foreign = signed(&encoded(&payload()), "test-foreign-secret");
        let shortened = &good[4..];
        for text in [&tampered, &foreign, shortened] {
            let refused = check(text).unwrap_err();
            assert!(
                matches!(refused, Disbelieved::Signature | Disbelieved::Malformed),
                "{text}: {refused:?}"
            );
        }
    }

    #[test]
    fn f04_padding_and_the_standard_alphabet_of_the_signature_change_nothing() {
        let good = request(&payload());
        let read = check(&good);
        let (signature, rest) = good.split_once('.').unwrap();
        let standard = signature.replace('-', "+").replace('_', "/");
        for signature in [format!("{signature}="), format!("{standard}=")] {
            assert_eq!(check(&format!("{signature}.{rest}")), read);
        }
        // A form that was decoded once too often.
        let spaced = format!("{} .{rest}", &signature[..signature.len() - 1]);
        assert_eq!(check(&spaced), Err(Disbelieved::Malformed));
        let padded = signed(
            &base64::engine::general_purpose::URL_SAFE.encode(payload().to_string()),
            SECRET,
        );
        assert_eq!(check(&padded).unwrap().user_id, "218471");
    }

    #[test]
    fn f05_texts_without_the_form_are_refused() {
        let long = "a".repeat(1_000_000);
        for text in ["", ".", "no-dot", "a.b.c", "!!.??", "AAAA.", ".AAAA", &long] {
            assert!(check(text).is_err());
        }
        let no_json = signed(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD.encode("a text"),
            SECRET,
        );
        assert_eq!(check(&no_json), Err(Disbelieved::Malformed));
        assert_eq!(
            check(&signed("not!base64", SECRET)),
            Err(Disbelieved::Malformed)
        );
    }

    #[test]
    fn f06_a_time_is_needed_and_must_have_come() {
        for (issued_at, expected) in [
            (json!(NOW + 300), None),
            (json!(NOW + 301), Some(Disbelieved::Time)),
            (json!(NOW - 10 * 365 * 86_400), None),
            (json!(null), Some(Disbelieved::Time)),
            (json!(i64::MAX), Some(Disbelieved::Time)),
            (json!("1795255200"), Some(Disbelieved::Malformed)),
        ] {
            let mut payload = payload();
            payload["issued_at"] = issued_at;
            assert_eq!(check(&request(&payload)).err(), expected, "{payload}");
        }
    }

    #[test]
    fn f08_a_user_is_a_text_or_a_number_of_digits() {
        for (user_id, expected) in [
            (json!(17841400000000001_u64), Some("17841400000000001")),
            (json!("007"), Some("007")),
            (json!(null), None),
            (json!(""), None),
            (json!(1.5), None),
            (json!(-1), None),
            (json!("12#34"), None),
            (json!(["1"]), None),
        ] {
            let mut payload = payload();
            payload["user_id"] = user_id;
            let read = check(&request(&payload));
            let read = read.map(|request| request.user_id);
            let expected = expected.map(str::to_owned).ok_or(Disbelieved::NoUser);
            assert_eq!(read, expected, "{payload}");
        }
    }

    /// Every published `signed_request`; where the folder is absent, this says so.
    #[test]
    fn published_cases_are_believed_or_not_as_their_source_says() {
        let Ok(cases) = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../shared/cases/signatures.jsonl"
        )) else {
            println!("skipped: ../shared/cases/signatures.jsonl is absent");
            return;
        };
        let mut seen = 0;
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            if case["kind"] != "signed_request" {
                continue;
            }
            seen += 1;
            let text = case["input"]["signed_request"].as_str().unwrap();
            let secret = Secret::new(case["input"]["app_secret"].as_str().unwrap());
            let outcome = verify(text, [&secret], now());
            let accepted = case["expected"]["accepted"].as_bool().unwrap();
            assert_eq!(outcome.is_ok(), accepted, "{}: {outcome:?}", case["id"]);
            if let Ok(read) = outcome {
                let expected = &case["expected"]["payload"];
                assert_eq!(expected["user_id"], read.user_id.as_str(), "{}", case["id"]);
                assert_eq!(expected["issued_at"], read.issued_at.as_second());
            }
        }
        assert!(seen > 0);
    }
}
