//! The sync of media and figures: everything is kept once, whatever ends when, and nothing is written that did not change.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::Call as AwsCall;
use instagram_sim::{ContentKind, Fault, FaultKind, History, Person};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::Status;
use shared::graph::MediaKind;
use shared::lambda::{Context, Function};
use shared::media::StoredMedia;
use shared::media::days::{day_of, plus, start_of};
use shared::tasks::{Message, Task};
use world::Decision;
use world::gateway::HttpCall;
use world::resources::QUEUE;
use world::sqs_event::sqs_event;

use crate::crash::ended_after;
use crate::journey::{ANN, Journey};

pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);
pub(crate) const PROLIFIC: &str = "busy.baker";

/// A person with so many posts over so many days until now.
pub(crate) fn add_person(journey: &Journey, username: &str, posts: u64, days: u64) {
    let history = History {
        posts,
        days,
        until_ms: journey.world.clock.milliseconds(),
    };
    let person = Person::business(username).with_followers(4_200);
    journey
        .world
        .instagram
        .add_person(person.with_history(history));
}

pub(crate) async fn stored(journey: &Journey, account: &str) -> Vec<StoredMedia> {
    let table = &journey.world.app("test").table;
    let found = table.media_between(account, None, None).await;
    found.expect("the table answers")
}

/// What is stored and not gone, by id, without stories; each once.
fn ids(stored: &[StoredMedia]) -> BTreeSet<String> {
    let live = stored
        .iter()
        .filter(|media| media.gone_at.is_none() && media.kind != MediaKind::Story);
    let listed: Vec<String> = live.map(|media| media.id.clone()).collect();
    let ids: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(ids.len(), listed.len(), "a media twice");
    ids
}

/// What the simulated Instagram shows of a person, without stories.
fn shown(journey: &Journey, username: &str) -> BTreeSet<String> {
    let published = journey.world.instagram.published_by(username);
    let posts = published.iter().filter(|media| !media.kind.is_story());
    posts.map(|media| media.id.clone()).collect()
}

pub(crate) async fn sync_log(journey: &Journey, account: &str) -> Vec<Value> {
    let call = HttpCall::get(&format!("/instagram/accounts/{account}/sync-log?limit=100")).as_user(
        ANN.user,
        ANN.company,
        "viewer",
    );
    let reply = journey.call(&journey.accounts, call).await;
    let entries = reply.json()["entries"].as_array().cloned();
    let media = entries.expect("a page").into_iter();
    media.filter(|entry| entry["syncType"] == "media").collect()
}

async fn sync_now(journey: &Journey, account: &str) {
    ask_for_sync(journey, account).await;
    journey.settle().await;
}

pub(crate) async fn ask_for_sync(journey: &Journey, account: &str) {
    let call = HttpCall::new("POST", &format!("/instagram/accounts/{account}/sync")).as_user(
        ANN.user,
        ANN.company,
        "editor",
    );
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
}

fn writes(calls: &[AwsCall]) -> usize {
    let of_table = calls.iter().filter(|call| call.service == "dynamodb");
    of_table
        .filter(|call| matches!(call.operation.as_str(), "PutItem" | "UpdateItem"))
        .count()
}

#[tokio::test]
async fn a_first_sync_keeps_all_media_and_days_and_a_later_one_only_what_changed() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 230, 700);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;

    let first = stored(&journey, &id).await;
    assert_eq!(ids(&first), shown(&journey, PROLIFIC));
    assert_eq!(ids(&first).len(), 230);
    let stories = first.iter().filter(|media| media.kind == MediaKind::Story);
    assert_eq!(stories.count(), 3);
    assert!(
        first
            .iter()
            .all(|media| media.figures.contains_key("reach")),
        "the pages told the figures"
    );
    assert!(
        first.iter().any(|media| media.like_count.is_none()),
        "J05: a hidden count is absent"
    );
    let table = &journey.world.app("test").table;
    let today = day_of(journey.world.now());
    let days = table.days(&id, plus(today, -89), today).await.unwrap();
    assert_eq!(days.len(), 90);
    let yesterday = &days[88];
    for metric in ["reach", "views", "saves", "profile_links_taps", "follows"] {
        assert!(yesterday.figures.contains_key(metric), "{metric}");
    }
    assert!(!yesterday.settled && !days[87].settled && days[86].settled);
    assert!(days[89].followers.is_some(), "today's followers");
    let log = sync_log(&journey, &id).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["status"], "success");

    // The next day: one is new, one is gone, and the rest has grown.
    let gone = first
        .iter()
        .find(|media| media.kind == MediaKind::Image)
        .unwrap()
        .id
        .clone();
    journey
        .world
        .instagram
        .remove_media(std::slice::from_ref(&gone));
    let new = journey
        .world
        .instagram
        .post(PROLIFIC, ContentKind::Image, "New today");
    journey.world.instagram.clear_calls();
    journey.advance(DAY).await;
    let second = stored(&journey, &id).await;
    assert_eq!(ids(&second), shown(&journey, PROLIFIC));
    assert!(ids(&second).contains(&new));
    let marked = second.iter().find(|media| media.id == gone).unwrap();
    assert!(marked.gone_at.is_some(), "it is marked, and not removed");
    let calls = journey.world.instagram.calls();
    assert!(calls.len() <= 12, "{} calls for a day", calls.len());
    assert_eq!(sync_log(&journey, &id).await.len(), 2);

    // By hand, on the day after in any case: the daily one has a minute of its own.
    sync_now(&journey, &id).await;
    let of_media = table.media_day(&id, plus(today, 1)).await.unwrap();
    assert!(of_media.unwrap().media.contains_key(&new));

    // The same day again: nothing has changed, and no media is written.
    journey.world.aws.clear_calls();
    let before = stored(&journey, &id).await;
    sync_now(&journey, &id).await;
    assert_eq!(stored(&journey, &id).await, before);
    assert!(
        writes(&journey.world.aws.calls()) <= 8,
        "account, progress of three stages, sync log: {}",
        writes(&journey.world.aws.calls())
    );
    journey.finish().await;
}

/// Ends the process at random waits of a step, the later the more often that step was ended already, so that all of it is
/// met; after some twenty times or more the step is done.
struct Killer {
    random: u64,
    /// How often the present step was ended.
    attempts: u32,
    kills: u32,
}

impl Killer {
    fn waits(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let furthest = 32_u64 << (self.attempts / 16).min(8);
        usize::try_from(self.random % furthest).unwrap_or_default()
    }

    fn note(&mut self, has_ended: bool) {
        self.kills += u32::from(has_ended);
        self.attempts = match has_ended {
            true => self.attempts + 1,
            false => 0,
        };
    }
}

#[tokio::test]
async fn a_first_sync_that_is_killed_two_hundred_times_keeps_what_instagram_shows() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 1_500, 1_500);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.world.clock.advance(SignedDuration::from_mins(2));
    let mut killer = Killer {
        random: 0x9e37_79b9_7f4a_7c15,
        attempts: 0,
        kills: 0,
    };
    let (client, resources) = (&journey.world.clients.sqs, &journey.world.resources);
    loop {
        let received = client
            .receive_message()
            .queue_url(&resources.queue_url)
            .max_number_of_messages(1)
            .send()
            .await
            .expect("the queue answers");
        let Some(message) = received.messages().first() else {
            break;
        };
        let body = message.body().unwrap_or_default();
        let task = Message::parse(body).map(|message| message.task);
        let is_sync = matches!(task, Some(Task::SyncMedia { .. }));
        let event = sqs_event(received.messages(), &resources.queue_arn);
        let mut context = Context::default();
        context.deadline = u64::try_from(journey.world.clock.milliseconds() + 30_000).unwrap();
        let sandbox = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
        let running = sandbox.invoke(&event, context);
        let answer = match is_sync && killer.kills < 200 {
            true => ended_after(killer.waits(), running).await,
            false => Some(running.await),
        };
        if is_sync {
            killer.note(answer.is_none());
        }
        if answer.is_none() {
            // It comes again after its time, as often as it takes: in the end from the dead letters.
            journey.world.clock.advance(SignedDuration::from_mins(3));
            let again = client.send_message().queue_url(&resources.queue_url);
            let again = again.message_body(body).send().await;
            again.expect("the queue answers");
        }
        client
            .delete_message()
            .queue_url(&resources.queue_url)
            .receipt_handle(message.receipt_handle().expect("a handle"))
            .send()
            .await
            .expect("the queue answers");
    }
    assert_eq!(killer.kills, 200);
    let kept = stored(&journey, &id).await;
    assert_eq!(ids(&kept), shown(&journey, PROLIFIC));
    assert_eq!(ids(&kept).len(), 1_500, "no media twice");
    let has_figures = |media: &&StoredMedia| media.figures.contains_key("reach");
    assert_eq!(kept.iter().filter(has_figures).count(), kept.len());
    // What recent media came to stands among the days as well.
    let today = day_of(journey.world.now());
    let table = &journey.world.app("test").table;
    let days = table.media_days(&id, plus(today, -2), today).await.unwrap();
    let posts = kept.iter().filter(|media| media.kind != MediaKind::Story);
    let recent = posts.filter(|media| media.is_recent(journey.world.now()));
    let recent: BTreeSet<&String> = recent.map(|media| &media.id).collect();
    let by_day: BTreeSet<&String> = days.iter().flat_map(|day| day.media.keys()).collect();
    assert!(recent.len() > 20 && recent.is_subset(&by_day));
    let log = sync_log(&journey, &id).await;
    assert!(
        log.iter().any(|entry| entry["status"] == "success"),
        "{log:?}"
    );
    assert!(journey.world.aws.messages(QUEUE).is_empty());
    journey.finish().await;
}

#[tokio::test]
async fn c16_a_metric_that_is_retired_is_learnt_once_and_costs_nothing_else() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 40, 30);
    journey.world.instagram.update_settings(|settings| {
        settings.refused_metrics = vec!["REELS:saved".into(), "replies".into()];
    });
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let media = stored(&journey, &id).await;
    assert_eq!(ids(&media), shown(&journey, PROLIFIC));
    let of_kind = |kind: MediaKind| media.iter().filter(move |media| media.kind == kind);
    assert!(of_kind(MediaKind::Reel).all(|media| !media.figures.contains_key("saved")));
    assert!(of_kind(MediaKind::Reel).any(|media| media.figures.contains_key("reach")));
    assert!(of_kind(MediaKind::Image).count() > 0);
    assert!(
        of_kind(MediaKind::Image).all(|media| media.figures.contains_key("saved")),
        "what reels lack, images have"
    );
    let table = &journey.world.app("test").table;
    let refused = table.refused_metrics("v26.0").await.unwrap();
    let known: Vec<&str> = refused.metrics["reel"].keys().map(String::as_str).collect();
    assert_eq!(known, ["saved"]);
    assert!(refused.metrics["account"].contains_key("replies"));
    let today = day_of(journey.world.now());
    let day = table.day(&id, plus(today, -1)).await.unwrap().unwrap();
    assert!(day.figures.contains_key("reach") && !day.figures.contains_key("replies"));

    journey.world.instagram.clear_calls();
    journey.advance(DAY).await;
    let refused: Vec<u16> = journey
        .world
        .instagram
        .calls()
        .iter()
        .map(|call| call.status)
        .filter(|status| *status >= 400)
        .collect();
    assert_eq!(refused, [0_u16; 0], "what is known is not asked for again");
    journey.finish().await;
}

#[tokio::test]
async fn c11_a_sync_waits_while_the_account_is_blocked_and_goes_on_by_itself() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let id = journey.connected(ANN, PROLIFIC).await;
    // Blocked when its media are read, and its days are not.
    journey.world.instagram.add_fault(
        Fault::new(FaultKind::RateLimit { minutes: 40 })
            .at("GET /{ig_id}/insights")
            .times(1),
    );
    journey.settle().await;
    let calls = journey.world.instagram.calls().len();
    let call = HttpCall::get(&format!("/instagram/accounts/{id}")).as_user(
        ANN.user,
        ANN.company,
        "viewer",
    );
    let account = journey.call(&journey.accounts, call).await.json();
    assert_eq!(account["status"], "rate_limited");
    assert!(account["rate"]["blockedUntil"].is_string(), "{account}");
    journey.advance(SignedDuration::from_mins(30)).await;
    assert_eq!(
        journey.world.instagram.calls().len(),
        calls,
        "no call is made while it is blocked"
    );
    let log = sync_log(&journey, &id).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["status"], "rate_limited");
    assert_eq!(log[0]["rateLimitHit"], true);
    assert!(log[0]["rateLimitReset"].is_string());
    journey.advance(SignedDuration::from_mins(45)).await;
    let today = day_of(journey.world.now());
    let table = &journey.world.app("test").table;
    let days = table.days(&id, plus(today, -89), plus(today, -1)).await;
    assert_eq!(days.unwrap().len(), 89);
    assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    journey.finish().await;
}

#[tokio::test]
async fn an_old_media_that_vanishes_is_found_by_the_profiles_count() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 300, 900);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let oldest = stored(&journey, &id).await.last().unwrap().id.clone();
    journey
        .world
        .instagram
        .remove_media(std::slice::from_ref(&oldest));
    // A walk over everything is not begun more than once a week.
    journey.advance(DAY * 8).await;
    let media = stored(&journey, &id).await;
    let found = media.iter().find(|media| media.id == oldest).unwrap();
    assert!(found.gone_at.is_some());
    assert_eq!(ids(&media), shown(&journey, PROLIFIC));
    journey.finish().await;
}

/// How many media were asked for by their ids.
fn asked_by_id(journey: &Journey) -> usize {
    let calls = journey.world.instagram.calls().into_iter();
    calls
        .filter(|call| ["GET /{media_id}", "GET /{ig_id}"].contains(&call.endpoint.as_str()))
        .count()
}

#[tokio::test]
async fn a_list_that_breaks_off_marks_nothing_as_gone() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 200);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before: BTreeMap<_, _> = stored(&journey, &id)
        .await
        .into_iter()
        .map(|media| (media.id.clone(), media.gone_at))
        .collect();
    journey.world.instagram.add_fault(
        Fault::new(FaultKind::Status {
            status: 200,
            body: r#"{"data":[]}"#.into(),
            content_type: "application/json".into(),
        })
        .at("GET /{ig_id}/media"),
    );
    journey.world.instagram.clear_calls();
    journey.advance(DAY).await;
    assert_eq!(asked_by_id(&journey), 0, "nothing is suspected");
    let after: BTreeMap<_, _> = stored(&journey, &id)
        .await
        .into_iter()
        .map(|media| (media.id.clone(), media.gone_at))
        .collect();
    assert_eq!(after, before);
    journey.finish().await;
}

/// Instagram answers the list of media with a page without media, after which another begins there.
fn goes_on_at(place: &str) -> Fault {
    let page = json!({
        "data": [],
        "paging": {"cursors": {"after": place}, "next": "https://graph.instagram.com/next"},
    });
    Fault::new(self::page(&page)).at("GET /{ig_id}/media")
}

/// How often the list of media was asked for since the calls were cleared.
fn lists(journey: &Journey) -> usize {
    let calls = journey.world.instagram.calls().into_iter();
    calls
        .filter(|call| call.endpoint == "GET /{ig_id}/media")
        .count()
}

#[tokio::test]
async fn c14_a_list_that_comes_back_to_where_it_was_ends_there_and_marks_nothing_as_gone() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 200);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before = ids(&stored(&journey, &id).await);
    let asked = lists(&journey);
    journey.world.instagram.add_fault(goes_on_at("same"));
    sync_now(&journey, &id).await;
    assert_eq!(lists(&journey) - asked, 2);
    assert_eq!(ids(&stored(&journey, &id).await), before);
    let log = sync_log(&journey, &id).await;
    assert_eq!(
        (&log[0]["status"], &log[0]["errorCode"]),
        (&"partial".into(), &"media_list_endless".into())
    );
    journey.finish().await;
}

#[tokio::test]
async fn c14_a_list_without_an_end_is_left_after_so_many_pages() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 200);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before = ids(&stored(&journey, &id).await);
    let asked = lists(&journey);
    for place in 0..600 {
        let page = goes_on_at(&format!("place-{place}"));
        journey.world.instagram.add_fault(page.times(1));
    }
    sync_now(&journey, &id).await;
    assert_eq!(lists(&journey) - asked, 501);
    assert_eq!(ids(&stored(&journey, &id).await), before);
    let log = sync_log(&journey, &id).await;
    let codes: Vec<_> = log.iter().map(|entry| &entry["errorCode"]).collect();
    assert!(codes.contains(&&"media_list_endless".into()), "{log:?}");
    journey.finish().await;
}

#[tokio::test]
async fn c17_a_day_that_has_not_ended_is_not_written() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 20, 60);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let today = day_of(journey.world.now());
    let ends = |day| json!({"value": 7_777, "end_time": format!("{day}T08:00:00+0000")});
    let values = [
        ends(plus(today, 1)),
        ends(plus(today, 2)),
        ends(plus(today, 30)),
        ends(today),
    ];
    let body = json!({"data": [
        {"name": "follower_count", "period": "day", "values": values},
    ]});
    let first = Fault::new(page(&body)).at("GET /{ig_id}/insights").times(1);
    journey.world.instagram.add_fault(first);
    sync_now(&journey, &id).await;
    let table = &journey.world.app("test").table;
    let days = table
        .days(&id, plus(today, -2), plus(today, 40))
        .await
        .unwrap();
    let told: Vec<_> = days
        .iter()
        .filter(|day| day.figures.get("follows") == Some(&7_777))
        .map(|day| day.day)
        .collect();
    assert_eq!(
        told,
        [plus(today, -1)],
        "the day that ended today, and no other"
    );
    assert_eq!(days.last().unwrap().day, today);
    journey.finish().await;
}

/// Instagram answers with this page.
fn page(body: &Value) -> FaultKind {
    FaultKind::Status {
        status: 200,
        body: body.to_string(),
        content_type: "application/json".into(),
    }
}

#[tokio::test]
async fn a_first_list_that_breaks_off_is_walked_over_again_on_the_next_day() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 200);
    let broken = Fault::new(page(&json!({"data": []}))).at("GET /{ig_id}/media");
    journey.world.instagram.add_fault(broken.times(1));
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let log = sync_log(&journey, &id).await;
    assert_eq!(log[0]["errorCode"], "media_list_short");
    assert!(log[0]["errorMessage"].is_string());
    journey.advance(DAY).await;
    let media = stored(&journey, &id).await;
    assert_eq!(ids(&media), shown(&journey, PROLIFIC));
    assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    journey.finish().await;
}

/// The first of these media, as Instagram lists them, and nothing after them.
fn breaks_off_after(many: usize, kept: &[StoredMedia]) -> Fault {
    let posts = kept.iter().filter(|media| media.kind != MediaKind::Story);
    let listed = posts.take(many).map(|media| {
        let at = media.published_at.strftime("%Y-%m-%dT%H:%M:%S+0000");
        json!({"id": media.id, "media_type": "IMAGE", "timestamp": at.to_string()})
    });
    let body = json!({"data": listed.collect::<Vec<_>>()});
    Fault::new(page(&body)).at("GET /{ig_id}/media")
}

#[tokio::test]
async fn a_list_that_breaks_off_where_everything_is_known_is_told_as_well() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 400);
    let broken = Fault::new(page(&json!({"data": []}))).at("GET /{ig_id}/media");
    journey.world.instagram.add_fault(broken.times(1));
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    // Everything is known, and is walked over anew: one walk sees thirty, the next one those and twenty more.
    journey.advance(DAY).await;
    let kept = stored(&journey, &id).await;
    assert_eq!(ids(&kept), shown(&journey, PROLIFIC));
    let table = &journey.world.app("test").table;
    let mut progress = table.media_sync(&id).await.unwrap().unwrap();
    progress.walked_at = None;
    assert!(table.write_media_sync(&id, &progress).await.unwrap());
    for many in [30, 50] {
        let broken = breaks_off_after(many, &kept);
        journey.world.instagram.add_fault(broken.times(1));
        // The clock all but stands, so that no daily sync comes between.
        journey.world.clock.advance(SignedDuration::from_secs(1));
        ask_for_sync(&journey, &id).await;
        journey.world.drain(journey.workers()).await;
        let log = sync_log(&journey, &id).await;
        assert_eq!(log[0]["errorCode"], "media_list_short", "after {many}");
    }
    journey.world.clock.advance(SignedDuration::from_secs(1));
    sync_now(&journey, &id).await;
    assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    journey.finish().await;
}

#[tokio::test]
async fn what_is_counted_and_never_listed_is_missed_for_a_day_and_no_longer() {
    let journey = Journey::start().await;
    // All of them recent, so that each walk goes to the end.
    add_person(&journey, PROLIFIC, 20, 20);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.advance(DAY).await;
    assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    let instagram = &journey.world.instagram;
    instagram.update_person(PROLIFIC, |person| person.media_count += 1);
    journey.advance(DAY).await;
    let log = sync_log(&journey, &id).await;
    assert_eq!(log[0]["errorCode"], "media_list_short");
    for _ in 0..2 {
        journey.advance(DAY).await;
        assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    }
    journey.finish().await;
}

#[tokio::test]
async fn a_short_list_marks_nothing_as_gone_that_the_profile_counts() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 3, 30);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let all = shown(&journey, PROLIFIC);
    assert_eq!(all.len(), 3);
    let empty = || Fault::new(page(&json!({"data": []}))).at("GET /{ig_id}/media");
    journey.world.instagram.add_fault(empty().times(1));
    sync_now(&journey, &id).await;
    assert_eq!(ids(&stored(&journey, &id).await), all);
    // They are gone indeed, and the profile counts none.
    let gone: Vec<String> = all.into_iter().collect();
    journey.world.instagram.remove_media(&gone);
    sync_now(&journey, &id).await;
    assert_eq!(ids(&stored(&journey, &id).await), BTreeSet::new());
    journey.finish().await;
}

#[tokio::test]
async fn media_that_stand_above_younger_ones_stay() {
    let journey = Journey::start().await;
    // All of them recent, so that no page ends the walk.
    add_person(&journey, PROLIFIC, 20, 20);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before = stored(&journey, &id).await;
    let before: Vec<_> = before
        .into_iter()
        .filter(|media| media.kind != MediaKind::Story)
        .collect();
    // Newest first; two old ones are pinned, and of one Instagram tells no time.
    let mut order: Vec<usize> = (0..20).collect();
    order.retain(|place| ![15, 17].contains(place));
    order.splice(0..0, [15, 17]);
    let listed: Vec<Value> = order
        .iter()
        .map(|place| {
            let media = &before[*place];
            let mut told =
                json!({"id": media.id, "media_type": "IMAGE", "media_product_type": "FEED"});
            if *place != 5 {
                told["timestamp"] = json!(
                    media
                        .published_at
                        .strftime("%Y-%m-%dT%H:%M:%S+0000")
                        .to_string()
                );
            }
            told
        })
        .collect();
    let next = "https://graph.instagram.com/next";
    let (first, second) = listed.split_at(8);
    let first = json!({"data": first, "paging": {"cursors": {"after": "second"}, "next": next}});
    for _ in 0..2 {
        for body in [&first, &json!({"data": second})] {
            let told = Fault::new(page(body)).at("GET /{ig_id}/media").times(1);
            journey.world.instagram.add_fault(told);
        }
        journey.world.instagram.clear_calls();
        sync_now(&journey, &id).await;
        assert_eq!(asked_by_id(&journey), 0, "their own place tells");
        let after = stored(&journey, &id).await;
        let lost: Vec<_> = after
            .iter()
            .filter(|media| media.gone_at.is_some())
            .collect();
        assert_eq!(lost, [&after[0]; 0]);
    }
    journey.finish().await;
}

#[tokio::test]
async fn a_media_that_comes_a_page_late_or_not_at_all_stays_while_instagram_has_it() {
    let journey = Journey::start().await;
    // All of them recent, so that no page ends the walk.
    add_person(&journey, PROLIFIC, 20, 20);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before = stored(&journey, &id).await;
    let listed: Vec<Value> = before
        .iter()
        .filter(|media| media.kind != MediaKind::Story)
        .map(|media| {
            let at = media.published_at.strftime("%Y-%m-%dT%H:%M:%S+0000");
            json!({"id": media.id, "media_type": "IMAGE", "timestamp": at.to_string()})
        })
        .collect();
    // The fourth comes with the second page, and the sixth does not come.
    let first = [&listed[..3], &listed[4..5], &listed[6..8]].concat();
    let second = [&listed[3..4], &listed[8..]].concat();
    let next = "https://graph.instagram.com/next";
    let first = json!({"data": first, "paging": {"cursors": {"after": "second"}, "next": next}});
    for body in [first, json!({"data": second})] {
        let told = Fault::new(page(&body)).at("GET /{ig_id}/media").times(1);
        journey.world.instagram.add_fault(told);
    }
    sync_now(&journey, &id).await;
    let after = stored(&journey, &id).await;
    assert_eq!(ids(&after), shown(&journey, PROLIFIC));
    let as_told = |media: &&StoredMedia| media.kind == MediaKind::Image;
    assert!(
        after.iter().filter(as_told).count() >= 19,
        "the lists were read"
    );
    journey.finish().await;
}

#[tokio::test]
async fn many_that_are_deleted_at_once_are_marked_step_by_step_through_a_block() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 600);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let gone: Vec<String> = shown(&journey, PROLIFIC).into_iter().step_by(2).collect();
    journey.world.instagram.remove_media(&gone);
    // For the simulated Instagram an id that is nothing is an account's.
    let read = "GET /{ig_id}";
    let block = Fault::new(FaultKind::RateLimit { minutes: 40 }).at(read);
    journey.world.instagram.add_fault(block.times(1));
    journey.world.instagram.clear_calls();
    journey.advance(DAY * 8).await;
    let kept = stored(&journey, &id).await;
    assert_eq!(ids(&kept), shown(&journey, PROLIFIC));
    let marked = kept.iter().filter(|media| media.gone_at.is_some());
    assert_eq!(marked.filter(|media| gone.contains(&media.id)).count(), 60);
    let asked = journey.world.instagram.calls().into_iter();
    let asked = asked.filter(|call| call.endpoint == read).count();
    assert_eq!(
        asked, 61,
        "each once, and once more the one that was refused"
    );
    journey.finish().await;
}

#[tokio::test]
async fn what_the_profile_counts_and_instagram_never_lists_is_learnt_while_posts_are_added() {
    let journey = Journey::start().await;
    let history = History {
        posts: 200,
        days: 600,
        until_ms: journey.world.clock.milliseconds(),
    };
    let person = Person::business(PROLIFIC).with_followers(4_200);
    let mut person = person.with_history(history);
    person.media_count = 7;
    let instagram = &journey.world.instagram;
    instagram.add_person(person);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    assert_eq!(
        sync_log(&journey, &id).await[0]["errorCode"],
        "media_list_short"
    );
    for day in 0..4 {
        instagram.post(PROLIFIC, ContentKind::Image, "A new one");
        instagram.clear_calls();
        journey.advance(DAY).await;
        // The second walk over everything has missed as many: from then on a day needs one page, and the look for comments one.
        let expected = if day == 0 { 6 } else { 2 };
        assert_eq!(lists(&journey), expected, "day {day}");
        assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    }
    assert_eq!(ids(&stored(&journey, &id).await), shown(&journey, PROLIFIC));
    journey.finish().await;
}

#[tokio::test]
async fn days_that_instagram_refuses_to_tell_are_asked_for_again() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 20, 200);
    let outage = Fault::new(FaultKind::graph_error(400, 100, None)).at("GET /{ig_id}/insights");
    journey.world.instagram.add_fault(outage);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let log = sync_log(&journey, &id).await;
    assert_eq!(log[0]["errorCode"], "days_refused");
    assert!(log[0]["errorMessage"].is_string());
    let calls = journey.world.instagram.calls().len();
    assert!(calls < 40, "{calls} calls: the first day says it for all");
    journey.world.instagram.clear_faults();
    journey.advance(DAY).await;
    let today = day_of(journey.world.now());
    let table = &journey.world.app("test").table;
    let days = table.days(&id, plus(today, -90), plus(today, -1)).await;
    let told = days.unwrap().into_iter();
    let told = told.filter(|day| day.figures.contains_key("reach")).count();
    assert!(told >= 89, "{told} days");
    assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    journey.finish().await;
}

#[tokio::test]
async fn days_on_which_nothing_happened_end_nothing() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let nothing = Fault::new(page(&json!({"data": []}))).at("GET /{ig_id}/insights");
    journey.world.instagram.add_fault(nothing.times(7));
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let today = day_of(journey.world.now());
    let table = &journey.world.app("test").table;
    let days = table
        .days(&id, plus(today, -89), plus(today, -1))
        .await
        .unwrap();
    let told: Vec<_> = days
        .iter()
        .filter(|day| day.figures.contains_key("reach"))
        .collect();
    assert_eq!(told.len(), 89 - 6, "one call was for the followers");
    journey.finish().await;
}

#[tokio::test]
async fn a_daily_sync_that_meets_a_block_is_done_when_that_is_over() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let before = sync_log(&journey, &id).await.len();
    let blocked = FaultKind::RateLimit { minutes: 40 };
    journey
        .world
        .instagram
        .add_fault(Fault::new(blocked).at("GET /me").times(1));
    journey.advance(DAY + SignedDuration::from_hours(1)).await;
    let log = sync_log(&journey, &id).await;
    let statuses: Vec<_> = log
        .iter()
        .map(|entry| entry["status"].as_str().unwrap_or_default())
        .collect();
    assert!(
        statuses.len() > before && statuses[0] == "success",
        "{statuses:?}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn without_the_permission_for_insights_media_and_followers_are_kept_and_what_is_missing_is_told()
 {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 30, 60);
    let begun = journey.begin(ANN).await;
    let url = format!("{}&_sim_scopes=instagram_business_basic", begun.url);
    let back = journey.world.consent(&url, PROLIFIC, Decision::Allow).await;
    let call = HttpCall::get(&format!("{}?{}", back.path(), back.query().unwrap()))
        .cookie(begun.cookie.as_deref().unwrap());
    journey.call(&journey.callback, call).await;
    journey.settle().await;
    let id = journey.listed(ANN).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let media = stored(&journey, &id).await;
    assert_eq!(ids(&media), shown(&journey, PROLIFIC));
    let log = sync_log(&journey, &id).await;
    let told = (&log[0]["status"], &log[0]["errorCode"]);
    assert_eq!(
        told,
        (&json!("partial"), &json!("insights_permission_missing"))
    );
    let today = day_of(journey.world.now());
    let table = &journey.world.app("test").table;
    let day = table.day(&id, today).await.unwrap().unwrap();
    assert_eq!(day.followers, Some(4_200));
    assert!(day.figures.is_empty());
    let calls = journey.world.instagram.calls().into_iter();
    assert!(
        !calls
            .into_iter()
            .any(|call| call.endpoint.ends_with("/insights"))
    );
    journey.finish().await;
}

#[tokio::test]
async fn c13_a_page_that_instagram_cannot_gather_is_asked_for_in_halves() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 120, 200);
    let too_much = FaultKind::graph_error(500, 1, None);
    journey
        .world
        .instagram
        .add_fault(Fault::new(too_much).at("GET /{ig_id}/media").times(2));
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let media = stored(&journey, &id).await;
    assert_eq!(ids(&media), shown(&journey, PROLIFIC));
    assert!(
        media
            .iter()
            .all(|media| media.figures.contains_key("reach"))
    );
    journey.finish().await;
}

#[tokio::test]
async fn c16_a_media_without_figures_takes_none_from_others() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 30, 15);
    // A media from before its account was professional refuses for the page that it is on, and by itself.
    let refused = || FaultKind::graph_error(400, 100, Some(2_108_006));
    let instagram = &journey.world.instagram;
    instagram.add_fault(Fault::new(refused()).at("GET /{ig_id}/media").times(1));
    instagram.add_fault(
        Fault::new(refused())
            .at("GET /{media_id}/insights")
            .times(1),
    );
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let media = stored(&journey, &id).await;
    assert_eq!(ids(&media), shown(&journey, PROLIFIC));
    let without = media
        .iter()
        .filter(|media| media.kind != MediaKind::Story && !media.figures.contains_key("reach"));
    assert_eq!(without.count(), 1);
    assert_eq!(sync_log(&journey, &id).await[0]["status"], "success");
    let refused = journey
        .world
        .app("test")
        .table
        .refused_metrics("v26.0")
        .await;
    assert_eq!(refused.unwrap().metrics.len(), 0, "it is not about metrics");
    journey.finish().await;
}

#[tokio::test]
async fn a_sync_that_is_asked_for_while_one_runs_joins_it() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 60);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let call = || {
        HttpCall::new("POST", &format!("/instagram/accounts/{id}/sync")).as_user(
            ANN.user,
            ANN.company,
            "editor",
        )
    };
    for _ in 0..3 {
        assert_eq!(journey.call(&journey.accounts, call()).await.status, 200);
    }
    journey.settle().await;
    let log = sync_log(&journey, &id).await;
    assert_eq!(
        log.len(),
        2,
        "the first one, and one for all three: {log:?}"
    );
    let table = &journey.world.app("test").table;
    assert!(table.media_sync(&id).await.unwrap().unwrap().run.is_none());
    journey.finish().await;
}

#[tokio::test]
async fn c11_syncs_leave_the_last_quarter_of_the_apps_calls_to_others() {
    let journey = Journey::start().await;
    for number in 0..20 {
        let username = format!("baker.{number}");
        add_person(&journey, &username, 10, 30);
        journey.connected(ANN, &username).await;
    }
    // The logins' calls are over an hour old, and all accounts are due at once: for more calls than the app has.
    journey.world.clock.advance(SignedDuration::from_mins(90));
    journey.world.instagram.update_settings(|settings| {
        settings.app_calls_per_hour = 64;
    });
    journey.world.instagram.clear_calls();
    journey.advance(DAY * 3).await;
    let calls = journey.world.instagram.calls();
    assert!(calls.len() > 1_000, "{} calls", calls.len());
    let refused = calls.iter().filter(|call| call.status != 200);
    assert_eq!(refused.count(), 0);
    for account in journey.records(ANN.company).await {
        let entries = sync_log(&journey, &account.id).await;
        let is_done = entries.iter().any(|entry| entry["status"] == "success");
        assert!(is_done, "{}: {entries:?}", account.id);
    }
    // With calls enough nobody waits at the end.
    journey.world.instagram.update_settings(|settings| {
        settings.app_calls_per_hour = 10_000;
    });
    journey.advance(SignedDuration::from_hours(3)).await;
    journey.finish().await;
}

#[tokio::test]
async fn a_first_sync_that_has_to_wait_comes_whatever_ends_its_first_task() {
    // One wait is over before the task comes again, and one is not.
    for wait in [100, 900].map(SignedDuration::from_secs) {
        for ended in 0_usize.. {
            if a_first_task_ends(wait, ended).await {
                assert!(ended > 3, "it was done after {ended} waits");
                break;
            }
        }
    }
}

/// The first task of a sync that has to wait so long ends at one of its own waits. `true`: it was done before.
async fn a_first_task_ends(wait: SignedDuration, ended: usize) -> bool {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 30, 60);
    let id = journey.connected(ANN, PROLIFIC).await;
    let table = &journey.world.app("test").table;
    let now = journey.world.now();
    let blocked = table.update_account(&id, now, |record| {
        record.rate.blocked_until = Some(now + wait);
        true
    });
    assert!(blocked.await.expect("the table answers").is_some());
    let task = Task::SyncMedia {
        account: id.clone(),
        connection_generation: 1,
        run: None,
        step: 0,
    };
    let body = serde_json::to_string(&Message::new(task)).expect("JSON");
    let (client, resources) = (&journey.world.clients.sqs, &journey.world.resources);
    let queue = &resources.queue_url;
    let purged = client.purge_queue().queue_url(queue).send().await;
    purged.expect("an answer");
    let send = client.send_message().queue_url(queue).message_body(&body);
    send.send().await.expect("an answer");
    let receive = client.receive_message().queue_url(queue);
    let received = receive.send().await.expect("an answer");
    let event = sqs_event(received.messages(), &resources.queue_arn);
    let sandbox = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
    let mut context = Context::default();
    context.deadline =
        u64::try_from(journey.world.clock.milliseconds() + 30_000).expect("a moment");
    let running = sandbox.invoke(&event, context);
    let is_done = ended_after(ended, running).await.is_some();
    // The message comes again after its time.
    journey.advance(SignedDuration::from_mins(30)).await;
    let log = sync_log(&journey, &id).await;
    assert!(!log.is_empty(), "ended at wait {ended}");
    assert_eq!(log[0]["status"], "success", "ended at wait {ended}");
    is_done
}

#[tokio::test]
async fn media_that_many_accounts_have_deleted_keep_no_call_from_others() {
    let journey = Journey::start().await;
    let mut accounts = Vec::new();
    for number in 0..8 {
        let username = format!("baker.{number}");
        add_person(&journey, &username, 20, 40);
        accounts.push((journey.connected(ANN, &username).await, username));
    }
    journey.settle().await;
    for (_, username) in &accounts {
        let shown = shown(&journey, username);
        let one: Vec<String> = shown.into_iter().take(1).collect();
        journey.world.instagram.remove_media(&one);
    }
    for (id, _) in &accounts {
        ask_for_sync(&journey, id).await;
    }
    journey.settle().await;
    for (id, username) in &accounts {
        let kept = stored(&journey, id).await;
        assert_eq!(ids(&kept), shown(&journey, username), "{username}");
        assert_eq!(sync_log(&journey, id).await[0]["status"], "success");
    }
    journey.finish().await;
}

#[tokio::test]
async fn c13_a_page_of_one_whose_figures_instagram_cannot_gather_is_read_without_them() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    // Fifty, and by halves down to one.
    let too_much = FaultKind::graph_error(500, 1, None);
    let too_much = Fault::new(too_much).at("GET /{ig_id}/media").times(6);
    journey.world.instagram.add_fault(too_much);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    assert_eq!(ids(&stored(&journey, &id).await), shown(&journey, PROLIFIC));
    assert_eq!(
        sync_log(&journey, &id).await.len(),
        1,
        "it waited for nothing"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_media_of_which_instagram_refuses_to_tell_takes_nothing_from_others() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 60);
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    // One is left out of the list and refused by its id, and so are the figures of the first of three stories.
    let shown = shown(&journey, PROLIFIC);
    let one: Vec<String> = shown.iter().skip(20).take(1).cloned().collect();
    let instagram = &journey.world.instagram;
    instagram.remove_media(&one);
    let forbidden = FaultKind::graph_error(403, 200, None);
    instagram.add_fault(Fault::new(forbidden).at("GET /{ig_id}").times(1));
    let hidden = FaultKind::graph_error(400, 100, Some(33));
    instagram.add_fault(Fault::new(hidden).at("GET /{media_id}/insights").times(1));
    let before = stored(&journey, &id).await;
    let stories = |kept: &[StoredMedia]| {
        let stories = kept.iter().filter(|media| media.kind == MediaKind::Story);
        stories.count()
    };
    assert_eq!(stories(&before), 3);
    sync_now(&journey, &id).await;
    let kept = stored(&journey, &id).await;
    assert_eq!(ids(&kept), shown, "nobody said that it is gone");
    assert_eq!(stories(&kept), 3);
    let log = sync_log(&journey, &id).await;
    let told = (&log[0]["status"], &log[0]["errorCode"]);
    assert_eq!(told, (&json!("partial"), &json!("figures_incomplete")));
    journey.finish().await;
}

#[tokio::test]
async fn a_days_followers_are_kept_though_its_figures_are_read_on_the_next() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 60);
    let today = day_of(journey.world.now());
    let evening = start_of(plus(today, 1)) - SignedDuration::from_mins(10);
    let until_evening = evening.duration_since(journey.world.now());
    journey.world.clock.advance(until_evening);
    let block = Fault::new(FaultKind::RateLimit { minutes: 40 }).at("GET /{ig_id}/media");
    journey.world.instagram.add_fault(block.times(1));
    let id = journey.connected(ANN, PROLIFIC).await;
    // The next day's profile is read before this day's figures.
    journey.advance(DAY).await;
    let table = &journey.world.app("test").table;
    let day = table.day(&id, today).await.unwrap().unwrap();
    assert_eq!(day.followers, Some(4_200));
    journey.finish().await;
}

#[tokio::test]
async fn what_a_walk_under_an_old_profile_could_not_learn_the_next_sync_does() {
    let journey = Journey::start().await;
    add_person(&journey, PROLIFIC, 60, 600);
    let instagram = &journey.world.instagram;
    // The first list breaks off, and on the next day Instagram does not tell the profile.
    let broken = page(&json!({"data": []}));
    instagram.add_fault(Fault::new(broken).at("GET /{ig_id}/media").times(2));
    let id = journey.connected(ANN, PROLIFIC).await;
    journey.settle().await;
    let table = &journey.world.app("test").table;
    let progress = async || table.media_sync(&id).await.unwrap().unwrap();
    assert_eq!(progress().await.walked_at, None);
    instagram.clear_faults();
    let outage = FaultKind::graph_error(400, 100, None);
    instagram.add_fault(Fault::new(outage).at("GET /me"));
    journey.advance(DAY).await;
    let walked = progress().await;
    assert!(walked.walked_at.is_some() && walked.surplus.is_none());
    instagram.clear_faults();
    journey.advance(DAY).await;
    assert_eq!(progress().await.surplus, Some(0));
    journey.finish().await;
}

#[tokio::test]
async fn an_account_with_another_error_is_not_asked_about_while_it_is_blocked() {
    let (journey, id) = crate::media_api::with_history(PROLIFIC, 10).await;
    let app = journey.world.app("test");
    let now = journey.world.now();
    let changed = app.table.update_account(&id, now, |record| {
        record.status = Status::Error;
        record.rate.blocked_until = Some(now + DAY);
        true
    });
    assert!(changed.await.unwrap().is_some());
    journey.world.instagram.clear_calls();
    let path = format!("/instagram/accounts/{id}");
    for (method, path, status) in [
        ("POST", format!("{path}/sync"), 429),
        ("POST", format!("{path}/refresh-status"), 200),
    ] {
        let call = HttpCall::new(method, &path).as_user(ANN.user, ANN.company, "editor");
        let reply = journey.call(&journey.accounts, call).await;
        assert_eq!(reply.status, status, "{path}");
    }
    journey.advance(DAY - SignedDuration::from_mins(5)).await;
    assert_eq!(journey.world.instagram.calls().len(), 0);
    journey.finish().await;
}
