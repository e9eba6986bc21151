//! Meta's ids in a path.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::Problem;
use crate::app::App;
use crate::openapi::{Describe, Described};

/// The longest id that is believed.
const LONGEST: usize = 30;

/// The media of the path.
pub struct MediaId(pub String);

/// The comment of the path.
pub struct CommentId(pub String);

impl FromRequestParts<Arc<App>> for MediaId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let id = digits(parts, app, "mediaId").await;
        id.map(Self).ok_or_else(media_not_found)
    }
}

impl FromRequestParts<Arc<App>> for CommentId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let id = digits(parts, app, "commentId").await;
        id.map(Self).ok_or_else(comment_not_found)
    }
}

impl Describe for MediaId {
    fn describe(described: &mut Described) {
        described.take(id_of_path("mediaId", "Meta's id of the media."));
        described.refuse([media_not_found()]);
    }
}

impl Describe for CommentId {
    fn describe(described: &mut Described) {
        described.take(id_of_path("commentId", "Meta's id of the comment."));
        described.refuse([comment_not_found()]);
    }
}

async fn digits(parts: &mut Parts, app: &Arc<App>, wanted: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, app).await.ok()?;
    let mut found = parameters.iter().filter(|(name, _)| *name == wanted);
    let (_, id) = found.next()?;
    let is_id = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then(|| id.to_owned())
}

fn id_of_path(name: &str, description: &str) -> ParameterBuilder {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[0-9]{1,30}$"));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some("17895000000000001".into()))
}

/// 404 for a media.
pub fn media_not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "media_not_found",
        "This account has no media with this id, or Instagram does not show it any more.",
    )
}

fn comment_not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "comment_not_found",
        "There is no comment with this id.",
    )
}
