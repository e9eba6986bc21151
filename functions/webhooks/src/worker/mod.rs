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
use shared::table::events::{EventRecord, EventState};
use shared::webhooks::{Delivered, Event, Kind, Source, Unreadable};

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

/// Keeps what was delivered, and does what follows from it.
pub(crate) async fn handle(app: &Arc<App>, delivered: Delivered) -> Result<(), TaskError> {
    let Some(account) = owner(app, &delivered.instagram_id).await? else {
        let (table, item) = (&app.table, &delivered.item);
        table.drop_item(&delivered.instagram_id, item).await?;
        count(app, "unknown_account");
        return Ok(());
    };
    let (record, event) = read(app, &account, delivered).await?;
    if app.table.add_event(&record).await? {
        return carry_out(app, &account, record, event).await;
    }
    let known = app.table.event(&record.account, &record.id).await?;
    // An account that is erased meanwhile takes its events with it.
    let Some(known) = known else {
        return Ok(());
    };
    // Who asked for it anew has not been told again.
    let is_push = record.delivered.source == Source::Push;
    if is_push && !known.deliveries.contains(&record.delivered.delivery) {
        let counted = vec![("duplicates", 1)];
        let delivery = &record.delivered.delivery;
        app.table.note_duplicate(&known, delivery, &counted).await?;
        count(app, "duplicate");
    }
    if known.state == EventState::Waiting {
        // Somebody died on the way; or works on it right now, which does no harm.
        return carry_out(app, &account, known, event).await;
    }
    Ok(())
}

/// The account that an Instagram id belongs to: nobody's, once it was disconnected.
async fn owner(app: &App, instagram_id: &str) -> Result<Option<Account>, AwsError> {
    match app.table.claim(instagram_id).await? {
        Some(claim) if !claim.released => app.table.account(&claim.account).await,
        _ => Ok(None),
    }
}

/// What is kept of an item, and what it means.
async fn read(
    app: &App,
    account: &Account,
    delivered: Delivered,
) -> Result<(EventRecord, Result<Event, Unreadable>), TaskError> {
    let (table, item) = (&app.table, &delivered.item);
    table
        .adopt_item(&account.id, &delivered.instagram_id, item)
        .await?;
    let text = table
        .text_of_item(&account.id, item)
        .await?
        .ok_or_else(|| TaskError::new("pieces of an event are gone".to_owned()))?;
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
    match event {
        Ok(event) => {
            let step = apply(app, &account.id, &event).await?;
            record.state = EventState::Handled;
            record.effects = step.effects.iter().map(|it| it.name().to_owned()).collect();
            record.out_of_order = step.out_of_order;
            announcement = Announcement::of_event(&record);
            if announcement.is_some() {
                record.effects.push(ANNOUNCED.to_owned());
            }
            if step.out_of_order {
                counted.push(("outOfOrder", 1));
            }
        }
        Err(Unreadable(reason)) => {
            record.state = EventState::Unreadable;
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
        count(app, record.state.as_str());
    }
    Ok(())
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
    if let Ok(seconds @ 1..) = u64::try_from(delay.as_secs()) {
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
    let Some(event) = of_record(app, record).await? else {
        return Ok(0);
    };
    Ok(foresee(app, &record.account, &event).await?.changes())
}

/// What a kept event means; `None` where it is as unreadable as before.
async fn of_record(app: &App, record: &EventRecord) -> Result<Option<Event>, AwsError> {
    let delivered = &record.delivered;
    let table = &app.table;
    let text = table.text_of_item(&record.account, &delivered.item).await?;
    Ok(text.and_then(|text| understood(delivered, &text).ok()))
}

/// Does anew what follows from an event that is kept: all of it where it was never done, and else what may be done twice.
/// Returns how many records changed.
pub(crate) async fn replay(
    app: &Arc<App>,
    account: &Account,
    record: EventRecord,
) -> Result<usize, TaskError> {
    let Some(event) = of_record(app, &record).await? else {
        return Ok(0);
    };
    let step = foresee(app, &account.id, &event).await?;
    let changes = step.changes();
    match record.state {
        EventState::Handled => {
            apply(app, &account.id, &event).await?;
        }
        EventState::Waiting => carry_out(app, account, record, Ok(event)).await?,
        EventState::Unreadable => {
            // This version understands it, and so it is another event than the one that it was kept as.
            handle(app, record.delivered.clone()).await?;
            let mut replaced = record;
            replaced.state = EventState::Handled;
            replaced.handled_at = Some(app.clock.now());
            let from = EventState::Unreadable;
            let table = &app.table;
            table
                .settle_event(&replaced, from, &Vec::new(), None)
                .await?;
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests;
