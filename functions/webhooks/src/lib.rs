//! Receives what Meta sends, at an address that anybody can reach: the signature is the lock.

mod deauthorize;
mod deletion;
mod signed;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use shared::app::App;

/// What a function URL takes: Meta's calls, and a person who looks after a deletion.
pub fn routes_of_url() -> Router<Arc<App>> {
    Router::new()
        .route("/deauthorize", post(deauthorize::deauthorize))
        .route("/data-deletion", post(deletion::request_deletion))
        .route("/data-deletion/{code}", get(status::show_deletion))
}
