//! Renewing a token: by a person, by the task, and when it is not to be renewed.

use futures_util::future::join;
use instagram_sim::{Fault, FaultKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::account::Status;
use shared::policy;
use world::gateway::{HttpCall, Reply};

use crate::journey::{ANN, Journey};
use crate::renewals::{
    DAY, REFRESH, assert_token_lives, cold_worker, granted_refreshes, is_done_by, only_record,
    refresh_of, refreshes, renewed_by_person, scheduled_at, timeline, turn_to_refresh_of,
};

/// A world with one account, whose first sync is over.
async fn connected() -> (Journey, String) {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    journey.world.instagram.clear_calls();
    (journey, id)
}

fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (status, Some(code)),
        "{}",
        reply.text()
    );
}

fn seconds_to_wait(reply: &Reply) -> i64 {
    let header = reply.header("retry-after").expect("a time to wait");
    header.parse().expect("seconds")
}

fn time_in(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}

#[tokio::test]
async fn a_person_renews_a_connection_that_is_a_day_old() {
    let (journey, id) = connected().await;
    journey.world.clock.advance(DAY * 3);
    let now = journey.world.now();
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let shown = reply.json();
    let expiry = time_in(&shown["tokenExpiresAt"]);
    let next = time_in(&shown["nextRefreshAt"]);
    assert_eq!(expiry, now + DAY * 60);
    assert_eq!(time_in(&shown["lastTokenRefreshAt"]), now);
    assert!(next <= expiry - DAY * 10 && next >= expiry - DAY * 11);
    assert_eq!(scheduled_at(&journey, &id), Some(next));
    assert_eq!(granted_refreshes(&journey), 1);
    let call = HttpCall::get(&format!("/instagram/accounts/{id}/timeline"))
        .as_user("ann", "acme", "viewer");
    let entry = journey.call(&journey.accounts, call).await.json()["entries"][0].clone();
    assert_eq!(entry["event"], "token_refreshed");
    assert_eq!(entry["by"], "ann");
    assert_token_lives(&journey, &only_record(&journey).await).await;
    journey.finish().await;
}

#[tokio::test]
async fn b06_a_person_is_told_from_when_on_a_young_token_can_be_renewed() {
    let (journey, id) = connected().await;
    let issued = only_record(&journey).await.connected_at;
    journey.world.clock.advance(SignedDuration::from_hours(23));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 409, "token_too_young");
    let wait = seconds_to_wait(&reply);
    let allowed = issued + policy::YOUNGEST_REFRESHABLE;
    let left = allowed.duration_since(journey.world.now()).as_secs();
    assert!((left..=left + 1).contains(&wait), "{wait} of {left}");
    assert_eq!(refreshes(&journey), 0);
    // Whoever waits for so long is served.
    journey.world.clock.advance(SignedDuration::from_secs(wait));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    journey.finish().await;
}

#[tokio::test]
async fn b06_a_task_that_comes_too_early_changes_nothing() {
    let (journey, id) = connected().await;
    // At once, within the first day, and later.
    for hours in [0, 23, 24 * 20] {
        let before = only_record(&journey).await;
        let planned = scheduled_at(&journey, &id);
        journey
            .world
            .clock
            .advance(SignedDuration::from_hours(hours));
        assert!(is_done_by(&journey.worker, &journey, refresh_of(&before)).await);
        let after = only_record(&journey).await;
        assert_eq!(after, before, "after {hours} hours");
        assert_eq!(scheduled_at(&journey, &id), planned, "after {hours} hours");
    }
    assert_eq!(refreshes(&journey), 0);
    assert_eq!(timeline(&journey, &id).await, ["connected"]);
    journey.finish().await;
}

#[tokio::test]
async fn b07_a_token_that_ran_out_is_not_renewed_and_is_told_once() {
    let (journey, id) = connected().await;
    journey.world.clock.advance(DAY * 60);
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 409, "token_expired");
    for _ in 0..3 {
        let account = only_record(&journey).await;
        assert!(is_done_by(&journey.worker, &journey, refresh_of(&account)).await);
        journey.world.advance(DAY, &journey.worker).await;
    }
    assert_eq!(refreshes(&journey), 0);
    assert_eq!(
        timeline(&journey, &id).await,
        ["status_token_expired", "connected"]
    );
    assert_eq!(only_record(&journey).await.status, Status::TokenExpired);
    assert_eq!(journey.world.aws.schedules().len(), 0);
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 409, "token_expired");
    journey.finish().await;
}

#[tokio::test]
async fn after_a_failure_nobody_asks_instagram_again_for_a_while() {
    let (journey, id) = connected().await;
    turn_to_refresh_of(&journey, &only_record(&journey).await).await;
    let fault = Fault::new(FaultKind::AppOutage).at(REFRESH).times(1);
    journey.world.instagram.add_fault(fault);
    let account = only_record(&journey).await;
    assert!(is_done_by(&journey.worker, &journey, refresh_of(&account)).await);
    assert_eq!(refreshes(&journey), 1);
    let failed = only_record(&journey).await;
    let next_day = journey.world.now() + policy::RETRY_REFRESH_AFTER;
    assert_eq!(failed.next_refresh_at, Some(policy::full_second(next_day)));

    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 429, "refresh_just_failed");
    let wait = seconds_to_wait(&reply);
    assert!((1..=601).contains(&wait), "{wait}");
    // The task that failed comes once more: its next try stays where it is.
    for function in [&journey.worker, &cold_worker(&journey)] {
        assert!(is_done_by(function, &journey, refresh_of(&account)).await);
    }
    assert_eq!(refreshes(&journey), 1);
    assert_eq!(only_record(&journey).await, failed);

    journey.world.clock.advance(SignedDuration::from_secs(wait));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["lastTokenRefreshError"], Value::Null);
    journey.finish().await;
}

#[tokio::test]
async fn c11_while_a_rate_limit_lasts_no_renewal_is_asked_for() {
    let (journey, id) = connected().await;
    journey.world.clock.advance(DAY * 2);
    let limit = Fault::new(FaultKind::RateLimit { minutes: 30 }).times(1);
    journey.world.instagram.add_fault(limit.at(REFRESH));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert_eq!(seconds_to_wait(&reply), 1_800);
    journey.world.clock.advance(SignedDuration::from_mins(29));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 429, "rate_limited");
    assert_eq!(seconds_to_wait(&reply), 60);
    assert_eq!(refreshes(&journey), 1);
    journey.world.clock.advance(SignedDuration::from_mins(1));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["status"], "active");
    // The sync waited as well, with its message.
    journey.advance(SignedDuration::from_mins(15)).await;
    journey.finish().await;
}

#[tokio::test]
async fn who_may_not_write_and_what_is_not_connected_is_not_renewed() {
    let (journey, id) = connected().await;
    journey.world.clock.advance(DAY * 2);
    let target = format!("/instagram/accounts/{id}/refresh");
    let viewer = HttpCall::post(&target).as_user("vic", "acme", "viewer");
    assert_eq!(journey.call(&journey.worker, viewer).await.status, 403);
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 409, "{}", reply.text());
    assert_eq!(refreshes(&journey), 0);
    journey.finish().await;
}

#[tokio::test]
async fn b03_who_meets_a_running_renewal_gets_its_result() {
    let (journey, id) = connected().await;
    journey.world.clock.advance(DAY * 2);
    let slow = Fault::new(FaultKind::ApplyThenDelay(400)).at(REFRESH);
    journey.world.instagram.add_fault(slow.times(1));
    let (one, other) = (cold_worker(&journey), cold_worker(&journey));
    let (first, second) = join(
        renewed_by_person(&journey, &id, &one),
        renewed_by_person(&journey, &id, &other),
    )
    .await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(
        first.json()["tokenExpiresAt"],
        second.json()["tokenExpiresAt"]
    );
    assert_eq!(refreshes(&journey), 1);
    journey.finish().await;
}

#[tokio::test]
async fn b03_who_meets_a_renewal_that_fails_is_told_the_same() {
    let (journey, id) = connected().await;
    journey.world.clock.advance(DAY * 2);
    for fault in [FaultKind::Delay(400), FaultKind::AppOutage] {
        journey
            .world
            .instagram
            .add_fault(Fault::new(fault).at(REFRESH).times(1));
    }
    let (one, other) = (cold_worker(&journey), cold_worker(&journey));
    let (first, second) = join(
        renewed_by_person(&journey, &id, &one),
        renewed_by_person(&journey, &id, &other),
    )
    .await;
    assert_eq!(first.status, second.status);
    assert_eq!(first.json()["code"], second.json()["code"]);
    assert_eq!(refreshes(&journey), 1);
    journey.finish().await;
}

#[tokio::test]
async fn b12_whatever_expires_in_says_the_record_holds_an_hour_to_sixty_days() {
    let hour = SignedDuration::from_hours(1);
    for (said, taken) in [
        (None, DAY * 60),
        (Some(json!(0)), hour),
        (Some(json!(-5)), hour),
        (Some(json!("a while")), DAY * 60),
        (Some(json!("86400")), DAY),
        (Some(json!(1_000_000_000_000_i64)), DAY * 60),
        (Some(json!(i64::MAX)), DAY * 60),
        (Some(json!(1e300)), DAY * 60),
        (Some(json!(null)), DAY * 60),
        (Some(json!([1])), DAY * 60),
    ] {
        let (journey, id) = connected().await;
        journey.world.clock.advance(DAY * 2);
        let fault = Fault::new(FaultKind::ExpiresIn(said.clone())).at(REFRESH);
        journey.world.instagram.add_fault(fault.times(1));
        let now = journey.world.now();
        let reply = renewed_by_person(&journey, &id, &journey.worker).await;
        assert_eq!(reply.status, 200, "{said:?}: {}", reply.text());
        let record = only_record(&journey).await;
        assert_eq!(record.token_expires_at, Some(now + taken), "{said:?}");
        journey.finish().await;
    }
}

#[tokio::test]
async fn b13_a_clock_that_is_ten_minutes_ahead_of_metas_asks_for_no_renewal_too_early() {
    let (journey, id) = connected().await;
    let issued = only_record(&journey).await.connected_at;
    // To Meta the token is ten minutes younger than to us.
    let day_and_skew = 86_400 + 600;
    journey
        .world
        .instagram
        .update_settings(|settings| settings.minimum_refresh_age_seconds = day_and_skew);
    let allowed = issued + policy::YOUNGEST_REFRESHABLE;
    let left = allowed.duration_since(journey.world.now());
    journey
        .world
        .clock
        .advance(left - SignedDuration::from_millis(1));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 409, "token_too_young");
    journey.world.clock.advance(SignedDuration::from_millis(1));
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    journey.finish().await;
}

#[tokio::test]
async fn b14_a_token_of_somebody_else_is_not_taken() {
    let (journey, id) = connected().await;
    turn_to_refresh_of(&journey, &only_record(&journey).await).await;
    let before = only_record(&journey).await;
    let old = journey
        .world
        .cold("test")
        .vault
        .token(&before)
        .await
        .unwrap();
    let fault = Fault::new(FaultKind::WrongUserToken).at(REFRESH).times(1);
    journey.world.instagram.add_fault(fault);
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_refused(&reply, 409, "wrong_account");
    let after = only_record(&journey).await;
    assert_eq!(after.token_generation, before.token_generation);
    assert_eq!(after.token_expires_at, before.token_expires_at);
    assert_eq!(after.status, Status::Active);
    assert_eq!(
        after.last_token_refresh_error.unwrap().code,
        "wrong_account"
    );
    let kept = journey
        .world
        .cold("test")
        .vault
        .token(&before)
        .await
        .unwrap();
    assert!(kept == old, "the old token is kept");
    // A day later all is well again.
    journey.world.advance(DAY * 2, &journey.worker).await;
    let healed = only_record(&journey).await;
    assert_eq!(healed.token_generation, before.token_generation + 1);
    assert_eq!(healed.last_token_refresh_error, None);
    journey.finish().await;
}

#[tokio::test]
async fn b09_a_token_at_risk_is_told_once_and_told_anew_for_the_next_token() {
    let (journey, id) = connected().await;
    let told = |events: &[String]| {
        let is_told = |event: &&String| *event == "token_at_risk";
        events.iter().filter(is_told).count()
    };
    for times in 1..=2 {
        let fault = Fault::new(FaultKind::AppOutage).at(REFRESH);
        journey.world.instagram.add_fault(fault);
        let expiry = only_record(&journey).await.token_expires_at.unwrap();
        let until = |left: SignedDuration| (expiry - left).duration_since(journey.world.now());
        let (warned, late) = (DAY * 7 + SignedDuration::from_hours(1), DAY * 2);
        journey.world.advance(until(warned), &journey.worker).await;
        assert_eq!(told(&timeline(&journey, &id).await), times - 1, "not yet");
        journey.world.advance(until(late), &journey.worker).await;
        assert_eq!(told(&timeline(&journey, &id).await), times, "once");
        assert_eq!(only_record(&journey).await.status, Status::Active);
        journey.world.instagram.clear_faults();
        journey.world.advance(DAY, &journey.worker).await;
        assert_eq!(only_record(&journey).await.at_risk_since, None);
    }
    journey.finish().await;
}
