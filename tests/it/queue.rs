//! Deliveries that come twice, at once, late or from the dead letters: each does its work once.

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use futures_util::future::join_all;
use instagram_sim::{Fault, FaultKind, TokenRotation};
use jiff::SignedDuration;
use shared::account::Status;
use shared::lambda::Function;
use world::resources::{
    DEAD_LETTERS, MAX_RECEIVE_COUNT, VISIBILITY_SECONDS, WORKER_TIMEOUT_SECONDS,
};

use crate::journey::{ANN, Journey};
use crate::renewals::{
    DAY, assert_token_lives, cold_worker, granted_refreshes, is_done_by, only_record, refresh_of,
    refreshes, scheduled_at, timeline, turn_to_refresh_of, with_a_short_token,
};
use crate::tasks::{batch, failed_of};

/// Puts a message on the accounts' queue.
async fn send(journey: &Journey, body: &str) {
    let queue = &journey.world.resources.queue_url;
    let client = &journey.world.clients.sqs;
    let sent = client.send_message().queue_url(queue).message_body(body);
    sent.send().await.expect("an answer");
}

/// Moves what lies in the dead letters back to the accounts' queue, as an operator does; how many that were.
async fn redrive(journey: &Journey) -> usize {
    let client = &journey.world.clients.sqs;
    let dead_letters = &journey.world.resources.dead_letters_url;
    let mut moved = 0;
    loop {
        let received = client
            .receive_message()
            .queue_url(dead_letters)
            .max_number_of_messages(10)
            .send()
            .await
            .expect("an answer");
        if received.messages().is_empty() {
            return moved;
        }
        for message in received.messages() {
            send(journey, message.body().expect("an answer")).await;
            client
                .delete_message()
                .queue_url(dead_letters)
                .receipt_handle(message.receipt_handle().expect("an answer"))
                .send()
                .await
                .expect("an answer");
            moved += 1;
        }
    }
}

#[tokio::test]
async fn g01_a_refresh_that_is_delivered_twice_or_at_once_is_done_once() {
    let journey = with_a_short_token(TokenRotation::NewRevokesOld).await;
    let id = only_record(&journey).await.id;
    for in_one_batch in [true, false] {
        let before = only_record(&journey).await;
        turn_to_refresh_of(&journey, &before).await;
        journey.world.instagram.clear_calls();
        let body = refresh_of(&before);
        if in_one_batch {
            let in_time = journey.world.clock.milliseconds() + 30_000;
            let event = batch(&[body.clone(), body.clone(), body]);
            let failed = failed_of(&journey.worker, &event, in_time).await;
            assert_eq!(failed, Vec::<String>::new());
        } else {
            let sandboxes: Vec<_> = (0..5).map(|_| cold_worker(&journey)).collect();
            let deliveries = sandboxes
                .iter()
                .map(|sandbox| is_done_by(sandbox, &journey, body.clone()));
            assert!(join_all(deliveries).await.iter().all(|done| *done));
        }
        journey.settle().await;
        let after = only_record(&journey).await;
        assert_eq!(refreshes(&journey), 1);
        assert_eq!(after.token_generation, before.token_generation + 1);
        assert_eq!(after.status, Status::Active);
        assert_token_lives(&journey, &after).await;
        assert_eq!(scheduled_at(&journey, &id), after.next_refresh_at);
    }
    assert_eq!(
        timeline(&journey, &id).await,
        ["token_refreshed", "token_refreshed", "connected"]
    );
    journey.finish().await;
}

#[tokio::test]
async fn g01_a_queue_that_delivers_everything_twice_changes_nothing() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let twice = AwsFault::on("sqs", "ReceiveMessage", AwsFaultKind::DuplicateDelivery).times(3);
    turn_to_refresh_of(&journey, &only_record(&journey).await).await;
    journey.world.aws.add_fault(twice);
    journey.world.advance(DAY, &journey.worker).await;
    journey.world.aws.clear_faults();
    assert_eq!(granted_refreshes(&journey), 1);
    let after = only_record(&journey).await;
    assert_eq!(scheduled_at(&journey, &id), after.next_refresh_at);
    journey.finish().await;
}

#[test]
fn g02_a_message_stays_hidden_for_six_times_as_long_as_its_worker_may_take() {
    let visibility = SignedDuration::from_secs(VISIBILITY_SECONDS);
    let timeout = SignedDuration::from_secs(WORKER_TIMEOUT_SECONDS);
    assert!(visibility >= timeout * 6);
    // And a lease outlives its holder, whom Lambda ends by then, and ends before the message is delivered again.
    assert!(shared::policy::LEASE > timeout && shared::policy::LEASE < visibility);
}

#[tokio::test]
async fn g05_a_schedule_that_fires_twice_refreshes_once() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = only_record(&journey).await;
    turn_to_refresh_of(&journey, &before).await;
    // EventBridge Scheduler promises at least one delivery, and no more than that.
    send(&journey, &refresh_of(&before)).await;
    journey.settle().await;
    assert_eq!(refreshes(&journey), 1);
    let after = only_record(&journey).await;
    assert!(after.next_refresh_at.unwrap() > journey.world.now() + DAY * 48);
    // A day later once more, from a copy that was stuck.
    journey.world.advance(DAY, &journey.worker).await;
    send(&journey, &refresh_of(&before)).await;
    journey.settle().await;
    assert_eq!(refreshes(&journey), 1);
    assert_eq!(scheduled_at(&journey, &id), after.next_refresh_at);
    journey.finish().await;
}

#[tokio::test]
async fn g05_a_schedule_that_does_not_fire_for_days_is_made_up_for() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    // One account was forgotten by Scheduler altogether: neither of its schedules exists any more.
    let app = journey.world.app("test");
    app.schedules.remove(&id).await.unwrap();
    let before = only_record(&journey).await;
    turn_to_refresh_of(&journey, &before).await;
    journey.world.clock.advance(DAY * 3);
    journey.world.schedule_audits().await;
    journey
        .world
        .advance(SignedDuration::from_hours(2), &journey.worker)
        .await;
    let after = only_record(&journey).await;
    assert_eq!(granted_refreshes(&journey), 1);
    assert_eq!(after.token_generation, before.token_generation + 1);
    assert_eq!(after.status, Status::Active);
    journey.assert_consistent(&["acme"]).await;
    journey.finish().await;
}

#[tokio::test]
async fn g05_when_nothing_fires_for_a_day_and_more_every_account_is_refreshed_afterwards() {
    let journey = Journey::start().await;
    for username in ["corner.bakery", "ann.makes", "city.museum"] {
        journey.connected(ANN, username).await;
    }
    journey.settle().await;
    journey.world.clock.advance(DAY * 49);
    journey.world.schedule_audits().await;
    journey.world.aws.add_fault(AwsFault::on(
        "scheduler",
        "Deliver",
        AwsFaultKind::ServerError,
    ));
    journey.world.advance(DAY * 2, &journey.worker).await;
    assert_eq!(refreshes(&journey), 0);
    journey.world.aws.clear_faults();
    journey.world.advance(DAY, &journey.worker).await;
    assert_eq!(granted_refreshes(&journey), 3);
    for record in journey.records("acme").await {
        assert_eq!(record.status, Status::Active);
        assert!(!record.needs_refresh(journey.world.now()));
    }
    journey.finish().await;
}

#[tokio::test]
async fn g07_what_is_moved_back_from_the_dead_letters_is_done_once() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = only_record(&journey).await;
    turn_to_refresh_of(&journey, &before).await;
    // The vault does not answer a cold sandbox until the message has been received too often.
    let denied = AwsFaultKind::Error {
        status: 400,
        code: "AccessDeniedException".into(),
        message: "for a test".into(),
    };
    journey
        .world
        .aws
        .add_fault(AwsFault::on("secretsmanager", "GetSecretValue", denied));
    let worker: Function = cold_worker(&journey);
    journey
        .world
        .advance(SignedDuration::from_hours(1), &worker)
        .await;
    let dead = journey.world.aws.messages(DEAD_LETTERS);
    assert!(
        dead.iter().any(|body| body.contains("refreshToken")),
        "received {MAX_RECEIVE_COUNT} times: {dead:?}"
    );
    assert_eq!(only_record(&journey).await.status, Status::Active);
    journey.world.aws.clear_faults();

    // Moved back, and once more as a whole: what was done is not done again.
    assert_eq!(redrive(&journey).await, dead.len());
    journey.settle().await;
    let after = only_record(&journey).await;
    assert_eq!(after.token_generation, before.token_generation + 1);
    let told = timeline(&journey, &id).await;
    for body in &dead {
        send(&journey, body).await;
    }
    journey.settle().await;
    let again = only_record(&journey).await;
    assert_eq!(granted_refreshes(&journey), 1);
    assert_eq!(again.token_generation, after.token_generation);
    assert_eq!(again.next_refresh_at, after.next_refresh_at);
    assert_eq!(scheduled_at(&journey, &id), after.next_refresh_at);
    assert_eq!(timeline(&journey, &id).await, told);
    journey.finish().await;
}

#[tokio::test]
async fn g07_what_lay_in_the_dead_letters_while_the_account_was_connected_anew_does_nothing() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let stale = refresh_of(&only_record(&journey).await);
    journey.world.clock.advance(DAY * 20);
    journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = only_record(&journey).await;
    // Even where Instagram would refuse, which it is not asked for.
    journey.world.instagram.clear_calls();
    journey
        .world
        .instagram
        .add_fault(Fault::new(FaultKind::graph_error(400, 190, Some(463))));
    send(&journey, &stale).await;
    journey.settle().await;
    let calls = journey.world.instagram.calls();
    assert!(calls.is_empty(), "{calls:?}");
    let after = only_record(&journey).await;
    assert_eq!(after, before);
    assert_eq!(scheduled_at(&journey, &id), before.next_refresh_at);
    journey.world.instagram.clear_faults();
    journey.finish().await;
}
