//! The work that no request asks for: due schedules fire, and the queue is fed to its function. In real time by a loop,
//! and from due time to due time when the clock is turned.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use world::browser::Browser;
use world::delivery::{Turned, Workers};

use crate::from_meta;
use crate::people;
use crate::routes::FunctionName;
use crate::stack::Inside;

/// How often the loop looks.
const EVERY: Duration = Duration::from_millis(250);

/// Works until the stack is stopped.
pub(crate) async fn keep_working(inside: Arc<Inside>, mut stopped: watch::Receiver<bool>) {
    let mut complaint = String::new();
    let sender = Browser::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let working = inside.working.lock().await;
        let workers = workers(&inside);
        match inside.feed.work(&inside.aws, workers, &inside.clock).await {
            Ok(done) => {
                complaint.clear();
                if done != Turned::default() {
                    inside.note_change();
                }
            }
            // Told once, and not four times a second.
            Err(error) if error != complaint => {
                (inside.report)(&format!("background work stands still: {error}"));
                complaint = error;
            }
            Err(_) => {}
        }
        drop(working);
        if from_meta::send_due(&inside, &sender).await > 0 {
            inside.note_change();
        }
        note_announcements(&inside);
        if inside.has_changed() {
            keep_state(&inside).await;
        }
    }
}

/// The functions that take the queues.
fn workers(inside: &Inside) -> Workers<'_> {
    Workers {
        accounts: inside.function(FunctionName::Refresh),
        posts: Some(inside.function(FunctionName::Publish)),
        events: Some(inside.function(FunctionName::Webhooks)),
        receiver: Some(inside.function(FunctionName::Webhooks)),
    }
}

/// Turns the clock; when it returns, all that became due is done.
pub(crate) async fn turn_clock(inside: &Arc<Inside>, by: SignedDuration) -> Result<Turned, String> {
    let inside = inside.clone();
    // A caller who goes away does not leave the clock half-way.
    tokio::spawn(async move {
        let _working = inside.working.lock().await;
        let turned = turn_by_weeks(&inside, by).await;
        inside.aws.sweep_expired_items().await;
        note_announcements(&inside);
        keep_state(&inside).await;
        turned
    })
    .await
    .map_err(|error| error.to_string())?
}

/// Turns the clock from week to week, since people do something when one begins.
async fn turn_by_weeks(inside: &Inside, by: SignedDuration) -> Result<Turned, String> {
    let instagram = inside.instagram.as_ref();
    let mut all = Turned::default();
    let parts = people::weeks_of(inside.clock.milliseconds(), by);
    for (before, part) in parts.into_iter().enumerate() {
        if let Some(instagram) = instagram.filter(|_| before > 0) {
            people::delete_posts(instagram);
        }
        let workers = workers(inside);
        let turned = inside
            .feed
            .turn(&inside.aws, instagram, workers, &inside.clock, part)
            .await?;
        all.fired += turned.fired;
        all.delivered += turned.delivered;
    }
    Ok(all)
}

/// Takes what was put on the bus.
fn note_announcements(inside: &Inside) {
    if let Err(error) = inside.activity.note(inside.aws.take_bus_events()) {
        (inside.report)(&format!("what is on the bus could not be kept: {error}"));
    }
}

/// Writes down what survives a restart. What only tests look at is dropped: nobody does here, and it would grow.
pub(crate) async fn keep_state(inside: &Inside) {
    note_announcements(inside);
    let kept = inside.state.save_clock(inside.clock.ahead());
    if let Err(error) = kept.and(inside.aws.persist().await) {
        (inside.report)(&format!("the state could not be kept: {error}"));
    }
    inside.aws.clear_calls();
}
