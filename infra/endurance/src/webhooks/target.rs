//! An account of the flood: what it is told, and what must be stored of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// An account, and what must be stored of it in the end.
pub(super) struct Target {
    pub(super) id: String,
    pub(super) instagram_id: String,
    /// Its name, by which its texts are told from those of others: two runs have the same.
    pub(super) name: String,
    pub(super) events: usize,
    pub(super) unreadable: usize,
    pub(super) comments: usize,
    /// By the number of the event that brought the message.
    pub(super) messages: BTreeMap<usize, Told>,
    /// By Instagram's id of the person.
    pub(super) threads: BTreeMap<String, Talk>,
}

/// When something happened last in a conversation, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) event: Option<i64>,
    pub(super) message: Option<i64>,
}

/// What was told of a message.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// With whom: one person has all of a message.
    person: i64,
    /// The number of its newest change.
    pub(super) edits: u64,
    /// The event that brought the newest reaction to it.
    pub(super) reaction: Option<usize>,
}

/// The word by which a reaction is told from others.
pub(super) fn emoji(event: usize) -> String {
    format!("emoji {event}")
}

/// Instagram's id of a person.
fn id_of(person: i64) -> String {
    format!("99900{person:03}")
}

/// The text of a message after so many changes.
pub(super) fn edit(number: u64) -> String {
    format!("change {number}")
}

impl Target {
    /// An event of the account in an entry of its own, and what it means for what must be stored.
    pub(super) fn entry(
        &mut self,
        number: usize,
        at: i64,
        mut person: i64,
        is_unreadable: bool,
    ) -> Value {
        self.events += 1;
        let text = format!("{number} of {}", self.name);
        let account = json!({"id": self.instagram_id});
        if number.is_multiple_of(5) && !is_unreadable {
            self.comments += 1;
            let person = id_of(person);
            let value = json!({
                "id": (18_000_000_000_000_000 + number).to_string(),
                "text": text,
                "from": {"id": person, "username": "bea"},
                "media": {"id": "17895000000000001", "media_product_type": "FEED"},
            });
            let change = json!({"field": "comments", "value": value});
            return json!({"id": self.instagram_id, "time": at, "changes": [change]});
        }
        let mut newest = self.messages.last_entry();
        let (name, value) = match (&mut newest, number % 5) {
            _ if is_unreadable => {
                self.unreadable += 1;
                ("message", json!({"text": format!("no name {number}")}))
            }
            (Some(message), 3) => {
                let mid = format!("m-{}", message.key());
                let told = message.get_mut();
                person = told.person;
                told.edits += 1;
                let edit = json!({"mid": mid, "text": edit(told.edits), "num_edit": told.edits});
                ("message_edit", edit)
            }
            (Some(message), 4) => {
                let mid = format!("m-{}", message.key());
                let told = message.get_mut();
                person = told.person;
                told.reaction = Some(number);
                let reaction = json!({"mid": mid, "action": "react", "emoji": emoji(number)});
                ("reaction", reaction)
            }
            _ => {
                let told = Told {
                    person,
                    ..Told::default()
                };
                self.messages.insert(number, told);
                (
                    "message",
                    json!({"mid": format!("m-{number}"), "text": text}),
                )
            }
        };
        if !is_unreadable {
            let talk = self.threads.entry(id_of(person)).or_default();
            talk.event = Some(at);
            if name == "message" {
                talk.message = Some(at);
            }
        }
        let mut item =
            json!({"sender": {"id": id_of(person)}, "recipient": account, "timestamp": at});
        item[name] = value;
        json!({"id": self.instagram_id, "time": at, "messaging": [item]})
    }
}
