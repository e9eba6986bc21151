//! One post: looking at it, changing it, calling it off, trying it again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::account::Failure;
use shared::app::App;
use shared::http::{JsonBody, NewIds, Problem, given};
use shared::post::{Content, Post, State, schema};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::new_post::{
    When, add, moment, not_changeable, plan_post, planned_sentence, post_refused, publish_at_past,
    publish_at_too_far,
};
use super::own::{EditablePost, OwnPost, post_not_found};
use super::view::PostView;
use crate::steps::{save, told};
use crate::timing;
use crate::wake::stay_asleep;

/// How often a post that somebody else just wrote is read anew.
const TRIES: u32 = 8;

/// What may be changed of a post: members of its content, which replace the former ones (`null` takes one back), its time,
/// and whether it is a draft.
#[derive(Clone, Deserialize)]
pub(crate) struct PostChange {
    #[serde(flatten)]
    plan: PlanChange,
    #[serde(flatten)]
    content: Map<String, Value>,
}

impl PostChange {
    fn is_empty(&self) -> bool {
        self.content.is_empty() && self.plan.publish_at.is_none() && self.plan.draft.is_none()
    }
}

/// What may be changed of a post besides its content.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PlanChange {
    /// `now`, or a moment with an offset, up to 75 days ahead (RFC 3339).
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::new_post::when, required = false)]
    publish_at: Option<When>,
    /// `true` takes it back to a draft, `false` plans it.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, nullable = false, example = false)]
    draft: Option<bool>,
}

impl PartialSchema for PostChange {
    fn schema() -> RefOr<Schema> {
        let example = json!({"caption": "Fresher bread", "publishAt": "2026-12-01T09:00:00+01:00"});
        schema::of_any_kind(PlanChange::schema(), example)
    }
}

impl ToSchema for PostChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schema::schemas(schemas);
    }
}

/// Shows a post.
#[utoipa::path(get, path = "/instagram/accounts/{id}/posts/{postId}", responses(
    (status = 200, description = "The post.", body = PostView),
))]
pub(crate) async fn get_post(OwnPost { post, .. }: OwnPost) -> Json<PostView> {
    Json(post.into())
}

/// Changes a post, as long as nothing irreversible has happened.
///
/// Members of its content replace the former ones; `null` takes one back.
#[utoipa::path(patch, path = "/instagram/accounts/{id}/posts/{postId}", responses(
    (status = 200, description = "The post as it is now.", body = PostView),
    ChangeRefusals,
))]
pub(crate) async fn update_post(
    FromState(app): FromState<Arc<App>>,
    EditablePost {
        caller,
        account,
        mut post,
    }: EditablePost,
    JsonBody(change): JsonBody<PostChange>,
) -> Result<Json<PostView>, Problem> {
    if change.is_empty() {
        return Err(Problem::nothing_to_change());
    }
    for _ in 0..TRIES {
        if !post.state.is_open() {
            return Err(not_changeable());
        }
        let mut changed = post.clone();
        let is_other_content = change_content(&mut changed, &change.content)?;
        let now = app.clock.now();
        if let Some(when) = change.plan.publish_at {
            changed.publish_at = Some(moment(Some(when), now)?);
        }
        let is_begun_anew = post.state == State::Failed && change.plan.draft.is_some();
        if is_begun_anew {
            changed.start_again();
        }
        let is_draft = change.plan.draft.unwrap_or(post.state == State::Draft);
        let sentence = if is_draft {
            if post.state != State::Draft {
                changed
                    .become_state(State::Draft, None)
                    .map_err(|_| not_changeable())?;
                changed.start_again();
            }
            "The post was changed, and is a draft."
        } else if post.state == State::Failed && change.plan.draft.is_none() {
            // A retry plans it anew.
            "The post was changed."
        } else {
            // A post that waits stays late; one that rests begins now where its time has passed.
            let publish_at = match changed.publish_at {
                Some(at) if !post.state.is_at_rest() => at,
                Some(at) => at.max(now),
                None => now,
            };
            replan(&app, &account, &mut changed, publish_at, is_other_content).await?;
            "The post was changed."
        };
        let entry = told("changed", sentence, &caller.user, now);
        if save(&app, &post, &mut changed, &[entry]).await? {
            stay_asleep(&app, &post, now).await;
            return Ok(Json(changed.into()));
        }
        post = read_again(&app, &post).await?;
    }
    Err(Problem::unavailable())
}

/// Plans a changed post: what Instagram has prepared is kept where it still fits.
async fn replan(
    app: &Arc<App>,
    account: &shared::account::Account,
    post: &mut Post,
    publish_at: jiff::Timestamp,
    is_other_content: bool,
) -> Result<(), Problem> {
    let was = post.state;
    let mut planned = post.clone();
    plan_post(app, account, &mut planned, publish_at).await?;
    let mut containers = planned.items.iter().chain(planned.container.iter());
    let is_far = planned
        .wake_at
        .is_some_and(|wake_at| wake_at > app.clock.now());
    let is_kept = !is_other_content
        && !is_far
        && containers.all(|container| timing::is_alive(container, publish_at));
    if !is_kept {
        planned.start_again();
    } else if matches!(was, State::Preparing | State::Ready) {
        // It goes on where it stood: only its time is another one.
        planned
            .become_state(State::Preparing, None)
            .map_err(|_| not_changeable())?;
        if was == State::Ready {
            planned
                .become_state(State::Ready, None)
                .map_err(|_| not_changeable())?;
            let now = app.clock.now();
            planned.wake_at = Some(timing::ready_wake_at(&planned, publish_at, now));
        }
    }
    *post = planned;
    Ok(())
}

/// Puts the given members into the content; `true` where that changes it.
fn change_content(post: &mut Post, members: &Map<String, Value>) -> Result<bool, Problem> {
    if members.is_empty() {
        return Ok(false);
    }
    let mut content = match serde_json::to_value(&post.content) {
        Ok(Value::Object(content)) => content,
        _ => Map::new(),
    };
    for (name, value) in members {
        if value.is_null() {
            content.remove(name);
        } else {
            content.insert(name.clone(), value.clone());
        }
    }
    let content: Content = shared::http::extract::member(content.into())?;
    let is_other = content != post.content;
    if is_other {
        post.set_content(content);
    }
    Ok(is_other)
}

/// Calls a post off. Asking again answers the same.
///
/// One that is `unknown` is called off only once nothing is looked for any more, and keeps as its reason that nobody knows
/// whether it is live.
#[utoipa::path(delete, path = "/instagram/accounts/{id}/posts/{postId}", responses(
    (status = 200, description = "The post, `canceled`.", body = PostView),
    CancelRefusals,
))]
pub(crate) async fn cancel_post(
    FromState(app): FromState<Arc<App>>,
    EditablePost {
        caller, mut post, ..
    }: EditablePost,
) -> Result<Json<PostView>, Problem> {
    for _ in 0..TRIES {
        match post.state {
            State::Canceled => return Ok(Json(post.into())),
            State::Published => {
                return Err(cannot_delete());
            }
            State::Unknown if post.wake_at.is_some() => return Err(being_looked_for()),
            _ => {}
        }
        let now = app.clock.now();
        let is_known = post.state != State::Unknown;
        let reason = (!is_known).then(|| Failure {
            code: "canceled_unknown".into(),
            message: "The post was called off while nobody knew whether it is live: look at the account's profile."
                .into(),
            at: now,
        });
        let sentence = match &reason {
            Some(reason) => reason.message.clone(),
            None => "The post was called off. It was not published.".into(),
        };
        let mut canceled = post.clone();
        canceled
            .become_state(State::Canceled, reason)
            .map_err(|_| not_changeable())?;
        canceled.forget_containers();
        let entry = told("canceled", sentence, &caller.user, now);
        if save(&app, &post, &mut canceled, &[entry]).await? {
            stay_asleep(&app, &post, now).await;
            return Ok(Json(canceled.into()));
        }
        post = read_again(&app, &post).await?;
    }
    Err(Problem::unavailable())
}

/// Tries a failed post again: it is published at its time or, where that has passed, now.
///
/// Safe at any moment: only a post that is known not to be live starts again; for one that is `unknown` it is looked once
/// more whether it is live.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts/{postId}/retry", responses(
    (status = 200, description = "The post, and what happens next.", body = PostView),
    RetryRefusals,
))]
pub(crate) async fn retry_post(
    FromState(app): FromState<Arc<App>>,
    EditablePost {
        caller,
        account,
        mut post,
    }: EditablePost,
) -> Result<Json<PostView>, Problem> {
    for _ in 0..TRIES {
        let mut again = post.clone();
        let now = app.clock.now();
        let sentence = match post.state {
            State::Unknown => {
                again.tries = 0;
                again.wake_at = Some(now);
                "It is looked once more whether the post is live.".to_owned()
            }
            State::Failed => {
                let publish_at = post.publish_at.unwrap_or(now).max(now);
                plan_post(&app, &account, &mut again, publish_at).await?;
                again.start_again();
                planned_sentence(&again)
            }
            _ => return Err(not_failed()),
        };
        let entry = told("retried", sentence, &caller.user, now);
        if save(&app, &post, &mut again, &[entry]).await? {
            return Ok(Json(again.into()));
        }
        post = read_again(&app, &post).await?;
    }
    Err(Problem::unavailable())
}

/// Makes a draft that shows the same.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts/{postId}/duplicate", responses(
    (status = 201, description = "The draft.", body = PostView),
))]
pub(crate) async fn duplicate_post(
    FromState(app): FromState<Arc<App>>,
    EditablePost { caller, post, .. }: EditablePost,
    ids: NewIds,
) -> Result<(StatusCode, Json<PostView>), Problem> {
    let now = app.clock.now();
    let copy = Post::new(ids.id(0), &post.account, &caller.user, post.content, now);
    let sentence = format!("The post is a copy of {}, kept as a draft.", post.id);
    let entry = told("drafted", sentence, &caller.user, now);
    let copy = add(&app, copy, entry).await?;
    Ok((StatusCode::CREATED, Json(copy.into())))
}

shared::refusals!(
    /// What a change of a post is refused for.
    pub(crate) ChangeRefusals: [
        Problem::nothing_to_change(),
        not_changeable(),
        post_refused(Vec::new()),
        publish_at_past(),
        publish_at_too_far(),
    ]
);

shared::refusals!(
    /// Why a post is not called off.
    pub(crate) CancelRefusals: [not_changeable(), being_looked_for(), cannot_delete()]
);

shared::refusals!(
    /// Why a post is not tried again.
    pub(crate) RetryRefusals: [not_failed(), post_refused(Vec::new())]
);

fn cannot_delete() -> Problem {
    Problem::unprocessable(
        "not_supported_by_platform",
        "The post is live. Instagram's API with the Instagram login cannot delete it: delete it in Instagram.",
    )
}

fn being_looked_for() -> Problem {
    Problem::conflict(
        "post_being_looked_for",
        "It is being found out whether the post is live. It can be called off once that has ended: `nextStepAt` is `null` then.",
    )
}

fn not_failed() -> Problem {
    Problem::conflict(
        "post_not_failed",
        "The post has neither failed nor is it unknown whether it is live: there is nothing to retry.",
    )
}

async fn read_again(app: &App, post: &Post) -> Result<Post, Problem> {
    app.table
        .post(&post.account, &post.id)
        .await?
        .ok_or_else(post_not_found)
}
