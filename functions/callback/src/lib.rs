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

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use shared::account::AccountView;
use shared::app::App;
use shared::http::{Editor, JsonBody, Problem};

use arrival::Arrival;
use connect::{Connected, Proof};

/// The function's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/instagram/callback", get(finish_login).post(exchange_code))
}

/// `GET /instagram/callback`: Meta's redirect. Never an error document: always a page or a redirect.
async fn finish_login(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let arrival = Arrival::of_query(query.as_deref().unwrap_or_default());
    let finished = connect::finish(&app, arrival, Proof::Browser(&headers)).await;
    page::answer(&app, &headers, finished).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    code: String,
    state: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    outcome: &'static str,
    account: AccountView,
}

/// `POST /instagram/callback` `{code, state}` → `{outcome: "connected" | "reconnected", account}`.
async fn exchange_code(
    State(app): State<Arc<App>>,
    Editor(caller): Editor,
    JsonBody(body): JsonBody<Body>,
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
    Ok((status, Json(Summary { outcome, account })).into_response())
}
