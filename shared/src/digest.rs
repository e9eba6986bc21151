//! Hashes, random text and constant-time comparison.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;

/// SHA-256 as lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The first 128 bits of SHA-256.
pub fn sha256_start(bytes: &[u8]) -> [u8; 16] {
    let mut start = [0; 16];
    start.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..16]);
    start
}

/// SHA-256 as standard base64, as a content security policy names a script.
pub fn sha256_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(digest(&SHA256, bytes))
}

/// 256 random bits as 43 characters that need no escaping in an address.
pub fn random_text() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// HMAC-SHA-256 over `parts`, each preceded by its length so that no two lists of parts look alike.
pub fn keyed_tag(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &framed(parts))
}

/// Whether `tag` is [`keyed_tag`] of the parts, in constant time.
pub fn verify_keyed_tag(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &framed(parts), tag).is_ok()
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for part in parts {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn parts_cannot_be_moved_between_fields() {
        let tag = keyed_tag(b"key", &[b"ab", b"c"]);
        assert!(verify_keyed_tag(b"key", &[b"ab", b"c"], tag.as_ref()));
        assert!(!verify_keyed_tag(b"key", &[b"a", b"bc"], tag.as_ref()));
        assert!(!verify_keyed_tag(b"other", &[b"ab", b"c"], tag.as_ref()));
    }

    #[test]
    fn random_text_has_256_bits_and_does_not_repeat() {
        let first = random_text().unwrap();
        assert_eq!(first.len(), 43);
        assert_ne!(first, random_text().unwrap());
    }
}
