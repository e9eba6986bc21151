//! Deletions: what was asked for, how far it is, and a manifest of what was erased that holds no personal data.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::{self, Key};
use super::{Condition, Table, Transaction, number, to_item};
use crate::aws::AwsError;
use crate::digest;
use crate::secret::Secret;

/// How long a deletion and its manifest can be looked up.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How often a change starts again from what another one wrote.
const TRIES: u32 = 10;

/// How far a deletion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Asked for; nobody has looked for accounts yet.
    Received,
    /// Accounts are being erased.
    Running,
    /// Nothing is left, or nothing was found.
    Done,
}

/// A deletion. It names whom it is about only as long as it takes: by an id of Instagram's until accounts are found, and
/// those by ids of our own until they are erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// The confirmation code: 128 bits, in the form of our ids.
    pub code: String,
    /// How far it is.
    pub state: State,
    /// When it was asked for.
    pub received_at: Timestamp,
    /// When the person asked for it: a connection that is younger stays. Absent where a company asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// Either of Instagram's ids of the account, until somebody has looked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instagram_id: Option<String>,
    /// When nothing was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// How many accounts it erases or has erased.
    #[serde(default)]
    pub found: usize,
    /// How many accounts it leaves, since they were connected after it was asked for.
    #[serde(default)]
    pub left: usize,
    /// The accounts that are not erased yet, and when each one's record has gone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, Option<Timestamp>>,
    /// How many records of each class were erased: [`keys::class_of`], `token` and `schedule`.
    #[serde(default)]
    pub erased: BTreeMap<String, u64>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// A part of the manifest: hashes of the keys that were erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErasedKeys {
    /// Class and hash of each key: [`key_hash`].
    pub keys: Vec<(String, String)>,
}

/// A record that is being erased, as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The word for its kind.
    pub class: &'static str,
    /// Its key, which only the hash is kept of.
    pub key: Key,
}

impl Erased {
    /// A record of the table.
    pub fn record(key: Key) -> Self {
        Self {
            class: keys::class_of(&key),
            key,
        }
    }

    /// What stands outside the table, under a name.
    pub fn outside(class: &'static str, account: &str, name: &str) -> Self {
        Self {
            class,
            key: Key {
                pk: keys::account_partition(account),
                sk: format!("{class}#{name}"),
            },
        }
    }
}

/// The hash under which a manifest names a key. Ids of Instagram's are short enough to be guessed, so it takes a secret to
/// compute it: the first of the app's cursor keys.
pub fn key_hash(secret: &Secret, key: &Key) -> String {
    let parts: [&[u8]; 3] = [b"erased key", key.pk.as_bytes(), key.sk.as_bytes()];
    let tag = digest::keyed_tag(secret.expose().as_bytes(), &parts);
    let digits = tag.as_ref().iter().take(16);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

impl Deletion {
    /// What a person asked for, who has this id at Instagram. Nobody has looked after it yet.
    pub fn of_person(
        code: String,
        instagram_id: String,
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            issued_at: Some(issued_at),
            instagram_id: Some(instagram_id),
            ..Self::new(code, now)
        }
    }

    /// What a company asked for, of one of its accounts.
    pub fn of_company(code: String, account: &str, now: Timestamp) -> Self {
        let mut deletion = Self::new(code, now);
        deletion.start([account.to_owned()].into(), 0, now);
        deletion
    }

    fn new(code: String, now: Timestamp) -> Self {
        Self {
            code,
            state: State::Received,
            received_at: now,
            issued_at: None,
            instagram_id: None,
            done_at: None,
            found: 0,
            left: 0,
            accounts: BTreeMap::new(),
            erased: BTreeMap::new(),
            version: 1,
        }
    }

    /// Takes over which accounts are to be erased, and how many are left.
    pub fn start(&mut self, accounts: BTreeSet<String>, left: usize, now: Timestamp) {
        self.found = accounts.len();
        self.left = left;
        self.state = State::Running;
        self.instagram_id = None;
        self.accounts = accounts.into_iter().map(|id| (id, None)).collect();
        self.end_where_nothing_is_left(now);
    }

    /// Takes over that an account is left after all.
    pub fn leave(&mut self, account: &str, now: Timestamp) {
        if self.accounts.remove(account).is_some() {
            self.found -= 1;
            self.left += 1;
        }
        self.end_where_nothing_is_left(now);
    }

    /// Takes over that nothing is left of an account.
    pub fn finish(&mut self, account: &str, now: Timestamp) {
        self.accounts.remove(account);
        self.end_where_nothing_is_left(now);
    }

    fn end_where_nothing_is_left(&mut self, now: Timestamp) {
        if self.accounts.is_empty() {
            self.state = State::Done;
            self.done_at = Some(now);
        }
    }
}

impl Table {
    /// A deletion.
    pub async fn deletion(&self, code: &str) -> Result<Option<Deletion>, AwsError> {
        self.get_record(keys::deletion(code)).await
    }

    /// Keeps a deletion; one that stands there already stays as it is.
    pub async fn add_deletion(&self, deletion: &Deletion) -> Result<(), AwsError> {
        let item = deletion_item(deletion)?;
        self.put_if(item, Condition::is_new()).await.map(|_| ())
    }

    /// The confirmation codes of deletions that were received before this time and are not done, the oldest first, a hundred at
    /// most.
    pub async fn unfinished_deletions(&self, before: Timestamp) -> Result<Vec<String>, AwsError> {
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(keys::INDEX_2)
            .key_condition_expression("index2pk = :deletions AND index2sk < :before")
            .expression_attribute_values(":deletions", super::text(keys::UNFINISHED_DELETIONS))
            .expression_attribute_values(":before", super::text(keys::sortable(before)))
            .limit(100)
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        let keys = output.items().iter().filter_map(Key::of_item);
        Ok(keys
            .filter_map(|key| keys::code_of_deletion(&key).map(str::to_owned))
            .collect())
    }

    /// Changes a deletion, where nobody wrote meanwhile, and starts again otherwise. `None`: there is no such deletion.
    pub async fn update_deletion(
        &self,
        code: &str,
        mut change: impl FnMut(&mut Deletion),
    ) -> Result<Option<Deletion>, AwsError> {
        for _ in 0..TRIES {
            let Some(mut deletion) = self.deletion(code).await? else {
                return Ok(None);
            };
            let read = deletion.clone();
            change(&mut deletion);
            if deletion == read {
                return Ok(Some(deletion));
            }
            deletion.version += 1;
            let condition = Condition::equals("version", number(read.version));
            if self.put_if(deletion_item(&deletion)?, condition).await? {
                return Ok(Some(deletion));
            }
        }
        Err(AwsError::unreadable(
            "PutItem",
            "a deletion that others keep changing",
        ))
    }

    /// Erases records and counts them in the manifest: both or neither, so that each is counted once, whoever dies on the
    /// way. What is gone already is not counted. Returns how many were erased.
    pub async fn erase_counted(
        &self,
        code: &str,
        secret: &Secret,
        mut keys: Vec<Key>,
    ) -> Result<usize, AwsError> {
        for _ in 0..TRIES {
            let Some(first) = keys.first() else {
                return Ok(0);
            };
            // Another name for each: what is erased anew under the same key counts again.
            let name = format!("{}#{}", key_hash(secret, first), Key::suffix());
            let erased: Vec<Erased> = keys.iter().cloned().map(Erased::record).collect();
            let mut items = Vec::new();
            for key in &keys {
                items.push(self.removal(key.clone())?);
            }
            match self
                .note_erased(code, &name, secret, &erased, items)
                .await?
            {
                Noted::Yes => return Ok(keys.len()),
                Noted::Gone => return Ok(0),
                Noted::Again => {}
                Noted::Refused(positions) => {
                    let mut position = 0;
                    keys.retain(|_| {
                        position += 1;
                        !positions.contains(&(position - 1))
                    });
                }
            }
        }
        Err(AwsError::unreadable(
            "TransactWriteItems",
            "a deletion that others keep changing",
        ))
    }

    /// Counts in the manifest what stands outside the table, once for each name.
    pub async fn count_erased(
        &self,
        code: &str,
        secret: &Secret,
        erased: Erased,
    ) -> Result<(), AwsError> {
        let name = key_hash(secret, &erased.key);
        for _ in 0..TRIES {
            let noted = self
                .note_erased(
                    code,
                    &name,
                    secret,
                    std::slice::from_ref(&erased),
                    Vec::new(),
                )
                .await?;
            if noted != Noted::Again {
                return Ok(());
            }
        }
        Err(AwsError::unreadable(
            "TransactWriteItems",
            "a deletion that others keep changing",
        ))
    }

    /// Adds to the manifest, in one transaction with `items`.
    pub async fn note_erased(
        &self,
        code: &str,
        name: &str,
        secret: &Secret,
        erased: &[Erased],
        items: Vec<TransactWriteItem>,
    ) -> Result<Noted, AwsError> {
        let Some(mut deletion) = self.deletion(code).await? else {
            return Ok(Noted::Gone);
        };
        let read_version = deletion.version;
        deletion.version += 1;
        let mut hashes = Vec::new();
        for Erased { class, key } in erased {
            *deletion.erased.entry((*class).to_owned()).or_default() += 1;
            hashes.push(((*class).to_owned(), key_hash(secret, key)));
        }
        let mut part = to_item(keys::erased(code, name), &ErasedKeys { keys: hashes })?;
        part.insert(keys::TTL.into(), number(drop_at(&deletion).as_second()));
        let mut writes = vec![
            self.put_write(
                deletion_item(&deletion)?,
                Condition::equals("version", number(read_version)),
            )?,
            self.put_write(part, Condition::is_new())?,
        ];
        let own = writes.len();
        writes.extend(items);
        Ok(match self.transact(writes).await? {
            Transaction::Written => Noted::Yes,
            Transaction::Refused(positions) if positions.contains(&0) => Noted::Again,
            Transaction::Refused(positions) if positions.contains(&1) => Noted::Gone,
            Transaction::Refused(positions) => {
                Noted::Refused(positions.iter().map(|position| position - own).collect())
            }
        })
    }

    /// The manifest's key hashes with their classes.
    pub async fn manifest(&self, code: &str) -> Result<Vec<(String, String)>, AwsError> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let prefix = keys::erased(code, "");
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":pk", super::text(prefix.pk))
                .expression_attribute_values(":sk", super::text(prefix.sk))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            for item in output.items.unwrap_or_default() {
                found.extend(super::from_item::<ErasedKeys>(item)?.keys);
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    fn removal(&self, key: Key) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(self.name())
            .set_key(Some(key.into_item()))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(|_| AwsError::unreadable("TransactWriteItems", "an incomplete write"))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

/// What came of adding to a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is noted, and the items are written.
    Yes,
    /// There is no such deletion, or the same was noted before.
    Gone,
    /// Somebody else changed the deletion meanwhile.
    Again,
    /// The conditions of the items at these positions did not hold.
    Refused(Vec<usize>),
}

fn drop_at(deletion: &Deletion) -> Timestamp {
    deletion.received_at + LIFETIME
}

fn deletion_item(deletion: &Deletion) -> Result<keys::Item, AwsError> {
    let mut item = to_item(keys::deletion(&deletion.code), deletion)?;
    item.insert(keys::TTL.into(), number(drop_at(deletion).as_second()));
    if deletion.state != State::Done {
        let position = keys::by_receipt(deletion.received_at, &deletion.code);
        item.insert("index2pk".into(), super::text(keys::UNFINISHED_DELETIONS));
        item.insert("index2sk".into(), super::text(position));
    }
    Ok(item)
}
