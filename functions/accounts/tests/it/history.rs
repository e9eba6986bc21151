//! `GET …/timeline` and `GET …/sync-log`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::Account;
use world::gateway::HttpCall;

use crate::fixture::{COMPANY, Fixture, USER, assert_problem};

async fn assign(fixture: &Fixture, account: &Account, client: &str) -> String {
    fixture.advance(SignedDuration::from_secs(1));
    let target = format!("/instagram/accounts/{}", account.id);
    let change = HttpCall::patch(&target).json(&json!({"clientId": client}));
    let reply = fixture.ask(change).await;
    assert_eq!(reply.status, 200);
    reply.header("x-correlation-id").unwrap().to_owned()
}

#[tokio::test]
async fn list_timeline_tells_what_happened_newest_first_in_pages() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;
    let mut correlation_ids = Vec::new();
    for number in 1..=5 {
        correlation_ids.push(assign(&fixture, &account, &format!("client-{number}")).await);
    }
    let target = format!("/instagram/accounts/{}/timeline", account.id);
    let first = fixture.get_ok(&format!("{target}?limit=2")).await;
    let entries = first["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    let newest = json!({
        "at": fixture.now().to_string(),
        "event": "client_assigned",
        "sentence": "The account was assigned to the client `client-5`.",
        "by": USER,
        "correlationId": correlation_ids[4],
    });
    assert_eq!(entries[0], newest);

    // What happens meanwhile stands before the first page.
    assign(&fixture, &account, "client-6").await;
    let mut clients = Vec::new();
    let mut page = first;
    loop {
        for entry in page["entries"].as_array().unwrap() {
            clients.push(entry["sentence"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        page = fixture
            .get_ok(&format!("{target}?limit=2&cursor={cursor}"))
            .await;
    }
    let expected: Vec<String> = (1..=5)
        .rev()
        .map(|number| format!("The account was assigned to the client `client-{number}`."))
        .collect();
    assert_eq!(clients, expected);
    // A page that ends with the list has no successor.
    let whole = fixture.get_ok(&format!("{target}?limit=6")).await;
    assert_eq!(whole["entries"].as_array().unwrap().len(), 6);
    assert_eq!(whole["nextCursor"], Value::Null);
    fixture.finish().await;
}

#[tokio::test]
async fn list_sync_log_is_newest_first_in_pages() {
    let fixture = Fixture::start().await;
    let account = fixture.connect("shop").await;
    let target = format!("/instagram/accounts/{}", account.id);
    let mut times = Vec::new();
    for _ in 0..3 {
        fixture.advance(SignedDuration::from_secs(1));
        times.insert(0, fixture.now().to_string());
        assert_eq!(fixture.post(&format!("{target}/sync")).await.status, 200);
    }
    let first = fixture.get_ok(&format!("{target}/sync-log?limit=2")).await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = fixture
        .get_ok(&format!("{target}/sync-log?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second["nextCursor"], Value::Null);
    let entries = [&first, &second].map(|page| page["entries"].as_array().unwrap());
    let shown: Vec<&str> = entries
        .into_iter()
        .flatten()
        .map(|entry| entry["completedAt"].as_str().unwrap())
        .collect();
    assert_eq!(shown, times);
    // Both histories stand in one partition, and do not mix.
    let timeline = fixture.get_ok(&format!("{target}/timeline")).await;
    assert_eq!(timeline, json!({"entries": [], "nextCursor": null}));
    fixture.finish().await;
}

#[tokio::test]
async fn i04_list_timeline_takes_a_cursor_of_its_own_only() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;
    let other = fixture.insert(COMPANY, "museum", |_| {}).await;
    for client in ["one", "two"] {
        assign(&fixture, &account, client).await;
        assign(&fixture, &other, client).await;
    }
    let timeline = |account: &Account| format!("/instagram/accounts/{}/timeline", account.id);
    let first = fixture
        .get_ok(&format!("{}?limit=1", timeline(&account)))
        .await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let log = format!("/instagram/accounts/{}/sync-log", account.id);
    for target in [timeline(&other), log, "/instagram/accounts".into()] {
        let target = format!("{target}?limit=1&cursor={cursor}");
        assert_problem(&fixture.get(&target).await, 400, "invalid_cursor");
    }
    for (query, code) in [
        ("limit=0", "invalid_limit"),
        ("limit=x", "invalid_limit"),
        ("order=asc", "invalid_query"),
    ] {
        let target = format!("{}?{query}", timeline(&account));
        assert_problem(&fixture.get(&target).await, 400, code);
    }
    fixture.finish().await;
}
