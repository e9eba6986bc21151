//! One media, the items of an album, and what may be changed of it.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::account::Account;
use shared::app::App;
use shared::cache::{self, Aged, Cached};
use shared::graph::Endpoint;
use shared::http::{EditableAccount, JsonBody, MediaId, OwnAccount, Problem, given};
use shared::reading::{self, Reading};
use utoipa::ToSchema;

use crate::list::BY_READER;
use crate::view::{ItemView, MediaView};

/// What may be changed of a media.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct MediaChange {
    /// Whether people may comment.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = false)]
    comments_enabled: Option<bool>,
    /// Instagram lets no app change a caption: answers 422 `not_supported_by_platform`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, example = "Fresh out of the oven.")]
    caption: Option<String>,
}

/// The items of an album.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemList {
    /// In the album's order; empty for what is no album.
    children: Vec<ItemView>,
}

/// Shows a media as Instagram has it, through the cache.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media/{mediaId}", responses(
    (status = 200, description = "The media.", body = MediaView, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    MediaRefusals,
))]
pub(crate) async fn get_media(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    MediaId(id): MediaId,
) -> Result<Aged<MediaView>, Problem> {
    let cached = read(&app, &account, &id).await?;
    Ok(Aged::of(cached, app.clock.now(), |media| media))
}

/// Turns the comments of a media on or off.
#[utoipa::path(patch, path = "/instagram/accounts/{id}/media/{mediaId}", responses(
    (status = 200, description = "The media as it is now.", body = MediaView),
    MediaRefusals, ChangeRefusals,
))]
pub(crate) async fn update_media(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    MediaId(id): MediaId,
    JsonBody(change): JsonBody<MediaChange>,
) -> Result<Aged<MediaView>, Problem> {
    if change.caption.is_some() {
        return Err(Problem::not_supported_by_platform());
    }
    let enabled = change
        .comments_enabled
        .ok_or_else(Problem::nothing_to_change)?;
    let reading = Reading::of(&app, &account, &caller.user).await?;
    let graph = reading.graph();
    let answer = graph.enable_comments(&reading.token, &id, enabled).await;
    reading.take_of_media(&id, answer).await?;
    cache::forget(&app, &account.id, &name_of(&account, &id)).await?;
    let cached = read(&app, &account, &id).await?;
    Ok(Aged::of(cached, app.clock.now(), |media| media))
}

/// Instagram lets no app of this login delete a media: answers 422 with the reason.
#[utoipa::path(delete, path = "/instagram/accounts/{id}/media/{mediaId}", responses(
    (status = 204, description = "It is gone. Never answered with the Instagram login."),
    DeleteRefusals,
))]
pub(crate) async fn delete_media(
    EditableAccount { .. }: EditableAccount,
    MediaId(_): MediaId,
) -> Result<StatusCode, Problem> {
    Err(Problem::not_supported_by_platform())
}

/// Lists the items of an album.
#[utoipa::path(get, path = "/instagram/accounts/{id}/media/{mediaId}/children", responses(
    (status = 200, description = "The items.", body = ItemList, headers(
        ("age" = u64, description = "Seconds since Instagram gave it; absent for what is stored."),
        ("x-cache" = String, description = "`hit` or `miss`; absent for what is stored."),
    )),
    MediaRefusals,
))]
pub(crate) async fn list_children(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    MediaId(id): MediaId,
) -> Result<Aged<ItemList>, Problem> {
    let name = format!("children {} {id}", account.connection_generation);
    let cached = cache::through(&app, &account.id, &name, async {
        let reading = Reading::of(&app, &account, BY_READER).await?;
        let graph = reading.graph();
        let answer = graph.children(&reading.token, &id).await;
        let children = reading.take_of_media(&id, answer).await?;
        Ok(children.into_iter().map(ItemView::from).collect::<Vec<_>>())
    })
    .await?;
    Ok(Aged::of(cached, app.clock.now(), |children| ItemList {
        children,
    }))
}

async fn read(app: &Arc<App>, account: &Account, id: &str) -> Result<Cached<MediaView>, Problem> {
    cache::through(app, &account.id, &name_of(account, id), async {
        let reading = Reading::of(app, account, BY_READER).await?;
        let graph = reading.graph();
        let answer = graph.one_media(&reading.token, id).await;
        let media = reading.take_of_media(id, answer).await?;
        Ok(MediaView::from(media))
    })
    .await
}

fn name_of(account: &Account, id: &str) -> String {
    format!("media {} {id}", account.connection_generation)
}

shared::refusals!(
    /// Why Instagram does not tell of a media.
    pub(crate) MediaRefusals: reading::refusals(&[Endpoint::ReadMedia])
);
shared::refusals!(
    /// Why a media is not changed.
    pub(crate) ChangeRefusals: reading::refusals(&[Endpoint::UpdateMedia])
        .into_iter()
        .chain([Problem::not_supported_by_platform(), Problem::nothing_to_change()])
);
shared::refusals!(
    /// Why a media is not deleted.
    pub(crate) DeleteRefusals: [Problem::not_supported_by_platform()]
);
