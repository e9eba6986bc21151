//! The table: typed access to every record.
//!
//! Every write carries a condition. What a failed condition means is said where the write is made.

mod account_filter;
pub mod accounts;
pub mod announcements;
pub mod audit;
mod by_time;
pub mod claims;
pub mod connected;
pub mod coverage;
pub mod deletions;
pub mod engagement;
pub mod erasure;
pub mod event_days;
pub mod event_pieces;
pub mod events;
pub mod idempotency;
pub mod keys;
pub mod leases;
pub mod login_states;
pub mod overview;
pub mod posts;
pub mod templates;
pub mod timeline;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws::AwsError;
use announcements::Noted;
use keys::{Item, Key};

/// The DynamoDB table.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
    /// Announcements to be sent at the end of the request or batch of tasks.
    noted: Arc<Mutex<Noted>>,
}

/// How a transaction ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Everything was written.
    Written,
    /// Nothing was written: the conditions of the items at these positions did not hold.
    Refused(Vec<usize>),
}

/// How often a transaction is tried again that met another one.
const CONFLICT_TRIES: u32 = 8;
/// How often keys are asked for again that DynamoDB left unprocessed.
const UNPROCESSED_TRIES: u32 = 10;

impl Table {
    /// Access to the table `name`; no call is made.
    pub fn new(client: Client, name: String) -> Self {
        Self {
            client,
            name,
            noted: Arc::default(),
        }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client under this table, for queries that one record kind alone needs.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Reads one item, strongly consistent.
    pub async fn get(&self, key: Key) -> Result<Option<Item>, AwsError> {
        let output = Box::pin(
            self.client
                .get_item()
                .table_name(&self.name)
                .set_key(Some(key.into_item()))
                .consistent_read(true)
                .send(),
        )
        .await
        .map_err(|error| AwsError::new("GetItem", &error))?;
        Ok(output.item)
    }

    /// Reads one record, strongly consistent.
    pub async fn get_record<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, AwsError> {
        self.get(key).await?.map(from_item).transpose()
    }

    /// The records under these keys in this order, strongly consistent; those that are gone meanwhile are left out.
    pub async fn records<T: DeserializeOwned>(&self, keys: Vec<Key>) -> Result<Vec<T>, AwsError> {
        let mut found: HashMap<Key, T> = HashMap::new();
        for chunk in keys.chunks(100) {
            let mut wanted: Vec<Item> = chunk.iter().cloned().map(Key::into_item).collect();
            let mut tries = 0;
            while !wanted.is_empty() {
                let request = KeysAndAttributes::builder()
                    .set_keys(Some(wanted))
                    .consistent_read(true)
                    .build()
                    .map_err(|_| AwsError::unreadable("BatchGetItem", "an incomplete request"))?;
                let output = self
                    .client
                    .batch_get_item()
                    .request_items(&self.name, request)
                    .send()
                    .await
                    .map_err(|error| AwsError::new("BatchGetItem", &error))?;
                for item in output.responses.unwrap_or_default().into_values().flatten() {
                    if let Some(key) = Key::of_item(&item) {
                        found.insert(key, from_item(item)?);
                    }
                }
                wanted = output
                    .unprocessed_keys
                    .unwrap_or_default()
                    .into_values()
                    .flat_map(|request| request.keys)
                    .collect();
                tries += 1;
                if !wanted.is_empty() {
                    if tries == UNPROCESSED_TRIES {
                        return Err(AwsError::unreadable(
                            "BatchGetItem",
                            "keys left unprocessed",
                        ));
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20 << tries.min(5))).await;
                }
            }
        }
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    /// Puts an item where the condition holds; `false` when it does not.
    pub async fn put_if(&self, item: Item, condition: Condition) -> Result<bool, AwsError> {
        let result = Box::pin(
            self.client
                .put_item()
                .table_name(&self.name)
                .set_item(Some(item))
                .condition_expression(condition.expression)
                .set_expression_attribute_names(condition.names)
                .set_expression_attribute_values(condition.values)
                .send(),
        )
        .await;
        match result {
            Ok(_) => Ok(true),
            Err(error) if crate::aws::is_code(&error, CONDITION_FAILED) => Ok(false),
            Err(error) => Err(AwsError::new("PutItem", &error)),
        }
    }

    /// Removes the item under a key; there may be none.
    pub async fn remove(&self, key: Key) -> Result<(), AwsError> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::new("DeleteItem", &error))
    }

    /// Writes all items or none. A meeting with another transaction is tried again; the SDK sends one client token for
    /// all its own tries, so an answer that was lost does not write twice.
    pub async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Transaction, AwsError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match Box::pin(
                self.client
                    .transact_write_items()
                    .set_transact_items(Some(items.clone()))
                    .send(),
            )
            .await
            {
                Ok(_) => {
                    self.note_written(&items);
                    return Ok(Transaction::Written);
                }
                Err(error) => error,
            };
            let codes = cancellation_codes(&error);
            let refused: Vec<usize> = positions(&codes, "ConditionalCheckFailed");
            if !refused.is_empty() {
                return Ok(Transaction::Refused(refused));
            }
            let is_passing = PASSING
                .iter()
                .any(|code| !positions(&codes, code).is_empty());
            if !is_passing || tries == CONFLICT_TRIES {
                return Err(AwsError::new("TransactWriteItems", &error));
            }
            // At random, so that those who met do not meet again.
            let most = 20 << tries.min(5);
            let milliseconds = getrandom::u64().unwrap_or(most) % most;
            tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
        }
    }

    /// Whether the table answers.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.get(keys::vault_open_pages()).await.map(|_| ())
    }
}

/// Reasons for which a canceled transaction is tried again: the SDK itself does not look at them.
const PASSING: &[&str] = &[
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

fn positions(codes: &[String], wanted: &str) -> Vec<usize> {
    codes
        .iter()
        .enumerate()
        .filter(|(_, code)| *code == wanted)
        .map(|(index, _)| index)
        .collect()
}

fn cancellation_codes<R>(error: &SdkError<TransactWriteItemsError, R>) -> Vec<String> {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => canceled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// The condition of a write.
#[derive(Clone, Debug)]
pub struct Condition {
    /// DynamoDB's condition expression.
    pub expression: String,
    /// Names in it that stand for attributes.
    pub names: Option<std::collections::HashMap<String, String>>,
    /// Values in it.
    pub values: Option<std::collections::HashMap<String, AttributeValue>>,
}

impl Condition {
    /// No item stands under the key yet.
    pub fn is_new() -> Self {
        Self {
            expression: "attribute_not_exists(pk)".into(),
            names: None,
            values: None,
        }
    }

    /// The item has the given value in the attribute.
    pub fn equals(attribute: &str, value: AttributeValue) -> Self {
        Self {
            expression: "#attribute = :value".into(),
            names: Some([("#attribute".to_owned(), attribute.to_owned())].into()),
            values: Some([(":value".to_owned(), value)].into()),
        }
    }
}

/// A number as DynamoDB writes it.
pub fn number(value: impl fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A text as DynamoDB writes it.
pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A record with its key as an item.
pub fn to_item<T: Serialize>(key: Key, record: &T) -> Result<Item, AwsError> {
    let mut item: Item = serde_dynamo::to_item(record)
        .map_err(|_| AwsError::unreadable("PutItem", "a record that cannot be written"))?;
    item.extend(key.into_item());
    Ok(item)
}

/// The record in an item; attributes that it does not know are left alone.
pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, AwsError> {
    serde_dynamo::from_item(item)
        .map_err(|_| AwsError::unreadable("GetItem", "a record that cannot be read"))
}
