//! Deauthorize, data deletion, its page and the purge: from Meta's call to what is left.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use instagram_sim::{Happening, HappeningKind, Person, signed_request};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::account::{Account, Status};
use shared::lambda::{Context, Function};
use shared::secret::Secret;
use shared::table::Transaction;
use shared::table::claims::instagram_ids;
use shared::table::deletions::{Deletion, State, key_hash};
use shared::table::event_pieces::LARGEST_WHOLE;
use shared::table::keys::{Item, Key};
use shared::tasks::Message;
use world::delivery::Workers;
use world::gateway::{HttpCall, Reply, api_gateway_event};
use world::resources::{APP_SECRET, EVENT_QUEUE, TABLE};
use world::{CURSOR_KEY, INSTAGRAM_APP_SECRET, META_APP_SECRET, access_key_id};

use crate::crash::{ended_after, held_after};
use crate::journey::{ANN, BOB, Caller, Journey};
use crate::posts::{self, body, created, with_account};
use crate::tasks::batch;

const MARKER: &str = "marker-0815-of-a-person";
const QUARTER: SignedDuration = SignedDuration::from_mins(16);

fn form(path: &str, signed: &str) -> HttpCall {
    HttpCall::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("signed_request={signed}"))
}

async fn deauthorize(journey: &Journey, user_id: &str, issued_at: Timestamp) -> Reply {
    let signed = signed_request(INSTAGRAM_APP_SECRET, user_id, issued_at.as_second());
    journey.call_url(form("/deauthorize", &signed)).await
}

async fn request_deletion(journey: &Journey, user_id: &str, issued_at: Timestamp) -> String {
    let signed = signed_request(META_APP_SECRET, user_id, issued_at.as_second());
    let reply = journey.call_url(form("/data-deletion", &signed)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let answer = reply.json();
    let code = answer["confirmation_code"]
        .as_str()
        .expect("it is there")
        .to_owned();
    let url = answer["url"].as_str().expect("it is there");
    assert!(url.starts_with("https://"), "{url}");
    assert!(url.ends_with(&format!("/data-deletion/{code}")), "{url}");
    code
}

async fn page(journey: &Journey, code: &str) -> Reply {
    let call = HttpCall::get(&format!("/data-deletion/{code}"));
    journey.call_url(call).await
}

async fn record(journey: &Journey, id: &str) -> Option<Account> {
    journey
        .world
        .cold("test")
        .table
        .account(id)
        .await
        .expect("it is there")
}

async fn timeline(journey: &Journey, account: &str) -> Vec<String> {
    let app = journey.world.app("test");
    let now = journey.world.now();
    let entries = app
        .table
        .timeline(account, 50, None, now)
        .await
        .expect("it is there");
    let events = entries.entries.into_iter();
    events.map(|entry| entry.event).collect()
}

async fn items(journey: &Journey) -> Vec<Item> {
    let scan = journey.world.clients.dynamodb.scan().table_name(TABLE);
    let output = scan
        .consistent_read(true)
        .send()
        .await
        .expect("it is there");
    assert!(output.last_evaluated_key().is_none());
    output.items.unwrap_or_default()
}

fn assert_token_is_gone(journey: &Journey, id: &str) {
    for secret in journey.world.aws.secrets() {
        let text = journey
            .world
            .aws
            .secret_value(&secret.name, None)
            .expect("it is there");
        assert!(!text.contains(id), "{}", secret.name);
    }
}

#[tokio::test]
async fn f01_deauthorize_ends_the_connection_whichever_id_and_secret() {
    let journey = Journey::start().await;
    for (number, secret) in [INSTAGRAM_APP_SECRET, META_APP_SECRET].iter().enumerate() {
        let username = format!("leaver.{number}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let id = journey.connected(ANN, &username).await;
        journey.settle().await;
        let before = record(&journey, &id).await.unwrap();
        let user_id = [&before.platform_account_id, &before.app_scoped_id][number];
        let issued_at = journey.world.now().as_second();
        let signed = signed_request(secret, user_id, issued_at);
        for _ in 0..2 {
            let reply = journey.call_url(form("/deauthorize", &signed)).await;
            assert_eq!((reply.status, reply.text().as_str()), (200, ""));
            journey.world.drain(journey.workers()).await;
        }
        let after = record(&journey, &id).await.unwrap();
        assert_eq!(after.status, Status::Revoked);
        assert_eq!(after.status_reason.unwrap().code, "app_removed");
        assert_eq!(after.deauthorized_at.unwrap().as_second(), issued_at);
        assert_eq!(
            after.connection_generation,
            before.connection_generation + 1
        );
        assert!(after.token_page.is_none());
        assert_token_is_gone(&journey, &id);
        assert_eq!(timeline(&journey, &id).await[0], "deauthorized");
        // The person comes back, to another company.
        let elsewhere = journey.connected(BOB, &username).await;
        assert_ne!(elsewhere, id);
    }
    journey.finish().await;
}

#[tokio::test]
async fn f07_a_replay_after_a_new_connection_does_nothing() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let user_id = record(&journey, &id).await.unwrap().app_scoped_id;
    journey.settle().await;
    let issued_at = journey.world.now();
    deauthorize(&journey, &user_id, issued_at).await;
    journey.advance(SignedDuration::from_mins(5)).await;
    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    let connected = record(&journey, &id).await.unwrap();

    assert_eq!(deauthorize(&journey, &user_id, issued_at).await.status, 200);
    let code = request_deletion(&journey, &user_id, issued_at).await;
    journey.advance(QUARTER).await;
    let after = record(&journey, &id).await.unwrap();
    assert_eq!(after.status, Status::Active);
    assert_eq!(after.connection_generation, connected.connection_generation);
    let text = page(&journey, &code).await.text();
    assert!(text.contains("The account was connected again"), "{text}");
    let unknown = request_deletion(&journey, "17841400000099999", issued_at).await;
    journey.advance(QUARTER).await;
    let text = page(&journey, &unknown).await.text();
    assert!(text.contains("There was nothing to delete"), "{text}");
    journey.finish().await;
}

/// At every third wait of an erasure, somebody connects the account again, and only then the erasure goes on.
async fn connected_again_during_an_erasure(asked_by_person: bool) {
    let journey = Journey::start().await;
    let (mut held, mut kept) = (0, 0);
    loop {
        let username = format!("returner.{held}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let id = journey.connected(ANN, &username).await;
        journey.settle().await;
        let app = journey.world.cold("test");
        let now = journey.world.now();
        let code = format!("00000000-0000-4000-8000-{held:012}");
        let deletion = if asked_by_person {
            let mut deletion = Deletion::of_person(code, String::new(), now, now);
            deletion.start([id.clone()].into(), 0, now);
            deletion
        } else {
            Deletion::of_company(code, &id, now)
        };
        app.table
            .add_deletion(&deletion)
            .await
            .expect("the deletion is kept");
        let task = shared::deletion::erase_task(&id, &deletion.code, &[]);
        let event = batch(&[Message::of_schedule(task).to_body()]);
        let sandbox = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
        let mut context = Context::default();
        context.deadline =
            u64::try_from(journey.world.clock.milliseconds() + 30_000).expect("after 1970");
        let mut erasure = Box::pin(sandbox.invoke(&event, context));
        let ended = held_after(held, &mut erasure).await.is_some();
        journey.world.clock.advance(SignedDuration::from_secs(2));
        let back = journey.connected(ANN, &username).await;
        if !ended {
            erasure.await.expect("no step fails");
        }
        journey.advance(QUARTER * 2).await;
        // Every token in the vault is a connected account's.
        journey.assert_consistent(&[ANN.company]).await;
        let after = record(&journey, &back).await;
        if asked_by_person || back != id {
            let after = after.unwrap_or_else(|| panic!("erased at {held}"));
            assert_eq!(after.status, Status::Active, "{held}");
        } else {
            assert_eq!(after, None, "{held}");
        }
        kept += usize::from(back == id);
        let table = &journey.world.cold("test").table;
        let deletion = table
            .deletion(&deletion.code)
            .await
            .expect("an answer")
            .expect("it is kept");
        assert_eq!(deletion.state, State::Done);
        let is_left = asked_by_person && back == id;
        assert_eq!(
            (deletion.found, deletion.left),
            (usize::from(!is_left), usize::from(is_left))
        );
        if ended {
            break;
        }
        held += 3;
    }
    assert!(kept > 5, "{kept} came back before the record had gone");
    journey.finish().await;
}

#[tokio::test]
async fn f07_whoever_comes_back_during_the_erasure_stays() {
    connected_again_during_an_erasure(true).await;
}

#[tokio::test]
async fn f07_a_purge_ends_a_connection_that_is_made_meanwhile_as_well() {
    connected_again_during_an_erasure(false).await;
}

/// E18: an event that is handled while its account is deleted leaves nothing that no later deletion could find.
#[tokio::test]
async fn j08_delete_leaves_nothing_of_an_event_that_is_handled_meanwhile() {
    let journey = Journey::start().await;
    let mut held = 0;
    loop {
        let username = format!("chatty.{held}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let id = journey.connected(ANN, &username).await;
        journey.settle().await;
        let account = record(&journey, &id).await.unwrap();
        journey
            .world
            .instagram
            .let_happen(&username, Happening::message(MARKER));
        let receiver_only = Workers {
            events: None,
            ..journey.workers()
        };
        journey
            .world
            .advance(SignedDuration::from_secs(10), receiver_only)
            .await;
        let events = journey.world.aws.messages(EVENT_QUEUE);
        assert!(!events.is_empty());
        let event = batch(&events);
        let sandbox = Function::new(journey.world.cold("webhooks")).with_tasks(webhooks::handle);
        let mut context = Context::default();
        context.deadline = u64::try_from(journey.world.clock.milliseconds() + 30_000).unwrap();
        let mut worker = Box::pin(sandbox.invoke(&event, context));
        let ended = held_after(held, &mut worker).await.is_some();
        let call = HttpCall::delete(&format!("/instagram/accounts/{id}"));
        let call = call.as_user(ANN.user, ANN.company, "editor");
        assert_eq!(journey.call(&journey.accounts, call).await.status, 204);
        if !ended {
            worker.await.unwrap();
        }
        journey.advance(QUARTER).await;
        let everything = journey.world.aws.everything_but_secrets().await;
        for trace in [
            MARKER,
            &id,
            &account.platform_account_id,
            &account.app_scoped_id,
        ] {
            let left = everything.lines().find(|line| line.contains(trace));
            assert_eq!(left, None, "{trace} is left at {held}");
        }
        if ended {
            break;
        }
        held += 2;
    }
    assert!(held > 10, "a worker waits more often than {held} times");
    journey.finish().await;
}

#[tokio::test]
async fn a_delete_that_a_request_cannot_end_goes_on_as_a_task() {
    let (journey, account) = with_marker().await;
    journey.world.aws.clear_calls();
    let call = HttpCall::delete(&format!("/instagram/accounts/{}", account.id));
    let call = call.as_user(ANN.user, ANN.company, "editor");
    let turns = async {
        let calls = || journey.world.aws.calls().into_iter();
        while !calls().any(|call| call.operation == "BatchWriteItem") {
            tokio::task::yield_now().await;
        }
        journey.world.clock.advance(SignedDuration::from_secs(13));
    };
    let (reply, ()) = tokio::join!(journey.call(&journey.accounts, call), turns);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let answer = reply.json();
    let code = answer["confirmationCode"].as_str().unwrap();
    journey.advance(QUARTER).await;
    let shown = page(&journey, code).await.text();
    assert!(shown.contains("Your data was deleted"), "{shown}");
    let everything = journey.world.aws.everything_but_secrets().await;
    assert!(!everything.contains(&account.id) && !everything.contains(MARKER));
    journey.finish().await;
}

/// Another company's login that was under way notes that an account once held the Instagram id, after that account went.
async fn noted_as_a_former_holder(is_purge: bool) {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let account = record(&journey, &id).await.expect("an account");
    let call = HttpCall::delete(&format!("/instagram/accounts/{id}?purge={is_purge}"));
    let call = call.as_user(ANN.user, ANN.company, "editor");
    assert!(journey.call(&journey.accounts, call).await.status < 300);
    journey.settle().await;
    assert_eq!(record(&journey, &id).await, None);
    let table = &journey.world.app("callback").table;
    let note = table.former_holder_write(&account.platform_account_id, &id);
    let noted = table.transact(vec![note.expect("a write")]).await;
    assert_eq!(noted.ok(), Some(Transaction::Written));
    journey.advance(QUARTER).await;
    let everything = journey.world.aws.everything_but_secrets().await;
    let left = everything.lines().find(|line| line.contains(&id));
    assert_eq!(left, None);
    journey.finish().await;
}

#[tokio::test]
async fn who_takes_an_instagram_id_meanwhile_leaves_no_trace_of_a_deleted_account() {
    noted_as_a_former_holder(false).await;
}

#[tokio::test]
async fn who_takes_an_instagram_id_meanwhile_leaves_no_trace_of_a_purged_account() {
    noted_as_a_former_holder(true).await;
}

#[tokio::test]
async fn f09_a_deletion_whose_task_is_lost_is_done_all_the_same() {
    deletion_whose_task_is_lost(false).await;
}

#[tokio::test]
async fn f09_a_bus_that_takes_nothing_keeps_no_deletion_from_going_on() {
    deletion_whose_task_is_lost(true).await;
}

async fn deletion_whose_task_is_lost(is_bus_down: bool) {
    let journey = Journey::start().await;
    journey.world.schedule_audits().await;
    let no_bus = AwsFault::on("eventbridge", "PutEvents", AwsFaultKind::ServerError);
    if is_bus_down {
        journey.world.aws.add_fault(no_bus.clone());
    }
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let user_id = record(&journey, &id)
        .await
        .expect("an account")
        .platform_account_id;
    let seconds = journey.world.now().as_second();
    let signed = signed_request(META_APP_SECRET, &user_id, seconds);
    let down = AwsFault::on("sqs", "SendMessage", AwsFaultKind::ServerError);
    journey.world.aws.add_fault(down);
    let reply = journey.call_url(form("/data-deletion", &signed)).await;
    assert_eq!(reply.status, 503);
    journey.world.aws.clear_faults();
    if is_bus_down {
        journey.world.aws.add_fault(no_bus);
    }
    // Meta does not come again.
    journey.advance(SignedDuration::from_hours(3)).await;
    assert_eq!(record(&journey, &id).await, None);
    journey.world.aws.clear_faults();
    journey.advance(SignedDuration::from_hours(1)).await;
    let app = journey.world.app("test");
    let unfinished = app.table.unfinished_deletions(journey.world.now()).await;
    assert_eq!(unfinished.expect("an answer"), Vec::<String>::new());
    let everything = journey.world.aws.everything_but_secrets().await;
    assert!(!everything.contains(&user_id));
    journey.finish().await;
}

#[tokio::test]
async fn f02_f03_f05_f08_f12_what_is_not_believed_changes_nothing() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = record(&journey, &id).await.unwrap();
    let now = journey.world.now().as_second();
    let good = signed_request(INSTAGRAM_APP_SECRET, &before.app_scoped_id, now);
    let (signature, payload) = good.split_once('.').unwrap();
    for path in ["/deauthorize", "/data-deletion"] {
        let mut calls = vec![
            HttpCall::post(path),
            HttpCall::post(path).json(&json!({"signed_request": good})),
            HttpCall::post(path).body("signed=1"),
        ];
        let foreign = signed_request("canary-foreign-secret-55aa", &before.app_scoped_id, now);
        let ahead = signed_request(INSTAGRAM_APP_SECRET, &before.app_scoped_id, now + 400);
        let nobody = signed_request(INSTAGRAM_APP_SECRET, "", now);
        for signed in [
            "",
            ".",
            signature,
            &format!("{signature}.{}", &payload[..20]),
            &foreign,
            &ahead,
            &nobody,
        ] {
            calls.push(form(path, signed));
        }
        for call in calls {
            let reply = journey.call_url(call).await;
            assert_eq!(reply.status, 400, "{}", reply.text());
            assert_eq!(reply.json()["code"], "invalid_signed_request");
        }
        let large = form(path, &"a".repeat(1_000_000));
        assert_eq!(journey.call_url(large).await.status, 413);
        assert_eq!(journey.call_url(HttpCall::get(path)).await.status, 405);
        // Somebody whom we do not know: Meta learns nothing of it.
        let unknown = signed_request(INSTAGRAM_APP_SECRET, "17841400000099999", now);
        assert_eq!(journey.call_url(form(path, &unknown)).await.status, 200);
    }
    journey.world.drain(journey.workers()).await;
    assert_eq!(record(&journey, &id).await.unwrap(), before);
    journey.finish().await;
}

#[tokio::test]
async fn e24_e27_what_cannot_be_checked_or_kept_is_told_to_come_again() {
    let journey = Journey::start().await;
    let now = journey.world.now().as_second();
    let signed = signed_request(INSTAGRAM_APP_SECRET, "17841400000000001", now);
    let unavailable = |service: &str, operation: &str| {
        AwsFault::on(service, operation, AwsFaultKind::ServerError)
    };
    for path in ["/deauthorize", "/data-deletion"] {
        for fault in [
            unavailable("secretsmanager", "GetSecretValue"),
            unavailable("sqs", "SendMessage"),
        ] {
            journey.world.aws.add_fault(fault);
            let cold = Function::new(journey.world.cold("webhooks"))
                .with_routes(webhooks::routes_of_url());
            let event =
                world::gateway::function_url_event(&form(path, &signed), journey.world.now());
            let answer = cold.invoke(&event, Context::default()).await.unwrap();
            let answer: Value = serde_json::from_str(answer.get()).unwrap();
            assert_eq!(answer["statusCode"], 503, "{answer}");
            journey.world.aws.clear_faults();
        }
        // Meta comes again.
        let reply = journey.call_url(form(path, &signed)).await;
        assert_eq!(reply.status, 200);
    }
    journey.world.drain(journey.workers()).await;
    journey.finish().await;
}

#[tokio::test]
async fn f09_the_same_request_has_one_code_and_its_page_says_how_far_it_is() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let user_id = record(&journey, &id).await.unwrap().platform_account_id;
    journey.settle().await;
    let issued_at = journey.world.now();
    let code = request_deletion(&journey, &user_id, issued_at).await;
    assert_eq!(request_deletion(&journey, &user_id, issued_at).await, code);

    let shown = page(&journey, &code).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text().contains("Your request was received"));
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    journey.world.drain(journey.workers()).await;
    let shown = page(&journey, &code).await.text();
    assert!(shown.contains("Your data is being deleted"), "{shown}");
    journey.advance(QUARTER).await;
    let shown = page(&journey, &code).await.text();
    assert!(shown.contains("Your data was deleted"), "{shown}");
    assert!(!shown.contains(&user_id) && !shown.contains("corner.bakery"));
    assert_eq!(request_deletion(&journey, &user_id, issued_at).await, code);

    let mut unknown = BTreeSet::new();
    for wrong in [
        "00000000-0000-4000-8000-000000000000",
        "short",
        &code.to_uppercase(),
        "%3Cscript%3E",
        &"a".repeat(5_000),
    ] {
        let reply = page(&journey, wrong).await;
        assert_eq!(reply.status, 404, "{wrong}");
        unknown.insert(reply.text());
    }
    assert_eq!(unknown.len(), 1, "no enumeration");
    journey.finish().await;
}

/// Every item that belongs to the account, as the manifest must name it.
fn belonging(items: &[Item], account: &Account) -> Vec<(Key, &'static str)> {
    let ids = [
        &account.id,
        &account.platform_account_id,
        &account.app_scoped_id,
    ];
    let mut found = Vec::new();
    for item in items {
        let key = Key::of_item(item).expect("it is there");
        let index = item.get("index1pk").and_then(|pk| pk.as_s().ok().cloned());
        let is_of_account = |text: &str| {
            ids.iter()
                .any(|id| text.split('#').any(|part| part == **id))
        };
        if is_of_account(&key.pk) || index.is_some_and(|pk| is_of_account(&pk)) {
            let class = shared::table::keys::class_of(&key);
            found.push((key, class));
        }
    }
    found
}

/// A connected account with its marker in every store: profile, timeline, sync log, posts in several states, what a media
/// is of, remembered answers, and what Instagram told: comments, a conversation, figures, and an event that is too large for
/// a record.
async fn with_marker() -> (Journey, Account) {
    let (journey, id) = with_account().await;
    journey.world.instagram.update_person(posts::WHO, |person| {
        person.biography = format!("{MARKER} bakes");
        person.name = MARKER.to_owned();
    });
    let sync = HttpCall::post(&format!("/instagram/accounts/{id}/sync")).as_user(
        ANN.user,
        ANN.company,
        "editor",
    );
    assert_eq!(journey.call(&journey.accounts, sync).await.status, 200);
    let published = body(&journey, "image", MARKER);
    created(&journey, &id, &published).await;
    journey.advance(SignedDuration::from_mins(5)).await;
    let mut planned = body(&journey, "reel", MARKER);
    planned["publishAt"] = json!(journey.world.now() + SignedDuration::from_hours(40));
    let post = HttpCall::post(&format!("/instagram/accounts/{id}/posts"))
        .json(&planned)
        .header("idempotency-key", "key-of-a-test-1");
    assert_eq!(posts::ask(&journey, post).await.status, 201);
    let name = HttpCall::patch(&format!("/instagram/accounts/{id}"))
        .json(&json!({"displayName": MARKER, "clientId": MARKER}))
        .as_user(ANN.user, ANN.company, "editor");
    assert_eq!(journey.call(&journey.accounts, name).await.status, 200);
    let large = format!("{MARKER} {}", "x".repeat(LARGEST_WHOLE));
    for happening in [
        Happening::comment(MARKER),
        Happening::comment(&large),
        Happening::message(MARKER),
        Happening::new(HappeningKind::StoryInsights),
    ] {
        journey.world.instagram.let_happen(posts::WHO, happening);
    }
    journey.advance(SignedDuration::from_mins(1)).await;
    let account = record(&journey, &id).await.expect("it is there");
    // Two more that were received, whose messages are among the dead letters.
    let table = &journey.world.app("test").table;
    for id in instagram_ids(&account) {
        let stored = table.store_item(id, &large, journey.world.now());
        stored.await.expect("it is stored");
    }
    (journey, account)
}

/// What a manifest must hold: hashes with their classes, as they were before.
fn expected_manifest(items: &[Item], account: &Account) -> BTreeSet<(String, String)> {
    let secret = Secret::new(CURSOR_KEY);
    belonging(items, account)
        .into_iter()
        .map(|(key, class)| (class.to_owned(), key_hash(&secret, &key)))
        .collect()
}

async fn assert_erased(journey: &Journey, account: &Account, code: &str, before: &[Item]) {
    let table = &journey.world.cold("test").table;
    let deletion = table
        .deletion(code)
        .await
        .expect("it is there")
        .expect("it is there");
    assert_eq!(deletion.state, State::Done);
    assert!(deletion.accounts.is_empty());
    let everything = journey.world.aws.everything_but_secrets().await;
    for trace in [
        MARKER,
        &account.id,
        &account.platform_account_id,
        &account.app_scoped_id,
    ] {
        let left = everything.lines().find(|line| line.contains(trace));
        assert_eq!(left, None, "{trace} is left");
    }
    assert_token_is_gone(journey, &account.id);

    let manifest = table.manifest(code).await.expect("it is there");
    let expected = expected_manifest(before, account);
    let outside = |class: &str| class == "token" || class == "schedule";
    let (outside, records): (Vec<_>, Vec<_>) =
        manifest.into_iter().partition(|(class, _)| outside(class));
    assert_eq!(records.len(), expected.len(), "each is counted once");
    assert_eq!(records.into_iter().collect::<BTreeSet<_>>(), expected);
    let count = |class: &str| outside.iter().filter(|(own, _)| own == class).count();
    // The token; refresh, sync and the planned post.
    assert_eq!((count("token"), count("schedule")), (1, 3));
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for (class, _) in expected.iter().chain(&outside) {
        *counted.entry(class.clone()).or_default() += 1;
    }
    assert_eq!(deletion.erased, counted);
}

#[tokio::test]
async fn j08_a_deletion_leaves_nothing_and_its_manifest_is_what_was_there() {
    let (journey, account) = with_marker().await;
    let before = items(&journey).await;
    let marked = before
        .iter()
        .filter(|item| format!("{item:?}").contains(MARKER))
        .filter_map(Key::of_item)
        .map(|key| shared::table::keys::class_of(&key));
    let marked: BTreeSet<&str> = marked.collect();
    let every = [
        "account", "answer", "comment", "event", "message", "post", "timeline",
    ];
    assert_eq!(marked, every.into(), "the marker stands where one can");
    let belonging = belonging(&before, &account).into_iter();
    let classes: BTreeSet<&str> = belonging.map(|(_, class)| class).collect();
    for class in ["event_day", "media", "metric", "thread"] {
        assert!(classes.contains(class), "{class}: {classes:?}");
    }
    assert!(!classes.contains("other"), "{classes:?}");

    let issued_at = journey.world.now();
    let code = request_deletion(&journey, &account.app_scoped_id, issued_at).await;
    journey.advance(QUARTER).await;
    assert_erased(&journey, &account, &code, &before).await;
    journey.finish().await;
}

#[tokio::test]
async fn j08_wherever_the_erasure_dies_it_goes_on_and_counts_nothing_twice() {
    let mut ended = 0;
    loop {
        let (journey, account) = with_marker().await;
        let before = items(&journey).await;
        let app = journey.world.cold("test");
        let deletion = shared::deletion::begin_purge(&app, &account).await.unwrap();
        let ids = instagram_ids(&account).into_iter().map(str::to_owned);
        let ids: Vec<String> = ids.collect();
        let task = shared::deletion::erase_task(&account.id, &deletion.code, &ids);
        let event = batch(&[Message::of_schedule(task).to_body()]);
        let sandbox = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
        let mut context = Context::default();
        context.deadline = u64::try_from(journey.world.clock.milliseconds() + 30_000).unwrap();
        let outcome = ended_after(ended, sandbox.invoke(&event, context)).await;
        journey.advance(QUARTER * 2).await;
        assert_erased(&journey, &account, &deletion.code, &before).await;
        journey.finish().await;
        if outcome.is_some() {
            break;
        }
        // Each world costs a second; neighboring waits differ little.
        ended += 5;
    }
    assert!(
        ended > 40,
        "the erasure waits more often than {ended} times"
    );
}

#[tokio::test]
async fn a_purge_is_a_deletion_that_the_company_asks_for() {
    let (journey, account) = with_marker().await;
    let before = items(&journey).await;
    let target = format!("/instagram/accounts/{}?purge=true", account.id);
    let call = HttpCall::delete(&target).as_user(ANN.user, ANN.company, "editor");
    let reply = journey.call(&journey.accounts, call.clone()).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    let answer = reply.json();
    let code = answer["confirmationCode"].as_str().unwrap();
    let viewer = HttpCall::delete(&target).as_user(ANN.user, ANN.company, "viewer");
    assert_eq!(journey.call(&journey.accounts, viewer).await.status, 403);
    journey.advance(QUARTER).await;
    assert_erased(&journey, &account, code, &before).await;
    assert_eq!(journey.call(&journey.accounts, call).await.status, 404);
    let shown = page(&journey, code).await.text();
    assert!(shown.contains("Your data was deleted"), "{shown}");
    journey.finish().await;
}

#[tokio::test]
async fn f11_a_deletion_finds_what_a_former_company_still_has() {
    let journey = Journey::start().await;
    let disconnect = async |caller: Caller, id: &str| {
        let target = format!("/instagram/accounts/{id}/disconnect");
        let call = HttpCall::post(&target).as_user(caller.user, caller.company, "editor");
        assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    };
    let former = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    disconnect(ANN, &former).await;
    let current = journey.connected(BOB, "corner.bakery").await;
    journey.settle().await;
    let account = record(&journey, &current).await.unwrap();
    assert!(record(&journey, &former).await.is_some());

    let issued_at = journey.world.now();
    let code = request_deletion(&journey, &account.platform_account_id, issued_at).await;
    journey.advance(QUARTER).await;
    let everything = journey.world.aws.everything_but_secrets().await;
    for trace in [
        &former,
        &current,
        &account.platform_account_id,
        &account.app_scoped_id,
    ] {
        assert!(!everything.contains(trace.as_str()), "{trace} is left");
    }
    let deletion = journey.world.app("test").table.deletion(&code).await;
    assert_eq!(deletion.unwrap().unwrap().found, 2);
    journey.finish().await;
}

#[tokio::test]
async fn f10_a_refresh_that_runs_meanwhile_brings_no_token_back() {
    let journey = Journey::start().await;
    let mut held = 0;
    loop {
        let username = format!("leaver.{held}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let id = journey.connected(ANN, &username).await;
        journey.advance(SignedDuration::from_hours(25)).await;
        let account = record(&journey, &id).await.unwrap();
        let target = format!("/instagram/accounts/{id}/refresh");
        let call = HttpCall::post(&target).as_user(ANN.user, ANN.company, "editor");
        let event = api_gateway_event(&call, journey.world.now());
        let sandbox = Function::new(journey.world.cold("refresh")).with_routes(refresh::routes());
        let context = Context::default();
        let mut refresh = Box::pin(sandbox.invoke(&event, context));
        let ended = held_after(held, &mut refresh).await.is_some();
        deauthorize(&journey, &account.app_scoped_id, journey.world.now()).await;
        journey.world.drain(journey.workers()).await;
        if !ended {
            refresh.await.unwrap();
        }
        let after = record(&journey, &id).await.unwrap();
        assert_eq!(after.status, Status::Revoked, "held after {held}");
        assert!(after.token_page.is_none());
        journey.assert_consistent(&[ANN.company]).await;
        if ended {
            break;
        }
        held += 3;
    }
    assert!(held > 10, "a refresh waits more often than {held} times");
    journey.world.drain(journey.workers()).await;
    journey.finish().await;
}

/// The app's secret is not read again for each call, and it is the only one that is read.
#[tokio::test]
async fn deauthorize_needs_one_queue_and_the_app_secret_alone() {
    let journey = Journey::start().await;
    journey.world.aws.clear_calls();
    deauthorize(&journey, "17841400000000001", journey.world.now()).await;
    let own = access_key_id("webhooks");
    let calls = journey.world.aws.calls();
    let made: Vec<&str> = calls
        .iter()
        .filter(|call| call.access_key_id == own)
        .map(|call| call.operation.as_str())
        .collect();
    assert_eq!(made, ["GetSecretValue", "SendMessage"], "{APP_SECRET}");
    journey.world.drain(journey.workers()).await;
    journey.finish().await;
}
