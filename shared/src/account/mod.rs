//! The account: one Instagram professional account, connected to one company.
//!
//! [`Account`] is what is stored, [`AccountView`] what a caller sees. Status changes go through the methods here, so
//! that every one leaves the record consistent.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::graph::{AccountType, ErrorKind, LoginKind, Profile};
use crate::policy;

mod view;

pub use view::AccountView;

/// The only platform so far; records name it so that others can join.
pub const PLATFORM: &str = "instagram";

/// What state an account is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Works.
    Active,
    /// Its token ran out or was declared dead: a person must connect it again.
    TokenExpired,
    /// The person removed the app on Instagram.
    Revoked,
    /// A user of the company disconnected it.
    Disconnected,
    /// Instagram takes no calls for it until a stated time.
    RateLimited,
    /// Something else keeps it from working; `statusReason` says what and who must act.
    Error,
}

impl Status {
    /// Those that a connected account may have.
    pub const OF_CONNECTED: [Status; 5] = [
        Status::Active,
        Status::TokenExpired,
        Status::Revoked,
        Status::RateLimited,
        Status::Error,
    ];

    /// The status as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::TokenExpired => "token_expired",
            Status::Revoked => "revoked",
            Status::Disconnected => "disconnected",
            Status::RateLimited => "rate_limited",
            Status::Error => "error",
        }
    }

    /// Reads the API's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Status::Active,
            Status::TokenExpired,
            Status::Revoked,
            Status::Disconnected,
            Status::RateLimited,
            Status::Error,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }

    /// Whether only a person can bring the connection back, by connecting again.
    pub fn is_dead(self) -> bool {
        matches!(
            self,
            Status::TokenExpired | Status::Revoked | Status::Disconnected
        )
    }

    /// What a stored status has become by `now`, with the token's expiry and the end of a rate limit.
    pub fn at(
        self,
        now: Timestamp,
        token_expires_at: Option<Timestamp>,
        blocked_until: Option<Timestamp>,
    ) -> Self {
        let expired = token_expires_at.is_some_and(|expiry| expiry <= now);
        let blocked = blocked_until.is_some_and(|until| until > now);
        match self {
            Status::Active | Status::RateLimited | Status::Error if expired => Status::TokenExpired,
            Status::RateLimited if !blocked => Status::Active,
            status => status,
        }
    }
}

/// How it stands with an account's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// More than ten days left.
    Valid,
    /// Ten days or less left.
    Expiring,
    /// Ran out.
    Expired,
    /// Declared dead by Instagram, or destroyed by us.
    Revoked,
    /// No expiry is known.
    Unknown,
}

/// Why something about an account failed last, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Stable code, from the error catalogue or ours.
    #[schema(example = "token_expired")]
    pub code: String,
    /// A sentence for a person.
    #[schema(example = "The connection to Instagram has ended. Connect the account again.")]
    pub message: String,
    /// When it happened.
    #[schema(example = "2027-01-20T09:14:18.185Z")]
    pub at: Timestamp,
}

/// Usage of Instagram's rate limits, as its last answer told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rate {
    /// Percent used, 100 and more means blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12)]
    pub usage_percent: Option<u32>,
    /// When Instagram told that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-21T09:14:18Z")]
    pub usage_at: Option<Timestamp>,
    /// Until when Instagram takes no calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-21T10:14:18Z")]
    pub blocked_until: Option<Timestamp>,
}

/// Why Instagram publishes nothing for an account, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishingPause {
    /// When it is tried again.
    pub until: Timestamp,
    /// Why.
    pub reason: Failure,
}

impl PublishingPause {
    /// Whether a person has to act before anything can be published.
    pub fn needs_person(&self) -> bool {
        ErrorKind::ALL
            .iter()
            .any(|kind| kind.code() == self.reason.code && kind.row().effect.needs_a_person())
    }
}

/// The stored record of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// UUID, ours.
    pub id: String,
    /// The company it belongs to; from the caller's JWT.
    pub company: String,
    /// The user who connected it first.
    pub created_by: String,
    /// Always [`PLATFORM`].
    pub platform: String,
    /// Which login its token came from.
    pub login: LoginKind,
    /// Instagram's professional account id, digits.
    pub platform_account_id: String,
    /// Instagram's id of the account within our app, digits: Meta's callbacks may name it.
    pub app_scoped_id: String,
    /// Without `@`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The company's own name for it; Instagram's name until someone sets one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Instagram's name of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Meta's CDN; it expires, so it is read again with each sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_picture_url: Option<String>,
    /// As on the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub biography: Option<String>,
    /// As on the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// Followers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follower_count: Option<u64>,
    /// Accounts followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub following_count: Option<u64>,
    /// Media published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_count: Option<u64>,
    /// Business or creator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_type: Option<String>,
    /// Absent: the API with Instagram Login does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_verified: Option<bool>,
    /// Only with the Facebook login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facebook_page_id: Option<String>,
    /// The company's customer that it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What state it is in.
    pub status: Status,
    /// Why: a stable code and a sentence. Absent while active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<Failure>,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Scopes that were asked for and not granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_scopes: Vec<String>,
    /// When it was connected, last time.
    pub connected_at: Timestamp,
    /// When its token runs out; absent once the token is destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<Timestamp>,
    /// When its token was refreshed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_token_refresh_at: Option<Timestamp>,
    /// Why the last refresh failed; absent after one that worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_token_refresh_error: Option<Failure>,
    /// When the token is refreshed next; absent while no refresh is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_refresh_at: Option<Timestamp>,
    /// When it was told that the token could not be refreshed for days: once for each token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_risk_since: Option<Timestamp>,
    /// When Instagram first doubted the token in a way that is not believed at once: one of two signals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_suspect_since: Option<Timestamp>,
    /// When the person removed the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deauthorized_at: Option<Timestamp>,
    /// When its profile was read last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_at: Option<Timestamp>,
    /// When Instagram last told of something that happened, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_at: Option<Timestamp>,
    /// Why the last sync failed; absent after one that worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Instagram's rate limits.
    #[serde(default)]
    pub rate: Rate,
    /// Why posts wait that are due; reading goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishing_paused: Option<PublishingPause>,
    /// Webhook fields it is subscribed to; empty when the subscription has not worked yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook_fields: Vec<String>,
    /// Schedules or webhook subscription are not made yet: the next sync completes them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub setup_pending: bool,
    /// Rises with each token: the fence of the vault.
    pub token_generation: u64,
    /// The vault's page that holds its token; absent once the token is destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_page: Option<String>,
    /// Rises with each (re)connect: what was begun for an earlier connection stops.
    pub connection_generation: u64,
    /// Rises with each write: the condition of every write.
    pub version: u64,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the record was written last.
    pub updated_at: Timestamp,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What a login yields: whose account it is, and with which token it works.
#[derive(Clone, Debug)]
pub struct Connection<'a> {
    /// The company that connects it.
    pub company: &'a str,
    /// The user who connects it.
    pub user: &'a str,
    /// Which login.
    pub login: LoginKind,
    /// Who the account is.
    pub profile: &'a Profile,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
    /// The vault's page that takes the token.
    pub page: String,
    /// When the token runs out.
    pub token_expires_at: Timestamp,
}

impl Account {
    /// A record for an account that was never connected.
    pub fn new(id: String, connection: Connection<'_>, now: Timestamp) -> Self {
        let mut account = Self {
            id,
            company: connection.company.to_owned(),
            created_by: connection.user.to_owned(),
            platform: PLATFORM.into(),
            login: connection.login,
            platform_account_id: connection.profile.ig_user_id.clone(),
            app_scoped_id: connection.profile.app_scoped_id.clone(),
            username: None,
            display_name: None,
            name: None,
            profile_picture_url: None,
            biography: None,
            website: None,
            follower_count: None,
            following_count: None,
            media_count: None,
            account_type: None,
            is_verified: None,
            facebook_page_id: None,
            client_id: None,
            status: Status::Active,
            status_reason: None,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            connected_at: now,
            token_expires_at: None,
            last_token_refresh_at: None,
            last_token_refresh_error: None,
            next_refresh_at: None,
            at_risk_since: None,
            token_suspect_since: None,
            deauthorized_at: None,
            last_sync_at: None,
            last_event_at: None,
            error: None,
            rate: Rate::default(),
            publishing_paused: None,
            webhook_fields: Vec::new(),
            setup_pending: true,
            token_generation: 0,
            token_page: None,
            connection_generation: 0,
            version: 0,
            created_at: now,
            updated_at: now,
        };
        account.connect(connection, now);
        account
    }

    /// Takes a new connection over: a new token, a clean state. What people set and what happened stays.
    pub fn connect(&mut self, connection: Connection<'_>, now: Timestamp) {
        self.login = connection.login;
        self.app_scoped_id
            .clone_from(&connection.profile.app_scoped_id);
        self.apply_profile(connection.profile);
        self.status = Status::Active;
        self.status_reason = None;
        self.scopes = connection.scopes;
        self.missing_scopes = connection.missing_scopes;
        self.connected_at = now;
        self.token_expires_at = Some(connection.token_expires_at);
        self.token_page = Some(connection.page);
        self.last_token_refresh_at = None;
        self.last_token_refresh_error = None;
        self.next_refresh_at = None;
        self.at_risk_since = None;
        self.token_suspect_since = None;
        self.deauthorized_at = None;
        self.last_sync_at = Some(now);
        self.error = None;
        self.rate = Rate::default();
        self.publishing_paused = None;
        self.webhook_fields.clear();
        self.setup_pending = true;
        self.token_generation += 1;
        self.connection_generation += 1;
        self.version += 1;
        self.updated_at = now;
    }

    /// Takes over what Instagram says about the account.
    pub fn apply_profile(&mut self, profile: &Profile) {
        let profile = &shortened(profile);
        if self.display_name.is_none() || self.display_name == self.name {
            self.display_name.clone_from(&profile.name);
        }
        self.username.clone_from(&profile.username);
        self.name.clone_from(&profile.name);
        self.profile_picture_url
            .clone_from(&profile.profile_picture_url);
        self.biography.clone_from(&profile.biography);
        self.website.clone_from(&profile.website);
        self.follower_count = profile.followers_count;
        self.following_count = profile.follows_count;
        self.media_count = profile.media_count;
        self.account_type = profile.account_type.as_ref().map(account_type_name);
    }

    /// Whether it has a token that we may use.
    pub fn is_connected(&self) -> bool {
        self.token_page.is_some()
    }

    /// Whether its token lives, so that it must be refreshed in time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.is_connected() && !self.status_at(now).is_dead()
    }

    /// How it stands with the token at `now`.
    pub fn token_status(&self, now: Timestamp) -> TokenStatus {
        match (self.status, self.token_expires_at) {
            (Status::Revoked | Status::Disconnected, _) => TokenStatus::Revoked,
            (Status::TokenExpired, _) => TokenStatus::Expired,
            (_, None) => TokenStatus::Unknown,
            (_, Some(expiry)) if expiry <= now => TokenStatus::Expired,
            (_, Some(_)) if self.needs_refresh(now) => TokenStatus::Expiring,
            (_, Some(_)) => TokenStatus::Valid,
        }
    }

    /// Whether ten days or less are left.
    pub fn needs_refresh(&self, now: Timestamp) -> bool {
        self.token_expires_at
            .is_some_and(|expiry| expiry.duration_since(now) <= policy::REFRESH_BEFORE_EXPIRY)
    }

    /// The status at `now`: a token runs out by itself, and a rate limit ends by itself. The filters of
    /// `table::accounts` say the same in DynamoDB's words.
    pub fn status_at(&self, now: Timestamp) -> Status {
        self.status
            .at(now, self.token_expires_at, self.rate.blocked_until)
    }

    /// Until when Instagram takes no calls for it, whatever else is the matter with it; `None`: it takes them.
    pub fn blocked_until_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.rate.blocked_until.filter(|until| *until > now)
    }

    /// The reason that goes with [`Account::status_at`].
    pub fn status_reason_at(&self, now: Timestamp) -> Option<Failure> {
        let status = self.status_at(now);
        if status == self.status {
            return self.status_reason.clone();
        }
        match (status, self.token_expires_at) {
            (Status::TokenExpired, Some(expiry)) => Some(Failure {
                code: "token_expired".into(),
                message: "The connection to Instagram ran out. Connect the account again.".into(),
                at: expiry,
            }),
            _ => None,
        }
    }

    /// Why posts wait at `now`: a pause ends by itself.
    pub fn publishing_pause_at(&self, now: Timestamp) -> Option<&PublishingPause> {
        self.publishing_paused
            .as_ref()
            .filter(|pause| pause.until > now)
    }

    /// Ends a state that a working call disproves: Instagram answered with this token.
    pub fn mark_working(&mut self) {
        self.token_suspect_since = None;
        if self.status.is_dead() {
            // Its schedules may be gone: the audit plans it anew.
            self.next_refresh_at = None;
        }
        if self.status != Status::Disconnected {
            self.status = Status::Active;
            self.status_reason = None;
            self.rate.blocked_until = None;
            self.deauthorized_at = None;
        }
    }

    /// Removes every trace of a token from the record: the vault has destroyed it.
    pub fn clear_token(&mut self) {
        self.token_page = None;
        self.token_expires_at = None;
        self.next_refresh_at = None;
        self.token_suspect_since = None;
    }

    /// How much of the token's life is left at `now`.
    pub fn token_time_left(&self, now: Timestamp) -> Option<SignedDuration> {
        self.token_expires_at
            .map(|expiry| expiry.duration_since(now))
    }
}

/// Instagram's own limits are far below; a record of DynamoDB has at most 400 KB.
const LONGEST_TEXT: usize = 4_096;

/// The profile with texts that fit a record, whatever Instagram sends.
fn shortened(profile: &Profile) -> Profile {
    let mut profile = profile.clone();
    for text in [
        &mut profile.username,
        &mut profile.name,
        &mut profile.profile_picture_url,
        &mut profile.biography,
        &mut profile.website,
    ]
    .into_iter()
    .flatten()
    {
        if text.chars().count() > LONGEST_TEXT {
            *text = text.chars().take(LONGEST_TEXT).collect();
        }
    }
    profile
}

fn account_type_name(kind: &AccountType) -> String {
    match kind {
        AccountType::Business => "business".into(),
        AccountType::Creator => "creator".into(),
        AccountType::Personal => "personal".into(),
        AccountType::Other(text) => text.to_lowercase(),
    }
}
