//! Login: consent address, code, short-lived token, long-lived token, refresh.
//!
//! Facts: Meta's page "Instagram API with Instagram Login: Business Login for Instagram".

use jiff::SignedDuration;
use url::Url;

use super::catalogue::ErrorKind;
use super::config::LoginKind;
use super::endpoint::Endpoint;
use super::error::GraphError;
use super::object::Object;
use super::transport::{Answered, Call, Graph};
use crate::secret::{AccessToken, Secret};

/// The shortest life that a token is taken to have.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// The longest, which is also what Meta documents for a long-lived token.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Who we are to Meta.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    /// The Instagram app id, which is not the Meta app id.
    pub client_id: String,
    /// The Instagram app secret.
    pub client_secret: Secret,
}

/// What a code is exchanged for: a token for an hour.
#[derive(Clone, Debug)]
pub struct ShortLivedToken {
    /// The token.
    pub token: AccessToken,
    /// An id of the account. Which of its two ids is not certain: ask [`Graph::me`] for both.
    pub user_id: Option<String>,
    /// The scopes that the person granted, where Instagram says so.
    pub permissions: Option<Vec<String>>,
}

/// A token for about 60 days.
#[derive(Clone, Debug)]
pub struct LongLivedToken {
    /// The token.
    pub token: AccessToken,
    /// How long it lives: from an hour to 60 days, whatever the answer says.
    pub expires_in: SignedDuration,
    /// The scopes that the token has, where Instagram says so.
    pub permissions: Option<Vec<String>>,
}

impl Graph {
    /// The address where a person gives their consent.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedLogin`] for a login that is not built.
    pub fn authorize_url(
        &self,
        login: LoginKind,
        client_id: &str,
        redirect_uri: &str,
        scopes: &[impl AsRef<str>],
        state: &str,
    ) -> Result<Url, GraphError> {
        if login != LoginKind::Instagram {
            return Err(GraphError::without_answer(
                Endpoint::CodeExchange,
                ErrorKind::UnsupportedLogin,
            ));
        }
        let scopes: Vec<&str> = scopes.iter().map(AsRef::as_ref).collect();
        let mut url = self.address(&self.config().authorize_base, &["oauth", "authorize"]);
        url.query_pairs_mut()
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("scope", &scopes.join(","))
            .append_pair("state", state);
        Ok(url)
    }

    /// `POST /oauth/access_token`: a code becomes a token for an hour.
    ///
    /// Never sent twice, since a code works once: a lost answer is [`ErrorKind::LoginInterrupted`], and the person
    /// starts again.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn exchange_code(
        &self,
        app: &AppCredentials,
        redirect_uri: &str,
        code: &str,
    ) -> Result<Answered<ShortLivedToken>, GraphError> {
        // Meta appends `#_` to the code it redirects with; some callers forward it.
        let code = code.strip_suffix("#_").unwrap_or(code);
        let url = self.address(&self.config().token_base, &["oauth", "access_token"]);
        let call = Call::post(Endpoint::CodeExchange, url)
            .account(code)
            .form(&[
                ("client_id", &app.client_id),
                ("client_secret", app.client_secret.expose()),
                ("grant_type", "authorization_code"),
                ("redirect_uri", redirect_uri),
                ("code", code),
            ]);
        self.send(call, short_lived).await
    }

    /// `GET /access_token?grant_type=ig_exchange_token`: a token for an hour becomes one for 60 days.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn exchange_for_long_lived(
        &self,
        app_secret: &Secret,
        short: &AccessToken,
    ) -> Result<Answered<LongLivedToken>, GraphError> {
        let mut url = self.address(&self.config().graph_base, &["access_token"]);
        // Meta documents secret and token as query parameters here, and no other way.
        url.query_pairs_mut()
            .append_pair("grant_type", "ig_exchange_token")
            .append_pair("client_secret", app_secret.expose())
            .append_pair("access_token", short.expose());
        let call = Call::get(Endpoint::LongLivedExchange, url).account(short.expose());
        self.send(call, |object| {
            long_lived(object, Endpoint::LongLivedExchange)
        })
        .await
    }

    /// `GET /refresh_access_token`: a long-lived token becomes a younger one.
    ///
    /// The token must be at least 24 hours old and not expired. No secret of the app's is needed.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn refresh(
        &self,
        token: &AccessToken,
    ) -> Result<Answered<LongLivedToken>, GraphError> {
        let mut url = self.address(&self.config().graph_base, &["refresh_access_token"]);
        url.query_pairs_mut()
            .append_pair("grant_type", "ig_refresh_token")
            .append_pair("access_token", token.expose());
        let call = Call::get(Endpoint::Refresh, url).account(token.expose());
        self.send(call, |object| long_lived(object, Endpoint::Refresh))
            .await
    }
}

pub(super) fn short_lived(object: Object) -> Option<ShortLivedToken> {
    let object = object.unwrapped();
    Some(ShortLivedToken {
        token: object.token("access_token")?,
        user_id: object.id("user_id"),
        permissions: object.words("permissions"),
    })
}

pub(super) fn long_lived(object: Object, endpoint: Endpoint) -> Option<LongLivedToken> {
    let object = object.unwrapped();
    let stated = object.integer("expires_in").map(SignedDuration::from_secs);
    // Nothing stated is not the same as "no time left": a token would be given up within the hour though it works.
    let expires_in = stated
        .unwrap_or(LONGEST_LIFE)
        .clamp(SHORTEST_LIFE, LONGEST_LIFE);
    if stated != Some(expires_in) {
        tracing::warn!(
            endpoint = endpoint.name(),
            "a token's lifetime was missing or out of range"
        );
    }
    Some(LongLivedToken {
        token: object.token("access_token")?,
        expires_in,
        permissions: object.words("permissions"),
    })
}
