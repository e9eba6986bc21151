//! How lists are read in pages: how many at once, and where the next page begins.

use jiff::Timestamp;

use super::Problem;
use super::cursor::{List, invalid_cursor};
use crate::app::App;

const USUAL_LIMIT: usize = 25;
const LARGEST_LIMIT: u32 = 100;

/// A whole number in plain digits between `1` and `largest`; `None` for anything else.
pub fn whole_number(text: &str, largest: u32) -> Option<u32> {
    // `parse` would take a leading `+` as well.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse()
        .ok()
        .filter(|number| (1..=largest).contains(number))
}

/// How many entries a caller wants at once.
///
/// # Errors
/// 400 for anything but a whole number in range.
pub fn limit(given: Option<&str>) -> Result<usize, Problem> {
    let Some(given) = given else {
        return Ok(USUAL_LIMIT);
    };
    whole_number(given, LARGEST_LIMIT)
        .and_then(|limit| usize::try_from(limit).ok())
        .ok_or_else(invalid_limit)
}

fn invalid_limit() -> Problem {
    Problem::bad_request(
        "invalid_limit",
        format!("`limit` must be a whole number from 1 to {LARGEST_LIMIT}."),
    )
}

/// A time by which a list is filtered.
///
/// # Errors
/// 400 for a text without an offset, or that is no time.
pub fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| invalid_time())
}

/// The refusal of a time.
pub fn invalid_time() -> Problem {
    Problem::bad_request(
        "invalid_time",
        "A time must have an offset, as in RFC 3339: `2026-11-21T10:00:00Z`. In an address, its `+` is written `%2B`.",
    )
}

crate::refusals!(
    /// What the length of a list without pages is refused for.
    pub LimitRefusals: [invalid_limit()]
);

crate::refusals!(
    /// What the page of a list is refused for.
    pub PageRefusals: [invalid_limit(), invalid_cursor()]
);

/// Where a cursor says that the list goes on.
///
/// # Errors
/// 400 for a cursor that is none of this list's.
pub async fn position(
    app: &App,
    list: &List<'_>,
    cursor: Option<&str>,
) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let secrets = app.app_secrets().await?;
    list.position(&secrets, cursor, app.clock.now()).map(Some)
}

/// The cursor for the page after this one.
///
/// # Errors
/// 503 where the key that signs cursors cannot be read.
pub async fn next_cursor(
    app: &App,
    list: &List<'_>,
    next: Option<String>,
) -> Result<Option<String>, Problem> {
    let Some(next) = next else {
        return Ok(None);
    };
    let secrets = app.app_secrets().await?;
    Ok(Some(list.cursor(&secrets, &next, app.clock.now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i05_only_plain_digits_in_range_are_a_limit() {
        assert_eq!(limit(None).unwrap(), 25);
        assert_eq!(limit(Some("1")).unwrap(), 1);
        assert_eq!(limit(Some("100")).unwrap(), 100);
        for text in [
            "",
            "0",
            "-1",
            "+5",
            "101",
            "1000000000",
            "99999999999999999999",
            "1e3",
            "1.5",
            " 5",
            "١٠",
        ] {
            assert_eq!(limit(Some(text)).unwrap_err().code, "invalid_limit");
        }
    }
}
