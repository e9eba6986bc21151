//! One post: looking at it, calling it off, trying it again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use http::StatusCode;
use shared::account::Failure;
use shared::app::App;
use shared::http::{NewIds, Problem};
use shared::post::{Post, State};

use super::new_post::add;
use super::own::{EditablePost, OwnPost, post_not_found};
use super::plan::{look_at, not_changeable, plan_post, planned_sentence, post_refused};
use super::view::{PostView, example};
use crate::preflight::Looks;
use crate::steps::{save, told};
use crate::wake::stay_asleep;

/// How often a post that somebody else just wrote is read anew.
pub(super) const TRIES: u32 = 8;

/// Shows a post.
#[utoipa::path(get, path = "/instagram/accounts/{id}/posts/{postId}", responses(
    (status = 200, description = "The post.", body = PostView),
))]
pub(crate) async fn get_post(OwnPost { post, .. }: OwnPost) -> Json<PostView> {
    Json(post.into())
}

/// Calls a post off. Asking again answers the same.
///
/// One that is `unknown` is called off only once nothing is looked for any more, and keeps as its reason that nobody knows
/// whether it is live.
#[utoipa::path(delete, path = "/instagram/accounts/{id}/posts/{postId}", responses(
    (status = 200, description = "The post, `canceled`.", body = PostView, example = json!(example(State::Canceled))),
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
                return Err(Problem::not_supported_by_platform());
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

/// Tries a failed post again: it is published at its time or, where that has passed, now, which is its `publishAt` then.
///
/// Safe at any moment: only a post that is known not to be live starts again; for one that is `unknown` it is looked once
/// more whether it is live.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts/{postId}/retry", responses(
    (status = 200, description = "The post, and what happens next.", body = PostView, example = json!(example(State::Scheduled))),
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
                plan_post(&Looks::default(), &app, &account, &mut again, publish_at).await?;
                again.start_again();
                planned_sentence(&again, post.publish_at)
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
    (status = 201, description = "The draft.", body = PostView, example = json!(example(State::Draft))),
))]
pub(crate) async fn duplicate_post(
    FromState(app): FromState<Arc<App>>,
    EditablePost {
        caller,
        account,
        post,
    }: EditablePost,
    ids: NewIds,
) -> Result<(StatusCode, Json<PostView>), Problem> {
    let now = app.clock.now();
    let mut copy = Post::new(ids.id(0), &post.account, &caller.user, post.content, now);
    look_at(&Looks::default(), &app, &account, &mut copy).await?;
    let sentence = format!("The post is a copy of {}, kept as a draft.", post.id);
    let entry = told("drafted", sentence, &caller.user, now);
    let copy = add(&app, copy, entry).await?;
    Ok((StatusCode::CREATED, Json(copy.into())))
}

shared::refusals!(
    /// Why a post is not called off.
    pub(crate) CancelRefusals: [not_changeable(), being_looked_for(), Problem::not_supported_by_platform()]
);

shared::refusals!(
    /// Why a post is not tried again.
    pub(crate) RetryRefusals: [not_failed(), post_refused(Vec::new())]
);

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

pub(super) async fn read_again(app: &App, post: &Post) -> Result<Post, Problem> {
    app.table
        .post(&post.account, &post.id)
        .await?
        .ok_or_else(post_not_found)
}
