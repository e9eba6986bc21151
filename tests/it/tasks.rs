//! The account tasks: batches, the daily sync, the renewal of tokens.

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use instagram_sim::{Fault, FaultKind, Revocation, TokenRotation};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::Status;
use shared::lambda::{Context, Function};
use shared::tasks::{Message, Task};
use world::gateway::HttpCall;
use world::resources::DEAD_LETTERS;

use crate::journey::{ANN, Journey};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An SQS event with these bodies, whose message ids are their positions.
pub(crate) fn batch(bodies: &[String]) -> String {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(id, body)| json!({"messageId": id.to_string(), "body": body, "eventSource": "aws:sqs"}))
        .collect();
    json!({"Records": records}).to_string()
}

/// Hands a batch to a function that may work until then; the ids of the messages that failed.
pub(crate) async fn failed_of(function: &Function, event: &str, deadline_ms: i64) -> Vec<String> {
    let mut context = Context::default();
    context.deadline = u64::try_from(deadline_ms).expect("a batch answer");
    let answer = function
        .invoke(event, context)
        .await
        .expect("a batch answer");
    let answer: Value = serde_json::from_str(answer.get()).expect("a batch answer");
    let failures = answer["batchItemFailures"]
        .as_array()
        .expect("a batch answer");
    failures
        .iter()
        .map(|failure| {
            failure["itemIdentifier"]
                .as_str()
                .expect("a batch answer")
                .to_owned()
        })
        .collect()
}

fn sync_of(account: &str, connection_generation: u64) -> String {
    Message::of_schedule(Task::SyncAccount {
        account: account.into(),
        connection_generation,
    })
    .to_body()
}

#[tokio::test]
async fn g03_one_bad_message_returns_alone() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let bodies = [
        sync_of(&id, 1),
        "no message of ours".into(),
        sync_of("nobody", 1),
        "{\"version\":2}".into(),
    ];
    let in_time = journey.world.clock.milliseconds() + 60_000;
    assert_eq!(
        failed_of(&journey.worker, &batch(&bodies), in_time).await,
        ["1", "3"]
    );
    journey.finish().await;
}

#[tokio::test]
async fn g04_a_task_that_panics_takes_no_other_with_it() {
    let journey = Journey::start().await;
    let app = journey.world.app("refresh");
    let fragile = Function::new(app).with_tasks(|app, task| {
        Box::pin(async move {
            assert_ne!(task.account(), "fragile", "for a test");
            refresh::handle(app, task).await
        })
    });
    let id = journey.connected(ANN, "corner.bakery").await;
    let bodies = [sync_of("fragile", 1), sync_of(&id, 1)];
    let in_time = journey.world.clock.milliseconds() + 60_000;
    assert_eq!(failed_of(&fragile, &batch(&bodies), in_time).await, ["0"]);
    journey.finish().await;
}

/// `cargo lambda watch` gives every event ten minutes, and no moment.
#[tokio::test]
async fn a_deadline_that_is_a_duration_is_taken_as_one() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let event = batch(&[sync_of(&id, 1)]);
    let none: [&str; 0] = [];
    assert_eq!(failed_of(&journey.worker, &event, 600_000).await, none);
    assert_eq!(failed_of(&journey.worker, &event, 4_000).await, ["0"]);
    journey.finish().await;
}

#[tokio::test]
async fn g09_without_time_left_no_further_message_is_begun() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.world.instagram.clear_calls();
    let too_late = journey.world.clock.milliseconds() + 4_000;
    let failed = failed_of(
        &journey.worker,
        &batch(&[sync_of(&id, 1), sync_of(&id, 1)]),
        too_late,
    )
    .await;
    assert_eq!(failed, ["0", "1"]);
    assert!(journey.world.instagram.calls().is_empty());
    journey.finish().await;
}

#[tokio::test]
async fn g07_a_message_that_nobody_can_read_reaches_the_dead_letters() {
    let journey = Journey::start().await;
    let queue = &journey.world.resources.queue_url;
    let client = &journey.world.clients.sqs;
    client
        .send_message()
        .queue_url(queue)
        .message_body("unreadable")
        .send()
        .await
        .unwrap();
    journey
        .world
        .advance(SignedDuration::from_hours(2), &journey.worker)
        .await;
    assert_eq!(journey.world.aws.messages(DEAD_LETTERS), ["unreadable"]);
}

#[tokio::test]
async fn the_daily_sync_reads_the_profile_by_itself() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    journey
        .world
        .instagram
        .update_person("corner.bakery", |person| person.followers_count = 4_321);
    journey.world.advance(DAY, &journey.worker).await;
    assert_eq!(journey.listed(ANN).await[0]["followerCount"], 4_321);
    let call = HttpCall::get(&format!("/instagram/accounts/{id}/sync-log"))
        .as_user("ann", "acme", "viewer");
    let log = journey.call(&journey.accounts, call).await.json();
    let entries = log["entries"].as_array().unwrap().iter();
    let of_profile = entries.filter(|entry| entry["syncType"] == "profile");
    assert_eq!(of_profile.count(), 2, "the first sync and the daily one");
    journey.finish().await;
}

#[tokio::test]
async fn a_token_is_renewed_for_two_years_whatever_a_renewal_does_to_the_old_one() {
    for rotation in [
        TokenRotation::Same,
        TokenRotation::New,
        TokenRotation::NewRevokesOld,
    ] {
        let journey = Journey::start().await;
        journey
            .world
            .instagram
            .update_settings(|settings| settings.token_rotation = rotation);
        journey.connected(ANN, "corner.bakery").await;
        for _ in 0..8 {
            journey.world.advance(DAY * 91, &journey.worker).await;
            let record = &journey.records("acme").await[0];
            assert_eq!(
                record.status_at(journey.world.now()),
                Status::Active,
                "{rotation:?}"
            );
            assert!(
                record.token_time_left(journey.world.now()).unwrap() > DAY * 9,
                "{rotation:?}"
            );
            let token = journey
                .world
                .cold("test")
                .vault
                .token(record)
                .await
                .unwrap();
            assert!(
                journey.world.instagram.is_live_token(token.expose()),
                "{rotation:?}"
            );
        }
        journey.finish().await;
    }
}

#[tokio::test]
async fn b09_a_renewal_that_fails_is_tried_daily_and_changes_no_status() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let fault = Fault::new(FaultKind::AppOutage).at("GET /refresh_access_token");
    journey.world.instagram.add_fault(fault);
    journey.world.advance(DAY * 53, &journey.worker).await;
    let tries = |journey: &Journey| {
        journey
            .world
            .instagram
            .calls()
            .iter()
            .filter(|call| call.endpoint == "GET /refresh_access_token")
            .count()
    };
    assert!((3..=5).contains(&tries(&journey)), "{}", tries(&journey));
    let account = &journey.listed(ANN).await[0];
    assert_eq!(
        (
            account["status"].as_str(),
            account["needsRefresh"].as_bool()
        ),
        (Some("active"), Some(true))
    );
    assert!(account["lastTokenRefreshError"]["message"].is_string());
    journey.world.instagram.clear_faults();
    journey.world.advance(DAY * 2, &journey.worker).await;
    let account = &journey.listed(ANN).await[0];
    assert_eq!(
        (account["id"].as_str(), account["needsRefresh"].as_bool()),
        (Some(id.as_str()), Some(false))
    );
    assert!(account["lastTokenRefreshError"].is_null());
    journey.finish().await;
}

#[tokio::test]
async fn b08_a_token_that_instagram_killed_is_found_by_the_next_sync() {
    for (how, status) in [
        (Revocation::AppRemoved, "revoked"),
        (Revocation::PasswordChanged, "token_expired"),
        (Revocation::Checkpoint, "error"),
    ] {
        let journey = Journey::start().await;
        journey.connected(ANN, "corner.bakery").await;
        journey.settle().await;
        journey
            .world
            .instagram
            .revoke_tokens_of("corner.bakery", how);
        journey.world.advance(DAY, &journey.worker).await;
        let account = &journey.listed(ANN).await[0];
        assert_eq!(account["status"], status, "{how:?}");
        assert!(
            account["statusReason"]["message"].as_str().unwrap().len() > 20,
            "{how:?}"
        );
        // A person connects it again, and everything is well.
        journey.connected(ANN, "corner.bakery").await;
        assert_eq!(journey.listed(ANN).await[0]["status"], "active", "{how:?}");
        journey.finish().await;
    }
}

#[tokio::test]
async fn g06_a_task_of_an_earlier_connection_does_nothing_and_leaves_nothing() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    // The schedules outlive the disconnect.
    let lost = AwsFault::on("scheduler", "DeleteSchedule", AwsFaultKind::ServerError);
    journey.world.aws.add_fault(lost);
    assert_eq!(journey.call(&journey.accounts, call).await.status, 503);
    journey.world.aws.clear_faults();
    assert_eq!(journey.world.aws.schedules().len(), 2);
    journey.world.instagram.clear_calls();
    journey.world.advance(DAY, &journey.worker).await;
    assert!(journey.world.instagram.calls().is_empty());
    assert!(
        journey.world.aws.schedules().is_empty(),
        "the first task that comes removes both"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_refresh_whose_schedule_and_task_were_lost_is_queued_by_the_daily_sync() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let scheduler = &journey.world.clients.scheduler;
    let name = shared::schedules::Kind::Refresh.name(&id);
    scheduler
        .delete_schedule()
        .group_name(world::resources::SCHEDULE_GROUP)
        .name(name)
        .send()
        .await
        .unwrap();
    journey.world.advance(DAY * 55, &journey.worker).await;
    let account = &journey.listed(ANN).await[0];
    assert_eq!(
        (
            account["status"].as_str(),
            account["needsRefresh"].as_bool()
        ),
        (Some("active"), Some(false))
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_passing_trouble_does_not_hide_a_lasting_one() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    journey
        .world
        .instagram
        .revoke_tokens_of("corner.bakery", Revocation::AppRemoved);
    let sync = || {
        HttpCall::post(&format!("/instagram/accounts/{id}/sync")).as_user("ann", "acme", "editor")
    };
    assert_eq!(journey.call(&journey.accounts, sync()).await.status, 409);
    journey.world.instagram.add_fault(
        Fault::new(FaultKind::RateLimit { minutes: 30 })
            .at("GET /me")
            .times(1),
    );
    assert_eq!(journey.call(&journey.accounts, sync()).await.status, 429);
    journey.world.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(journey.listed(ANN).await[0]["status"], "revoked");
    journey.finish().await;
}

#[tokio::test]
async fn h08_a_token_that_the_vault_lost_is_told_in_the_record() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let record = journey.records("acme").await.remove(0);
    let app = journey.world.app("test");
    let page = record.token_page.clone().unwrap();
    let removed = shared::vault::Change::Remove(&id);
    app.vault
        .write(&page, removed, Vec::new(), journey.world.now())
        .await
        .unwrap();
    // A fresh sandbox, which has nothing cached, meets it in the daily sync.
    let worker = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
    journey.world.advance(DAY, &worker).await;
    let account = &journey.listed(ANN).await[0];
    assert_eq!(account["status"], "error");
    assert_eq!(account["statusReason"]["code"], "token_unavailable");
    journey.connected(ANN, "corner.bakery").await;
    assert_eq!(journey.listed(ANN).await[0]["status"], "active");
    journey.finish().await;
}

#[tokio::test]
async fn a_connection_that_runs_out_says_so_in_its_timeline_once() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let fault = Fault::new(FaultKind::AppOutage).at("GET /refresh_access_token");
    journey.world.instagram.add_fault(fault);
    journey.world.advance(DAY * 65, &journey.worker).await;
    let call = HttpCall::get(&format!("/instagram/accounts/{id}/timeline"))
        .as_user("ann", "acme", "viewer");
    let timeline = journey.call(&journey.accounts, call).await.json();
    let events: Vec<_> = timeline["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "status_token_expired",
            "token_at_risk",
            "token_refresh_failed",
            "connected"
        ]
    );
    assert_eq!(journey.listed(ANN).await[0]["status"], "token_expired");
    journey.finish().await;
}

#[tokio::test]
async fn a_refresh_waits_for_the_end_of_a_rate_limit() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    journey.world.clock.advance(DAY * 51);
    let until = journey.world.now() + SignedDuration::from_hours(3);
    let app = journey.world.app("test");
    let change = app
        .table
        .update_account(&id, journey.world.now(), |record| {
            record.status = Status::RateLimited;
            record.rate.blocked_until = Some(until);
            true
        });
    change.await.unwrap();
    let refreshes = |journey: &Journey| {
        journey
            .world
            .instagram
            .calls()
            .iter()
            .filter(|call| call.endpoint == "GET /refresh_access_token")
            .count()
    };
    journey
        .world
        .advance(SignedDuration::from_hours(2), &journey.worker)
        .await;
    assert_eq!(refreshes(&journey), 0);
    journey
        .world
        .advance(SignedDuration::from_hours(2), &journey.worker)
        .await;
    assert_eq!(refreshes(&journey), 1);
    journey.finish().await;
}
