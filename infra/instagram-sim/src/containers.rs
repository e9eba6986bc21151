//! Containers: what is uploaded and processed before it can be published.
//! <https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media>

use serde_json::{Value, json};

use crate::answer::{Answer, GraphError, IG_API_EXCEPTION};
use crate::authorize::{BASIC_SCOPE, PUBLISH_SCOPE};
use crate::content::{Container, ContainerStatus, ContentKind, DAY_MS};
use crate::crawler;
use crate::draft::Draft;
use crate::fields;
use crate::person::AccountType;
use crate::refusals;
use crate::router::Endpoint;
use crate::visit::{Caller, Visit};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "POST /me/media",
        method: "POST",
        path: "/{version}/me/media",
        handler: create,
    },
    Endpoint {
        name: "POST /{ig_id}/media",
        method: "POST",
        path: "/{version}/{ig_id}/media",
        handler: create,
    },
    Endpoint {
        name: "GET /{container_id}",
        method: "GET",
        path: "/{version}/{container_id}",
        handler: read,
    },
];

/// Who may publish, of those who call.
pub(crate) fn publisher(visit: &Visit<'_>) -> Result<Caller, GraphError> {
    let caller = visit.caller(Some(PUBLISH_SCOPE))?;
    if caller.person.account_type == AccountType::Personal {
        let message = "(#10) The user is not an Instagram Business";
        return Err(GraphError::new(10, IG_API_EXCEPTION, message));
    }
    Ok(caller)
}

fn create(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = publisher(visit)?.person;
    let draft = Draft::read(visit.incoming)?;
    let content = &visit.state.content;
    let made = content.containers_made_since(&person.ig_user_id, visit.now_ms - DAY_MS);
    if made >= person.container_quota {
        return Err(refusals::quota_reached());
    }
    let mut details = draft.details;
    let mut fails_with = None;
    if draft.kind != ContentKind::Carousel {
        let found = crawler::find(&details.address, visit.base_url)?;
        if draft.kind.is_video() {
            fails_with = found.video_failure(draft.kind);
            let end = found
                .video_seconds()
                .map(|seconds| (seconds, u64::from(seconds) * 1_000));
            if let (Some((seconds, end_ms)), Some(offset)) = (end, details.thumb_offset_ms)
                && offset >= end_ms
            {
                return Err(refusals::thumb_offset_out_of_range(seconds));
            }
        } else {
            found.check_image(&details.address, draft.kind)?;
        }
        details.sample = found.name;
    }
    if !details.cover_address.is_empty() {
        let cover = crawler::find(&details.cover_address, visit.base_url)?;
        cover.check_image(&details.cover_address, draft.kind)?;
    }
    let settings = &visit.state.durable.settings;
    let usual_seconds = match draft.kind.is_video() {
        true => settings.video_processing_seconds,
        false => settings.image_processing_seconds,
    };
    let effects = &visit.effects;
    let after = |seconds: i64| visit.now_ms.saturating_add(seconds.saturating_mul(1_000));
    let mut ready_at_ms = after(effects.processing_seconds.unwrap_or(usual_seconds));
    for child in &draft.children {
        let child = carousel_item(visit, child, &person.ig_user_id)?;
        // A carousel is ready when all of it is, and fails with any of it.
        ready_at_ms = ready_at_ms.max(child.ready_at_ms);
        fails_with = fails_with.or(child.fails_with);
    }
    let container = Container {
        id: String::new(),
        ig_user_id: person.ig_user_id,
        kind: draft.kind,
        details,
        children: draft.children,
        created_at_ms: visit.now_ms,
        ready_at_ms,
        expires_at_ms: after(
            effects
                .container_seconds
                .unwrap_or(settings.container_seconds),
        ),
        fails_with: effects.processing_fails.or(fails_with),
        media_id: None,
        publish_calls: 0,
    };
    let id = visit.state.content.add_container(container);
    Ok(Answer::json(200, &json!({ "id": id })))
}

fn carousel_item<'a>(
    visit: &'a Visit<'_>,
    id: &str,
    ig_user_id: &str,
) -> Result<&'a Container, GraphError> {
    let own = visit.state.content.container(id);
    let own = own.filter(|container| container.ig_user_id == ig_user_id);
    let container = own.ok_or_else(|| refusals::media_not_found(id))?;
    if !container.kind.is_carousel_item() {
        let message = format!("The child {id} was made without is_carousel_item");
        return Err(refusals::parameter(message));
    }
    match container.status_at(visit.now_ms) {
        ContainerStatus::Expired => Err(refusals::container_gone(id)),
        ContainerStatus::Published => Err(refusals::media_not_found(id)),
        ContainerStatus::InProgress | ContainerStatus::Finished | ContainerStatus::Error => {
            Ok(container)
        }
    }
}

fn read(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let caller = visit.caller(Some(BASIC_SCOPE))?;
    let id = visit.node_id.unwrap_or_default();
    let own = visit.state.content.container(id);
    let own = own.filter(|container| container.ig_user_id == caller.person.ig_user_id);
    let container = own.ok_or_else(|| GraphError::missing_object(&visit.incoming.method, id))?;
    let status = container.status_at(visit.now_ms);
    let asked = visit.incoming.query("fields").unwrap_or_default();
    let answer = fields::select(asked, id, |field| {
        Ok(Some(match field.name {
            "id" => id.into(),
            "status_code" => status.as_str().into(),
            "status" => status_text(status, container).into(),
            "copyright_check_status" if container.kind.is_video() => copyright_check(status),
            "copyright_check_status" => Value::Null,
            _ => return Ok(None),
        }))
    })?;
    Ok(Answer::json(200, &answer))
}

fn status_text(status: ContainerStatus, container: &Container) -> String {
    match status {
        ContainerStatus::InProgress => "In Progress: Media is still being processed.".to_owned(),
        ContainerStatus::Finished => {
            "Finished: Media has been uploaded and it is ready to be published.".to_owned()
        }
        ContainerStatus::Published => {
            "Published: Media has been successfully published.".to_owned()
        }
        ContainerStatus::Error => format!(
            "Error: Media upload has failed with error code {}",
            container.fails_with.unwrap_or_default()
        ),
        ContainerStatus::Expired => {
            "Expired: Media was not published in time and cannot be published any more.".to_owned()
        }
    }
}

fn copyright_check(status: ContainerStatus) -> Value {
    let check = match status {
        ContainerStatus::InProgress => "in_progress",
        ContainerStatus::Error => "error",
        _ => "completed",
    };
    json!({ "status": check, "matches_found": false })
}
