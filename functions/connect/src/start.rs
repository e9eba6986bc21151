//! The use case: check what is asked for, store the login, make the address.

use shared::app::App;
use shared::config::BASIC_SCOPE;
use shared::graph::LoginKind;
use shared::http::{Caller, Problem};
use shared::table::login_states::{Display, LIFETIME, LoginState};
use url::Url;

use crate::return_to;

/// What a caller asks for.
pub(crate) struct Request {
    pub(crate) caller: Caller,
    pub(crate) login: LoginKind,
    pub(crate) scopes: Option<String>,
    pub(crate) return_to: Option<String>,
    pub(crate) display: Display,
    pub(crate) browser: Option<String>,
}

/// A login that was begun.
pub(crate) struct Started {
    pub(crate) url: Url,
    pub(crate) state: String,
    pub(crate) login: LoginState,
    pub(crate) client_id: String,
}

/// Begins a login.
pub(crate) async fn start(app: &App, request: Request) -> Result<Started, Problem> {
    if request.login != LoginKind::Instagram {
        return Err(unsupported_login());
    }
    let login = LoginState {
        company: request.caller.company,
        user: request.caller.user,
        login: request.login,
        return_to: return_to::checked(&app.config.instagram, request.return_to.as_deref())?,
        display: request.display,
        scopes: match &request.scopes {
            Some(text) => scopes(&app.config.instagram.scopes, text)?,
            None => app.config.instagram.scopes.clone(),
        },
        browser: request.browser,
        expires_at: app.clock.now() + LIFETIME,
    };
    let opened = shared::login::open(app, &login).await?;
    Ok(Started {
        url: opened.url,
        state: opened.state,
        client_id: opened.client_id,
        login,
    })
}

/// A part of the configured scopes, in their order. The basic one is always among them.
fn scopes(configured: &[String], text: &str) -> Result<Vec<String>, Problem> {
    let asked: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_known = asked
        .iter()
        .all(|scope| configured.iter().any(|known| known == scope));
    if is_known && asked.contains(&BASIC_SCOPE) {
        let is_asked = |scope: &&String| asked.contains(&scope.as_str());
        return Ok(configured.iter().filter(is_asked).cloned().collect());
    }
    Err(invalid_scopes(configured))
}

pub(crate) fn unsupported_login() -> Problem {
    Problem::bad_request(
        "unsupported_login",
        "Only the login `instagram` is built; the login `facebook` comes later.",
    )
}

pub(crate) fn invalid_scopes(configured: &[String]) -> Problem {
    Problem::bad_request(
        "invalid_scopes",
        format!(
            "`scopes` takes a list, separated by commas, of {}; `{BASIC_SCOPE}` must be among them.",
            configured.join(", ")
        ),
    )
}
