//! Publishing a container, and how much of the quota is used up.
//! <https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media_publish>

use serde_json::json;

use crate::answer::{Answer, GraphError};
use crate::authorize::BASIC_SCOPE;
use crate::containers::publisher;
use crate::content::{ContainerStatus, DAY_MS};
use crate::fields;
use crate::refusals;
use crate::router::Endpoint;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "POST /me/media_publish",
        method: "POST",
        path: "/{version}/me/media_publish",
        handler: publish,
    },
    Endpoint {
        name: "POST /{ig_id}/media_publish",
        method: "POST",
        path: "/{version}/{ig_id}/media_publish",
        handler: publish,
    },
    Endpoint {
        name: "GET /me/content_publishing_limit",
        method: "GET",
        path: "/{version}/me/content_publishing_limit",
        handler: read_limit,
    },
    Endpoint {
        name: "GET /{ig_id}/content_publishing_limit",
        method: "GET",
        path: "/{version}/{ig_id}/content_publishing_limit",
        handler: read_limit,
    },
];

fn publish(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = publisher(visit)?.person;
    let id = visit.incoming.parameter("creation_id").unwrap_or_default();
    if id.is_empty() {
        return Err(refusals::parameter("The parameter creation_id is required"));
    }
    let content = &mut visit.state.content;
    content.count_publish_call(id);
    let container = content.container(id).cloned();
    let container = container.ok_or_else(|| refusals::container_gone(id))?;
    if container.ig_user_id != person.ig_user_id || container.kind.is_carousel_item() {
        return Err(refusals::media_not_found(id));
    }
    match container.status_at(visit.now_ms) {
        ContainerStatus::Finished => {}
        ContainerStatus::InProgress | ContainerStatus::Error => {
            return Err(refusals::media_not_ready());
        }
        ContainerStatus::Expired => return Err(refusals::container_gone(id)),
        // What Meta answers here is not documented; that no second media comes of it is certain.
        ContainerStatus::Published => return Err(refusals::media_not_found(id)),
    }
    let used = content.published_since(&person.ig_user_id, visit.now_ms - DAY_MS);
    if used >= person.publishing_quota {
        return Err(refusals::quota_reached());
    }
    let media_id = content.publish(&container, visit.now_ms);
    Ok(Answer::json(200, &json!({ "id": media_id })))
}

fn read_limit(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(BASIC_SCOPE))?.person;
    let day_ago_ms = visit.now_ms - DAY_MS;
    let since_ms = match visit.incoming.query("since") {
        None => day_ago_ms,
        Some(text) => match text
            .parse::<i64>()
            .ok()
            .and_then(|since| since.checked_mul(1_000))
        {
            // What was published in that very second counts.
            Some(since_ms) if since_ms >= day_ago_ms => since_ms - 1,
            _ => {
                return Err(refusals::parameter(
                    "since must be a time of the last 24 hours",
                ));
            }
        },
    };
    let used = visit
        .state
        .content
        .published_since(&person.ig_user_id, since_ms);
    let asked = visit.incoming.query("fields").unwrap_or("quota_usage");
    let mut limit = fields::select(asked, "", |field| {
        Ok(Some(match field.name {
            "quota_usage" => used.into(),
            "config" => json!({
                "quota_total": person.publishing_quota,
                "quota_duration": DAY_MS / 1_000,
            }),
            _ => return Ok(None),
        }))
    })?;
    // The one object that has no id.
    if let Some(limit) = limit.as_object_mut() {
        limit.remove("id");
    }
    Ok(Answer::json(200, &json!({ "data": [limit] })))
}
