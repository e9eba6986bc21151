//! A post as a caller sees it.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use shared::account::Failure;
use shared::post::{COMMENT_UNCLEAR, Content, Finding, Post, State, schema};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What a caller sees of a post: never a container's id or the version.
#[derive(Serialize)]
pub(crate) struct PostView {
    /// `kind` and what goes with it, as it was sent.
    #[serde(flatten)]
    content: Content,
    #[serde(flatten)]
    progress: Progress,
}

/// What has become of a post.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Progress {
    /// UUID, ours.
    #[schema(example = "5f2b7c1e-0d3a-4c55-9a3e-4f6b1f0c9d21")]
    id: String,
    /// The account's id.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    account_id: String,
    /// Where it stands.
    state: State,
    /// What that means, and why it is so.
    #[schema(
        example = "Planned: Instagram gets its media at 2026-11-21 07:00 UTC, so that at its time one call is left."
    )]
    explanation: String,
    /// Why it failed or is unknown, or was called off without being known not to be live; `null` otherwise.
    state_reason: Option<Failure>,
    /// Why nothing happens right now although something is to be done.
    waiting: Option<Failure>,
    /// When it is to be published, UTC.
    publish_at: Option<Timestamp>,
    /// When something happens next by itself.
    next_step_at: Option<Timestamp>,
    /// When it was published.
    published_at: Option<Timestamp>,
    /// How late that was, seconds; `null` for a post that was to be published at once.
    #[schema(example = 1)]
    late_seconds: Option<i64>,
    /// Meta's id of the media.
    #[schema(example = "17895000000000001")]
    media_id: Option<String>,
    /// Where people see it.
    #[schema(example = "https://instagram.example.com/p/DExample/")]
    permalink: Option<String>,
    /// What has become of the first comment; `null` for a post without one.
    first_comment_status: Option<CommentView>,
    /// What the preflight found. What stands in the way is kept of a draft and of a post that has failed; others are
    /// refused for it.
    warnings: Vec<Finding>,
    /// The user who made it.
    #[schema(example = "ann")]
    created_by: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it was written last.
    updated_at: Timestamp,
}

/// What has become of a first comment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentView {
    /// `pending`, `written`, `failed`, or `unknown` where it could not be found out whether it is written.
    #[schema(example = "pending")]
    state: &'static str,
    /// Meta's id.
    id: Option<String>,
    /// Why it is not written.
    failure: Option<Failure>,
}

impl From<Post> for PostView {
    fn from(post: Post) -> Self {
        let planned_for = post.publish_at.filter(|_| !post.is_at_once);
        let late = post.published_at.zip(planned_for);
        let late = late.map(|(done, due)| done.duration_since(due).as_secs().max(0));
        let comment = post.comment.clone().map(|comment| CommentView {
            state: match (&comment.id, &comment.failure) {
                (Some(_), _) => "written",
                (None, Some(failure)) if failure.code == COMMENT_UNCLEAR => "unknown",
                (None, Some(_)) => "failed",
                (None, None) => "pending",
            },
            id: comment.id,
            failure: comment.failure,
        });
        let progress = Progress {
            explanation: explanation(&post),
            id: post.id,
            account_id: post.account,
            state: post.state,
            state_reason: post.state_reason,
            waiting: post.waiting,
            publish_at: post.publish_at,
            next_step_at: post.wake_at,
            published_at: post.published_at,
            late_seconds: late,
            media_id: post.media_id,
            permalink: post.permalink,
            first_comment_status: comment,
            warnings: post.warnings,
            created_by: post.created_by,
            created_at: post.created_at,
            updated_at: post.updated_at,
        };
        Self {
            content: post.content,
            progress,
        }
    }
}

impl PartialSchema for PostView {
    fn schema() -> RefOr<Schema> {
        schema::of_each_kind(Progress::schema(), example(State::Published))
    }
}

impl ToSchema for PostView {
    fn name() -> Cow<'static, str> {
        "Post".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Progress::schemas(schemas);
        schema::schemas(schemas);
    }
}

/// A post that stands there, for the description of the API.
pub(crate) fn example(state: State) -> Value {
    let only = |wanted: State, value: Value| {
        if state == wanted { value } else { Value::Null }
    };
    json!({
        "kind": "image",
        "imageUrl": "https://media.example.com/bread.jpg",
        "caption": "Fresh bread #bakery",
        "id": "5f2b7c1e-0d3a-4c55-9a3e-4f6b1f0c9d21",
        "accountId": "a3972e6e-ff59-4209-923f-9658e29f68ec",
        "state": state,
        "explanation": match state {
            State::Scheduled => PREPARED_NOW,
            _ => state.meaning(),
        },
        "stateReason": null,
        "waiting": null,
        "publishAt": if state == State::Draft { Value::Null } else { "2026-11-21T10:00:00Z".into() },
        "nextStepAt": only(State::Scheduled, "2026-11-21T09:00:01Z".into()),
        "publishedAt": only(State::Published, "2026-11-21T10:00:01Z".into()),
        "lateSeconds": only(State::Published, 1.into()),
        "mediaId": only(State::Published, "17895000000000001".into()),
        "permalink": only(State::Published, "https://instagram.example.com/p/DExample/".into()),
        "firstCommentStatus": null,
        "warnings": [],
        "createdBy": "ann",
        "createdAt": "2026-11-21T09:00:00Z",
        "updatedAt": if state == State::Published { "2026-11-21T10:00:03Z" } else { "2026-11-21T09:00:00Z" },
    })
}

const PREPARED_NOW: &str =
    "Planned: Instagram gets its media now, so that at its time one call is left.";

fn explanation(post: &Post) -> String {
    let why = post.waiting.as_ref().or(post.state_reason.as_ref());
    match (why, post.state, post.wake_at) {
        (Some(why), state, _) => format!("{} {}", state.meaning(), why.message),
        (None, State::Scheduled, Some(at)) => planned(post, at),
        (None, state, _) => state.meaning().to_owned(),
    }
}

/// What a post waits for that nothing has happened to yet: its next step is at `at`.
fn planned(post: &Post, at: Timestamp) -> String {
    let is_now = at.duration_since(post.updated_at) < SignedDuration::from_mins(1);
    match (is_now, post.is_at_once) {
        (true, true) => "Taken in: Instagram gets its media now, and it is published as soon as they are processed: a \
                         picture within seconds, a video within minutes."
            .into(),
        (true, false) => PREPARED_NOW.into(),
        (false, _) => format!(
            "Planned: Instagram gets its media at {}, so that at its time one call is left.",
            at.strftime("%Y-%m-%d %H:%M UTC")
        ),
    }
}
