//! Whether a delivery is Meta's: `X-Hub-Signature-256`, and the token of the handshake.
//!
//! Meta signs the bytes of the body with an app secret and nothing else: no time, no sender. So a delivery can be repeated by
//! whoever saw it, and what makes that harmless is the identity of events. Meta's page: "Webhooks, Getting Started".

use http::HeaderMap;
use ring::hmac;

use crate::app_secrets::AppSecrets;
use crate::digest::{keyed_tag, verify_keyed_tag};
use crate::secret::Secret;

/// The header with the signature.
pub const HEADER: &str = "x-hub-signature-256";

/// Whether the bytes are signed with one of the app secrets: the Instagram app's or the Meta app's, the present or the
/// former one. Facts section 8.3: deliveries of the Instagram login are signed with the former app's secret, but no
/// document says so.
///
/// Every secret is tried and each comparison takes the same time, so the time tells nothing of a secret or a signature. A
/// header that has not exactly the documented form, lower-case digits included, is refused.
pub fn is_genuine(headers: &HeaderMap, body: &[u8], secrets: &AppSecrets) -> bool {
    let Some(signature) = signature_of(headers) else {
        return false;
    };
    let all = secrets
        .instagram_app_secrets
        .iter()
        .chain(&secrets.meta_app_secrets);
    let matching = all.filter(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        hmac::verify(&key, body, &signature).is_ok()
    });
    matching.count() > 0
}

/// The one signature of a request. A function URL joins several headers of a name with commas, which is no signature.
fn signature_of(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut values = headers.get_all(HEADER).into_iter();
    let digits = values.next()?.as_bytes().strip_prefix(b"sha256=")?;
    if values.next().is_some() || digits.len() != 64 {
        return None;
    }
    let mut signature = [0; 32];
    for (byte, pair) in signature.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(signature)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Whether a handshake brings the configured token, in a time that does not tell how much of it was right.
pub fn is_verify_token(given: &str, expected: &Secret) -> bool {
    const KEY: &[u8] = b"webhook verify token";
    let tag = keyed_tag(KEY, &[given.as_bytes()]);
    verify_keyed_tag(KEY, &[expected.expose().as_bytes()], tag.as_ref())
}
