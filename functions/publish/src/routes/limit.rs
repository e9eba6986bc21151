//! How many posts an account may still publish.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::app::App;
use shared::graph::Endpoint;
use shared::http::{OwnAccount, Problem};
use shared::openapi::of_instagram;
use shared::reading::refuse_while_blocked;
use shared::vault::VaultError;
use utoipa::ToSchema;

/// What Instagram says of the account's quota.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitView {
    /// Posts in the window so far.
    #[schema(example = 2)]
    used: u64,
    /// Posts that the window takes; `null` where Instagram does not say.
    #[schema(example = 50)]
    total: Option<u64>,
    /// Length of the window, seconds; `null` where Instagram does not say.
    #[schema(example = 86400)]
    window_seconds: Option<u64>,
}

/// Says how many posts an account may still publish, asked of Instagram at this moment.
#[utoipa::path(get, path = "/instagram/accounts/{id}/publishing-limit", responses(
    (status = 200, description = "What Instagram says of the quota.", body = LimitView),
    LimitRefusals,
))]
pub(crate) async fn get_publishing_limit(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
) -> Result<Json<LimitView>, Problem> {
    let now = app.clock.now();
    if !account.is_live(now) {
        return Err(Problem::account_not_connected());
    }
    refuse_while_blocked(&account, now)?;
    let token = app.vault.token(&account).await?;
    let answered = app
        .graph
        .for_login(account.login)
        .publishing_limit(&token, &account.platform_account_id)
        .await?;
    Ok(Json(LimitView {
        used: answered.value.used,
        total: answered.value.total,
        window_seconds: answered.value.window_seconds,
    }))
}

shared::refusals!(
    /// Why the quota cannot be asked for.
    pub(crate) LimitRefusals: {
        let of_ours = [Problem::account_not_connected(), Problem::from(VaultError::Missing), Problem::from(VaultError::Damaged)];
        let of_instagram = of_instagram(&[Endpoint::PublishingLimit]);
        of_ours.into_iter().chain(of_instagram.into_iter().map(Problem::from)).collect::<Vec<_>>()
    }
);
