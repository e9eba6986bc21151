//! Erasing what belongs to an account.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};

use super::keys::{self, Item};
use super::{Table, text};
use crate::account::Account;
use crate::aws::AwsError;

/// How many items one `BatchWriteItem` takes.
const BATCH: i32 = 25;
/// How often a batch is sent again for what DynamoDB left undone.
const TRIES: u32 = 10;

impl Table {
    /// Removes everything that stands beside an account's record: timeline, sync log and what comes later. The record
    /// itself stays, so that whoever is interrupted can be asked again.
    pub async fn erase_history(&self, account: &Account) -> Result<(), AwsError> {
        let record = keys::account(&account.id).into_item();
        self.erase(keys::account_partition(&account.id), "", &record)
            .await?;
        // What is too large for a record stands beside the claim, which is not history.
        let instagram_id = &account.platform_account_id;
        let claim = self.claim(instagram_id).await?;
        if claim.is_some_and(|claim| claim.account != account.id) {
            // Another account has the Instagram id meanwhile.
            return Ok(());
        }
        let claim = keys::claim(instagram_id).into_item();
        let partition = keys::instagram_partition(instagram_id);
        self.erase(partition, keys::EVENT_PIECE, &claim).await
    }

    /// Removes what stands in a partition under sort keys that begin with `prefix`, but for one item.
    async fn erase(&self, partition: String, prefix: &str, but: &Item) -> Result<(), AwsError> {
        let mut start = None;
        // DynamoDB takes no empty text for a key.
        let first = if prefix.is_empty() { " " } else { prefix };
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                .expression_attribute_values(":pk", text(&partition))
                .expression_attribute_values(":first", text(first))
                .expression_attribute_values(":last", text(format!("{prefix}~")))
                .projection_expression("pk, sk")
                .consistent_read(true)
                .limit(BATCH)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            let found = output.items.unwrap_or_default();
            self.delete_batch(found.into_iter().filter(|key| key != but))
                .await?;
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    async fn delete_batch(&self, keys: impl Iterator<Item = Item>) -> Result<(), AwsError> {
        let mut wanted: Vec<WriteRequest> = keys.map(delete_request).collect::<Result<_, _>>()?;
        for attempt in 0..TRIES {
            if wanted.is_empty() {
                return Ok(());
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(10 << attempt.min(6))).await;
            }
            let output = self
                .client
                .batch_write_item()
                .request_items(&self.name, wanted)
                .send()
                .await
                .map_err(|error| AwsError::new("BatchWriteItem", &error))?;
            wanted = output
                .unprocessed_items
                .unwrap_or_default()
                .into_values()
                .flatten()
                .collect();
        }
        if wanted.is_empty() {
            return Ok(());
        }
        Err(AwsError::unreadable(
            "BatchWriteItem",
            "items left unprocessed",
        ))
    }
}

fn delete_request(key: HashMap<String, AttributeValue>) -> Result<WriteRequest, AwsError> {
    let delete = DeleteRequest::builder()
        .set_key(Some(key))
        .build()
        .map_err(|_| AwsError::unreadable("BatchWriteItem", "an incomplete request"))?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}
