//! The hourly audit and the report of coverage: whatever was lost comes back, and every account is accounted for.

use std::collections::BTreeMap;

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use instagram_sim::{Fault, FaultKind, Person, Revocation};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Status};
use shared::lambda::Function;
use shared::schedules::Kind;
use world::World;
use world::gateway::HttpCall;
use world::resources::{AUDIT_SCHEDULE, SCHEDULE_GROUP};

use crate::journey::{ANN, BOB, Caller, Journey};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn audited() -> Journey {
    let journey = Journey::start().await;
    journey.world.schedule_audits().await;
    journey
}

async fn coverage(journey: &Journey, caller: Caller) -> Value {
    let call = HttpCall::get("/health/coverage").as_user(caller.user, caller.company, "viewer");
    let reply = journey.call(&journey.worker, call).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let count = |value: &Value| value.as_u64().expect("a count");
    let waiting = answer["waiting"].as_array().expect("a list");
    let waiting: u64 = waiting.iter().map(|some| count(&some["accounts"])).sum();
    assert_eq!(
        count(&answer["connected"]),
        count(&answer["scheduled"]) + count(&answer["unscheduled"]) + waiting,
        "the counts add up: {answer}"
    );
    answer
}

/// Connects so many people of their own and returns their accounts' ids, with their names.
async fn connected(journey: &Journey, number: usize) -> Vec<(String, String)> {
    let mut accounts = Vec::new();
    for number in 0..number {
        let username = format!("covered.number.{number}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        accounts.push((journey.connected(ANN, &username).await, username));
    }
    accounts
}

async fn delete_schedule(world: &World, name: &str) {
    let deleted = world
        .clients
        .scheduler
        .delete_schedule()
        .group_name(SCHEDULE_GROUP)
        .name(name)
        .send()
        .await;
    deleted.expect("there is such a schedule");
}

fn schedule_names(world: &World) -> Vec<String> {
    let all = world.aws.schedules().into_iter();
    let mut names: Vec<_> = all
        .map(|schedule| schedule.name)
        .filter(|name| name != AUDIT_SCHEDULE)
        .collect();
    names.sort();
    names
}

async fn statuses(journey: &Journey) -> Vec<Status> {
    let records = journey.records("acme").await;
    let now = journey.world.now();
    records.iter().map(|record| record.status_at(now)).collect()
}

#[tokio::test]
async fn coverage_is_of_the_callers_company_and_says_when_it_was_audited() {
    let journey = audited().await;
    assert_eq!(coverage(&journey, ANN).await["auditedAt"], Value::Null);
    journey.connected(ANN, "corner.bakery").await;
    journey.connected(BOB, "city.museum").await;
    journey.world.advance(HOUR, &journey.worker).await;
    let answer = coverage(&journey, ANN).await;
    assert_eq!(
        (
            &answer["complete"],
            &answer["connected"],
            &answer["scheduled"]
        ),
        (&json!(true), &json!(1), &json!(1))
    );
    let record = &journey.records("acme").await[0];
    assert_eq!(
        answer["nextRefreshAt"],
        json!(record.next_refresh_at.unwrap().to_string())
    );
    assert_eq!(
        answer["soonestExpiry"],
        json!(record.token_expires_at.unwrap().to_string())
    );
    assert!(answer["auditedAt"].is_string());
    journey.finish().await;
}

#[tokio::test]
async fn g05_schedules_that_somebody_deleted_are_back_within_the_hour() {
    let journey = audited().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = schedule_names(&journey.world);
    for kind in Kind::ALL {
        delete_schedule(&journey.world, &kind.name(&id)).await;
    }
    journey.world.advance(HOUR, &journey.worker).await;
    assert_eq!(schedule_names(&journey.world), before);
    journey.finish().await;
}

#[tokio::test]
async fn g06_schedules_that_belong_to_nobody_are_removed_within_the_hour() {
    let journey = audited().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    // One of an account that never was, and those of an account whose disconnect died before it removed them.
    let app = journey.world.app("test");
    let stranger = "00000000-0000-4000-8000-000000000000";
    let later = journey.world.now() + DAY * 40;
    app.schedules.put_refresh(stranger, 1, later).await.unwrap();
    app.schedules.put_sync(stranger, 1).await.unwrap();
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    journey.call(&journey.accounts, call).await;
    app.schedules.put_refresh(&id, 1, later).await.unwrap();
    journey.world.advance(HOUR, &journey.worker).await;
    assert_eq!(schedule_names(&journey.world), Vec::<String>::new());
    journey.finish().await;
}

#[tokio::test]
async fn an_audit_of_more_than_one_task_can_compare_is_split_and_comes_to_an_end() {
    let journey = audited().await;
    journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let app = journey.world.app("test");
    let later = journey.world.now() + DAY * 40;
    for number in 0..4_100_u32 {
        // Spread over all first digits, and none of them an account.
        let stranger = format!("{:08x}-0000-4000-8000-000000000000", number << 20 | 0xf);
        app.schedules
            .put_refresh(&stranger, 1, later)
            .await
            .unwrap();
    }
    let turned = journey.world.advance(HOUR, &journey.worker).await;
    assert!(turned.delivered > 16, "{turned:?}");
    assert_eq!(schedule_names(&journey.world).len(), 2);
    assert_eq!(coverage(&journey, ANN).await["complete"], json!(true));
    journey.finish().await;
}

#[tokio::test]
async fn one_account_that_cannot_be_mended_keeps_no_other_from_it() {
    let journey = audited().await;
    let accounts = connected(&journey, 3).await;
    journey.settle().await;
    for (id, _) in &accounts {
        delete_schedule(&journey.world, &Kind::Refresh.name(id)).await;
    }
    let refused = AwsFaultKind::Error {
        status: 400,
        code: "ValidationException".into(),
        message: "for a test".into(),
    };
    journey
        .world
        .aws
        .add_fault(AwsFault::on("scheduler", "CreateSchedule", refused).times(1));
    journey.world.advance(HOUR, &journey.worker).await;
    assert_eq!(schedule_names(&journey.world).len(), 5, "one is left");
    journey.world.advance(HOUR, &journey.worker).await;
    assert_eq!(schedule_names(&journey.world).len(), 6);
    journey.finish().await;
}

#[tokio::test]
async fn accounts_that_nobody_can_mend_keep_none_behind_them_from_it() {
    let journey = Journey::start().await;
    // On four pages, of which three are then gone: more accounts than one task of the audit touches.
    connected(&journey, 150).await;
    journey.settle().await;
    let records = journey.records("acme").await;
    for record in &records {
        delete_schedule(&journey.world, &Kind::Refresh.name(&record.id)).await;
    }
    // The page that holds the fewest is kept: of which one that is, chance decides.
    let mut of_page: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for record in &records {
        *of_page.entry(record.token_page.clone()).or_default() += 1;
    }
    let fewest = of_page.into_iter().min_by_key(|(_, accounts)| *accounts);
    let kept = fewest.unwrap().0;
    let is_kept = |record: &Account| record.token_page == kept;
    for record in records.iter().filter(|record| !is_kept(record)) {
        let page = record.token_page.as_deref().unwrap();
        let secrets = &journey.world.clients.secrets;
        let deleted = secrets
            .delete_secret()
            .secret_id(format!("instagram/tokens/{page}"))
            .force_delete_without_recovery(true)
            .send();
        // Several accounts stand on one page.
        let _ = deleted.await;
    }
    assert!(records.iter().filter(|record| !is_kept(record)).count() > 100);
    let worker = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
    journey.world.schedule_audits().await;
    journey.world.advance(HOUR, &worker).await;
    assert_eq!(journey.world.leftovers().await, Vec::<String>::new());
    let names = schedule_names(&journey.world);
    for record in journey.records("acme").await {
        let is_planned = names.contains(&Kind::Refresh.name(&record.id));
        assert_eq!(is_planned, is_kept(&record), "{}", record.id);
        if !is_kept(&record) {
            let reason = record.status_reason.map(|reason| reason.code);
            assert_eq!(reason.as_deref(), Some("token_unavailable"));
        }
    }
}

#[tokio::test]
async fn a_dead_account_waits_for_a_person_with_a_reason_and_keeps_no_schedule() {
    let journey = audited().await;
    let accounts = connected(&journey, 2).await;
    journey.settle().await;
    journey
        .world
        .instagram
        .revoke_tokens_of(&accounts[0].1, Revocation::PasswordChanged);
    journey.world.advance(DAY * 2, &journey.worker).await;
    let answer = coverage(&journey, ANN).await;
    assert_eq!(answer["complete"], json!(true), "{answer}");
    assert_eq!(
        answer["waiting"],
        json!([{"status": "token_expired", "reason": "password_changed", "accounts": 1}])
    );
    assert_eq!(schedule_names(&journey.world).len(), 2);
    // A new connection brings everything back.
    journey.connected(ANN, &accounts[0].1).await;
    let answer = coverage(&journey, ANN).await;
    assert_eq!(
        (&answer["scheduled"], &answer["waiting"]),
        (&json!(2), &json!([]))
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_token_that_runs_out_is_told_by_the_audit_though_no_task_meets_the_account() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    let fault = Fault::new(FaultKind::AppOutage).at("GET /refresh_access_token");
    journey.world.instagram.add_fault(fault);
    journey.world.advance(DAY * 59, &journey.worker).await;
    delete_schedule(&journey.world, &Kind::Sync.name(&id)).await;
    journey.world.schedule_audits().await;
    journey.world.advance(DAY, &journey.worker).await;
    let call = HttpCall::get(&format!("/instagram/accounts/{id}/timeline?limit=1"))
        .as_user("ann", "acme", "viewer");
    let latest = &journey.call(&journey.accounts, call).await.json()["entries"][0];
    assert_eq!(latest["event"], "status_token_expired");
    let answer = coverage(&journey, ANN).await;
    assert_eq!(
        answer["waiting"],
        json!([{"status": "token_expired", "reason": "token_expired", "accounts": 1}])
    );
    assert_eq!(schedule_names(&journey.world), Vec::<String>::new());
    journey.finish().await;
}

#[tokio::test]
async fn b10_a_refusal_that_meets_every_account_is_no_accounts_end() {
    // Fewer than the breaker needs, and more.
    for number in [2, 7] {
        let journey = audited().await;
        connected(&journey, number).await;
        journey.settle().await;
        let everybody = FaultKind::GraphError(
            serde_json::from_value(json!({"status": 400, "code": 190, "subcode": 460})).unwrap(),
        );
        journey.world.instagram.add_fault(Fault::new(everybody));
        // Six hours where there are too few to be sure, and days where there are enough.
        let hours = if number < 4 { 6 } else { 50 };
        journey.world.advance(HOUR * hours, &journey.worker).await;
        journey.world.instagram.clear_faults();
        assert_eq!(statuses(&journey).await, vec![Status::Active; number]);
        journey.world.advance(DAY, &journey.worker).await;
        let records = journey.records("acme").await;
        assert!(records.iter().all(|record| {
            record.status == Status::Active && record.token_suspect_since.is_none()
        }));
        journey.finish().await;
    }
}

#[tokio::test]
async fn accounts_that_have_all_died_are_told_within_a_day_though_no_other_works() {
    let journey = audited().await;
    let accounts = connected(&journey, 3).await;
    journey.settle().await;
    for (_, username) in &accounts {
        journey
            .world
            .instagram
            .revoke_tokens_of(username, Revocation::AppRemoved);
    }
    // The first evidence is each account's next daily sync.
    journey.world.advance(DAY * 2, &journey.worker).await;
    assert_eq!(statuses(&journey).await, [Status::Revoked; 3]);
    assert_eq!(coverage(&journey, ANN).await["complete"], json!(true));
    journey.finish().await;
}
