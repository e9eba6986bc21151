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

/// A walk over what belongs to an account, in pages.
#[derive(Debug)]
pub struct Walk {
    /// What is still to be walked, the next one last.
    places: Vec<Place>,
    /// Where the next page of it begins.
    start: Option<Item>,
    /// The account's record, which stays.
    record: Key,
}

/// Where something of an account stands.
#[derive(Debug)]
enum Place {
    /// In a partition.
    Partition(String),
    /// In the first index.
    Index(String),
}

impl Walk {
    /// Over what belongs to the account, and over what was received for these Instagram ids and not looked at yet.
    fn of(account: &str, instagram_ids: &[String]) -> Self {
        let beside = keys::beside_account(account).into_iter().map(Place::Index);
        let partitions = instagram_ids
            .iter()
            .map(|id| keys::pieces_partition(id))
            .chain([keys::account_partition(account)]);
        Self {
            places: beside.chain(partitions.map(Place::Partition)).collect(),
            start: None,
            record: keys::account(account),
        }
    }
}

impl Table {
    /// A walk over what belongs to an account, with what was received for its Instagram ids where no other account has them
    /// meanwhile.
    pub async fn walk_over(
        &self,
        account: &str,
        instagram_ids: &[String],
    ) -> Result<Walk, AwsError> {
        let mut own = Vec::new();
        for id in instagram_ids {
            let claim = self.claim(id).await?;
            if claim.is_none_or(|claim| claim.account == account) {
                own.push(id.clone());
            }
        }
        Ok(Walk::of(account, &own))
    }

    /// The next keys of what belongs to an account beside its record: first from its partition, then what stands
    /// elsewhere, which an index knows and may show when it is gone already. `None` at the end.
    pub async fn next_belongings(&self, walk: &mut Walk) -> Result<Option<Vec<Key>>, AwsError> {
        let Some(place) = walk.places.last() else {
            return Ok(None);
        };
        let query = self.client.query().table_name(&self.name);
        let query = match place {
            Place::Partition(partition) => query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", text(partition))
                .consistent_read(true),
            Place::Index(partition) => query
                .index_name(keys::INDEX_1)
                .key_condition_expression("index1pk = :pk")
                .expression_attribute_values(":pk", text(partition)),
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
            walk.places.pop();
        }
        let found = output.items.unwrap_or_default();
        let found = found.iter().filter_map(Key::of_item);
        Ok(Some(found.filter(|key| *key != walk.record).collect()))
    }

    /// Removes what stands under these keys, 25 at most.
    pub async fn remove_all(&self, keys: Vec<Key>) -> Result<(), AwsError> {
        let keys = keys.into_iter().map(Key::into_item);
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
