//! Everything that is stored of an account's days or media, as a file.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::app::App;
use shared::aws::AwsError;
use shared::http::{OwnAccount, Problem, QueryString};
use shared::media::StoredMedia;
use shared::media::days::{Day, plus, start_of};
use utoipa::{IntoParams, ToSchema};

use crate::series::all_metrics;
use crate::time::{Span, SpanRefusals};

/// So many media are read at once.
const PAGE: usize = 200;
/// So many days.
const DAYS_AT_ONCE: i64 = 90;
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
    /// `csv`: a line of names, then a line for each. `ndjson`: a JSON object on each line.
    #[param(inline, value_type = Format, required = false, default = "csv")]
    format: Option<String>,
    /// `days`: a line for each day. `media`: a line for each media that was published in these days.
    #[param(inline, value_type = Rows, required = false, default = "days")]
    rows: Option<String>,
    /// The first day, UTC; 28 days before the end without it.
    #[param(value_type = Date, required = false, example = "2026-10-24")]
    since: Option<String>,
    /// The last day; yesterday without it.
    #[param(value_type = Date, required = false, example = "2026-11-20")]
    until: Option<String>,
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

/// How far an export has come.
struct Progress {
    app: Arc<App>,
    account: String,
    followers: Option<u64>,
    format: Format,
    rows: Rows,
    /// What is still to be read.
    span: Span,
    after: Option<String>,
    is_over: bool,
    lines: VecDeque<String>,
}

/// Writes what is stored of an account's days or media, line by line. What is not known is empty, and not zero.
#[utoipa::path(get, path = "/instagram/accounts/{id}/export", responses(
    (status = 200, description = "The lines.", body = String, content_type = "text/csv"),
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
    let (rows, columns) = match query.rows.as_deref() {
        None | Some("days") => (Rows::Days, day_columns()),
        Some("media") => (Rows::Media, MEDIA_COLUMNS.to_vec()),
        Some(_) => return Err(invalid_rows()),
    };
    let head = (format == Format::Csv).then(|| format!("{}\r\n", columns.join(",")));
    let progress = Progress {
        app,
        followers: account.follower_count,
        account: account.id,
        format,
        rows,
        span,
        after: None,
        is_over: false,
        lines: head.into_iter().collect(),
    };
    let lines = stream::try_unfold(progress, |mut progress| async move {
        while progress.lines.is_empty() && !progress.is_over {
            Box::pin(progress.read()).await?;
        }
        let line = progress.lines.pop_front();
        Ok::<_, AwsError>(line.map(|line| (line, progress)))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment"),
    );
    Ok(response)
}

impl Progress {
    /// Reads the next lines.
    async fn read(&mut self) -> Result<(), AwsError> {
        match self.rows {
            Rows::Days => {
                let last = plus(self.span.since, DAYS_AT_ONCE - 1).min(self.span.until);
                let days = self.app.table.days(&self.account, self.span.since, last);
                let days = days.await?;
                let columns = day_columns();
                for day in &days {
                    let value_of = |name: &str| day_value(day, name);
                    self.lines.push_back(line(self.format, &columns, value_of));
                }
                self.is_over = last == self.span.until;
                self.span.since = plus(last, 1);
            }
            Rows::Media => {
                let times = (
                    Some(start_of(self.span.since)),
                    Some(start_of(plus(self.span.until, 1))),
                );
                let after = self.after.take();
                let page = self
                    .app
                    .table
                    .stored_media(&self.account, times, PAGE, after, |_| true)
                    .await?;
                for media in &page.media {
                    let value_of = |name: &str| media_value(media, self.followers, name);
                    let line = line(self.format, MEDIA_COLUMNS, value_of);
                    self.lines.push_back(line);
                }
                self.is_over = page.next.is_none();
                self.after = page.next;
            }
        }
        Ok(())
    }
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
    pub(crate) ExportRefusals: [invalid_format(), invalid_rows()]
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
