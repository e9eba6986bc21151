//! What a sync keeps: media, days, how far it has come, and which metrics Instagram refuses.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::{self, Item, Key};
use super::timeline::SyncLogEntry;
use super::{Condition, Table, Transaction, from_item, number, text, to_item};
use crate::aws::AwsError;
use crate::media::days::{self, Day, MediaDay};
use crate::media::metrics::Refused;
use crate::media::progress::MediaSync;
use crate::media::{Investment, StoredMedia};

/// So many media a query of a filtered list looks at, and so many queries one page of it takes.
const LOOKED_AT: usize = 500;
const MOST_QUERIES: usize = 10;

/// A page of stored media.
pub struct StoredPage {
    /// Newest first. Where few media count, there may be fewer than asked for, and more after them.
    pub media: Vec<StoredMedia>,
    /// Where the next page begins; absent at the end.
    pub next: Option<String>,
}

/// Until when syncs wait, to the second.
#[derive(Serialize, Deserialize)]
struct Waiting {
    until: Timestamp,
}

/// How a run of records is asked for: by the ends of their sort keys.
struct Range<'a> {
    account: &'a str,
    /// Not before this sort key.
    from: String,
    /// Not after this sort key.
    to: String,
    /// After this sort key, in the order of the list.
    after: Option<String>,
    earliest_first: bool,
    /// How many at most; `None` for all.
    most: Option<usize>,
}

impl Table {
    /// Stored media between two moments, newest first, after the position `after`. `keeps` says which count; of few that do,
    /// a page looks for no longer than a caller would wait.
    pub async fn stored_media(
        &self,
        account: &str,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        limit: usize,
        mut after: Option<String>,
        keeps: impl Fn(&StoredMedia) -> bool,
    ) -> Result<StoredPage, AwsError> {
        let mut media: Vec<(String, StoredMedia)> = Vec::new();
        // One more than asked for tells whether there is a next page; where all count, that is all that is read.
        let mut most = limit + 1;
        for _ in 0..MOST_QUERIES {
            let range = Range {
                account,
                from: keys::media_bound(since, false),
                to: keys::media_bound(until, true),
                after,
                earliest_first: false,
                most: Some(most),
            };
            let (found, rest) = self.range::<StoredMedia>(range).await?;
            media.extend(found.into_iter().filter(|(_, media)| keeps(media)));
            after = rest;
            if after.is_none() || media.len() > limit {
                break;
            }
            most = LOOKED_AT.max(limit + 1);
        }
        if media.len() > limit {
            media.truncate(limit);
            after = media.last().map(|(key, _)| key.clone());
        }
        Ok(StoredPage {
            media: media.into_iter().map(|(_, media)| media).collect(),
            next: after,
        })
    }

    /// A stored media. Keys begin with when it was published, so all are looked through, the newest first.
    pub async fn find_media(
        &self,
        account: &str,
        id: &str,
    ) -> Result<Option<StoredMedia>, AwsError> {
        let mut after = None;
        loop {
            let range = Range {
                account,
                from: keys::media_bound(None, false),
                to: keys::media_bound(None, true),
                after,
                earliest_first: false,
                most: Some(LOOKED_AT),
            };
            let (media, rest) = self.range::<StoredMedia>(range).await?;
            let found = media.into_iter().find(|(_, media)| media.id == id);
            after = rest;
            if found.is_some() || after.is_none() {
                return Ok(found.map(|(_, media)| media));
            }
        }
    }

    /// Stored media whose sort keys lie between these two, the second one excluded where it is given, newest first.
    pub async fn media_between(
        &self,
        account: &str,
        oldest: Option<&str>,
        newest: Option<&str>,
    ) -> Result<Vec<StoredMedia>, AwsError> {
        let range = Range {
            account,
            from: oldest.map_or_else(|| keys::media_bound(None, false), str::to_owned),
            to: newest.map_or_else(|| keys::media_bound(None, true), str::to_owned),
            after: None,
            earliest_first: false,
            most: None,
        };
        let (found, _) = self.range::<StoredMedia>(range).await?;
        let inside = found
            .into_iter()
            .filter(|(key, _)| newest != Some(key.as_str()));
        Ok(inside.map(|(_, media)| media).collect())
    }

    /// Writes a media over the version that it was made of. `false`: somebody wrote meanwhile.
    pub async fn write_media(&self, account: &str, media: &StoredMedia) -> Result<bool, AwsError> {
        let key = keys::media(account, media.published_at, &media.id);
        self.write_next(key, media, media.version, None).await
    }

    /// An account's days between two, both included, the earliest first.
    pub async fn days(&self, account: &str, from: Date, to: Date) -> Result<Vec<Day>, AwsError> {
        self.of_days(account, keys::METRIC, from, to).await
    }

    /// What an account's media came to by day, between two days, both included, the earliest first.
    pub async fn media_days(
        &self,
        account: &str,
        from: Date,
        to: Date,
    ) -> Result<Vec<MediaDay>, AwsError> {
        self.of_days(account, keys::MEDIA_DAY, from, to).await
    }

    async fn of_days<T: DeserializeOwned>(
        &self,
        account: &str,
        prefix: &str,
        from: Date,
        to: Date,
    ) -> Result<Vec<T>, AwsError> {
        if from > to {
            return Ok(Vec::new());
        }
        let range = Range {
            account,
            from: format!("{prefix}{from}"),
            to: format!("{prefix}{to}"),
            after: None,
            earliest_first: true,
            most: None,
        };
        let (found, _) = self.range(range).await?;
        Ok(found.into_iter().map(|(_, day)| day).collect())
    }

    /// An account's day.
    pub async fn day(&self, account: &str, day: Date) -> Result<Option<Day>, AwsError> {
        self.get_record(keys::metric_day(account, day)).await
    }

    /// What an account's media came to on a day.
    pub async fn media_day(&self, account: &str, day: Date) -> Result<Option<MediaDay>, AwsError> {
        self.get_record(keys::media_day(account, day)).await
    }

    /// Writes a day over the version that it was made of. `false`: somebody wrote meanwhile.
    pub async fn write_day(&self, account: &str, day: &Day) -> Result<bool, AwsError> {
        let expiry = Some(days::start_of(day.day) + days::LIFETIME);
        let key = keys::metric_day(account, day.day);
        self.write_next(key, day, day.version, expiry).await
    }

    /// Writes what an account's media came to on a day. `false`: somebody wrote meanwhile.
    pub async fn write_media_day(&self, account: &str, day: &MediaDay) -> Result<bool, AwsError> {
        let expiry = Some(days::start_of(day.day) + days::LIFETIME);
        let key = keys::media_day(account, day.day);
        self.write_next(key, day, day.version, expiry).await
    }

    /// How far the sync of an account's media has come.
    pub async fn media_sync(&self, account: &str) -> Result<Option<MediaSync>, AwsError> {
        self.get_record(keys::media_sync(account)).await
    }

    /// Writes how far it has come, over the version that was read. `false`: another task has.
    pub async fn write_media_sync(
        &self,
        account: &str,
        progress: &MediaSync,
    ) -> Result<bool, AwsError> {
        let key = keys::media_sync(account);
        self.write_next(key, progress, progress.version, None).await
    }

    /// Writes the end of a run and its entry in the sync log together. `false`: another task has moved it.
    pub async fn end_media_sync(
        &self,
        account: &str,
        progress: &MediaSync,
        entry: &SyncLogEntry,
    ) -> Result<bool, AwsError> {
        let key = keys::media_sync(account);
        let (item, condition) = next_version(key, progress, progress.version, None)?;
        let writes = vec![
            self.put_write(item, condition)?,
            self.sync_log_write(account, entry)?,
        ];
        Ok(self.transact(writes).await? == Transaction::Written)
    }

    /// Which metrics Instagram refuses in this version of its API.
    pub async fn refused_metrics(&self, api_version: &str) -> Result<Refused, AwsError> {
        let found = self.get_record(keys::refused_metrics(api_version)).await?;
        Ok(found.unwrap_or_default())
    }

    /// Notes which metrics Instagram refuses. `false`: somebody else did meanwhile.
    pub async fn write_refused_metrics(
        &self,
        api_version: &str,
        refused: &Refused,
    ) -> Result<bool, AwsError> {
        let key = keys::refused_metrics(api_version);
        self.write_next(key, refused, refused.version, None).await
    }

    /// What a media cost and brought.
    pub async fn investment(
        &self,
        account: &str,
        media: &str,
    ) -> Result<Option<Investment>, AwsError> {
        self.get_record(keys::investment(account, media)).await
    }

    /// What an account's media cost and brought.
    pub async fn investments(&self, account: &str) -> Result<Vec<Investment>, AwsError> {
        let range = Range {
            account,
            from: keys::INVESTMENT.to_owned(),
            to: format!("{}~", keys::INVESTMENT),
            after: None,
            earliest_first: true,
            most: None,
        };
        let (found, _) = self.range(range).await?;
        Ok(found.into_iter().map(|(_, found)| found).collect())
    }

    /// Writes what a media cost and brought. `false`: somebody wrote meanwhile.
    pub async fn write_investment(
        &self,
        account: &str,
        investment: &Investment,
    ) -> Result<bool, AwsError> {
        let key = keys::investment(account, &investment.media);
        self.write_next(key, investment, investment.version, None)
            .await
    }

    /// Until when the syncs of all accounts leave the app's calls to others; `None` where nobody said so.
    pub async fn syncs_wait_until(&self) -> Result<Option<Timestamp>, AwsError> {
        let found = self.get_record::<Waiting>(keys::sync_budget()).await?;
        Ok(found.map(|waiting| waiting.until))
    }

    /// Has the syncs of all accounts wait at least until then.
    pub async fn have_syncs_wait(&self, until: Timestamp) -> Result<(), AwsError> {
        // Whole seconds have one width as text, by which they are compared.
        let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
        let item = to_item(keys::sync_budget(), &Waiting { until })?;
        let condition = Condition {
            expression: "attribute_not_exists(pk) OR #until < :until".into(),
            names: Some([("#until".to_owned(), "until".to_owned())].into()),
            values: Some([(":until".to_owned(), text(until.to_string()))].into()),
        };
        // Where somebody has them wait longer, that holds.
        self.put_if(item, condition).await.map(|_| ())
    }

    /// Writes a record, whose version is the one that was read and 0 for a new one, as the next version.
    async fn write_next<T: Serialize>(
        &self,
        key: Key,
        record: &T,
        read: u64,
        expiry: Option<Timestamp>,
    ) -> Result<bool, AwsError> {
        let (item, condition) = next_version(key, record, read, expiry)?;
        self.put_if(item, condition).await
    }

    /// The records of a range with their sort keys, and where it goes on.
    async fn range<T: DeserializeOwned>(
        &self,
        range: Range<'_>,
    ) -> Result<(Vec<(String, T)>, Option<String>), AwsError> {
        if range.from > range.to {
            // DynamoDB refuses a range that ends before it begins.
            return Ok((Vec::new(), None));
        }
        let partition = keys::account_partition(range.account);
        let key_of = |sk: String| {
            Item::from([
                ("pk".to_owned(), text(partition.clone())),
                ("sk".to_owned(), text(sk)),
            ])
        };
        let mut found = Vec::new();
        let mut start = range.after.map(key_of);
        loop {
            let wanted = range.most.map(|most| most.saturating_sub(found.len()));
            let output = Box::pin(
                self.client
                    .query()
                    .table_name(&self.name)
                    .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
                    .expression_attribute_values(":pk", text(&partition))
                    .expression_attribute_values(":from", text(&range.from))
                    .expression_attribute_values(":to", text(&range.to))
                    .consistent_read(true)
                    .scan_index_forward(range.earliest_first)
                    .set_limit(wanted.map(|wanted| i32::try_from(wanted).unwrap_or(i32::MAX)))
                    .set_exclusive_start_key(start)
                    .send(),
            )
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
            for item in output.items.unwrap_or_default() {
                let Some(AttributeValue::S(sk)) = item.get("sk").cloned() else {
                    continue;
                };
                found.push((sk, from_item(item)?));
            }
            start = output.last_evaluated_key;
            let is_full = range.most.is_some_and(|most| found.len() >= most);
            if start.is_none() || is_full {
                let rest = start.as_ref().and_then(Key::of_item);
                return Ok((found, rest.map(|key| key.sk)));
            }
        }
    }
}

/// A record as the version after the one that was read, 0 for a new one, and the condition of its write.
fn next_version<T: Serialize>(
    key: Key,
    record: &T,
    read: u64,
    expiry: Option<Timestamp>,
) -> Result<(Item, Condition), AwsError> {
    let condition = match read {
        0 => Condition::is_new(),
        read => Condition::equals("version", number(read)),
    };
    let mut item = to_item(key, record)?;
    item.insert("version".into(), number(read + 1));
    if let Some(expiry) = expiry {
        item.insert(keys::TTL.into(), number(expiry.as_second()));
    }
    Ok((item, condition))
}
