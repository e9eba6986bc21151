//! An HTTP call, before it becomes an event.

use std::collections::BTreeMap;

use serde::Serialize;

/// An HTTP call. Built with [`HttpCall::get`] and its like.
#[derive(Clone, Debug, Default)]
pub struct HttpCall {
    /// Upper-case method.
    pub method: String,
    /// The path as it was sent, percent-encoded, without the query.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// Headers without cookies, in the order they were sent; a name may stand several times.
    pub headers: Vec<(String, String)>,
    /// Cookies, `name=value` each.
    pub cookies: Vec<String>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Claims of a verified JWT; `None` on a route without authorizer.
    pub claims: Option<BTreeMap<String, String>>,
    /// The route that matched, `GET /instagram/accounts/{id}`; `None` stands for `$default`.
    pub route_key: Option<String>,
    /// What the route's placeholders stand for.
    pub path_parameters: BTreeMap<String, String>,
    /// The caller's address; empty stands for 127.0.0.1.
    pub source_ip: String,
}

impl HttpCall {
    /// A call; `target` is a path with or without a query.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            ..Self::default()
        }
    }

    /// A GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST, without a body so far.
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// A PATCH, without a body so far.
    pub fn patch(target: &str) -> Self {
        Self::new("PATCH", target)
    }

    /// A DELETE.
    pub fn delete(target: &str) -> Self {
        Self::new("DELETE", target)
    }

    /// With the verified claims of a person: `sub`, `custom:company` and `role`.
    #[must_use]
    pub fn as_user(self, user: &str, company: &str, role: &str) -> Self {
        self.claim("sub", user)
            .claim("custom:company", company)
            .claim("role", role)
    }

    /// With one more verified claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims
            .get_or_insert_default()
            .insert(name.to_owned(), value.to_owned());
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a cookie, `name=value`; anything after a `;`, as in a `Set-Cookie`, is left out.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        let pair = cookie.split(';').next().unwrap_or_default().trim();
        self.cookies.push(pair.to_owned());
        self
    }

    /// With a JSON body.
    ///
    /// # Panics
    /// When the value has no JSON form.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("a body has a JSON form");
        self.body(body).header("content-type", "application/json")
    }

    /// With a body as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With Meta's signature of the body under an app secret.
    #[must_use]
    pub fn signed(self, app_secret: &str) -> Self {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, app_secret.as_bytes());
        let tag = ring::hmac::sign(&key, &self.body);
        let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
        let signature = format!("sha256={}", digits.collect::<String>());
        self.header("x-hub-signature-256", &signature)
    }

    /// The first header of this name, in any case.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
