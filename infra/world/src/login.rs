//! The steps of a login in a browser, for whoever has a way to send a call to a function.

use url::Url;

use crate::Decision;
use crate::browser::Browser;
use crate::gateway::{HttpCall, Reply};

/// A login that was begun.
pub struct Begun {
    /// The consent window's address.
    pub url: String,
    /// The state's text.
    pub state: String,
    /// The cookie that the browser got, `name=value`.
    pub cookie: Option<String>,
}

/// `GET /instagram/connect` from a browser; the query is empty or begins with `?`.
pub fn begin(user: &str, company: &str, query: &str) -> HttpCall {
    HttpCall::get(&format!("/instagram/connect{query}"))
        .as_user(user, company, "admin")
        .header("sec-fetch-site", "same-site")
}

impl Begun {
    /// Reads the answer to [`begin`].
    ///
    /// # Errors
    /// The answer, where no login was begun.
    pub fn read(reply: &Reply) -> Result<Self, String> {
        let answer = reply.json();
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        match (reply.status, text("url"), text("state")) {
            (200, Some(url), Some(state)) => Ok(Self {
                url,
                state,
                cookie: reply
                    .cookie("instagram_connect")
                    .or(reply.cookie("__Host-instagram_connect"))
                    .map(str::to_owned),
            }),
            _ => Err(format!("no login was begun: {}", reply.text())),
        }
    }

    /// The call of Instagram's redirect back, with the browser's cookie.
    pub fn return_by(&self, back: &Url) -> HttpCall {
        let query = back.query().unwrap_or_default();
        let call = HttpCall::get(&format!("{}?{query}", back.path()));
        match &self.cookie {
            Some(cookie) => call.cookie(cookie),
            None => call,
        }
    }
}

/// A person at Instagram's consent window: opens the address that `GET /instagram/connect` gave and decides. Returns the
/// address of the redirect back, without its fragment.
///
/// # Errors
/// A sentence, where Instagram does not answer or shows a page instead of redirecting.
pub async fn consent(
    browser: &Browser,
    authorize_url: &str,
    username: &str,
    decision: Decision,
) -> Result<Url, String> {
    let absolute = |text: &str| Url::parse(text).map_err(|error| format!("{text}: {error}"));
    let mut url = absolute(authorize_url)?;
    url.query_pairs_mut()
        .append_pair("_sim_as", username)
        .append_pair(
            "_sim_decision",
            match decision {
                Decision::Allow => "allow",
                Decision::Deny => "deny",
            },
        );
    let reply = browser.open(url.as_str()).await?;
    let location = reply
        .header("location")
        .ok_or_else(|| format!("Instagram shows a page: {}", reply.text()))?;
    let mut back = absolute(location)?;
    back.set_fragment(None);
    Ok(back)
}

/// The account's id on the callback's page; `None` when it tells of a failure.
pub fn account_on_page(reply: &Reply) -> Option<String> {
    attribute(reply, "data-account")
}

/// The refusal's code on the callback's page.
pub fn code_on_page(reply: &Reply) -> Option<String> {
    attribute(reply, "data-code")
}

fn attribute(reply: &Reply, name: &str) -> Option<String> {
    let text = reply.text();
    let (_, rest) = text.split_once(&format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    (!value.is_empty()).then(|| value.to_owned())
}
