//! The cookie that binds a login to the browser which began it.
//!
//! Without it, somebody could send another person the address of a login of their own, and have that person's account
//! connected to their company. A browser tells itself by the header `Sec-Fetch-Site`, which every browser sends and no
//! page can set. A server that calls on behalf of a person has no cookie to give, and a page of another site cannot keep
//! one: such a login is finished by `POST /instagram/callback`, where the JWT says who is there, and by Instagram's
//! redirect only where the configuration allows it.

use http::{HeaderMap, HeaderValue, header};
use url::Url;

use crate::config::InstagramConfig;
use crate::digest;

const LIFETIME_SECONDS: u32 = 1800;

/// A browser's cookie.
pub struct Binding {
    name: &'static str,
    value: String,
}

impl Binding {
    /// The cookie of the browser that sent a request, or a new one for a browser without; `None` for a server.
    pub fn of_request(
        config: &InstagramConfig,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, getrandom::Error> {
        let name = cookie_name(config);
        if let Some(value) = cookie(config, headers) {
            return Ok(Some(Self { name, value }));
        }
        // Browsers drop what another site's page would set.
        if headers
            .get("sec-fetch-site")
            .is_none_or(|site| site == "cross-site")
        {
            return Ok(None);
        }
        Ok(Some(Self {
            name,
            value: digest::random_text()?,
        }))
    }

    /// What a login state keeps of it.
    pub fn hash(&self) -> String {
        digest::sha256_hex(self.value.as_bytes())
    }

    /// The header that gives the cookie to the browser. One that has it gets it again, for another 30 minutes.
    pub fn set_cookie(&self) -> Option<HeaderValue> {
        let secure = if self.name.starts_with("__Host-") {
            "; Secure"
        } else {
            ""
        };
        let (name, value) = (self.name, &self.value);
        // Lax, since the way back from Instagram is a navigation from another site.
        HeaderValue::from_str(&format!(
            "{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={LIFETIME_SECONDS}{secure}"
        ))
        .ok()
    }
}

/// Whether a request comes from the browser with this hash.
pub fn is_same(config: &InstagramConfig, headers: &HeaderMap, hash: &str) -> bool {
    cookie(config, headers).is_some_and(|value| digest::sha256_hex(value.as_bytes()) == hash)
}

/// Browsers keep `__Host-` cookies for this very host over HTTPS only, so a machine without HTTPS needs another name.
fn cookie_name(config: &InstagramConfig) -> &'static str {
    let is_https = Url::parse(&config.redirect_uri).is_ok_and(|url| url.scheme() == "https");
    if is_https {
        "__Host-instagram_connect"
    } else {
        "instagram_connect"
    }
}

/// The cookie's value where it has the form of one that we gave out.
fn cookie(config: &InstagramConfig, headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(config);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && value.len() == 43)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    fn config(redirect_uri: &str) -> InstagramConfig {
        InstagramConfig {
            mode: Mode::Production,
            scopes: Vec::new(),
            redirect_uri: redirect_uri.into(),
            return_to: Vec::new(),
            allows_logins_begun_by_servers: false,
            webhook_fields: Vec::new(),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn a_browser_is_bound_and_a_server_is_not() {
        let config = config("https://api.example.com/instagram/callback");
        for unbound in [headers(&[]), headers(&[("sec-fetch-site", "cross-site")])] {
            assert!(Binding::of_request(&config, &unbound).unwrap().is_none());
        }
        let fetched = headers(&[("sec-fetch-site", "same-site")]);
        let binding = Binding::of_request(&config, &fetched).unwrap().unwrap();
        let cookie = binding.set_cookie().unwrap().to_str().unwrap().to_owned();
        assert!(cookie.starts_with("__Host-instagram_connect="), "{cookie}");
        for attribute in [
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
            "Path=/",
            "Max-Age=1800",
        ] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let sent = headers(&[(
            "cookie",
            &format!("a=b; {}", cookie.split(';').next().unwrap()),
        )]);
        assert!(is_same(&config, &sent, &binding.hash()));
        assert!(!is_same(&config, &headers(&[]), &binding.hash()));
        let again = Binding::of_request(&config, &sent).unwrap().unwrap();
        assert_eq!(again.hash(), binding.hash());
    }

    #[test]
    fn without_https_the_cookie_has_a_name_that_browsers_keep() {
        let config = config("http://localhost:3000/instagram/callback");
        let fetched = headers(&[("sec-fetch-site", "same-origin")]);
        let binding = Binding::of_request(&config, &fetched).unwrap().unwrap();
        let cookie = binding.set_cookie().unwrap().to_str().unwrap().to_owned();
        assert!(
            cookie.starts_with("instagram_connect=") && !cookie.contains("Secure"),
            "{cookie}"
        );
    }
}
