//! Opening a login: a stored state and the address of the consent window. The connect function begins one, and the
//! callback's page offers another one after a refusal.

use url::Url;

use crate::app::App;
use crate::digest;
use crate::http::Problem;
use crate::table::login_states::LoginState;

/// A login that a person can be sent to.
pub struct Opened {
    /// The consent window's address.
    pub url: Url,
    /// The state's text.
    pub state: String,
    /// The Instagram app's id.
    pub client_id: String,
}

/// Stores the login under a new state and makes the address.
///
/// # Errors
/// When AWS does not answer, or the login is not built.
pub async fn open(app: &App, login: &LoginState) -> Result<Opened, Problem> {
    let secrets = app.app_secrets().await?;
    let state = digest::random_text().map_err(|_| Problem::unavailable())?;
    let url = app.graph.authorize_url(
        login.login,
        &secrets.instagram_app_id,
        &app.config.instagram.redirect_uri,
        &login.scopes,
        &state,
    )?;
    app.table.put_login_state(&state, login).await?;
    Ok(Opened {
        url,
        state,
        client_id: secrets.instagram_app_id.clone(),
    })
}
