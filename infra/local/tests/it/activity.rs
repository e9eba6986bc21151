//! The bus of the local stack: what the start page shows, and the file.

use std::collections::HashSet;

use instagram_sim::Happening;
use local::Options;
use serde_json::Value;
use world::gateway::HttpCall;

use crate::{connect, folder, get, send, start, token};

async fn told(stack: &local::Stack, company: &str, how_many: usize) -> Vec<Value> {
    // The background's loop takes what is on the bus a few times a second.
    loop {
        let reply = get(stack, &format!("/local/activity?company={company}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let events = reply.json()["events"].as_array().unwrap().clone();
        let mut events = once(events.into_iter().rev());
        events.reverse();
        if events.len() >= how_many {
            return events;
        }
        tokio::task::yield_now().await;
    }
}

/// Each announcement once, from the oldest on: the audit at the start may send what a request is just sending.
fn once(events: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    let is_new = |event: &Value| seen.insert(event["detail"]["id"].as_str().unwrap().to_owned());
    events.filter(is_new).collect()
}

#[tokio::test]
async fn what_is_put_on_the_bus_is_shown_kept_and_survives_a_restart() {
    let folder = folder();
    let stack = start(Options::on_free_ports(&folder)).await;
    let id = connect(&stack, "ann.makes").await;
    let disconnect = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .header("authorization", &format!("Bearer {}", token(&stack).await));
    assert_eq!(send(&stack, disconnect).await.status, 200);
    let events = told(&stack, "acme", 2).await;
    assert_eq!(
        [&events[0]["detail-type"], &events[1]["detail-type"]],
        [
            "instagram.account.disconnected",
            "instagram.account.connected"
        ]
    );
    assert_eq!(events[0]["detail"]["accountId"], id.as_str());
    assert!(told(&stack, "globex", 0).await.is_empty());
    assert_eq!(get(&stack, "/local/activity").await.status, 400);
    stack.stop().await;

    let file = std::fs::read_to_string(folder.join("events.jsonl")).unwrap();
    let lines = file.lines().map(|line| serde_json::from_str(line).unwrap());
    assert_eq!(once(lines), [events[1].clone(), events[0].clone()]);
    let stack = start(Options::on_free_ports(&folder)).await;
    assert_eq!(told(&stack, "acme", 2).await, events);
    stack.stop().await;

    let mut fresh = Options::on_free_ports(&folder);
    fresh.fresh = true;
    let stack = start(fresh).await;
    assert!(told(&stack, "acme", 0).await.is_empty());
    stack.stop().await;
}

#[tokio::test]
async fn what_happens_on_the_simulated_instagram_is_shown_and_is_no_words() {
    let stack = start(Options::on_free_ports(folder())).await;
    let id = connect(&stack, "ann.makes").await;
    let instagram = stack.instagram().unwrap();
    instagram.let_happen("ann.makes", Happening::comment("Is there rye?"));
    let events = told(&stack, "acme", 2).await;
    assert_eq!(events[0]["detail-type"], "instagram.comment.created");
    assert_eq!(events[0]["detail"]["accountId"], id.as_str());
    assert_eq!(events[0]["detail"]["event"]["kind"], "comment");
    assert!(!events[0].to_string().contains("rye"));
    stack.stop().await;
}
