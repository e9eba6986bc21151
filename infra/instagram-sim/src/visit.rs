//! One call on its way through the simulator, and the checks that every Graph call goes through.

use ring::hmac;
use serde_json::Value;

use crate::answer::{GRAPH_METHOD_EXCEPTION, GraphError, IG_API_EXCEPTION, OAUTH_EXCEPTION};
use crate::incoming::Incoming;
use crate::person::{Person, Revocation};
use crate::settings::TokenRotation;
use crate::state::State;
use crate::tokens::Token;
use crate::usage;

pub(crate) struct Visit<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) incoming: &'a Incoming,
    pub(crate) ig_id: Option<&'a str>,
    /// The container, media or comment that the path names.
    pub(crate) node_id: Option<&'a str>,
    pub(crate) effects: Effects,
    pub(crate) now_ms: i64,
    pub(crate) base_url: &'a str,
}

/// What faults do to a call that is applied.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) rotation: Option<TokenRotation>,
    pub(crate) wrong_user: bool,
    /// `Some(None)`: leave `expires_in` out.
    pub(crate) expires_in: Option<Option<Value>>,
    pub(crate) processing_seconds: Option<i64>,
    pub(crate) processing_fails: Option<u32>,
    pub(crate) container_seconds: Option<i64>,
}

/// Whose token came with the call.
pub(crate) struct Caller {
    pub(crate) token: Token,
    pub(crate) person: Person,
}

impl Visit<'_> {
    /// Checks the token as Meta does for every Graph call: that it is one, that it lives, that its app may use it,
    /// that there are calls left, and that this scope was granted.
    pub(crate) fn caller(&self, scope: Option<&str>) -> Result<Caller, GraphError> {
        let settings = &self.state.durable.settings;
        let token = self
            .incoming
            .token()
            .and_then(|(text, _)| self.state.durable.tokens.get(text));
        let person = token.and_then(|token| self.state.durable.people.by_id(&token.ig_user_id));
        let (Some(token), Some(person)) = (token, person) else {
            let message = "Invalid OAuth access token - Cannot parse access token";
            return Err(GraphError::new(190, OAUTH_EXCEPTION, message)
                .with_status(settings.token_error_status));
        };
        let expired = self.now_ms >= token.expires_at_ms;
        if let Some(how) = token.revoked.or(expired.then_some(Revocation::Expired)) {
            let message = format!("Error validating access token: {}", how.message());
            return Err(GraphError::new(190, OAUTH_EXCEPTION, message)
                .with_subcode(how.subcode())
                .with_status(settings.token_error_status));
        }
        self.check_proof(token)?;
        let app = self.state.app(&token.client_id);
        if app.is_none_or(|app| app.development) && !person.role_on_app {
            return Err(unsupported_request(self.incoming.method.as_str()));
        }
        if let Some(error) = usage::refusal(self.state, person, self.now_ms) {
            return Err(error);
        }
        if let Some(scope) = scope
            && !token.scopes.iter().any(|granted| granted == scope)
        {
            let message =
                format!("(#10) Application does not have permission for this action: {scope}");
            return Err(GraphError::new(10, IG_API_EXCEPTION, message).with_status(403));
        }
        // Meta knows an account by one id only in paths, and tells nobody which others exist.
        if self.ig_id.is_some_and(|id| id != person.ig_user_id) {
            let id = self.ig_id.unwrap_or_default();
            return Err(GraphError::missing_object(&self.incoming.method, id));
        }
        Ok(Caller {
            token: token.clone(),
            person: person.clone(),
        })
    }

    fn check_proof(&self, token: &Token) -> Result<(), GraphError> {
        let Some(proof) = self.incoming.parameter("appsecret_proof") else {
            return match self.state.durable.settings.require_appsecret_proof {
                true => Err(GraphError::new(
                    100,
                    GRAPH_METHOD_EXCEPTION,
                    "API calls from the server require an appsecret_proof argument",
                )),
                false => Ok(()),
            };
        };
        let secret = self
            .state
            .app(&token.client_id)
            .map_or("", |app| app.client_secret.as_str());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, token.text.as_bytes());
        let expected: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        match proof == expected {
            true => Ok(()),
            false => Err(GraphError::new(
                100,
                GRAPH_METHOD_EXCEPTION,
                "Invalid appsecret_proof provided in the API argument",
            )),
        }
    }

    /// Whose call this is, also when the token is long dead: for faults by person and for the log.
    pub(crate) fn username(state: &State, incoming: &Incoming) -> Option<String> {
        let durable = &state.durable;
        let by_token = incoming
            .token()
            .and_then(|(text, _)| durable.tokens.get(text))
            .map(|token| &token.ig_user_id);
        let by_code = incoming
            .form("code")
            .and_then(|code| durable.codes.get(code))
            .map(|code| &code.ig_user_id);
        let person = match by_token.or(by_code) {
            Some(ig_user_id) => durable.people.by_id(ig_user_id),
            None => state.person(incoming.parameter("_sim_as")?),
        };
        person.map(|person| person.username.clone())
    }
}

/// What Meta says to a token whose person has no role on an app in development, and what it said to every refresh
/// on one day in December 2024.
pub(crate) fn unsupported_request(method: &str) -> GraphError {
    let message = format!(
        "Unsupported request - method type: {}",
        method.to_ascii_lowercase()
    );
    GraphError::new(100, IG_API_EXCEPTION, message)
}
