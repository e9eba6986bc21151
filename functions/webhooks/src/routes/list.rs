//! The list of an account's events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::cursor::List;
use shared::http::paging::{self, PageRefusals};
use shared::http::{OwnAccount, Problem, QueryString};
use shared::table::events::{EventFilter, EventRecord, EventState};
use shared::webhooks::{Item, Kind};
use utoipa::{IntoParams, ToSchema};

/// Lambda sends an answer of 6 MB at most. A page ends before its items come to more than this.
const MOST_BYTES: usize = 4_000_000;

/// The filters and the page of `GET /instagram/accounts/{id}/events`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Only this kind.
    #[param(value_type = Kind, required = false)]
    kind: Option<String>,
    /// Only events that happened not before.
    #[param(value_type = Timestamp, required = false, example = "2026-11-21T10:00:00Z")]
    from: Option<String>,
    /// Only events that happened before.
    #[param(value_type = Timestamp, required = false, example = "2026-12-21T10:00:00Z")]
    to: Option<String>,
    /// How many at once. A page may hold fewer where events are large or a filter matches few, and go on all the same.
    #[param(value_type = u32, required = false, minimum = 1, maximum = 100, default = 25, example = 10)]
    limit: Option<String>,
    /// Where the list goes on: `nextCursor` of its former page, with the same filters. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// A page of events, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventList {
    /// The newest first.
    events: Vec<EventView>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// One thing that happened on Instagram.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventView {
    /// By what it is: the same event has the same id however often it comes.
    #[schema(example = "7c1f0b8de2a94c63b5f7d0e1a2c3948576ab1d20ef934857c6b1a09d8e7f6543")]
    id: String,
    /// What happened.
    kind: Kind,
    /// How far it has come.
    state: EventState,
    /// Why it could not be understood: a stable word.
    reason: Option<String>,
    /// When it happened, as far as Meta says; else when it was received.
    occurred_at: Timestamp,
    /// When it was received first.
    received_at: Timestamp,
    /// When what follows from it was done.
    handled_at: Option<Timestamp>,
    /// How many deliveries brought it.
    #[schema(example = 1)]
    deliveries: usize,
    /// What was done for it.
    #[schema(example = json!(["thread", "message", "announcement"]))]
    effects: Vec<String>,
    /// The item as Meta sent it: JSON as a text. `null` for one of more than 300,000 bytes.
    #[schema(example = r#"{"field":"comments","value":{"id":"17870000000000001","text":"Nice"}}"#)]
    item: Option<String>,
}

impl From<EventRecord> for EventView {
    fn from(event: EventRecord) -> Self {
        Self {
            id: event.id,
            kind: event.kind,
            state: event.state,
            reason: event.reason,
            occurred_at: event.occurred_at,
            received_at: event.delivered.received_at,
            handled_at: event.handled_at,
            deliveries: event.deliveries.len(),
            effects: event.effects,
            item: match event.delivered.item {
                Item::Text(text) => Some(text),
                Item::Stored { .. } => None,
            },
        }
    }
}

/// Lists what Instagram told of an account in the last 30 days, the newest first.
#[utoipa::path(get, path = "/instagram/accounts/{id}/events", responses(
    (status = 200, description = "A page of events.", body = EventList),
    PageRefusals,
    FilterRefusals,
))]
pub(crate) async fn list_events(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<EventsQuery>,
) -> Result<Json<EventList>, Problem> {
    let limit = paging::limit(query.limit.as_deref())?;
    let filter = EventFilter {
        kind: query.kind.as_deref().map(kind).transpose()?,
        from: query.from.as_deref().map(paging::time).transpose()?,
        to: query.to.as_deref().map(paging::time).transpose()?,
        ..EventFilter::default()
    };
    let route = format!("/instagram/accounts/{}/events", account.id);
    let filter_text = format!("{filter:?}");
    let list = List {
        company: &account.company,
        route: &route,
        filter: &filter_text,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let table = &app.table;
    let page = table
        .events_of_account(
            &account.id,
            &filter,
            limit,
            after.as_deref(),
            app.clock.now(),
        )
        .await?;
    let (mut events, mut next) = (page.events, page.next);
    let fitting = fitting(&events);
    if fitting < events.len() {
        events.truncate(fitting);
        next = events.last().map(EventRecord::position);
    }
    Ok(Json(EventList {
        events: events.into_iter().map(EventView::from).collect(),
        next_cursor: paging::next_cursor(&app, &list, next).await?,
    }))
}

/// How many of the events fit one answer: one in any case.
fn fitting(events: &[EventRecord]) -> usize {
    let mut bytes = 0;
    let fitting = events.iter().take_while(|event| {
        if let Item::Text(text) = &event.delivered.item {
            // JSON within JSON within what Lambda is answered: each quote and each backslash takes four bytes.
            bytes += text.len() + 3 * text.matches(['"', '\\']).count();
        }
        bytes <= MOST_BYTES
    });
    fitting.count().max(1)
}

shared::refusals!(
    /// What the filters of the list are refused for.
    pub(crate) FilterRefusals: [invalid_kind(), paging::invalid_time()]
);

fn kind(word: &str) -> Result<Kind, Problem> {
    Kind::parse(word).ok_or_else(invalid_kind)
}

fn invalid_kind() -> Problem {
    let words: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| format!("`{}`", kind.as_str()))
        .collect();
    Problem::bad_request(
        "invalid_event_kind",
        format!("`kind` must be one of {}.", words.join(", ")),
    )
}
