//! Everything that is stored of an account's days or media, as a file: page by page, since API Gateway's HTTP APIs take what a
//! function answers in one piece.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::account::Account;
use shared::app::App;
use shared::aws::AwsError;
use shared::http::cursor::{List, invalid_cursor};
use shared::http::paging;
use shared::http::{OwnAccount, Problem, QueryString};
use shared::media::StoredMedia;
use shared::media::days::Day;
use shared::table::keys;
use utoipa::{IntoParams, ToSchema};

use crate::series::all_metrics;
use crate::time::{Span, SpanRefusals};

/// Lambda sends an answer of 6 MB at most. A page ends before its lines come to more than this in it.
const MOST_BYTES: usize = 4_000_000;
/// So many media are read at once.
const PAGE: usize = 200;
/// The header that says where an export goes on.
const NEXT_CURSOR: &str = "x-next-cursor";
/// The columns of media.
const MEDIA_COLUMNS: &[&str] = &[
    "mediaId",
    "kind",
    "publishedAt",
    "permalink",
    "caption",
    "likes",
    "comments",
    "saved",
    "shares",
    "reach",
    "views",
    "engagementRate",
    "goneAt",
];

/// What is exported, and how.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// `csv`, also without it: a line of names, then a line for each. `ndjson`: a JSON object on each line.
    #[param(inline, value_type = Format, required = false)]
    format: Option<String>,
    /// `days`, also without it: a line for each day. `media`: a line for each media that was published in these days.
    #[param(inline, value_type = Rows, required = false)]
    rows: Option<String>,
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
    /// Where the export goes on: `x-next-cursor` of its former page, with the same days and formats. Good for a day.
    #[param(value_type = String, required = false, pattern = "^[A-Za-z0-9_-]{56,2048}$")]
    cursor: Option<String>,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Values with commas between them.
    Csv,
    /// A JSON object.
    Ndjson,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Rows {
    /// A day.
    Days,
    /// A media.
    Media,
}

/// Lines that fit one answer.
#[derive(Default)]
struct Lines {
    text: String,
    /// What they come to in Lambda's answer.
    bytes: usize,
}

/// Writes what is stored of an account's days or media, a line for each. What is not known is empty, and not zero.
///
/// The lines come in pages of at most 4 MB, since API Gateway takes an answer in one piece: as long as there is more, the header
/// `x-next-cursor` says where it goes on. The line of names stands on the first page only, so that all pages, one after the
/// other, are the file.
#[utoipa::path(get, path = "/instagram/accounts/{id}/export", responses(
    (status = 200, description = "The lines.", content(
        (String = "text/csv", example = "day,followers,reach\r\n2026-11-20,4217,812\r\n"),
        (String = "application/x-ndjson", example = "{\"day\":\"2026-11-20\",\"followers\":4217,\"reach\":812}\n"),
    ), headers(
        ("x-next-cursor" = String, description = "Where the export goes on; absent on its last page."),
    )),
    SpanRefusals, ExportRefusals,
))]
pub(crate) async fn export_insights(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
    QueryString(query): QueryString<ExportQuery>,
) -> Result<Response, Problem> {
    let span = Span::of(&app, query.since.as_deref(), query.until.as_deref())?;
    let (format, kind) = match query.format.as_deref() {
        None | Some("csv") => (Format::Csv, "text/csv; charset=utf-8"),
        Some("ndjson") => (Format::Ndjson, "application/x-ndjson"),
        Some(_) => return Err(invalid_format()),
    };
    let rows = match query.rows.as_deref() {
        None | Some("days") => Rows::Days,
        Some("media") => Rows::Media,
        Some(_) => return Err(invalid_rows()),
    };
    let route = format!("/instagram/accounts/{}/export", account.id);
    let filter = format!("{format:?} {rows:?} {} {}", span.since, span.until);
    let list = List {
        company: &account.company,
        route: &route,
        filter: &filter,
    };
    let after = paging::position(&app, &list, query.cursor.as_deref()).await?;
    let (lines, next) = match rows {
        Rows::Days => (days(&app, &account, span, format).await?, None),
        Rows::Media => media(&app, &account, span, format, after).await?,
    };
    let mut response = Response::new(Body::from(lines.text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment"),
    );
    let next = paging::next_cursor(&app, &list, next).await?;
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        headers.insert(HeaderName::from_static(NEXT_CURSOR), next);
    }
    Ok(response)
}

/// A line for each day: all that a span can have fit one page.
async fn days(
    app: &Arc<App>,
    account: &Account,
    span: Span,
    format: Format,
) -> Result<Lines, AwsError> {
    let columns = day_columns();
    let mut lines = Lines::headed(format, &columns);
    for day in app.table.days(&account.id, span.since, span.until).await? {
        lines.add(&line(format, &columns, |name| day_value(&day, name)));
    }
    Ok(lines)
}

/// A line for each media after this position, and where the next page begins.
async fn media(
    app: &Arc<App>,
    account: &Account,
    span: Span,
    format: Format,
    mut after: Option<String>,
) -> Result<(Lines, Option<String>), AwsError> {
    let mut lines = match &after {
        None => Lines::headed(format, MEDIA_COLUMNS),
        Some(_) => Lines::default(),
    };
    loop {
        let page = app
            .table
            .stored_media(&account.id, span.times(), PAGE, after.clone(), |_| true)
            .await?;
        for media in &page.media {
            let value_of = |name: &str| media_value(media, account.follower_count, name);
            let line = line(format, MEDIA_COLUMNS, value_of);
            if !lines.has_room_for(&line) {
                return Ok((lines, after));
            }
            lines.add(&line);
            after = Some(keys::media(&account.id, media.published_at, &media.id).sk);
        }
        after = page.next;
        if after.is_none() {
            return Ok((lines, None));
        }
    }
}

impl Lines {
    /// The line of names, where the format has one.
    fn headed(format: Format, columns: &[&str]) -> Self {
        let mut lines = Self::default();
        if format == Format::Csv {
            lines.add(&format!("{}\r\n", columns.join(",")));
        }
        lines
    }

    fn has_room_for(&self, line: &str) -> bool {
        self.bytes + bytes_in_json(line) <= MOST_BYTES
    }

    fn add(&mut self, line: &str) {
        self.bytes += bytes_in_json(line);
        self.text.push_str(line);
    }
}

/// How long a text is within the JSON that Lambda is answered.
fn bytes_in_json(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    escaped.sum()
}

fn day_columns() -> Vec<&'static str> {
    std::iter::once("day").chain(all_metrics()).collect()
}

fn day_value(day: &Day, name: &str) -> Value {
    match name {
        "day" => day.day.to_string().into(),
        name => day.figure(name).map_or(Value::Null, Value::from),
    }
}

fn media_value(media: &StoredMedia, followers: Option<u64>, name: &str) -> Value {
    match name {
        "mediaId" => media.id.as_str().into(),
        "kind" => media.kind.as_str().into(),
        "publishedAt" => media.published_at.to_string().into(),
        "permalink" => media.permalink.clone().map_or(Value::Null, Value::from),
        "caption" => media.caption.clone().map_or(Value::Null, Value::from),
        "engagementRate" => media
            .engagement_rate(followers)
            .map_or(Value::Null, Value::from),
        "goneAt" => media
            .gone_at
            .map_or(Value::Null, |at| at.to_string().into()),
        name => media.figure(name).map_or(Value::Null, Value::from),
    }
}

fn line(format: Format, columns: &[&str], value_of: impl Fn(&str) -> Value) -> String {
    if format == Format::Ndjson {
        let members = columns
            .iter()
            .map(|name| ((*name).to_owned(), value_of(name)));
        let known = members.filter(|(_, value)| !value.is_null());
        return format!("{}\n", Value::Object(known.collect::<Map<_, _>>()));
    }
    let cells: Vec<String> = columns
        .iter()
        .map(|name| match value_of(name) {
            Value::Null => String::new(),
            Value::String(text) => cell(&text),
            other => other.to_string(),
        })
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// A text as RFC 4180 has it. A spreadsheet would compute what begins like a formula, so a caption that does gets an
/// apostrophe before it.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = match is_formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

shared::refusals!(
    /// What of an export is refused.
    pub(crate) ExportRefusals: [invalid_format(), invalid_rows(), invalid_cursor()]
);

fn invalid_format() -> Problem {
    Problem::bad_request("invalid_format", "`format` must be `csv` or `ndjson`.")
}

fn invalid_rows() -> Problem {
    Problem::bad_request("invalid_rows", "`rows` must be `days` or `media`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_no_formula() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("@corner.bakery, hi"), "\"'@corner.bakery, hi\"");
    }

    #[test]
    fn a_page_ends_before_lambda_would_refuse_it() {
        for text in [
            "a,\"b\"\r\n",
            "caf\u{e9} \u{1f44d}\t\\",
            "\u{1}\u{8}\u{1f}\u{7f}",
        ] {
            let json = serde_json::to_string(text).unwrap();
            assert!(bytes_in_json(text) >= json.len() - 2, "{json}");
        }
        let mut lines = Lines::headed(Format::Csv, &["day"]);
        let line = "\"".repeat(1_000_000);
        assert!(lines.has_room_for(&line));
        lines.add(&line);
        assert!(!lines.has_room_for(&line), "a quote takes two bytes");
    }

    #[test]
    fn what_is_not_known_is_empty_and_not_zero() {
        let day = Day {
            day: "2026-11-20".parse().unwrap(),
            followers: Some(5),
            ..Day::default()
        };
        let columns = ["day", "followers", "reach"];
        let value_of = |name: &str| day_value(&day, name);
        assert_eq!(line(Format::Csv, &columns, value_of), "2026-11-20,5,\r\n");
        assert_eq!(
            line(Format::Ndjson, &columns, value_of),
            "{\"day\":\"2026-11-20\",\"followers\":5}\n"
        );
    }
}
