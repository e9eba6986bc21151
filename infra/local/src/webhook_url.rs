//! The webhooks' function URL: makes the event that Lambda gets of a request, and hands it to the function.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use world::gateway::{self, function_url_event};

use crate::api::{call_of, of_function, of_gateway};
use crate::routes::FunctionName;
use crate::stack::Inside;

/// What Lambda takes.
const BODY_LIMIT: usize = 6 * 1024 * 1024;

/// Answers every request by the function.
pub(crate) fn router() -> Router<Arc<Inside>> {
    Router::new().fallback(answer)
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut call = call_of(&parts);
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return of_gateway(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    call.body = body.to_vec();
    let event = function_url_event(&call, inside.now());
    let function = inside.function(FunctionName::Webhooks);
    let answered = gateway::invoke(function, event, inside.clock.milliseconds()).await;
    inside.note_change();
    let response = match answered {
        Ok(reply) => of_function(reply),
        Err(error) => {
            (inside.report)(&format!("webhooks: {error}"));
            of_gateway(StatusCode::BAD_GATEWAY, "Internal Server Error")
        }
    };
    // Never the query: it may hold the verify token.
    (inside.report)(&format!(
        "webhooks: {} {} → {}",
        call.method,
        call.path,
        response.status().as_u16()
    ));
    response
}
