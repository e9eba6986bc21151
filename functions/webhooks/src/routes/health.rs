//! Whether Instagram tells everything of an account, in time and once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Serialize;
use shared::app::App;
use shared::http::{OwnAccount, Problem};
use shared::table::event_days::EventDay;
use utoipa::ToSchema;

/// How many days are looked at, today among them.
const DAYS: i32 = 7;
/// More events than this are not counted one by one: something is wrong for long.
const MOST_WAITING: i32 = 100;
/// An event is handled within seconds. One that waits longer than this waits for somebody to look.
const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// How completely Instagram tells of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventHealth {
    /// The same for a person.
    #[schema(
        example = "In the last 7 days Instagram told of 128 events; 2 of them came again and none came late."
    )]
    sentence: String,
    /// When Instagram last told of something: renewed once an hour at most, so that newer events may be there.
    last_event_at: Option<Timestamp>,
    /// Events that were received more than 15 minutes ago and are not handled, 100 at most: see the dead letters, and replay
    /// them.
    #[schema(example = 0)]
    stuck: usize,
    /// The days on which something happened, by UTC, the newest first; 7 at most.
    days: Vec<DayView>,
}

/// The events of a day, by when they happened.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DayView {
    /// The day.
    #[schema(example = "2026-11-21")]
    day: String,
    /// Events that Meta told of.
    #[schema(example = 40)]
    by_push: u64,
    /// Events that Meta did not tell of, and that were found by asking.
    #[schema(example = 0)]
    by_poll: u64,
    /// Deliveries that brought an event which was known.
    #[schema(example = 1)]
    duplicates: u64,
    /// Events that came after newer ones of the same conversation.
    #[schema(example = 2)]
    out_of_order: u64,
    /// Events that came more than a minute after they happened.
    #[schema(example = 0)]
    late: u64,
    /// How long events took on average, seconds.
    #[schema(example = 1)]
    average_delay_seconds: u64,
    /// Events that could not be understood.
    #[schema(example = 0)]
    unreadable: u64,
}

impl From<EventDay> for DayView {
    fn from(day: EventDay) -> Self {
        Self {
            day: day.day,
            by_push: day.by_push,
            by_poll: day.by_poll,
            duplicates: day.duplicates,
            out_of_order: day.out_of_order,
            late: day.late,
            average_delay_seconds: day.delay_seconds.checked_div(day.by_push).unwrap_or(0),
            unreadable: day.unreadable,
        }
    }
}

/// Tells how completely, how fast and how often Instagram told of an account's events in the last 7 days.
#[utoipa::path(get, path = "/instagram/accounts/{id}/events/health", responses(
    (status = 200, description = "The last days, and a sentence about them.", body = EventHealth),
))]
pub(crate) async fn get_event_health(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
) -> Result<Json<EventHealth>, Problem> {
    let now = app.clock.now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let first = today.saturating_sub((DAYS - 1).days());
    let mut days = app.table.event_days(&account.id, first, today).await?;
    days.reverse();
    let stuck = app
        .table
        .waiting_events(&account.id, now - STUCK_AFTER, MOST_WAITING)
        .await?;
    Ok(Json(EventHealth {
        sentence: sentence(&days, stuck),
        last_event_at: account.last_event_at,
        stuck,
        days: days.into_iter().map(DayView::from).collect(),
    }))
}

fn sentence(days: &[EventDay], stuck: usize) -> String {
    let sum = |count: fn(&EventDay) -> u64| days.iter().map(count).sum::<u64>();
    let (by_push, by_poll) = (sum(|day| day.by_push), sum(|day| day.by_poll));
    let mut sentence = match by_push + by_poll {
        0 => format!("In the last {DAYS} days Instagram told of no event."),
        _ => format!(
            "In the last {DAYS} days Instagram told of {}; {} and {}.",
            plural(by_push, "event"),
            of_them(sum(|day| day.duplicates), "came again"),
            of_them(sum(|day| day.late), "came late"),
        ),
    };
    if by_poll > 0 {
        let more = plural(by_poll, "event");
        sentence.push_str(&format!(" {more} more were only found by asking."));
    }
    let unreadable = sum(|day| day.unreadable);
    if unreadable > 0 {
        sentence.push_str(&format!(
            " {} could not be understood and {} kept as sent.",
            plural(unreadable, "event"),
            if unreadable == 1 { "is" } else { "are" },
        ));
    }
    if stuck > 0 {
        let stuck = plural(u64::try_from(stuck).unwrap_or(u64::MAX), "event");
        sentence.push_str(&format!(" {stuck} could not be handled: replay them."));
    }
    sentence
}

fn plural(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn of_them(count: u64, what: &str) -> String {
    match count {
        0 => format!("none {what}"),
        _ => format!("{count} of them {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_the_numbers_say() {
        let day = EventDay {
            by_push: 127,
            duplicates: 2,
            ..EventDay::default()
        };
        assert_eq!(
            sentence(&[], 0),
            "In the last 7 days Instagram told of no event."
        );
        assert_eq!(
            sentence(std::slice::from_ref(&day), 0),
            "In the last 7 days Instagram told of 127 events; 2 of them came again and none came late."
        );
        let other = EventDay {
            by_push: 1,
            by_poll: 3,
            late: 1,
            unreadable: 1,
            ..EventDay::default()
        };
        assert_eq!(
            sentence(&[day, other], 5),
            "In the last 7 days Instagram told of 128 events; 2 of them came again and 1 of them came late. 3 events more \
             were only found by asking. 1 event could not be understood and is kept as sent. 5 events could not be \
             handled: replay them."
        );
    }
}
