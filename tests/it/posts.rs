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

#[tokio::test]
async fn what_a_post_is_refused_for_is_told_by_code() {
    let (journey, account) = with_account().await;
    let target = format!("/instagram/accounts/{account}/posts");
    let image = body(&journey, "image", "Bread");
    let with = |name: &str, value: Value| {
        let mut body = image.clone();
        body[name] = value;
        body
    };
    let template =
        HttpCall::post("/templates").json(&json!({"name": "New", "text": "New: {{what}}"}));
    let template = ask(&journey, template).await.json();
    let template = template["id"].as_str().expect("an id");
    let mut story = body(&journey, "story", "");
    story["templateId"] = template.into();
    story["values"] = json!({"what": "bread"});
    let captionless = |values: Value| {
        let mut body = json!({"kind": "image", "imageUrl": image["imageUrl"]});
        body["templateId"] = template.into();
        body["values"] = values;
        body
    };
    let far = journey.world.now() + SignedDuration::from_hours(76 * 24);
    let unknown = "00000000-0000-4000-8000-00000000beef";
    for (body, code) in [
        (
            with("publishAt", "2020-01-01T00:00:00Z".into()),
            "publish_at_past",
        ),
        (
            with("publishAt", far.to_string().into()),
            "publish_at_too_far",
        ),
        (
            with("imageUrl", "https://10.0.0.1/a.jpg".into()),
            "post_refused",
        ),
        (with("caption", "x".repeat(2_201).into()), "post_refused"),
        (story, "invalid_body"),
        (captionless(json!({})), "template_value_missing"),
        (
            captionless(json!({"what": "a", "who": "b"})),
            "template_value_unknown",
        ),
        (with("audioName", "no".into()), "invalid_body"),
        (with("publishAt", "tomorrow".into()), "invalid_body"),
    ] {
        for route in [&target, &format!("{target}/preflight")] {
            let reply = ask(&journey, HttpCall::post(route).json(&body)).await;
            let is_told = reply.json()["code"] == code;
            let is_a_finding = route.ends_with("preflight") && code != "invalid_body";
            assert!(is_told != is_a_finding, "{code}: {}", reply.text());
        }
        let bulk = json!({"posts": [body, image]});
        let reply = ask(
            &journey,
            HttpCall::post(&format!("{target}/bulk")).json(&bulk),
        )
        .await;
        let results = &reply.json()["results"];
        assert_eq!(results[0]["code"], code, "{results}");
        assert_eq!(results[1]["status"], 201, "{results}");
    }
    journey.advance(MINUTE * 5).await;
    let published = created(&journey, &account, &image).await;
    journey.advance(MINUTE).await;
    let post = format!("{target}/{published}");
    let patch = |target: &str, body: Value| HttpCall::patch(target).json(&body);
    for (call, code) in [
        (HttpCall::delete(&post), "not_supported_by_platform"),
        (
            patch(&post, json!({"caption": "Other"})),
            "post_not_changeable",
        ),
        (HttpCall::post(&format!("{post}/retry")), "post_not_failed"),
        (
            HttpCall::get(&format!("{target}/{unknown}")),
            "post_not_found",
        ),
        (
            HttpCall::get(&format!("{target}?state=live")),
            "invalid_post_state",
        ),
        (
            HttpCall::get(&format!("{target}?from=today")),
            "invalid_time",
        ),
        (
            HttpCall::post(&format!("{target}/bulk")).json(&json!({"posts": []})),
            "no_posts",
        ),
        (
            HttpCall::post(&format!("{target}/bulk")).json(&json!({"posts": vec![image; 51]})),
            "too_many_posts",
        ),
        (
            HttpCall::get(&format!("/templates/{unknown}")),
            "template_not_found",
        ),
        (
            patch(&format!("/templates/{template}"), json!({"name": " "})),
            "invalid_name",
        ),
        (
            patch(&format!("/templates/{template}"), json!({"text": ""})),
            "invalid_text",
        ),
        (
            patch(
                &format!("/templates/{template}"),
                json!({"name": "New", "text": null}),
            ),
            "invalid_body",
        ),
        (
            patch(&format!("/templates/{template}"), json!({})),
            "nothing_to_change",
        ),
        (
            patch(&format!("/templates/{template}"), json!({"text": "{{"})),
            "invalid_placeholder",
        ),
    ] {
        let reply = ask(&journey, call).await;
        assert_eq!(reply.json()["code"], code, "{}", reply.text());
    }
    journey.finish().await;
}

#[tokio::test]
async fn a_post_is_changed_and_called_off_until_it_is_published() {
    let (journey, account) = with_account().await;
    let target = format!("/instagram/accounts/{account}/posts");
    let mut body = body(&journey, "image", "Bread");
    body["draft"] = true.into();
    let post = created(&journey, &account, &body).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "draft");
    journey.advance(MINUTE * 60).await;
    let empty = HttpCall::patch(&format!("{target}/{post}")).json(&json!({}));
    assert_eq!(
        ask(&journey, empty).await.json()["code"],
        "nothing_to_change"
    );
    let backwards = HttpCall::get(&format!(
        "{target}?from=2027-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"
    ));
    assert_eq!(ask(&journey, backwards).await.json()["posts"], json!([]));
    let change = json!({"draft": false, "publishAt": journey.world.now() + MINUTE * 120, "caption": "Rolls", "altText": "A roll"});
    let call = HttpCall::patch(&format!("{target}/{post}")).json(&change);
    let changed = ask(&journey, call).await.json();
    assert_eq!(
        (&changed["state"], &changed["caption"]),
        (&"scheduled".into(), &"Rolls".into())
    );
    journey.advance(MINUTE * 5).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "ready");
    // Another caption needs another container; another time does not.
    let made = journey.world.instagram.containers_of(WHO).len();
    let call = HttpCall::patch(&format!("{target}/{post}")).json(&json!({"caption": null}));
    assert_eq!(ask(&journey, call).await.json()["state"], "scheduled");
    journey.advance(MINUTE * 5).await;
    let later = json!({"publishAt": journey.world.now() + MINUTE * 180});
    let call = HttpCall::patch(&format!("{target}/{post}")).json(&later);
    assert_eq!(ask(&journey, call).await.json()["state"], "ready");
    assert_eq!(journey.world.instagram.containers_of(WHO).len(), made + 1);

    let copy = ask(
        &journey,
        HttpCall::post(&format!("{target}/{post}/duplicate")),
    )
    .await
    .json();
    assert_eq!(copy["state"], "draft");
    let canceled = ask(&journey, HttpCall::delete(&format!("{target}/{post}")))
        .await
        .json();
    assert_eq!(canceled["state"], "canceled");
    journey.advance(MINUTE * 300).await;
    assert_eq!(shown(&journey, &account, &post).await["state"], "canceled");
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 0);
    journey.finish().await;
}

/// The account of a planned post must be connected again: the post waits, says why, and is published once it can be.
#[tokio::test]
async fn d13_d14_a_post_waits_for_its_account_for_an_hour_and_then_says_so() {
    let (journey, account) = with_account().await;
    let mut planned = body(&journey, "image", "Bread");
    planned["publishAt"] = (journey.world.now() + MINUTE * 60).to_string().into();
    let first = created(&journey, &account, &planned).await;
    planned["caption"] = "Rolls".into();
    planned["publishAt"] = (journey.world.now() + MINUTE * 180).to_string().into();
    let second = created(&journey, &account, &planned).await;
    journey.advance(MINUTE * 10).await;
    let call = HttpCall::post(&format!("/instagram/accounts/{account}/disconnect")).as_user(
        ANN.user,
        ANN.company,
        "editor",
    );
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    journey.advance(MINUTE * 55).await;
    let waiting = shown(&journey, &account, &first).await;
    assert_eq!(waiting["state"], "ready", "{waiting}");
    assert_eq!(waiting["waiting"]["code"], "disconnected_by_user");
    journey.advance(MINUTE * 60).await;
    let failed = shown(&journey, &account, &first).await;
    assert_eq!(failed["stateReason"]["code"], "overdue", "{failed}");
    assert_eq!(journey.connected(ANN, WHO).await, account);
    journey.advance(MINUTE * 90).await;
    let published = shown(&journey, &account, &second).await;
    assert_eq!(published["state"], "published", "{published}");
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 1);
    journey.finish().await;
}

/// Instagram's reads are down, as from May 2026 on, and publishing works: the post is published, once.
#[tokio::test]
async fn d08_containers_that_cannot_be_read_are_published_all_the_same() {
    let (journey, account) = with_account().await;
    journey
        .world
        .instagram
        .add_fault(Fault::new(FaultKind::ReadOutage));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 10).await;
    let published = shown(&journey, &account, &post).await;
    assert_eq!(published["state"], "published", "{published}");
    journey.world.instagram.clear_faults();
    journey.advance(MINUTE * 120).await;
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 1);
    journey.finish().await;
}

/// Processing that never ends, that fails, and a container that expires.
#[tokio::test]
async fn d05_d06_d10_processing_that_goes_wrong_ends_with_a_reason() {
    let (journey, account) = with_account().await;
    let create = "POST /{ig_id}/media";
    let fault = Fault::new(FaultKind::ProcessingTakes(100_000)).at(create);
    journey.world.instagram.add_fault(fault.times(1));
    let endless = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 10).await;
    let failed = shown(&journey, &account, &endless).await;
    assert_eq!(
        failed["stateReason"]["code"], "processing_timeout",
        "{failed}"
    );

    let fault = Fault::new(FaultKind::ProcessingFails(2_207_026)).at(create);
    journey.world.instagram.add_fault(fault.times(1));
    let broken = created(&journey, &account, &body(&journey, "carousel", "Rolls")).await;
    journey.advance(MINUTE * 10).await;
    let failed = shown(&journey, &account, &broken).await;
    assert_eq!(
        failed["stateReason"]["code"], "video_format_unsupported",
        "{failed}"
    );
    let sentence = failed["stateReason"]["message"]
        .as_str()
        .expect("a sentence");
    assert!(
        sentence.starts_with("Item 1 of the carousel: "),
        "{sentence}"
    );

    let fault = Fault::new(FaultKind::ContainerLives(1)).at(create);
    journey.world.instagram.add_fault(fault.times(1));
    let expired = created(&journey, &account, &body(&journey, "reel", "Cake")).await;
    journey.advance(MINUTE * 10).await;
    let published = shown(&journey, &account, &expired).await;
    assert_eq!(published["state"], "published", "{published}");
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 1);
    journey.finish().await;
}

/// The day's quota is full, and Instagram takes one action for spam: the account's posts wait and say why.
#[tokio::test]
async fn d09_d13_a_full_quota_and_a_block_pause_the_accounts_posts() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::spam_block()).at("POST /{ig_id}/media_publish");
    journey.world.instagram.add_fault(fault.times(1));
    let blocked = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 5).await;
    let waiting = shown(&journey, &account, &blocked).await;
    assert_eq!(waiting["waiting"]["code"], "spam_suspected", "{waiting}");
    let record = journey.records(ANN.company).await.remove(0);
    let pause = record.publishing_paused.expect("a pause");
    assert_eq!(pause.reason.code, "spam_suspected");
    journey.advance(MINUTE * 90).await;
    let failed = shown(&journey, &account, &blocked).await;
    assert_eq!(failed["stateReason"]["code"], "overdue", "{failed}");
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 0);
    journey.advance(SignedDuration::from_hours(25)).await;
    let after = created(&journey, &account, &body(&journey, "image", "Rolls")).await;
    journey.advance(MINUTE * 5).await;
    assert_eq!(
        shown(&journey, &account, &after).await["state"],
        "published"
    );
    journey.finish().await;
}
