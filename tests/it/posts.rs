//! Posts, from the request to what stands at Instagram.

use instagram_sim::{Fault, FaultKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use world::gateway::{HttpCall, Reply};

use crate::journey::{ANN, Journey};

/// Whose account posts are published on.
pub(crate) const WHO: &str = "corner.bakery";

/// A world with one connected account, and its id.
pub(crate) async fn with_account() -> (Journey, String) {
    let journey = Journey::start().await;
    let account = journey.connected(ANN, WHO).await;
    // More posts than a day takes, so that none of the tests has to wait for the next one.
    journey.world.instagram.update_person(WHO, |person| {
        person.publishing_quota = 10_000;
        person.container_quota = 10_000;
    });
    journey.settle().await;
    (journey, account)
}

/// The address of a sample that the simulated Instagram serves.
pub(crate) fn sample(journey: &Journey, name: &str) -> String {
    format!("{}/_sim/media/{name}", journey.world.instagram.url())
}

/// A body of each kind, with this caption where the kind has one.
pub(crate) fn body(journey: &Journey, kind: &str, caption: &str) -> Value {
    let (image, video) = (sample(journey, "square.jpg"), sample(journey, "reel.mp4"));
    match kind {
        "image" => json!({"kind": kind, "imageUrl": image, "caption": caption}),
        "carousel" => {
            json!({"kind": kind, "items": [{"imageUrl": image}, {"videoUrl": video}], "caption": caption})
        }
        "reel" => json!({"kind": kind, "videoUrl": video, "caption": caption}),
        "story" => json!({"kind": kind, "imageUrl": image}),
        other => panic!("{other}"),
    }
}

/// All kinds.
pub(crate) const KINDS: [&str; 4] = ["image", "carousel", "reel", "story"];

/// A call to the posts of an account, by somebody who may edit.
pub(crate) async fn ask(journey: &Journey, call: HttpCall) -> Reply {
    let call = call.as_user(ANN.user, ANN.company, "editor");
    journey.call(&journey.publish, call).await
}

/// Creates a post and returns its id.
pub(crate) async fn created(journey: &Journey, account: &str, body: &Value) -> String {
    let call = HttpCall::post(&format!("/instagram/accounts/{account}/posts")).json(body);
    let reply = ask(journey, call).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// A post as the API shows it.
pub(crate) async fn shown(journey: &Journey, account: &str, post: &str) -> Value {
    let reply = ask(
        journey,
        HttpCall::get(&format!("/instagram/accounts/{account}/posts/{post}")),
    )
    .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// The events of a post's timeline, the oldest first.
pub(crate) async fn events(journey: &Journey, account: &str, post: &str) -> Vec<String> {
    let target = format!("/instagram/accounts/{account}/posts/{post}/timeline?limit=100");
    let reply = ask(journey, HttpCall::get(&target)).await;
    let answer = reply.json();
    let entries = answer["entries"].as_array().expect("entries");
    let event = |entry: &Value| entry["event"].as_str().expect("an event").to_owned();
    entries.iter().rev().map(event).collect()
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

#[tokio::test]
async fn every_kind_is_published_at_once_and_its_first_comment_is_written() {
    let (journey, account) = with_account().await;
    for kind in KINDS {
        let mut body = body(&journey, kind, "Fresh bread #bakery");
        if kind != "story" {
            body["firstComment"] = "The recipe is on our page.".into();
        }
        let post = created(&journey, &account, &body).await;
        journey.advance(MINUTE * 5).await;
        let shown = shown(&journey, &account, &post).await;
        assert_eq!(shown["state"], "published", "{kind}: {shown}");
        assert!(shown["mediaId"].is_string(), "{shown}");
        assert!(shown["permalink"].is_string(), "{shown}");
        assert_eq!(shown["nextStepAt"], Value::Null, "{shown}");
        let events = events(&journey, &account, &post).await;
        assert_eq!(events[..2], ["scheduled", "preparing"], "{kind}");
        if kind == "story" {
            assert_eq!(shown["firstCommentStatus"], Value::Null);
        } else {
            assert_eq!(shown["firstCommentStatus"]["state"], "written", "{shown}");
            let media = shown["mediaId"].as_str().expect("an id");
            assert_eq!(journey.world.instagram.comments_on(media).len(), 1);
        }
    }
    assert_eq!(journey.world.instagram.published_by(WHO).len(), KINDS.len());
    journey.finish().await;
}

#[tokio::test]
async fn a_planned_post_is_prepared_ahead_and_published_within_two_seconds_of_its_time() {
    let (journey, account) = with_account().await;
    let due: Timestamp = journey.world.now() + SignedDuration::from_hours(30);
    let mut body = body(&journey, "reel", "Tomorrow");
    // With an offset, and shown back in UTC.
    body["publishAt"] = due
        .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(2)))
        .strftime("%Y-%m-%dT%H:%M:%S.%f%:z")
        .to_string()
        .into();
    let post = created(&journey, &account, &body).await;
    let planned = shown(&journey, &account, &post).await;
    assert_eq!(planned["publishAt"], due.to_string());
    assert_eq!(planned["state"], "scheduled");
    journey.advance(SignedDuration::from_hours(26)).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "scheduled");
    journey.advance(SignedDuration::from_hours(3)).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "ready");
    journey.advance(SignedDuration::from_hours(2)).await;
    let published = shown(&journey, &account, &post).await;
    assert_eq!(published["state"], "published", "{published}");
    assert!(published["lateSeconds"].as_i64().expect("a number") <= 2);
    journey.finish().await;
}

#[tokio::test]
async fn d_a_post_that_instagram_refuses_fails_with_the_reason_and_a_retry_publishes_it_once() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::graph_error(400, 36003, Some(2207009)));
    journey
        .world
        .instagram
        .add_fault(fault.at("POST /{ig_id}/media").times(1));
    let body = body(&journey, "image", "Bread");
    let post = created(&journey, &account, &body).await;
    journey.advance(MINUTE).await;
    let failed = shown(&journey, &account, &post).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!(failed["stateReason"]["code"], "aspect_ratio_unsupported");
    let retry = format!("/instagram/accounts/{account}/posts/{post}/retry");
    let reply = ask(&journey, HttpCall::post(&retry)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    journey.advance(MINUTE).await;
    let published = shown(&journey, &account, &post).await;
    assert_eq!(published["state"], "published", "{published}");
    let reply = ask(&journey, HttpCall::post(&retry)).await;
    assert_eq!(reply.status, 409, "{}", reply.text());
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 1);
    journey.finish().await;
}
