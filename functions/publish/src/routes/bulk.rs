//! Many posts at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::{EditableAccount, JsonBody, Problem};
use shared::post::Finding;

use super::new_post::{NewPost, create};
use super::view::PostView;

/// How many posts one request takes.
const MOST: usize = 50;
/// How many of them are looked at side by side.
const AT_ONCE: usize = 10;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPosts {
    posts: Vec<serde_json::Value>,
}

/// A verdict for each post, in their order.
#[derive(Serialize)]
pub(crate) struct Verdicts {
    results: Vec<Verdict>,
}

/// What became of one post.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Verdict {
    /// It was taken in.
    Taken {
        /// 201.
        status: u16,
        /// The post.
        post: Box<PostView>,
    },
    /// It was refused.
    Refused {
        /// As a single request would have been answered.
        status: u16,
        /// Stable word for a program.
        code: &'static str,
        /// Sentence for a person.
        detail: String,
        /// What the preflight found.
        findings: Vec<Finding>,
    },
}

/// `POST /instagram/accounts/{id}/posts/bulk` with up to 50 posts → a verdict for each; those that are refused do not keep
/// the others back.
pub(crate) async fn create_posts(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    JsonBody(body): JsonBody<NewPosts>,
) -> Result<Json<Verdicts>, Problem> {
    if !(1..=MOST).contains(&body.posts.len()) {
        return Err(Problem::unprocessable(
            "too_many_posts",
            format!("`posts` must have 1 to {MOST} posts."),
        ));
    }
    let mut posts = body.posts.into_iter();
    let mut results = Vec::new();
    loop {
        let some: Vec<_> = posts.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(Json(Verdicts { results }));
        }
        let created = some.into_iter().map(async |post| {
            let new: NewPost = shared::http::extract::member(post)?;
            create(&app, &account, &caller.user, new).await
        });
        results.extend(join_all(created).await.into_iter().map(verdict));
    }
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
