//! The people who have an Instagram account here, and the ways their tokens can die.

use serde::{Deserialize, Serialize};

use crate::history::History;

/// What kind of Instagram account a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// A professional account of a business.
    Business,
    /// A professional account of a creator.
    MediaCreator,
    /// Not professional: Meta's API is not meant for it.
    Personal,
}

/// Someone with an Instagram account. Two empty ids are filled in when the person is added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// The handle: lower-case letters, digits, dots and underscores.
    pub username: String,
    /// The display name, free text.
    pub name: String,
    /// Business, creator or personal.
    pub account_type: AccountType,
    /// The id of the professional account: `user_id` of `/me`, the one in paths and in webhooks. Digits.
    pub ig_user_id: String,
    /// The id that only this app sees: `id` of `/me`. Digits.
    pub app_scoped_id: String,
    /// The text on the profile.
    pub biography: String,
    /// The link on the profile.
    pub website: String,
    /// How many follow this person.
    pub followers_count: u64,
    /// How many this person follows.
    pub follows_count: u64,
    /// How many media the profile shows besides those that were published through the API.
    pub media_count: u64,
    /// `None`: the picture that the simulator draws itself.
    pub profile_picture_url: Option<String>,
    /// Whether an app in development lets this person in (administrator, developer or tester).
    pub role_on_app: bool,
    /// Fields that `/me` leaves out for this person although they were asked for.
    pub absent_fields: Vec<String>,
    /// How many media may be published through the API in 24 hours.
    pub publishing_quota: u64,
    /// How many containers may be made in 24 hours.
    pub container_quota: u64,
    /// How much of the calls for this account is used up. From 100 on, calls are refused with code 80002.
    pub usage_percent: u32,
    /// The wait in minutes that is announced while `usage_percent` is 100 or more.
    pub regain_minutes: u32,
    /// Calls are refused with code 80002 until this time (milliseconds since the epoch).
    pub blocked_until_ms: Option<i64>,
    /// What the account did before; without one it has what was published through the API, and figures that were set.
    pub history: Option<History>,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            username: String::new(),
            name: String::new(),
            account_type: AccountType::Business,
            ig_user_id: String::new(),
            app_scoped_id: String::new(),
            biography: String::new(),
            website: String::new(),
            followers_count: 120,
            follows_count: 45,
            media_count: 0,
            profile_picture_url: None,
            role_on_app: true,
            absent_fields: Vec::new(),
            publishing_quota: 50,
            container_quota: 400,
            usage_percent: 0,
            regain_minutes: 30,
            blocked_until_ms: None,
            history: None,
        }
    }
}

impl Person {
    /// A person with a business account.
    #[must_use]
    pub fn business(username: &str) -> Self {
        Self::with_type(username, AccountType::Business)
    }

    /// A person with a creator account.
    #[must_use]
    pub fn creator(username: &str) -> Self {
        Self::with_type(username, AccountType::MediaCreator)
    }

    /// A person without a professional account.
    #[must_use]
    pub fn personal(username: &str) -> Self {
        Self::with_type(username, AccountType::Personal)
    }

    /// The same person with another display name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The same person with another text on the profile.
    #[must_use]
    pub fn with_biography(mut self, biography: &str) -> Self {
        self.biography = biography.to_owned();
        self
    }

    /// The same person with so many followers.
    #[must_use]
    pub fn with_followers(mut self, followers_count: u64) -> Self {
        self.followers_count = followers_count;
        self
    }

    /// The same person with chosen ids, both digits only.
    #[must_use]
    pub fn with_ids(mut self, ig_user_id: &str, app_scoped_id: &str) -> Self {
        self.ig_user_id = ig_user_id.to_owned();
        self.app_scoped_id = app_scoped_id.to_owned();
        self
    }

    /// The same person without a role on any app: an app in development does not let them in.
    #[must_use]
    pub fn without_role(mut self) -> Self {
        self.role_on_app = false;
        self
    }

    /// The same person with a past.
    #[must_use]
    pub fn with_history(mut self, history: History) -> Self {
        self.history = Some(history);
        self
    }

    fn with_type(username: &str, account_type: AccountType) -> Self {
        Self {
            username: username.to_owned(),
            name: username.replace(['.', '_'], " "),
            account_type,
            ..Self::default()
        }
    }

    /// How many follow at this time.
    pub(crate) fn followers_at(&self, now_ms: i64) -> u64 {
        let count = self.followers_count;
        let history = self.history.as_ref();
        history.map_or(count, |history| history.followers_at(count, now_ms))
    }

    /// What is wrong with this person, in a sentence, or nothing.
    pub(crate) fn complaint(&self) -> Option<String> {
        let username_is_fine = (1..=30).contains(&self.username.len())
            && self
                .username
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_'))
            && self
                .username
                .bytes()
                .any(|byte| byte.is_ascii_alphanumeric());
        if !username_is_fine {
            return Some(
                "username: 1 to 30 of a-z, 0-9, dot and underscore, with a letter or a digit among them".to_owned(),
            );
        }
        if let Some(complaint) = self.history.as_ref().and_then(History::complaint) {
            return Some(complaint);
        }
        for (member, id) in [
            ("ig_user_id", &self.ig_user_id),
            ("app_scoped_id", &self.app_scoped_id),
        ] {
            let digits = id.bytes().all(|byte| byte.is_ascii_digit());
            if !id.is_empty() && (!digits || id.starts_with('0') || id.parse::<u64>().is_err()) {
                return Some(format!("{member}: digits of a positive 64-bit number"));
            }
        }
        None
    }

    /// The five who are here from the start.
    pub(crate) fn usual_people() -> Vec<Self> {
        vec![
            Self {
                website: "https://corner-bakery.example".to_owned(),
                ..Self::business("corner.bakery")
                    .named("Corner Bakery")
                    .with_biography("Bread at seven, cake at three.")
                    .with_followers(1_840)
            },
            Self::creator("ann.makes")
                .named("Ann Makes")
                .with_biography("Chairs, mostly.")
                .with_followers(23_500),
            Self::business("city.museum")
                .named("City Museum")
                .with_biography("Closed on Mondays \u{1f3db}")
                .with_followers(310),
            Self::personal("private.pat")
                .named("Pat")
                .with_followers(88),
            Self::business("markup.mallory")
                .named("<script>alert(\"name\")</script>")
                .with_biography("\"><img src=x onerror=\"alert('biography')\">")
                .with_followers(1),
        ]
    }
}

/// How somebody's tokens die. The number is Meta's subcode of error 190.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// 458: the person removed the app. Webhook subscriptions go too.
    AppRemoved,
    /// 459: Instagram wants the person to log in and confirm something.
    Checkpoint,
    /// 460: the person changed their password.
    PasswordChanged,
    /// 463: the token is past its time.
    Expired,
    /// 464: the person has not confirmed their account.
    Unconfirmed,
    /// 467: the person logged out of the session.
    LoggedOut,
}

impl Revocation {
    /// Meta's subcode of error 190.
    #[must_use]
    pub fn subcode(self) -> i64 {
        match self {
            Self::AppRemoved => 458,
            Self::Checkpoint => 459,
            Self::PasswordChanged => 460,
            Self::Expired => 463,
            Self::Unconfirmed => 464,
            Self::LoggedOut => 467,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::AppRemoved => "The user has not authorized this application.",
            Self::Checkpoint => {
                "The user cannot use the app until they log in to Instagram and follow the instructions there."
            }
            Self::PasswordChanged => {
                "The session has been invalidated because the user changed the password."
            }
            Self::Expired => "Session has expired.",
            Self::Unconfirmed => "The user is not a confirmed user.",
            Self::LoggedOut => "The session is invalid because the user logged out.",
        }
    }
}
