//! The process ends anywhere: after every wait of the callback.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use instagram_sim::Person;
use jiff::SignedDuration;
use shared::lambda::{Context, Function};
use world::Decision;
use world::gateway::api_gateway_event;

use crate::journey::{ANN, Journey};

/// Runs a future until it waits for the `waits`-th time, and drops it there, as a process that ends does: what was sent
/// is on its way, what comes back reaches nobody. `None`: it was dropped.
pub(crate) async fn ended_after<F: Future>(waits: usize, future: F) -> Option<F::Output> {
    held_after(waits, &mut pin!(future)).await
}

/// Runs a future until it waits for the `waits`-th time, and leaves it standing there, as a process that the machine has
/// forgotten for a while: whoever polls it again lets it go on. `None`: it stands.
pub(crate) async fn held_after<F: Future + Unpin>(
    waits: usize,
    future: &mut F,
) -> Option<F::Output> {
    let mut waited = 0;
    poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn a14_a15_wherever_the_callback_ends_the_next_login_converges() {
    let journey = Journey::start().await;
    let mut ended = 0;
    loop {
        let username = format!("crash.number.{ended}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let begun = journey.begin(ANN).await;
        let call = journey.redirected(&begun, &username, Decision::Allow).await;
        let sandbox = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let event = api_gateway_event(&call, journey.world.now());
        let outcome = ended_after(ended, sandbox.invoke(&event, Context::default())).await;
        // What the dead process had queued is delivered, and is enough: nobody has to log in again for what was written.
        journey.settle().await;
        journey.assert_consistent(&["acme"]).await;
        assert!(
            journey.records("acme").await.len() <= ended + 1,
            "never two records for one account"
        );

        journey.connected(ANN, &username).await;
        let records = journey.records("acme").await;
        assert_eq!(
            records.len(),
            ended + 1,
            "one account for each person so far"
        );
        let record = records
            .iter()
            .find(|record| record.username.as_deref() == Some(&username))
            .unwrap();
        let token = journey
            .world
            .cold("test")
            .vault
            .token(record)
            .await
            .unwrap();
        assert!(journey.world.instagram.is_live_token(token.expose()));
        if outcome.is_some() {
            break;
        }
        ended += 1;
    }
    assert!(
        ended > 20,
        "the callback waits more often than {ended} times"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a18_wherever_a_reconnect_ends_the_schedules_follow_the_connection_that_counts() {
    let journey = Journey::start().await;
    journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let mut ended = 0;
    loop {
        let begun = journey.begin(ANN).await;
        let call = journey
            .redirected(&begun, "corner.bakery", Decision::Allow)
            .await;
        let sandbox = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let event = api_gateway_event(&call, journey.world.now());
        let outcome = ended_after(ended, sandbox.invoke(&event, Context::default())).await;
        journey
            .world
            .advance(SignedDuration::from_hours(24), &journey.worker)
            .await;
        journey.assert_consistent(&["acme"]).await;
        let record = &journey.records("acme").await[0];
        assert!(!record.setup_pending && !record.webhook_fields.is_empty());
        if outcome.is_some() {
            break;
        }
        ended += 1;
    }
    assert!(
        ended > 20,
        "the callback waits more often than {ended} times"
    );
    journey.finish().await;
}
