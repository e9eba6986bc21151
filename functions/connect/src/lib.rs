//! Starts a login: `GET /instagram/connect`.
//!
//! The answer holds the address of Instagram's consent window. What the login was begun for is stored under a state of
//! 256 random bits, which Meta hands back to the callback.

mod return_to;
mod start;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::browser;
use shared::config::BASIC_SCOPE;
use shared::graph::LoginKind;
use shared::http::{Editor, Problem, QueryString};
use shared::table::login_states::Display;
use utoipa::{IntoParams, ToSchema};

use start::{Request, Started};

shared::routes! {
    self::{start_login},
}

/// What a login is begun with.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Which of Meta's logins.
    #[serde(default)]
    #[param(required = false, schema_with = built_logins, example = "instagram")]
    login: LoginKind,
    /// A part of the configured scopes, separated by commas; all of them where it is absent.
    #[param(value_type = String, required = false, example = "instagram_business_basic")]
    scopes: Option<String>,
    /// Where the person ends: one of the addresses that the configuration allows; the first where it is absent.
    #[param(value_type = String, required = false)]
    return_to: Option<String>,
    /// How the login ends: on a page that closes its popup, or with a redirect to `returnTo`.
    #[serde(default)]
    #[param(required = false, inline, example = "popup")]
    display: Display,
}

shared::refusals!(
    /// Why no login is begun.
    pub(crate) LoginRefusals: [
        start::unsupported_login(),
        start::invalid_scopes(&[BASIC_SCOPE.into()]),
        return_to::invalid(),
    ]
);

/// The login `facebook` is not built yet, and answers 400.
fn built_logins() -> utoipa::openapi::Object {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .enum_values(Some([LoginKind::Instagram.name()]))
        .build()
}

/// A login that was begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BegunLogin {
    /// The consent window's address.
    #[schema(
        example = "https://instagram.example.com/oauth/authorize?client_id=100200300400500&state=…"
    )]
    url: String,
    /// What Instagram hands back to the callback.
    #[schema(example = "qfuj8lGFrscBi0G4J6u-ow_IC4rDWj3QTtqeqtfKaGo")]
    state: String,
    /// The scopes that are asked for.
    #[schema(example = json!(["instagram_business_basic"]))]
    scopes: Vec<String>,
    /// The Instagram app's id.
    #[schema(example = "100200300400500")]
    client_id: String,
    /// Where Instagram sends the person back to.
    #[schema(example = "https://api.example.com/instagram/callback")]
    redirect_uri: String,
    /// Until when the login can be finished.
    expires_at: Timestamp,
}

/// Begins a login: answers with the address to send the person to.
///
/// A browser gets a cookie that binds the login to it, and must send its credentials. A login that a server begins is
/// finished by `POST /instagram/callback`.
#[utoipa::path(get, path = "/instagram/connect", responses(
    (status = 200, description = "The login that was begun.", body = BegunLogin),
    LoginRefusals,
))]
pub(crate) async fn start_login(
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
    let answer = BegunLogin {
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
