//! What the audit keeps: when it compared accounts with schedules last, and how far it has come with the vault's pages.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::accounts::milliseconds;
use super::keys::{self, Key};
use super::{Condition, Table, number, text, to_item};
use crate::aws::AwsError;

/// An hourly audit that ended longer ago than this is none any more.
const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(6);

/// How far the audit has come.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    /// Rises: when accounts were compared, milliseconds since the epoch; or a number of pages.
    mark: i64,
    /// When DynamoDB may drop it, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

impl Table {
    /// Keeps that the accounts whose id begins with `prefix` have been compared with their schedules.
    pub async fn note_audit(&self, prefix: &str, now: Timestamp) -> Result<(), AwsError> {
        let mark = Mark {
            mark: now.as_millisecond(),
            ttl: Some((now + COUNTS_FOR).as_second()),
        };
        // Two audits at once do the same work: the later one counts.
        let condition = Condition {
            expression: "attribute_not_exists(pk) OR mark <= :mark".into(),
            names: None,
            values: Some([(":mark".to_owned(), number(mark.mark))].into()),
        };
        self.put_mark(keys::audit_of_accounts(prefix), &mark, condition)
            .await
    }

    /// When all accounts had been compared with their schedules last: the oldest part counts. `None` where that is
    /// hours ago, or never was.
    pub async fn audited_at(&self, now: Timestamp) -> Result<Option<Timestamp>, AwsError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", text(keys::audit_of_accounts("").pk))
            .expression_attribute_values(":sk", text(keys::audit_of_accounts("").sk))
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        let marks = output.items().iter();
        let oldest = marks
            .filter_map(|item| milliseconds(item, "mark"))
            .filter_map(|mark| Timestamp::from_millisecond(mark).ok())
            .filter(|mark| now.duration_since(*mark) < COUNTS_FOR)
            .min();
        Ok(oldest)
    }

    /// How many of the vault's pages have been looked at in this round.
    pub async fn pages_audited(&self) -> Result<usize, AwsError> {
        let mark: Option<Mark> = self.get_record(keys::audit_of_pages()).await?;
        Ok(mark.map_or(0, |mark| usize::try_from(mark.mark).unwrap_or(0)))
    }

    /// Keeps how many of the vault's pages have been looked at, where nobody else has moved on from `before`.
    pub async fn note_pages_audited(&self, before: usize, after: usize) -> Result<(), AwsError> {
        let mark = Mark {
            mark: i64::try_from(after).unwrap_or(0),
            ttl: None,
        };
        let condition = Condition {
            expression: "attribute_not_exists(pk) OR mark = :before".into(),
            names: None,
            values: Some([(":before".to_owned(), number(before))].into()),
        };
        self.put_mark(keys::audit_of_pages(), &mark, condition)
            .await
    }

    async fn put_mark(&self, key: Key, mark: &Mark, condition: Condition) -> Result<(), AwsError> {
        self.put_if(to_item(key, mark)?, condition)
            .await
            .map(|_| ())
    }
}
