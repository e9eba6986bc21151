//! The lease of an account's refresh: one worker at a time asks Instagram for a younger token.
//!
//! A lease ends by itself, so a holder that died blocks nobody for long. Its epoch rises with each holder: whoever was
//! slow can tell that the account has another one by now. The epoch is no lock on the token: that is the vault's
//! generation, which refuses whoever brings a token that was made from an older one than the vault holds.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::{SignedDuration, Timestamp};

use super::accounts::{milliseconds, string};
use super::keys::{self, Item};
use super::{CONDITION_FAILED, Table, number, text};
use crate::aws::{AwsError, is_code};
use crate::policy;

/// How long the record of a lease is kept: nobody who held it can still be at work then.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The right to refresh an account's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    account: String,
    /// Rises with each holder of the account's lease.
    pub epoch: u64,
    /// Until when nobody else gets it.
    pub until: Timestamp,
}

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours.
    Held(Lease),
    /// Somebody else has it, at most until then.
    Taken(Timestamp),
}

impl Table {
    /// Takes the lease of an account where nobody has it.
    pub async fn acquire_lease(&self, account: &str, now: Timestamp) -> Result<Acquired, AwsError> {
        let until = now + policy::LEASE;
        let holder = uuid::Uuid::new_v4().to_string();
        let result = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(keys::lease(account).into_item()))
            .condition_expression("attribute_not_exists(untilMs) OR untilMs <= :now")
            .update_expression("SET untilMs = :until, holder = :holder, #ttl = :ttl ADD epoch :one")
            .expression_attribute_names("#ttl", keys::TTL)
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":holder", text(&holder))
            .expression_attribute_values(":ttl", number((until + KEPT).as_second()))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let item = match result {
            Ok(output) => output.attributes.unwrap_or_default(),
            // Somebody else's, or our own whose answer was lost and which the SDK sent again.
            Err(error) if is_code(&error, CONDITION_FAILED) => {
                self.get(keys::lease(account)).await?.unwrap_or_default()
            }
            Err(error) => return Err(AwsError::new("UpdateItem", &error)),
        };
        let until = until_of(&item).unwrap_or(now);
        if string(&item, "holder").as_ref() != Some(&holder) {
            return Ok(Acquired::Taken(until));
        }
        let epoch = milliseconds(&item, "epoch").and_then(|epoch| u64::try_from(epoch).ok());
        Ok(Acquired::Held(Lease {
            account: account.to_owned(),
            epoch: epoch.unwrap_or(1),
            until,
        }))
    }

    /// Whether nobody else has got the lease since, though it may have ended.
    pub async fn holds_lease(&self, lease: &Lease) -> Result<bool, AwsError> {
        let item = self.get(keys::lease(&lease.account)).await?;
        Ok(item.is_some_and(|item| item.get("epoch") == Some(&number(lease.epoch))))
    }

    /// Until when somebody has the account's lease; `None` when nobody has it.
    pub async fn leased_until(
        &self,
        account: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, AwsError> {
        let item = self.get(keys::lease(account)).await?.unwrap_or_default();
        Ok(until_of(&item).filter(|until| *until > now))
    }

    /// Gives the lease back, where it is still ours: a later holder's is left alone.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), AwsError> {
        let result = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(keys::lease(&lease.account).into_item()))
            .condition_expression("epoch = :epoch")
            .update_expression("REMOVE untilMs")
            .expression_attribute_values(":epoch", number(lease.epoch))
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if is_code(&error, CONDITION_FAILED) => Ok(()),
            Err(error) => Err(AwsError::new("UpdateItem", &error)),
        }
    }
}

fn until_of(item: &Item) -> Option<Timestamp> {
    milliseconds(item, "untilMs").and_then(|until| Timestamp::from_millisecond(until).ok())
}
