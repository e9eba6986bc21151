//! Answers of Instagram's that are kept for a short while.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CONDITION_FAILED, Condition, Table, keys, number, text, to_item};
use crate::aws::{AwsError, is_code};

/// A kept answer, or the lease of whoever fetches it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Kept {
    /// The answer as JSON; empty while it is only being fetched.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// When Instagram gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// It is too large to be kept: whoever wants it asks for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_too_large: bool,
    /// Until when somebody is expected to bring a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<Timestamp>,
}

/// The right to bring an answer, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Lease(Timestamp);

impl Lease {
    fn condition(self) -> Condition {
        Condition::equals("leasedUntil", text(self.0.to_string()))
    }
}

impl Table {
    /// The answer under this digest of its name, whatever its age.
    pub async fn kept_answer(&self, account: &str, digest: &str) -> Result<Option<Kept>, AwsError> {
        self.get_record(keys::answer(account, digest)).await
    }

    /// Takes the lease to fetch an answer, in the place of what is `known` and has run out. `None`: somebody else has it.
    pub async fn lease_answer(
        &self,
        account: &str,
        digest: &str,
        known: Option<&Kept>,
        until: Timestamp,
    ) -> Result<Option<Lease>, AwsError> {
        let lease = Kept {
            leased_until: Some(until),
            ..Kept::default()
        };
        let mut item = to_item(keys::answer(account, digest), &lease)?;
        item.insert(keys::TTL.into(), number(until.as_second()));
        let equals = |name: &str, at: Timestamp| Condition::equals(name, text(at.to_string()));
        let condition = match known {
            None => Condition::is_new(),
            Some(Kept {
                leased_until: Some(until),
                ..
            }) => equals("leasedUntil", *until),
            Some(kept) => equals("at", kept.at.unwrap_or(Timestamp::UNIX_EPOCH)),
        };
        let is_taken = self.put_if(item, condition).await?;
        Ok(is_taken.then_some(Lease(until)))
    }

    /// Keeps an answer until then in the place of the lease; where that is gone or somebody else's, what there is stays.
    pub async fn keep_answer(
        &self,
        account: &str,
        digest: &str,
        kept: &Kept,
        lease: Lease,
        expiry: Timestamp,
    ) -> Result<(), AwsError> {
        let mut item = to_item(keys::answer(account, digest), kept)?;
        item.insert(keys::TTL.into(), number(expiry.as_second()));
        self.put_if(item, lease.condition()).await.map(|_| ())
    }

    /// Ends a lease that has brought nothing, so that the next one may try; what others have brought meanwhile stays.
    pub async fn end_lease(
        &self,
        account: &str,
        digest: &str,
        lease: Lease,
    ) -> Result<(), AwsError> {
        let condition = lease.condition();
        let deleted = Box::pin(
            self.client
                .delete_item()
                .table_name(&self.name)
                .set_key(Some(keys::answer(account, digest).into_item()))
                .condition_expression(condition.expression)
                .set_expression_attribute_names(condition.names)
                .set_expression_attribute_values(condition.values)
                .send(),
        );
        match deleted.await {
            Err(error) if !is_code(&error, CONDITION_FAILED) => {
                Err(AwsError::new("DeleteItem", &error))
            }
            _ => Ok(()),
        }
    }

    /// Removes an answer, or the lease for one.
    pub async fn forget_answer(&self, account: &str, digest: &str) -> Result<(), AwsError> {
        self.remove(keys::answer(account, digest)).await
    }
}
