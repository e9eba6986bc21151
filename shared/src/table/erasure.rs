//! Erasing what belongs to an account.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};

use super::keys::{self, Item, Key};
use super::{Table, text};
use crate::aws::AwsError;

/// How many items one `BatchWriteItem` takes.
const BATCH: i32 = 25;
/// How often a batch is sent again for what DynamoDB left undone.
const TRIES: u32 = 10;

/// How far a walk over what belongs to an account has come.
#[derive(Debug, Default)]
pub struct Walk {
    /// 0 is the account's partition, each further one a partition of the first index.
    place: usize,
    start: Option<Item>,
}

impl Table {
    /// Removes everything that belongs to an account beside its record: timeline, sync log, posts and what comes later.
    /// The record itself stays, so that whoever is interrupted can be asked again.
    pub async fn erase_history(&self, account: &str) -> Result<(), AwsError> {
        let mut walk = Walk::default();
        while let Some(keys) = self.next_belongings(account, &mut walk).await? {
            self.delete_batch(keys.into_iter().map(Key::into_item))
                .await?;
        }
        Ok(())
    }

    /// The next keys of what belongs to an account beside its record: first from its partition, then what stands
    /// elsewhere, which an index knows and may show when it is gone already. `None` at the end.
    pub async fn next_belongings(
        &self,
        account: &str,
        walk: &mut Walk,
    ) -> Result<Option<Vec<Key>>, AwsError> {
        let beside = keys::beside_account(account);
        if walk.place > beside.len() {
            return Ok(None);
        }
        let query = self.client.query().table_name(&self.name);
        let query = match walk.place.checked_sub(1) {
            None => query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", text(keys::account_partition(account)))
                .consistent_read(true),
            Some(place) => query
                .index_name(keys::INDEX_1)
                .key_condition_expression("index1pk = :pk")
                .expression_attribute_values(":pk", text(&beside[place])),
        };
        let output = query
            .projection_expression("pk, sk")
            .limit(BATCH)
            .set_exclusive_start_key(walk.start.take())
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        walk.start = output.last_evaluated_key;
        if walk.start.is_none() {
            walk.place += 1;
        }
        let found = output.items.unwrap_or_default();
        let record = keys::account(account);
        let found = found.iter().filter_map(Key::of_item);
        Ok(Some(found.filter(|key| *key != record).collect()))
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
