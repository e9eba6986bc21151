//! Lists of posts, and what happened to one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::cursor::List;
use shared::http::paging::{self, PageRefusals};
use shared::http::{OwnAccount, Problem, QueryString};
use shared::post::State;
use shared::table::posts::PostFilter;
use shared::table::timeline::TimelineEntry;
use utoipa::{IntoParams, ToSchema};

use super::own::OwnPost;
use super::view::PostView;

/// The filters and the page of `GET /instagram/accounts/{id}/posts`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostsQuery {
    /// Only posts that stand here.
    #[param(value_type = State, required = false)]
    state: Option<String>,
    /// Only posts whose time is not before: when they are due or, for drafts without a time, when they were made.
    #[param(value_type = Timestamp, required = false, example = "2026-11-21T10:00:00Z")]
    from: Option<String>,
    /// Only posts whose time is before.
    #[param(value_type = Timestamp, required = false, example = "2026-12-21T10:00:00Z")]
    to: Option<String>,
    /// How many at once.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// The page of a timeline.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimelineQuery {
    /// How many at once.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// A page of posts, the latest time first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostList {
    /// The latest time first.
    posts: Vec<PostView>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// A page of a post's timeline.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostTimeline {
    /// Newest first.
    entries: Vec<PostEvent>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// One thing that happened to a post.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostEvent {
    /// When.
    at: Timestamp,
    /// A stable word for what happened.
    #[schema(example = "published")]
    event: String,
    /// The same for a person.
    #[schema(example = "The post is live.")]
    sentence: String,
    /// The user who did it, or `schedule`.
    #[schema(example = "schedule")]
    by: String,
    /// Ties it to the log.
    #[schema(example = "6062b68b-fdb9-4bc9-ae4e-65b6133e5d89")]
    correlation_id: String,
}

impl From<TimelineEntry> for PostEvent {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            at: entry.at,
            event: entry.event,
            sentence: entry.sentence,
            by: entry.by,
            correlation_id: entry.correlation_id,
        }
    }
}

/// Lists the posts of an account by their time, the latest first.
#[utoipa::path(get, path = "/instagram/accounts/{id}/posts", responses(
    (status = 200, description = "A page of posts.", body = PostList),
    PageRefusals,
    FilterRefusals,
))]
pub(crate) async fn list_posts(
    FromState(app): FromState<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<PostsQuery>,
) -> Result<Json<PostList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let filter = PostFilter {
        state: query.state.as_deref().map(state).transpose()?,
        from: query.from.as_deref().map(paging::time).transpose()?,
        to: query.to.as_deref().map(paging::time).transpose()?,
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

/// Lists what happened to a post, newest first, a sentence each.
#[utoipa::path(get, path = "/instagram/accounts/{id}/posts/{postId}/timeline", responses(
    (status = 200, description = "A page of what happened.", body = PostTimeline),
    PageRefusals,
))]
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
        entries: page.entries.into_iter().map(PostEvent::from).collect(),
        next_cursor: paging::next_cursor(&app, &list, page.next).await?,
    }))
}

shared::refusals!(
    /// What the filters of the list are refused for.
    pub(crate) FilterRefusals: [invalid_state(), paging::invalid_time()]
);

fn state(word: &str) -> Result<State, Problem> {
    State::parse(word).ok_or_else(invalid_state)
}

fn invalid_state() -> Problem {
    let words: Vec<String> = State::ALL
        .iter()
        .map(|state| format!("`{}`", state.as_str()))
        .collect();
    Problem::bad_request(
        "invalid_post_state",
        format!("`state` must be one of {}.", words.join(", ")),
    )
}
