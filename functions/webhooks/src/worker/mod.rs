//! The worker: keeps each event once, then does what follows from it.
//!
//! An event is kept before anything is done for it, so whatever fails afterwards can be found and done again. What follows is
//! computed from the event and what is stored, by [`step`]: it has no other input, and its writes may be done twice, in any
//! order and by two workers at once. At the end the event is marked as handled, counted and announced, in one write.

mod comments;
mod conversation;
mod step;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::Account;
use shared::announce::Announcement;
use shared::app::App;
use shared::aws::AwsError;
use shared::lambda::TaskError;
use shared::metrics::{self, Unit};
use shared::table::event_days::Counted;
use shared::table::events::{EventRecord, EventState, LIFETIME};
use shared::webhooks::event::What;
use shared::webhooks::{Delivered, Event, Item, Kind, Source, Unreadable};

use step::Step;

/// An event that comes later than this after it happened is late.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// A clock may be this far behind Meta's. A time further ahead is none: it would win over every other one forever.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// The account's record says to the hour when something happened: a write for each event would meet every other write.
const MARKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// The ledger's word for an announcement: it is kept with the mark, so an event has one, and a replay makes none.
const ANNOUNCED: &str = "announcement";
/// How often a record is read anew that others keep changing.
const TRIES: u32 = 20;

/// Keeps what was delivered to whom it belongs, and does what follows from it.
pub(crate) async fn handle(app: &Arc<App>, delivered: Delivered) -> Result<(), TaskError> {
    match owner(app, &delivered).await? {
        Ok(account) => keep(app, &account, delivered).await,
        Err(reason) => {
            let (table, item) = (&app.table, &delivered.item);
            table.drop_item(&delivered.instagram_id, item).await?;
            count(app, reason);
            Ok(())
        }
    }
}

/// The account that something was told of; or why it is nobody's: the account was disconnected, or another one held the
/// Instagram id when it was told, or this one before it was erased.
async fn owner(
    app: &App,
    delivered: &Delivered,
) -> Result<Result<Account, &'static str>, AwsError> {
    let nobodys = Ok(Err("unknown_account"));
    let Some(claim) = app.table.claim(&delivered.instagram_id).await? else {
        return nobodys;
    };
    if claim.released {
        return nobodys;
    }
    if !claim.held_at(delivered.told_at()) {
        return Ok(Err("before_connection"));
    }
    let account = app.table.account(&claim.account).await?;
    account.map_or(nobodys, |account| Ok(Ok(account)))
}

/// Keeps an event of an account once, and does what follows from it.
async fn keep(app: &App, account: &Account, delivered: Delivered) -> Result<(), TaskError> {
    let (record, event) = read(app, account, delivered).await?;
    if app.table.add_event(&record).await? {
        return carry_out(app, account, record, event).await;
    }
    let known = app.table.event(&record.account, &record.id).await?;
    // An account that is erased meanwhile takes its events with it.
    let Some(known) = known else {
        return Ok(());
    };
    if record.delivered.source != known.delivered.source
        && let Ok(event) = &event
    {
        // What Meta tells and what we find each say something that the other does not.
        apply(app, &account.id, event).await?;
    }
    // Who asked for it anew has not been told again.
    let is_push = record.delivered.source == Source::Push;
    if is_push && !known.deliveries.contains(&record.delivered.delivery) {
        let counted = vec![("duplicates", 1)];
        let told = &record.delivered;
        app.table.note_duplicate(&known, told, &counted).await?;
        count(app, "duplicate");
    }
    if known.state == EventState::Waiting {
        // Somebody died on the way; or works on it right now, which does no harm.
        return carry_out(app, account, known, event).await;
    }
    Ok(())
}

/// What is kept of an item, and what it means.
async fn read(
    app: &App,
    account: &Account,
    delivered: Delivered,
) -> Result<(EventRecord, Result<Event, Unreadable>), TaskError> {
    let item = &delivered.item;
    app.table
        .adopt_item(&account.id, &delivered.instagram_id, item)
        .await?;
    let text = text_of(app, &account.id, item).await?;
    let event = understood(&delivered, &text);
    let (id, kind, at) = match &event {
        Ok(event) => (event.id.clone(), event.kind, event.at),
        Err(_) => {
            let id = Event::id_of_unreadable(&delivered.instagram_id, &text);
            (id, Kind::Unknown, delivered.sent_at)
        }
    };
    let record = EventRecord {
        id,
        account: account.id.clone(),
        kind,
        state: EventState::Waiting,
        reason: event
            .as_ref()
            .err()
            .map(|Unreadable(why)| (*why).to_owned()),
        occurred_at: at.unwrap_or(delivered.received_at),
        deliveries: vec![delivered.delivery.clone()],
        delivered,
        effects: Vec::new(),
        out_of_order: false,
        handled_at: None,
    };
    Ok((record, event))
}

/// An item's text, which may be kept in pieces.
async fn text_of(app: &App, account: &str, item: &Item) -> Result<String, TaskError> {
    let text = app.table.text_of_item(account, item).await?;
    text.ok_or_else(|| TaskError::new("pieces of an event are gone".to_owned()))
}

/// What an item means. A time that lies ahead is Meta's or somebody else's mistake, and no time.
fn understood(delivered: &Delivered, text: &str) -> Result<Event, Unreadable> {
    let mut event = delivered.read(text)?;
    event.at = event.at.filter(|at| *at <= delivered.received_at + AHEAD);
    Ok(event)
}

/// Does what follows from an event that is kept, and marks it.
async fn carry_out(
    app: &App,
    account: &Account,
    mut record: EventRecord,
    event: Result<Event, Unreadable>,
) -> Result<(), TaskError> {
    let from = record.state;
    let now = app.clock.now();
    let mut counted = counted(&record);
    let mut announcement = None;
    let mut outcome = EventState::Handled.as_str();
    match event {
        Ok(event) => {
            let step = apply(app, &account.id, &event).await?;
            record.state = EventState::Handled;
            record.effects = step.effects.iter().map(|it| it.name().to_owned()).collect();
            record.out_of_order = step.out_of_order;
            if is_news(&record) {
                announcement = Announcement::of_event(&record);
            }
            if announcement.is_some() {
                record.effects.push(ANNOUNCED.to_owned());
            }
            if step.out_of_order {
                counted.push(("outOfOrder", 1));
            }
            if let What::Unknown(name) = &event.what {
                outcome = event.kind.as_str();
                tracing::info!(
                    event = "event_unknown",
                    account = account.id,
                    eventId = record.id,
                    name,
                    "an event of a kind that this version does not know is kept"
                );
            }
        }
        Err(Unreadable(reason)) => {
            record.state = EventState::Unreadable;
            outcome = EventState::Unreadable.as_str();
            counted.push(("unreadable", 1));
            tracing::error!(
                event = "event_unreadable",
                account = account.id,
                eventId = record.id,
                reason,
                "an event cannot be understood: it is kept, and can be replayed by a version that understands it"
            );
            let one = [("WebhookItemsUnreadable", Unit::Count, 1.0)];
            metrics::put(&app.config.metrics, &[], &one);
        }
    }
    record.handled_at = Some(now);
    mark_account(app, account, record.occurred_at).await?;
    let told = announcement.as_ref();
    let table = &app.table;
    if table.settle_event(&record, from, &counted, told).await? {
        count(app, outcome);
    }
    Ok(())
}

/// Whether anybody is to be told of an event. Meta sends nothing again after two days, but a body that it signed is good
/// forever: whoever repeats it when its event is forgotten must not make anybody act again.
fn is_news(record: &EventRecord) -> bool {
    let told_at = record.delivered.sent_at.unwrap_or(record.occurred_at);
    record.delivered.received_at.duration_since(told_at) <= LIFETIME
}

/// What is counted of every event.
fn counted(record: &EventRecord) -> Counted {
    let delivered = &record.delivered;
    // How late something is that we asked for says nothing of Meta.
    if delivered.source == Source::Poll {
        return vec![("byPoll", 1)];
    }
    let delay = delivered.received_at.duration_since(record.occurred_at);
    let mut counted = vec![("byPush", 1)];
    if let seconds @ 1.. = delay.as_secs() {
        counted.push(("delaySeconds", seconds));
    }
    if delay > LATE {
        counted.push(("late", 1));
    }
    counted
}

/// Computes what follows from an event, and writes it; begins anew where somebody else wrote meanwhile.
async fn apply(app: &App, account: &str, event: &Event) -> Result<Step, TaskError> {
    for _ in 0..TRIES {
        let stored = step::Stored::read(&app.table, account, event).await?;
        let step = step::step(event, &stored);
        let mut is_written = true;
        for effect in &step.effects {
            is_written &= effect.write(&app.table, account).await?;
        }
        if is_written {
            return Ok(step);
        }
    }
    Err(TaskError::new(
        "records that others keep changing".to_owned(),
    ))
}

/// What would follow from an event now.
async fn foresee(app: &App, account: &str, event: &Event) -> Result<Step, AwsError> {
    let stored = step::Stored::read(&app.table, account, event).await?;
    Ok(step::step(event, &stored))
}

async fn mark_account(app: &App, account: &Account, at: Timestamp) -> Result<(), AwsError> {
    let is_news = |account: &Account| {
        let last = account.last_event_at;
        last.is_none_or(|last| at.duration_since(last) >= MARKED_AGAIN_AFTER)
    };
    if is_news(account) {
        let now = app.clock.now();
        let mark = |account: &mut Account| {
            let is_news = is_news(account);
            if is_news {
                account.last_event_at = Some(at);
            }
            is_news
        };
        app.table.update_account(&account.id, now, mark).await?;
    }
    Ok(())
}

/// Counts an event of the deployment by what became of it.
fn count(app: &App, outcome: &str) {
    let one = [("WebhookEvents", Unit::Count, 1.0)];
    metrics::put(&app.config.metrics, &[("Outcome", outcome)], &one);
}

/// How many records would change if an event that is kept was handled again.
pub(crate) async fn rehearse(app: &App, record: &EventRecord) -> Result<usize, TaskError> {
    match of_record(app, record).await? {
        Ok(event) => Ok(foresee(app, &record.account, &event).await?.changes()),
        Err(_) => Ok(0),
    }
}

/// What a kept event means.
async fn of_record(
    app: &App,
    record: &EventRecord,
) -> Result<Result<Event, Unreadable>, TaskError> {
    let text = text_of(app, &record.account, &record.delivered.item).await?;
    Ok(understood(&record.delivered, &text))
}

/// Does anew what follows from an event that is kept: all of it where it was never done, and else what may be done twice.
/// Returns how many records changed.
pub(crate) async fn replay(
    app: &App,
    account: &Account,
    record: EventRecord,
) -> Result<usize, TaskError> {
    let event = of_record(app, &record).await?;
    let mut changes = 0;
    if let Ok(event) = &event {
        changes = foresee(app, &account.id, event).await?.changes();
    }
    let is_another = event.as_ref().is_ok_and(|event| event.id != record.id);
    match (record.state, event) {
        (EventState::Handled, Ok(event)) => {
            apply(app, &account.id, &event).await?;
        }
        (EventState::Waiting | EventState::Unreadable, Ok(_)) if is_another => {
            replace(app, account, record).await?;
        }
        (EventState::Waiting, event) => carry_out(app, account, record, event).await?,
        // As unreadable as before.
        (EventState::Handled | EventState::Unreadable, _) => {}
    }
    Ok(changes)
}

/// Keeps an event as what it is that was kept as one which nobody understood: of the account that it was told of, whoever
/// holds the Instagram id now.
async fn replace(app: &App, account: &Account, mut record: EventRecord) -> Result<(), TaskError> {
    keep(app, account, record.delivered.clone()).await?;
    let from = record.state;
    let mut taken_back = Vec::new();
    if from == EventState::Unreadable {
        taken_back = counted(&record);
        taken_back.push(("unreadable", 1));
    }
    for (_, count) in &mut taken_back {
        *count = -*count;
    }
    record.state = EventState::Handled;
    record.handled_at = Some(app.clock.now());
    let table = &app.table;
    table.settle_event(&record, from, &taken_back, None).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
