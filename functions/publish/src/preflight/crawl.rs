//! Fetching the beginning of a file as a stranger on the internet would, and never anything of our own network.
//!
//! An address is judged before it is asked (`address`), and so is each one that it redirects to. A name is judged when it
//! is resolved, by the resolver of the very client that connects: it connects to the address that was judged, so a name
//! that changes its mind in between (DNS rebinding) gains nothing.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE,
};
use http::{HeaderMap, HeaderName, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::address::{self, Unfit};

/// Enough for the dimensions of nearly every picture and the header of nearly every video.
const FIRST_BYTES: usize = 256 * 1024;
const MOST_REDIRECTS: usize = 3;

/// The beginning of a file.
#[derive(Debug)]
pub(super) struct Beginning {
    /// The first bytes, [`FIRST_BYTES`] at most.
    pub(super) bytes: Vec<u8>,
    /// The size of the whole file, where the server says it.
    pub(super) size: Option<u64>,
    /// The type that the server states, in lower case and without parameters.
    pub(super) content_type: Option<String>,
}

/// Why there is no beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The address, or one that it redirects to, is not fetched.
    Unfit { why: Unfit, is_redirect: bool },
    /// It redirects more often than three times, or to nowhere.
    Redirects,
    /// The server answered with this instead of a file.
    Status(StatusCode),
    /// The file came compressed although that was not asked for.
    Encoded,
    /// Nobody knows its server's name, at least right now.
    NoServer,
    /// No answer: its server, its certificate or the net between does not work right now.
    Unreachable,
}

/// Fetches the first bytes of the file at an address.
pub(super) async fn beginning(text: &str, trusted: &[Url]) -> Result<Beginning, Failed> {
    let unfit = |is_redirect| move |why| Failed::Unfit { why, is_redirect };
    let mut url = address::fit(text, trusted).map_err(unfit(false))?;
    let mut redirects = 0;
    loop {
        let mut response = ask(&url, trusted, redirects > 0).await?;
        let status = response.status();
        if !is_redirect(status) {
            let headers = std::mem::take(response.headers_mut());
            return read(status, &headers, response).await;
        }
        redirects += 1;
        if redirects > MOST_REDIRECTS {
            return Err(Failed::Redirects);
        }
        let target = text_of(response.headers(), &LOCATION).ok_or(Failed::Redirects)?;
        url = url.join(target).map_err(|_| Failed::Redirects)?;
        address::fit_url(&url, trusted).map_err(unfit(true))?;
    }
}

async fn ask(url: &Url, trusted: &[Url], is_redirect: bool) -> Result<reqwest::Response, Failed> {
    let client = if address::is_trusted(url, trusted) {
        trusted_client()
    } else {
        public_client()
    };
    let request = client
        .ok_or(Failed::Unreachable)?
        .get(url.clone())
        .header(RANGE, format!("bytes=0-{}", FIRST_BYTES - 1))
        .header(ACCEPT_ENCODING, "identity");
    request.send().await.map_err(|error| {
        if is_caused_by::<NotPublic>(&error) {
            let why = Unfit::NotPublic;
            Failed::Unfit { why, is_redirect }
        } else if is_caused_by::<NotFound>(&error) {
            Failed::NoServer
        } else {
            Failed::Unreachable
        }
    })
}

async fn read(
    status: StatusCode,
    headers: &HeaderMap,
    mut response: reqwest::Response,
) -> Result<Beginning, Failed> {
    let size = match status {
        StatusCode::OK => number(text_of(headers, &CONTENT_LENGTH)),
        StatusCode::PARTIAL_CONTENT => {
            number(text_of(headers, &CONTENT_RANGE).and_then(|range| range.rsplit('/').next()))
        }
        // There is no first byte.
        StatusCode::RANGE_NOT_SATISFIABLE => Some(0),
        _ => return Err(Failed::Status(status)),
    };
    if text_of(headers, &CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Failed::Encoded);
    }
    let mut bytes = Vec::new();
    while status != StatusCode::RANGE_NOT_SATISFIABLE && bytes.len() < FIRST_BYTES {
        let Some(chunk) = response.chunk().await.map_err(|_| Failed::Unreachable)? else {
            break;
        };
        let room = FIRST_BYTES - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    let content_type = text_of(headers, &CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    Ok(Beginning {
        // A server that sends all of a small file says its size by ending.
        size: size.or((bytes.len() < FIRST_BYTES).then_some(bytes.len() as u64)),
        bytes,
        content_type,
    })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(text: Option<&str>) -> Option<u64> {
    text?.trim().parse().ok()
}

/// Resolves names, and knows no machine that is not public.
struct PublicOnly;

/// A name has public addresses to nobody.
#[derive(Debug)]
struct NotPublic;

/// A name has no addresses.
#[derive(Debug)]
struct NotFound;

impl fmt::Display for NotFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name leads to no address")
    }
}

impl Error for NotFound {}

impl fmt::Display for NotPublic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name leads to no public address")
    }
}

impl Error for NotPublic {}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            Ok(public_only(found.map_err(|_| NotFound)?)?)
        })
    }
}

fn public_only(found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, NotPublic> {
    let public = found.filter(|found| address::is_public(found.ip()));
    let public: Vec<SocketAddr> = public.collect();
    if public.is_empty() {
        return Err(NotPublic);
    }
    Ok(Box::new(public.into_iter()))
}

fn is_caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.into_iter().any(|error| error.is::<E>())
}

/// For everybody's addresses. Like the other one it is built at its first look and kept while the process lives.
fn public_client() -> Option<&'static reqwest::Client> {
    static CLIENT: OnceLock<Option<reqwest::Client>> = OnceLock::new();
    CLIENT.get_or_init(|| client(true)).as_ref()
}

/// For trusted origins, which may be on this machine.
fn trusted_client() -> Option<&'static reqwest::Client> {
    static CLIENT: OnceLock<Option<reqwest::Client>> = OnceLock::new();
    CLIENT.get_or_init(|| client(false)).as_ref()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the Graph client is for Instagram; this one is for everybody else's addresses, and carries no secret"
)]
fn client(is_for_public: bool) -> Option<reqwest::Client> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent("media-preflight")
        // Each redirect is judged first.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        // A proxy would resolve the names, and see them.
        .no_proxy()
        // The next look is at another server, or after a freeze.
        .pool_max_idle_per_host(0);
    if is_for_public {
        builder = builder.dns_resolver(PublicOnly);
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::tests::server::Server;
    use std::net::IpAddr;

    #[test]
    fn d11_of_a_names_addresses_only_public_ones_are_left() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            let addresses = texts.iter().map(|text| text.parse::<IpAddr>().unwrap());
            addresses.map(|address| (address, 0).into()).collect()
        };
        let mixed = addresses(&["127.0.0.1", "8.8.8.8", "169.254.169.254", "::1"]);
        let left: Vec<SocketAddr> = public_only(mixed.into_iter()).ok().unwrap().collect();
        assert_eq!(left, addresses(&["8.8.8.8"]));
        for inside in [
            ["10.0.0.1", "fd00::1"],
            ["::ffff:10.0.0.1", "64:ff9b::a00:1"],
        ] {
            assert!(public_only(addresses(&inside).into_iter()).is_err());
        }
    }

    /// `.invalid` is the end of no name (RFC 2606).
    #[tokio::test]
    async fn d11_a_name_that_nobody_knows_is_told_from_a_server_that_does_not_answer() {
        let url = Url::parse("https://media.bakery.invalid/square.jpg").unwrap();
        let asked = ask(&url, &[], false).await;
        assert_eq!(asked.err(), Some(Failed::NoServer));
    }

    /// The name of this machine is resolved for real, with a server behind it that would answer.
    #[tokio::test]
    async fn d11_a_name_that_leads_inside_is_never_connected_to() {
        let trap = Server::start().await;
        let url = format!("http://localhost:{}/square.jpg", trap.port());
        for is_redirect in [false, true] {
            let asked = ask(&Url::parse(&url).unwrap(), &[], is_redirect).await;
            let why = Unfit::NotPublic;
            assert_eq!(asked.err(), Some(Failed::Unfit { why, is_redirect }));
        }
        assert_eq!(trap.heads(), Vec::<String>::new());
    }
}
