//! Many posts at once.

use std::sync::Arc;

use axum::extract::State as FromState;
use axum::{Extension, Json};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::extract::OF_MANY;
use shared::http::{EditableAccount, JsonBody, NewIds, Problem, Unfinished};
use shared::members::read;
use shared::post::{Finding, State};
use utoipa::ToSchema;

use super::new_post::{NewPost, Request, create};
use super::view::{PostView, example};
use crate::preflight::Looks;

/// How many posts one request takes.
const MOST: usize = 50;
/// How many of them are looked at side by side.
const AT_ONCE: usize = 10;

/// The body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPosts {
    /// Each as for a single request.
    #[schema(value_type = Vec<NewPost>, min_items = 1, max_items = 50)]
    posts: Vec<serde_json::Value>,
}

/// A verdict for each post, in their order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verdicts {
    /// In the order of the request.
    results: Vec<Verdict>,
}

/// What became of one post.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Verdict {
    /// It was taken in.
    Taken {
        /// 201.
        #[schema(example = 201)]
        status: u16,
        /// The post.
        #[schema(value_type = PostView)]
        post: Box<PostView>,
    },
    /// It was refused.
    Refused {
        /// As a single request would have been answered.
        #[schema(example = 422)]
        status: u16,
        /// Stable word for a program.
        #[schema(example = "post_refused")]
        code: &'static str,
        /// Sentence for a person.
        #[schema(example = "Shorten the caption to 2,200 characters.")]
        detail: String,
        /// What the preflight found.
        findings: Vec<Finding>,
    },
}

impl Verdict {
    fn is_unfinished(&self) -> bool {
        matches!(self, Self::Refused { status: 500.., .. })
    }
}

/// Takes up to 50 posts in; those that are refused do not keep the others back.
#[utoipa::path(post, path = "/instagram/accounts/{id}/posts/bulk", responses(
    (status = 200, description = "A verdict for each post.", body = Verdicts, example = json!({"results": [
        {"status": 201, "post": example(State::Scheduled)},
        {"status": 422, "code": "post_refused", "detail": "Shorten the caption to 2,200 characters.", "findings": []},
    ]})),
    BulkRefusals,
))]
pub(crate) async fn create_posts(
    FromState(app): FromState<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    ids: NewIds,
    JsonBody(body): JsonBody<NewPosts, OF_MANY>,
) -> Result<(Option<Extension<Unfinished>>, Json<Verdicts>), Problem> {
    match body.posts.len() {
        0 => return Err(no_posts()),
        1..=MOST => {}
        _ => return Err(too_many_posts()),
    }
    let mut posts = body.posts.into_iter().enumerate();
    let mut results = Vec::new();
    let request = Request {
        account: &account,
        user: &caller.user,
        ids: &ids,
        looks: &Looks::default(),
    };
    loop {
        let some: Vec<_> = posts.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            // What could not be taken in right now is taken in when the request is made again.
            let is_unfinished = results.iter().any(Verdict::is_unfinished);
            let unfinished = is_unfinished.then_some(Extension(Unfinished));
            return Ok((unfinished, Json(Verdicts { results })));
        }
        let created = some.into_iter().map(async |(number, post)| {
            let new: NewPost = read(post).map_err(|fault| Problem::not_understood(&fault))?;
            create(&app, request, number, new).await
        });
        results.extend(join_all(created).await.into_iter().map(verdict));
    }
}

shared::refusals!(
    /// What the whole request is refused for.
    pub(crate) BulkRefusals: [no_posts(), too_many_posts()]
);

fn too_many_posts() -> Problem {
    Problem::unprocessable(
        "too_many_posts",
        format!("`posts` has more than {MOST} posts: send them in several requests."),
    )
}

fn no_posts() -> Problem {
    Problem::unprocessable("no_posts", "`posts` is empty: send at least one.")
}

fn verdict(created: Result<shared::post::Post, Problem>) -> Verdict {
    match created {
        Ok(post) => Verdict::Taken {
            status: 201,
            post: Box::new(post.into()),
        },
        Err(problem) => Verdict::Refused {
            status: problem.status.as_u16(),
            code: problem.code,
            detail: problem.detail,
            findings: problem.findings,
        },
    }
}
