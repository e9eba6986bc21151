//! The local stack from outside: over HTTP, and as the program that a newcomer starts.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps nothing")]

mod activity;
mod callers;
mod page;
mod program;
mod survival;
mod time;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use local::{Options, Stack};
use serde_json::Value;
use world::browser::Browser;
use world::gateway::{HttpCall, Reply};

/// A folder of this test's own, empty.
fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("local-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

async fn start(options: Options) -> Stack {
    Stack::start(options)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn send(stack: &Stack, call: HttpCall) -> Reply {
    Browser::new().send(&stack.api_url, &call).await.unwrap()
}

async fn get(stack: &Stack, target: &str) -> Reply {
    send(stack, HttpCall::get(target)).await
}

async fn token(stack: &Stack) -> String {
    let reply = get(stack, "/local/token?user=ann&company=acme&role=admin").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn state(stack: &Stack) -> Value {
    get(stack, "/local/state").await.json()
}

/// Connects an account of the simulated Instagram for Ann of acme, and returns its id.
async fn connect(stack: &Stack, username: &str) -> String {
    let browser = Browser::new();
    let call = HttpCall::get("/instagram/connect")
        .header("sec-fetch-site", "same-origin")
        .header("authorization", &format!("Bearer {}", token(stack).await));
    let answer = browser.send(&stack.api_url, &call).await.unwrap().json();
    let url = format!("{}&_sim_as={username}", answer["url"].as_str().unwrap());
    let back = browser.open(&url).await.unwrap();
    let location = back.header("location").unwrap().split('#').next().unwrap();
    let page = browser.open(location).await.unwrap().text();
    let account = page.split("data-account=\"").nth(1).unwrap();
    account.split('"').next().unwrap().to_owned()
}

async fn accounts(stack: &Stack) -> Value {
    let call = HttpCall::get("/instagram/accounts")
        .header("authorization", &format!("Bearer {}", token(stack).await));
    send(stack, call).await.json()
}
