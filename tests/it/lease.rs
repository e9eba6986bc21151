//! Fifty workers refresh one account at once, some of them asleep for longer than the lease: one renewal, and the newest
//! token in the vault.
//!
//! Instagram revokes the old token with each renewal here, so that a token which is lost or overwritten is the end of
//! the connection, and cannot be overlooked.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use instagram_sim::TokenRotation;
use jiff::SignedDuration;
use shared::account::Status;
use shared::lambda::Function;
use shared::policy::LEASE;
use shared::table::leases::Acquired;
use world::{World, WorldOptions};

use crate::crash::{ended_after, held_after};
use crate::journey::Journey;
use crate::renewals::{
    DAY, assert_token_lives, cold_worker, granted_refreshes, is_done_by, only_record, refresh_of,
    refreshes, renewed_by_person, timeline, turn_to_refresh_of, with_a_short_token,
    with_a_short_token_in,
};

/// How many workers meet in a round.
const WORKERS: usize = 50;
/// Rounds of the usual test.
const ROUNDS: usize = 20;
/// Rounds of the long one.
const MANY_ROUNDS: usize = 1_000;
/// No worker waits more often: the places of the sleepers are spread over the waits up to here, and a sleeper whose
/// place lies behind its end has simply come to its end.
const MOST_WAITS: usize = 24;

/// Longer than a lease.
fn past_the_lease() -> SignedDuration {
    LEASE + SignedDuration::from_secs(1)
}

/// Where the two sleepers of a round fall asleep.
#[derive(Clone, Copy, Debug)]
struct Places {
    first: usize,
    second: usize,
    /// Whether the second wakes before the first.
    second_wakes_first: bool,
}

/// Every worker gets the task. Two of them fall asleep on their way, one after the other, each for longer than the lease;
/// the others work, together, while they sleep and in between.
async fn round(journey: &Journey, workers: &[Function], places: Places) {
    let before = only_record(journey).await;
    turn_to_refresh_of(journey, &before).await;
    journey.world.instagram.clear_calls();
    let work = |worker: &Function| {
        let (worker, body) = (worker.clone(), refresh_of(&before));
        async move { is_done_by(&worker, journey, body).await }
    };
    // A cold sandbox has connections to make, and so more places to fall asleep.
    let (first, second) = (cold_worker(journey), cold_worker(journey));
    let mut first = pin!(work(&first));
    let mut second = pin!(work(&second));
    let (some, others) = workers.split_at(workers.len() / 2);

    let first_done = held_after(places.first, &mut first).await;
    journey.world.clock.advance(past_the_lease());
    let second_done = held_after(places.second, &mut second).await;
    let mut done = join_all(some.iter().map(work)).await;
    journey.world.clock.advance(past_the_lease());
    done.extend(join_all(others.iter().map(work)).await);
    if places.second_wakes_first && second_done.is_none() {
        done.push(second.as_mut().await);
    }
    done.push(match first_done {
        Some(first_done) => first_done,
        None => first.await,
    });
    if !places.second_wakes_first && second_done.is_none() {
        done.push(second.await);
    }
    assert!(
        done.iter().all(|done| *done),
        "{places:?}: no task fails: {:#?}",
        failures()
    );
    // Those who met the lease come back once it has ended.
    journey.settle().await;

    let after = only_record(journey).await;
    assert_eq!(granted_refreshes(journey), 1, "{places:?}: one renewal");
    assert_eq!(
        after.token_generation,
        before.token_generation + 1,
        "{places:?}"
    );
    assert_eq!(after.status, Status::Active, "{places:?}");
    assert_eq!(after.status_reason, None, "{places:?}");
    assert_eq!(after.last_token_refresh_error, None, "{places:?}");
    assert_token_lives(journey, &after).await;
    assert_eq!(
        journey.world.instagram.live_tokens_of("corner.bakery"),
        1,
        "{places:?}: the newest is the only one that works"
    );
    journey.assert_consistent(&["acme"]).await;
}

/// The log lines of tasks that failed.
fn failures() -> Vec<String> {
    let is_failure = |line: &String| line.contains("\"outcome\":\"failed\"");
    World::logs().into_iter().filter(is_failure).collect()
}

/// Rounds with sleepers at different places: over `MOST_WAITS` rounds each of the two has slept at each of them, and over
/// the square of that at each pair.
async fn rounds(workers: usize, rounds: usize) {
    let journey = with_a_short_token(TokenRotation::NewRevokesOld).await;
    let workers: Vec<_> = (2..workers).map(|_| cold_worker(&journey)).collect();
    for number in 0..rounds {
        let places = Places {
            first: number % MOST_WAITS,
            second: (number / MOST_WAITS * 5 + number * 7 + 3) % MOST_WAITS,
            second_wakes_first: number / 2 % 2 == 1,
        };
        round(&journey, &workers, places).await;
    }
    journey.finish().await;
}

#[tokio::test]
async fn b03_b04_fifty_workers_and_sleepers_past_the_lease_make_one_renewal() {
    rounds(WORKERS, ROUNDS).await;
}

#[tokio::test]
async fn b04_a_worker_asleep_at_any_wait_past_its_lease_loses_no_token() {
    rounds(4, 2 * MOST_WAITS).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --profile endurance -p it -- --ignored --nocapture"]
async fn b03_b04_a_thousand_rounds_of_fifty_workers_make_a_thousand_renewals() {
    rounds(WORKERS, MANY_ROUNDS).await;
}

#[tokio::test]
async fn b04_a_late_release_leaves_the_lease_of_the_next_holder_alone() {
    let journey = with_a_short_token(TokenRotation::New).await;
    let account = only_record(&journey).await.id;
    let table = &journey.world.app("test").table;
    let acquire = || async {
        let asked = table.acquire_lease(&account, journey.world.now()).await;
        asked.expect("the table answers")
    };
    let Acquired::Held(slow) = acquire().await else {
        panic!("nobody has it")
    };
    journey.world.clock.advance(past_the_lease());
    let Acquired::Held(next) = acquire().await else {
        panic!("it has ended")
    };
    assert!(next.epoch > slow.epoch);
    assert!(!table.holds_lease(&slow).await.unwrap());
    table.release_lease(&slow).await.unwrap();
    assert_eq!(acquire().await, Acquired::Taken(next.until));
    assert!(table.holds_lease(&next).await.unwrap());
    table.release_lease(&next).await.unwrap();
    assert!(matches!(acquire().await, Acquired::Held(_)));
    journey.finish().await;
}

#[tokio::test]
async fn b05_who_dies_with_the_lease_blocks_the_others_until_its_end_and_no_longer() {
    let journey = with_a_short_token(TokenRotation::New).await;
    let before = only_record(&journey).await;
    turn_to_refresh_of(&journey, &before).await;
    let app = journey.world.app("test");
    let held = |journey: &Journey| {
        let (app, id, now) = (app.clone(), before.id.clone(), journey.world.now());
        async move { app.table.leased_until(&id, now).await.unwrap() }
    };
    // It dies as soon as the table says that the lease is its own.
    let dying = cold_worker(&journey);
    let mut waits = 0;
    while held(&journey).await.is_none() {
        let work = is_done_by(&dying, &journey, refresh_of(&before));
        assert_eq!(
            ended_after(waits, work).await,
            None,
            "it never had the lease"
        );
        waits += 1;
    }
    journey.world.instagram.clear_calls();
    let worker = cold_worker(&journey);
    assert!(is_done_by(&worker, &journey, refresh_of(&before)).await);
    assert_eq!(refreshes(&journey), 0, "it waits");
    let almost = LEASE - SignedDuration::from_secs(1);
    journey.world.advance(almost, &worker).await;
    assert_eq!(refreshes(&journey), 0, "it still waits");
    journey
        .world
        .advance(SignedDuration::from_secs(2), &worker)
        .await;
    assert_eq!(granted_refreshes(&journey), 1);
    let after = only_record(&journey).await;
    assert_eq!(after.token_generation, before.token_generation + 1);
    assert_eq!(held(&journey).await, None, "it was given back");
    journey.finish().await;
}

#[tokio::test]
async fn b04_an_answer_that_came_while_the_worker_slept_past_its_time_limit_is_taken() {
    let limit_ms = 500;
    let variables = [("GRAPH_TIMEOUT_MS".to_owned(), limit_ms.to_string())];
    let options = WorldOptions {
        variables: variables.into(),
        ..WorldOptions::default()
    };
    let journey = with_a_short_token_in(TokenRotation::NewRevokesOld, options).await;
    let (mut asked, mut ended) = (0, false);
    for waits in 0.. {
        let before = only_record(&journey).await;
        turn_to_refresh_of(&journey, &before).await;
        journey.world.instagram.clear_calls();
        let sleeper = cold_worker(&journey);
        let mut sleeper = pin!(is_done_by(&sleeper, &journey, refresh_of(&before)));
        ended |= held_after(waits, &mut sleeper).await.is_some();
        if ended {
            break;
        }
        // The limit is in real time, and so is this sleep, which is what the test is about.
        tokio::time::sleep(Duration::from_millis(limit_ms + 100)).await;
        sleeper.await;
        let after = only_record(&journey).await;
        let granted = u64::try_from(granted_refreshes(&journey)).expect("a number");
        assert_eq!(
            after.token_generation,
            before.token_generation + granted,
            "{waits}: what Instagram granted is kept"
        );
        assert_eq!(after.status, Status::Active, "{waits}");
        assert_token_lives(&journey, &after).await;
        asked += granted;
    }
    assert!(asked > 6, "{asked} renewals");
    journey.finish().await;
}

#[tokio::test]
async fn b04_a_refusal_that_a_sleeper_is_told_changes_nothing_once_another_has_taken_over() {
    let journey = with_a_short_token(TokenRotation::NewRevokesOld).await;
    let mut ended = 0;
    for waits in 0.. {
        let before = only_record(&journey).await;
        turn_to_refresh_of(&journey, &before).await;
        let sleeper = cold_worker(&journey);
        let mut sleeper = pin!(is_done_by(&sleeper, &journey, refresh_of(&before)));
        let done = held_after(waits, &mut sleeper).await;
        journey.world.clock.advance(past_the_lease());
        // A person takes over, and is the one who is told what came of it.
        let reply = renewed_by_person(&journey, &before.id, &cold_worker(&journey)).await;
        if done.is_some() {
            ended = waits;
            break;
        }
        sleeper.await;
        let after = only_record(&journey).await;
        assert_eq!(after.status, Status::Active, "{waits}: {}", reply.text());
        assert_eq!(after.token_generation, before.token_generation + 1);
        assert_token_lives(&journey, &after).await;
        journey.assert_consistent(&["acme"]).await;
        journey.settle().await;
    }
    assert!(ended > 12, "a refresh waits more often than {ended} times");
    assert!(
        !timeline(&journey, &only_record(&journey).await.id)
            .await
            .contains(&"token_at_risk".to_owned())
    );
    journey.world.clock.advance(DAY);
    journey.finish().await;
}
