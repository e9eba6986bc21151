//! The clock: one for functions, schedules, queues and Instagram.

use jiff::Timestamp;
use local::Options;
use serde_json::{Value, json};
use world::gateway::HttpCall;

use crate::{accounts, connect, folder, send, start, state, token};

async fn turn(stack: &local::Stack, advance: &str) -> (u16, Value) {
    let call = HttpCall::post("/local/clock").json(&json!({"advance": advance}));
    let reply = send(stack, call).await;
    (reply.status, reply.json())
}

fn now(state: &Value) -> Timestamp {
    state["now"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn thirty_days_pass_in_a_moment_and_their_work_is_done() {
    let stack = start(Options::on_free_ports(folder())).await;
    let id = connect(&stack, "corner.bakery").await;
    let before = state(&stack).await;
    let (status, turned) = turn(&stack, "P30D").await;
    assert_eq!(status, 200, "{turned}");
    let fired = turned["schedulesFired"].as_u64().unwrap();
    assert!(
        fired >= 30 * 25 - 1,
        "a sync a day, an audit an hour: {turned}"
    );
    let after = state(&stack).await;
    let days = now(&after).duration_since(now(&before)).as_hours() / 24;
    assert_eq!(days, 30);
    let list = accounts(&stack).await;
    assert_eq!(list["accounts"][0]["id"], id);
    let last_sync: Timestamp = list["accounts"][0]["lastSyncAt"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        now(&after).duration_since(last_sync).as_hours() <= 24,
        "{list}"
    );
    assert_eq!(after["deadLetters"], json!([]));
    stack.stop().await;
}

#[tokio::test]
async fn with_each_week_the_cafe_deletes_two_posts_and_the_sync_marks_them_as_gone() {
    let stack = start(Options::on_free_ports(folder())).await;
    let id = connect(&stack, "harbor.cafe").await;
    // What is deleted before the first sync was never there.
    turn(&stack, "PT5M").await;
    turn(&stack, "P15D").await;
    // What is old is looked for once a week.
    turn(&stack, "P8D").await;
    let mut gone = 0;
    let mut cursor = String::new();
    loop {
        let path = format!("/instagram/accounts/{id}/media?source=stored&limit=100{cursor}");
        let bearer = format!("Bearer {}", token(&stack).await);
        let page = send(
            &stack,
            HttpCall::get(&path).header("authorization", &bearer),
        )
        .await;
        let page = page.json();
        let media = page["media"].as_array().expect("a page");
        gone += media
            .iter()
            .filter(|media| media["goneAt"].is_string())
            .count();
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert!((4..=8).contains(&gone), "{gone} of two or three weeks");
    stack.stop().await;
}

#[tokio::test]
async fn a_clock_is_turned_only_forward_and_only_by_a_duration() {
    let stack = start(Options::on_free_ports(folder())).await;
    for advance in ["-P1D", "P3Y", "tomorrow", ""] {
        let (status, answer) = turn(&stack, advance).await;
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("invalid_body")),
            "{advance}: {answer}"
        );
    }
    let form = HttpCall::post("/local/clock")
        .body(r#"{"advance":"P1D"}"#)
        .header("content-type", "text/plain");
    assert_eq!(send(&stack, form).await.status, 415);
    stack.stop().await;
}
