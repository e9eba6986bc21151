//! Exports: every line once, whole or refused, and equal to what is stored.

use std::collections::BTreeMap;

use aws_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::Value;
use shared::graph::MediaKind;
use shared::media::StoredMedia;
use world::gateway::Reply;

use crate::journey::{ANN, Journey};
use crate::media_api::{BAKER, ask, store, stored_media, with_history};

const DAYS: &str = "since=2026-10-24&until=2026-11-20";

/// The pages of an export.
async fn pages(journey: &Journey, path: &str) -> Vec<Reply> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ask(journey, "GET", &format!("{path}{cursor}"), None).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let next = page.header("x-next-cursor").map(str::to_owned);
        pages.push(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

fn file_of(pages: &[Reply]) -> String {
    pages.iter().map(Reply::text).collect()
}

/// The rows of a file as RFC 4180 has it, by the names in its first line; what is empty is left out.
fn rows_of(csv: &str) -> Vec<BTreeMap<String, String>> {
    let (mut lines, mut line, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut letters, mut is_quoted) = (csv.chars().peekable(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => assert_eq!(letters.peek(), Some(&'\n')),
            '\n' if !is_quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            letter => cell.push(letter),
        }
    }
    assert!(cell.is_empty() && line.is_empty(), "the file breaks off");
    let names = lines.remove(0);
    let named = |line: Vec<String>| {
        assert_eq!(line.len(), names.len());
        let cells = names.iter().cloned().zip(line);
        cells.filter(|(_, cell)| !cell.is_empty()).collect()
    };
    lines.into_iter().map(named).collect()
}

/// The rows of a file of JSON lines, as texts.
fn rows_of_json(file: &str) -> Vec<BTreeMap<String, String>> {
    let row = |line: &str| -> BTreeMap<String, String> {
        let row: Value = serde_json::from_str(line).expect("a JSON object");
        let members = row.as_object().expect("a JSON object").iter();
        members
            .map(|(name, value)| {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), text)
            })
            .collect()
    };
    file.lines().map(row).collect()
}

/// What a line should say of a media.
fn expected(media: &StoredMedia, followers: Option<u64>) -> BTreeMap<String, String> {
    let mut row = BTreeMap::from([
        ("mediaId".to_owned(), media.id.clone()),
        ("kind".to_owned(), media.kind.as_str().to_owned()),
        ("publishedAt".to_owned(), media.published_at.to_string()),
    ]);
    let mut add = |name: &str, value: Option<String>| {
        row.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("permalink", media.permalink.clone());
    add("caption", media.caption.clone());
    add("goneAt", media.gone_at.map(|at| at.to_string()));
    let rate = media.engagement_rate(followers);
    add(
        "engagementRate",
        rate.map(|rate| Value::from(rate).to_string()),
    );
    for name in ["likes", "comments", "saved", "shares", "reach", "views"] {
        add(name, media.figure(name).map(|figure| figure.to_string()));
    }
    row
}

async fn stored(journey: &Journey, account: &str) -> Vec<StoredMedia> {
    let table = &journey.world.app("test").table;
    let media = table.media_between(account, None, None).await;
    media.expect("the table answers")
}

#[tokio::test]
async fn an_export_says_of_each_day_and_media_what_is_stored() {
    let (journey, id) = with_history(BAKER, 200).await;
    let app = journey.world.app("test");
    let account = app.table.account(&id).await.unwrap().unwrap();
    let (since, until) = ("2026-10-24".parse().unwrap(), "2026-11-20".parse().unwrap());
    let days = app.table.days(&id, since, until).await.unwrap();
    assert_eq!(days.len(), 28);
    let of_days: Vec<BTreeMap<String, String>> = days
        .iter()
        .map(|day| {
            let mut row = BTreeMap::from([("day".to_owned(), day.day.to_string())]);
            let levels = ["followers", "following", "media"];
            for name in levels
                .into_iter()
                .chain(day.figures.keys().map(String::as_str))
            {
                let figure = day.figure(name).map(|figure| figure.to_string());
                row.extend(figure.map(|figure| (name.to_owned(), figure)));
            }
            row
        })
        .collect();
    let start = shared::media::days::start_of(since);
    let end = shared::media::days::start_of(until) + SignedDuration::from_hours(24);
    let all = stored(&journey, &id).await;
    let inside = all
        .iter()
        .filter(|media| (start..end).contains(&media.published_at));
    let of_media: Vec<_> = inside
        .map(|media| expected(media, account.follower_count))
        .collect();
    assert!(of_media.len() > 20 && of_media.len() < all.len());

    for (rows, expected) in [("days", of_days), ("media", of_media)] {
        let path = format!("/instagram/accounts/{id}/export?rows={rows}&{DAYS}&format=");
        let csv = pages(&journey, &format!("{path}csv")).await;
        assert_eq!(csv.len(), 1);
        let kind = csv[0].header("content-type");
        assert_eq!(kind, Some("text/csv; charset=utf-8"));
        // A caption that begins like a formula has an apostrophe before it.
        let unquoted = |row: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let cells = row.iter();
            cells
                .map(|(name, cell)| (name.clone(), cell.trim_start_matches('\'').to_owned()))
                .collect()
        };
        let found: Vec<_> = rows_of(&file_of(&csv)).iter().map(unquoted).collect();
        assert_eq!(found, expected, "{rows}");
        let lines = pages(&journey, &format!("{path}ndjson")).await;
        let kind = lines[0].header("content-type");
        assert_eq!(kind, Some("application/x-ndjson"));
        assert_eq!(rows_of_json(&file_of(&lines)), expected, "{rows}");
    }
    for (bad, code) in [
        ("format=xml", "invalid_format"),
        ("rows=posts", "invalid_rows"),
        ("cursor=abc", "invalid_cursor"),
    ] {
        let path = format!("/instagram/accounts/{id}/export?{bad}");
        let refused = ask(&journey, "GET", &path, None).await;
        assert_eq!(refused.json()["code"], code);
    }
    journey.finish().await;
}

#[tokio::test]
async fn an_export_that_is_larger_than_an_answer_comes_whole_over_its_pages_or_not_at_all() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let first = journey.world.now() - SignedDuration::from_hours(24 * 20);
    let media = (1..=700_u64).zip(1..).map(|(number, minute)| {
        let at = first + SignedDuration::from_mins(minute);
        let caption = format!("{number}, \"quoted\"\r\n{}", "\u{1f35e}\"".repeat(1_090));
        StoredMedia {
            caption: Some(caption),
            ..stored_media(number, MediaKind::Image, at)
        }
    });
    store(&journey, &id, media.collect()).await;
    let app = journey.world.app("test");
    let followers = app
        .table
        .account(&id)
        .await
        .unwrap()
        .unwrap()
        .follower_count;
    let all = stored(&journey, &id).await;
    let all: Vec<_> = all.iter().map(|media| expected(media, followers)).collect();
    assert_eq!(all.len(), 700);

    let path = format!("/instagram/accounts/{id}/export?rows=media&{DAYS}&format=");
    for format in ["csv", "ndjson"] {
        let pages = pages(&journey, &format!("{path}{format}")).await;
        assert!(pages.len() >= 2, "{format}: {} pages", pages.len());
        for page in &pages {
            let payload = serde_json::to_string(&page.text()).unwrap();
            assert!(payload.len() < 5_000_000, "{} bytes", payload.len());
        }
        let file = file_of(&pages);
        let rows = match format {
            "csv" => rows_of(&file),
            _ => rows_of_json(&file),
        };
        assert!(rows == all, "{format}: each line once, in its order");
        let others = pages[0].header("x-next-cursor").unwrap();
        let foreign = format!("/instagram/accounts/{id}/export?rows=days&{DAYS}&cursor={others}");
        let refused = ask(&journey, "GET", &foreign, None).await;
        assert_eq!(refused.json()["code"], "invalid_cursor");
    }

    // The table fails at once, or after some lines were read.
    for skipped in [0, 3] {
        let fault = Fault::on("dynamodb", "Query", FaultKind::ServerError).skip(skipped);
        journey.world.aws.add_fault(fault);
        let broken = ask(&journey, "GET", &format!("{path}csv"), None).await;
        assert_eq!(broken.status, 503, "after {skipped} queries");
        assert_eq!(broken.json()["code"], "service_unavailable");
        assert!(!broken.text().contains("quoted"), "no half file");
        journey.world.aws.clear_faults();
    }
    journey.finish().await;
}
