//! What becomes of a conversation and of a message in it.

use jiff::Timestamp;
use shared::engagement::{Edit, Lead, Message, Reaction, Seen, Thread};
use shared::webhooks::Messaging;
use shared::webhooks::messaging::Act;

/// The message that something happened to.
pub(super) fn message_of(act: &Act) -> Option<&str> {
    match act {
        Act::Message { mid, .. }
        | Act::Delete { mid }
        | Act::Edit { mid, .. }
        | Act::React { mid, .. } => Some(mid),
        Act::Read { .. } | Act::Refer(_) | Act::HandOver { .. } | Act::OptIn => None,
    }
}

/// A conversation after something happened in it.
pub(super) fn thread(told: &Messaging, at: Option<Timestamp>, before: Option<&Thread>) -> Thread {
    let mut thread = before.cloned().unwrap_or_default();
    let by_account = told.parties.by_account;
    thread.person.clone_from(&told.parties.person);
    let name = &told.parties.username;
    if name.is_some() && (at, name) > (thread.username_at, &thread.username) {
        thread.username.clone_from(name);
        thread.username_at = at;
    }
    thread.last_event_at = thread.last_event_at.max(at);
    match &told.act {
        Act::Message { .. } => {
            thread.last_message_at = thread.last_message_at.max(at);
            if !by_account {
                thread.last_message_of_person_at = thread.last_message_of_person_at.max(at);
            }
        }
        Act::Read { mid } if !by_account => {
            let mid = mid.clone();
            thread.seen = thread.seen.max(Some(Seen { at, mid }));
        }
        // Who only wants to lead does not lead yet.
        Act::HandOver {
            act,
            app: Some(app),
        } if act != "request_thread_control" => {
            let app = app.clone();
            thread.led_by = thread.led_by.max(Some(Lead { at, app }));
        }
        _ => {}
    }
    thread
}

/// A message after something happened to it.
pub(super) fn message(
    told: &Messaging,
    at: Option<Timestamp>,
    before: Option<&Message>,
) -> Option<Message> {
    let mut message = before.cloned().unwrap_or_default();
    message.mid = message_of(&told.act)?.to_owned();
    message.person.clone_from(&told.parties.person);
    let by_account = told.parties.by_account;
    match &told.act {
        Act::Message { content, .. } if message.by_account.is_none() => {
            message.by_account = Some(by_account);
            message.at = at;
            message.content = Some(content.clone());
        }
        Act::Delete { .. } => {
            message.deleted = true;
            message.deleted_at = message.deleted_at.max(at);
        }
        Act::Edit { text, number, .. } => {
            let edit = Edit {
                number: *number,
                at,
                text: text.clone(),
            };
            message.edit = message.edit.max(Some(edit));
        }
        Act::React { reaction, .. } => {
            let by = if by_account { "account" } else { "person" };
            let told = Reaction {
                at,
                feeling: reaction.clone(),
            };
            let newest = message.reactions.remove(by).max(Some(told));
            message
                .reactions
                .extend(newest.map(|it| (by.to_owned(), it)));
        }
        _ => {}
    }
    if message.deleted {
        // Nothing of it may be kept, whatever comes later.
        message.content = None;
        message.edit = None;
        message.reactions.clear();
    }
    Some(message)
}
