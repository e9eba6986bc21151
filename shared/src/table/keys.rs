//! Every key of the table: nothing else formats one.
//!
//! | record | pk | sk | index1 (pk, sk) | index2 (pk, sk) |
//! | --- | --- | --- | --- | --- |
//! | account | `ACCOUNT#id` | `ACCOUNT` | `COMPANY#company`, `createdAt#id` | `CONNECTED#digit`, `tokenExpiresAt#id` |
//! | refresh lease | `ACCOUNT#id` | `LEASE` | | |
//! | claim | `IG#instagramId` | `CLAIM` | | |
//! | former holder of an Instagram id | `IG#instagramId` | `FORMER#accountId` | | |
//! | login state | `STATE#sha256(state)` | `STATE` | | |
//! | timeline entry | `ACCOUNT#id` | `AT#time#suffix` | | |
//! | sync log entry | `ACCOUNT#id` | `SYNC#time#suffix` | | |
//! | post | `ACCOUNT#id` | `POST#postId` | `POSTS#accountId`, `publishAt or createdAt#postId` | `DUE#number`, `wakeAt#accountId#postId` |
//! | entry of a post's timeline | `ACCOUNT#id` | `OFPOST#postId#time#suffix` | | |
//! | which post a media is of | `ACCOUNT#id` | `MEDIAOF#mediaId` | | |
//! | event | `ACCOUNT#id` | `EVENT#eventId` | `EVENTS#accountId`, `occurredAt#eventId` | `WAITING#accountId`, `receivedAt#eventId`, until it is handled |
//! | events of a day | `ACCOUNT#id` | `EVENTDAY#day#digit of eventId` | | |
//! | piece of a large event | `ACCOUNT#id` | `PIECE#sha256(text)#number` | | |
//! | the same, until its account is found | `PIECES#instagramId` | `PIECE#sha256(text)#number` | | |
//! | comment | `ACCOUNT#id` | `COMMENT#commentId` | | |
//! | conversation | `ACCOUNT#id` | `THREAD#personId` | | |
//! | message | `ACCOUNT#id` | `MESSAGE#sha256(mid)` | | |
//! | figures of a story | `ACCOUNT#id` | `STORY#mediaId` | | |
//! | caption template | `TEMPLATES#sha256(company)` | `TEMPLATE#id` | | |
//! | idempotency | `IDEMPOTENCY#company#sha256(key)` | `KEY` | `ANSWERS#accountId`, `time` | |
//! | announcement that waits | `ANNOUNCEMENTS#digit` | `time#id` | | |
//! | deletion | `DELETION#code` | `DELETION` | | `DELETIONS`, `receivedAt#code`, until it is done |
//! | what a deletion erased | `DELETION#code` | `ERASED#name` | | |
//! | vault page | `VAULT#page` | `PAGE` | | |
//! | vault's open pages | `VAULT` | `OPEN` | | |
//! | audit of accounts | `AUDIT` | `ACCOUNTS#prefix` | | |
//! | audit of pages | `AUDIT` | `PAGES` | | |
//! | vault's writes | `VAULT` | `WRITES` | | |
//!
//! Times in keys have a fixed width (RFC 3339, UTC, milliseconds), so that text order is time order. What came from
//! outside stands in a key only as a hash, as digits, or after a separator that ends the key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::digest::sha256_hex;

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// Name of the first index: accounts of a company, newest first; posts of an account and its events, by their time.
pub const INDEX_1: &str = "index1";
/// Name of the second index: connected accounts, by the first digit of their id, soonest expiry first; posts with a next
/// step, soonest first; what is not done yet of deletions and of events, by when it was received.
pub const INDEX_2: &str = "index2";
/// The attribute by which DynamoDB drops an item, seconds since the epoch.
pub const TTL: &str = "ttl";
/// Attributes of the base item that the first index carries, for filters and counts.
pub const INDEX_1_ATTRIBUTES: &[&str] = &[
    "id",
    "status",
    "clientId",
    "searchText",
    "tokenExpiresMs",
    "rateBlockedMs",
    "nextRefreshMs",
    "reasonCode",
    "platformAccountId",
    "state",
    "kind",
];
/// Attributes of the base item that the second index carries, for the audits.
pub const INDEX_2_ATTRIBUTES: &[&str] = &[
    "id",
    "status",
    "tokenExpiresMs",
    "rateBlockedMs",
    "nextRefreshMs",
    "suspectMs",
    "account",
    "version",
];

/// The digits with which an id begins: the second index has a partition for each.
pub const ID_DIGITS: &str = "0123456789abcdef";

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// What keeps two entries of one millisecond apart.
    pub fn suffix() -> String {
        uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
    }

    /// The key of an item that was read whole.
    pub fn of_item(item: &Item) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self {
            pk: text("pk")?,
            sk: text("sk")?,
        })
    }

    /// As DynamoDB wants it.
    pub fn into_item(self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

/// An account's record.
pub fn account(id: &str) -> Key {
    Key::new(account_partition(id), "ACCOUNT")
}

/// The partition with an account's record and all that belongs to it.
pub fn account_partition(id: &str) -> String {
    format!("ACCOUNT#{id}")
}

/// The lease under which one worker at a time refreshes an account's token.
pub fn lease(id: &str) -> Key {
    Key::new(account_partition(id), "LEASE")
}

/// The claim on an Instagram id (professional account id or app-scoped id): who holds it.
pub fn claim(instagram_id: &str) -> Key {
    Key::new(format!("IG#{instagram_id}"), "CLAIM")
}

/// That an account once held the Instagram id which another one holds now: its history is still about that person.
pub fn former_holder(instagram_id: &str, account: &str) -> Key {
    Key::new(claim(instagram_id).pk, format!("{FORMER_HOLDER}{account}"))
}

/// What the sort key of every former holder begins with.
pub const FORMER_HOLDER: &str = "FORMER#";

/// What stands under an account, by the beginning of its sort key: the word in a deletion's manifest.
const CLASSES: &[(&str, &str)] = &[
    ("ACCOUNT", "account"),
    ("LEASE", "lease"),
    ("CLAIM", "claim"),
    (FORMER_HOLDER, "claim"),
    (TIMELINE, "timeline"),
    (SYNC_LOG, "sync_log"),
    ("POST#", "post"),
    ("OFPOST#", "post_timeline"),
    ("MEDIAOF#", "media"),
    ("EVENT#", "event"),
    (EVENT_PIECE, "event"),
    (EVENT_DAY, "event_day"),
    ("COMMENT#", "comment"),
    ("THREAD#", "thread"),
    ("MESSAGE#", "message"),
    ("STORY#", "metric"),
    ("KEY", "answer"),
];

/// What kind of record a key is of, as a deletion's manifest names it.
pub fn class_of(key: &Key) -> &'static str {
    let found = CLASSES.iter().find(|(start, _)| key.sk.starts_with(start));
    found.map_or("other", |(_, class)| class)
}

/// The partitions of the first index with what belongs to an account and stands outside its partition.
pub fn beside_account(account: &str) -> [String; 1] {
    [answers_partition(account)]
}

/// Partition of the first index with the remembered answers to requests about an account.
pub fn answers_partition(account: &str) -> String {
    format!("ANSWERS#{account}")
}

/// An announcement that waits to be sent.
pub fn announcement(partition: char, at: Timestamp, id: &str) -> Key {
    Key::new(
        announcements_partition(partition),
        format!("{}#{id}", sortable(at)),
    )
}

/// The partition with the announcements that wait, of the accounts whose id begins with a digit.
pub fn announcements_partition(digit: char) -> String {
    format!("{ANNOUNCEMENTS}{digit}")
}

/// What every partition with announcements begins with.
pub const ANNOUNCEMENTS: &str = "ANNOUNCEMENTS#";

/// A deletion, by its confirmation code.
pub fn deletion(code: &str) -> Key {
    Key::new(format!("DELETION#{code}"), "DELETION")
}

/// The confirmation code of a deletion's key.
pub fn code_of_deletion(key: &Key) -> Option<&str> {
    key.pk.strip_prefix("DELETION#")
}

/// Partition of the second index with the deletions that are not done.
pub const UNFINISHED_DELETIONS: &str = "DELETIONS";

/// Sort key of a deletion or an event in the second index.
pub fn by_receipt(at: Timestamp, id: &str) -> String {
    format!("{}#{id}", sortable(at))
}

/// A part of a deletion's manifest.
pub fn erased(code: &str, name: &str) -> Key {
    Key::new(deletion(code).pk, format!("ERASED#{name}"))
}

/// The post of a post's key.
pub fn post_of_key(key: &Key) -> Option<&str> {
    key.sk.strip_prefix("POST#")
}

/// A login state, by the hash of the text that travels.
pub fn login_state(state: &str) -> Key {
    Key::new(format!("STATE#{}", sha256_hex(state.as_bytes())), "STATE")
}

/// A timeline entry; `suffix` keeps two of one millisecond apart.
pub fn timeline(id: &str, at: Timestamp, suffix: &str) -> Key {
    Key::new(
        account_partition(id),
        format!("{TIMELINE}{}#{suffix}", sortable(at)),
    )
}

/// What every timeline entry's sort key begins with.
pub const TIMELINE: &str = "AT#";

/// A sync log entry; `suffix` keeps two of one millisecond apart.
pub fn sync_log(id: &str, at: Timestamp, suffix: &str) -> Key {
    Key::new(
        account_partition(id),
        format!("{SYNC_LOG}{}#{suffix}", sortable(at)),
    )
}

/// What every sync log entry's sort key begins with.
pub const SYNC_LOG: &str = "SYNC#";

/// A post.
pub fn post(account: &str, id: &str) -> Key {
    Key::new(account_partition(account), format!("POST#{id}"))
}

/// An entry of a post's timeline; `suffix` keeps two of one millisecond apart.
pub fn post_timeline(account: &str, post: &str, at: Timestamp, suffix: &str) -> Key {
    let prefix = post_timeline_prefix(post);
    Key::new(
        account_partition(account),
        format!("{prefix}{}#{suffix}", sortable(at)),
    )
}

/// What the sort key of every entry of a post's timeline begins with.
pub fn post_timeline_prefix(post: &str) -> String {
    format!("OFPOST#{post}#")
}

/// Which post a media of Instagram's is of.
pub fn post_of_media(account: &str, media: &str) -> Key {
    Key::new(account_partition(account), format!("MEDIAOF#{media}"))
}

/// Partition of the first index with an account's posts.
pub fn posts_partition(account: &str) -> String {
    format!("POSTS#{account}")
}

/// An event.
pub fn event(account: &str, id: &str) -> Key {
    Key::new(account_partition(account), format!("EVENT#{id}"))
}

/// Partition of the first index with an account's events.
pub fn events_partition(account: &str) -> String {
    format!("EVENTS#{account}")
}

/// Partition of the second index with an account's events that are not handled.
pub fn waiting_partition(account: &str) -> String {
    format!("WAITING#{account}")
}

/// What an account's events of a day come to whose ids begin with a digit; `day` is a date. All events of a burst are of one
/// day, and two transactions on one item get in each other's way.
pub fn event_day(account: &str, day: &str, digit: char) -> Key {
    Key::new(
        account_partition(account),
        format!("{EVENT_DAY}{day}#{digit}"),
    )
}

/// What the sort key of every day of events begins with.
pub const EVENT_DAY: &str = "EVENTDAY#";

/// A piece of an event that is too large for a record.
pub fn event_piece(account: &str, digest: &str, number: usize) -> Key {
    Key::new(account_partition(account), piece(digest, number))
}

/// The same before its account is found: whoever receives it knows the Instagram id alone.
pub fn received_piece(instagram_id: &str, digest: &str, number: usize) -> Key {
    Key::new(pieces_partition(instagram_id), piece(digest, number))
}

/// The partition with the pieces of events whose account was not looked for yet.
pub fn pieces_partition(instagram_id: &str) -> String {
    format!("PIECES#{instagram_id}")
}

fn piece(digest: &str, number: usize) -> String {
    format!("{EVENT_PIECE}{digest}#{number:04}")
}

/// What the sort key of every piece of an event begins with.
pub const EVENT_PIECE: &str = "PIECE#";

/// A comment on the account's media, by Instagram's id.
pub fn comment(account: &str, id: &str) -> Key {
    Key::new(account_partition(account), format!("COMMENT#{id}"))
}

/// The account's conversation with a person, by Instagram's id of the person.
pub fn thread(account: &str, person: &str) -> Key {
    Key::new(account_partition(account), format!("THREAD#{person}"))
}

/// A message, by Meta's name of it, which may be longer than a key.
pub fn message(account: &str, mid: &str) -> Key {
    let digest = sha256_hex(mid.as_bytes());
    Key::new(account_partition(account), format!("MESSAGE#{digest}"))
}

/// The figures of a story, by Instagram's id of it.
pub fn story(account: &str, media: &str) -> Key {
    Key::new(account_partition(account), format!("STORY#{media}"))
}

/// Over so many partitions of the second index posts are dealt that have a next step: DynamoDB writes a thousand times a
/// second to each.
pub const DUE_PARTITIONS: u32 = 4;

/// The partition of the second index that a post is dealt to.
pub fn due_partition_of(post: &str) -> String {
    let digit = post.chars().next().and_then(|digit| digit.to_digit(16));
    due_partition(digit.unwrap_or_default() % DUE_PARTITIONS)
}

/// Partition of the second index with posts that have a next step.
pub fn due_partition(number: u32) -> String {
    format!("DUE#{number}")
}

/// Sort key of a post in the second index.
pub fn by_due_time(at: Timestamp, account: &str, post: &str) -> String {
    format!("{}#{account}#{post}", sortable(at))
}

/// A company's caption template.
pub fn template(company: &str, id: &str) -> Key {
    Key::new(templates_partition(company), format!("{TEMPLATE}{id}"))
}

/// The partition with a company's caption templates.
pub fn templates_partition(company: &str) -> String {
    format!("TEMPLATES#{}", sha256_hex(company.as_bytes()))
}

/// What every caption template's sort key begins with.
pub const TEMPLATE: &str = "TEMPLATE#";

/// A caller's `Idempotency-Key`, hashed: it is free text.
pub fn idempotency(company: &str, key: &str) -> Key {
    let digest = sha256_hex(key.as_bytes());
    Key::new(
        format!("IDEMPOTENCY#{}#{digest}", sha256_hex(company.as_bytes())),
        "KEY",
    )
}

/// A vault page's record.
pub fn vault_page(page: &str) -> Key {
    Key::new(format!("VAULT#{page}"), "PAGE")
}

/// The record that names the vault's open pages.
pub fn vault_open_pages() -> Key {
    Key::new("VAULT".into(), "OPEN")
}

/// When the accounts whose id begins with `prefix` were compared with their schedules.
pub fn audit_of_accounts(prefix: &str) -> Key {
    Key::new("AUDIT".into(), format!("ACCOUNTS#{prefix}"))
}

/// How far the audit has come with the vault's pages.
pub fn audit_of_pages() -> Key {
    Key::new("AUDIT".into(), "PAGES")
}

/// The record by which all writes of the vault take turns.
pub fn vault_writes() -> Key {
    Key::new("VAULT".into(), "WRITES")
}

/// Partition of the first index with a company's accounts.
pub fn company_partition(company: &str) -> String {
    format!("COMPANY#{company}")
}

/// Sort key of an account, a post or an event in the first index.
pub fn by_creation(created_at: Timestamp, id: &str) -> String {
    format!("{}#{id}", sortable(created_at))
}

/// Partition of the second index with the connected accounts whose id begins with `digit`.
pub fn connected_partition(digit: char) -> String {
    format!("CONNECTED#{digit}")
}

/// Sort key of an account in the second index.
pub fn by_expiry(expiry: Timestamp, id: &str) -> String {
    format!("{}#{id}", sortable(expiry))
}

/// RFC 3339 in UTC with milliseconds: text order is time order.
pub fn sortable(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_keys_sort_as_text() {
        let early: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let late: Timestamp = "2026-11-21T10:00:00.010Z".parse().unwrap();
        assert_eq!(sortable(early), "2026-11-21T10:00:00.000Z");
        assert!(sortable(early) < sortable(late));
    }

    #[test]
    fn a_separator_in_free_text_cannot_reach_another_record() {
        assert_ne!(idempotency("a#b", "c"), idempotency("a", "b#c"));
        assert!(!idempotency("a", "b#KEY").pk.contains("b#KEY"));
    }
}
