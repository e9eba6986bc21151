//! How a sync of media waits, lets others go first, and is tried again.

use instagram_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::json;
use shared::graph::{Endpoint, ErrorKind, MediaKind};
use shared::media::progress::Run;
use shared::policy;
use world::gateway::HttpCall;
use world::resources::QUEUE;

use crate::journey::{ANN, Journey};
use crate::media_sync::{DAY, PROLIFIC, add_person, ask_for_sync, stored, sync_log};

/// The run that is under way, and how many tasks wait in the queue for it.
async fn under_way(journey: &Journey, id: &str) -> (Option<Run>, usize) {
    let table = &journey.world.app("test").table;
    let progress = table.media_sync(id).await.expect("the table answers");
    let progress = progress.unwrap_or_default();
    let mut waiting = journey.world.aws.messages(QUEUE);
    waiting.retain(|message| message.contains("syncMedia"));
    (progress.run, waiting.len())
}

/// As a front end asks that has one correlation id for a whole session.
async fn ask_with_the_same_id(journey: &Journey, id: &str) {
    let path = format!("/instagram/accounts/{id}/sync");
    let call = HttpCall::new("POST", &path)
        .header("x-correlation-id", "one-id-of-a-whole-session")
        .as_user(ANN.user, ANN.company, "editor");
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
}

#[tokio::test]
async fn whoever_asks_while_a_sync_waits_joins_it() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before = sync_log(&journey, &id).await.len();
    let table = &journey.world.app("test").table;
    let until = journey.world.now() + SignedDuration::from_mins(30);
    table.have_syncs_wait(until).await.unwrap();
    for _ in 0..4 {
        ask_with_the_same_id(&journey, &id).await;
        journey.advance(SignedDuration::from_mins(4)).await;
    }
    assert_eq!(under_way(&journey, &id).await.1, 1, "one task waits");
    journey.world.instagram.clear_calls();
    journey.advance(SignedDuration::from_hours(2)).await;
    let calls = journey.world.instagram.calls();
    let lists = calls
        .iter()
        .filter(|call| call.endpoint == "GET /{ig_id}/media");
    // The daily sync may come as well, at a minute of the account's own, and looks for comments too.
    assert!(
        (1..=3).contains(&lists.count()),
        "what is known ends the walk"
    );
    let told = sync_log(&journey, &id).await.len() - before;
    assert!((1..=2).contains(&told), "{told} runs");
    journey.finish().await;
}

#[tokio::test]
async fn after_syncs_had_to_wait_each_lets_others_go_first_after_every_step() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let table = &journey.world.app("test").table;
    let over = journey.world.now() - policy::SYNCS_WAIT_FOR;
    table.have_syncs_wait(over).await.unwrap();
    let before = sync_log(&journey, &id).await.len();
    ask_for_sync(&journey, &id).await;
    journey.advance(SignedDuration::from_secs(2)).await;
    let mut steps = 0;
    while let (Some(run), waiting) = under_way(&journey, &id).await {
        assert_eq!(waiting, 1, "in step {}", run.step);
        assert!(run.step > steps, "a step a turn");
        steps = run.step;
        let until = run.waits_until.expect("a turn");
        assert!(until >= run.stepped_at && until <= run.stepped_at + policy::SYNCS_WAIT_FOR);
        let left = until.duration_since(journey.world.now());
        journey
            .advance(left.max(SignedDuration::ZERO) + SignedDuration::from_secs(2))
            .await;
    }
    assert!(steps > 0, "nothing waited");
    // An hour later nobody needs to.
    journey.advance(policy::SYNCS_TAKE_TURNS_FOR).await;
    let waited = sync_log(&journey, &id).await.len();
    assert!(waited > before);
    ask_for_sync(&journey, &id).await;
    journey.settle().await;
    assert!(sync_log(&journey, &id).await.len() > waited);
    journey.finish().await;
}

#[tokio::test]
async fn stories_whose_figures_fail_for_long_are_kept_without_them() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let outage = FaultKind::graph_error(500, 2, None);
    let instagram = &journey.world.instagram;
    instagram.add_fault(Fault::new(outage).at("GET /{media_id}/insights"));
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let (run, _) = under_way(&journey, &id).await;
    assert_eq!(run.expect("it is tried again").setbacks, 1);
    journey.advance(SignedDuration::from_mins(11)).await;
    let kept = stored(&journey, &id).await;
    let stories = kept.iter().filter(|media| media.kind == MediaKind::Story);
    assert_eq!(stories.count(), 3);
    let log = sync_log(&journey, &id).await;
    let told = (&log[0]["status"], &log[0]["errorCode"]);
    assert_eq!(told, (&json!("partial"), &json!("figures_incomplete")));
    journey.finish().await;
}

#[tokio::test]
async fn a_pause_for_all_ends_no_sync_however_long_it_lasts() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    journey.advance(DAY - SignedDuration::from_hours(2)).await;
    let before = sync_log(&journey, &id).await.len();
    let app = journey.world.app("refresh");
    let open = || {
        for number in 0..10 {
            let kind = Some(ErrorKind::UpstreamUnavailable);
            let breaker = app.graph.breaker();
            breaker.record(Endpoint::ListMedia, number, kind, journey.world.now());
        }
    };
    open();
    ask_for_sync(&journey, &id).await;
    let seconds = SignedDuration::from_secs;
    journey.advance(seconds(5)).await;
    for pause in 1..=8 {
        let (run, _) = under_way(&journey, &id).await;
        let run = run.expect("it goes on");
        assert_eq!((run.step, run.setbacks), (pause, 0));
        let until = run.waits_until.expect("a wait");
        let wait = until.duration_since(journey.world.now());
        journey.advance(wait - seconds(20)).await;
        open();
        journey.advance(seconds(30)).await;
    }
    journey.advance(SignedDuration::from_mins(10)).await;
    let log = sync_log(&journey, &id).await;
    assert!(log.len() > before);
    assert!(
        log.iter().all(|entry| entry["status"] == "success"),
        "{log:?}"
    );
    journey.finish().await;
}
