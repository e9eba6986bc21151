//! What the simulated Instagram has to tell the app: handshake, webhooks, and the signed calls of somebody's settings page.

use instagram_sim::{InstagramSim, WebhookAddresses};
use world::browser::Browser;
use world::delivery::call_of;

use crate::stack::Inside;

/// Where the simulated Instagram tells its app.
pub(crate) fn addresses(
    webhook_url: &str,
    verify_token: String,
    meta_secret: String,
) -> WebhookAddresses {
    WebhookAddresses {
        callback_url: format!("{webhook_url}/"),
        deauthorize_url: format!("{webhook_url}/deauthorize"),
        data_deletion_url: format!("{webhook_url}/data-deletion"),
        verify_token,
        meta_secret,
    }
}

/// Sends what is due. Returns how many deliveries that were.
pub(crate) async fn send_due(inside: &Inside, sender: &Browser) -> usize {
    let Some(instagram) = &inside.instagram else {
        return 0;
    };
    let due = instagram.due_deliveries();
    let sent = due.len();
    for delivery in due {
        let answer = send(sender, &delivery).await;
        settle(instagram, delivery.id, answer);
    }
    sent
}

async fn send(
    sender: &Browser,
    delivery: &instagram_sim::Delivery,
) -> Option<world::gateway::Reply> {
    let url = url::Url::parse(&delivery.url).ok()?;
    let call = call_of(delivery)?;
    let base = url.origin().ascii_serialization();
    sender.send(&base, &call).await.ok()
}

fn settle(instagram: &InstagramSim, id: u64, answer: Option<world::gateway::Reply>) {
    let answer = answer
        .as_ref()
        .map(|reply| (reply.status, reply.body.as_slice()));
    instagram.settle_delivery(id, answer);
}
