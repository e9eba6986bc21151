//! Announcements: what a product is told on an EventBridge bus, so that it reacts without polling.
//!
//! An announcement is written in the same transaction as the change that it tells of, so that none is lost and none tells
//! of what did not happen. It is put on the bus by who wrote it, at the end of the request or batch of tasks, and removed
//! then; one whose sender died or was refused is sent by the hourly audit. So each arrives at least once, and may arrive
//! twice, with the same `id`. Whatever goes wrong here never fails the change itself. `docs/events.md` has the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::error::Elapsed;

use crate::account::Account;
use crate::app::App;
use crate::aws::{AwsError, Lazily};
use crate::digest::sha256_start;
use crate::post::Post;
use crate::table::announcements::PAGE;
use crate::table::events::EventRecord;
use crate::table::timeline::TimelineEntry;
use crate::telemetry;
use crate::webhooks::Kind;

/// The `source` of everything that we put on the bus.
pub const SOURCE: &str = "instagram";
/// The form of `detail`.
const VERSION: u32 = 1;
/// What one call of `PutEvents` takes.
const BATCH: usize = 10;
/// How long a request or batch may be held up by it.
pub const WITHIN: Duration = Duration::from_secs(4);
/// How long an audit sends what waits. The next one goes on.
const AUDITS_WITHIN: Duration = Duration::from_secs(12);

/// Which entries of an account's timeline are announced, and under which name.
pub const OF_ACCOUNTS: &[(&str, &str)] = &[
    ("connected", "instagram.account.connected"),
    ("reconnected", "instagram.account.connected"),
    ("disconnected", "instagram.account.disconnected"),
    ("deauthorized", "instagram.account.revoked"),
    ("status_active", "instagram.account.active"),
    ("status_token_expired", "instagram.account.token_expired"),
    ("status_revoked", "instagram.account.revoked"),
    ("status_rate_limited", "instagram.account.rate_limited"),
    ("status_error", "instagram.account.error"),
    ("token_at_risk", "instagram.account.token_at_risk"),
    ("client_assigned", "instagram.account.assigned"),
    ("client_unassigned", "instagram.account.assigned"),
];
/// That an account was erased; its timeline is gone with it.
pub const ACCOUNT_DELETED: &str = "instagram.account.deleted";
/// Which entries of a post's timeline are announced, and under which name.
pub const OF_POSTS: &[(&str, &str)] = &[
    ("scheduled", "instagram.post.scheduled"),
    ("published", "instagram.post.published"),
    ("failed", "instagram.post.failed"),
    ("unclear", "instagram.post.unknown"),
    ("canceled", "instagram.post.canceled"),
];

/// Which kinds of events are announced, and under which name.
pub const OF_EVENTS: &[(Kind, &str)] = &[
    (Kind::Comment, "instagram.comment.created"),
    (Kind::LiveComment, "instagram.live_comment.created"),
    (Kind::Mention, "instagram.mention.created"),
    (Kind::StoryInsights, "instagram.story.measured"),
    (Kind::Message, "instagram.message.received"),
    (Kind::MessageEcho, "instagram.message.sent"),
    (Kind::MessageEdit, "instagram.message.edited"),
    (Kind::MessageDeleted, "instagram.message.deleted"),
    (Kind::Reaction, "instagram.message.reacted"),
    (Kind::Postback, "instagram.conversation.button_pressed"),
    (Kind::Referral, "instagram.conversation.referred"),
    (Kind::Seen, "instagram.conversation.seen"),
    (Kind::Handover, "instagram.conversation.handed_over"),
    (Kind::Optin, "instagram.conversation.opted_in"),
];

/// What is told, as it waits in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// UUID: the same when it is told again. Of an event it follows from the event, whenever that is told.
    pub id: String,
    /// `instagram.account.revoked`: EventBridge's `detail-type`.
    pub name: String,
    /// When it happened.
    pub at: Timestamp,
    /// The account's id.
    pub account: String,
    /// Whose it is, since the account's record may be gone when this is sent. Absent for a post and an event, whose
    /// records do not say it: where the account is gone by then, nothing is told of them any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The post that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<AnnouncedPost>,
    /// The event that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<AnnouncedEvent>,
    /// The request or task that caused it.
    pub correlation_id: String,
}

/// What is told of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncedEvent {
    /// Its id.
    pub id: String,
    /// What happened.
    pub kind: Kind,
}

/// Whose an account is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The company.
    pub company: String,
    /// The company's customer that the account is assigned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// What is told of a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncedPost {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: String,
    /// Why, where it failed or is unknown: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// Meta's id of the media, once it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
}

/// The `detail` on the bus.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    version: u32,
    id: &'a str,
    at: Timestamp,
    company: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    account_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<&'a AnnouncedPost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a AnnouncedEvent>,
    correlation_id: &'a str,
}

impl Announcement {
    /// What an entry of an account's timeline announces, if anything.
    pub fn of_account(account: &Account, entry: &TimelineEntry) -> Option<Self> {
        Some(Self {
            owner: Some(Owner::of(account)),
            ..Self::named(named(OF_ACCOUNTS, &entry.event)?, &account.id, entry.at)
        })
    }

    /// What an entry of a post's timeline announces, if anything.
    pub fn of_post(post: &Post, entry: &TimelineEntry) -> Option<Self> {
        let name = named(OF_POSTS, &entry.event)?;
        let announced = AnnouncedPost {
            id: post.id.clone(),
            state: post.state.as_str().to_owned(),
            reason_code: post.state_reason.as_ref().map(|reason| reason.code.clone()),
            media_id: post.media_id.clone(),
        };
        Some(Self {
            post: Some(announced),
            ..Self::named(name, &post.account, entry.at)
        })
    }

    /// What an event of Instagram's announces, if anything.
    pub fn of_event(event: &EventRecord) -> Option<Self> {
        let (_, name) = OF_EVENTS.iter().find(|(kind, _)| *kind == event.kind)?;
        let announced = AnnouncedEvent {
            id: event.id.clone(),
            kind: event.kind,
        };
        let what = format!("{} {}", event.account, event.id);
        Some(Self {
            id: uuid::Uuid::from_bytes(sha256_start(what.as_bytes())).to_string(),
            event: Some(announced),
            ..Self::named(name, &event.account, event.occurred_at)
        })
    }

    /// That an account is gone.
    pub fn of_deleted(account: &Account, at: Timestamp) -> Self {
        Self {
            owner: Some(Owner::of(account)),
            ..Self::named(ACCOUNT_DELETED, &account.id, at)
        }
    }

    fn named(name: &str, account: &str, at: Timestamp) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            name: name.to_owned(),
            at,
            account: account.to_owned(),
            owner: None,
            post: None,
            event: None,
            correlation_id: telemetry::correlation_id(),
        }
    }
}

impl Owner {
    fn of(account: &Account) -> Self {
        Self {
            company: account.company.clone(),
            client_id: account.client_id.clone(),
        }
    }
}

fn named(names: &[(&'static str, &'static str)], event: &str) -> Option<&'static str> {
    let found = names.iter().find(|(told, _)| *told == event);
    found.map(|(_, name)| *name)
}

/// The bus.
#[derive(Clone, Debug)]
pub struct Bus {
    client: Lazily<Client>,
    name: String,
}

impl Bus {
    /// The bus with this name; no call is made.
    pub fn new(client: Lazily<Client>, name: String) -> Self {
        Self { client, name }
    }

    /// Puts events on the bus: name, time and `detail` of each. The positions of those that it did not take come back.
    ///
    /// # Errors
    /// When EventBridge does not answer: then none counts as taken.
    pub async fn put(&self, events: &[(&str, Timestamp, String)]) -> Result<Vec<usize>, AwsError> {
        let mut refused = Vec::new();
        for (number, batch) in events.chunks(BATCH).enumerate() {
            let entries = batch.iter().map(|(name, at, detail)| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(&self.name)
                    .source(SOURCE)
                    .detail_type(*name)
                    .time(DateTime::from_millis(at.as_millisecond()))
                    .detail(detail)
                    .build()
            });
            let output = self
                .client
                .put_events()
                .set_entries(Some(entries.collect()))
                .send()
                .await
                .map_err(|error| AwsError::new("PutEvents", &error))?;
            for (position, entry) in output.entries().iter().enumerate() {
                if entry.event_id().is_none() {
                    refused.push(number * BATCH + position);
                }
            }
        }
        Ok(refused)
    }
}

/// Sends what the running request or batch of tasks has announced, within that time. Never fails: what cannot be sent now
/// waits.
pub async fn send_noted(app: &App, within: Duration) {
    let noted = app.table.take_noted();
    if noted.written.is_empty() && noted.partitions.is_empty() {
        return;
    }
    // Boxed: it is part of every request's and batch's future, and seldom runs.
    let sent = Box::pin(tokio::time::timeout(within, async {
        send_page(app, &noted.written).await?;
        send(app, noted.partitions).await
    }));
    warn_unless_sent(sent.await);
}

/// Sends what waits, of all accounts, for twelve seconds at most. Never fails: what cannot be sent now waits for the next
/// audit.
pub async fn send_what_waits(app: &App) {
    let sent = Box::pin(tokio::time::timeout(AUDITS_WITHIN, send_waiting(app)));
    warn_unless_sent(sent.await);
}

fn warn_unless_sent(sent: Result<Result<(), AwsError>, Elapsed>) {
    let cause = match sent {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        event = "announcements_wait",
        cause,
        "the next audit sends them"
    );
}

/// Sends what waits, of all accounts.
///
/// # Errors
/// When AWS refuses: what was not sent goes on waiting.
pub async fn send_waiting(app: &App) -> Result<(), AwsError> {
    send(app, crate::table::keys::ID_DIGITS.chars().collect()).await
}

/// A page of each partition, all of them together, until none has more.
async fn send(app: &App, mut partitions: BTreeSet<char>) -> Result<(), AwsError> {
    while !partitions.is_empty() {
        let mut waiting = Vec::new();
        for partition in partitions.clone() {
            let page = app.table.waiting_announcements(partition).await?;
            if page.len() < PAGE {
                partitions.remove(&partition);
            }
            waiting.extend(page);
        }
        send_page(app, &waiting).await?;
    }
    Ok(())
}

async fn send_page(app: &App, waiting: &[Announcement]) -> Result<(), AwsError> {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    let mut owners: BTreeMap<&str, Option<Owner>> = BTreeMap::new();
    for announcement in waiting {
        let account = announcement.account.as_str();
        let owner = match &announcement.owner {
            Some(owner) => Some(owner.clone()),
            None => {
                if !owners.contains_key(account) {
                    let record = app.table.account(account).await?;
                    owners.insert(account, record.as_ref().map(Owner::of));
                }
                owners.get(account).cloned().flatten()
            }
        };
        let Some(owner) = owner else {
            app.table.remove_announcement(announcement).await?;
            continue;
        };
        let detail = Detail {
            version: VERSION,
            id: &announcement.id,
            at: announcement.at,
            company: &owner.company,
            client_id: owner.client_id.as_deref(),
            account_id: &announcement.account,
            post: announcement.post.as_ref(),
            event: announcement.event.as_ref(),
            correlation_id: &announcement.correlation_id,
        };
        // Texts and numbers always have a JSON form.
        let detail = serde_json::to_string(&detail).unwrap_or_default();
        events.push((announcement.name.as_str(), announcement.at, detail));
        sent.push(announcement);
    }
    let refused = app.bus.put(&events).await?;
    let sent = sent.into_iter().enumerate();
    let taken = sent.filter(|(position, _)| !refused.contains(position));
    let taken: Vec<&Announcement> = taken.map(|(_, announcement)| announcement).collect();
    for batch in taken.chunks(BATCH) {
        let removals = batch.iter().map(|it| app.table.remove_announcement(it));
        join_all(removals)
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(AwsError::unreadable(
        "PutEvents",
        "entries that were not taken",
    ))
}
