//! Background work: one message on a queue makes one function do one thing for one account.
//!
//! The accounts' queue takes the tasks of the function refresh, the posts' queue those of the function publish, and the
//! events' queue those of the function webhooks. [`Task`] lists every kind, so that the compiler names every place to
//! extend. A message that cannot be read goes to the dead-letter queue by itself, and never fails its batch.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aws::AwsError;
use crate::telemetry;
use crate::webhooks::Delivered;

/// The form of messages; a reader refuses one that it does not know.
const VERSION: u32 = 1;

/// One thing to do, for one account but for the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "task",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Task {
    /// Read the account's profile from Instagram.
    SyncAccount {
        /// The account's id.
        account: String,
        /// The connection it was begun for: for another one, it stops.
        connection_generation: u64,
    },
    /// Renew the account's token.
    RefreshToken {
        /// The account's id.
        account: String,
        /// The connection it was begun for: for another one, it stops.
        connection_generation: u64,
    },
    /// Compare accounts with schedules, mend what is missing and remove what is left over.
    AuditCoverage {
        /// Only accounts whose id begins with it; empty for all of them.
        prefix: String,
        /// Only accounts whose id comes after it: where the task before this one stopped.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        after: String,
    },
    /// Do the next step of a post.
    AdvancePost {
        /// The account's id.
        account: String,
        /// The post's id.
        post: String,
        /// The post's version that the step belongs to: a post that is further has a task of its own.
        post_version: u64,
    },
    /// Look for posts whose next step was due and did not come.
    AuditPosts,
    /// End the connection of whoever removed the app on Instagram.
    Deauthorize {
        /// Either of Instagram's ids of the account.
        instagram_id: String,
        /// When the person did so: a connection that is younger stays.
        issued_at: Timestamp,
    },
    /// Find the accounts that a data deletion is about, and have them erased.
    DeleteData {
        /// The deletion's confirmation code.
        deletion: String,
    },
    /// Erase an account and everything that belongs to it.
    EraseAccount {
        /// The account's id.
        account: String,
        /// The deletion's confirmation code.
        deletion: String,
        /// Instagram's ids of the account, as far as its record has told them.
        instagram_ids: Vec<String>,
    },
    /// Erase what was written about an account while it was deleted.
    SweepAccount {
        /// The account's id.
        account: String,
        /// Instagram's ids of the account.
        instagram_ids: Vec<String>,
    },
    /// Keep an event of Instagram's, and do what follows from it.
    HandleEvent {
        /// What was delivered.
        delivered: Box<Delivered>,
    },
}

impl Task {
    /// The account that the task is for; empty for a task that is for many.
    pub fn account(&self) -> &str {
        match self {
            Task::SyncAccount { account, .. }
            | Task::RefreshToken { account, .. }
            | Task::AdvancePost { account, .. }
            | Task::EraseAccount { account, .. }
            | Task::SweepAccount { account, .. } => account,
            Task::AuditCoverage { .. }
            | Task::HandleEvent { .. }
            | Task::AuditPosts
            | Task::Deauthorize { .. }
            | Task::DeleteData { .. } => "",
        }
    }

    /// The task's name in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Task::SyncAccount { .. } => "syncAccount",
            Task::RefreshToken { .. } => "refreshToken",
            Task::AuditCoverage { .. } => "auditCoverage",
            Task::AdvancePost { .. } => "advancePost",
            Task::AuditPosts => "auditPosts",
            Task::Deauthorize { .. } => "deauthorize",
            Task::DeleteData { .. } => "deleteData",
            Task::EraseAccount { .. } => "eraseAccount",
            Task::SweepAccount { .. } => "sweepAccount",
            Task::HandleEvent { .. } => "handleEvent",
        }
    }
}

/// A task as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    version: u32,
    /// The request, task or schedule that caused it.
    pub correlation_id: String,
    /// What to do.
    #[serde(flatten)]
    pub task: Task,
}

impl Message {
    /// A message that continues the running request or task.
    pub fn new(task: Task) -> Self {
        Self {
            version: VERSION,
            correlation_id: telemetry::correlation_id(),
            task,
        }
    }

    /// A message that a schedule sends: each delivery gets a correlation id of its own.
    pub fn of_schedule(task: Task) -> Self {
        Self {
            version: VERSION,
            correlation_id: String::new(),
            task,
        }
    }

    /// Reads a message's body; `None` for another version or an unknown task.
    pub fn parse(body: &str) -> Option<Self> {
        serde_json::from_str::<Self>(body)
            .ok()
            .filter(|message| message.version == VERSION)
    }

    /// The body.
    pub fn to_body(&self) -> String {
        // Texts and numbers always have a JSON form.
        let body = serde_json::to_string(self).unwrap_or_default();
        // JSON holds these two as they are, which only a text in it can; SQS refuses them.
        if body.contains(['\u{fffe}', '\u{ffff}']) {
            let body = body.replace('\u{fffe}', "\\ufffe");
            return body.replace('\u{ffff}', "\\uffff");
        }
        body
    }
}

/// A queue of tasks.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue at this address; no call is made.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends a task.
    pub async fn send(&self, task: Task) -> Result<(), AwsError> {
        self.send_later(task, 0).await
    }

    /// Sends a task that is delivered after so many seconds, at most 900.
    pub async fn send_later(&self, task: Task, seconds: i32) -> Result<(), AwsError> {
        let body = Message::new(task).to_body();
        Box::pin(
            self.client
                .send_message()
                .queue_url(&self.url)
                .message_body(body)
                .set_delay_seconds((seconds > 0).then_some(seconds))
                .send(),
        )
        .await
        .map(|_| ())
        .map_err(|error| AwsError::new("SendMessage", &error))
    }

    /// Sends tasks, ten at a time. They are on the queue when this returns, all of them or with an error some.
    pub async fn send_all(&self, tasks: impl Iterator<Item = Task>) -> Result<(), AwsError> {
        let batches = batches(tasks.map(|task| Message::new(task).to_body()));
        stream::iter(batches)
            .map(|batch| self.send_batch(batch))
            .buffer_unordered(BATCHES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn send_batch(&self, bodies: Vec<String>) -> Result<(), AwsError> {
        let incomplete = |_| AwsError::unreadable("SendMessageBatch", "an incomplete request");
        let mut entries = Vec::with_capacity(bodies.len());
        for (number, body) in bodies.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(body);
            entries.push(entry.build().map_err(incomplete)?);
        }
        for _ in 0..BATCH_TRIES {
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.clone()))
                .send()
                .await
                .map_err(|error| AwsError::new("SendMessageBatch", &error))?;
            // Each message is taken or refused for itself.
            entries.retain(|entry| sent.failed().iter().any(|failed| failed.id() == entry.id()));
            if entries.is_empty() {
                return Ok(());
            }
        }
        Err(AwsError::unreadable(
            "SendMessageBatch",
            "messages were refused",
        ))
    }

    /// Whether the queue answers.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.client
            .get_queue_attributes()
            .queue_url(&self.url)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::new("GetQueueAttributes", &error))
    }
}

/// What SQS takes at once.
const LARGEST_BATCH: usize = 10;
/// SQS takes 1 MiB in a call: a message alone, or all of a batch.
const LARGEST_CALL: usize = 1_000_000;
/// How many batches are sent at once.
const BATCHES_AT_ONCE: usize = 8;
/// How often what SQS refused of a batch is sent.
const BATCH_TRIES: u32 = 3;

/// Bodies in batches that one call takes.
fn batches(bodies: impl Iterator<Item = String>) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for body in bodies {
        match batches.last_mut() {
            Some(batch) if batch.len() < LARGEST_BATCH && bytes + body.len() <= LARGEST_CALL => {
                bytes += body.len();
                batch.push(body);
            }
            _ => {
                bytes = body.len();
                batches.push(vec![body]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back() {
        let task = Task::SyncAccount {
            account: "a-1".into(),
            connection_generation: 2,
        };
        let message = Message::of_schedule(task);
        assert_eq!(
            message.to_body(),
            r#"{"version":1,"correlationId":"","task":"syncAccount","account":"a-1","connectionGeneration":2}"#
        );
        assert_eq!(Message::parse(&message.to_body()), Some(message));
    }

    #[test]
    fn a_body_has_no_character_that_sqs_refuses() {
        let text = "\u{fffe}\u{ffff}\u{fffd}\u{10ffff}\u{1}";
        let task = Task::DeleteData {
            deletion: text.into(),
        };
        let body = Message::of_schedule(task.clone()).to_body();
        assert!(
            body.contains("\\ufffe\\uffff\u{fffd}\u{10ffff}\\u0001"),
            "{body}"
        );
        assert_eq!(
            Message::parse(&body).map(|message| message.task),
            Some(task)
        );
    }

    #[test]
    fn a_batch_has_ten_messages_and_a_mebibyte_at_most() {
        let lengths = |sizes: &[usize]| -> Vec<usize> {
            let bodies = sizes.iter().map(|size| "x".repeat(*size));
            batches(bodies).iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(&[]), [0_usize; 0]);
        assert_eq!(lengths(&[1; 21]), [10, 10, 1]);
        assert_eq!(lengths(&[600_000, 400_000, 1, 999_999, 1]), [2, 2, 1]);
        assert_eq!(lengths(&[1_048_000, 1]), [1, 1]);
    }

    #[test]
    fn g08_another_version_and_an_unknown_task_are_not_read() {
        for body in [
            r#"{"version":2,"correlationId":"","task":"syncAccount","account":"a-1","connectionGeneration":2}"#,
            r#"{"version":1,"correlationId":"","task":"inventedLater","account":"a-1"}"#,
            r#"{"version":1,"correlationId":"","task":"syncAccount"}"#,
            "not json",
            "",
        ] {
            assert_eq!(Message::parse(body), None, "{body}");
        }
    }
}
