//! What people say to an account: comments, conversations and their messages, as records.
//!
//! A record is the sum of what was told of it, in whatever order that came: a message may be edited, taken back or reacted to
//! before it is there. So a record keeps what it needs to say which of two tellings counts, and nothing but that.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::webhooks::messaging::{Content, Feeling};

/// A comment on one of the account's media.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Comment {
    /// Instagram's id.
    pub id: String,
    /// The comment that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who wrote it, Instagram-scoped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// On which media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// `FEED`, `REELS`, `STORY`, `AD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_product_type: Option<String>,
    /// The ad that showed the media.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad: Option<String>,
    /// The media of which the ad was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_media: Option<String>,
    /// On a live broadcast.
    pub is_live: bool,
    /// Hidden by the account. No webhook tells it.
    pub hidden: bool,
    /// When it was written, as far as Meta says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// The account's conversation with a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Thread {
    /// The person, Instagram-scoped.
    pub person: String,
    /// The person's name, where Meta told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// When the name was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_at: Option<Timestamp>,
    /// The time of the newest message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Timestamp>,
    /// The time of the newest message of the person's: within a day of it the account may answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_message_of_person_at: Option<Timestamp>,
    /// The time of the newest thing that happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_event_at: Option<Timestamp>,
    /// Up to where the person has read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Which app leads the conversation, where it went from one to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub led_by: Option<Lead>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// Up to where a person has read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// When.
    pub at: Option<Timestamp>,
    /// The message.
    pub mid: String,
}

/// Which app leads a conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Since when.
    pub at: Option<Timestamp>,
    /// The app's id.
    pub app: String,
}

/// A message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Message {
    /// Meta's name of it.
    pub mid: String,
    /// Whose conversation it is in.
    pub person: String,
    /// Whether the account sent it; absent while only something that happened to it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_account: Option<bool>,
    /// When it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What it held when it was sent. Gone when it is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Its newest change. Gone when it is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
    /// Whether it was taken back.
    pub deleted: bool,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The newest word of the `person` and of the `account` about it. Gone when it is taken back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<String, Reaction>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// A change of a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// Which change it is, the first being 1.
    pub number: u64,
    /// When.
    pub at: Option<Timestamp>,
    /// The new text.
    pub text: Option<String>,
}

/// The newest word of somebody about a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// When.
    pub at: Option<Timestamp>,
    /// `None` where it was taken back: kept, so that an older reaction that comes later does not come back to life.
    pub feeling: Option<Feeling>,
}

/// The figures of a story's 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoryMetrics {
    /// The story.
    pub media: String,
    /// When they were told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// By Meta's name.
    pub metrics: BTreeMap<String, u64>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}
