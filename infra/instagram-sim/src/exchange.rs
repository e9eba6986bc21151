//! Codes into tokens, short tokens into long ones, long ones into longer ones.
//!
//! <https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login>

use serde_json::{Value, json};

use crate::answer::{Answer, GraphError, IG_API_EXCEPTION, OAUTH_EXCEPTION, token_host_error};
use crate::authorize::BASIC_SCOPE;
use crate::person::Revocation;
use crate::router::Endpoint;
use crate::settings::{CodeAnswer, CodeAnswerId, TokenRotation};
use crate::tokens::{Token, TokenKind};
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "POST /oauth/access_token",
        method: "POST",
        path: "/oauth/access_token",
        handler: exchange_code,
    },
    Endpoint {
        name: "GET /access_token",
        method: "GET",
        path: "/access_token",
        handler: exchange_short_lived,
    },
    Endpoint {
        name: "GET /refresh_access_token",
        method: "GET",
        path: "/refresh_access_token",
        handler: refresh,
    },
];

fn exchange_code(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    Ok(short_lived_token(visit).unwrap_or_else(|message| token_host_error(&message)))
}

fn short_lived_token(visit: &mut Visit<'_>) -> Result<Answer, String> {
    let required = |name: &str| {
        let value = visit.incoming.form(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("Missing required field {name}"))
    };
    let app = visit
        .state
        .app(required("client_id")?)
        .ok_or("Invalid platform app")?;
    if required("client_secret")? != app.client_secret {
        return Err("Error validating client secret.".to_owned());
    }
    if required("grant_type")? != "authorization_code" {
        return Err("Invalid grant_type".to_owned());
    }
    let client_id = app.client_id.clone();
    let redirect_uri = required("redirect_uri")?;
    let code = visit.state.durable.codes.get_mut(required("code")?);
    let Some(code) = code
        .filter(|code| !code.used && code.client_id == client_id)
        .filter(|code| visit.now_ms < code.expires_at_ms)
    else {
        return Err("Matching code was not found or was already used".to_owned());
    };
    if code.redirect_uri != redirect_uri {
        return Err(
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you \
             used in the OAuth dialog request"
                .to_owned(),
        );
    }
    code.used = true;
    let code = code.clone();
    let Some(person) = visit.state.durable.people.by_id(&code.ig_user_id).cloned() else {
        return Err("Matching code was not found or was already used".to_owned());
    };
    let holder = holder(visit, &code.ig_user_id);
    let token = visit.state.issue_token(
        TokenKind::ShortLived,
        &client_id,
        &holder,
        &code.scopes,
        visit.now_ms,
    );
    let settings = &visit.state.durable.settings;
    let user_id = match settings.code_answer_id {
        CodeAnswerId::Professional => person.ig_user_id,
        CodeAnswerId::AppScoped => person.app_scoped_id,
    };
    let bare_user_id = || user_id.parse::<u64>().map_or(Value::Null, Value::from);
    let with_commas = code.scopes.join(",");
    let answer = match settings.code_answer {
        CodeAnswer::Flat => {
            json!({ "access_token": token.text, "user_id": bare_user_id(), "permissions": code.scopes })
        }
        CodeAnswer::Wrapped => json!({ "data": [
            { "access_token": token.text, "user_id": user_id, "permissions": with_commas }
        ] }),
        CodeAnswer::CommaString => {
            json!({ "access_token": token.text, "user_id": bare_user_id(), "permissions": with_commas })
        }
        CodeAnswer::WithoutPermissions => {
            json!({ "access_token": token.text, "user_id": bare_user_id() })
        }
    };
    Ok(Answer::json(200, &answer))
}

fn exchange_short_lived(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    check_grant_type(visit, "ig_exchange_token")?;
    let token = visit.caller(None)?.token;
    let secret = visit
        .state
        .app(&token.client_id)
        .map(|app| app.client_secret.as_str());
    if visit.incoming.query("client_secret") != secret {
        // Code 1 for a wrong secret, as graph.facebook.com has it.
        let message = "Error validating client secret.";
        return Err(GraphError::new(1, OAUTH_EXCEPTION, message));
    }
    if token.kind != TokenKind::ShortLived {
        let message = "Session key invalid: the access token is not a short-lived one";
        return Err(GraphError::new(452, IG_API_EXCEPTION, message));
    }
    let holder = holder(visit, &token.ig_user_id);
    let long_lived = visit.state.issue_token(
        TokenKind::LongLived,
        &token.client_id,
        &holder,
        &token.scopes,
        visit.now_ms,
    );
    Ok(Answer::json(200, &token_answer(visit, &long_lived)))
}

fn refresh(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    check_grant_type(visit, "ig_refresh_token")?;
    let mut token = visit.caller(Some(BASIC_SCOPE))?.token;
    if token.kind != TokenKind::LongLived {
        let message = "The access token is not a long-lived one";
        return Err(GraphError::new(100, IG_API_EXCEPTION, message));
    }
    let settings = &visit.state.durable.settings;
    if visit.now_ms - token.issued_at_ms < settings.minimum_refresh_age_seconds * 1_000 {
        let message = "The access token must be at least 24 hours old to be refreshed";
        return Err(GraphError::new(100, IG_API_EXCEPTION, message));
    }
    let with_permissions = settings.permissions_in_refresh;
    let lifetime_ms = settings.long_lived_seconds * 1_000;
    let rotation = visit.effects.rotation.unwrap_or(settings.token_rotation);
    let holder = holder(visit, &token.ig_user_id);
    if rotation == TokenRotation::Same && holder == token.ig_user_id {
        token.issued_at_ms = visit.now_ms;
        token.expires_at_ms = visit.now_ms.saturating_add(lifetime_ms);
        if let Some(stored) = visit.state.durable.tokens.get_mut(&token.text) {
            stored.clone_from(&token);
        }
        visit.state.unsaved = true;
    } else {
        if rotation == TokenRotation::NewRevokesOld
            && let Some(stored) = visit.state.durable.tokens.get_mut(&token.text)
        {
            stored.revoked = Some(Revocation::LoggedOut);
        }
        let (client_id, scopes) = (token.client_id, token.scopes);
        token = visit.state.issue_token(
            TokenKind::LongLived,
            &client_id,
            &holder,
            &scopes,
            visit.now_ms,
        );
    }
    let mut answer = token_answer(visit, &token);
    if with_permissions {
        answer["permissions"] = token.scopes.join(",").into();
    }
    Ok(Answer::json(200, &answer))
}

fn check_grant_type(visit: &Visit<'_>, wanted: &str) -> Result<(), GraphError> {
    match visit.incoming.query("grant_type") {
        Some(given) if given == wanted => Ok(()),
        _ => Err(GraphError::new(
            100,
            IG_API_EXCEPTION,
            format!("Invalid parameter: grant_type must be {wanted}"),
        )),
    }
}

/// Whose token is handed out: that of the one who asked, unless a fault wants somebody else's.
fn holder(visit: &Visit<'_>, asked_by: &str) -> String {
    let mut ids = visit
        .state
        .durable
        .people
        .iter()
        .map(|person| &person.ig_user_id);
    let other = match visit.effects.wrong_user {
        true => ids.find(|id| *id != asked_by),
        false => None,
    };
    other.map_or_else(|| asked_by.to_owned(), Clone::clone)
}

fn token_answer(visit: &Visit<'_>, token: &Token) -> Value {
    let seconds = (token.expires_at_ms - visit.now_ms) / 1_000;
    let mut answer = json!({ "access_token": token.text, "token_type": "bearer" });
    match &visit.effects.expires_in {
        None => answer["expires_in"] = seconds.into(),
        Some(Some(said)) => answer["expires_in"] = said.clone(),
        Some(None) => {}
    }
    answer
}
