//! An account as a caller sees it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Account, Failure, PublishingPause, Rate, Status, TokenStatus};
use crate::graph::LoginKind;

/// What a caller sees of an account: never the company, the token's data or the version.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// UUID, ours.
    #[schema(example = "a3972e6e-ff59-4209-923f-9658e29f68ec")]
    pub id: String,
    /// `instagram`.
    #[schema(example = "instagram")]
    pub platform: String,
    /// Which login its token came from.
    pub login: LoginKind,
    /// Instagram's professional account id, digits.
    #[schema(example = "17841486648000001")]
    pub platform_account_id: String,
    /// Without `@`.
    #[schema(example = "corner.bakery")]
    pub username: Option<String>,
    /// The company's own name for it, or Instagram's.
    #[schema(example = "Corner Bakery")]
    pub display_name: Option<String>,
    /// Meta's CDN; it expires.
    #[schema(example = "https://cdn.example.com/corner.bakery.jpg")]
    pub profile_picture_url: Option<String>,
    /// As on the profile.
    #[schema(example = "Bread since 1921.")]
    pub biography: Option<String>,
    /// As on the profile.
    #[schema(example = "https://bakery.example.com")]
    pub website: Option<String>,
    /// Followers.
    #[schema(example = 1840)]
    pub follower_count: Option<u64>,
    /// Accounts followed.
    #[schema(example = 210)]
    pub following_count: Option<u64>,
    /// Media published.
    #[schema(example = 312)]
    pub media_count: Option<u64>,
    /// `business` or `creator`.
    #[schema(example = "business")]
    pub account_type: Option<String>,
    /// `null` where Instagram does not tell.
    pub is_verified: Option<bool>,
    /// Only with the Facebook login.
    pub facebook_page_id: Option<String>,
    /// The company's customer that it is assigned to.
    #[schema(example = "client-7")]
    pub client_id: Option<String>,
    /// What state it is in.
    pub status: Status,
    /// Why; `null` while active.
    pub status_reason: Option<Failure>,
    /// How it stands with the token.
    pub token_status: TokenStatus,
    /// Whether ten days or less are left.
    pub needs_refresh: bool,
    /// Granted scopes.
    #[schema(example = json!(["instagram_business_basic", "instagram_business_content_publish"]))]
    pub scopes: Vec<String>,
    /// Scopes that were asked for and not granted.
    #[schema(example = json!([]))]
    pub missing_scopes: Vec<String>,
    /// When it was connected, last time.
    #[schema(example = "2026-11-21T09:14:18.206Z")]
    pub connected_at: Timestamp,
    /// When its token runs out.
    #[schema(example = "2027-01-20T09:14:18.185Z")]
    pub token_expires_at: Option<Timestamp>,
    /// When its token was refreshed last.
    pub last_token_refresh_at: Option<Timestamp>,
    /// Why the last refresh failed.
    pub last_token_refresh_error: Option<Failure>,
    /// When it is refreshed next; `null` while no refresh is planned, since a person must connect it again.
    #[schema(example = "2027-01-10T06:07:45Z")]
    pub next_refresh_at: Option<Timestamp>,
    /// When the person removed the app.
    pub deauthorized_at: Option<Timestamp>,
    /// When its profile was read last.
    #[schema(example = "2026-11-21T09:14:18.206Z")]
    pub last_sync_at: Option<Timestamp>,
    /// When Instagram last told of a comment, a message or anything else that happened: renewed once an hour at most.
    #[schema(example = "2026-11-21T10:14:18Z")]
    pub last_event_at: Option<Timestamp>,
    /// Why the last sync failed.
    pub error: Option<Failure>,
    /// Instagram's rate limits.
    pub rate: Rate,
    /// Why posts wait that are due, and until when; `null` while they do not.
    pub publishing_paused: Option<PublishingPause>,
    /// Webhook fields it is subscribed to.
    #[schema(example = json!(["comments", "messages"]))]
    pub webhook_fields: Vec<String>,
    /// When the record was made.
    #[schema(example = "2026-11-21T09:14:18.206Z")]
    pub created_at: Timestamp,
    /// When the record was written last.
    #[schema(example = "2026-11-21T09:15:18.311Z")]
    pub updated_at: Timestamp,
}

impl AccountView {
    /// What a caller sees of `account` at `now`.
    pub fn new(account: Account, now: Timestamp) -> Self {
        Self {
            publishing_paused: account.publishing_pause_at(now).cloned(),
            next_refresh_at: account.next_refresh_at.filter(|_| account.is_live(now)),
            status: account.status_at(now),
            status_reason: account.status_reason_at(now),
            token_status: account.token_status(now),
            needs_refresh: account.needs_refresh(now),
            id: account.id,
            platform: account.platform,
            login: account.login,
            platform_account_id: account.platform_account_id,
            username: account.username,
            display_name: account.display_name,
            profile_picture_url: account.profile_picture_url,
            biography: account.biography,
            website: account.website,
            follower_count: account.follower_count,
            following_count: account.following_count,
            media_count: account.media_count,
            account_type: account.account_type,
            is_verified: account.is_verified,
            facebook_page_id: account.facebook_page_id,
            client_id: account.client_id,
            scopes: account.scopes,
            missing_scopes: account.missing_scopes,
            connected_at: account.connected_at,
            token_expires_at: account.token_expires_at,
            last_token_refresh_at: account.last_token_refresh_at,
            last_token_refresh_error: account.last_token_refresh_error,
            deauthorized_at: account.deauthorized_at,
            last_sync_at: account.last_sync_at,
            last_event_at: account.last_event_at,
            error: account.error,
            rate: account.rate,
            webhook_fields: account.webhook_fields,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}
