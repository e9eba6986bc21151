//! What the API does not have: the start page, tokens for development, the clock, and a look at the state.
//!
//! Only for this machine. A tunnel that leads to the API reaches none of it, and neither does a page of another site:
//! whoever asks must name this machine as the host, and nothing here answers to other origins.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use world::resources::DEAD_LETTERS;

use crate::jwt::{LIFETIME_SECONDS, Person};
use crate::stack::Inside;
use crate::work;

const PAGE: &str = include_str!("page/page.html");
const FIGURES: &str = include_str!("page/figures.html");
/// What the page consists of: name below `/local/`, type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("page.css", "text/css", include_str!("page/page.css")),
    (
        "publishing.css",
        "text/css",
        include_str!("page/publishing.css"),
    ),
    ("page.js", "text/javascript", include_str!("page/page.js")),
    ("api.js", "text/javascript", include_str!("page/api.js")),
    (
        "caption.js",
        "text/javascript",
        include_str!("page/caption.js"),
    ),
    (
        "composer.js",
        "text/javascript",
        include_str!("page/composer.js"),
    ),
    ("posts.js", "text/javascript", include_str!("page/posts.js")),
    (
        "publishing.js",
        "text/javascript",
        include_str!("page/publishing.js"),
    ),
    ("week.js", "text/javascript", include_str!("page/week.js")),
    (
        "figures.js",
        "text/javascript",
        include_str!("page/figures.js"),
    ),
    ("figures.css", "text/css", include_str!("page/figures.css")),
    // uPlot draws the charts; its license stands at its top.
    ("uplot.js", "text/javascript", include_str!("page/uplot.js")),
    ("uplot.css", "text/css", include_str!("page/uplot.css")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// The furthest that the clock is turned at once.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366 * 2);

/// Everything of local's own.
pub(crate) fn router(inside: Arc<Inside>) -> Router<Arc<Inside>> {
    let mut router = Router::new();
    for &(name, kind, text) in FILES {
        let path = format!("/local/{name}");
        router = router.route(&path, get(move || async move { file(kind, text) }));
    }
    router
        .route("/", get(show_start))
        .route("/figures", get(show_figures))
        .route("/local/token", get(make_token))
        .route("/local/clock", post(turn_clock))
        .route("/local/state", get(show_state))
        .route("/local/activity", get(show_activity))
        .route_layer(middleware::from_fn_with_state(inside, only_from_here))
}

/// A refusal, in the form of the API's.
pub(crate) fn refusal(status: StatusCode, code: &str, detail: impl Into<String>) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail.into(),
    });
    let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, content_type, body.to_string()).into_response()
}

async fn only_from_here(
    State(inside): State<Arc<Inside>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name {
        "127.0.0.1" => next.run(request).await,
        // One host only, or cookies and windows would not find each other.
        "localhost" if request.uri().path() == "/" => {
            Redirect::temporary(&format!("{}/", inside.api_url)).into_response()
        }
        "localhost" => next.run(request).await,
        // As API Gateway answers, which has none of this.
        _ => (StatusCode::NOT_FOUND, Json(json!({"message": "Not Found"}))).into_response(),
    }
}

async fn show_start(State(inside): State<Arc<Inside>>) -> Response {
    page(&inside, PAGE)
}

/// `GET /figures`: media and charts of one account.
async fn show_figures(State(inside): State<Arc<Inside>>) -> Response {
    page(&inside, FIGURES)
}

fn page(inside: &Inside, text: &'static str) -> Response {
    // Pictures come from where Instagram is, everything else from here.
    let pictures = match &inside.instagram {
        Some(instagram) => instagram.url(),
        None => "https:".to_owned(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' {pictures}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text).into_response()
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, format!("{kind}; charset=utf-8")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text).into_response()
}

/// `GET /local/token?user=&company=&role=` → `{"token", "expiresAt"}`.
async fn make_token(State(inside): State<Arc<Inside>>, RawQuery(query): RawQuery) -> Response {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        given.insert(name.into_owned(), value.into_owned());
    }
    let mut take = |name: &str, default: &str| {
        given
            .remove(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .unwrap_or_else(|| default.to_owned())
    };
    let person = Person {
        user: take("user", "ann"),
        company: take("company", "acme"),
        role: take("role", "admin"),
    };
    if !["admin", "editor", "viewer"].contains(&person.role.as_str()) {
        return refusal(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            "`role` is `admin`, `editor` or `viewer`.",
        );
    }
    if !given.is_empty() {
        return refusal(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            "This takes `user`, `company` and `role`.",
        );
    }
    let now = inside.now();
    let token = inside.issuer.token(&person, now.as_second());
    let expires_at = now + SignedDuration::from_secs(LIFETIME_SECONDS);
    no_store(Json(json!({ "token": token, "expiresAt": expires_at })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    advance: String,
}

/// `POST /local/clock {"advance": "P30D"}` → `{"now", "schedulesFired", "tasksDelivered"}`, when all due work is done.
async fn turn_clock(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    // Another site's page can send a form or plain text here without being asked, but not this.
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().map(str::trim) == Some("application/json"));
    if !is_json {
        return refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            "Send the body as `Content-Type: application/json`.",
        );
    }
    if inside.instagram.is_none() {
        return refusal(
            StatusCode::CONFLICT,
            "real_instagram",
            "The clock is only turned with the simulated Instagram: Meta's tokens live in Meta's time.",
        );
    }
    let by = serde_json::from_slice::<Turn>(&body)
        .map_err(|error| error.to_string())
        .and_then(|turn| duration(&inside, &turn.advance));
    let by = match by {
        Ok(by) => by,
        Err(error) => {
            let detail = format!("Send {{\"advance\": \"P30D\"}}, an ISO 8601 duration: {error}.");
            return refusal(StatusCode::BAD_REQUEST, "invalid_body", detail);
        }
    };
    match work::turn_clock(&inside, by).await {
        Ok(turned) => {
            let now = inside.now();
            (inside.report)(&format!(
                "the clock was turned to {now:.0}: {} schedules fired, {} tasks done or tried",
                turned.fired, turned.delivered
            ));
            no_store(Json(json!({
                "now": now,
                "schedulesFired": turned.fired,
                "tasksDelivered": turned.delivered,
            })))
        }
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "clock_stuck", error),
    }
}

fn duration(inside: &Inside, text: &str) -> Result<SignedDuration, String> {
    let span: Span = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    let now = inside.now().to_zoned(TimeZone::UTC);
    let by = span.to_duration(&now).map_err(|error| error.to_string())?;
    if by.is_negative() {
        return Err("the clock is only turned forward".to_owned());
    }
    if by > FURTHEST {
        return Err("at most two years at once".to_owned());
    }
    Ok(by)
}

/// `GET /local/state`: the time, queues, dead letters, schedules, table counts, and where everything is.
async fn show_state(State(inside): State<Arc<Inside>>) -> Response {
    let origin = |text: &str| {
        Url::parse(text)
            .map(|url| url.origin().ascii_serialization())
            .ok()
    };
    let queues: BTreeMap<String, Value> = inside
        .aws
        .queue_depths()
        .into_iter()
        .map(|queue| {
            let depth = json!({
                "visible": queue.visible,
                "inFlight": queue.in_flight,
                "delayed": queue.delayed,
            });
            (queue.name, depth)
        })
        .collect();
    let schedules: Vec<Value> = inside
        .aws
        .schedules()
        .into_iter()
        .map(|schedule| {
            let next = schedule
                .next_ms
                .and_then(|next| Timestamp::from_millisecond(next).ok());
            json!({
                "name": schedule.name,
                "expression": schedule.expression,
                "next": next,
            })
        })
        .collect();
    let table: BTreeMap<String, u64> = inside.aws.table_counts().await.into_iter().collect();
    no_store(Json(json!({
        "now": inside.now(),
        "clockAheadSeconds": inside.clock.ahead().as_secs(),
        "queues": queues,
        "deadLetters": inside.aws.messages(DEAD_LETTERS),
        "schedules": schedules,
        "tables": table,
        "addresses": {
            "api": inside.api_url,
            "webhooks": inside.webhook_url,
            "instagram": inside.instagram.as_ref().map(instagram_sim::InstagramSim::url),
            "aws": inside.aws.url(),
            "redirectUri": inside.redirect_uri,
        },
        // Whose messages the start page believes: its own, and those of the page on which a login ends.
        "messageOrigins": [origin(&inside.api_url), origin(&inside.redirect_uri)],
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    company: String,
}

/// `GET /local/activity?company=acme`: what the bus had for a company, newest first.
async fn show_activity(
    State(inside): State<Arc<Inside>>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Response {
    match whose {
        Ok(Query(whose)) => {
            let events = inside.activity.latest(&whose.company);
            no_store(Json(json!({ "events": events })))
        }
        Err(_) => refusal(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            "Name the company: `?company=acme`.",
        ),
    }
}

fn no_store(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], answer).into_response()
}
