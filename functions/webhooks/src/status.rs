//! `GET /data-deletion/{code}`: the page on which a person sees how far a deletion is.
//!
//! It shows fixed sentences, times and counts: nothing about whom the deletion is. Who has no code learns nothing, since a
//! code is 128 bits.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use shared::app::App;
use shared::digest;
use shared::http::Problem;
use shared::http::owned::is_id;
use shared::table::deletions::{self, Deletion};

const STYLE: &str = include_str!("status.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = digest::sha256_base64(STYLE.as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// What the classes of a manifest are for a person; classes that are not here are counted together.
const WORDS: &[(&str, &str)] = &[
    ("account", "profile of an account"),
    ("claim", "Instagram ids"),
    ("token", "access to Instagram"),
    ("schedule", "planned tasks"),
    ("timeline", "entries of a timeline"),
    ("sync_log", "entries of a sync log"),
    ("post", "posts and drafts"),
    ("post_timeline", "entries of posts' timelines"),
    ("media", "media"),
    ("metric", "figures"),
    ("event", "events"),
    ("comment", "comments"),
    ("thread", "conversations"),
    ("message", "messages"),
];

/// Shows a deletion. A code that is none and one that nobody has look the same.
pub(crate) async fn show_deletion(
    State(app): State<Arc<App>>,
    code: Option<Path<String>>,
) -> Result<Response, Problem> {
    let code = code.map(|Path(code)| code).filter(|code| is_id(code));
    let deletion = match &code {
        Some(code) => app.table.deletion(code).await?,
        None => None,
    };
    let now = app.clock.now();
    let deletion = deletion.filter(|found| found.received_at + deletions::LIFETIME > now);
    Ok(match deletion {
        Some(deletion) => page(StatusCode::OK, &content(&deletion)),
        None => page(StatusCode::NOT_FOUND, UNKNOWN),
    })
}

const UNKNOWN: &str = "<h1>No deletion has this code</h1><p>Compare the address with the one that you were given. A \
                       deletion can be looked up for a year.</p>";

fn content(deletion: &Deletion) -> String {
    let (title, sentence) = match (deletion.state, deletion.found, deletion.left) {
        (deletions::State::Received, ..) => (
            "Your request was received",
            "The deletion begins within minutes. Look again later.",
        ),
        (deletions::State::Running, ..) => (
            "Your data is being deleted",
            "Access to Instagram ends first, then what is stored is erased, and after a quarter of an hour it is looked \
             for again. Look again later.",
        ),
        (deletions::State::Done, 0, 0) => (
            "There was nothing to delete",
            "No account was found for this request: it was never connected here, or it is deleted already.",
        ),
        (deletions::State::Done, 0, _) => (
            "The account was connected again",
            "It was connected again after this was asked, so it stays. To have its data deleted, remove the app on Instagram \
             and ask once more.",
        ),
        (deletions::State::Done, _, 1..) => (
            "A part of your data was deleted",
            "An account that was connected again after this was asked stays, and everything else is deleted. To have the \
             rest deleted, remove the app on Instagram and ask once more.",
        ),
        (deletions::State::Done, ..) if deletion.issued_at.is_none() => (
            "Your data was deleted",
            "What one company had stored here about the Instagram account was deleted at its request.",
        ),
        (deletions::State::Done, ..) => (
            "Your data was deleted",
            "What was stored here about the Instagram account for which this was asked was deleted.",
        ),
    };
    let mut html = format!("<h1>{title}</h1><p>{sentence}</p><p class=\"quiet\">");
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "Confirmation code {}<br>Received {}",
        deletion.code,
        minute(deletion.received_at)
    );
    if let Some(done_at) = deletion.done_at {
        let _ = write!(html, "<br>Done {}", minute(done_at));
    }
    html.push_str("</p>");
    if !deletion.erased.is_empty() {
        html.push_str("<table>");
        let mut others: u64 = deletion.erased.values().sum();
        for (class, words) in WORDS {
            if let Some(count) = deletion.erased.get(*class) {
                others -= count;
                let _ = write!(html, "<tr><td>{count}</td><td>{words}</td></tr>");
            }
        }
        if others > 0 {
            let _ = write!(html, "<tr><td>{others}</td><td>other records</td></tr>");
        }
        html.push_str("</table>");
    }
    html
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn page(status: StatusCode, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>Deletion of data</title><style>{STYLE}</style></head><body><main>{content}</main></body></html>"
    );
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            http::HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex"),
        ),
    ];
    (status, headers, html).into_response()
}
