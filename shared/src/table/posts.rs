//! Posts: records, lists, what is due, timelines.

use aws_sdk_dynamodb::types::{Select, TransactWriteItem};
use jiff::Timestamp;

use super::accounts::string;
use super::by_time::ByTime;
use super::keys::{self, Item};
use super::timeline::{Entries, TimelineEntry, lasting};
use super::{Condition, Table, Transaction, number, text, to_item};
use crate::announce::Announcement;
use crate::aws::AwsError;
use crate::post::{Post, State};

/// Which posts of an account a list shows.
#[derive(Clone, Debug, Default)]
pub struct PostFilter {
    /// Only those that stand here.
    pub state: Option<State>,
    /// Only those whose time is not before.
    pub from: Option<Timestamp>,
    /// Only those whose time is before.
    pub to: Option<Timestamp>,
}

/// A page of posts.
#[derive(Default)]
pub struct PostPage {
    /// The posts, the latest time first.
    pub posts: Vec<Post>,
    /// Position after the last one; absent at the end.
    pub next: Option<String>,
}

/// A post whose next step was due and has not been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverduePost {
    /// The post's account.
    pub account: String,
    /// The post.
    pub post: String,
    /// Its version, as the index knows it.
    pub version: u64,
}

impl Table {
    /// A post's record.
    pub async fn post(&self, account: &str, id: &str) -> Result<Option<Post>, AwsError> {
        self.get_record(keys::post(account, id)).await
    }

    /// Writes a post that is new, and tells of it. `false`: it is there already, written by an earlier request that had
    /// no answer, or by this write itself where the SDK repeated it.
    pub async fn add_post(&self, post: &Post, told: &[TimelineEntry]) -> Result<bool, AwsError> {
        let write = self.put_write(post_item(post)?, Condition::is_new())?;
        let items = self.with_told(post, write, told)?;
        Ok(self.transact(items).await? == Transaction::Written)
    }

    /// Writes a post where nobody wrote since `read_version`, and tells of it: both or neither. `false`: somebody wrote.
    pub async fn write_post(
        &self,
        post: &Post,
        read_version: u64,
        told: &[TimelineEntry],
    ) -> Result<bool, AwsError> {
        let condition = Condition::equals("version", number(read_version));
        if told.is_empty() {
            return self.put_if(post_item(post)?, condition).await;
        }
        let write = self.put_write(post_item(post)?, condition)?;
        let items = self.with_told(post, write, told)?;
        Ok(self.transact(items).await? == Transaction::Written)
    }

    /// Writes a post as [`Table::write_post`] does, together with the note that a media of Instagram's is its own. `false`:
    /// somebody wrote, or the media is another post's.
    pub async fn write_published_post(
        &self,
        post: &Post,
        read_version: u64,
        media: &str,
        told: &[TimelineEntry],
    ) -> Result<bool, AwsError> {
        let condition = Condition::equals("version", number(read_version));
        let write = self.put_write(post_item(post)?, condition)?;
        let mut items = self.with_told(post, write, told)?;
        let mut bound = keys::post_of_media(&post.account, media).into_item();
        bound.insert("post".into(), text(&post.id));
        let mut condition = Condition::equals("post", text(&post.id));
        condition
            .expression
            .push_str(" OR attribute_not_exists(pk)");
        items.push(self.put_write(bound, condition)?);
        Ok(self.transact(items).await? == Transaction::Written)
    }

    /// Lets DynamoDB remove a post where nobody wrote since it was read; it is found by its key alone until then.
    pub async fn let_post_expire(&self, post: &Post, now: Timestamp) -> Result<(), AwsError> {
        let mut item = to_item(keys::post(&post.account, &post.id), post)?;
        item.insert(keys::TTL.into(), number(now.as_second()));
        let condition = Condition::equals("version", number(post.version));
        self.put_if(item, condition).await?;
        Ok(())
    }

    /// The post that a media of Instagram's is of, where it is one of ours.
    pub async fn post_of_media(
        &self,
        account: &str,
        media: &str,
    ) -> Result<Option<String>, AwsError> {
        let item = self.get(keys::post_of_media(account, media)).await?;
        Ok(item.and_then(|item| string(&item, "post")))
    }

    /// A page of an account's posts, the latest time first, after the position `after`.
    pub async fn posts_of_account(
        &self,
        account: &str,
        filter: &PostFilter,
        limit: usize,
        after: Option<String>,
    ) -> Result<PostPage, AwsError> {
        let state = filter.state.map(|state| ("state", state.as_str()));
        let list = ByTime {
            partition: keys::posts_partition(account),
            key_of: &|id| keys::post(account, id),
            from: filter.from,
            to: filter.to,
            equal: state.as_slice(),
            earliest_first: false,
        };
        let found = self.by_time(&list, limit, after.as_deref()).await?;
        Ok(PostPage {
            posts: self.records(found.keys).await?,
            next: found.next,
        })
    }

    /// How many posts of an account besides one have a time from `from` to `to` and are, or are to be, published.
    pub async fn posts_until(
        &self,
        account: &str,
        besides: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<u64, AwsError> {
        let (mut number, mut start) = (0, None);
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(keys::INDEX_1)
                .select(Select::Count)
                .key_condition_expression("index1pk = :posts AND index1sk BETWEEN :from AND :to")
                .filter_expression("id <> :besides AND NOT #state IN (:draft, :failed, :canceled)")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":posts", text(keys::posts_partition(account)))
                .expression_attribute_values(":from", text(keys::sortable(from)))
                // Behind all posts of that moment.
                .expression_attribute_values(":to", text(format!("{}~", keys::sortable(to))))
                .expression_attribute_values(":besides", text(besides))
                .expression_attribute_values(":draft", text(State::Draft.as_str()))
                .expression_attribute_values(":failed", text(State::Failed.as_str()))
                .expression_attribute_values(":canceled", text(State::Canceled.as_str()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            number += u64::try_from(output.count()).unwrap_or_default();
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(number);
            }
        }
    }

    /// Up to `most` posts of one of [`keys::DUE_PARTITIONS`] whose next step was due before `before`, longest due first.
    pub async fn overdue_posts(
        &self,
        partition: u32,
        before: Timestamp,
        most: i32,
    ) -> Result<Vec<OverduePost>, AwsError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(keys::INDEX_2)
            .key_condition_expression("index2pk = :due AND index2sk < :before")
            .expression_attribute_values(":due", text(keys::due_partition(partition)))
            .expression_attribute_values(":before", text(keys::sortable(before)))
            .limit(most)
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        let overdue = |item: &Item| {
            Some(OverduePost {
                account: string(item, "account")?,
                post: string(item, "id")?,
                version: item.get("version")?.as_n().ok()?.parse().ok()?,
            })
        };
        Ok(output.items().iter().filter_map(overdue).collect())
    }

    /// A page of a post's timeline, newest first.
    pub async fn post_timeline(
        &self,
        account: &str,
        post: &str,
        limit: usize,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Entries<TimelineEntry>, AwsError> {
        let prefix = keys::post_timeline_prefix(post);
        self.entries(account, &prefix, limit, after, now).await
    }

    fn with_told(
        &self,
        post: &Post,
        write: TransactWriteItem,
        told: &[TimelineEntry],
    ) -> Result<Vec<TransactWriteItem>, AwsError> {
        let mut items = vec![write];
        for entry in told {
            let suffix = keys::Key::suffix();
            let key = keys::post_timeline(&post.account, &post.id, entry.at, &suffix);
            let item = lasting(to_item(key, entry)?, entry.at);
            items.push(self.put_write(item, Condition::is_new())?);
            if let Some(announcement) = Announcement::of_post(post, entry) {
                items.push(self.announcement_write(&announcement)?);
            }
        }
        Ok(items)
    }
}

/// A post with its key and what the indexes need.
fn post_item(post: &Post) -> Result<Item, AwsError> {
    let mut item = to_item(keys::post(&post.account, &post.id), post)?;
    item.insert(
        "index1pk".into(),
        text(keys::posts_partition(&post.account)),
    );
    item.insert(
        "index1sk".into(),
        text(keys::by_creation(post.listed_at(), &post.id)),
    );
    if let Some(wake_at) = post.wake_at {
        item.insert("index2pk".into(), text(keys::due_partition_of(&post.id)));
        item.insert(
            "index2sk".into(),
            text(keys::by_due_time(wake_at, &post.account, &post.id)),
        );
    }
    Ok(item)
}
