//! Start, stop, start again.

use local::{Options, Stack};
use serde_json::json;
use world::gateway::HttpCall;

use crate::{accounts, connect, folder, get, send, start, state, token};

#[tokio::test]
async fn everything_answers_on_free_ports() {
    let stack = start(Options::on_free_ports(folder())).await;
    stack.check().await.unwrap();
    let webhook = world::browser::Browser::new()
        .open(&stack.webhook_url)
        .await
        .unwrap();
    assert_eq!(webhook.status, 403);
    assert_eq!(
        webhook.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(webhook.json()["code"], "webhook_not_verified");
    stack.stop().await;
}

#[tokio::test]
async fn accounts_tokens_and_time_survive_a_restart_and_fresh_forgets_them() {
    let folder = folder();
    let stack = start(Options::on_free_ports(&folder)).await;
    let id = connect(&stack, "ann.makes").await;
    let kept = token(&stack).await;
    let reply = send(
        &stack,
        HttpCall::post("/local/clock").json(&json!({"advance": "PT30M"})),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    stack.stop().await;

    let stack = start(Options::on_free_ports(&folder)).await;
    let call = HttpCall::get(&format!("/instagram/accounts/{id}"))
        .header("authorization", &format!("Bearer {kept}"));
    let account = send(&stack, call).await;
    assert_eq!(account.status, 200, "{}", account.text());
    let ahead = state(&stack).await["clockAheadSeconds"].as_i64().unwrap();
    assert!((1800..1860).contains(&ahead), "{ahead}");
    // The token in the vault still works at Instagram, and the schedules still fire.
    let sync = HttpCall::post(&format!("/instagram/accounts/{id}/sync"))
        .header("authorization", &format!("Bearer {kept}"));
    let synced = send(&stack, sync).await;
    assert_eq!(synced.status, 200, "{}", synced.text());
    let reply = send(
        &stack,
        HttpCall::post("/local/clock").json(&json!({"advance": "P1D"})),
    )
    .await;
    let fired = reply.json()["schedulesFired"].as_u64().unwrap();
    assert!(
        fired >= 24,
        "a sync, and an audit an hour: {}",
        reply.text()
    );
    stack.stop().await;

    let mut options = Options::on_free_ports(&folder);
    options.fresh = true;
    let stack = start(options).await;
    assert_eq!(accounts(&stack).await["total"], 0);
    assert_eq!(state(&stack).await["clockAheadSeconds"], 0);
    let call =
        HttpCall::get("/instagram/accounts").header("authorization", &format!("Bearer {kept}"));
    assert_eq!(
        send(&stack, call).await.status,
        401,
        "the key was forgotten too"
    );
    stack.stop().await;
}

#[tokio::test]
async fn fresh_removes_only_what_a_stack_puts_there() {
    let folder = folder();
    std::fs::create_dir_all(folder.join("photos")).unwrap();
    std::fs::write(folder.join("thesis.txt"), "four years").unwrap();
    let mut options = Options::on_free_ports(&folder);
    options.fresh = true;
    start(options).await.stop().await;
    assert!(folder.join("photos").exists());
    assert_eq!(
        std::fs::read_to_string(folder.join("thesis.txt")).unwrap(),
        "four years"
    );
}

#[tokio::test]
async fn a_taken_port_and_a_taken_folder_are_clear_errors() {
    let folder = folder();
    let stack = start(Options::on_free_ports(&folder)).await;
    let port = |url: &str| -> u16 { url.rsplit_once(':').unwrap().1.parse().unwrap() };
    let instagram = port(stack.instagram_url.as_deref().unwrap());
    let api = port(&stack.api_url);
    let fails = async |change: &dyn Fn(&mut Options)| {
        let mut options = Options::on_free_ports(crate::folder());
        change(&mut options);
        match Stack::start(options).await {
            Ok(_) => panic!("it started"),
            Err(error) => error.to_string(),
        }
    };
    let error = fails(&|options| options.api_port = api).await;
    assert!(
        error.contains(&format!("port {api} for the API is taken")),
        "{error}"
    );
    assert!(error.contains("--api-port or LOCAL_API_PORT"), "{error}");
    let error = fails(&|options| options.webhook_port = api).await;
    assert!(
        error.contains("--webhook-port or LOCAL_WEBHOOK_PORT"),
        "{error}"
    );
    let error = fails(&|options| options.instagram_port = instagram).await;
    assert!(
        error.contains("--instagram-port or LOCAL_INSTAGRAM_PORT"),
        "{error}"
    );
    let error = fails(&|options| options.state = folder.clone()).await;
    assert!(
        error.contains("another local stack uses the state folder"),
        "{error}"
    );
    assert_eq!(get(&stack, "/health").await.status, 200);
    stack.stop().await;
}

#[tokio::test]
async fn a_setting_that_no_function_takes_is_a_clear_error() {
    let mut options = Options::on_free_ports(folder());
    options
        .variables
        .insert("VAULT_PAGE_SIZE".into(), "0".into());
    let error = match Stack::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("VAULT_PAGE_SIZE"), "{error}");
}

#[tokio::test]
async fn no_secret_is_in_the_log_file() {
    let folder = folder();
    let stack = start(Options::on_free_ports(&folder)).await;
    connect(&stack, "city.museum").await;
    let secrets = stack.instagram().unwrap().secrets_in_play();
    let token = token(&stack).await;
    stack.stop().await;
    let log = std::fs::read_to_string(folder.join("log.jsonl")).unwrap();
    assert!(log.contains("\"event\":\"request\""), "{log}");
    for secret in secrets.iter().chain([&token]) {
        assert!(!log.contains(secret.as_str()), "a secret is in the log");
    }
}
