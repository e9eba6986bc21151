//! Posts that something odd happens to: none is published twice, none is stuck, and what a post says is true.

use instagram_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::Account;
use shared::graph::publishing::ContainerFields;
use shared::graph::{Endpoint, ErrorKind};
use shared::lambda::{Context, Function};
use shared::post::{Content, Post, State};
use shared::tasks::Task;
use std::pin::pin;
use world::gateway::{HttpCall, api_gateway_event};
use world::sqs_event::sqs_event;

use crate::crash::held_after;
use crate::journey::{ANN, Journey};
use crate::posts::{WHO, ask, body, created, events, sample, shown, with_account};

const PUBLISH: &str = "POST /{ig_id}/media_publish";
const CREATE: &str = "POST /{ig_id}/media";
const STATUS: &str = "GET /{container_id}";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn fault(journey: &Journey, kind: FaultKind, at: &str, times: Option<u32>) {
    let fault = Fault::new(kind).at(at);
    let fault = times.map_or(fault.clone(), |times| fault.times(times));
    journey.world.instagram.add_fault(fault);
}

/// How often Instagram was asked to publish.
fn publish_calls(journey: &Journey) -> usize {
    let calls = journey.world.instagram.calls();
    calls.iter().filter(|call| call.endpoint == PUBLISH).count()
}

fn live(journey: &Journey) -> usize {
    journey.world.instagram.published_by(WHO).len()
}

async fn changed(journey: &Journey, account: &str, post: &str, change: Value) -> Value {
    let target = format!("/instagram/accounts/{account}/posts/{post}");
    let reply = ask(journey, HttpCall::patch(&target).json(&change)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn record(journey: &Journey, account: &str, post: &str) -> Post {
    let table = &journey.world.app("test").table;
    let record = table.post(account, post).await.expect("an answer");
    record.expect("a post")
}

/// A picture that is due `after` from now on.
async fn planned(journey: &Journey, account: &str, caption: &str, after: SignedDuration) -> String {
    let mut body = body(journey, "image", caption);
    body["publishAt"] = (journey.world.now() + after).to_string().into();
    created(journey, account, &body).await
}

#[tokio::test]
async fn d_another_time_while_instagram_processes_keeps_a_post_on_its_way() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::ProcessingTakes(60), CREATE, Some(1));
    let post = planned(&journey, &account, "Bread", MINUTE * 60).await;
    journey.advance(SignedDuration::from_secs(20)).await;
    let due = (journey.world.now() + MINUTE * 90).to_string();
    let told = changed(&journey, &account, &post, json!({"publishAt": due})).await;
    assert_eq!(told["state"], "preparing", "{told}");
    journey.advance(MINUTE * 5).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "ready");
    journey.advance(MINUTE * 90).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "published", "{told}");
    assert_eq!(journey.world.instagram.containers_of(WHO).len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn d_an_outage_while_containers_are_made_ahead_does_not_end_a_post() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::graph_error(500, 2, None), CREATE, None);
    let post = planned(&journey, &account, "Bread", MINUTE * 240).await;
    journey.advance(MINUTE * 20).await;
    journey.world.instagram.clear_faults();
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["waiting"]["code"], "upstream_unavailable", "{told}");
    journey.advance(MINUTE * 240).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "published", "{told}");
    journey.finish().await;
}

#[tokio::test]
async fn d_an_outage_without_end_ends_a_post_when_its_time_is_over_and_promises_nothing() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::graph_error(500, 2, None), CREATE, None);
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 61).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["stateReason"]["code"], "overdue", "{told}");
    let sentence = told["stateReason"]["message"].as_str().expect("a sentence");
    assert!(
        sentence.contains("Instagram is not available right now."),
        "{sentence}"
    );
    assert!(!sentence.contains("We keep trying"), "{sentence}");
    journey.world.instagram.clear_faults();
    journey.finish().await;
}

#[tokio::test]
async fn d_one_status_that_cannot_be_read_does_not_fail_a_post_that_processes_for_long() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::ProcessingTakes(600), CREATE, Some(1));
    let post = created(&journey, &account, &body(&journey, "reel", "Bread")).await;
    journey.advance(MINUTE * 8).await;
    fault(
        &journey,
        FaultKind::graph_error(400, 98_765, None),
        STATUS,
        Some(1),
    );
    journey.advance(MINUTE * 8).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "published", "{told}");
    journey.finish().await;
}

/// Somebody publishes a story in the app.
async fn by_hand(journey: &Journey, account: &Account) {
    let story = ContainerFields::default().with("media_type", "STORIES");
    fields_by_hand(journey, account, story).await;
}

async fn fields_by_hand(journey: &Journey, account: &Account, fields: ContainerFields) {
    let app = journey.world.app("test");
    let token = app.vault.token(account).await.expect("a token");
    let graph = app.graph.for_login(account.login);
    let fields = fields.with("image_url", sample(journey, "square.jpg"));
    let owner = &account.platform_account_id;
    let made = graph.create_container(&token, owner, &fields).await;
    let container = made.expect("a container").value;
    journey.world.clock.advance(SignedDuration::from_secs(30));
    let live = graph.publish_container(&token, owner, &container).await;
    live.expect("a media");
}

#[tokio::test]
async fn d_stories_of_the_owners_are_not_taken_for_one_that_was_lost() {
    for number in 1..=2 {
        let (journey, account) = with_account().await;
        fault(&journey, FaultKind::Reset, PUBLISH, Some(1));
        let post = created(&journey, &account, &body(&journey, "story", "")).await;
        journey.advance(SignedDuration::from_secs(15)).await;
        assert_eq!(publish_calls(&journey), 1);
        let record = journey.records(ANN.company).await.remove(0);
        for _ in 0..number {
            by_hand(&journey, &record).await;
        }
        journey.advance(MINUTE * 10).await;
        let told = shown(&journey, &account, &post).await;
        assert_eq!(told["state"], "published", "{number}: {told}");
        assert_eq!(live(&journey), number + 1, "{told}");
        let newest = journey.world.instagram.published_by(WHO).pop();
        assert_eq!(told["mediaId"], newest.expect("a media").id, "{number}");
        journey.finish().await;
    }
}

/// The call was lost and Instagram shows no containers; the owner gives up waiting and publishes the same by hand.
#[tokio::test]
async fn d_what_the_owner_publishes_later_is_not_taken_for_a_post_that_was_lost() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::Reset, PUBLISH, Some(1));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(SignedDuration::from_secs(15)).await;
    assert_eq!((publish_calls(&journey), live(&journey)), (1, 0));
    fault(&journey, FaultKind::ReadOutage, STATUS, None);
    journey.advance(MINUTE * 60).await;
    let record = journey.records(ANN.company).await.remove(0);
    let fields = ContainerFields::default().with("caption", "Bread");
    fields_by_hand(&journey, &record, fields).await;
    journey.advance(MINUTE * 120).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(
        (&told["state"], &told["mediaId"]),
        (&"unknown".into(), &Value::Null)
    );
    journey.world.instagram.clear_faults();
    journey.advance(SignedDuration::from_hours(27)).await;
    journey.finish().await;
}

#[tokio::test]
async fn c11_a_rate_limit_at_publishing_is_waited_for() {
    let (journey, account) = with_account().await;
    let limit = FaultKind::RateLimit { minutes: 10 };
    fault(&journey, limit, PUBLISH, Some(1));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 5).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "unknown");
    journey.advance(MINUTE * 30).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "published", "{told}");
    assert_eq!((publish_calls(&journey), live(&journey)), (2, 1));
    journey.finish().await;
}

/// A search meets the limit once, and asks nothing more until it has ended.
#[tokio::test]
async fn c11_a_rate_limit_during_a_search_stops_the_search() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::ApplyThenDrop, PUBLISH, Some(1));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(SignedDuration::from_secs(15)).await;
    let limit = Fault::new(FaultKind::RateLimit { minutes: 30 });
    journey.world.instagram.add_fault(limit);
    journey.world.instagram.clear_calls();
    journey.advance(MINUTE * 20).await;
    let calls = journey.world.instagram.calls();
    let calls = calls.iter().filter(|call| !call.endpoint.contains("_sim"));
    assert_eq!(calls.count(), 1);
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["waiting"]["code"], "rate_limited", "{told}");
    journey.world.instagram.clear_faults();
    journey.advance(MINUTE * 60).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(
        (&told["state"], &told["waiting"]),
        (&"published".into(), &Value::Null),
        "{told}"
    );
    journey.finish().await;
}

/// At the end of a pause one post finds out whether it has ended; the others wait for what it meets.
#[tokio::test]
async fn d13_when_a_pause_runs_out_one_post_tries_and_the_others_wait() {
    let (journey, account) = with_account().await;
    let restricted = FaultKind::restricted_account();
    fault(&journey, restricted, PUBLISH, None);
    let due = MINUTE * 10;
    let mut posts = Vec::new();
    for number in 0..8 {
        posts.push(planned(&journey, &account, &format!("Bread {number}"), due).await);
    }
    journey.advance(MINUTE * 9).await;
    created(&journey, &account, &body(&journey, "image", "Rolls")).await;
    // The first pause: from minute 9 to minute 39.
    journey.advance(MINUTE * 25).await;
    assert_eq!(publish_calls(&journey), 1);
    // The second: one has tried, and has failed.
    journey.advance(MINUTE * 15).await;
    assert_eq!(publish_calls(&journey), 2);
    journey.world.instagram.clear_faults();
    journey.advance(MINUTE * 60).await;
    let mut states = Vec::new();
    for post in &posts {
        states.push(shown(&journey, &account, post).await["state"].clone());
    }
    let of = |state: &str| states.iter().filter(|told| *told == state).count();
    assert_eq!((of("failed"), of("published")), (1, 7), "{states:?}");
    assert_eq!(live(&journey), 7);
    let record = journey.records(ANN.company).await.remove(0);
    assert_eq!(record.publishing_paused, None);
    journey.finish().await;
}

#[tokio::test]
async fn d_a_post_that_is_looked_for_is_called_off_only_when_the_search_has_ended() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::ApplyThenDrop, PUBLISH, Some(1));
    let post = created(&journey, &account, &body(&journey, "story", "")).await;
    journey.advance(SignedDuration::from_secs(15)).await;
    journey
        .world
        .instagram
        .add_fault(Fault::new(FaultKind::ReadOutage));
    journey.advance(MINUTE * 60).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "unknown");
    let target = format!("/instagram/accounts/{account}/posts/{post}");
    let reply = ask(&journey, HttpCall::delete(&target)).await;
    assert_eq!(
        reply.json()["code"],
        "post_being_looked_for",
        "{}",
        reply.text()
    );
    journey.advance(SignedDuration::from_hours(26)).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["stateReason"]["code"], "not_found_out", "{told}");
    let told = ask(&journey, HttpCall::delete(&target)).await.json();
    assert_eq!(told["state"], "canceled");
    assert_eq!(told["stateReason"]["code"], "canceled_unknown", "{told}");
    journey.world.instagram.clear_faults();
    journey.finish().await;
}

/// The process that published slept until the post was called off: what it brings is kept.
#[tokio::test]
async fn d_a_media_id_that_comes_after_the_post_was_called_off_is_kept() {
    let (journey, account) = with_account().await;
    // A story, which nothing on the profile proves.
    let mut story = body(&journey, "story", "");
    story["publishAt"] = (journey.world.now() + MINUTE * 60).to_string().into();
    let post = created(&journey, &account, &story).await;
    journey.advance(MINUTE * 59).await;
    journey.world.clock.advance(MINUTE * 2);
    journey
        .world
        .instagram
        .add_fault(Fault::new(FaultKind::ReadOutage));
    let (client, resources) = (&journey.world.clients.sqs, &journey.world.resources);
    let received = client
        .receive_message()
        .queue_url(&resources.post_queue_url)
        .max_number_of_messages(1)
        .send()
        .await
        .expect("the queue answers");
    let event = sqs_event(received.messages(), &resources.post_queue_arn);
    let mut context = Context::default();
    let deadline = journey.world.clock.milliseconds() + 300_000_000;
    context.deadline = u64::try_from(deadline).expect("after 1970");
    let sandbox = Function::new(journey.world.cold("publish")).with_tasks(publish::handle);
    let mut task = pin!(sandbox.invoke(&event, context));
    while live(&journey) == 0 {
        assert!(
            held_after(0, &mut task).await.is_none(),
            "it came to its end"
        );
        tokio::task::yield_now().await;
    }
    journey.advance(SignedDuration::from_hours(27)).await;
    let target = format!("/instagram/accounts/{account}/posts/{post}");
    let reply = ask(&journey, HttpCall::delete(&target)).await;
    assert_eq!(reply.json()["state"], "canceled", "{}", reply.text());
    journey.world.instagram.clear_faults();
    journey.world.clock.advance(MINUTE);
    task.await.expect("an answer").get();
    journey.advance(MINUTE * 10).await;
    let told = shown(&journey, &account, &post).await;
    let media = journey.world.instagram.published_by(WHO).remove(0);
    assert_eq!(
        (&told["state"], &told["mediaId"]),
        (&"published".into(), &media.id.into())
    );
    let events = events(&journey, &account, &post).await;
    assert_eq!(
        events.last().map(String::as_str),
        Some("published"),
        "{events:?}"
    );
    // Its address is looked for in vain: the story has ended.
    journey.advance(SignedDuration::from_hours(6)).await;
    journey.finish().await;
}

#[tokio::test]
async fn d07_a_post_that_instagram_calls_not_ready_is_published_five_times_at_most() {
    let (journey, account) = with_account().await;
    let not_ready = FaultKind::graph_error(400, 9007, Some(2_207_027));
    fault(&journey, not_ready, PUBLISH, None);
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 120).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["stateReason"]["code"], "not_ready", "{told}");
    assert_eq!(publish_calls(&journey), 5);
    journey.world.instagram.clear_faults();
    journey.finish().await;
}

/// The answer is lost, and Instagram still calls the container unfinished: it is not called a second time, and nobody can
/// change the post meanwhile.
#[tokio::test]
async fn d_a_lost_post_whose_container_is_in_progress_stays_unknown_until_it_is_seen_live() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::ApplyThenDrop, PUBLISH, Some(1));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(SignedDuration::from_secs(15)).await;
    let status = FaultKind::status(200, r#"{"id":"1","status_code":"IN_PROGRESS"}"#);
    fault(&journey, status, STATUS, Some(2));
    journey.advance(SignedDuration::from_secs(130)).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "unknown");
    journey.advance(MINUTE * 10).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "published", "{told}");
    assert_eq!((publish_calls(&journey), live(&journey)), (1, 1));
    journey.finish().await;
}

/// Prepared anew after a call, and live all the same: it is not published a second time.
#[tokio::test]
async fn d_a_container_that_turns_out_to_be_published_makes_its_post_published() {
    let (journey, account) = with_account().await;
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 5).await;
    let read = record(&journey, &account, &post).await;
    let mut believed = read.clone();
    believed.state = State::Preparing;
    believed.media_id = None;
    if let Some(container) = &mut believed.container {
        container.is_finished = false;
    }
    believed.wake_at = Some(journey.world.now());
    believed.version += 1;
    let app = journey.world.app("publish");
    let written = app.table.write_post(&believed, read.version, &[]).await;
    assert!(written.expect("an answer"));
    let task = Task::AdvancePost {
        account: account.clone(),
        post: post.clone(),
        post_version: believed.version,
    };
    publish::handle(app.clone(), task).await.expect("a step");
    journey.advance(MINUTE * 5).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(
        (&told["state"], &told["mediaId"]),
        (&"published".into(), &json!(read.media_id))
    );
    assert_eq!((publish_calls(&journey), live(&journey)), (1, 1));
    journey.finish().await;
}

#[tokio::test]
async fn d13_a_restricted_account_fails_its_post_and_pauses_the_others() {
    for (kind, code) in [
        (FaultKind::restricted_account(), "account_restricted"),
        (FaultKind::graph_error(403, 200, None), "permission_missing"),
    ] {
        let (journey, account) = with_account().await;
        fault(&journey, kind, PUBLISH, None);
        let first = created(&journey, &account, &body(&journey, "image", "Bread")).await;
        journey.advance(MINUTE * 5).await;
        let told = shown(&journey, &account, &first).await;
        assert_eq!(told["state"], "failed", "{told}");
        assert_eq!(told["stateReason"]["code"], code, "{told}");
        let second = created(&journey, &account, &body(&journey, "image", "Rolls")).await;
        journey.advance(MINUTE * 20).await;
        let told = shown(&journey, &account, &second).await;
        assert_eq!(told["waiting"]["code"], code, "{told}");
        assert_eq!(publish_calls(&journey), 1);
        let record = journey.records(ANN.company).await.remove(0);
        let pause = record.publishing_paused.expect("a pause");
        assert_eq!(pause.reason.code, code);
        journey.world.instagram.clear_faults();
        journey.advance(MINUTE * 30).await;
        let told = shown(&journey, &account, &second).await;
        assert_eq!(told["state"], "published", "{told}");
        journey.finish().await;
    }
}

#[tokio::test]
async fn d_a_failed_post_is_planned_anew_or_taken_back_and_keeps_nothing_of_before() {
    let (journey, account) = with_account().await;
    let spam = FaultKind::spam_block();
    fault(&journey, spam, PUBLISH, Some(1));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 70).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["stateReason"]["code"], "overdue", "{told}");
    assert!(record(&journey, &account, &post).await.attempt.is_some());
    let told = changed(&journey, &account, &post, json!({"draft": true})).await;
    assert_eq!(told["state"], "draft", "{told}");
    let draft = record(&journey, &account, &post).await;
    assert_eq!((draft.attempt, draft.container), (None, None));

    journey.advance(SignedDuration::from_hours(25)).await;
    fault(&journey, FaultKind::spam_block(), PUBLISH, Some(1));
    changed(&journey, &account, &post, json!({"draft": false})).await;
    journey.advance(MINUTE * 70).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "failed");
    journey.advance(SignedDuration::from_hours(25)).await;
    let told = changed(&journey, &account, &post, json!({"draft": false})).await;
    assert_eq!(told["state"], "scheduled", "{told}");
    let again = record(&journey, &account, &post).await;
    assert_eq!((again.attempt, again.container), (None, None));
    journey.advance(MINUTE * 70).await;
    journey.finish().await;
}

/// Instagram refuses the post as one that it has, after publishing it, and its reads are behind for a minute.
#[tokio::test]
async fn d_a_refusal_is_not_believed_while_a_read_may_be_behind() {
    for (code, subcode) in [(506, None), (100, Some(2_207_028)), (24, Some(2_207_006))] {
        let (journey, account) = with_account().await;
        let refusal = FaultKind::graph_error(400, code, subcode).although_applied();
        fault(&journey, refusal, PUBLISH, Some(1));
        let post = created(&journey, &account, &body(&journey, "story", "")).await;
        journey.advance(SignedDuration::from_secs(4)).await;
        while publish_calls(&journey) == 0 {
            journey.advance(SignedDuration::from_secs(1)).await;
        }
        let behind = FaultKind::status(200, r#"{"id":"1","status_code":"FINISHED"}"#);
        fault(&journey, behind, STATUS, None);
        fault(
            &journey,
            FaultKind::status(200, r#"{"data":[]}"#),
            "GET /{ig_id}/stories",
            None,
        );
        journey.advance(MINUTE).await;
        journey.world.instagram.clear_faults();
        journey.advance(MINUTE * 10).await;
        let told = shown(&journey, &account, &post).await;
        assert_eq!(told["state"], "published", "{code}: {told}");
        assert_eq!((publish_calls(&journey), live(&journey)), (1, 1), "{code}");
        journey.finish().await;
    }
}

#[tokio::test]
async fn d_a_call_that_never_left_is_no_attempt() {
    let (journey, account) = with_account().await;
    let post = planned(&journey, &account, "Bread", MINUTE * 60).await;
    let seconds = SignedDuration::from_secs;
    journey.advance(MINUTE * 59 + seconds(30)).await;
    let app = journey.world.app("publish");
    for number in 0..10 {
        let now = journey.world.now();
        let kind = Some(ErrorKind::UpstreamUnavailable);
        let breaker = app.graph.breaker();
        breaker.record(Endpoint::PublishContainer, number, kind, now);
    }
    journey.advance(seconds(32)).await;
    let record = record(&journey, &account, &post).await;
    assert_eq!(
        (record.state, &record.attempt),
        (State::Ready, &None),
        "{record:?}"
    );
    let waiting = record.waiting.expect("a reason");
    assert_eq!(waiting.code, "paused_by_breaker");
    journey.advance(MINUTE * 10).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "published", "{told}");
    assert_eq!(publish_calls(&journey), 1);
    journey.finish().await;
}

#[tokio::test]
async fn d_a_post_that_is_never_live_fails_after_its_last_call() {
    let (journey, account) = with_account().await;
    fault(&journey, FaultKind::Reset, PUBLISH, None);
    let post = created(&journey, &account, &body(&journey, "story", "")).await;
    journey.advance(MINUTE * 30).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["state"], "failed", "{told}");
    let sentence = told["stateReason"]["message"].as_str().expect("a sentence");
    assert!(sentence.contains("5 times"), "{sentence}");
    assert_eq!((publish_calls(&journey), live(&journey)), (5, 0));
    journey.world.instagram.clear_faults();
    journey.finish().await;
}

/// What wakes a post comes before the post is written: it is woken all the same, and nobody has to find it.
#[tokio::test]
async fn d_a_request_that_is_slow_anywhere_leaves_no_post_that_nobody_wakes() {
    let (journey, account) = with_account().await;
    let mut waits = 0;
    loop {
        let body = body(&journey, "image", &format!("Bread {waits}"));
        let call = HttpCall::post(&format!("/instagram/accounts/{account}/posts"))
            .as_user(ANN.user, ANN.company, "editor")
            .json(&body);
        let event = api_gateway_event(&call, journey.world.now());
        let api = Function::new(journey.world.cold("publish")).with_routes(publish::routes());
        let mut request = pin!(api.invoke(&event, Context::default()));
        let is_done = held_after(waits, &mut request).await.is_some();
        journey.advance(SignedDuration::from_secs(3)).await;
        if !is_done {
            request.await.expect("an answer").get();
        }
        journey.advance(MINUTE * 4).await;
        assert_eq!(live(&journey), waits + 1, "{waits}");
        if is_done {
            break;
        }
        waits += 1;
    }
    assert!(waits > 4, "{waits}");
    journey.finish().await;
}

/// A step that comes too late to write the post does not take away what wakes it.
#[tokio::test]
async fn d_a_step_that_somebody_overtakes_leaves_the_post_its_time() {
    let (journey, account) = with_account().await;
    let mut waits = 0;
    loop {
        let caption = format!("Bread {waits}");
        let post = planned(&journey, &account, &caption, MINUTE * 120).await;
        journey.advance(MINUTE * 59).await;
        journey.world.clock.advance(MINUTE);
        let app = journey.world.cold("publish");
        let post_version = record(&journey, &account, &post).await.version;
        let task = Task::AdvancePost {
            account: account.clone(),
            post: post.clone(),
            post_version,
        };
        // The look an hour before its time; meanwhile somebody wants it half an hour earlier.
        let mut step = publish::handle(app, task);
        let is_done = held_after(waits, &mut step).await.is_some();
        let due = (journey.world.now() + MINUTE * 30).to_string();
        changed(&journey, &account, &post, json!({"publishAt": due})).await;
        if !is_done {
            step.await.expect("a step");
        }
        journey.advance(MINUTE * 31).await;
        let told = shown(&journey, &account, &post).await;
        assert_eq!(told["state"], "published", "{waits}: {told}");
        assert!(
            told["lateSeconds"].as_i64().expect("a number") <= 2,
            "{waits}: {told}"
        );
        journey.advance(MINUTE * 40).await;
        if is_done {
            break;
        }
        waits += 1;
    }
    assert!(waits > 2, "{waits}");
    journey.finish().await;
}

#[tokio::test]
async fn d_a_change_of_a_late_post_does_not_hide_how_late_it_is() {
    let (journey, account) = with_account().await;
    let limit = FaultKind::RateLimit { minutes: 180 };
    fault(&journey, limit, PUBLISH, Some(1));
    created(&journey, &account, &body(&journey, "image", "Rolls")).await;
    let post = planned(&journey, &account, "Bread", MINUTE * 10).await;
    let due = shown(&journey, &account, &post).await["publishAt"].clone();
    journey.advance(MINUTE * 40).await;
    let told = changed(&journey, &account, &post, json!({"caption": "Cake"})).await;
    assert_eq!(told["publishAt"], due, "{told}");
    journey.advance(MINUTE * 31).await;
    let told = shown(&journey, &account, &post).await;
    assert_eq!(told["stateReason"]["code"], "overdue", "{told}");
    journey.advance(SignedDuration::from_hours(6)).await;
    journey.finish().await;
}

#[tokio::test]
async fn d_a_post_of_an_account_that_is_gone_is_not_due_for_ever() {
    let (journey, _) = with_account().await;
    let content: Content =
        serde_json::from_value(body(&journey, "image", "Bread")).expect("content");
    let gone = "00000000-0000-4000-8000-00000000beef";
    let (now, app) = (journey.world.now(), journey.world.app("test"));
    let mut post = Post::new(gone.to_owned(), gone, "ann", content, now);
    post.become_state(State::Scheduled, None).expect("a plan");
    post.publish_at = Some(now);
    post.wake_at = Some(now);
    app.table.add_post(&post, &[]).await.expect("an answer");
    journey.world.schedule_post_audits().await;
    journey.advance(MINUTE * 40).await;
    for partition in 0..shared::table::keys::DUE_PARTITIONS {
        let later = journey.world.now();
        let overdue = app.table.overdue_posts(partition, later, 10).await;
        assert_eq!(overdue.expect("an answer"), []);
    }
    journey.finish().await;
}

#[tokio::test]
async fn d_a_post_on_an_account_whose_token_has_run_out_is_refused_with_a_sentence() {
    let (journey, account) = with_account().await;
    journey
        .world
        .clock
        .advance(SignedDuration::from_hours(61 * 24));
    let body = body(&journey, "image", "Bread");
    let target = format!("/instagram/accounts/{account}/posts");
    let reply = ask(&journey, HttpCall::post(&target).json(&body)).await;
    let problem = reply.json();
    let finding = &problem["findings"][0];
    assert_eq!(
        (reply.status, &problem["code"], &finding["code"]),
        (422, &json!("post_refused"), &json!("account_not_connected")),
        "{problem}"
    );
    let sentence = "The account is not connected to Instagram: connect it again.";
    assert_eq!(finding["sentence"], sentence, "{problem}");
    journey.finish().await;
}
