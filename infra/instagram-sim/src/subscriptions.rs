//! Which webhook fields an account sends to an app.

use serde_json::json;

use crate::answer::{Answer, GraphError, IG_API_EXCEPTION};
use crate::authorize::BASIC_SCOPE;
use crate::router::Endpoint;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "GET /me/subscribed_apps",
        method: "GET",
        path: "/{version}/me/subscribed_apps",
        handler: list,
    },
    Endpoint {
        name: "GET /{ig_id}/subscribed_apps",
        method: "GET",
        path: "/{version}/{ig_id}/subscribed_apps",
        handler: list,
    },
    Endpoint {
        name: "POST /me/subscribed_apps",
        method: "POST",
        path: "/{version}/me/subscribed_apps",
        handler: subscribe,
    },
    Endpoint {
        name: "POST /{ig_id}/subscribed_apps",
        method: "POST",
        path: "/{version}/{ig_id}/subscribed_apps",
        handler: subscribe,
    },
    Endpoint {
        name: "DELETE /me/subscribed_apps",
        method: "DELETE",
        path: "/{version}/me/subscribed_apps",
        handler: unsubscribe,
    },
    Endpoint {
        name: "DELETE /{ig_id}/subscribed_apps",
        method: "DELETE",
        path: "/{version}/{ig_id}/subscribed_apps",
        handler: unsubscribe,
    },
];

/// What Meta's specification allows for Instagram Login (`IGUserForIGOnlyAPI`).
const FIELDS: &[&str] = &[
    "comment_poll_response",
    "comments",
    "creator_marketplace_invited_creator_onboarding",
    "creator_marketplace_projects",
    "delta",
    "follow",
    "live_comments",
    "mentions",
    "message_edit",
    "message_reactions",
    "messages",
    "messaging_handover",
    "messaging_optins",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
    "onboarding_welcome_message_series",
    "share_to_story",
    "standby",
    "story_insights",
    "story_poll_response",
    "story_reactions",
];

fn list(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let caller = visit.caller(Some(BASIC_SCOPE))?;
    let of_app = visit
        .state
        .durable
        .subscriptions
        .get(&caller.token.client_id);
    let fields = of_app.and_then(|people| people.get(&caller.person.ig_user_id));
    let data: Vec<_> = fields
        .map(|fields| json!({ "app_id": caller.token.client_id, "subscribed_fields": fields }))
        .into_iter()
        .collect();
    Ok(Answer::json(200, &json!({ "data": data })))
}

fn subscribe(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let caller = visit.caller(Some(BASIC_SCOPE))?;
    let named = visit
        .incoming
        .parameter("subscribed_fields")
        .unwrap_or_default();
    let mut fields: Vec<String> = Vec::new();
    for (position, field) in named.split(',').map(str::trim).enumerate() {
        if named.is_empty() {
            let message = "(#100) The parameter subscribed_fields is required";
            return Err(GraphError::new(100, IG_API_EXCEPTION, message));
        }
        if !FIELDS.contains(&field) {
            let message = format!(
                "(#100) Param subscribed_fields[{position}] must be one of {{{}}} - got \"{field}\".",
                FIELDS.join(", ").to_ascii_uppercase()
            );
            return Err(GraphError::new(100, IG_API_EXCEPTION, message));
        }
        if !fields.iter().any(|known| known == field) {
            fields.push(field.to_owned());
        }
    }
    visit
        .state
        .durable
        .subscriptions
        .entry(caller.token.client_id)
        .or_default()
        .insert(caller.person.ig_user_id, fields);
    visit.state.unsaved = true;
    Ok(Answer::json(200, &json!({ "success": true })))
}

fn unsubscribe(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let caller = visit.caller(Some(BASIC_SCOPE))?;
    if let Some(people) = visit
        .state
        .durable
        .subscriptions
        .get_mut(&caller.token.client_id)
    {
        people.remove(&caller.person.ig_user_id);
    }
    visit.state.unsaved = true;
    Ok(Answer::json(200, &json!({ "success": true })))
}
