//! The use case: check what is asked for, store the login, make the address.

use shared::app::App;
use shared::graph::LoginKind;
use shared::http::{Caller, Problem};
use shared::table::login_states::{Display, LIFETIME, LoginState};
use url::Url;

use crate::return_to;

/// Scopes of the Instagram login (Meta: "Business Login for Instagram"); each other one would be refused by Meta.
const KNOWN_SCOPES: &[&str] = &[
    "instagram_business_basic",
    "instagram_business_content_publish",
    "instagram_business_manage_comments",
    "instagram_business_manage_messages",
    "instagram_business_manage_insights",
];

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
        return Err(Problem::bad_request(
            "unsupported_login",
            "Only the login `instagram` is built; the login `facebook` comes later.",
        ));
    }
    let login = LoginState {
        company: request.caller.company,
        user: request.caller.user,
        login: request.login,
        return_to: return_to::checked(&app.config.instagram, request.return_to.as_deref())?,
        display: request.display,
        scopes: match &request.scopes {
            Some(text) => scopes(text)?,
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

fn scopes(text: &str) -> Result<Vec<String>, Problem> {
    let mut scopes: Vec<String> = text
        .split(',')
        .map(|scope| scope.trim().to_owned())
        .collect();
    scopes.dedup();
    let known = scopes
        .iter()
        .all(|scope| KNOWN_SCOPES.contains(&scope.as_str()));
    if known && scopes.iter().any(|scope| scope == KNOWN_SCOPES[0]) {
        return Ok(scopes);
    }
    Err(Problem::bad_request(
        "invalid_scopes",
        format!(
            "`scopes` takes a list, separated by commas, of {}; `{}` must be among them.",
            KNOWN_SCOPES.join(", "),
            KNOWN_SCOPES[0]
        ),
    ))
}
