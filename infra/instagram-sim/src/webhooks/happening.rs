//! What can happen to an account, and how a webhook tells it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::EnvelopeShape;

/// What happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HappeningKind {
    /// Somebody comments on a media.
    #[default]
    Comment,
    /// Somebody comments on a live video.
    LiveComment,
    /// Somebody mentions the account in a caption, or with `id` in a comment.
    Mention,
    /// A story is over: what became of it.
    StoryInsights,
    /// Somebody writes a message, with an attachment where `attachment` names one.
    Message,
    /// The account itself writes a message.
    Echo,
    /// Somebody reacts to the message `of`.
    Reaction,
    /// Somebody takes a reaction to the message `of` back.
    Unreaction,
    /// Somebody presses a button.
    Postback,
    /// Somebody comes through a link or an advertisement.
    Referral,
    /// Somebody has seen the message `of`.
    Seen,
    /// Somebody changes the message `of`.
    Edit,
    /// Somebody takes the message `of` back.
    Unsend,
    /// Another app passes a conversation to this one.
    PassThread,
    /// Another app takes a conversation from this one.
    TakeThread,
    /// Somebody wants to be told of something.
    Optin,
    /// Somebody writes a message in a conversation that another app has.
    Standby,
    /// What `raw` says, as an item of `changes`.
    RawChange,
    /// What `raw` says, as an item of `messaging`.
    RawMessaging,
}

/// Something that happens to an account. Ids that are left empty are made up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Happening {
    /// What happens.
    pub kind: HappeningKind,
    /// Who does it, an id as this account sees it.
    pub from: String,
    /// The name of who does it, in comments.
    pub username: String,
    /// What is written, or said of a button or link.
    pub text: String,
    /// The comment's or message's own id.
    pub id: String,
    /// The comment or message that it is about.
    pub of: String,
    /// The media that it is about.
    pub media_id: String,
    /// The type of a message's attachment: `image`, `ig_reel`, `story_mention` and so on.
    pub attachment: String,
    /// How often the message was changed, for `edit`.
    pub edits: u32,
    /// When it happens, milliseconds since the epoch; now where it is left out.
    pub at_ms: Option<i64>,
    /// For `raw_change` and `raw_messaging`.
    pub raw: Value,
}

/// An item of an entry.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Change(Value),
    Flat(Value),
    Messaging(Value),
    Standby(Value),
}

impl Happening {
    /// A happening of this kind.
    #[must_use]
    pub fn new(kind: HappeningKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// Somebody comments.
    #[must_use]
    pub fn comment(text: &str) -> Self {
        Self::new(HappeningKind::Comment).with_text(text)
    }

    /// Somebody writes a message.
    #[must_use]
    pub fn message(text: &str) -> Self {
        Self::new(HappeningKind::Message).with_text(text)
    }

    /// The same with this text.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// The same under this id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// The same, about this comment or message.
    #[must_use]
    pub fn about(mut self, of: &str) -> Self {
        of.clone_into(&mut self.of);
        self
    }

    /// The same, done by this person.
    #[must_use]
    pub fn by(mut self, from: &str) -> Self {
        from.clone_into(&mut self.from);
        self
    }

    /// Fills in what was left empty.
    pub(crate) fn complete(&mut self, drawn: u64, now_ms: i64) {
        let number = drawn % 1_000_000_000;
        let is_message = !matches!(
            self.kind,
            HappeningKind::Comment | HappeningKind::LiveComment | HappeningKind::Mention
        );
        // A mention in a caption has no comment.
        if self.id.is_empty() && self.kind != HappeningKind::Mention {
            self.id = if is_message {
                format!("aWdfZAG1faXRlbToxOkl{drawn:016x}")
            } else {
                format!("178700{number:011}")
            };
        }
        if self.from.is_empty() {
            "1254477777772919".clone_into(&mut self.from);
        }
        if self.username.is_empty() {
            "a.visitor".clone_into(&mut self.username);
        }
        if self.media_id.is_empty() {
            self.media_id = format!("178950{number:011}");
        }
        self.at_ms.get_or_insert(now_ms);
    }

    pub(crate) fn item(&self, account: &str, shape: EnvelopeShape) -> Item {
        use HappeningKind as Kind;
        match self.kind {
            Kind::Comment => self.change(shape, "comments", self.comment_value("FEED")),
            Kind::LiveComment => self.change(shape, "live_comments", self.comment_value("LIVE")),
            Kind::Mention => {
                let mut value = json!({ "media_id": self.media_id });
                if !self.id.is_empty() {
                    value["comment_id"] = json!(self.id);
                }
                self.change(shape, "mentions", value)
            }
            Kind::StoryInsights => self.change(
                shape,
                "story_insights",
                json!({
                    "media_id": self.media_id, "impressions": 444, "reach": 44, "taps_forward": 4,
                    "taps_back": 3, "exits": 3, "replies": 0,
                }),
            ),
            Kind::RawChange => Item::Change(self.raw.clone()),
            Kind::RawMessaging => Item::Messaging(self.raw.clone()),
            Kind::Standby => {
                Item::Standby(self.messaging(account, "message", self.message_value()))
            }
            Kind::Message => {
                Item::Messaging(self.messaging(account, "message", self.message_value()))
            }
            Kind::Echo => {
                let mut value = self.message_value();
                value["is_echo"] = json!(true);
                let mut item = self.messaging(account, "message", value);
                item["sender"]["id"] = json!(account);
                item["recipient"]["id"] = json!(self.from);
                Item::Messaging(item)
            }
            Kind::Unsend => {
                let value = json!({ "mid": self.of, "is_deleted": true });
                Item::Messaging(self.messaging(account, "message", value))
            }
            Kind::Reaction => {
                let value = json!({ "mid": self.of, "action": "react", "reaction": "love", "emoji": "\u{2764}\u{fe0f}" });
                Item::Messaging(self.messaging(account, "reaction", value))
            }
            Kind::Unreaction => {
                let value = json!({ "mid": self.of, "action": "unreact" });
                Item::Messaging(self.messaging(account, "reaction", value))
            }
            Kind::Postback => {
                let value = json!({ "mid": self.id, "title": self.text, "payload": "BUTTON" });
                Item::Messaging(self.messaging(account, "postback", value))
            }
            Kind::Referral => {
                let value =
                    json!({ "ref": self.text, "source": "SHORTLINKS", "type": "OPEN_THREAD" });
                Item::Messaging(self.messaging(account, "referral", value))
            }
            Kind::Seen => {
                Item::Messaging(self.messaging(account, "read", json!({ "mid": self.of })))
            }
            Kind::Edit => {
                // Meta prints the number as a text.
                let value = json!({ "mid": self.of, "text": self.text, "num_edit": self.edits.to_string() });
                Item::Messaging(self.messaging(account, "message_edit", value))
            }
            Kind::PassThread => {
                let value = json!({ "new_owner_app_id": "445566778899001", "metadata": self.text });
                Item::Messaging(self.messaging(account, "pass_thread_control", value))
            }
            Kind::TakeThread => {
                let value =
                    json!({ "previous_owner_app_id": "445566778899001", "metadata": self.text });
                Item::Messaging(self.messaging(account, "take_thread_control", value))
            }
            Kind::Optin => {
                let value = json!({ "type": "notification_messages", "title": self.text, "payload": "NEWS" });
                Item::Messaging(self.messaging(account, "optin", value))
            }
        }
    }

    fn change(&self, shape: EnvelopeShape, field: &str, value: Value) -> Item {
        let item = json!({ "field": field, "value": value });
        match shape {
            EnvelopeShape::Changes => Item::Change(item),
            EnvelopeShape::Flat => Item::Flat(item),
        }
    }

    fn comment_value(&self, product: &str) -> Value {
        let mut value = json!({
            "id": self.id,
            "from": { "id": self.from, "username": self.username },
            "text": self.text,
            "media": { "id": self.media_id, "media_product_type": product },
        });
        if !self.of.is_empty() {
            value["parent_id"] = json!(self.of);
        }
        value
    }

    fn message_value(&self) -> Value {
        let mut value = Map::new();
        value.insert("mid".to_owned(), json!(self.id));
        if !self.text.is_empty() {
            value.insert("text".to_owned(), json!(self.text));
        }
        if !self.attachment.is_empty() {
            let address = "https://lookaside.example/ig_messaging_cdn/?asset_id=1";
            let payload = match self.attachment.as_str() {
                "ig_post" => {
                    json!({ "ig_post_media_id": self.media_id, "title": self.text, "url": address })
                }
                "ig_reel" | "reel" => {
                    json!({ "reel_video_id": self.media_id, "title": self.text, "url": address })
                }
                // Seen once: there is no address.
                "ephemeral" => json!({}),
                _ => json!({ "url": address }),
            };
            let attachment = json!({ "type": self.attachment, "payload": payload });
            value.insert("attachments".to_owned(), json!([attachment]));
        }
        if !self.of.is_empty() {
            value.insert("reply_to".to_owned(), json!({ "mid": self.of }));
        }
        Value::Object(value)
    }

    fn messaging(&self, account: &str, member: &str, value: Value) -> Value {
        let mut item = json!({
            "sender": { "id": self.from },
            "recipient": { "id": account },
            "timestamp": self.at_ms,
        });
        item[member] = value;
        item
    }
}

/// What the dashboard's button sends: an entry of nobody's, with a time in seconds, as a text.
pub(crate) fn of_test_button() -> Item {
    Item::Messaging(json!({
        "sender": { "id": "12334" },
        "recipient": { "id": "23245" },
        "timestamp": "1527459824",
        "message": { "mid": "random_mid", "text": "random_text" },
    }))
}
