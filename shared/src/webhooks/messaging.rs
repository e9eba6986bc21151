//! What happens in a conversation: messages and what becomes of them. Facts section 8.5.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::comments::Referral;
use super::event::{Kind, Told, Unreadable, What, long_text, name, of_time, short_text, time};
use crate::graph::wire::Object;

/// More attachments than Instagram sends in a message.
const MOST_ATTACHMENTS: usize = 20;

/// An item of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Messaging {
    /// Whose conversation it is.
    pub parties: Parties,
    /// What happened in it.
    pub act: Act,
}

/// The two sides of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    /// The person, Instagram-scoped.
    pub person: String,
    /// The person's name, where Meta tells it.
    pub username: Option<String>,
    /// Whether the account did it, and not the person.
    pub by_account: bool,
}

/// What happened in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A message, or the press of a button, which reads like one.
    Message {
        /// The message.
        mid: String,
        /// What it holds.
        content: Content,
    },
    /// A message was taken back.
    Delete {
        /// The message.
        mid: String,
    },
    /// A message was changed.
    Edit {
        /// The message.
        mid: String,
        /// Its new text.
        text: Option<String>,
        /// Which change of it this is, the first being 1; 0 where Meta does not say.
        number: u64,
    },
    /// A reaction to a message.
    React {
        /// The message.
        mid: String,
        /// Meta's word and the emoji; `None` where it was taken back.
        reaction: Option<Feeling>,
    },
    /// Everything up to a message was read.
    Read {
        /// The message.
        mid: String,
    },
    /// The person came by a link or an ad.
    Refer(Referral),
    /// Another app leads the conversation now, or wants to.
    HandOver {
        /// `pass_thread_control`, `take_thread_control`, `request_thread_control`.
        act: String,
        /// The app that leads from now on, or wants to.
        app: Option<String>,
    },
    /// The person agreed to be written to.
    OptIn,
}

/// What a reaction says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feeling {
    /// `love`, `like`, `other` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The emoji.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

/// What a message holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Content {
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Pictures, videos, shared media and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The payload of the quick reply or the button that was pressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The story that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to_story: Option<String>,
    /// The ad by which the person came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad: Option<String>,
    /// Something that Meta's API does not show.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_unsupported: bool,
}

/// Something that hangs on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// `image`, `video`, `audio`, `file`, `share`, `ig_post`, `ig_reel`, `story_mention` and whatever Meta invents.
    pub kind: String,
    /// Where it is for a while: Meta's CDN. A view-once picture has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The title of a shared media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The shared media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
}

impl Messaging {
    /// Reads an item; `None` for one that this version does not know.
    pub(super) fn read(
        instagram_id: &str,
        sent_at: Option<Timestamp>,
        item: &Object,
    ) -> Result<Option<Told>, Unreadable> {
        let at = time(item, sent_at);
        let Some((kind, act)) = act(item)? else {
            return Ok(None);
        };
        let is_echo = kind == Kind::MessageEcho
            || item
                .object("message")
                .is_some_and(|message| message.flag("is_echo") == Some(true));
        let parties = Parties::read(item, instagram_id, is_echo)?;
        let kind = if kind == Kind::Message && parties.by_account {
            Kind::MessageEcho
        } else {
            kind
        };
        let by = if parties.by_account {
            "account"
        } else {
            "person"
        }
        .to_owned();
        let person = parties.person.clone();
        let identity = match &act {
            Act::Message { mid, .. } | Act::Delete { mid } => vec![mid.clone()],
            Act::Edit { mid, number: 0, .. } => vec![mid.clone(), of_time(at)],
            Act::Edit { mid, number, .. } => vec![mid.clone(), number.to_string()],
            Act::React { mid, reaction } => {
                let said = reaction.as_ref().map(|it| format!("{it:?}"));
                vec![
                    mid.clone(),
                    person,
                    by,
                    of_time(at),
                    said.unwrap_or_default(),
                ]
            }
            Act::Read { mid } => vec![mid.clone(), person, by, of_time(at)],
            Act::Refer(referral) => vec![person, of_time(at), format!("{referral:?}")],
            Act::HandOver { act, app } => {
                vec![
                    person,
                    of_time(at),
                    act.clone(),
                    app.clone().unwrap_or_default(),
                ]
            }
            Act::OptIn => vec![person, of_time(at)],
        };
        Ok(Some(Told {
            kind,
            at,
            identity,
            what: What::Messaging(Self { parties, act }),
        }))
    }
}

impl Parties {
    fn read(item: &Object, instagram_id: &str, is_echo: bool) -> Result<Self, Unreadable> {
        let side = |name: &str| item.object(name).unwrap_or_default();
        let (sender, recipient) = (side("sender"), side("recipient"));
        let by_account = is_echo || sender.id("id").as_deref() == Some(instagram_id);
        let person = if by_account { recipient } else { sender };
        Ok(Self {
            person: person.id("id").ok_or(Unreadable("without_person"))?,
            username: short_text(&person, "username"),
            by_account,
        })
    }
}

fn act(item: &Object) -> Result<Option<(Kind, Act)>, Unreadable> {
    let mid = |object: &Object| name(object, "mid").ok_or(Unreadable("message_without_id"));
    if let Some(message) = item.object("message") {
        let mid = mid(&message)?;
        if message.flag("is_deleted") == Some(true) {
            return Ok(Some((Kind::MessageDeleted, Act::Delete { mid })));
        }
        let kind = match message.flag("is_echo") {
            Some(true) => Kind::MessageEcho,
            _ => Kind::Message,
        };
        let content = Content::read(&message);
        return Ok(Some((kind, Act::Message { mid, content })));
    }
    if let Some(edit) = item.object("message_edit") {
        let act = Act::Edit {
            mid: mid(&edit)?,
            text: long_text(&edit, "text"),
            number: edit.count("num_edit").unwrap_or(0),
        };
        return Ok(Some((Kind::MessageEdit, act)));
    }
    if let Some(reaction) = item.object("reaction") {
        let is_taken_back = reaction.text("action").as_deref() == Some("unreact");
        let act = Act::React {
            mid: mid(&reaction)?,
            reaction: (!is_taken_back).then(|| Feeling {
                name: short_text(&reaction, "reaction"),
                emoji: short_text(&reaction, "emoji"),
            }),
        };
        return Ok(Some((Kind::Reaction, act)));
    }
    if let Some(postback) = item.object("postback") {
        let content = Content {
            text: long_text(&postback, "title"),
            payload: short_text(&postback, "payload"),
            ..Content::default()
        };
        let mid = mid(&postback)?;
        return Ok(Some((Kind::Postback, Act::Message { mid, content })));
    }
    if let Some(read) = item.object("read") {
        return Ok(Some((Kind::Seen, Act::Read { mid: mid(&read)? })));
    }
    if let Some(referral) = item.object("referral") {
        let act = Act::Refer(Referral::read(&referral));
        return Ok(Some((Kind::Referral, act)));
    }
    for word in [
        "pass_thread_control",
        "take_thread_control",
        "request_thread_control",
    ] {
        if let Some(control) = item.object(word) {
            let app = control.id("new_owner_app_id");
            let act = Act::HandOver {
                act: word.to_owned(),
                app: app.or_else(|| control.id("requested_owner_app_id")),
            };
            return Ok(Some((Kind::Handover, act)));
        }
    }
    Ok(item.object("optin").map(|_| (Kind::Optin, Act::OptIn)))
}

impl Content {
    fn read(message: &Object) -> Self {
        let attachments = message.objects("attachments").unwrap_or_default();
        let reply_to = message.object("reply_to").unwrap_or_default();
        Self {
            text: long_text(message, "text"),
            attachments: attachments
                .iter()
                .take(MOST_ATTACHMENTS)
                .map(Attachment::read)
                .collect(),
            payload: message
                .object("quick_reply")
                .and_then(|reply| short_text(&reply, "payload")),
            reply_to: name(&reply_to, "mid"),
            reply_to_story: reply_to.object("story").and_then(|story| story.id("id")),
            ad: message
                .object("referral")
                .and_then(|referral| referral.id("ad_id")),
            is_unsupported: message.flag("is_unsupported") == Some(true),
        }
    }
}

impl Attachment {
    fn read(attachment: &Object) -> Self {
        let payload = attachment.object("payload").unwrap_or_default();
        let media = ["ig_post_media_id", "reel_video_id", "id"]
            .into_iter()
            .find_map(|name| payload.id(name));
        Self {
            kind: short_text(attachment, "type").unwrap_or_default(),
            url: short_text(&payload, "url"),
            title: short_text(&payload, "title"),
            media,
        }
    }
}
