//! Changing a post.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use shared::account::{Account, Failure};
use shared::app::App;
use shared::http::{JsonBody, Problem, given};
use shared::members::{known_besides, read};
use shared::post::{Content, Post, State, schema};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::new_post::plan_and_content;
use super::own::EditablePost;
use super::plan::{
    When, look_at, moment, not_changeable, plan_post, planned_sentence, post_refused,
    publish_at_past, publish_at_too_far,
};
use super::post::{TRIES, read_again};
use super::view::{PostView, example};
use crate::preflight::Looks;
use crate::steps::{save, told};
use crate::timing;
use crate::wake::stay_asleep;

/// What may be changed of a post: members of its content, which replace the former ones (`null` takes one back), its time,
/// and whether it is a draft.
pub(crate) struct PostChange {
    plan: PlanChange,
    content: Map<String, Value>,
}

impl PostChange {
    fn is_empty(&self) -> bool {
        self.content.is_empty() && self.plan.publish_at.is_none() && self.plan.draft.is_none()
    }
}

/// What may be changed of a post besides its content.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PlanChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::plan::when_or_null, required = false)]
    publish_at: Option<Option<When>>,
    /// `true` takes it back to a draft, `false` plans it.
    #[serde(default, deserialize_with = "given")]
    #[schema(required = false, nullable = false, example = false)]
    draft: Option<bool>,
}

/// The members of a change that are not content.
const PLAN: &[&str] = &["publishAt", "draft"];

impl<'de> Deserialize<'de> for PostChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        for (name, why) in [
            ("kind", "cannot be changed: make another post"),
            ("templateId", "is for a new post: send `caption`"),
            ("values", "is for a new post: send `caption`"),
        ] {
            if members.contains_key(name) {
                return Err(D::Error::custom(format!("`{name}` {why}")));
            }
        }
        let (plan, content) = plan_and_content(members, PLAN)?;
        Ok(Self { plan, content })
    }
}

impl PartialSchema for PostChange {
    fn schema() -> RefOr<Schema> {
        let example = json!({"caption": "Fresher bread", "publishAt": "2026-12-01T09:00:00+01:00"});
        let description = "What is to be changed: members of the post's content, which replace the former ones (`null` takes \
                           one back), its time, and whether it is a draft.";
        schema::of_any_kind(PlanChange::schema(), description, example)
    }
}

impl ToSchema for PostChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schema::schemas(schemas);
    }
}

/// Changes a post, as long as nothing irreversible has happened.
///
/// Members of its content replace the former ones; `null` takes one back. `draft` and `publishAt` plan it anew, also where
/// it has failed; with neither, a post that has failed stays so until it is tried again.
#[utoipa::path(patch, path = "/instagram/accounts/{id}/posts/{postId}", responses(
    (status = 200, description = "The post as it is now.", body = PostView, example = json!(example(State::Scheduled))),
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
    let looks = Looks::default();
    for _ in 0..TRIES {
        if !post.state.is_open() {
            return Err(not_changeable());
        }
        let now = app.clock.now();
        let mut changed = post.clone();
        let names = change_content(&mut changed, &change.content)?;
        let is_draft = change.plan.draft.unwrap_or(post.state == State::Draft);
        let publish_at = match change.plan.publish_at {
            None => post.publish_at,
            Some(None) if is_draft => None,
            Some(None) => {
                return Err(Problem::not_understood(
                    "`publishAt` may be `null` for a draft only",
                ));
            }
            Some(when) => Some(moment(when, now)?),
        };
        let is_replanned = change.plan.draft.is_some() || change.plan.publish_at.is_some();
        let stays_failed = post.state == State::Failed && !is_replanned;
        if post.state == State::Failed && is_replanned {
            changed.start_again();
        }
        if is_draft {
            if post.state != State::Draft {
                changed
                    .become_state(State::Draft, None)
                    .map_err(|_| not_changeable())?;
                changed.start_again();
            }
            changed.publish_at = publish_at;
            look_at(&looks, &app, &account, &mut changed).await?;
        } else if stays_failed {
            look_at(&looks, &app, &account, &mut changed).await?;
            changed.state_reason = Some(untried(&changed, now));
        } else {
            // A post that waits stays late; one that rests begins now where its time has passed.
            let publish_at = match publish_at {
                Some(at) if !post.state.is_at_rest() => at,
                Some(at) => at.max(now),
                None => now,
            };
            let is_other = !names.is_empty();
            replan(&looks, &app, &account, &mut changed, publish_at, is_other).await?;
        }
        let sentence = changed_sentence(&post, &changed, &names);
        let entry = told("changed", sentence, &caller.user, now);
        if save(&app, &post, &mut changed, &[entry]).await? {
            stay_asleep(&app, &post, now).await;
            return Ok(Json(changed.into()));
        }
        post = read_again(&app, &post).await?;
    }
    Err(Problem::unavailable())
}

/// Why a post that was changed after it had failed is not live: for what was found, or because nobody has tried it since.
fn untried(post: &Post, now: Timestamp) -> Failure {
    let blocking = post.warnings.iter().find(|finding| finding.is_blocking);
    let (code, message) = match blocking {
        Some(finding) => (finding.code.clone(), finding.sentence.clone()),
        None => (
            "changed_since".into(),
            "It was changed after it had failed, and has not been tried since.".into(),
        ),
    };
    Failure {
        code,
        message,
        at: now,
    }
}

/// What of a post was changed, and when it is published now.
fn changed_sentence(before: &Post, after: &Post, names: &[String]) -> String {
    let mut sentences = Vec::new();
    if !names.is_empty() {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        sentences.push(format!("The post was changed: {}.", names.join(", ")));
    }
    let is_replanned = before.publish_at != after.publish_at || before.state.is_at_rest();
    match after.state {
        State::Draft => sentences.push("The post is a draft.".into()),
        State::Failed => {}
        _ if is_replanned => sentences.push(planned_sentence(after, before.publish_at)),
        _ => {}
    }
    if sentences.is_empty() {
        sentences.push("Nothing of the post was changed.".into());
    }
    sentences.join(" ")
}

/// Plans a changed post: what Instagram has prepared is kept where it still fits.
async fn replan(
    looks: &Looks,
    app: &Arc<App>,
    account: &Account,
    post: &mut Post,
    publish_at: Timestamp,
    is_other_content: bool,
) -> Result<(), Problem> {
    let was = post.state;
    let mut planned = post.clone();
    plan_post(looks, app, account, &mut planned, publish_at).await?;
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

/// Puts the given members into the content, and names those that it changes.
fn change_content(post: &mut Post, given: &Map<String, Value>) -> Result<Vec<String>, Problem> {
    let members = |content: &Content| match serde_json::to_value(content) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let before = members(&post.content);
    let mut changed = before.clone();
    for (name, value) in given {
        if value.is_null() {
            changed.remove(name);
        } else {
            changed.insert(name.clone(), value.clone());
        }
    }
    let content: Content = read(changed.into())
        .map_err(|fault| Problem::not_understood(&known_besides(&fault, &[], PLAN)))?;
    let after = members(&content);
    let names: Vec<String> = given
        .keys()
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect();
    if !names.is_empty() {
        post.set_content(content);
    }
    Ok(names)
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
