//! Lists of media: live through a cache with a short life, or as the last sync left them.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::cache::{self, Aged};
use shared::graph::{Endpoint, MediaEdge, MediaKind, MediaQuery};
use shared::http::cursor::List;
use shared::http::paging::{self, PageRefusals};
use shared::http::{OwnAccount, Problem, QueryString};
use shared::media::StoredMedia;
use shared::reading::{self, Reading};
use utoipa::{IntoParams, ToSchema};

use crate::view::MediaView;

/// Who wanted it, where it means something for the account.
pub(crate) const BY_READER: &str = "reader";

/// The filters and the page of `GET /instagram/accounts/{id}/media`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediaListQuery {
    /// `live`, also without it: from Instagram, through a cache. `stored`: as the last sync left it, with figures and what is gone.
    #[param(inline, value_type = Source, required = false)]
    source: Option<String>,
    /// Only media of this kind.
    #[param(value_type = MediaKind, required = false)]
    kind: Option<String>,
    /// Only media that were not published before.
    #[param(value_type = Timestamp, required = false, example = "2026-10-21T10:00:00Z")]
    since: Option<String>,
    /// Only media that were not published after.
    #[param(value_type = Timestamp, required = false, example = "2026-12-21T10:00:00Z")]
    until: Option<String>,
    /// How many at once. A page may hold fewer where `kind` matches few, and go on all the same.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// The page of a list without filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// How many at once.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    pub(crate) limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    pub(crate) cursor: Option<String>,
}

/// Where media come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// Instagram.
    Live,
    /// The last sync.
    Stored,
}

/// A page of media, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MediaList {
    /// Newest first.
    media: Vec<MediaView>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// A page as it is cached: Meta's own place in the list goes no further.
#[derive(Serialize, Deserialize)]
struct LivePage {
    media: Vec<MediaView>,
    after: Option<String>,
}

/// What is asked for, understood.
#[derive(Debug)]
struct Asked {
    source: Source,
    kind: Option<MediaKind>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Lists the media of an account, newest first: without stories, and at most the 10,000 newest that Instagram lists.
///
/// Live, an answer of Instagram's is kept for a short while and given to everybody who asks for the same: the header `age`
/// says for how many seconds it is that, and `x-cache` whether it was there already.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media", responses(
    (status = 200, description = "A page of media.", body = MediaList, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    PageRefusals, FilterRefusals, ListRefusals,
))]
pub(crate) async fn list_media(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<MediaListQuery>,
) -> Result<Aged<MediaList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let asked = Asked {
        source: source(query.source.as_deref())?,
        kind: query.kind.as_deref().map(kind).transpose()?,
        since: query.since.as_deref().map(paging::time).transpose()?,
        until: query.until.as_deref().map(paging::time).transpose()?,
    };
    let route = format!("/instagram/accounts/{}/media", account.id);
    let filter = format!("{asked:?}");
    let list = List {
        company: &account.company,
        route: &route,
        filter: &filter,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    if asked.source == Source::Stored {
        return stored(&app, &account, &list, &asked, limit, after).await;
    }
    let wanted = MediaQuery {
        limit,
        after: after.as_deref(),
        since: asked.since,
        until: asked.until,
        ..MediaQuery::default()
    };
    live(&app, &account, MediaEdge::Media, &list, &wanted, asked.kind).await
}

/// Lists the stories that live now. Each vanishes a day after it was published.
#[utoipa::path(get, path = "/instagram/accounts/{id}/stories", responses(
    (status = 200, description = "The stories of the last 24 hours.", body = MediaList, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    PageRefusals, ListRefusals,
))]
pub(crate) async fn list_stories(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<PageQuery>,
) -> Result<Aged<MediaList>, Problem> {
    list_edge(&app, &account, MediaEdge::Stories, "stories", query).await
}

/// Lists what others published with the account tagged in it.
#[utoipa::path(get, path = "/instagram/accounts/{id}/tags", responses(
    (status = 200, description = "A page of others' media.", body = MediaList, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    PageRefusals, ListRefusals,
))]
pub(crate) async fn list_tagged_media(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<PageQuery>,
) -> Result<Aged<MediaList>, Problem> {
    list_edge(&app, &account, MediaEdge::Tags, "tags", query).await
}

async fn list_edge(
    app: &Arc<App>,
    account: &Account,
    edge: MediaEdge,
    name: &str,
    query: PageQuery,
) -> Result<Aged<MediaList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let route = format!("/instagram/accounts/{}/{name}", account.id);
    let list = List {
        company: &account.company,
        route: &route,
        filter: "",
    };
    let after = paging::position(app, &list, query.cursor.as_deref()).await?;
    let wanted = MediaQuery {
        limit,
        after: after.as_deref(),
        ..MediaQuery::default()
    };
    live(app, account, edge, &list, &wanted, None).await
}

async fn live(
    app: &Arc<App>,
    account: &Account,
    edge: MediaEdge,
    list: &List<'_>,
    wanted: &MediaQuery<'_>,
    kind: Option<MediaKind>,
) -> Result<Aged<MediaList>, Problem> {
    let name = format!("{edge:?} {} {wanted:?}", account.connection_generation);
    let cached = cache::through(app, &account.id, &name, async {
        let reading = Reading::of(app, account, BY_READER).await?;
        let graph = reading.graph();
        let answer = graph
            .media(&reading.token, reading.instagram_id(), edge, wanted)
            .await;
        let page = reading.take(answer).await?;
        Ok(LivePage {
            media: page.media.into_iter().map(MediaView::from).collect(),
            after: page.after,
        })
    })
    .await?;
    let after = cached.value.after.clone();
    let next_cursor = paging::next_cursor(app, list, after).await?;
    Ok(Aged::of(cached, app.clock.now(), |page| MediaList {
        media: page
            .media
            .into_iter()
            .filter(|media| kind.is_none_or(|kind| media.kind == kind))
            .collect(),
        next_cursor,
    }))
}

async fn stored(
    app: &Arc<App>,
    account: &Account,
    list: &List<'_>,
    asked: &Asked,
    limit: usize,
    after: Option<String>,
) -> Result<Aged<MediaList>, Problem> {
    let keeps = |media: &StoredMedia| match asked.kind {
        Some(kind) => media.kind == kind,
        None => media.kind != MediaKind::Story,
    };
    let page = app
        .table
        .stored_media(&account.id, (asked.since, asked.until), limit, after, keeps)
        .await?;
    let followers = account.follower_count;
    let media = page.media.into_iter();
    Ok(Aged::stored(MediaList {
        media: media
            .map(|media| MediaView::stored(media, followers))
            .collect(),
        next_cursor: paging::next_cursor(app, list, page.next).await?,
    }))
}

shared::refusals!(
    /// What the filters of the list are refused for.
    pub(crate) FilterRefusals: [invalid_source(), invalid_kind(), paging::invalid_time()]
);
shared::refusals!(
    /// Why Instagram's list cannot be read.
    pub(crate) ListRefusals: reading::refusals(&[Endpoint::ListMedia])
);

fn source(word: Option<&str>) -> Result<Source, Problem> {
    match word {
        None | Some("live") => Ok(Source::Live),
        Some("stored") => Ok(Source::Stored),
        Some(_) => Err(invalid_source()),
    }
}

fn kind(word: &str) -> Result<MediaKind, Problem> {
    MediaKind::parse(word).ok_or_else(invalid_kind)
}

fn invalid_source() -> Problem {
    Problem::bad_request("invalid_source", "`source` must be `live` or `stored`.")
}

fn invalid_kind() -> Problem {
    let words: Vec<String> = MediaKind::ALL
        .iter()
        .map(|kind| format!("`{}`", kind.as_str()))
        .collect();
    Problem::bad_request(
        "invalid_media_kind",
        format!("`kind` must be one of {}.", words.join(", ")),
    )
}
