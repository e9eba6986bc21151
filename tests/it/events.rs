//! The sample events of `events/`: each goes through the function that it is for, in a world.
//!
//! A sample names an account, a code and a state that do not exist, and says so by their names. Each test therefore
//! sends it twice: as it stands, which is refused or left alone, and with the ids of its own world in their place.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that finds a surprise fails its test"
)]

use jiff::SignedDuration;
use serde_json::Value;
use shared::account::Status;
use shared::lambda::Function;
use shared::post::State;
use world::gateway::{self, HttpCall, Reply};
use world::{Decision, World};

/// What stands in the samples where a world has its own.
const ACCOUNT: &str = "00000000-0000-4000-8000-00000000acc0";
const POST: &str = "00000000-0000-4000-8000-000000000b05";
const CODE: &str = "example-code";
const STATE: &str = "example-state";
const COOKIE: &str = "example-cookie";

/// What binds a login to its browser.
const COOKIE_NAME: &str = "__Host-instagram_connect";

/// Somebody whom the simulated Instagram knows.
const USERNAME: &str = "corner.bakery";

fn folder() -> String {
    format!("{}/../events", env!("CARGO_MANIFEST_DIR"))
}

fn sample(name: &str) -> String {
    let path = format!("{}/{name}.json", folder());
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn connect_function(world: &World) -> Function {
    Function::new(world.app("connect")).with_routes(connect::routes())
}

fn callback_function(world: &World) -> Function {
    Function::new(world.app("callback")).with_routes(callback::routes())
}

fn accounts_function(world: &World) -> Function {
    Function::new(world.app("accounts")).with_routes(accounts::routes())
}

fn refresh_function(world: &World) -> Function {
    Function::new(world.app("refresh"))
        .with_routes(refresh::routes())
        .with_tasks(refresh::handle)
}

/// The function's answer, after a look that no secret stands in it or anywhere else.
async fn send(world: &World, function: &Function, event: &str) -> Reply {
    let reply = gateway::invoke(function, event.to_owned(), world.clock.milliseconds())
        .await
        .unwrap();
    world.assert_no_canary_anywhere(&[reply.everything()]).await;
    reply
}

/// What the sample's login leaves with a browser: Instagram's code, the state, and the cookie.
struct Back {
    code: String,
    state: String,
    cookie: String,
}

impl Back {
    /// The sample with what this login has instead of its examples.
    fn put_into(&self, event: &str) -> String {
        event
            .replace(CODE, &self.code)
            .replace(STATE, &self.state)
            .replace(COOKIE, &self.cookie)
    }
}

async fn back_from_instagram(world: &World) -> Back {
    let started = send(
        world,
        &connect_function(world),
        &sample("connect-start-login"),
    )
    .await;
    let cookie = started
        .cookie(COOKIE_NAME)
        .unwrap()
        .split('=')
        .nth(1)
        .unwrap()
        .to_owned();
    let address = started.json()["url"].as_str().unwrap().to_owned();
    let back = world.consent(&address, USERNAME, Decision::Allow).await;
    let parameter = |wanted: &str| {
        back.query_pairs()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
            .unwrap()
    };
    Back {
        code: parameter("code"),
        state: parameter("state"),
        cookie,
    }
}

/// The first sync has been delivered, with the steps that follow it (one for media, six for 90 days and their end, one for
/// stories), and nothing else was waiting.
async fn finish_first_sync(world: &World) {
    let turned = world
        .advance(SignedDuration::from_mins(2), &refresh_function(world))
        .await;
    assert_eq!(turned.delivered, 9);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

/// The id of an account that was connected by the samples, with nothing left on the queue.
async fn connected_account(world: &World) -> String {
    let event = back_from_instagram(world)
        .await
        .put_into(&sample("callback-exchange-code"));
    let reply = send(world, &callback_function(world), &event).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    finish_first_sync(world).await;
    reply.json()["account"]["id"].as_str().unwrap().to_owned()
}

fn assert_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, &reply.json()["code"]),
        (status, &Value::from(code))
    );
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.json()["correlationId"], "example-request-0001");
}

fn assert_is_the_account(account: &Value, id: &str) {
    assert_eq!(account["id"], id);
    assert_eq!(account["username"], USERNAME);
    for secret in ["company", "tokenPage", "tokenGeneration", "version"] {
        assert_eq!(account.get(secret), None, "{secret}");
    }
}

#[tokio::test]
async fn connect_start_login() {
    let world = World::start().await;
    let reply = send(
        &world,
        &connect_function(&world),
        &sample("connect-start-login"),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let state = answer["state"].as_str().unwrap();
    assert_eq!(state.len(), 43);
    assert!(
        answer["url"]
            .as_str()
            .unwrap()
            .starts_with(&world.instagram.url())
    );
    assert!(answer["url"].as_str().unwrap().contains(state));
    assert_eq!(answer["redirectUri"], world::REDIRECT_URI);
    assert_eq!(answer["clientId"], world::INSTAGRAM_APP_ID);
    assert_eq!(answer["scopes"].as_array().unwrap().len(), 5);
    assert_eq!(answer["expiresAt"], "2026-11-21T10:30:00Z");
    assert!(reply.cookie(COOKIE_NAME).is_some());
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn callback_finish_login() {
    let world = World::start().await;
    let function = callback_function(&world);
    let event = sample("callback-finish-login");
    let refused = send(&world, &function, &event).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text().contains("data-code=\"invalid_state\""),
        "{}",
        refused.text()
    );

    let event = back_from_instagram(&world).await.put_into(&event);
    let reply = send(&world, &function, &event).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        reply.text().contains("data-outcome=\"connected\""),
        "{}",
        reply.text()
    );
    assert!(reply.text().contains("@corner.bakery"), "{}", reply.text());

    finish_first_sync(&world).await;
}

#[tokio::test]
async fn callback_exchange_code() {
    let world = World::start().await;
    let function = callback_function(&world);
    let event = sample("callback-exchange-code");
    assert_problem(&send(&world, &function, &event).await, 400, "invalid_state");

    let event = back_from_instagram(&world).await.put_into(&event);
    let reply = send(&world, &function, &event).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["outcome"], "connected");
    assert_is_the_account(
        &answer["account"],
        answer["account"]["id"].as_str().unwrap(),
    );
    assert_eq!(answer["account"]["status"], "active");
    assert_eq!(answer["account"]["tokenStatus"], "valid");

    finish_first_sync(&world).await;
}

#[tokio::test]
async fn accounts_list_accounts() {
    let world = World::start().await;
    let event = sample("accounts-list-accounts");
    let function = accounts_function(&world);
    let empty = send(&world, &function, &event).await;
    assert_eq!(empty.status, 200);
    assert_eq!(
        empty.json(),
        serde_json::json!({"accounts": [], "total": 0, "nextCursor": null})
    );

    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event).await;
    assert_eq!(
        (reply.status, &reply.json()["total"]),
        (200, &Value::from(1))
    );
    assert_is_the_account(&reply.json()["accounts"][0], &id);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn accounts_get_account() {
    let world = World::start().await;
    let event = sample("accounts-get-account");
    let function = accounts_function(&world);
    assert_problem(
        &send(&world, &function, &event).await,
        404,
        "account_not_found",
    );

    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_is_the_account(&reply.json(), &id);
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn accounts_update_account() {
    let world = World::start().await;
    let event = sample("accounts-update-account");
    let function = accounts_function(&world);
    assert_problem(
        &send(&world, &function, &event).await,
        404,
        "account_not_found",
    );

    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_is_the_account(&reply.json(), &id);
    assert_eq!(reply.json()["displayName"], "Example name");
    assert_eq!(reply.json()["clientId"], "example-client");
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn accounts_disconnect_account() {
    let world = World::start().await;
    let event = sample("accounts-disconnect-account");
    let function = accounts_function(&world);
    assert_problem(
        &send(&world, &function, &event).await,
        404,
        "account_not_found",
    );

    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_is_the_account(&reply.json(), &id);
    assert_eq!(reply.json()["status"], "disconnected");
    assert_eq!(reply.json()["tokenStatus"], "revoked");
    assert_eq!(reply.json()["statusReason"]["code"], "disconnected_by_user");
    assert_eq!(world.leftovers().await, Vec::<String>::new());
}

#[tokio::test]
async fn accounts_get_health() {
    let world = World::start().await;
    let reply = send(
        &world,
        &accounts_function(&world),
        &sample("accounts-get-health"),
    )
    .await;
    assert_eq!(
        (reply.status, &reply.json()["status"]),
        (200, &Value::from("ok"))
    );
}

#[tokio::test]
async fn refresh_account_tasks() {
    let world = World::start().await;
    let function = refresh_function(&world);
    let event = sample("refresh-account-tasks");
    let none_failed = r#"{"batchItemFailures":[]}"#;
    let send_batch = async |event: String| {
        gateway::invoke_raw(&function, &event, world.clock.milliseconds())
            .await
            .unwrap()
            .get()
            .to_owned()
    };
    // The account does not exist: whatever sent the tasks outlived it, and nothing is to be done.
    assert_eq!(send_batch(event.clone()).await, none_failed);
    assert_eq!(world.instagram.calls().len(), 0);

    let id = connected_account(&world).await;
    // 55 of the token's 60 days have passed: the second task has something to refresh.
    world.clock.advance(SignedDuration::from_hours(55 * 24));
    assert_eq!(send_batch(event.replace(ACCOUNT, &id)).await, none_failed);
    let account = world
        .app("refresh")
        .table
        .account(&id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.status, Status::Active);
    assert_eq!(account.last_sync_at, Some(world.now()));
    assert_eq!(account.last_token_refresh_at, Some(world.now()));
    assert_eq!(account.token_generation, 2);
    let table = &world.app("refresh").table;
    let audited_at = table.audited_at(world.now()).await.unwrap();
    assert_eq!(audited_at, Some(world.now()));
}

fn publish_function(world: &World) -> Function {
    Function::new(world.app("publish"))
        .with_routes(publish::routes())
        .with_tasks(publish::handle)
}

#[tokio::test]
async fn publish_create_post() {
    let world = World::start().await;
    let function = publish_function(&world);
    let event = sample("publish-create-post");
    let reply = send(&world, &function, &event).await;
    assert_eq!(reply.status, 404, "{}", reply.text());

    let id = connected_account(&world).await;
    let picture = format!("{}/_sim/media/square.jpg", world.instagram.url());
    let event = event
        .replace(ACCOUNT, &id)
        .replace("https://media.example.com/bread.jpg", &picture);
    let reply = send(&world, &function, &event).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["state"], "scheduled");
}

#[tokio::test]
async fn publish_post_tasks() {
    let world = World::start().await;
    let function = publish_function(&world);
    let event = sample("publish-post-tasks");
    let none_failed = r#"{"batchItemFailures":[]}"#;
    let send_batch = async |event: String| {
        gateway::invoke_raw(&function, &event, world.clock.milliseconds())
            .await
            .unwrap()
            .get()
            .to_owned()
    };
    // There is no such post: whatever sent the task outlived it.
    assert_eq!(send_batch(event.clone()).await, none_failed);
    assert_eq!(world.instagram.calls().len(), 0);

    let id = connected_account(&world).await;
    let picture = format!("{}/_sim/media/square.jpg", world.instagram.url());
    let create = sample("publish-create-post")
        .replace(ACCOUNT, &id)
        .replace("https://media.example.com/bread.jpg", &picture);
    let created = send(&world, &function, &create).await.json();
    let post = created["id"].as_str().unwrap();
    let event = event.replace(ACCOUNT, &id).replace(POST, post);
    assert_eq!(send_batch(event).await, none_failed);
    let record = world.app("publish").table.post(&id, post).await.unwrap();
    assert_eq!(record.unwrap().state, State::Preparing);
}

#[tokio::test]
async fn refresh_refresh_account() {
    let world = World::start().await;
    let function = refresh_function(&world);
    let event = sample("refresh-refresh-account");
    let reply = send(&world, &function, &event).await;
    assert_problem(&reply, 404, "account_not_found");
    let id = connected_account(&world).await;
    world.clock.advance(SignedDuration::from_hours(25));
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_is_the_account(&reply.json(), &id);
    assert_eq!(
        reply.json()["lastTokenRefreshAt"],
        Value::from(world.now().to_string())
    );
}

#[tokio::test]
async fn refresh_get_coverage() {
    let world = World::start().await;
    connected_account(&world).await;
    let function = refresh_function(&world);
    let reply = send(&world, &function, &sample("refresh-get-coverage")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["connected"], 1);
    assert_eq!(reply.json()["scheduled"], 1);
}

fn webhooks_function(world: &World) -> Function {
    Function::new(world.app("webhooks"))
        .with_routes(webhooks::all_routes())
        .with_tasks(webhooks::handle)
}

/// Instagram's id of the account of the samples.
const INSTAGRAM_ID: &str = "17841400000000001";

async fn instagram_id_of(world: &World, id: &str) -> String {
    let account = world.app("webhooks").table.account(id).await.unwrap();
    account.unwrap().platform_account_id
}

#[tokio::test]
async fn webhooks_receive_delivery() {
    let world = World::start().await;
    let function = webhooks_function(&world);
    let event = sample("webhooks-receive-delivery");
    assert_problem(
        &send(&world, &function, &event).await,
        401,
        "invalid_signature",
    );
    assert_eq!(world.leftovers().await, Vec::<String>::new());

    let text: Value = serde_json::from_str(&event).unwrap();
    let body = text["body"].as_str().unwrap();
    let signed = HttpCall::post("/")
        .body(body)
        .signed(world::INSTAGRAM_APP_SECRET);
    let (_, signature) = &signed.headers[0];
    let event = event.replace("sha256=example-signature", signature);
    let reply = send(&world, &function, &event).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(world.aws.messages("events").len(), 1);
}

#[tokio::test]
async fn webhooks_event_tasks() {
    let world = World::start().await;
    let function = webhooks_function(&world);
    let event = sample("webhooks-event-tasks");
    let none_failed = r#"{"batchItemFailures":[]}"#;
    let send_batch = async |event: String| {
        gateway::invoke_raw(&function, &event, world.clock.milliseconds())
            .await
            .unwrap()
            .get()
            .to_owned()
    };
    // An event of nobody.
    assert_eq!(send_batch(event.clone()).await, none_failed);

    let id = connected_account(&world).await;
    let instagram_id = instagram_id_of(&world, &id).await;
    let event = event.replace(INSTAGRAM_ID, &instagram_id);
    assert_eq!(send_batch(event).await, none_failed);
    let table = world.app("webhooks").table.clone();
    let comment = table.comment(&id, "17870000000000001").await;
    let comment = comment.unwrap().unwrap();
    assert_eq!(comment.text.as_deref(), Some("Is it still warm?"));
}

#[tokio::test]
async fn webhooks_list_events() {
    let world = World::start().await;
    let function = webhooks_function(&world);
    let event = sample("webhooks-list-events");
    assert_problem(
        &send(&world, &function, &event).await,
        404,
        "account_not_found",
    );
    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["events"], serde_json::json!([]));
}

#[tokio::test]
async fn media_lists_the_media_of_the_account_in_the_path() {
    let world = World::start().await;
    let function = Function::new(world.app("media")).with_routes(media::routes());
    let event = sample("media-list-media");
    assert_problem(
        &send(&world, &function, &event).await,
        404,
        "account_not_found",
    );
    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["media"], serde_json::json!([]));
}

#[tokio::test]
async fn insights_shows_the_figures_that_the_query_names() {
    let world = World::start().await;
    let function = Function::new(world.app("insights")).with_routes(insights::routes());
    let event = sample("insights-get-insights");
    assert_problem(
        &send(&world, &function, &event).await,
        404,
        "account_not_found",
    );
    let id = connected_account(&world).await;
    let reply = send(&world, &function, &event.replace(ACCOUNT, &id)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let series = reply.json()["series"].as_array().unwrap().clone();
    let names: Vec<_> = series.iter().map(|one| one["metric"].clone()).collect();
    assert_eq!(names, ["reach", "views"]);
}

#[test]
fn every_sample_is_used_by_a_test_and_every_function_has_one() {
    let source = include_str!("events.rs");
    let mut functions = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let stem = name
            .strip_suffix(".json")
            .unwrap_or_else(|| panic!("{name} is no sample"));
        assert!(
            source.contains(&format!("sample(\"{stem}\")")),
            "no test uses events/{name}"
        );
        functions.extend(stem.split('-').next().map(str::to_owned));
    }
    let built = crate::structure::function_names();
    assert_eq!(functions, built.into_iter().collect());
}
