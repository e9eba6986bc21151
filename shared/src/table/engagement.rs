//! Comments, conversations, messages and figures of stories.

use serde::Serialize;

use super::keys::{self, Key};
use super::{Condition, Table, number, to_item};
use crate::aws::AwsError;
use crate::engagement::{Comment, Message, StoryMetrics, Thread};

impl Table {
    /// A comment.
    pub async fn comment(&self, account: &str, id: &str) -> Result<Option<Comment>, AwsError> {
        self.get_record(keys::comment(account, id)).await
    }

    /// Those of these comments that there are.
    pub async fn comments(&self, account: &str, ids: &[&str]) -> Result<Vec<Comment>, AwsError> {
        let keys = ids.iter().map(|id| keys::comment(account, id));
        self.records(keys.collect()).await
    }

    /// A conversation, by the person.
    pub async fn thread(&self, account: &str, person: &str) -> Result<Option<Thread>, AwsError> {
        self.get_record(keys::thread(account, person)).await
    }

    /// A message, by Meta's name of it.
    pub async fn message(&self, account: &str, mid: &str) -> Result<Option<Message>, AwsError> {
        self.get_record(keys::message(account, mid)).await
    }

    /// The figures of a story.
    pub async fn story_metrics(
        &self,
        account: &str,
        media: &str,
    ) -> Result<Option<StoryMetrics>, AwsError> {
        self.get_record(keys::story(account, media)).await
    }

    /// Writes a comment over the version that it was made of. `false`: somebody wrote meanwhile.
    pub async fn write_comment(&self, account: &str, comment: &Comment) -> Result<bool, AwsError> {
        let key = keys::comment(account, &comment.id);
        self.write_version(key, comment, comment.version).await
    }

    /// Writes a conversation over the version that it was made of. `false`: somebody wrote meanwhile.
    pub async fn write_thread(&self, account: &str, thread: &Thread) -> Result<bool, AwsError> {
        let key = keys::thread(account, &thread.person);
        self.write_version(key, thread, thread.version).await
    }

    /// Writes a message over the version that it was made of. `false`: somebody wrote meanwhile.
    pub async fn write_message(&self, account: &str, message: &Message) -> Result<bool, AwsError> {
        let key = keys::message(account, &message.mid);
        self.write_version(key, message, message.version).await
    }

    /// Writes a story's figures over the version that they were made of. `false`: somebody wrote meanwhile.
    pub async fn write_story_metrics(
        &self,
        account: &str,
        story: &StoryMetrics,
    ) -> Result<bool, AwsError> {
        let key = keys::story(account, &story.media);
        self.write_version(key, story, story.version).await
    }

    /// Writes a record whose version is one more than the one that was read; 1 is a new one.
    async fn write_version<T: Serialize>(
        &self,
        key: Key,
        record: &T,
        version: u64,
    ) -> Result<bool, AwsError> {
        let condition = match version {
            0 | 1 => Condition::is_new(),
            version => Condition::equals("version", number(version - 1)),
        };
        self.put_if(to_item(key, record)?, condition).await
    }
}
