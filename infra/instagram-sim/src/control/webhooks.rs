//! What the dashboard has for webhooks, what happens to people, and the settings page on which a person removes apps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::control::{Outcome, bad_request, body, nobody};
use crate::html::{self, escape};
use crate::incoming::Incoming;
use crate::server::Shared;
use crate::webhooks::{DeliveryKind, Happening, WebhookAddresses};

pub(super) fn list(shared: &Shared) -> Answer {
    let shown = shared.with_state(|state| {
        let addresses = state.outbox.addresses().iter();
        // Without the secret and the token, which the dashboard does not show either.
        let apps: BTreeMap<&String, Value> = addresses
            .map(|(client_id, addresses)| {
                let shown = json!({
                    "callback_url": addresses.callback_url,
                    "deauthorize_url": addresses.deauthorize_url,
                    "data_deletion_url": addresses.data_deletion_url,
                });
                (client_id, shown)
            })
            .collect();
        json!({ "apps": apps, "deliveries": state.outbox.views(), "lost": state.outbox.lost })
    });
    Answer::json(200, &shown)
}

pub(super) fn register(shared: &Shared, incoming: &Incoming, client_id: &str) -> Outcome {
    let addresses: WebhookAddresses = body(incoming)?;
    let now_ms = (shared.now)();
    shared
        .with_state(|state| state.register_webhooks(client_id, addresses, now_ms))
        .map_err(bad_request)?;
    Ok(list(shared))
}

pub(super) fn press_test_button(shared: &Shared, client_id: &str) -> Outcome {
    let now_ms = (shared.now)();
    shared
        .with_state(|state| state.press_test_button(client_id, now_ms))
        .map_err(bad_request)?;
    Ok(list(shared))
}

pub(super) fn let_happen(shared: &Shared, incoming: &Incoming, username: &str) -> Outcome {
    let happening: Happening = body(incoming)?;
    let now_ms = (shared.now)();
    shared.with_state(|state| {
        if state.person(username).is_none() {
            return Err(nobody(username));
        }
        let happened = state.let_happen(username, happening, now_ms);
        happened.map_err(bad_request)
    })?;
    Ok(Answer::json(202, &json!({ "success": true })))
}

/// What Instagram calls "Apps and websites".
pub(super) fn settings_page(shared: &Shared, username: &str) -> Outcome {
    let now_ms = (shared.now)();
    shared.with_state(|state| {
        let person = state.person(username).ok_or_else(|| nobody(username))?;
        let live = state.durable.tokens.live_of(&person.ig_user_id, now_ms);
        let mut content = format!(
            "<h1>Apps and websites</h1><p class=\"soft\">@{}</p>",
            escape(&person.username)
        );
        content += match live {
            0 => "<p>No app has access to your account.</p>",
            _ => {
                "<p>Apps have access to your account.</p><form method=\"post\"><div class=\"buttons\">\
                 <button name=\"do\" value=\"remove\">Remove</button>\
                 <button name=\"do\" value=\"delete\">Remove, and ask for deletion</button></div></form>"
            }
        };
        for view in state.outbox.views() {
            if view.username != username || view.kind != DeliveryKind::DataDeletion {
                continue;
            }
            content += &match &view.deletion_url {
                Some(url) => format!(
                    "<p>Your request for deletion: <a href=\"{0}\">{0}</a></p>",
                    escape(url)
                ),
                None => "<p>The app has not confirmed your request for deletion yet.</p>".to_owned(),
            };
        }
        Ok(Answer::html(200, html::page("Apps and websites", &content)))
    })
}

pub(super) fn remove_apps(shared: &Shared, incoming: &Incoming, username: &str) -> Outcome {
    let delete_data = match incoming.parameter("do") {
        Some("remove") => false,
        Some("delete") => true,
        _ => return Err(bad_request("do: remove or delete".to_owned())),
    };
    let now_ms = (shared.now)();
    shared.with_state(|state| {
        if state.person(username).is_none() {
            return Err(nobody(username));
        }
        let removed = state.remove_apps(username, delete_data, now_ms);
        removed.map_err(bad_request)
    })?;
    let path = format!("/_sim/apps-and-websites/{username}");
    Ok(Answer::redirect(303, &path))
}
