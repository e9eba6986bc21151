//! How Meta signs what it sends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::json;

/// The header `X-Hub-Signature-256` of a delivery: over the very bytes of its body.
#[must_use]
pub fn signature(secret: &str, body: &[u8]) -> String {
    let digits = tag(secret, body);
    let digits = digits.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256={}", digits.collect::<String>())
}

/// What the deauthorize and the data deletion callback get, in the field `signed_request`.
#[must_use]
pub fn signed_request(secret: &str, user_id: &str, issued_at_seconds: i64) -> String {
    let payload = json!({
        "algorithm": "HMAC-SHA256",
        "expires": issued_at_seconds + 3600,
        "issued_at": issued_at_seconds,
        "user_id": user_id,
    });
    let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
    let signature = URL_SAFE_NO_PAD.encode(tag(secret, payload.as_bytes()));
    format!("{signature}.{payload}")
}

fn tag(secret: &str, message: &[u8]) -> hmac::Tag {
    hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        message,
    )
}
