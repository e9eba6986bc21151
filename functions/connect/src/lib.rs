//! Starts a login: `GET /instagram/connect`.
//!
//! The answer holds the address of Instagram's consent window. What the login was begun for is stored under a state of
//! 256 random bits, which Meta hands back to the callback.

mod return_to;
mod start;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::browser;
use shared::graph::LoginKind;
use shared::http::{Editor, Problem, QueryString};
use shared::table::login_states::Display;

use start::{Request, Started};

/// The function's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/instagram/connect", get(start_login))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    login: LoginKind,
    scopes: Option<String>,
    return_to: Option<String>,
    #[serde(default)]
    display: Display,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    url: String,
    state: String,
    scopes: Vec<String>,
    client_id: String,
    redirect_uri: String,
    expires_at: Timestamp,
}

/// `GET /instagram/connect?login=&scopes=&returnTo=&display=` → where to send the person.
async fn start_login(
    State(app): State<Arc<App>>,
    Editor(caller): Editor,
    QueryString(parameters): QueryString<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let binding = browser::Binding::of_request(&app.config.instagram, &headers)
        .map_err(|_| Problem::unavailable())?;
    let request = Request {
        caller,
        login: parameters.login,
        scopes: parameters.scopes,
        return_to: parameters.return_to,
        display: parameters.display,
        browser: binding.as_ref().map(browser::Binding::hash),
    };
    let Started {
        url,
        state,
        login,
        client_id,
    } = start::start(&app, request).await?;
    let answer = Answer {
        url: url.into(),
        state,
        scopes: login.scopes,
        client_id,
        redirect_uri: app.config.instagram.redirect_uri.clone(),
        expires_at: login.expires_at,
    };
    let mut response = Json(answer).into_response();
    if let Some(cookie) = binding.and_then(|binding| binding.set_cookie()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
