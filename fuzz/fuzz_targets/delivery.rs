//! A delivery as somebody makes it up: the first line is the signature, the rest the body. A signature that was not made with
//! a secret is never taken, and whatever the body is, it is taken apart and read without a panic, and travels unchanged.

#![no_main]

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use shared::app_secrets::AppSecrets;
use shared::tasks::{Message, Task};
use shared::webhooks::envelope::split;
use shared::webhooks::{Delivered, Envelope, Event, Item, Source, signature};

static SECRETS: LazyLock<AppSecrets> = LazyLock::new(|| {
    let text = r#"{"instagramAppId":"1","instagramAppSecret":"of-a-fuzz-target","metaAppId":"2",
        "metaAppSecret":"another","webhookVerifyToken":"token","cursorKey":"key"}"#;
    AppSecrets::parse(text).expect("complete")
});

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, body) = data.split_at(end.unwrap_or(0));
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(header) {
        headers.insert(signature::HEADER, value);
    }
    assert!(!signature::is_genuine(&headers, body, &SECRETS));

    for part in split(body).items {
        for envelope in [part.envelope, Envelope::Changes, Envelope::Messaging] {
            let read = || Event::read(&part.instagram_id, envelope, part.sent_at, part.text);
            assert_eq!(read(), read());
        }
        let delivered = Delivered {
            instagram_id: part.instagram_id,
            envelope: part.envelope,
            sent_at: part.sent_at,
            received_at: part.sent_at.unwrap_or_default(),
            source: Source::Push,
            delivery: "delivery-0".to_owned(),
            item: Item::Text(part.text.to_owned()),
        };
        let task = Task::HandleEvent {
            delivered: Box::new(delivered),
        };
        let message = Message::new(task);
        assert_eq!(Message::parse(&message.to_body()), Some(message));
    }
});
