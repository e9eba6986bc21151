//! API Gateway's part: finds the route, checks the JWT, makes the event, and sends the function's answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use world::gateway::{self, HttpCall, Reply, api_gateway_event};

use crate::routes;
use crate::stack::Inside;

/// What API Gateway takes.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// Headers that belong to one connection, or that the server writes itself.
const NOT_PASSED_ON: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "transfer-encoding",
];

/// Answers any request that is not the local stack's own.
pub(crate) async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let start = inside.clock.milliseconds();
    let response = through_gateway(&inside, request).await;
    // Never the query: it may hold a code.
    (inside.report)(&format!(
        "{method} {path} → {} ({} ms)",
        response.status().as_u16(),
        inside.clock.milliseconds() - start
    ));
    response
}

async fn through_gateway(inside: &Inside, request: Request) -> Response {
    let Some(found) = routes::find(request.method().as_str(), request.uri().path()) else {
        return of_gateway(StatusCode::NOT_FOUND, "Not Found");
    };
    let (parts, body) = request.into_parts();
    let mut call = call_of(&parts);
    call.route_key = Some(format!("{} {}", found.route.method, found.route.path));
    call.path_parameters = found.parameters;
    if found.route.needs_jwt {
        let now = inside.now().as_second();
        let claims = bearer(&call).and_then(|token| inside.issuer.verify(token, now));
        if claims.is_none() {
            let mut response = of_gateway(StatusCode::UNAUTHORIZED, "Unauthorized");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return response;
        }
        call.claims = claims;
    }
    if inside.returns_elsewhere() && found.route.path == "/instagram/connect" {
        // Through a tunnel the way back leads to another host, which this one's cookies never reach. So the login is
        // begun like one that a server begins, which is bound to no browser.
        call.headers.retain(|(name, _)| name != "sec-fetch-site");
        call.cookies.clear();
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return of_gateway(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    call.body = body.to_vec();
    let event = api_gateway_event(&call, inside.now());
    let function = inside.function(found.route.function);
    let answered = gateway::invoke(function, event, inside.clock.milliseconds()).await;
    inside.note_change();
    match answered {
        Ok(reply) => of_function(reply),
        Err(error) => {
            (inside.report)(&format!("{}: {error}", found.route.function.as_str()));
            of_gateway(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

/// A request as a call, without its body.
pub(crate) fn call_of(parts: &Parts) -> HttpCall {
    let mut call = HttpCall::new(parts.method.as_str(), parts.uri.path());
    call.query = parts.uri.query().unwrap_or_default().to_owned();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if name == header::COOKIE {
            let cookies = value.split(';').map(str::trim).map(str::to_owned);
            call.cookies
                .extend(cookies.filter(|cookie| !cookie.is_empty()));
        } else {
            call.headers.push((name.as_str().to_owned(), value));
        }
    }
    call
}

/// The one `Authorization` header's token, with or without the word `Bearer`.
fn bearer(call: &HttpCall) -> Option<&str> {
    let mut headers = call
        .headers
        .iter()
        .filter(|(name, _)| name == "authorization");
    let (_, value) = headers.next()?;
    if headers.next().is_some() {
        return None;
    }
    match value.split_once(' ') {
        Some((word, token)) => word.eq_ignore_ascii_case("bearer").then_some(token.trim()),
        None => Some(value),
    }
}

/// An answer of API Gateway's own.
pub(crate) fn of_gateway(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

pub(crate) fn of_function(reply: Reply) -> Response {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        if !NOT_PASSED_ON.contains(&name.as_str()) {
            builder = builder.header(name, value);
        }
    }
    for cookie in &reply.cookies {
        builder = builder.header(header::SET_COOKIE, cookie);
    }
    builder
        .body(Body::from(reply.body))
        .unwrap_or_else(|_| of_gateway(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
}
