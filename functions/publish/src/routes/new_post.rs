//! Taking a post in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use http::StatusCode;
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use shared::account::Account;
use shared::app::App;
use shared::http::{EditableAccount, JsonBody, NewIds, Problem, given};
use shared::post::{Content, Finding, Post, State, schema};
use shared::table::timeline::TimelineEntry;
use utoipa::openapi::schema::{AnyOf, KnownFormat, Object, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::templates;
use super::view::PostView;
use crate::preflight::Looks;
use crate::steps::told;
use crate::wake::{wake, wake_and_write};
use crate::{preflight, timing};

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
    #[schema(schema_with = when, required = false)]
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

/// A moment with an offset (RFC 3339), or `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    At(Timestamp),
}

/// What OpenAPI says of [`When`].
pub(crate) fn when() -> Schema {
    let now = Object::builder()
        .schema_type(Type::String)
        .enum_values(Some(["now"]));
    let at = Object::builder()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let either = AnyOf::builder()
        .description(Some(
            "`now`, or a moment with an offset, up to 75 days ahead (RFC 3339).",
        ))
        .item(now)
        .item(at)
        .examples([json!("now")]);
    either.build().into()
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
        let members = Map::deserialize(deserializer)?;
        let (plan, content): (Map<String, Value>, Map<String, Value>) = members
            .into_iter()
            .partition(|(name, _)| PLAN.contains(&name.as_str()));
        Ok(Self {
            content: serde_json::from_value(content.into()).map_err(D::Error::custom)?,
            plan: serde_json::from_value(plan.into()).map_err(D::Error::custom)?,
        })
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "now" {
            return Ok(When::Now);
        }
        text.parse().map(When::At).map_err(|_| {
            D::Error::custom("`publishAt` must be `now` or a time with an offset, as in RFC 3339")
        })
    }
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

/// Takes a post in, to be published now or at a time.
///
/// It is looked at first: 422 with all that keeps it from being published, unless it is a draft.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts", responses(
    (status = 201, description = "The post, and what happens next.", body = PostView),
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
    let content = with_template(&app, &account, content, &plan).await?;
    let publish_at = moment(plan.publish_at, app.clock.now())?;
    let findings = preflight::check(&app, &account, &content, Some(publish_at)).await?;
    Ok(Json(Preflight {
        can_be_published: !findings.iter().any(|finding| finding.is_blocking),
        findings,
    }))
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
        told("drafted", "The post is kept as a draft.", user, now)
    } else {
        let publish_at = moment(plan.publish_at, now)?;
        plan_among(looks, app, account, &mut post, publish_at).await?;
        told("scheduled", planned_sentence(&post), user, now)
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
        caption_not_supported(),
        templates::not_found(),
    ]);
    all
}

/// The refusal of a post that cannot be published as it is.
pub(super) fn post_refused(findings: Vec<Finding>) -> Problem {
    let first = findings.iter().find(|finding| finding.is_blocking);
    let sentence = first.map_or(
        "Shorten the caption to 2,200 characters.".to_owned(),
        |first| first.sentence.clone(),
    );
    Problem {
        findings,
        ..Problem::unprocessable("post_refused", sentence)
    }
}

pub(super) fn publish_at_past() -> Problem {
    Problem::unprocessable(
        "publish_at_past",
        "`publishAt` lies in the past. Leave it out, or send `now`, to publish at once.",
    )
}

pub(super) fn publish_at_too_far() -> Problem {
    Problem::unprocessable(
        "publish_at_too_far",
        "`publishAt` may be 75 days ahead at most.",
    )
}

fn caption_not_supported() -> Problem {
    Problem::unprocessable("caption_not_supported", "A story has no caption.")
}

/// Plans a post for a time: looks at it, and says when it is prepared.
///
/// # Errors
/// 422 with what the preflight found.
pub(super) async fn plan_post(
    app: &Arc<App>,
    account: &Account,
    post: &mut Post,
    publish_at: Timestamp,
) -> Result<(), Problem> {
    plan_among(&Looks::default(), app, account, post, publish_at).await
}

async fn plan_among(
    looks: &Looks,
    app: &Arc<App>,
    account: &Account,
    post: &mut Post,
    publish_at: Timestamp,
) -> Result<(), Problem> {
    let content = &post.content;
    let findings = preflight::check_among(looks, app, account, content, Some(publish_at)).await?;
    if findings.iter().any(|finding| finding.is_blocking) {
        return Err(post_refused(findings));
    }
    let now = app.clock.now();
    post.warnings = findings;
    post.checked_at = Some(now);
    post.publish_at = Some(publish_at);
    if post.state != State::Scheduled {
        post.become_state(State::Scheduled, None)
            .map_err(|_| not_changeable())?;
    }
    post.waiting = None;
    post.wake_at = Some(timing::prepare_at(
        publish_at,
        app.config.publish.prepare_ahead,
        now,
    ));
    Ok(())
}

/// The refusal of a change to a post that is past being changed.
pub(super) fn not_changeable() -> Problem {
    Problem::conflict(
        "post_not_changeable",
        "The post is past being changed: its `state` says how it stands. It can be duplicated.",
    )
}

pub(super) fn planned_sentence(post: &Post) -> String {
    match post.publish_at {
        Some(at) => format!(
            "The post is planned for {}.",
            at.strftime("%Y-%m-%d %H:%M UTC")
        ),
        None => "The post is planned.".into(),
    }
}

/// The time that was asked for, if a post can be planned for it.
pub(super) fn moment(when: Option<When>, now: Timestamp) -> Result<Timestamp, Problem> {
    let at = match when.unwrap_or(When::Now) {
        When::Now => return Ok(now),
        When::At(at) => at,
    };
    // Whoever means now may have a clock that is a little behind.
    if at < now - jiff::SignedDuration::from_mins(1) {
        return Err(publish_at_past());
    }
    if at > now + timing::FARTHEST {
        return Err(publish_at_too_far());
    }
    Ok(at)
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
            return Err(Problem::bad_request(
                "invalid_body",
                "The body was not understood: `values` belongs to a `templateId`.",
            ));
        }
        return Ok(content);
    };
    if content.caption().is_some() {
        return Err(Problem::bad_request(
            "invalid_body",
            "The body was not understood: send `caption` or `templateId`.",
        ));
    }
    let template = templates::find(app, &account.company, id).await?;
    let values = plan.values.clone().unwrap_or_default();
    let caption = templates::fill(&template.text, &values)?;
    if !content.set_caption(caption) {
        return Err(caption_not_supported());
    }
    Ok(content)
}
