//! The use case: from what Meta's redirect brings to a connected account.
//!
//! State → code → short-lived token → long-lived token → profile → vault, account and claims in one transaction →
//! schedules and webhook subscription. Before the transaction nothing is visible; after it everything can be repeated,
//! and the first sync, which was queued before it, does so.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use shared::account::Account;
use shared::app::App;
use shared::browser;
use shared::config::BASIC_SCOPE;
use shared::graph::{AppCredentials, LongLivedToken, Profile};
use shared::http::{Caller, Problem};
use shared::table::login_states::{LoginState, Spent};

use crate::arrival::{Arrival, Decision};
use crate::{refusal, store};

/// How long Instagram may take for code, token and profile together: API Gateway waits 30 seconds for all of it.
const ASK_WITHIN: Duration = Duration::from_secs(18);
/// How long schedules and subscription may take here, before they are left to the first sync.
const COMPLETE_WITHIN: Duration = Duration::from_secs(5);

/// How whoever brings a state shows that it is theirs.
pub(crate) enum Proof<'a> {
    /// The browser that began the login has its cookie.
    Browser(&'a HeaderMap),
    /// The caller that began the login has its JWT.
    Caller(&'a Caller),
}

/// A connected account.
pub(crate) struct Connected {
    pub(crate) account: Account,
    pub(crate) is_new: bool,
}

/// How a login ended, and what it was begun for where that may be told.
pub(crate) struct Finished {
    pub(crate) login: Option<LoginState>,
    pub(crate) result: Result<Connected, Problem>,
}

/// What Instagram says of the person's account.
pub(crate) struct Granted {
    pub(crate) token: LongLivedToken,
    pub(crate) issued_at: Timestamp,
    pub(crate) profile: Profile,
    pub(crate) scopes: Vec<String>,
    pub(crate) missing_scopes: Vec<String>,
}

/// Finishes a login.
pub(crate) async fn finish(app: &Arc<App>, arrival: Arrival, proof: Proof<'_>) -> Finished {
    let (login, checked) = match spend_state(app, &arrival.state, proof).await {
        Ok(spent) => spent,
        Err(problem) => {
            return Finished {
                login: None,
                result: Err(problem),
            };
        }
    };
    let result = match checked {
        Ok(()) => connect(app, &login, arrival.decision).await,
        Err(problem) => Err(problem),
    };
    Finished {
        login: Some(login),
        result,
    }
}

/// Spends the state before it is compared with anything, so that a wrong guess uses it up as well. Whoever brings it
/// without being its owner learns nothing of the login.
async fn spend_state(
    app: &Arc<App>,
    state: &str,
    proof: Proof<'_>,
) -> Result<(LoginState, Result<(), Problem>), Problem> {
    let now = app.clock.now();
    let login = match app.table.spend_login_state(state, now).await? {
        Spent::Now(login) => login,
        Spent::Before => return Err(refusal::already_used()),
        Spent::Unknown => return Err(refusal::invalid_state()),
    };
    let stranger = match proof {
        Proof::Caller(caller) if caller.company != login.company || caller.user != login.user => {
            Some(refusal::another_caller())
        }
        Proof::Browser(headers) if !is_same_browser(app, headers, &login) => {
            Some(refusal::another_browser())
        }
        _ => None,
    };
    if let Some(problem) = stranger {
        tracing::warn!(
            event = "login_state_misused",
            code = problem.code,
            "a login was brought back by somebody else"
        );
        return Err(problem);
    }
    let in_time = login.expires_at >= now;
    Ok((
        login,
        if in_time {
            Ok(())
        } else {
            Err(refusal::expired())
        },
    ))
}

fn is_same_browser(app: &App, headers: &HeaderMap, login: &LoginState) -> bool {
    let config = &app.config.instagram;
    match &login.browser {
        Some(hash) => browser::is_same(config, headers, hash),
        None => config.allows_logins_begun_by_servers,
    }
}

async fn connect(
    app: &Arc<App>,
    login: &LoginState,
    decision: Decision,
) -> Result<Connected, Problem> {
    let code = match decision {
        Decision::Code(code) => code,
        Decision::Denied => return Err(refusal::denied()),
        Decision::OtherError => return Err(refusal::other_error()),
        Decision::Nothing => return Err(refusal::no_code()),
    };
    let granted = tokio::time::timeout(ASK_WITHIN, ask_instagram(app, login, &code))
        .await
        .unwrap_or_else(|_| Err(refusal::too_slow()))?;
    let connected = store::store(app, login, &granted).await?;
    let completed = shared::connection::complete(app, &connected.account);
    let cause = match tokio::time::timeout(COMPLETE_WITHIN, completed).await {
        Ok(Ok(())) => return Ok(connected),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no time left".to_owned(),
    };
    tracing::warn!(
        event = "connection_not_completed",
        account = connected.account.id,
        cause,
        "the first sync completes it"
    );
    Ok(connected)
}

/// Turns the code into a long-lived token and asks whose it is. Nothing is kept when this ends in a refusal.
async fn ask_instagram(app: &Arc<App>, login: &LoginState, code: &str) -> Result<Granted, Problem> {
    let mode = app.config.instagram.mode;
    let secrets = app.app_secrets().await?;
    let client_secret = secrets
        .instagram_app_secrets
        .first()
        .cloned()
        .ok_or_else(Problem::unavailable)?;
    let credentials = AppCredentials {
        client_id: secrets.instagram_app_id.clone(),
        client_secret,
    };
    let graph = app.graph.for_login(login.login);

    let short = graph
        .exchange_code(&credentials, &app.config.instagram.redirect_uri, code)
        .await
        .map_err(|error| refusal::by_instagram(error, mode))?
        .value;
    let is_granted = |permissions: &Option<Vec<String>>, scope: &str| {
        permissions
            .as_ref()
            .is_none_or(|permissions| permissions.iter().any(|granted| granted == scope))
    };
    if !is_granted(&short.permissions, BASIC_SCOPE) {
        return Err(refusal::missing_scope());
    }
    let issued_at = app.clock.now();
    let long = graph
        .exchange_for_long_lived(&credentials.client_secret, &short.token)
        .await
        .map_err(|error| refusal::by_instagram(error, mode))?
        .value;
    let profile = graph
        .me(&long.token)
        .await
        .map_err(|error| refusal::by_instagram(error, mode))?
        .value;
    if profile
        .account_type
        .as_ref()
        .is_some_and(|kind| !kind.is_professional())
    {
        return Err(refusal::not_professional());
    }
    let permissions = long.permissions.clone().or(short.permissions);
    let (scopes, missing_scopes) = login
        .scopes
        .iter()
        .cloned()
        .partition(|scope| is_granted(&permissions, scope));
    Ok(Granted {
        token: long,
        issued_at,
        profile,
        scopes,
        missing_scopes,
    })
}
