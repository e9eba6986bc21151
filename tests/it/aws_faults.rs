//! AWS refuses, throttles, forgets to answer: group H of the failure catalogue.

use aws_sim::{Fault, FaultKind};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use shared::account::Account;
use shared::vault::VaultError;
use world::gateway::{HttpCall, Reply};
use world::{Decision, WorldOptions};

use crate::journey::{ANN, Journey, account_on_page, code_on_page};

async fn sync(journey: &Journey, id: &str) -> Reply {
    let call =
        HttpCall::post(&format!("/instagram/accounts/{id}/sync")).as_user("ann", "acme", "editor");
    journey.call(&journey.accounts, call).await
}

async fn only_record(journey: &Journey) -> Account {
    let mut records = journey.records("acme").await;
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// An answer names our code, and nothing of AWS's.
fn assert_says_nothing_of_our_insides(reply: &Reply) {
    let text = reply.text();
    for inside in [
        "arn:",
        "Exception",
        "DynamoDB",
        "dynamodb",
        "Secrets",
        "instagram-app",
        "127.0.0.1",
    ] {
        assert!(!text.contains(inside), "{inside}: {text}");
    }
}

#[tokio::test]
async fn h01_a_short_throttle_is_ridden_out_and_a_long_one_is_told() {
    let journey = Journey::start().await;
    for (service, operation) in [
        ("dynamodb", "TransactWriteItems"),
        ("dynamodb", "GetItem"),
        ("secretsmanager", "PutSecretValue"),
        ("scheduler", "CreateSchedule"),
        ("sqs", "SendMessage"),
    ] {
        journey
            .world
            .aws
            .add_fault(Fault::on(service, operation, FaultKind::Throttle).times(2));
    }
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.world.aws.clear_faults();

    journey
        .world
        .aws
        .add_fault(Fault::on("dynamodb", "GetItem", FaultKind::ServerError));
    let reply = sync(&journey, &id).await;
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (503, Some("service_unavailable"))
    );
    assert!(reply.header("retry-after").is_some());
    assert_says_nothing_of_our_insides(&reply);
    journey.world.aws.clear_faults();
    assert_eq!(sync(&journey, &id).await.status, 200);
    journey.finish().await;
}

#[tokio::test]
async fn h02_records_that_many_change_at_once_lose_no_change() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let version = only_record(&journey).await.version;
    let app = journey.world.app("test");
    let now = journey.world.now();
    let changes = join_all((0..8).map(|_| {
        app.table.update_account(&id, now, |record| {
            record.follower_count = record.follower_count.map(|count| count + 1);
            true
        })
    }))
    .await;
    assert!(changes.iter().all(Result::is_ok));
    let record = only_record(&journey).await;
    assert_eq!(record.version, version + 8);
    let followers = journey
        .world
        .instagram
        .person("corner.bakery")
        .unwrap()
        .followers_count;
    assert_eq!(record.follower_count, Some(followers + 8));
    journey.finish().await;
}

#[tokio::test]
async fn h03_a_transaction_that_meets_another_is_tried_again() {
    let journey = Journey::start().await;
    let conflict = Fault::on(
        "dynamodb",
        "TransactWriteItems",
        FaultKind::TransactionConflict,
    )
    .times(3);
    journey.world.aws.add_fault(conflict);
    journey.connected(ANN, "corner.bakery").await;
    let tries = journey
        .world
        .aws
        .calls()
        .iter()
        .filter(|call| call.operation == "TransactWriteItems")
        .count();
    assert!(tries >= 4, "{tries}");
    journey.finish().await;
}

#[tokio::test]
async fn h04_a_write_whose_answer_is_lost_is_recognized() {
    for (service, operation) in [
        ("dynamodb", "UpdateItem"),
        ("dynamodb", "PutItem"),
        ("dynamodb", "TransactWriteItems"),
        ("secretsmanager", "PutSecretValue"),
        ("secretsmanager", "CreateSecret"),
        ("scheduler", "CreateSchedule"),
        ("sqs", "SendMessage"),
    ] {
        let journey = Journey::start().await;
        let begun = journey.begin(ANN).await;
        let call = journey
            .redirected(&begun, "corner.bakery", Decision::Allow)
            .await;
        journey
            .world
            .aws
            .add_fault(Fault::on(service, operation, FaultKind::AppliedThenLost).times(1));
        let reply = journey.call(&journey.callback, call).await;
        assert!(
            account_on_page(&reply).is_some(),
            "{operation}: {:?}",
            code_on_page(&reply)
        );
        assert_eq!(journey.listed(ANN).await.len(), 1, "{operation}");
        let lost = journey
            .world
            .aws
            .calls()
            .iter()
            .any(|call| call.operation == operation && call.status == 0);
        assert!(lost, "{operation} was not hit");
        journey.finish().await;
    }
}

#[tokio::test]
async fn h04_a_request_under_an_idempotency_key_survives_a_lost_answer() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey
        .world
        .aws
        .add_fault(Fault::on("dynamodb", "PutItem", FaultKind::AppliedThenLost).times(1));
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/sync"))
        .as_user("ann", "acme", "editor")
        .header("idempotency-key", "sync-1");
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    journey.finish().await;
}

#[tokio::test]
async fn h06_an_index_that_lags_hides_no_change_of_a_record() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey
        .world
        .aws
        .add_fault(Fault::on("dynamodb", "Query", FaultKind::StaleRead));
    let patch = HttpCall::patch(&format!("/instagram/accounts/{id}"))
        .as_user("ann", "acme", "editor")
        .json(&json!({"displayName": "Fresh name"}));
    assert_eq!(journey.call(&journey.accounts, patch).await.status, 200);
    let listed = journey.listed(ANN).await;
    assert_eq!(listed[0]["displayName"], "Fresh name");
    journey.world.aws.clear_faults();
    journey.finish().await;
}

#[tokio::test]
async fn h07_keys_that_a_batch_leaves_over_are_asked_for_again() {
    let journey = Journey::start().await;
    for username in ["corner.bakery", "ann.makes", "city.museum"] {
        journey.connected(ANN, username).await;
    }
    journey
        .world
        .aws
        .add_fault(Fault::on("dynamodb", "BatchGetItem", FaultKind::PartialBatch).times(2));
    assert_eq!(journey.listed(ANN).await.len(), 3);
    journey.finish().await;
}

#[tokio::test]
async fn h08_a_vault_that_does_not_answer_is_no_reason_to_reconnect() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = only_record(&journey).await;
    for (status, code) in [
        (400, "AccessDeniedException"),
        (400, "DecryptionFailure"),
        (400, "ThrottlingException"),
    ] {
        let kind = FaultKind::Error {
            status,
            code: code.into(),
            message: "for a test".into(),
        };
        journey
            .world
            .aws
            .add_fault(Fault::on("secretsmanager", "GetSecretValue", kind));
        // A cold sandbox has no page in its cache.
        let cold = shared::lambda::Function::new(journey.world.cold("accounts"))
            .with_routes(accounts::routes());
        let call = HttpCall::post(&format!("/instagram/accounts/{id}/sync"))
            .as_user("ann", "acme", "editor");
        let reply = journey.call(&cold, call).await;
        assert_eq!(reply.status, 503, "{code}: {}", reply.text());
        assert_says_nothing_of_our_insides(&reply);
        journey.world.aws.clear_faults();
    }
    let after = only_record(&journey).await;
    assert_eq!(
        (after.status, after.version),
        (before.status, before.version),
        "nothing was held against the account"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_warm_function_reads_a_token_without_any_call_to_the_vault() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    assert_eq!(sync(&journey, &id).await.status, 200);
    journey.world.aws.clear_calls();
    assert_eq!(sync(&journey, &id).await.status, 200);
    let calls = journey.world.aws.calls();
    assert!(
        calls.iter().all(|call| call.service != "secretsmanager"),
        "{calls:?}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn an_older_token_never_replaces_a_newer_one_and_a_stale_cache_is_noticed() {
    let journey = Journey::start().await;
    journey.connected(ANN, "corner.bakery").await;
    let warm = journey.world.app("accounts");
    let first = only_record(&journey).await;
    let old = warm.vault.entry(&first).await.unwrap();
    journey.world.clock.advance(SignedDuration::from_secs(60));
    journey.connected(ANN, "corner.bakery").await;
    let second = only_record(&journey).await;
    let new = warm.vault.entry(&second).await.unwrap();
    assert!(new.generation > old.generation && new.token != old.token);

    let page = second.token_page.clone().unwrap();
    let change = shared::vault::Change::Set(&second.id, old);
    let written = warm
        .vault
        .write(&page, change, Vec::new(), journey.world.now())
        .await
        .unwrap();
    assert_eq!(written, shared::vault::Written::Outdated);
    let mut ahead = second.clone();
    ahead.token_generation += 1;
    assert!(matches!(
        warm.vault.entry(&ahead).await,
        Err(VaultError::Missing)
    ));
    journey.finish().await;
}

#[tokio::test]
async fn h09_h10_pages_are_never_deleted_and_one_day_writes_few_versions() {
    let journey = Journey::start_with(WorldOptions {
        page_size: 8,
        ..WorldOptions::default()
    })
    .await;
    for round in 0..3 {
        for username in ["corner.bakery", "ann.makes"] {
            let id = journey.connected(ANN, username).await;
            let call = HttpCall::delete(&format!("/instagram/accounts/{id}"))
                .as_user("ann", "acme", "editor");
            assert_eq!(
                journey.call(&journey.accounts, call).await.status,
                204,
                "round {round}"
            );
        }
    }
    let calls = journey.world.aws.calls();
    assert!(calls.iter().all(|call| call.operation != "DeleteSecret"));
    // One version for each token that came or went, and none for a try that was refused.
    let written = calls
        .iter()
        .filter(|call| call.operation == "PutSecretValue" && call.status == 200)
        .count();
    assert_eq!(written, 12);
    journey.finish().await;
}

#[tokio::test]
async fn h12_what_the_table_has_not_dropped_yet_counts_as_dropped() {
    let journey = Journey::start().await;
    let late = journey.begin(ANN).await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let call = || {
        HttpCall::post(&format!("/instagram/accounts/{id}/sync"))
            .as_user("ann", "acme", "editor")
            .header("idempotency-key", "sync-1")
    };
    assert!(
        journey
            .call(&journey.accounts, call())
            .await
            .header("idempotency-replayed")
            .is_none()
    );
    assert!(
        journey
            .call(&journey.accounts, call())
            .await
            .header("idempotency-replayed")
            .is_some()
    );
    journey
        .world
        .advance(SignedDuration::from_hours(25), &journey.worker)
        .await;
    assert!(
        journey
            .call(&journey.accounts, call())
            .await
            .header("idempotency-replayed")
            .is_none()
    );
    let call = journey
        .redirected(&late, "ann.makes", Decision::Allow)
        .await;
    assert_eq!(
        code_on_page(&journey.call(&journey.callback, call).await).as_deref(),
        Some("login_expired")
    );
    journey.finish().await;
}

#[tokio::test]
async fn h05_a_profile_that_is_too_long_for_a_record_is_shortened() {
    let journey = Journey::start().await;
    journey
        .world
        .instagram
        .update_person("corner.bakery", |person| {
            person.biography = "🥐".repeat(300_000);
        });
    journey.connected(ANN, "corner.bakery").await;
    let biography = only_record(&journey).await.biography.unwrap();
    assert_eq!(biography.chars().count(), 4_096);
    journey.finish().await;
}
