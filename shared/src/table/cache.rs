//! Answers of Instagram's that are kept for a short while.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Condition, Table, keys, number, text, to_item};
use crate::aws::AwsError;

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
    /// Until when somebody is expected to bring a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<Timestamp>,
}

impl Table {
    /// The answer under this digest of its name, whatever its age.
    pub async fn kept_answer(&self, account: &str, digest: &str) -> Result<Option<Kept>, AwsError> {
        self.get_record(keys::answer(account, digest)).await
    }

    /// Takes the lease to fetch an answer, in the place of what is `known` and has run out. `false`: somebody else
    /// has it.
    pub async fn lease_answer(
        &self,
        account: &str,
        digest: &str,
        known: Option<&Kept>,
        until: Timestamp,
    ) -> Result<bool, AwsError> {
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
        self.put_if(item, condition).await
    }

    /// Keeps an answer until then. Two who fetched it bring one as good as the other.
    pub async fn keep_answer(
        &self,
        account: &str,
        digest: &str,
        kept: &Kept,
        expiry: Timestamp,
    ) -> Result<(), AwsError> {
        let mut item = to_item(keys::answer(account, digest), kept)?;
        item.insert(keys::TTL.into(), number(expiry.as_second()));
        let at = item.get("at").cloned().unwrap_or_else(|| text(""));
        let condition = Condition {
            expression: "attribute_not_exists(#at) OR #at <= :at".into(),
            names: Some([("#at".to_owned(), "at".to_owned())].into()),
            values: Some([(":at".to_owned(), at)].into()),
        };
        self.put_if(item, condition).await.map(|_| ())
    }

    /// Removes an answer, or the lease for one.
    pub async fn forget_answer(&self, account: &str, digest: &str) -> Result<(), AwsError> {
        Box::pin(
            self.client
                .delete_item()
                .table_name(&self.name)
                .set_key(Some(keys::answer(account, digest).into_item()))
                .send(),
        )
        .await
        .map(|_| ())
        .map_err(|error| AwsError::new("DeleteItem", &error))
    }
}
