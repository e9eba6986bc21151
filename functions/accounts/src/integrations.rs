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

/// The integrations by platform.
#[derive(Serialize)]
pub(crate) struct Integrations {
    instagram: Integration,
}

/// How it stands with one platform.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Integration {
    status: IntegrationStatus,
    /// The newest account that works.
    connected_account: Option<ConnectedAccount>,
    /// Its profile.
    profile: Option<ConnectedProfile>,
    /// When its token runs out.
    expires_at: Option<Timestamp>,
    /// Whether any account's token has ten days or less left.
    needs_refresh: bool,
    /// How many accounts are connected, those in trouble among them.
    accounts: usize,
}

/// What a settings page shows: computed from the accounts' states, stored nowhere.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum IntegrationStatus {
    /// At least one account works.
    Connected,
    /// None works, and a person can mend that.
    NeedsAttention,
    /// There is none.
    Disconnected,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectedAccount {
    id: String,
    username: Option<String>,
    display_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectedProfile {
    username: Option<String>,
    display_name: Option<String>,
    followers: Option<u64>,
    profile_picture_url: Option<String>,
    biography: Option<String>,
    website: Option<String>,
}

/// `GET /integrations`: how the company's Instagram accounts stand, taken together.
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
