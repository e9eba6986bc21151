//! The end does not depend on the order: every order of the faults' catalogue (E15), and any order of anything.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use shared::engagement::{Comment, Message, StoryMetrics, Thread};
use shared::webhooks::event::What;
use shared::webhooks::{Envelope, Event};

use super::conversation::message_of;
use super::step::{Record, Step, Stored, step};

const IG: &str = "17841400000000001";

/// Everything that is stored, without versions: they count writes, which duplicates and orders change.
#[derive(Clone, Debug, Default, PartialEq)]
struct Store {
    comments: BTreeMap<String, Comment>,
    stories: BTreeMap<String, StoryMetrics>,
    threads: BTreeMap<String, Thread>,
    messages: BTreeMap<String, Message>,
}

impl Store {
    fn take(&mut self, event: &Event) -> Step {
        let mut stored = Stored::default();
        match &event.what {
            What::Comment(comment) => stored.comment = self.comments.get(&comment.id).cloned(),
            What::StoryInsights(story) => stored.story = self.stories.get(&story.media).cloned(),
            What::Messaging(messaging) => {
                stored.thread = self.threads.get(&messaging.parties.person).cloned();
                let mid = message_of(&messaging.act);
                stored.message = mid.and_then(|mid| self.messages.get(mid).cloned());
            }
            What::Mention(_) | What::Unknown(_) => {}
        }
        let step = step(event, &stored);
        for effect in &step.effects {
            match effect.record.clone() {
                Record::Comment(it) => drop(self.comments.insert(it.id.clone(), it)),
                Record::Story(it) => drop(self.stories.insert(it.media.clone(), it)),
                Record::Thread(it) => drop(self.threads.insert(it.person.clone(), it)),
                Record::Message(it) => drop(self.messages.insert(it.mid.clone(), it)),
            }
        }
        step
    }

    fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut store = Self::default();
        for event in events {
            store.take(event);
        }
        for it in store.comments.values_mut() {
            it.version = 0;
        }
        for it in store.stories.values_mut() {
            it.version = 0;
        }
        for it in store.threads.values_mut() {
            it.version = 0;
        }
        for it in store.messages.values_mut() {
            it.version = 0;
        }
        store
    }
}

fn item(by_account: bool, at: i64, name: &str, value: Value) -> Event {
    let (account, person) = (
        json!({"id": IG}),
        json!({"id": "9990001", "username": format!("bea.{at}")}),
    );
    let (sender, recipient) = if by_account {
        (account, person)
    } else {
        (person, account)
    };
    let at = 1_795_255_200_000 + at;
    let mut item = json!({"sender": sender, "recipient": recipient, "timestamp": at});
    item[name] = value;
    Event::read(IG, Envelope::Messaging, None, &item.to_string()).unwrap()
}

fn message(at: i64, text: &str) -> Event {
    item(false, at, "message", json!({"mid": "m-1", "text": text}))
}

fn edit(at: i64, number: u64, text: &str) -> Event {
    let edit = json!({"mid": "m-1", "text": text, "num_edit": number.to_string()});
    item(false, at, "message_edit", edit)
}

fn reaction(at: i64, emoji: Option<&str>) -> Event {
    let reaction = match emoji {
        Some(emoji) => {
            json!({"mid": "m-1", "action": "react", "reaction": "other", "emoji": emoji})
        }
        None => json!({"mid": "m-1", "action": "unreact"}),
    };
    item(true, at, "reaction", reaction)
}

fn deletion(at: i64) -> Event {
    item(
        false,
        at,
        "message",
        json!({"mid": "m-1", "is_deleted": true}),
    )
}

fn seen(at: i64, mid: &str) -> Event {
    item(false, at, "read", json!({"mid": mid}))
}

/// Every order of these.
fn orders<'a>(events: &[&'a Event]) -> Vec<Vec<&'a Event>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for position in 0..events.len() {
        let mut rest = events.to_vec();
        let first = rest.remove(position);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.push(first);
            order
        }));
    }
    all
}

#[test]
fn e15_the_end_is_the_same_in_every_order() {
    let told = [
        message(0, "one"),
        edit(10, 1, "two"),
        edit(20, 2, "three"),
        reaction(30, Some("🥐")),
        reaction(40, None),
        seen(50, "m-0"),
        seen(60, "m-1"),
    ];
    let expected = Store::of(&told);
    let stored = &expected.messages["m-1"];
    assert_eq!(stored.edit.as_ref().unwrap().text.as_deref(), Some("three"));
    assert_eq!(stored.reactions["account"].feeling, None);
    assert_eq!(
        expected.threads["9990001"].seen.as_ref().unwrap().mid,
        "m-1"
    );
    let orders = orders(&told.iter().collect::<Vec<_>>());
    assert_eq!(orders.len(), 5040);
    for order in orders {
        assert_eq!(Store::of(order.iter().copied()), expected, "{order:?}");
    }
}

#[test]
fn e15_what_was_taken_back_never_comes_back() {
    let told = [
        deletion(60),
        message(0, "canary-text"),
        edit(10, 1, "canary-edit"),
        reaction(30, Some("canary-emoji")),
    ];
    let expected = Store::of(&told);
    assert!(expected.messages["m-1"].deleted);
    for order in orders(&told.iter().collect::<Vec<_>>()) {
        let end = Store::of(order.iter().copied());
        assert!(!format!("{end:?}").contains("canary"), "{order:?}");
        assert_eq!(end, expected);
    }
}

#[test]
fn an_event_that_comes_again_changes_nothing() {
    let mut store = Store::default();
    for event in [
        message(0, "one"),
        edit(10, 1, "two"),
        reaction(20, Some("🥐")),
    ] {
        assert!(store.take(&event).changes() > 0);
        assert_eq!(store.take(&event).changes(), 0, "{event:?}");
    }
}

#[test]
fn what_comes_after_something_newer_is_out_of_order() {
    let mut store = Store::default();
    assert!(!store.take(&message(10, "one")).out_of_order);
    assert!(
        !store.take(&message(10, "one")).out_of_order,
        "the same again"
    );
    assert!(!store.take(&seen(20, "m-1")).out_of_order);
    assert!(store.take(&edit(15, 1, "two")).out_of_order);
}

fn any_event() -> impl Strategy<Value = Event> {
    let mid = select(vec!["m-1", "m-2", "m-3"]);
    let act = (0..6_u8, mid, 0..8_i64, 1..4_u64, any::<bool>());
    act.prop_map(|(act, mid, at, number, by_account)| match act {
        // One message has one text and one sender, whoever tells of it.
        0 => item(false, 0, "message", json!({"mid": mid, "text": mid})),
        1 => item(false, 5, "message", json!({"mid": mid, "is_deleted": true})),
        2 => {
            let edit = json!({"mid": mid, "text": format!("{mid} {number}"), "num_edit": number});
            item(false, at, "message_edit", edit)
        }
        3 => {
            let emoji = ["🥐", "🥖", "🍞"][usize::try_from(number - 1).unwrap()];
            let reaction = json!({"mid": mid, "action": "react", "emoji": emoji});
            item(by_account, at, "reaction", reaction)
        }
        4 => item(
            by_account,
            at,
            "reaction",
            json!({"mid": mid, "action": "unreact"}),
        ),
        _ => item(false, at, "read", json!({"mid": mid})),
    })
}

proptest! {
    #[test]
    fn any_events_end_the_same_in_any_order_and_however_often_they_come(
        told in prop::collection::vec(any_event(), 1..25),
        places in prop::collection::vec(any::<Index>(), 40),
    ) {
        // What is told of an edit twice, with two times, is one event: the first telling is kept.
        let mut known = BTreeMap::new();
        for event in &told {
            known.entry(event.id.clone()).or_insert_with(|| event.clone());
        }
        let once: Vec<&Event> = known.values().collect();
        let shuffled = places.iter().map(|place| *place.get(&once)).chain(once.iter().copied());
        let mut reversed = once.clone();
        reversed.reverse();
        let expected = Store::of(once.iter().copied());
        prop_assert_eq!(&Store::of(shuffled), &expected);
        prop_assert_eq!(&Store::of(reversed), &expected);
    }
}
