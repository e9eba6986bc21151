//! How lists are read in pages: how many at once, and where the next page begins.

use shared::app::App;
use shared::http::Problem;
use shared::http::cursor::{List, invalid_cursor};

const USUAL_LIMIT: usize = 25;
const LARGEST_LIMIT: u32 = 100;

/// A whole number in plain digits between `1` and `largest`; `None` for anything else.
pub(crate) fn whole_number(text: &str, largest: u32) -> Option<u32> {
    // `parse` would take a leading `+` as well.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse()
        .ok()
        .filter(|number| (1..=largest).contains(number))
}

/// How many entries a caller wants at once.
pub(crate) fn limit(given: Option<&str>) -> Result<usize, Problem> {
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

shared::refusals!(
    /// What the page of a list is refused for.
    pub(crate) PageRefusals: [invalid_limit(), invalid_cursor()]
);

/// Where a cursor says that the list goes on.
pub(crate) async fn position(
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
pub(crate) async fn next_cursor(
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
