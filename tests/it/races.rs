//! Two callbacks for one Instagram account at once: one account, one owner, and the other gets a clean answer.

use aws_sim::{Fault, FaultKind};
use futures_util::future::join;
use instagram_sim::Person;
use shared::account::Status;
use world::Decision;
use world::gateway::HttpCall;

use crate::journey::{ANN, BOB, Caller, Journey, account_on_page, code_on_page};

/// Of each of the two races.
const ROUNDS: usize = 500;

async fn race(journey: &Journey, round: usize, second: Caller) -> [Option<String>; 2] {
    let username = format!("race.number.{round}");
    journey
        .world
        .instagram
        .add_person(Person::business(&username));
    let (first, second) = join(journey.begin(ANN), journey.begin(second)).await;
    let (first, second) = join(
        journey.redirected(&first, &username, Decision::Allow),
        journey.redirected(&second, &username, Decision::Allow),
    )
    .await;
    let (first, second) = join(
        journey.call(&journey.callback, first),
        journey.call(&journey.callback, second),
    )
    .await;
    [first, second].map(|reply| {
        let id = account_on_page(&reply);
        if id.is_none() {
            let code = code_on_page(&reply).unwrap_or_default();
            let clean =
                ["already_connected_elsewhere", "login_in_progress"].contains(&code.as_str());
            assert!(
                reply.status == 409 && clean,
                "{} {}",
                reply.status,
                reply.text()
            );
        }
        id
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_two_callbacks_of_one_company_make_one_account() {
    let journey = Journey::start().await;
    for round in 0..ROUNDS {
        let mut ids: Vec<_> = race(&journey, round, ANN)
            .await
            .into_iter()
            .flatten()
            .collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "round {round}: one account");
    }
    assert_eq!(journey.records(ANN.company).await.len(), ROUNDS);
    journey.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a20_two_callbacks_of_two_companies_make_one_owner() {
    let journey = Journey::start().await;
    for round in 0..ROUNDS {
        let winners = race(&journey, round, BOB).await.iter().flatten().count();
        assert_eq!(winners, 1, "round {round}: one owner");
    }
    let owned = journey.records(ANN.company).await.len() + journey.records(BOB.company).await.len();
    assert_eq!(owned, ROUNDS);
    journey.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_while_the_schedules_of_a_disconnect_are_being_removed_keeps_its_own() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    // Long enough for a whole login between the disconnect's transaction and its removals.
    journey
        .world
        .aws
        .add_fault(Fault::on("scheduler", "DeleteSchedule", FaultKind::Delay(1_500)).times(2));
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    let disconnected = journey.call(&journey.accounts, call);
    let reconnected = async {
        while journey.records("acme").await[0].status != Status::Disconnected {
            tokio::task::yield_now().await;
        }
        journey.connected(ANN, "corner.bakery").await
    };
    let (disconnected, again) = join(disconnected, reconnected).await;
    assert_eq!((disconnected.status, again), (200, id));
    assert_eq!(journey.world.aws.schedules().len(), 2);
    journey.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_that_a_slow_callback_makes_late_belong_to_the_connection_that_counts() {
    let journey = Journey::start().await;
    let slow = journey.begin(ANN).await;
    let slow = journey
        .redirected(&slow, "corner.bakery", Decision::Allow)
        .await;
    let fast = journey.begin(ANN).await;
    let fast = journey
        .redirected(&fast, "corner.bakery", Decision::Allow)
        .await;
    journey
        .world
        .aws
        .add_fault(Fault::on("scheduler", "CreateSchedule", FaultKind::Delay(1_000)).times(1));
    let first = journey.call(&journey.callback, slow);
    let second = async {
        while journey.records("acme").await.is_empty() {
            tokio::task::yield_now().await;
        }
        journey.call(&journey.callback, fast).await
    };
    let (first, second) = join(first, second).await;
    assert!(
        account_on_page(&first).is_some() && account_on_page(&first) == account_on_page(&second)
    );
    assert_eq!(journey.records("acme").await[0].connection_generation, 2);
    // At once, before any task could mend it.
    journey.assert_consistent(&[ANN.company]).await;
    journey.finish().await;
}
