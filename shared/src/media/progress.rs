//! How far the sync of an account's media has come: what it needs to go on after any end.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The record of an account's media sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MediaSync {
    /// The run that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// When a run walked over everything last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub walked_at: Option<Timestamp>,
    /// When a run was completed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// The last day whose figures Instagram adds nothing to any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_through: Option<Date>,
    /// How many more media the profile counts than Instagram lists. When it changes by itself, something old is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surplus: Option<i64>,
    /// How many fewer media than the profile counts the last walk over everything saw, where that is not [`surplus`](Self::surplus).
    /// Where the next one misses as many, that is all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<u64>,
    /// How many media are stored that are not gone, without stories.
    pub stored: u64,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// A run of the sync. Each task does one step of it; `step` says which is next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its name: a task of another run stops.
    pub id: String,
    /// The connection that it belongs to.
    pub connection_generation: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When its last step was done.
    pub stepped_at: Timestamp,
    /// The next step.
    pub step: u64,
    /// What that does.
    pub stage: Stage,
    /// Whether it walks over everything, and does not stop at what is known.
    pub is_whole: bool,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Up to where everything was compared: the sort key of the oldest media so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_to: Option<String>,
    /// Media that are missing where they would stand and are there all the same: pinned above younger ones, without a time, or
    /// left out of the list.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub early: BTreeSet<String>,
    /// How many pages it read.
    #[serde(default)]
    pub pages: u64,
    /// How many media came along.
    pub seen: u64,
    /// How many records were written because something had changed.
    pub changed: u64,
    /// How many calls of Instagram it took.
    pub calls: u64,
    /// How many media a page has: fewer where Instagram cannot gather more.
    pub page_size: usize,
    /// Whether the pages tell figures.
    pub with_figures: bool,
    /// The day that the stage [`Stage::Days`] asks for next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_day: Option<Date>,
    /// The stories that it has read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stories: BTreeSet<String>,
    /// How often its walk had to begin anew, and how often a step failed in a way that passes.
    #[serde(default)]
    pub setbacks: u32,
    /// Until when it waits, where it does: its next task comes then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
    /// Why something is missing in what it kept, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// Whether the wait for a rate limit stands in the sync log.
    #[serde(default)]
    pub waiting_told: bool,
}

/// What a run does in its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Pages of media.
    Media,
    /// The account's figures by day.
    Days,
    /// The stories that live now.
    Stories,
}
