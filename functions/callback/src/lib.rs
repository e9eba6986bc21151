//! Finishes a login: `GET /instagram/callback` for Meta's redirect, `POST /instagram/callback` for front ends that own
//! the redirect.
//!
//! Both spend the state first, then check whom it belongs to, then ask Instagram. GET ends on a small page that tells
//! its opener and closes itself, or with a redirect to `returnTo`; POST answers with a summary.

mod arrival;
mod connect;
mod page;
mod refusal;
mod store;

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use shared::account::AccountView;
use shared::app::App;
use shared::http::{Editor, JsonBody, Problem};
use utoipa::ToSchema;

use arrival::Arrival;
use connect::{Connected, Proof};

shared::routes! {
    self::{finish_login, exchange_code},
}

/// Takes Meta's redirect, and ends on a page or with a redirect to `returnTo`.
///
/// Never a problem document: the page names a refusal's code in `data-code`, the redirect in `code`. A page closes its
/// popup after it has told its opener. A person who declined at Instagram gets an ordinary page with `access_denied`.
#[utoipa::path(get, path = "/instagram/callback", params(
    ("code" = Option<String>, Query, description = "Instagram's code, where the person agreed."),
    ("state" = String, Query, description = "The login's state."),
    ("error" = Option<String>, Query, description = "Instagram's error, where the person declined.",
        example = "access_denied"),
), responses(
    (status = 200, description = "A page: the account is connected, or the person declined.", content_type = "text/html",
        body = String, example = json!("<!doctype html>…")),
    (status = 303, description = "Back to `returnTo`, with `instagram=connected&accountId=…` or \
        `instagram=failed&code=…`.", headers(("Location" = String))),
    refusal::LoginPages,
))]
pub(crate) async fn finish_login(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let arrival = Arrival::of_query(query.as_deref().unwrap_or_default());
    let finished = connect::finish(&app, arrival, Proof::Browser(&headers)).await;
    page::answer(&app, &headers, finished).await
}

/// What Instagram's redirect brought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BroughtBack {
    /// Instagram's code.
    #[schema(example = "AQBx…")]
    code: String,
    /// The login's state.
    #[schema(example = "qfuj8lGFrscBi0G4J6u-ow_IC4rDWj3QTtqeqtfKaGo")]
    state: String,
}

/// A login that connected an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishedLogin {
    /// `connected`, or `reconnected` for an account that was here before.
    #[schema(example = "connected")]
    outcome: &'static str,
    /// The account.
    account: AccountView,
}

/// Finishes a login for a front end that owns Instagram's redirect, or for a server.
#[utoipa::path(post, path = "/instagram/callback", responses(
    (status = 201, description = "A new account is connected.", body = FinishedLogin),
    (status = 200, description = "An account is connected again.", body = FinishedLogin),
    refusal::LoginRefusals,
))]
pub(crate) async fn exchange_code(
    State(app): State<Arc<App>>,
    Editor(caller): Editor,
    JsonBody(body): JsonBody<BroughtBack>,
) -> Result<Response, Problem> {
    let arrival = Arrival::of_body(body.code, body.state);
    let Connected { account, is_new } = connect::finish(&app, arrival, Proof::Caller(&caller))
        .await
        .result?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let outcome = if is_new { "connected" } else { "reconnected" };
    let account = AccountView::new(account, app.clock.now());
    Ok((status, Json(FinishedLogin { outcome, account })).into_response())
}
