//! Meta's calls: the handshake and deliveries.
//!
//! In this order: size, signature over the raw bytes, parse, split, queue, 200. Before the signature is known to be good,
//! nothing of a call is looked at. After it, the queue is all that is asked: what is on it is safe, and whatever is not makes
//! the answer 503, so that Meta sends all of it again. That it brings some of it twice is harmless, since an event is known
//! by what it is.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use shared::app::App;
use shared::aws::AwsError;
use shared::digest::sha256_hex;
use shared::http::Problem;
use shared::http::extract::body_bytes;
use shared::metrics::{self, Unit};
use shared::table::event_pieces::LARGEST_WHOLE;
use shared::table::keys::Key;
use shared::tasks::Task;
use shared::webhooks::envelope::{Part, Rejected, split};
use shared::webhooks::{Delivered, Item, Source, signature};

/// Lambda takes no larger call.
const LARGEST_DELIVERY: usize = 6 * 1024 * 1024;
/// The longest challenge that is sent back.
const LONGEST_CHALLENGE: usize = 200;

/// What Meta asks when somebody registers the address.
#[derive(Deserialize)]
pub(crate) struct Handshake {
    #[serde(rename = "hub.mode")]
    mode: String,
    #[serde(rename = "hub.verify_token")]
    verify_token: String,
    #[serde(rename = "hub.challenge")]
    challenge: String,
}

/// Answers the handshake: whoever knows the token gets the challenge back, as plain text.
pub(crate) async fn shake_hands(
    State(app): State<Arc<App>>,
    handshake: Result<Query<Handshake>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Ok(Query(handshake)) = handshake else {
        return Err(not_verified());
    };
    let secrets = app.app_secrets().await?;
    let is_ours = handshake.mode == "subscribe"
        && signature::is_verify_token(&handshake.verify_token, &secrets.webhook_verify_token);
    // What comes back is read by nobody but Meta, and still holds nothing that a browser could take for a page.
    let is_harmless = (1..=LONGEST_CHALLENGE).contains(&handshake.challenge.len())
        && handshake
            .challenge
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_ours || !is_harmless {
        return Err(not_verified());
    }
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((plain, handshake.challenge).into_response())
}

/// Takes a delivery.
pub(crate) async fn receive_delivery(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let headers = request.headers().clone();
    let body = body_bytes(request, LARGEST_DELIVERY).await?;
    let secrets = app.app_secrets().await?;
    if !signature::is_genuine(&headers, &body, &secrets) {
        return Err(not_signed());
    }
    let parts = split(&body);
    let received_at = app.clock.now();
    // One name for all of a delivery; with an item's number it is the item's.
    let delivery = Key::suffix();
    let mut tasks = Vec::with_capacity(parts.items.len());
    for (number, part) in parts.items.iter().enumerate() {
        let delivered = delivered(&app, part, received_at, format!("{delivery}-{number}")).await?;
        tasks.push(Task::HandleEvent {
            delivered: Box::new(delivered),
        });
    }
    app.event_queue.send_all(tasks.into_iter()).await?;
    note(&app, parts.of_other_products, &parts.rejected);
    Ok(StatusCode::OK)
}

async fn delivered(
    app: &App,
    part: &Part<'_>,
    received_at: Timestamp,
    delivery: String,
) -> Result<Delivered, AwsError> {
    let item = if part.text.len() > LARGEST_WHOLE {
        let table = &app.table;
        table
            .store_item(&part.instagram_id, part.text, received_at)
            .await?
    } else {
        Item::Text(part.text.to_owned())
    };
    Ok(Delivered {
        instagram_id: part.instagram_id.clone(),
        envelope: part.envelope,
        sent_at: part.sent_at,
        received_at,
        source: Source::Push,
        delivery,
        item,
    })
}

/// Counts what is not for us, and tells of what no account can be told for, by its hash alone: nobody could say whose data it
/// is, nor find it again to erase it.
fn note(app: &App, of_other_products: usize, rejected: &[Rejected<'_>]) {
    let metrics = &app.config.metrics;
    if of_other_products > 0 {
        let count = of_other_products as f64;
        let outcome = [("Outcome", "other_product")];
        metrics::put(metrics, &outcome, &[("WebhookEvents", Unit::Count, count)]);
    }
    for rejected in rejected {
        tracing::error!(
            event = "webhook_rejected",
            reason = rejected.reason,
            digest = sha256_hex(rejected.bytes),
            bytes = rejected.bytes.len(),
            "a part of a genuine delivery cannot be read"
        );
    }
    if !rejected.is_empty() {
        let count = rejected.len() as f64;
        metrics::put(
            metrics,
            &[],
            &[("WebhookItemsUnreadable", Unit::Count, count)],
        );
    }
}

fn not_verified() -> Problem {
    Problem::forbidden(
        "webhook_not_verified",
        "The handshake does not bring the verify token of this deployment.",
    )
}

fn not_signed() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "invalid_signature",
        "The body is not signed with a secret of this deployment's app.",
    )
}
