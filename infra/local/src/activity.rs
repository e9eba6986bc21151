//! What was put on the bus: a file with a line for each, and the latest for the start page.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use aws_sim::BusEvent;
use jiff::Timestamp;
use serde_json::{Value, json};
use world::resources::{ACCOUNT_ID, REGION};

use crate::StartError;
use crate::state::StateFolder;

/// So many are kept for the page.
const LATEST: usize = 200;
/// So many the page gets.
const SHOWN: usize = 30;

/// The bus's only listener.
pub(crate) struct Activity {
    inside: Mutex<Inside>,
}

struct Inside {
    file: File,
    latest: VecDeque<Value>,
}

impl Activity {
    /// With what an earlier run left in the file.
    pub(crate) fn open(state: &StateFolder) -> Result<Self, StartError> {
        let earlier = std::fs::read_to_string(state.events_file()).unwrap_or_default();
        let lines = earlier.lines().rev().take(LATEST);
        let latest = lines.filter_map(|line| serde_json::from_str(line).ok());
        let mut latest: VecDeque<Value> = latest.collect();
        latest.make_contiguous().reverse();
        let file = state.open_events()?;
        Ok(Self {
            inside: Mutex::new(Inside { file, latest }),
        })
    }

    /// Keeps what was put on the bus, as a rule's target gets it.
    pub(crate) fn note(&self, events: Vec<BusEvent>) -> std::io::Result<()> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let line = as_target_gets_it(&event);
            writeln!(inside.file, "{line}")?;
            if inside.latest.len() == LATEST {
                inside.latest.pop_front();
            }
            inside.latest.push_back(line);
        }
        Ok(())
    }

    /// The latest of a company, newest first.
    pub(crate) fn latest(&self, company: &str) -> Vec<Value> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let newest_first = inside.latest.iter().rev();
        newest_first
            .filter(|event| event["detail"]["company"] == company)
            .take(SHOWN)
            .cloned()
            .collect()
    }
}

fn as_target_gets_it(event: &BusEvent) -> Value {
    let time = Timestamp::from_millisecond(event.at_ms).unwrap_or_default();
    json!({
        "version": "0",
        "id": event.id,
        "source": event.source,
        "detail-type": event.detail_type,
        "account": ACCOUNT_ID,
        "region": REGION,
        "time": format!("{time:.0}"),
        "resources": [],
        "detail": serde_json::from_str::<Value>(&event.detail).unwrap_or_default(),
    })
}
