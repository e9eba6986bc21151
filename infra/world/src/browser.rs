//! A browser without a window: an HTTP client with a cookie jar that follows redirects only when told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use url::Url;

use crate::gateway::{HttpCall, Reply};

/// A client for addresses on this machine. Cookies are kept per host name, as browsers keep them: ports share them.
#[derive(Clone)]
pub struct Browser {
    client: reqwest::Client,
    cookies: Arc<Mutex<BTreeMap<(String, String), String>>>,
}

impl Browser {
    /// A browser without cookies.
    ///
    /// # Panics
    /// When no HTTP client can be made.
    pub fn new() -> Self {
        // Everything is on this machine, over plain HTTP: no certificate is trusted.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            // A turn of the clock by a month is a month of work: minutes, unoptimized and on a busy machine.
            .timeout(Duration::from_secs(900))
            .build()
            .expect("an HTTP client");
        Self {
            client,
            cookies: Arc::default(),
        }
    }

    /// Makes a call to the host that `base` names; cookies go with it and are kept.
    ///
    /// # Errors
    /// A sentence, where nobody answers.
    pub async fn send(&self, base: &str, call: &HttpCall) -> Result<Reply, String> {
        let mut url = Url::parse(base)
            .and_then(|base| base.join(&call.path))
            .map_err(|error| format!("{base}{}: {error}", call.path))?;
        if !call.query.is_empty() {
            url.set_query(Some(&call.query));
        }
        let method = reqwest::Method::from_bytes(call.method.as_bytes())
            .map_err(|_| format!("{} is no method", call.method))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut request = self.client.request(method, url).body(call.body.clone());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let cookies = self.cookies_for(&host, &call.cookies);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        let response = request
            .send()
            .await
            .map_err(|error| format!("{host} does not answer: {}", error.without_url()))?;
        let mut reply = Reply {
            status: response.status().as_u16(),
            ..Reply::default()
        };
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if name == "set-cookie" {
                self.keep(&host, &value);
                reply.cookies.push(value);
            } else {
                reply.headers.push((name.as_str().to_owned(), value));
            }
        }
        reply.body = response
            .bytes()
            .await
            .map_err(|error| format!("{host} broke off: {}", error.without_url()))?
            .to_vec();
        Ok(reply)
    }

    /// Opens an address, as a click does; redirects are not followed.
    ///
    /// # Errors
    /// A sentence, where nobody answers.
    pub async fn open(&self, url: &str) -> Result<Reply, String> {
        let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let mut call = HttpCall::get(parsed.path());
        call.query = parsed.query().unwrap_or_default().to_owned();
        self.send(&parsed.origin().ascii_serialization(), &call)
            .await
    }

    fn cookies_for(&self, host: &str, own: &[String]) -> String {
        let jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = jar
            .iter()
            .filter(|((of, _), _)| of == host)
            .map(|((_, name), value)| format!("{name}={value}"));
        kept.chain(own.iter().cloned())
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn keep(&self, host: &str, cookie: &str) {
        let mut parts = cookie.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let ends = parts.any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
        let key = (host.to_owned(), name.trim().to_owned());
        let mut jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        if ends {
            jar.remove(&key);
        } else {
            jar.insert(key, value.trim().to_owned());
        }
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}
