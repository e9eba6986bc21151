//! Two callbacks for one Instagram account at once: one account, one owner, and the other gets a clean answer.

use futures_util::future::join;
use instagram_sim::Person;
use world::Decision;

use crate::journey::{ANN, BOB, Caller, Journey, account_on_page, code_on_page};

const ROUNDS: usize = 1_000;

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
