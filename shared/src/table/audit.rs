//! The last audit: when it began, and which page of the vault the next one looks at first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Condition, Table, keys, number, to_item};
use crate::aws::AwsError;

/// The last audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastAudit {
    /// When it began, milliseconds since the epoch.
    pub began_ms: i64,
    /// How many of the vault's pages have been looked at in this round.
    pub pages_seen: usize,
}

impl LastAudit {
    /// When it began.
    pub fn began_at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.began_ms).unwrap_or_default()
    }
}

impl Table {
    /// The last audit; `None` before the first one.
    pub async fn last_audit(&self) -> Result<Option<LastAudit>, AwsError> {
        self.get_record(keys::last_audit()).await
    }

    /// Keeps an audit as the last one, where no later one was kept: two audits at once do the same work.
    pub async fn note_audit(&self, audit: &LastAudit) -> Result<(), AwsError> {
        let item = to_item(keys::last_audit(), audit)?;
        let condition = Condition {
            expression: "attribute_not_exists(pk) OR beganMs <= :began".into(),
            names: None,
            values: Some([(":began".to_owned(), number(audit.began_ms))].into()),
        };
        self.put_if(item, condition).await.map(|_| ())
    }
}
