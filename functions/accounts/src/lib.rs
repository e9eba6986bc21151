//! Lists and manages connected accounts, and says whether the service itself works.

mod account;
mod health;
mod history;
mod integrations;
mod lifecycle;
mod list;
mod sync;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use shared::app::App;

/// The function's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/instagram/accounts", get(list::list_accounts))
        .route(
            "/instagram/accounts/expiring",
            get(list::list_expiring_accounts),
        )
        .route(
            "/instagram/accounts/{id}",
            get(account::get_account)
                .patch(account::update_account)
                .delete(lifecycle::delete_account),
        )
        .route(
            "/instagram/accounts/{id}/disconnect",
            post(lifecycle::disconnect_account),
        )
        .route("/instagram/accounts/{id}/sync", post(sync::sync_account))
        .route(
            "/instagram/accounts/{id}/refresh-status",
            post(sync::check_account_status),
        )
        .route(
            "/instagram/accounts/{id}/timeline",
            get(history::list_timeline),
        )
        .route(
            "/instagram/accounts/{id}/sync-log",
            get(history::list_sync_log),
        )
        .route("/integrations", get(integrations::get_integrations))
        .route("/health", get(health::get_health))
        .route("/ready", get(health::get_readiness))
}
