//! The routes of posts, templates and limits.

mod bulk;
mod limit;
mod list;
mod new_post;
mod own;
mod post;
mod templates;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post as on_post};
use shared::app::App;

/// All of them.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/instagram/accounts/{id}/posts",
            get(list::list_posts).post(new_post::create_post),
        )
        .route(
            "/instagram/accounts/{id}/posts/bulk",
            on_post(bulk::create_posts),
        )
        .route(
            "/instagram/accounts/{id}/posts/preflight",
            on_post(new_post::check_post),
        )
        .route(
            "/instagram/accounts/{id}/posts/{postId}",
            get(post::get_post)
                .patch(post::update_post)
                .delete(post::cancel_post),
        )
        .route(
            "/instagram/accounts/{id}/posts/{postId}/retry",
            on_post(post::retry_post),
        )
        .route(
            "/instagram/accounts/{id}/posts/{postId}/duplicate",
            on_post(post::duplicate_post),
        )
        .route(
            "/instagram/accounts/{id}/posts/{postId}/timeline",
            get(list::list_post_timeline),
        )
        .route(
            "/instagram/accounts/{id}/publishing-limit",
            get(limit::get_publishing_limit),
        )
        .route(
            "/templates",
            get(templates::list_templates).post(templates::create_template),
        )
        .route(
            "/templates/{templateId}",
            get(templates::get_template)
                .patch(templates::update_template)
                .delete(templates::delete_template),
        )
}
