//! Proof that a token is used by the app that it was made for.

use ring::hmac;

use crate::secret::{AccessToken, Secret};

/// `appsecret_proof`: the token's HMAC under the app secret, in hex, sent beside the token.
///
/// Meta's page: "Secure Graph API Calls". For `graph.facebook.com`; see
/// [`GraphConfig::proof_secret`](super::GraphConfig::proof_secret).
pub fn appsecret_proof(app_secret: &Secret, token: &AccessToken) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, app_secret.expose().as_bytes());
    let tag = hmac::sign(&key, token.expose().as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
