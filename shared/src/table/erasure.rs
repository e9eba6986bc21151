//! Erasing what belongs to an account.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};

use super::keys::{self, Item, Key};
use super::{Table, text};
use crate::account::Account;
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
    /// Under sort keys that begin so.
    Partition(String, &'static str),
    /// In the first index.
    Index(String),
}

impl Walk {
    /// Over what belongs to the account, and to its Instagram id as long as no other account has it.
    pub fn of(account: &str, instagram_id: Option<&str>) -> Self {
        let beside = keys::beside_account(account).into_iter().map(Place::Index);
        let mut places: Vec<Place> = beside.collect();
        places.extend(instagram_id.map(|id| {
            // What is too large for a record stands beside the claim, which goes with the record.
            Place::Partition(keys::instagram_partition(id), keys::EVENT_PIECE)
        }));
        // Everything sorts behind a space.
        places.push(Place::Partition(keys::account_partition(account), " "));
        Self {
            places,
            start: None,
            record: keys::account(account),
        }
    }
}

impl Table {
    /// Removes everything that belongs to an account beside its record: timeline, sync log, posts and what comes later.
    /// The record itself stays, so that whoever is interrupted can be asked again.
    pub async fn erase_history(&self, account: &Account) -> Result<(), AwsError> {
        let mut walk = self
            .walk_over(&account.id, &account.platform_account_id)
            .await?;
        while let Some(keys) = self.next_belongings(&mut walk).await? {
            self.delete_batch(keys.into_iter().map(Key::into_item))
                .await?;
        }
        Ok(())
    }

    /// A walk over what belongs to an account, with what belongs to its Instagram id where no other account has that
    /// meanwhile.
    pub async fn walk_over(&self, account: &str, instagram_id: &str) -> Result<Walk, AwsError> {
        let claim = match instagram_id {
            "" => return Ok(Walk::of(account, None)),
            id => self.claim(id).await?,
        };
        let is_of_another = claim.is_some_and(|claim| claim.account != account);
        Ok(Walk::of(account, (!is_of_another).then_some(instagram_id)))
    }

    /// The next keys of what belongs to an account beside its record: first from its partition, then what stands
    /// elsewhere, which an index knows and may show when it is gone already. `None` at the end.
    pub async fn next_belongings(&self, walk: &mut Walk) -> Result<Option<Vec<Key>>, AwsError> {
        let Some(place) = walk.places.last() else {
            return Ok(None);
        };
        let query = self.client.query().table_name(&self.name);
        let query = match place {
            Place::Partition(partition, start) => query
                .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                .expression_attribute_values(":pk", text(partition))
                .expression_attribute_values(":first", text(*start))
                .expression_attribute_values(":last", text(format!("{}~", start.trim())))
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
