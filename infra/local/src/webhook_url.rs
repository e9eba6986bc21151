//! The webhooks' function URL. Its function does not exist yet, and says so.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;

use crate::own::refusal;

/// Answers every request with 501.
pub(crate) fn router() -> Router {
    Router::new().fallback(|| async { not_built_yet() })
}

fn not_built_yet() -> Response {
    refusal(
        StatusCode::NOT_IMPLEMENTED,
        "webhooks_not_built",
        "The function that receives Meta's webhooks is not built yet; its address is kept free for it.",
    )
}
