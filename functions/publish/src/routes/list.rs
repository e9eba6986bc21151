//! Lists of posts, and what happened to one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::cursor::List;
use shared::http::paging;
use shared::http::{OwnAccount, Problem, QueryString};
use shared::post::State;
use shared::table::posts::PostFilter;
use shared::table::timeline::TimelineEntry;

use super::own::OwnPost;
use super::view::PostView;

/// The filters and the page of `GET /instagram/accounts/{id}/posts`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostsQuery {
    state: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// The page of a timeline.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimelineQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

/// A page of posts, the latest time first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostList {
    posts: Vec<PostView>,
    next_cursor: Option<String>,
}

/// A page of a post's timeline.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostTimeline {
    entries: Vec<TimelineEntry>,
    next_cursor: Option<String>,
}

/// `GET /instagram/accounts/{id}/posts`: the account's posts by their time, the latest first.
pub(crate) async fn list_posts(
    FromState(app): FromState<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<PostsQuery>,
) -> Result<Json<PostList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let filter = PostFilter {
        state: query.state.as_deref().map(state).transpose()?,
        from: query
            .from
            .as_deref()
            .map(|text| time("from", text))
            .transpose()?,
        to: query
            .to
            .as_deref()
            .map(|text| time("to", text))
            .transpose()?,
    };
    let route = format!("/instagram/accounts/{}/posts", account.id);
    let filter_text = format!("{filter:?}");
    let list = List {
        company: &account.company,
        route: &route,
        filter: &filter_text,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let page = app
        .table
        .posts_of_account(&account.id, &filter, limit, after)
        .await?;
    Ok(Json(PostList {
        posts: page.posts.into_iter().map(PostView::from).collect(),
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

/// `GET /instagram/accounts/{id}/posts/{postId}/timeline`: what happened to the post, a sentence each.
pub(crate) async fn list_post_timeline(
    FromState(app): FromState<Arc<App>>,
    OwnPost { account, post }: OwnPost,
    QueryString(query): QueryString<TimelineQuery>,
) -> Result<Json<PostTimeline>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let route = format!(
        "/instagram/accounts/{}/posts/{}/timeline",
        account.id, post.id
    );
    let list = List {
        company: &account.company,
        route: &route,
        filter: "",
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let page = app
        .table
        .post_timeline(&account.id, &post.id, limit, after, app.clock.now())
        .await?;
    Ok(Json(PostTimeline {
        entries: page.entries,
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

fn state(word: &str) -> Result<State, Problem> {
    State::parse(word).ok_or_else(|| {
        let words: Vec<String> = State::ALL
            .iter()
            .map(|state| format!("`{}`", state.as_str()))
            .collect();
        Problem::bad_request(
            "invalid_state",
            format!("`state` must be one of {}.", words.join(", ")),
        )
    })
}

fn time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request(
            "invalid_time",
            format!("`{name}` must be a time with an offset, as in RFC 3339."),
        )
    })
}
