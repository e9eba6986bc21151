//! Loading the post that a route names: only its own company gets it, as with the account before it in the path.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;
use shared::account::Account;
use shared::app::App;
use shared::http::{Caller, EditableAccount, OwnAccount, Problem};
use shared::openapi::{Describe, Described};
use shared::post::Post;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The post of the path, for a caller who may read it.
pub(crate) struct OwnPost {
    /// Its account.
    pub(crate) account: Account,
    /// The post.
    pub(crate) post: Post,
}

/// The post of the path, for a caller who may change it.
pub(crate) struct EditablePost {
    /// Who asks.
    pub(crate) caller: Caller,
    /// Its account.
    pub(crate) account: Account,
    /// The post.
    pub(crate) post: Post,
}

impl FromRequestParts<Arc<App>> for OwnPost {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let OwnAccount(account) = OwnAccount::from_request_parts(parts, app).await?;
        let post = post_of_path(parts, app, &account).await?;
        Ok(Self { account, post })
    }
}

impl FromRequestParts<Arc<App>> for EditablePost {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let EditableAccount { caller, account } =
            EditableAccount::from_request_parts(parts, app).await?;
        let post = post_of_path(parts, app, &account).await?;
        Ok(Self {
            caller,
            account,
            post,
        })
    }
}

impl Describe for OwnPost {
    fn describe(described: &mut Described) {
        OwnAccount::describe(described);
        describe_post(described);
    }
}

impl Describe for EditablePost {
    fn describe(described: &mut Described) {
        EditableAccount::describe(described);
        describe_post(described);
    }
}

fn describe_post(described: &mut Described) {
    described.take(id_of_path("postId", "The post's id."));
    described.refuse([post_not_found()]);
}

/// An id of ours in the path.
pub(super) fn id_of_path(name: &str, description: &str) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    ));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some("5f2b7c1e-0d3a-4c55-9a3e-4f6b1f0c9d21".into()))
}

async fn post_of_path(
    parts: &mut Parts,
    app: &Arc<App>,
    account: &Account,
) -> Result<Post, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| post_not_found())?;
    let id = parameters
        .iter()
        .find_map(|(name, value)| (name == "postId").then_some(value))
        .filter(|id| shared::http::owned::is_id(id))
        .ok_or_else(post_not_found)?;
    app.table
        .post(&account.id, id)
        .await?
        .ok_or_else(post_not_found)
}

pub(crate) fn post_not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "post_not_found",
        "This account has no post with this id.",
    )
}
