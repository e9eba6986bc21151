//! Comments below a media, and the replies to one, as Instagram has them now.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::app::App;
use shared::graph::{Endpoint, MediaComments};
use shared::http::cursor::List;
use shared::http::paging::{self, PageRefusals};
use shared::http::{CommentId, MediaId, OwnAccount, Problem, QueryString};
use shared::reading::{self, Reading};
use utoipa::ToSchema;

use crate::list::{BY_READER, PageQuery};
use crate::view::MediaCommentView;

/// A page of comments.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommentList {
    /// As Instagram orders them.
    comments: Vec<MediaCommentView>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// Lists the comments below a media, without replies.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media/{mediaId}/comments", responses(
    (status = 200, description = "A page of comments.", body = CommentList),
    PageRefusals, CommentRefusals,
))]
pub(crate) async fn list_comments(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    MediaId(media): MediaId,
    QueryString(query): QueryString<PageQuery>,
) -> Result<Json<CommentList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let route = format!("/instagram/accounts/{}/media/{media}/comments", account.id);
    let list = List {
        company: &account.company,
        route: &route,
        filter: "",
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let reading = Reading::of(&app, &account, BY_READER).await?;
    let answer = reading
        .graph()
        .media_comments(&reading.token, &media, limit, after.as_deref())
        .await;
    let page = reading.take_of_media(&media, answer).await?;
    page_of(&app, &list, page).await
}

/// Lists the replies to a comment.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media/{mediaId}/comments/{commentId}/replies", responses(
    (status = 200, description = "A page of replies.", body = CommentList),
    PageRefusals, CommentRefusals,
))]
pub(crate) async fn list_replies(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    MediaId(media): MediaId,
    CommentId(comment): CommentId,
    QueryString(query): QueryString<PageQuery>,
) -> Result<Json<CommentList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let route = format!(
        "/instagram/accounts/{}/media/{media}/comments/{comment}/replies",
        account.id
    );
    let list = List {
        company: &account.company,
        route: &route,
        filter: "",
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let reading = Reading::of(&app, &account, BY_READER).await?;
    let answer = reading
        .graph()
        .comment_replies(&reading.token, &comment, limit, after.as_deref())
        .await;
    let page = reading.take_of_media(&media, answer).await?;
    page_of(&app, &list, page).await
}

async fn page_of(
    app: &App,
    list: &List<'_>,
    page: MediaComments,
) -> Result<Json<CommentList>, Problem> {
    let comments = page.comments.into_iter();
    Ok(Json(CommentList {
        comments: comments.map(MediaCommentView::from).collect(),
        next_cursor: paging::next_cursor(app, list, page.after).await?,
    }))
}

shared::refusals!(
    /// Why Instagram does not tell of comments.
    pub(crate) CommentRefusals: reading::refusals(&[Endpoint::ListComments])
);
