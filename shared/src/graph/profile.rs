//! Who an account is.

use super::endpoint::Endpoint;
use super::error::GraphError;
use super::object::Object;
use super::transport::{Answered, Call, Graph};
use crate::secret::AccessToken;

const FIELDS: &str = "id,user_id,username,name,account_type,profile_picture_url,biography,website,\
                      followers_count,follows_count,media_count";

/// An Instagram account as `/me` describes it. Only the two ids are certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `id`: the account's id for this app only. Deauthorize and deletion requests may carry it.
    pub app_scoped_id: String,
    /// `user_id`: the professional account's id, for paths and in webhooks.
    pub ig_user_id: String,
    /// The name in the address.
    pub username: Option<String>,
    /// The name that is shown.
    pub name: Option<String>,
    /// What kind of account it is.
    pub account_type: Option<AccountType>,
    /// Where the picture is, for a while: such addresses expire.
    pub profile_picture_url: Option<String>,
    /// The text about the account.
    pub biography: Option<String>,
    /// The address that the account shows.
    pub website: Option<String>,
    /// How many follow the account.
    pub followers_count: Option<u64>,
    /// How many the account follows.
    pub follows_count: Option<u64>,
    /// How many media it has.
    pub media_count: Option<u64>,
}

/// What kind of account it is. Only business and creator accounts are professional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountType {
    /// A business.
    Business,
    /// A creator (`Media_Creator` at Meta).
    Creator,
    /// A personal account, with which the API cannot work.
    Personal,
    /// A kind that Meta added since.
    Other(String),
}

impl AccountType {
    /// Reads Meta's word, whose case differs between its documentation and its answers.
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "business" => AccountType::Business,
            "media_creator" | "creator" => AccountType::Creator,
            "personal" => AccountType::Personal,
            other => AccountType::Other(other.chars().take(40).collect()),
        }
    }

    /// Whether the API can work with it. A kind that we do not know gets the benefit of the doubt.
    pub fn is_professional(&self) -> bool {
        *self != AccountType::Personal
    }
}

impl Graph {
    /// `GET /me`: the account behind a token.
    ///
    /// Meta's page: "Instagram API with Instagram Login: Get Started".
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn me(&self, token: &AccessToken) -> Result<Answered<Profile>, GraphError> {
        let mut url = self.versioned(&["me"]);
        url.query_pairs_mut().append_pair("fields", FIELDS);
        self.send(Call::get(Endpoint::Profile, url).bearer(token), profile)
            .await
    }
}

pub(super) fn profile(object: Object) -> Option<Profile> {
    let object = object.unwrapped();
    Some(Profile {
        app_scoped_id: object.digits("id")?,
        ig_user_id: object.digits("user_id")?,
        username: object.text("username"),
        name: object.text("name"),
        account_type: object
            .text("account_type")
            .map(|word| AccountType::from_word(&word)),
        profile_picture_url: object.text("profile_picture_url"),
        biography: object.text("biography"),
        website: object.text("website"),
        followers_count: object.count("followers_count"),
        follows_count: object.count("follows_count"),
        media_count: object.count("media_count"),
    })
}
