//! The process ends, or sleeps while others act, after every wait of a refresh and of what ends a connection.

use std::pin::pin;

use instagram_sim::{Person, TokenRotation};
use jiff::SignedDuration;
use shared::account::Status;
use shared::lambda::{Context, Function};
use shared::policy;
use world::Decision;
use world::gateway::{HttpCall, api_gateway_event};
use world::sqs_event::{BATCH_SIZE, done, sqs_event};

use crate::crash::{ended_after, held_after};
use crate::journey::{ANN, Journey};
use crate::renewals::{
    DAY, assert_token_lives, cold_worker, granted_refreshes, is_done_by, only_record, refresh_of,
    refreshes, timeline, turn_to_refresh_of, with_a_short_token,
};

/// Longer than a message stays hidden: what died is delivered again.
const REDELIVERED: SignedDuration = SignedDuration::from_mins(10);
/// Long enough for a few audits.
const A_FEW_HOURS: SignedDuration = SignedDuration::from_hours(3);

/// The refresh's schedule fires, and a sandbox takes the message and dies after so many waits, so that the message is
/// delivered again; `true` where it came to its end before.
async fn dies_with_the_message(journey: &Journey, waits: usize) -> bool {
    let account = only_record(journey).await;
    // What else was due on the way is done, so that the queue holds this one message.
    turn_to_refresh_of(journey, &account).await;
    journey.world.clock.advance(SignedDuration::from_secs(-1));
    journey
        .world
        .advance(SignedDuration::ZERO, &journey.worker)
        .await;
    journey.world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(journey.world.aws.fire_due_schedules().await, 1);
    let (client, resources) = (&journey.world.clients.sqs, &journey.world.resources);
    let received = client
        .receive_message()
        .queue_url(&resources.queue_url)
        .max_number_of_messages(BATCH_SIZE)
        .send()
        .await
        .expect("an answer");
    let messages = received.messages();
    assert_eq!(messages.len(), 1);
    journey.world.instagram.clear_calls();
    let mut context = Context::default();
    context.deadline =
        u64::try_from(journey.world.clock.milliseconds() + 30_000).expect("an answer");
    let sandbox = cold_worker(journey);
    let event = sqs_event(messages, &resources.queue_arn);
    let Some(answer) = ended_after(waits, sandbox.invoke(&event, context)).await else {
        return false;
    };
    for message in done(messages, answer.expect("an answer").get()) {
        client
            .delete_message()
            .queue_url(&resources.queue_url)
            .receipt_handle(message.receipt_handle().expect("an answer"))
            .send()
            .await
            .expect("an answer");
    }
    true
}

/// How long the lease that a dead process left behind still lasts: never longer than a lease.
async fn assert_lease_ends(journey: &Journey, account: &str) {
    let table = &journey.world.app("test").table;
    let now = journey.world.now();
    let until = table.leased_until(account, now).await.expect("an answer");
    assert!(until.is_none_or(|until| until <= now + policy::LEASE));
}

#[tokio::test]
async fn b01_b02_wherever_a_refresh_ends_the_next_delivery_renews_the_token() {
    let journey = with_a_short_token(TokenRotation::New).await;
    let mut waits = 0;
    loop {
        let before = only_record(&journey).await;
        let ended = dies_with_the_message(&journey, waits).await;
        assert_lease_ends(&journey, &before.id).await;
        journey.world.advance(REDELIVERED, &journey.worker).await;
        let after = only_record(&journey).await;
        assert_eq!(after.status, Status::Active, "{waits}");
        assert_eq!(after.token_generation, before.token_generation + 1);
        assert_eq!(after.last_token_refresh_error, None, "{waits}");
        assert!((1..=2).contains(&granted_refreshes(&journey)), "{waits}");
        assert_token_lives(&journey, &after).await;
        journey.assert_consistent(&["acme"]).await;
        if ended {
            break;
        }
        waits += 1;
    }
    assert!(waits > 12, "a refresh waits more often than {waits} times");
    journey.finish().await;
}

#[tokio::test]
async fn b01_wherever_a_refresh_that_keeps_the_text_ends_the_token_is_renewed_within_a_day() {
    let journey = with_a_short_token(TokenRotation::Same).await;
    let mut waits = 0;
    loop {
        let before = only_record(&journey).await;
        let ended = dies_with_the_message(&journey, waits).await;
        journey.world.advance(REDELIVERED, &journey.worker).await;
        let after = only_record(&journey).await;
        assert_eq!(after.status, Status::Active, "{waits}");
        assert_token_lives(&journey, &after).await;
        journey.assert_consistent(&["acme"]).await;
        if after.token_generation == before.token_generation {
            // To Instagram the token is young again, which it says by an error; a day later it is renewed.
            assert_eq!((refreshes(&journey), granted_refreshes(&journey)), (2, 1));
            journey.world.advance(DAY, &journey.worker).await;
            let after = only_record(&journey).await;
            assert_eq!(after.token_generation, before.token_generation + 1);
            assert_eq!(after.last_token_refresh_error, None, "{waits}");
        }
        if ended {
            break;
        }
        waits += 1;
    }
    assert!(waits > 12, "a refresh waits more often than {waits} times");
    journey.finish().await;
}

#[tokio::test]
async fn b01_a_refresh_that_ends_with_the_only_token_is_told_within_one_run_and_never_loops() {
    let journey = with_a_short_token(TokenRotation::NewRevokesOld).await;
    let (mut waits, mut dead) = (0, 0);
    loop {
        let before = only_record(&journey).await;
        let told_before = timeline(&journey, &before.id).await.len();
        let ended = dies_with_the_message(&journey, waits).await;
        assert_lease_ends(&journey, &before.id).await;
        journey.world.advance(REDELIVERED, &journey.worker).await;
        let after = only_record(&journey).await;
        assert_eq!(granted_refreshes(&journey), 1, "{waits}");
        journey.assert_consistent(&["acme"]).await;
        if after.token_generation > before.token_generation {
            assert_eq!(after.status, Status::Active, "{waits}");
            assert_token_lives(&journey, &after).await;
        } else {
            dead += 1;
            assert_eq!(after.status, Status::TokenExpired, "{waits}");
            assert_eq!(refreshes(&journey), 2, "{waits}");
            assert!(
                after
                    .status_reason
                    .is_some_and(|reason| reason.message.len() > 20)
            );
            assert_eq!(journey.world.aws.schedules().len(), 0, "{waits}");
            journey.world.advance(DAY * 3, &journey.worker).await;
            assert_eq!(refreshes(&journey), 2, "{waits}: nobody asks again");
            let told = timeline(&journey, &before.id).await;
            assert_eq!(told.len(), told_before + 1, "{waits}: {told:?}");
            assert_eq!(told[0], "status_token_expired");
            journey.connected(ANN, "corner.bakery").await;
            journey.settle().await;
        }
        if ended {
            break;
        }
        waits += 1;
    }
    assert!(waits > 12, "a refresh waits more often than {waits} times");
    assert!(dead > 0 && dead < waits / 2, "{dead} of {waits}");
    journey.finish().await;
}

/// What somebody does while a refresh sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Disconnect,
    Reconnect,
    Delete,
}

/// At every wait of a refresh, somebody ends or renews the connection, and only then the refresh goes on.
async fn overtaken_by(what: Meanwhile) {
    let journey = with_a_short_token(TokenRotation::New).await;
    let mut waits = 0;
    loop {
        let before = only_record(&journey).await;
        turn_to_refresh_of(&journey, &before).await;
        let worker = cold_worker(&journey);
        let mut refresh = pin!(is_done_by(&worker, &journey, refresh_of(&before)));
        let ended = held_after(waits, &mut refresh).await.is_some();
        let target = format!("/instagram/accounts/{}", before.id);
        let call = match what {
            Meanwhile::Disconnect => Some(HttpCall::post(&format!("{target}/disconnect"))),
            Meanwhile::Delete => Some(HttpCall::delete(&target)),
            Meanwhile::Reconnect => None,
        };
        match call {
            Some(call) => {
                let call = call.as_user("ann", "acme", "editor");
                let reply = journey.call(&journey.accounts, call).await;
                assert!(matches!(reply.status, 200 | 204), "{}", reply.text());
            }
            None => {
                journey.connected(ANN, "corner.bakery").await;
            }
        }
        let meanwhile = journey.records("acme").await;
        let app = journey.world.cold("test");
        let token = match meanwhile.first().filter(|record| record.is_connected()) {
            Some(record) => Some(app.vault.token(record).await.expect("an answer")),
            None => None,
        };
        assert_eq!(token.is_some(), what == Meanwhile::Reconnect);
        if !ended {
            assert!(refresh.await, "{what:?} at {waits}");
        }
        // No token comes back, and no schedule of a connection that is over: at once, and without an audit.
        journey.assert_consistent(&["acme"]).await;
        let now = journey.records("acme").await;
        assert_eq!(now.len(), meanwhile.len());
        if let (Some(now), Some(token)) = (now.first(), token) {
            assert_eq!(now.token_generation, meanwhile[0].token_generation);
            assert!(
                journey
                    .world
                    .cold("test")
                    .vault
                    .token(now)
                    .await
                    .expect("an answer")
                    == token,
                "{what:?} at {waits}: the new connection's token"
            );
        } else {
            journey.connected(ANN, "corner.bakery").await;
        }
        journey.settle().await;
        if ended {
            break;
        }
        waits += 1;
    }
    assert!(waits > 12, "a refresh waits more often than {waits} times");
    journey.finish().await;
}

#[tokio::test]
async fn b15_a_refresh_that_a_disconnect_overtakes_brings_nothing_back() {
    overtaken_by(Meanwhile::Disconnect).await;
}

#[tokio::test]
async fn b15_a_refresh_that_a_reconnect_overtakes_leaves_the_new_token() {
    overtaken_by(Meanwhile::Reconnect).await;
}

#[tokio::test]
async fn b15_a_refresh_that_a_delete_overtakes_brings_nothing_back() {
    overtaken_by(Meanwhile::Delete).await;
}

#[tokio::test]
async fn wherever_a_disconnect_ends_audits_leave_nothing_over() {
    let journey = Journey::start().await;
    journey.world.schedule_audits().await;
    let mut waits = 0;
    loop {
        let id = journey.connected(ANN, "corner.bakery").await;
        journey.settle().await;
        let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
            .as_user("ann", "acme", "editor");
        let sandbox = Function::new(journey.world.cold("accounts")).with_routes(accounts::routes());
        let event = api_gateway_event(&call, journey.world.now());
        let outcome = ended_after(waits, sandbox.invoke(&event, Context::default())).await;
        journey.world.advance(A_FEW_HOURS, &journey.worker).await;
        journey.assert_consistent(&["acme"]).await;
        if outcome.is_some() {
            break;
        }
        waits += 1;
    }
    assert!(
        waits > 8,
        "a disconnect waits more often than {waits} times"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a14_a15_wherever_a_callback_ends_audits_leave_nothing_half_done() {
    let journey = Journey::start().await;
    journey.world.schedule_audits().await;
    let mut waits = 0;
    loop {
        let username = format!("crash.number.{waits}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let begun = journey.begin(ANN).await;
        let call = journey.redirected(&begun, &username, Decision::Allow).await;
        let sandbox = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let event = api_gateway_event(&call, journey.world.now());
        let outcome = ended_after(waits, sandbox.invoke(&event, Context::default())).await;
        journey.world.advance(A_FEW_HOURS, &journey.worker).await;
        journey.assert_consistent(&["acme"]).await;
        for record in journey.records("acme").await {
            assert!(!record.setup_pending && record.next_refresh_at.is_some());
        }
        if outcome.is_some() {
            break;
        }
        waits += 1;
    }
    assert!(waits > 20, "a callback waits more often than {waits} times");
    journey.finish().await;
}
