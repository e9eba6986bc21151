//! Answers of Instagram's that are kept for a short while, so that many who ask for one thing cost one call.
//!
//! Sandboxes share no memory, so an answer is kept in the table. Of many who miss one at the same moment, one takes the
//! lease and asks; the others wait for what it keeps.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::digest::sha256_hex;
use crate::http::Problem;
use crate::table::cache::{Kept, Lease};

/// Whoever asks Instagram has an answer by then, or has died.
const LEASE: SignedDuration = SignedDuration::from_secs(15);
/// How often and how far apart those look who wait.
const LOOKS: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// A larger answer is not kept, but that it is: an item of the table has 400 KB at most.
const LARGEST: usize = 300_000;

/// An answer, and how old it is.
#[derive(Clone, Debug)]
pub struct Cached<T> {
    /// The answer.
    pub value: T,
    /// When Instagram gave it.
    pub at: Timestamp,
    /// Whether it was here already.
    pub is_hit: bool,
}

/// The answer under this name of the account's, not older than the configuration allows, or what `fetch` brings.
///
/// # Errors
/// What `fetch` fails with, or 503 where the table does not answer.
pub async fn through<T: Serialize + DeserializeOwned>(
    app: &Arc<App>,
    account: &str,
    name: &str,
    fetch: impl Future<Output = Result<T, Problem>>,
) -> Result<Cached<T>, Problem> {
    let life = app.config.api.media_cache;
    if life.is_zero() {
        return unshared(app, fetch).await;
    }
    let digest = sha256_hex(name.as_bytes());
    for _ in 0..LOOKS {
        let now = app.clock.now();
        let kept = app.table.kept_answer(account, &digest).await?;
        if let Some(kept) = kept.as_ref().filter(|kept| is_fresh(kept, now, life)) {
            if kept.is_too_large {
                return unshared(app, fetch).await;
            }
            if let Some(found) = found(kept) {
                return Ok(found);
            }
        }
        let leased_until = kept.as_ref().and_then(|kept| kept.leased_until);
        if leased_until.is_none_or(|until| until <= now) {
            let until = now + LEASE;
            let table = &app.table;
            let lease = table.lease_answer(account, &digest, kept.as_ref(), until);
            if let Some(lease) = lease.await? {
                return fetch_and_keep(app, account, &digest, lease, fetch).await;
            }
        }
        app.clock.sleep(BETWEEN_LOOKS).await;
    }
    // Whoever has the lease is slower than anybody would wait.
    Err(Problem::unavailable())
}

/// Forgets an answer, because what it tells was changed.
///
/// # Errors
/// 503 where the table does not answer.
pub async fn forget(app: &Arc<App>, account: &str, name: &str) -> Result<(), Problem> {
    let digest = sha256_hex(name.as_bytes());
    Ok(app.table.forget_answer(account, &digest).await?)
}

async fn unshared<T>(
    app: &Arc<App>,
    fetch: impl Future<Output = Result<T, Problem>>,
) -> Result<Cached<T>, Problem> {
    Ok(Cached {
        value: fetch.await?,
        at: app.clock.now(),
        is_hit: false,
    })
}

async fn fetch_and_keep<T: Serialize>(
    app: &Arc<App>,
    account: &str,
    digest: &str,
    lease: Lease,
    fetch: impl Future<Output = Result<T, Problem>>,
) -> Result<Cached<T>, Problem> {
    let fetched = unshared(app, fetch).await;
    let text = fetched.as_ref().ok().map(|fetched| {
        let text = serde_json::to_string(&fetched.value).ok();
        (fetched.at, text.filter(|text| text.len() <= LARGEST))
    });
    match text {
        Some((at, text)) => {
            let kept = Kept {
                is_too_large: text.is_none(),
                text: text.unwrap_or_default(),
                at: Some(at),
                leased_until: None,
            };
            let expiry = at + app.config.api.media_cache;
            app.table
                .keep_answer(account, digest, &kept, lease, expiry)
                .await?;
        }
        None => app.table.end_lease(account, digest, lease).await?,
    }
    fetched
}

fn is_fresh(kept: &Kept, now: Timestamp, life: SignedDuration) -> bool {
    kept.at.is_some_and(|at| now.duration_since(at) < life)
}

fn found<T: DeserializeOwned>(kept: &Kept) -> Option<Cached<T>> {
    Some(Cached {
        value: serde_json::from_str(&kept.text).ok()?,
        at: kept.at?,
        is_hit: true,
    })
}

/// A JSON answer that says how old it is: `age` in seconds, and `x-cache`.
pub struct Aged<T> {
    /// The body.
    pub body: T,
    /// Seconds since Instagram gave it; absent where it did not come from Instagram.
    pub age: Option<i64>,
    /// Whether it was here already.
    pub is_hit: bool,
}

impl<T> Aged<T> {
    /// A body made of a cached answer.
    pub fn of<C>(cached: Cached<C>, now: Timestamp, body: impl FnOnce(C) -> T) -> Self {
        Self {
            age: Some(now.duration_since(cached.at).as_secs().max(0)),
            is_hit: cached.is_hit,
            body: body(cached.value),
        }
    }

    /// A body that is made of records.
    pub fn stored(body: T) -> Self {
        Self {
            body,
            age: None,
            is_hit: false,
        }
    }
}

impl<T: Serialize> IntoResponse for Aged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.body).into_response();
        let Some(age) = self.age else {
            return response;
        };
        let headers = response.headers_mut();
        headers.insert(header::AGE, HeaderValue::from(age));
        let state = if self.is_hit { "hit" } else { "miss" };
        headers.insert(
            HeaderName::from_static("x-cache"),
            HeaderValue::from_static(state),
        );
        response
    }
}
