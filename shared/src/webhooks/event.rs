//! What an item means, and what makes it the event that it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::comments::{CommentEvent, Mention, StoryInsights};
use super::envelope::Envelope;
use super::messaging::Messaging;
use super::moment;
use crate::digest::{keyed_tag, sha256_hex};
use crate::graph::wire::Object;

/// The longest text that is looked into; a larger item is kept and not understood.
const LARGEST_ITEM: usize = 1_000_000;
/// The longest name of a message or of anything else that Meta names with more than digits.
const LONGEST_NAME: usize = 1024;

/// What happened on Instagram.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody commented on a media of the account.
    Comment,
    /// Somebody commented on the account's live broadcast.
    LiveComment,
    /// Somebody mentioned the account in a caption or a comment.
    Mention,
    /// The figures of a story that has ended.
    StoryInsights,
    /// A person sent a message.
    Message,
    /// The account sent a message, here or in Instagram's app.
    MessageEcho,
    /// A message was taken back.
    MessageDeleted,
    /// A message was changed.
    MessageEdit,
    /// Somebody reacted to a message, or took that back.
    Reaction,
    /// A person pressed a button.
    Postback,
    /// A person came to the conversation by a link or an ad.
    Referral,
    /// A person read the messages.
    Seen,
    /// The conversation went from one app to another.
    Handover,
    /// A person agreed to be written to.
    Optin,
    /// Something that this version does not know: kept as it was sent.
    Unknown,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Comment,
        Self::LiveComment,
        Self::Mention,
        Self::StoryInsights,
        Self::Message,
        Self::MessageEcho,
        Self::MessageDeleted,
        Self::MessageEdit,
        Self::Reaction,
        Self::Postback,
        Self::Referral,
        Self::Seen,
        Self::Handover,
        Self::Optin,
        Self::Unknown,
    ];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::LiveComment => "live_comment",
            Self::Mention => "mention",
            Self::StoryInsights => "story_insights",
            Self::Message => "message",
            Self::MessageEcho => "message_echo",
            Self::MessageDeleted => "message_deleted",
            Self::MessageEdit => "message_edit",
            Self::Reaction => "reaction",
            Self::Postback => "postback",
            Self::Referral => "referral",
            Self::Seen => "seen",
            Self::Handover => "handover",
            Self::Optin => "optin",
            Self::Unknown => "unknown",
        }
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is, and not when it came: the same event has the same id however often and in whichever form it comes.
    pub id: String,
    /// What happened.
    pub kind: Kind,
    /// When, as far as Meta says.
    pub at: Option<Timestamp>,
    /// The rest, by kind.
    pub what: What,
}

/// What is told of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Of a comment.
    Comment(CommentEvent),
    /// Of a mention.
    Mention(Mention),
    /// Of a story's figures.
    StoryInsights(StoryInsights),
    /// Of anything in a conversation.
    Messaging(Messaging),
    /// Of something that this version does not know: the field's or the member's name.
    Unknown(String),
}

/// Why an item cannot be understood: a stable word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

/// An event before it has its id: what it is, in an order that is fixed for its kind.
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) at: Option<Timestamp>,
    pub(super) identity: Vec<String>,
    pub(super) what: What,
}

impl Event {
    /// Reads an item.
    ///
    /// # Errors
    /// Where it is no JSON object, or lacks what makes it an event of its kind.
    pub fn read(
        instagram_id: &str,
        envelope: Envelope,
        sent_at: Option<Timestamp>,
        text: &str,
    ) -> Result<Self, Unreadable> {
        if text.len() > LARGEST_ITEM {
            return Err(Unreadable("too_large"));
        }
        let item = Object::parse(text).ok_or(Unreadable("not_an_object"))?;
        let told = match envelope {
            Envelope::Changes | Envelope::Flat => change(instagram_id, sent_at, text, &item)?,
            Envelope::Messaging | Envelope::Standby => {
                let told = Messaging::read(instagram_id, sent_at, &item)?;
                told.unwrap_or_else(|| unknown(first_name(&item), sent_at, text))
            }
        };
        // A message that is told of as the account's own, and once more without saying so, is one message.
        let named = match told.kind {
            Kind::MessageEcho => Kind::Message,
            kind => kind,
        };
        Ok(Self {
            id: identity(instagram_id, named.as_str(), &told.identity),
            kind: told.kind,
            at: told.at,
            what: told.what,
        })
    }

    /// The id of an item that cannot be understood.
    pub fn id_of_unreadable(instagram_id: &str, text: &str) -> String {
        identity(instagram_id, "unreadable", &[sha256_hex(text.as_bytes())])
    }
}

fn identity(instagram_id: &str, kind: &str, parts: &[String]) -> String {
    let mut all = vec![instagram_id.as_bytes(), kind.as_bytes()];
    all.extend(parts.iter().map(String::as_bytes));
    let tag = keyed_tag(b"event of instagram", &all);
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn change(
    instagram_id: &str,
    sent_at: Option<Timestamp>,
    text: &str,
    item: &Object,
) -> Result<Told, Unreadable> {
    let field = item.text("field").ok_or(Unreadable("without_field"))?;
    let value = item.object("value");
    let known = |value: Option<Object>| value.ok_or(Unreadable("without_value"));
    match field.as_str() {
        "comments" => CommentEvent::read(&known(value)?, Kind::Comment, sent_at),
        "live_comments" => CommentEvent::read(&known(value)?, Kind::LiveComment, sent_at),
        "mentions" => Mention::read(&known(value)?, sent_at),
        "story_insights" => StoryInsights::read(&known(value)?, sent_at),
        // The dashboard's test button sends an item of `messaging[]` this way.
        name => {
            let messaging = match &value {
                Some(value) if value.object("sender").is_some() => {
                    Messaging::read(instagram_id, sent_at, value)?
                }
                _ => None,
            };
            Ok(messaging.unwrap_or_else(|| unknown(name.to_owned(), sent_at, text)))
        }
    }
}

/// The name by which an unknown item of a conversation is told: its member that no other item has.
fn first_name(item: &Object) -> String {
    let usual = ["sender", "recipient", "timestamp"];
    let own = item.names().filter(|name| !usual.contains(name));
    own.min().unwrap_or_default().to_owned()
}

fn unknown(name: String, sent_at: Option<Timestamp>, text: &str) -> Told {
    Told {
        kind: Kind::Unknown,
        at: sent_at,
        identity: vec![of_time(sent_at), sha256_hex(text.as_bytes())],
        what: What::Unknown(printable(&name)),
    }
}

/// A name as it may stand in a log line: as Meta's own are, and cut.
fn printable(name: &str) -> String {
    let own = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    name.chars().filter(own).take(100).collect()
}

/// A text of somebody's, cut where no text of Instagram's is that long: a record of DynamoDB has at most 400 KB.
pub(super) fn long_text(object: &Object, member: &str) -> Option<String> {
    cut(object, member, 10_000)
}

/// A word, a name or an address, cut likewise.
pub(super) fn short_text(object: &Object, member: &str) -> Option<String> {
    cut(object, member, 2_000)
}

fn cut(object: &Object, member: &str, most: usize) -> Option<String> {
    let mut text = object.text(member)?;
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    Some(text)
}

/// A time as a part of an identity.
pub(super) fn of_time(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| time.as_millisecond().to_string())
}

/// A name that Meta gives to a thing: of any characters, or a bare number.
pub(super) fn name(object: &Object, member: &str) -> Option<String> {
    let name = object.text(member).or_else(|| object.id(member))?;
    (!name.is_empty() && name.len() <= LONGEST_NAME).then_some(name)
}

/// When an item says that it happened, or else when Meta sent it.
pub(super) fn time(object: &Object, sent_at: Option<Timestamp>) -> Option<Timestamp> {
    moment::read(object, "timestamp").or(sent_at)
}
