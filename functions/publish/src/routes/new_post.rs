//! Taking a post in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use http::StatusCode;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use shared::account::Account;
use shared::app::App;
use shared::http::{EditableAccount, JsonBody, NewIds, Problem, given};
use shared::members::{known_besides, part, read};
use shared::post::{Content, Finding, Post, STORY_WITH_CAPTION, State, schema};
use shared::table::timeline::TimelineEntry;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::plan::{
    When, look_at, moment, plan_post, planned_sentence, post_refused, publish_at_past,
    publish_at_too_far,
};
use super::templates;
use super::view::{PostView, example};
use crate::preflight::Looks;
use crate::steps::told;
use crate::wake::{wake, wake_and_write};

/// The body of a new post: `kind` and what goes with it, and when it is to be published.
#[derive(Debug)]
pub(crate) struct NewPost {
    content: Content,
    plan: Plan,
}

/// When a new post is to be published, and where its caption comes from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plan {
    /// `now`, or a moment with an offset, up to 75 days ahead (RFC 3339). Without it: now.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = super::plan::when, required = false)]
    publish_at: Option<When>,
    /// Keeps it without planning it.
    #[serde(default)]
    #[schema(example = false)]
    draft: bool,
    /// Makes the caption of a template.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, required = false)]
    template_id: Option<String>,
    /// What stands for the template's placeholders.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, required = false)]
    values: Option<BTreeMap<String, String>>,
}

/// The members of a new post that are not its content.
const PLAN: &[&str] = &["publishAt", "draft", "templateId", "values"];

impl PartialSchema for NewPost {
    fn schema() -> RefOr<Schema> {
        let example = json!({
            "kind": "image",
            "imageUrl": "https://media.example.com/bread.jpg",
            "caption": "Fresh bread #bakery",
            "publishAt": "now",
        });
        schema::of_each_kind(Plan::schema(), example)
    }
}

impl ToSchema for NewPost {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schema::schemas(schemas);
    }
}

impl<'de> Deserialize<'de> for NewPost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (plan, content) = plan_and_content(Map::deserialize(deserializer)?, PLAN)?;
        let content = read(content.into())
            .map_err(|fault| D::Error::custom(known_besides(&fault, &["kind"], PLAN)))?;
        Ok(Self { content, plan })
    }
}

/// Parts members into those of the plan, which are read, and those of the content.
pub(super) fn plan_and_content<T: DeserializeOwned, E: Error>(
    members: Map<String, Value>,
    of_plan: &[&str],
) -> Result<(T, Map<String, Value>), E> {
    let (plan, content) = members
        .into_iter()
        .partition(|(name, _)| of_plan.contains(&name.as_str()));
    Ok((part(plan)?, content))
}

/// What a preflight answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preflight {
    /// Whether nothing stands in the way.
    can_be_published: bool,
    /// What was found, a sentence each.
    findings: Vec<Finding>,
}

impl From<Vec<Finding>> for Preflight {
    fn from(findings: Vec<Finding>) -> Self {
        Self {
            can_be_published: !findings.iter().any(|finding| finding.is_blocking),
            findings,
        }
    }
}

/// Takes a post in, to be published now or at a time.
///
/// It is looked at first: 422 with all that keeps it from being published. A draft is kept all the same, and its
/// `warnings` have what was found.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts", responses(
    (status = 201, description = "The post, and what happens next.", body = PostView, example = json!(example(State::Scheduled))),
    NewPostRefusals,
))]
pub(crate) async fn create_post(
    FromState(app): FromState<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    ids: NewIds,
    JsonBody(new): JsonBody<NewPost>,
) -> Result<(StatusCode, Json<PostView>), Problem> {
    let request = Request {
        account: &account,
        user: &caller.user,
        ids: &ids,
        looks: &Looks::default(),
    };
    let post = create(&app, request, 0, new).await?;
    Ok((StatusCode::CREATED, Json(post.into())))
}

/// Says what would keep a post from being published; nothing is kept.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts/preflight", responses(
    (status = 200, description = "All that was found, a sentence each.", body = Preflight),
    ContentRefusals,
))]
pub(crate) async fn check_post(
    FromState(app): FromState<Arc<App>>,
    EditableAccount { account, .. }: EditableAccount,
    JsonBody(new): JsonBody<NewPost>,
) -> Result<Json<Preflight>, Problem> {
    let NewPost { content, plan } = new;
    let content = match with_template(&app, &account, content, &plan).await {
        Err(refusal) if !refusal.findings.is_empty() => {
            return Ok(Json(refusal.findings.into()));
        }
        content => content?,
    };
    let now = app.clock.now();
    let (publish_at, mut findings) = match moment(plan.publish_at, now) {
        Ok(publish_at) => (publish_at, Vec::new()),
        Err(refusal) => (now, refusal.findings),
    };
    let looks = Looks::default();
    let mut post = Post::new(String::new(), &account.id, "", content, now);
    post.publish_at = Some(publish_at);
    look_at(&looks, &app, &account, &mut post).await?;
    findings.append(&mut post.warnings);
    Ok(Json(findings.into()))
}

/// What the posts of one request share.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) account: &'a Account,
    pub(super) user: &'a str,
    pub(super) ids: &'a NewIds,
    pub(super) looks: &'a Looks,
}

/// Takes the `number`th post of a request in: refused where the preflight finds that it cannot be published, unless it is
/// a draft. What an earlier time of the same request has made is answered as it stands now.
pub(super) async fn create(
    app: &Arc<App>,
    request: Request<'_>,
    number: usize,
    new: NewPost,
) -> Result<Post, Problem> {
    let Request {
        account,
        user,
        ids,
        looks,
    } = request;
    let id = ids.id(number);
    if ids.is_repeated
        && let Some(stored) = app.table.post(&account.id, &id).await?
    {
        return wake_stored(app, stored).await;
    }
    let NewPost { content, plan } = new;
    let content = with_template(app, account, content, &plan).await?;
    let now = app.clock.now();
    let mut post = Post::new(id, account.id.as_str(), user, content, now);
    let entry = if plan.draft {
        post.publish_at = match plan.publish_at {
            None => None,
            some => Some(moment(some, now)?),
        };
        look_at(looks, app, account, &mut post).await?;
        told("drafted", "The post is kept as a draft.", user, now)
    } else {
        let publish_at = moment(plan.publish_at, now)?;
        plan_post(looks, app, account, &mut post, publish_at).await?;
        told("scheduled", planned_sentence(&post, None), user, now)
    };
    add(app, post, entry).await
}

/// Keeps a new post, or answers the one that is there already.
pub(super) async fn add(app: &App, post: Post, entry: TimelineEntry) -> Result<Post, Problem> {
    let write = app.table.add_post(&post, std::slice::from_ref(&entry));
    if wake_and_write(app, &post, write).await? {
        return Ok(post);
    }
    let stored = app.table.post(&post.account, &post.id).await?;
    wake_stored(app, stored.unwrap_or(post)).await
}

/// What was sent for a post when it was taken in may have come before it was written.
async fn wake_stored(app: &App, stored: Post) -> Result<Post, Problem> {
    let now = app.clock.now();
    if stored.wake_at.is_some_and(|at| at <= now) {
        wake(app, &stored, now).await?;
    }
    Ok(stored)
}

shared::refusals!(
    /// What a new post is refused for.
    pub(crate) NewPostRefusals: {
        let mut all = content_refusals();
        all.push(post_refused(Vec::new()));
        all
    }
);

shared::refusals!(
    /// What content and time are refused for.
    pub(crate) ContentRefusals: content_refusals()
);

fn content_refusals() -> Vec<Problem> {
    let mut all = templates::fill_refusals();
    all.extend([
        publish_at_past(),
        publish_at_too_far(),
        templates::not_found(),
    ]);
    all
}

/// The content with the caption that its template makes.
async fn with_template(
    app: &Arc<App>,
    account: &Account,
    mut content: Content,
    plan: &Plan,
) -> Result<Content, Problem> {
    let Some(id) = &plan.template_id else {
        if plan.values.is_some() {
            return Err(Problem::not_understood(
                "`values` belongs to a `templateId`",
            ));
        }
        return Ok(content);
    };
    if content.caption().is_some() {
        return Err(Problem::not_understood(
            "`caption` and `templateId` exclude each other",
        ));
    }
    let template = templates::find(app, &account.company, id).await?;
    let values = plan.values.clone().unwrap_or_default();
    let caption = templates::fill(&template.text, &values)?;
    if !content.set_caption(caption) {
        return Err(Problem::not_understood(STORY_WITH_CAPTION));
    }
    Ok(content)
}
