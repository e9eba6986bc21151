//! A `signed_request` as somebody makes it up: without a secret it is never believed, and whatever is signed with one is read or
//! refused without a panic.

#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use shared::secret::Secret;
use shared::signed_request::verify;

const SECRET: &str = "of-a-fuzz-target";

static SECRETS: LazyLock<[Secret; 2]> =
    LazyLock::new(|| [Secret::new("another"), Secret::new(SECRET)]);

fuzz_target!(|text: &str| {
    let now = Timestamp::UNIX_EPOCH;
    assert!(verify(text, SECRETS.iter(), now).is_err());

    let payload = URL_SAFE_NO_PAD.encode(text);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, payload.as_bytes()));
    let read = || verify(&format!("{signature}.{payload}"), SECRETS.iter(), now);
    assert_eq!(read(), read());
    if let Ok(request) = read() {
        assert!(request.user_id.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(request.issued_at.as_second() <= 300);
    }
});
