//! Answers that are kept for a short while: who asks, who waits, and what a failure leaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use shared::cache::{Cached, through};
use shared::http::Problem;
use tokio::sync::Barrier;
use world::World;

const ACCOUNT: &str = "00000000-0000-4000-8000-000000000001";

#[tokio::test]
async fn those_who_wait_for_what_is_too_large_ask_for_themselves_at_once() {
    let world = World::start().await;
    let app = world.app("test");
    let (begun, all_at_once) = (AtomicUsize::new(0), Barrier::new(5));
    let large = "x".repeat(400_000);
    let ask = || {
        through(&app, ACCOUNT, "large", async {
            match begun.fetch_add(1, Ordering::SeqCst) {
                // The first one has the lease, and the others wait for it.
                0 => tokio::time::sleep(Duration::from_millis(5)).await,
                // One after the other they would wait here for ever.
                _ => {
                    all_at_once.wait().await;
                }
            }
            Ok(large.clone())
        })
    };
    let asked = join_all((0..6).map(|_| ask()));
    let answers = tokio::time::timeout(Duration::from_secs(30), asked).await;
    let answers: Vec<Result<Cached<String>, Problem>> = answers.expect("nobody waits for another");
    for answer in answers {
        let answer = answer.unwrap();
        assert!(answer.value == large && !answer.is_hit);
    }
    // After its life it may have become smaller.
    world.clock.advance(SignedDuration::from_secs(61));
    for is_hit in [false, true] {
        let small = through(&app, ACCOUNT, "large", async { Ok("x".to_owned()) });
        assert_eq!(small.await.unwrap().is_hit, is_hit);
    }
}

#[tokio::test]
async fn whoever_comes_too_late_takes_nothing_from_who_was_faster() {
    let world = World::start().await;
    let app = world.app("test");
    for fails in [true, false] {
        let name = format!("late {fails}");
        let late = through(&app, ACCOUNT, &name, async {
            // Longer than its lease: another one asks, and has an answer.
            world.clock.advance(SignedDuration::from_secs(16));
            let faster = through(&app, ACCOUNT, &name, async { Ok(7) }).await?;
            assert!(!faster.is_hit);
            match fails {
                true => Err(Problem::unavailable()),
                false => Ok(6),
            }
        });
        assert_eq!(late.await.is_err(), fails);
        let next = through(&app, ACCOUNT, &name, async { Ok(8) })
            .await
            .unwrap();
        assert_eq!((next.value, next.is_hit), (7, true), "fails: {fails}");
    }
}

#[tokio::test]
async fn a_failure_is_not_kept_and_ends_its_lease() {
    let world = World::start().await;
    let app = world.app("test");
    let failed = through(&app, ACCOUNT, "name", async {
        Err::<u64, _>(Problem::unavailable())
    });
    assert!(failed.await.is_err());
    let next = through(&app, ACCOUNT, "name", async { Ok(8) })
        .await
        .unwrap();
    assert_eq!((next.value, next.is_hit), (8, false));
}
