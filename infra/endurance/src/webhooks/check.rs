//! Compares what is stored with what was sent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use shared::table::{from_item, keys, text};
use world::resources::TABLE;

use super::flood::Flood;
use super::target::{Talk, Target, Told, edit, emoji};

/// What is stored, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) events: usize,
    pub(super) messages: usize,
    pub(super) threads: usize,
    pub(super) comments: usize,
    pub(super) announced: usize,
    /// Sent, and not kept, not done or not announced.
    pub(super) lost: usize,
    /// Counted more often than once, or announced under two names. Events, messages and comments stand under what they are,
    /// so that there is one of each.
    pub(super) twice: usize,
    /// Of one account, and found in another.
    pub(super) astray: usize,
    /// There, and otherwise than it was told.
    pub(super) untrue: usize,
}

impl Found {
    pub(super) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.messages += other.messages;
        self.threads += other.threads;
        self.comments += other.comments;
        self.announced += other.announced;
        self.lost += other.lost;
        self.twice += other.twice;
        self.astray += other.astray;
        self.untrue += other.untrue;
    }
}

pub(super) async fn check(flood: &Flood) -> Result<Found, String> {
    let mut found = Found {
        announced: flood.announced.len(),
        twice: flood.announced_twice,
        lost: flood.left_on_the_queue(),
        ..Found::default()
    };
    let mut duplicates = 0;
    for target in &flood.accounts {
        check_events(flood, target, &mut found).await?;
        check_comments(flood, target, &mut found).await?;
        check_messages(flood, target, &mut found).await?;
        check_threads(flood, target, &mut found).await?;
        duplicates += check_days(flood, target, &mut found).await?;
    }
    // A delivery that is answered with 503 may have left some on the queue, and all of it comes again.
    found.lost += flood.sent.duplicates.saturating_sub(duplicates);
    Ok(found)
}

/// Adds what is missing and what is too much of something that must be there so often.
fn compare(is: usize, must_be: usize, found: &mut Found) {
    found.lost += must_be.saturating_sub(is);
    found.twice += is.saturating_sub(must_be);
}

async fn check_events(flood: &Flood, target: &Target, found: &mut Found) -> Result<(), String> {
    let (mut unreadable, mut announced) = (0, 0);
    let events = records(flood, target, "EVENT#", |event| {
        match event["state"].as_str() {
            Some("handled") => {
                let told = flood
                    .announced
                    .get(event["id"].as_str().unwrap_or_default());
                match told {
                    Some((account, _)) if *account == target.id => announced += 1,
                    Some(_) => found.astray += 1,
                    None => found.lost += 1,
                }
                let effects = event["effects"].as_array();
                let effects: Vec<&str> = effects
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let is_done = match event["kind"].as_str() {
                    Some("comment") => effects == ["comment", "announcement"],
                    _ => effects == ["thread", "message", "announcement"],
                };
                found.untrue += usize::from(!is_done);
            }
            Some("unreadable") => unreadable += 1,
            _ => found.lost += 1,
        }
    })
    .await?;
    found.events += events;
    compare(events, target.events, found);
    compare(unreadable, target.unreadable, found);
    compare(announced, events - unreadable, found);
    Ok(())
}

async fn check_comments(flood: &Flood, target: &Target, found: &mut Found) -> Result<(), String> {
    let comments = records(flood, target, "COMMENT#", |comment| {
        note_text(&comment["text"], target, found);
    })
    .await?;
    found.comments += comments;
    compare(comments, target.comments, found);
    Ok(())
}

async fn check_messages(flood: &Flood, target: &Target, found: &mut Found) -> Result<(), String> {
    let messages = records(flood, target, "MESSAGE#", |message| {
        note_text(&message["content"]["text"], target, found);
        let mid = message["mid"].as_str().unwrap_or_default();
        let number = mid.strip_prefix("m-").and_then(|it| it.parse().ok());
        let told = number.and_then(|number: usize| target.messages.get(&number));
        found.untrue += usize::from(!told.is_some_and(|told| is_as_told(message, *told)));
    })
    .await?;
    found.messages += messages;
    compare(messages, target.messages.len(), found);
    Ok(())
}

/// Whether each conversation says when something happened in it last.
async fn check_threads(flood: &Flood, target: &Target, found: &mut Found) -> Result<(), String> {
    let time = |value: &Value| {
        let time: Option<Timestamp> = value.as_str()?.parse().ok();
        time.map(Timestamp::as_millisecond)
    };
    let threads = records(flood, target, "THREAD#", |thread| {
        let is = Talk {
            event: time(&thread["lastEventAt"]),
            message: time(&thread["lastMessageAt"]),
        };
        let told = thread["person"].as_str();
        let told = told.and_then(|person| target.threads.get(person));
        let is_of_person = thread["lastMessageAt"] == thread["lastMessageOfPersonAt"];
        found.untrue += usize::from(told != Some(&is) || !is_of_person);
    })
    .await?;
    found.threads += threads;
    compare(threads, target.threads.len(), found);
    Ok(())
}

/// Whether a message ended as the newest change and the newest reaction say.
fn is_as_told(message: &Value, told: Told) -> bool {
    let edited = message["edit"]["text"].as_str();
    let reacted = message["reactions"]["person"]["feeling"]["emoji"].as_str();
    let must_be_edited = (told.edits > 0).then(|| edit(told.edits));
    let must_have_reacted = told.reaction.map(emoji);
    edited == must_be_edited.as_deref() && reacted == must_have_reacted.as_deref()
}

/// A text names the account that it is for.
fn note_text(text: &Value, target: &Target, found: &mut Found) {
    let text = text.as_str().unwrap_or_default();
    if text.is_empty() {
        found.lost += 1;
    } else if !text.ends_with(&target.name) {
        found.astray += 1;
    }
}

/// The counters of an account; gives back how many duplicates were counted.
async fn check_days(flood: &Flood, target: &Target, found: &mut Found) -> Result<usize, String> {
    let (mut by_push, mut duplicates) = (0, 0);
    let count = |value: &Value| usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0);
    records(flood, target, "EVENTDAY#", |day| {
        by_push += count(&day["byPush"]);
        duplicates += count(&day["duplicates"]);
    })
    .await?;
    compare(by_push, target.events, found);
    Ok(duplicates)
}

/// What events made of the accounts, by name and key: without versions, which count writes.
pub(super) async fn state(flood: &Flood) -> Result<BTreeMap<(String, String), Value>, String> {
    let mut all = BTreeMap::new();
    for target in &flood.accounts {
        for prefix in ["COMMENT#", "THREAD#", "MESSAGE#"] {
            records(flood, target, prefix, |record| {
                let mut record = record.clone();
                record["version"] = Value::Null;
                record["pk"] = Value::Null;
                let key = record["sk"].as_str().unwrap_or_default().to_owned();
                all.insert((target.name.clone(), key), record);
            })
            .await?;
        }
    }
    Ok(all)
}

/// Shows every record of an account whose sort key begins so, and counts them.
async fn records(
    flood: &Flood,
    target: &Target,
    prefix: &str,
    mut show: impl FnMut(&Value),
) -> Result<usize, String> {
    let (mut count, mut start) = (0, None);
    loop {
        let query = flood.world().clients.dynamodb.query().table_name(TABLE);
        let page = query
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(keys::account_partition(&target.id)))
            .expression_attribute_values(":prefix", text(prefix))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        for item in page.items.unwrap_or_default() {
            let record: Value = from_item(item).map_err(|error| error.to_string())?;
            show(&record);
            count += 1;
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return Ok(count);
        }
    }
}
