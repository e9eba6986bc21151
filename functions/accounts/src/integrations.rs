//! A company's integrations at a glance, for a settings page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use shared::account::Account;
use shared::app::App;
use shared::http::{Caller, Problem};
use shared::table::overview::Overview;
use utoipa::ToSchema;

/// The integrations by platform.
#[derive(Serialize, ToSchema)]
pub(crate) struct Integrations {
    /// All Instagram accounts of the company.
    instagram: Integration,
}

/// How it stands with one platform.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Integration {
    /// `connected`: at least one account works; `needs_attention`: none does, and a person can mend that;
    /// `disconnected`: there is none.
    status: IntegrationStatus,
    /// The newest account that works.
    connected_account: Option<ConnectedAccount>,
    /// Its profile.
    profile: Option<ConnectedProfile>,
    /// When its token runs out.
    expires_at: Option<Timestamp>,
    /// Whether any account's token has ten days or less left.
    #[schema(example = false)]
    needs_refresh: bool,
    /// How many accounts are connected, those in trouble among them.
    #[schema(example = 1)]
    accounts: usize,
}

/// What a settings page shows: computed from the accounts' states, stored nowhere.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum IntegrationStatus {
    /// At least one account works.
    Connected,
    /// None works, and a person can mend that.
    NeedsAttention,
    /// There is none.
    Disconnected,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectedAccount {
    /// Ours.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    id: String,
    /// Without `@`.
    #[schema(example = "corner.bakery")]
    username: Option<String>,
    /// The company's own name for it, or Instagram's.
    #[schema(example = "Corner Bakery")]
    display_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectedProfile {
    /// Without `@`.
    #[schema(example = "corner.bakery")]
    username: Option<String>,
    /// The company's own name for it, or Instagram's.
    #[schema(example = "Corner Bakery")]
    display_name: Option<String>,
    /// How many follow it.
    #[schema(example = 1840)]
    followers: Option<u64>,
    /// Meta's CDN; it expires.
    #[schema(example = "https://cdn.example.com/corner.bakery.jpg")]
    profile_picture_url: Option<String>,
    /// As on the profile.
    #[schema(example = "Bread since 1921.")]
    biography: Option<String>,
    /// As on the profile.
    #[schema(example = "https://bakery.example.com")]
    website: Option<String>,
}

/// Says how the company's Instagram accounts stand, taken together, for a settings page.
#[utoipa::path(get, path = "/integrations", responses(
    (status = 200, description = "The integrations by platform.", body = Integrations),
))]
pub(crate) async fn get_integrations(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Integrations>, Problem> {
    let overview = app
        .table
        .overview_of_company(&caller.company, app.clock.now())
        .await?;
    let newest = match &overview.newest_working {
        Some(id) => app.table.account(id).await?,
        None => None,
    };
    Ok(Json(Integrations {
        instagram: Integration::new(&overview, newest),
    }))
}

impl Integration {
    fn new(overview: &Overview, newest: Option<Account>) -> Self {
        let status = match &newest {
            Some(_) => IntegrationStatus::Connected,
            None if overview.in_trouble => IntegrationStatus::NeedsAttention,
            None => IntegrationStatus::Disconnected,
        };
        Self {
            status,
            expires_at: newest.as_ref().and_then(|account| account.token_expires_at),
            connected_account: newest.as_ref().map(ConnectedAccount::of),
            profile: newest.map(ConnectedProfile::of),
            needs_refresh: overview.needs_refresh,
            accounts: overview.connected,
        }
    }
}

impl ConnectedAccount {
    fn of(account: &Account) -> Self {
        Self {
            id: account.id.clone(),
            username: account.username.clone(),
            display_name: account.display_name.clone(),
        }
    }
}

impl ConnectedProfile {
    fn of(account: Account) -> Self {
        Self {
            username: account.username,
            display_name: account.display_name,
            followers: account.follower_count,
            profile_picture_url: account.profile_picture_url,
            biography: account.biography,
            website: account.website,
        }
    }
}
