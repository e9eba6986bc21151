//! Writes `docs/errors.md` from the table.

use std::fmt::Write as _;

use super::{AccountEffect, Retry, Row, SECTIONS, Who};

const HEAD: &str = "\
# Errors of Instagram's

Written from the table in `shared/src/graph/catalogue/` by its test: change the table, not this file.

Each error has a stable code, which stands in account records, API answers, logs and metrics. An error is recognized
by (call, HTTP status, code, subcode, type), never by its text, which is localized. Where several rows fit, the most
specific one counts: a subcode before a code, a code before a status. \"any / 463\" is a subcode with any code.

An error that no row fits is `unknown`: tried a few times, then told, and logged with Meta's trace id.
";

fn who(who: Who) -> &'static str {
    match who {
        Who::Nobody => "nobody",
        Who::User => "the user",
        Who::Operator => "the operator",
        Who::Developer => "the developer",
    }
}

fn retry(retry: Retry) -> String {
    match retry {
        Retry::Never => "never".to_owned(),
        Retry::AtOnce => "at once, a few times".to_owned(),
        Retry::AfterSeconds(seconds) => format!("a few times, {seconds} s apart"),
        Retry::WhenHeaderSays => "when the answer says, else backing off from a minute".to_owned(),
        Retry::AfterHours(hours) => format!("after {hours} h"),
        Retry::NextDay => "when the day's quota has room".to_owned(),
        Retry::WhenReady => "when the container is ready".to_owned(),
        Retry::WithNewContainer => "with a new container".to_owned(),
        Retry::WithSmallerPage => "with a smaller page".to_owned(),
        Retry::AfterUserActs => "when they have acted".to_owned(),
        Retry::AfterLooking => "only after looking whether it happened".to_owned(),
    }
}

fn effect(effect: AccountEffect) -> &'static str {
    match effect {
        AccountEffect::None => "none",
        AccountEffect::RateLimited => "its calls wait",
        AccountEffect::PublishingPaused => "its publishing pauses",
        AccountEffect::MissingPermission => "a permission is missing",
        AccountEffect::TokenSuspect => "token suspect: a second signal is needed",
        AccountEffect::TokenDead => "token dead: connect again",
        AccountEffect::Revoked => "connection over: the app was removed",
        AccountEffect::NeedsUserAction => "waits for the person, resumes by itself",
    }
}

fn line(text: &mut String, row: &Row) {
    let matches: Vec<String> = row.matches.iter().map(ToString::to_string).collect();
    let matches = if matches.is_empty() {
        "our own".to_owned()
    } else {
        matches.join(";<br>")
    };
    writeln!(
        text,
        "| `{}` | {matches} | {} | {} | {} | {} | {} |",
        row.kind.code(),
        row.meaning,
        who(row.who),
        retry(row.retry),
        effect(row.effect),
        row.sentence
    )
    .unwrap();
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (title, rows) in SECTIONS {
        write!(
            text,
            "\n## {title}\n\n\
             | code | Instagram's code / subcode | meaning | who must act | try again | the account | what a person reads |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n"
        )
        .unwrap();
        for row in *rows {
            line(&mut text, row);
        }
    }
    text
}

#[test]
fn docs_errors_md_says_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let document = document();
    if written != document {
        let _ = std::fs::write(path, document);
        panic!(
            "docs/errors.md differed from the catalogue and was written anew: look at it and commit it"
        );
    }
}
