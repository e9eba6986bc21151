//! Events: each kept once, by what it is, and found by account and time.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::by_time::ByTime;
use super::event_days::Counted;
use super::keys;
use super::{Condition, Table, Transaction, number, text, to_item};
use crate::announce::Announcement;
use crate::aws::AwsError;
use crate::webhooks::{Delivered, Kind, Source};

/// How long events are kept: as long as anybody wants to replay them.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// So many deliveries of an event are known by their names: whoever has a body that Meta signed can send it again and again,
/// and a record has an end.
const MOST_DELIVERIES: usize = 50;

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// Kept, and what follows from it is not done yet.
    Waiting,
    /// All that follows from it is done.
    Handled,
    /// Kept as it was sent, since it could not be understood.
    Unreadable,
}

impl EventState {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Handled => "handled",
            Self::Unreadable => "unreadable",
        }
    }
}

/// An event, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRecord {
    /// By what it is.
    pub id: String,
    /// The account.
    pub account: String,
    /// What happened.
    pub kind: Kind,
    /// How far it has come.
    pub state: EventState,
    /// Why it could not be understood: a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it happened, as far as Meta says; else when it was received.
    pub occurred_at: Timestamp,
    /// How it came, with the item itself.
    pub delivered: Delivered,
    /// The deliveries that brought it, 50 at most.
    pub deliveries: Vec<String>,
    /// What was done for it: the ledger. What reaches others is not done again when an event is replayed.
    #[serde(default)]
    pub effects: Vec<String>,
    /// Whether something newer of the same conversation was handled before.
    #[serde(default)]
    pub out_of_order: bool,
    /// When what follows from it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_at: Option<Timestamp>,
}

impl EventRecord {
    /// Where it stands in the list by time.
    pub fn position(&self) -> String {
        keys::by_creation(self.occurred_at, &self.id)
    }
}

/// Which events of an account a list shows.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only those whose time is not before.
    pub from: Option<Timestamp>,
    /// Only those whose time is before.
    pub to: Option<Timestamp>,
    /// The earliest first.
    pub earliest_first: bool,
}

/// A page of events.
pub struct EventPage {
    /// The events, in the list's order.
    pub events: Vec<EventRecord>,
    /// Position after the last one; absent at the end.
    pub next: Option<String>,
}

impl Table {
    /// An event's record.
    pub async fn event(&self, account: &str, id: &str) -> Result<Option<EventRecord>, AwsError> {
        self.get_record(keys::event(account, id)).await
    }

    /// Keeps an event that is not known yet. `false`: it is.
    pub async fn add_event(&self, event: &EventRecord) -> Result<bool, AwsError> {
        let mut item = to_item(keys::event(&event.account, &event.id), event)?;
        let expiry = event.delivered.received_at + LIFETIME;
        item.insert(keys::TTL.into(), number(expiry.as_second()));
        item.insert(
            "index1pk".into(),
            text(keys::events_partition(&event.account)),
        );
        item.insert("index1sk".into(), text(event.position()));
        let waiting = keys::waiting_partition(&event.account);
        let position = keys::by_receipt(event.delivered.received_at, &event.id);
        item.insert("index2pk".into(), text(waiting));
        item.insert("index2sk".into(), text(position));
        self.put_if(item, Condition::is_new()).await
    }

    /// Notes how far an event has come that stood at `from`, counts it on its day, and keeps what is announced of it: all or
    /// nothing. `false`: another worker has.
    pub async fn settle_event(
        &self,
        event: &EventRecord,
        from: EventState,
        counted: &Counted,
        announcement: Option<&Announcement>,
    ) -> Result<bool, AwsError> {
        let effects = event.effects.iter().map(text).collect();
        let handled_at = event.handled_at.map(keys::sortable).unwrap_or_default();
        let update = Update::builder()
            .update_expression(
                "SET #state = :state, effects = :effects, outOfOrder = :order, handledAt = :at REMOVE index2pk, index2sk",
            )
            .condition_expression("#state = :from")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(event.state.as_str()))
            .expression_attribute_values(":from", text(from.as_str()))
            .expression_attribute_values(":effects", AttributeValue::L(effects))
            .expression_attribute_values(":order", AttributeValue::Bool(event.out_of_order))
            .expression_attribute_values(":at", text(handled_at));
        self.transact_on_event(event, update, counted, announcement)
            .await
    }

    /// Notes that another delivery brought an event, and counts it on its day: both or neither. `false`: this delivery is
    /// known. What Meta tells is kept instead of what we made of a find of ours. An event that came very often already is only
    /// counted.
    pub async fn note_duplicate(
        &self,
        event: &EventRecord,
        told: &Delivered,
        counted: &Counted,
    ) -> Result<bool, AwsError> {
        if event.deliveries.len() >= MOST_DELIVERIES {
            let items = vec![self.counting(event, counted)?];
            return Ok(self.transact(items).await? == Transaction::Written);
        }
        let delivery = &told.delivery;
        let mut set = "SET deliveries = list_append(deliveries, :deliveries)".to_owned();
        let mut update = Update::builder()
            .condition_expression("attribute_exists(pk) AND NOT contains(deliveries, :delivery)")
            .expression_attribute_values(":delivery", text(delivery))
            .expression_attribute_values(":deliveries", AttributeValue::L(vec![text(delivery)]));
        if event.delivered.source == Source::Poll {
            // It stays one that was found first.
            let told = Delivered {
                source: Source::Poll,
                ..told.clone()
            };
            let told = serde_dynamo::to_attribute_value(told).map_err(|_| {
                AwsError::unreadable("TransactWriteItems", "an item that cannot be written")
            })?;
            set.push_str(", delivered = :delivered");
            update = update.expression_attribute_values(":delivered", told);
        }
        let update = update.update_expression(set);
        self.transact_on_event(event, update, counted, None).await
    }

    async fn transact_on_event(
        &self,
        event: &EventRecord,
        update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
        counted: &Counted,
        announcement: Option<&Announcement>,
    ) -> Result<bool, AwsError> {
        let update = update
            .table_name(&self.name)
            .set_key(Some(keys::event(&event.account, &event.id).into_item()))
            .build()
            .map_err(|_| AwsError::unreadable("TransactWriteItems", "an incomplete write"))?;
        let mut items = vec![
            TransactWriteItem::builder().update(update).build(),
            self.counting(event, counted)?,
        ];
        if let Some(announcement) = announcement {
            items.push(self.announcement_write(announcement)?);
        }
        Ok(self.transact(items).await? == Transaction::Written)
    }

    /// How many events of an account were received before this time and are not handled; `most` at most.
    pub async fn waiting_events(
        &self,
        account: &str,
        before: Timestamp,
        most: i32,
    ) -> Result<usize, AwsError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(keys::INDEX_2)
            .key_condition_expression("index2pk = :waiting AND index2sk < :before")
            .expression_attribute_values(":waiting", text(keys::waiting_partition(account)))
            .expression_attribute_values(":before", text(keys::sortable(before)))
            .limit(most)
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        Ok(output.items().len())
    }

    /// A page of an account's events by their time, after the position `after`. What is older than [`LIFETIME`] counts as
    /// dropped.
    pub async fn events_of_account(
        &self,
        account: &str,
        filter: &EventFilter,
        limit: usize,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<EventPage, AwsError> {
        let kind = filter.kind.map(|kind| ("kind", kind.as_str()));
        let equal: Vec<_> = kind.into_iter().collect();
        let list = ByTime {
            partition: keys::events_partition(account),
            key_of: &|id| keys::event(account, id),
            from: Some(filter.from.unwrap_or(Timestamp::MIN).max(now - LIFETIME)),
            to: filter.to,
            equal: &equal,
            earliest_first: filter.earliest_first,
        };
        let found = self.by_time(&list, limit, after).await?;
        Ok(EventPage {
            events: self.records(found.keys).await?,
            next: found.next,
        })
    }
}
