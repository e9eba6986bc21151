//! What an account's events of a day come to. Counters that are written together with what they count, so that they are
//! exact whatever dies in between. A day's counters are spread over sixteen records, and summed when they are read.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::events::EventRecord;
use super::keys;
use super::timeline::LIFETIME;
use super::{Table, number, text};
use crate::aws::AwsError;

/// The events of a day, by when they happened. All but the day are numbers of events, if not said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventDay {
    /// The day, UTC.
    pub day: String,
    /// Told by Meta.
    pub by_push: u64,
    /// Found by asking, since Meta had not told of them.
    pub by_poll: u64,
    /// Deliveries that brought an event which was known.
    pub duplicates: u64,
    /// Of which something newer of the same conversation was handled before.
    pub out_of_order: u64,
    /// That came more than a minute after they happened.
    pub late: u64,
    /// Seconds between happening and coming, of all together.
    pub delay_seconds: u64,
    /// That could not be understood.
    pub unreadable: u64,
}

/// What is added to a day: names of [`EventDay`]'s counters and by how much, which is less than nothing where an event turned
/// out to be another one.
pub type Counted = Vec<(&'static str, i64)>;

impl EventDay {
    fn add(&mut self, other: &Self) {
        self.by_push += other.by_push;
        self.by_poll += other.by_poll;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.late += other.late;
        self.delay_seconds += other.delay_seconds;
        self.unreadable += other.unreadable;
    }
}

impl Table {
    /// Counting as part of a transaction.
    pub(super) fn counting(
        &self,
        event: &EventRecord,
        counted: &Counted,
    ) -> Result<TransactWriteItem, AwsError> {
        let day = event.occurred_at.to_zoned(TimeZone::UTC).date();
        let digit = event.id.chars().next().unwrap_or_default();
        let key = keys::event_day(&event.account, &day.to_string(), digit);
        let expiry = event.occurred_at + LIFETIME;
        let names: Vec<String> = counted
            .iter()
            .map(|(name, _)| format!("{name} :{name}"))
            .collect();
        let add = match names.join(", ") {
            names if names.is_empty() => names,
            names => format!(" ADD {names}"),
        };
        let mut update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .update_expression(format!("SET #day = :day, #ttl = :ttl{add}"))
            // One that is dropped meanwhile begins anew.
            .condition_expression("attribute_not_exists(pk) OR #day = :day")
            .expression_attribute_names("#day", "day")
            .expression_attribute_names("#ttl", keys::TTL)
            .expression_attribute_values(":day", text(day.to_string()))
            .expression_attribute_values(":ttl", number(expiry.as_second()));
        for (name, count) in counted {
            update = update.expression_attribute_values(format!(":{name}"), number(count));
        }
        let update = update
            .build()
            .map_err(|_| AwsError::unreadable("TransactWriteItems", "an incomplete write"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The days from `first` to `last` on which something happened, in their order.
    pub async fn event_days(
        &self,
        account: &str,
        first: Date,
        last: Date,
    ) -> Result<Vec<EventDay>, AwsError> {
        let days = first
            .series(jiff::ToSpan::days(1))
            .take_while(|day| *day <= last);
        let keys = days.flat_map(|day| {
            let digits = keys::ID_DIGITS.chars();
            digits.map(move |digit| keys::event_day(account, &day.to_string(), digit))
        });
        let parts: Vec<EventDay> = self.records(keys.collect()).await?;
        let mut days: Vec<EventDay> = Vec::new();
        for part in parts {
            match days.last_mut() {
                Some(day) if day.day == part.day => day.add(&part),
                _ => days.push(part),
            }
        }
        Ok(days)
    }
}
