//! The one field of a form that Meta signs: `signed_request`.

use std::sync::Arc;

use axum::extract::Request;
use shared::app::App;
use shared::http::{Problem, body_bytes};
use shared::signed_request::{self, SignedRequest};

/// The signed request of a form. Nothing is written and nothing is logged before its signature is found good.
///
/// # Errors
/// 400 for whatever must not be believed, without a difference; 413; 503 where the app's secret cannot be read.
pub(crate) async fn read(app: &Arc<App>, request: Request) -> Result<SignedRequest, Problem> {
    let body = body_bytes(request, app.config.api.body_limit).await?;
    let field = url::form_urlencoded::parse(&body).find(|(name, _)| name == "signed_request");
    let (_, text) = field.ok_or_else(refused)?;
    let secrets = app.app_secrets().await?;
    // Meta does not say whether the Instagram app's or the Meta app's secret signs.
    let secrets = secrets
        .instagram_app_secrets
        .iter()
        .chain(&secrets.meta_app_secrets);
    signed_request::verify(&text, secrets, app.clock.now()).map_err(|_| refused())
}

fn refused() -> Problem {
    Problem::bad_request(
        "invalid_signed_request",
        "Send a form with `signed_request`, signed with the app's secret.",
    )
}
