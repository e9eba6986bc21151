//! Lists in pages, newest first, with cursors.

use std::ops::Range;

use serde_json::{Value, json};

use crate::answer::GraphError;
use crate::incoming::Incoming;
use crate::refusals;

/// What a cursor starts with; the id of an item follows.
const CURSOR_START: &str = "QVFIU";

/// What one page holds of a list that is ordered from the oldest to the newest.
pub(crate) struct Page<'a> {
    /// Newest first.
    pub(crate) ids: Vec<&'a String>,
    /// `paging` of the answer; null for an empty page.
    pub(crate) paging: Value,
}

impl Page<'_> {
    pub(crate) fn answer(&self, data: &[Value]) -> Value {
        match self.paging.is_null() {
            true => json!({ "data": data }),
            false => json!({ "data": data, "paging": self.paging }),
        }
    }
}

/// The page that the query asks for, of those items of `ids` that are in `window`.
pub(crate) fn page<'a>(
    incoming: &Incoming,
    base_url: &str,
    ids: &'a [String],
    window: Range<usize>,
    usual_and_most: (usize, usize),
) -> Result<Page<'a>, GraphError> {
    let (usual, most) = usual_and_most;
    let limit = match incoming.query("limit") {
        None => usual,
        Some(limit) => match limit.parse::<usize>() {
            Ok(limit @ 1..) => limit.min(most),
            _ => return Err(refusals::parameter("limit must be a positive number")),
        },
    };
    let place = |name| -> Result<Option<usize>, GraphError> {
        let Some(cursor) = incoming.query(name).filter(|cursor| !cursor.is_empty()) else {
            return Ok(None);
        };
        let id = cursor.strip_prefix(CURSOR_START);
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(id) = id else {
            return Err(refusals::parameter("Invalid cursor"));
        };
        // A cursor outlives its item.
        let place = ids.binary_search_by(|known| known.as_str().cmp(id));
        Ok(Some(place.unwrap_or_else(|next| next)))
    };
    let (start, end) = match (place("after")?, place("before")?) {
        (_, Some(before)) => {
            let start = window.start.max(before + 1).min(window.end);
            (start, window.end.min(start + limit))
        }
        (after, None) => {
            let end = window
                .end
                .min(after.unwrap_or(window.end))
                .max(window.start);
            (end.saturating_sub(limit).max(window.start), end)
        }
    };
    let ids: Vec<&String> = ids[start..end].iter().rev().collect();
    let (Some(newest), Some(oldest)) = (ids.first(), ids.last()) else {
        return Ok(Page {
            ids,
            paging: Value::Null,
        });
    };
    let [before, after] = [newest, oldest].map(|id| format!("{CURSOR_START}{id}"));
    let mut paging = json!({ "cursors": { "before": before, "after": after } });
    if start > window.start {
        paging["next"] = address(incoming, base_url, limit, ("after", &after)).into();
    }
    if end < window.end {
        paging["previous"] = address(incoming, base_url, limit, ("before", &before)).into();
    }
    Ok(Page { ids, paging })
}

/// The same call at another place. It carries the token, as Meta's does, however the token came.
fn address(incoming: &Incoming, base_url: &str, limit: usize, cursor: (&str, &str)) -> String {
    let kept = incoming
        .query_pairs()
        .iter()
        .filter(|(name, _)| !["access_token", "limit", "after", "before"].contains(&name.as_str()));
    let token = incoming.token().map_or("", |(token, _)| token);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("access_token", token)
        .extend_pairs(kept)
        .append_pair("limit", &limit.to_string())
        .append_pair(cursor.0, cursor.1)
        .finish();
    format!("{base_url}{}?{query}", incoming.path)
}
