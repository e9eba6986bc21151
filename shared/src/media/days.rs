//! What an account's days were like.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::metrics::OF_DAY;
use crate::aws::AwsError;
use crate::table::Table;

/// Instagram keeps an account's figures for so many days.
pub const KEPT_BY_INSTAGRAM: i64 = 90;
/// After so many days a day's figures are final: Instagram may add to them for 48 hours after its end.
pub const SETTLED_AFTER: i64 = 3;
/// How long a day's figures are kept.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

/// How often a day is read again that somebody else wrote meanwhile.
const TRIES: u32 = 4;

/// An account's figures of one day, UTC. What is not known is absent, and is not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Day {
    /// Which day.
    pub day: Date,
    /// How many followed it when it was synced on this day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
    /// How many it followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub following: Option<u64>,
    /// How many media it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<u64>,
    /// Instagram's figures, by Meta's names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, u64>,
    /// Whether Instagram adds nothing to them any more.
    pub settled: bool,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// The figures that an account's recent media had on one day, by media: those that had changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaDay {
    /// Which day.
    pub day: Date,
    /// By media and metric; likes and comments are among them.
    pub media: BTreeMap<String, BTreeMap<String, u64>>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

impl Day {
    /// Whether Instagram has told what it was like. How many came to follow is told of many days at once, and says nothing
    /// of the other figures.
    pub fn is_told(&self) -> bool {
        OF_DAY.iter().any(|name| self.figures.contains_key(*name))
    }

    /// One of its figures; `followers`, `following` and `media` are among them.
    pub fn figure(&self, name: &str) -> Option<u64> {
        match name {
            "followers" => self.followers,
            "following" => self.following,
            "media" => self.media,
            name => self.figures.get(name).copied(),
        }
    }
}

/// Changes an account's day. Says whether there was anything to change.
///
/// # Errors
/// The table does not answer, or others keep changing the day.
pub async fn change(
    table: &Table,
    account: &str,
    day: Date,
    change: impl Fn(&mut Day),
) -> Result<bool, AwsError> {
    for _ in 0..TRIES {
        let read = table.day(account, day).await?.unwrap_or(Day {
            day,
            ..Day::default()
        });
        let mut record = read.clone();
        change(&mut record);
        if record == read {
            return Ok(false);
        }
        if table.write_day(account, &record).await? {
            return Ok(true);
        }
    }
    Err(AwsError::unreadable(
        "PutItem",
        "a record that others keep changing",
    ))
}

/// The day of a moment, UTC.
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// When a day begins, UTC.
pub fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC)
        .map_or(Timestamp::UNIX_EPOCH, |start| start.timestamp())
}

/// A day so many days later.
pub fn plus(day: Date, days: i64) -> Date {
    day.saturating_add(jiff::Span::new().days(days))
}
