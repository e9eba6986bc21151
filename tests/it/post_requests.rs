//! What whoever plans, changes and checks posts is told.

use instagram_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};
use world::gateway::HttpCall;

use crate::journey::{ANN, Journey};
use crate::posts::{WHO, ask, body, created, sample, shown, with_account};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const PUBLISH: &str = "POST /{ig_id}/media_publish";
const CREATE: &str = "POST /{ig_id}/media";

fn posts_of(account: &str) -> String {
    format!("/instagram/accounts/{account}/posts")
}

async fn patched(journey: &Journey, account: &str, post: &str, change: Value) -> Value {
    // What happens at one moment has no order in the timeline.
    journey.advance(SignedDuration::from_secs(1)).await;
    let call = HttpCall::patch(&format!("{}/{post}", posts_of(account))).json(&change);
    ask(journey, call).await.json()
}

async fn called_off(journey: &Journey, account: &str, post: &str) {
    let call = HttpCall::delete(&format!("{}/{post}", posts_of(account)));
    assert_eq!(ask(journey, call).await.status, 200);
}

/// The newest sentence of a post's timeline.
async fn last_sentence(journey: &Journey, account: &str, post: &str) -> String {
    let target = format!("{}/{post}/timeline?limit=1", posts_of(account));
    let answer = ask(journey, HttpCall::get(&target)).await.json();
    let sentence = answer["entries"][0]["sentence"].as_str();
    sentence.expect("a sentence").to_owned()
}

fn codes(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().expect("findings").iter();
    findings
        .filter_map(|found| found["code"].as_str())
        .collect()
}

#[tokio::test]
async fn a_body_that_is_not_understood_names_the_member_and_what_it_must_be() {
    let (journey, account) = with_account().await;
    let target = posts_of(&account);
    let image = body(&journey, "image", "Bread");
    let with = |name: &str, value: Value| {
        let mut body = image.clone();
        body[name] = value;
        body
    };
    let draft = created(&journey, &account, &with("draft", true.into())).await;
    let all = "expected one of `kind`, `imageUrl`, `altText`, `userTags`, `caption`, `collaborators`, `locationId`, \
               `isAiGenerated`, `firstComment`, `publishAt`, `draft`, `templateId`, `values`";
    let mut story = body(&journey, "story", "");
    story["templateId"] = "00000000-0000-4000-8000-00000000beef".into();
    for (body, expected) in [
        (
            with("kind", "photo".into()),
            "`kind` must be one of `image`, `carousel`",
        ),
        (
            with("draft", "yes".into()),
            "`draft` must be `true` or `false`",
        ),
        (with("imageUrl", Value::Null), "`imageUrl` must be a text"),
        (with("values", 7.into()), "`values` must be an object"),
        (
            with("values", json!({"what": 7})),
            "`values.what` must be a text",
        ),
        (
            with("publishAt", "tomorrow".into()),
            "`publishAt` must be `now` or a time with an offset",
        ),
        (with("audioName", "x".into()), all),
        (
            json!({"kind": "story"}),
            "missing field `imageUrl` or `videoUrl`",
        ),
        (
            json!({"kind": "story", "imageUrl": "a", "caption": "b"}),
            "`caption` and `templateId` are not for a story",
        ),
        (
            json!({"kind": "carousel", "items": [{"videoUrl": "a", "altText": "b"}]}),
            "unknown field `items[0].altText`",
        ),
    ] {
        let refused = ask(&journey, HttpCall::post(&target).json(&body))
            .await
            .json();
        let bulk = HttpCall::post(&format!("{target}/bulk")).json(&json!({"posts": [body]}));
        let verdict = ask(&journey, bulk).await.json()["results"][0].clone();
        for answer in [refused, verdict] {
            assert_eq!(answer["code"], "invalid_body", "{answer}");
            let detail = answer["detail"].as_str().expect("a sentence");
            assert!(detail.contains(expected), "{expected}: {detail}");
        }
    }
    let bulk = HttpCall::post(&format!("{target}/bulk")).json(&json!({"posts": [5]}));
    let verdict = ask(&journey, bulk).await.json()["results"][0].clone();
    assert_eq!(
        verdict["detail"],
        "The body was not understood: it must be an object."
    );
    for (change, expected) in [
        (json!({"kind": "reel"}), "`kind` cannot be changed"),
        (json!({"templateId": "x"}), "`templateId` is for a new post"),
        (json!({"caption": 7}), "`caption` must be a text"),
        (
            json!({"audioName": "x"}),
            "`firstComment`, `publishAt`, `draft`",
        ),
        (json!({"draft": null}), "`draft` must be `true` or `false`"),
    ] {
        let refused = patched(&journey, &account, &draft, change).await;
        assert_eq!(refused["code"], "invalid_body", "{refused}");
        let detail = refused["detail"].as_str().expect("a sentence");
        assert!(detail.contains(expected), "{expected}: {detail}");
    }
    journey.finish().await;
}

#[tokio::test]
async fn a_preflight_finds_what_is_wrong_with_the_time_and_the_template_too() {
    let (journey, account) = with_account().await;
    let target = posts_of(&account);
    let template = HttpCall::post("/templates").json(&json!({"name": "New", "text": "{{what}}"}));
    let template = ask(&journey, template).await.json()["id"].clone();
    let image = sample(&journey, "square.jpg");
    let past = "2020-01-01T00:00:00Z";
    for (body, code, member) in [
        (
            json!({"kind": "image", "imageUrl": image, "publishAt": past}),
            "publish_at_past",
            "publishAt",
        ),
        (
            json!({"kind": "image", "imageUrl": image, "publishAt": "2030-01-01T00:00:00Z"}),
            "publish_at_too_far",
            "publishAt",
        ),
        (
            json!({"kind": "image", "imageUrl": image, "templateId": template}),
            "template_value_missing",
            "values",
        ),
    ] {
        let call = HttpCall::post(&format!("{target}/preflight")).json(&body);
        let answer = ask(&journey, call).await.json();
        assert_eq!(answer["canBePublished"], false, "{answer}");
        assert_eq!(codes(&answer["findings"]), [code]);
        assert_eq!(answer["findings"][0]["member"], member);
        let refused = ask(&journey, HttpCall::post(&target).json(&body)).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (422, &json!(code))
        );
        assert_eq!(refused.json()["findings"], answer["findings"]);
    }
    // Both are told at once.
    let body = json!({"kind": "image", "imageUrl": image, "publishAt": past, "caption": "x".repeat(2_201)});
    let call = HttpCall::post(&format!("{target}/preflight")).json(&body);
    let answer = ask(&journey, call).await.json();
    assert_eq!(
        codes(&answer["findings"]),
        ["publish_at_past", "caption_too_long"]
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_draft_and_its_copy_show_what_would_keep_them_from_being_published() {
    let (journey, account) = with_account().await;
    let mut draft = body(&journey, "image", "Bread");
    draft["imageUrl"] = sample(&journey, "missing.jpg").into();
    draft["draft"] = true.into();
    let draft = created(&journey, &account, &draft).await;
    let warnings = shown(&journey, &account, &draft).await["warnings"].clone();
    assert_eq!(codes(&warnings), ["media_not_found"]);
    let copy = HttpCall::post(&format!("{}/{draft}/duplicate", posts_of(&account)));
    assert_eq!(ask(&journey, copy).await.json()["warnings"], warnings);
    let good = json!({"imageUrl": sample(&journey, "square.jpg")});
    let changed = patched(&journey, &account, &draft, good).await;
    assert_eq!(changed["warnings"], json!([]));
    journey.finish().await;
}

#[tokio::test]
async fn a_change_says_what_it_changed_and_for_which_time_the_post_is_planned() {
    let (journey, account) = with_account().await;
    let mut body = body(&journey, "image", "Bread");
    let due = journey.world.now() + MINUTE * 60 * 30;
    body["publishAt"] = due.to_string().into();
    let post = created(&journey, &account, &body).await;
    let minute = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let planned = shown(&journey, &account, &post).await["explanation"].clone();
    let prepared = minute(due - MINUTE * 180);
    assert!(
        planned.as_str().expect("a sentence").contains(&prepared),
        "{planned}"
    );

    let later = due + MINUTE * 60;
    patched(
        &journey,
        &account,
        &post,
        json!({"publishAt": later, "caption": "Rolls"}),
    )
    .await;
    let expected = format!(
        "The post was changed: `caption`. The post is planned for {}, in place of {}.",
        minute(later),
        minute(due)
    );
    assert_eq!(last_sentence(&journey, &account, &post).await, expected);

    let refused = patched(&journey, &account, &post, json!({"publishAt": null})).await;
    assert_eq!(refused["code"], "invalid_body", "{refused}");
    let draft = json!({"publishAt": null, "draft": true});
    let draft = patched(&journey, &account, &post, draft).await;
    assert_eq!(
        (&draft["state"], &draft["publishAt"]),
        (&json!("draft"), &Value::Null)
    );
    assert_eq!(
        last_sentence(&journey, &account, &post).await,
        "The post is a draft."
    );
    patched(
        &journey,
        &account,
        &post,
        json!({"publishAt": later, "draft": false}),
    )
    .await;
    let planned = format!("The post is planned for {}.", minute(later));
    assert_eq!(last_sentence(&journey, &account, &post).await, planned);
    called_off(&journey, &account, &post).await;
    journey.finish().await;
}

#[tokio::test]
async fn d_a_failed_post_that_is_changed_shows_what_holds_now_and_a_time_plans_it() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::graph_error(400, 36003, Some(2207009)));
    journey.world.instagram.add_fault(fault.at(CREATE).times(1));
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE).await;
    let failed = shown(&journey, &account, &post).await;
    assert_eq!(
        failed["stateReason"]["code"], "aspect_ratio_unsupported",
        "{failed}"
    );

    let inside = json!({"imageUrl": "https://10.0.0.1/a.jpg"});
    let changed = patched(&journey, &account, &post, inside).await;
    assert_eq!(changed["state"], "failed", "{changed}");
    assert_eq!(
        codes(&changed["warnings"]),
        ["address_not_public"],
        "{changed}"
    );
    assert_eq!(
        changed["stateReason"]["code"], "address_not_public",
        "{changed}"
    );

    let good = json!({"imageUrl": sample(&journey, "square.jpg")});
    let changed = patched(&journey, &account, &post, good).await;
    assert_eq!(changed["warnings"], json!([]), "{changed}");
    assert_eq!(changed["stateReason"]["code"], "changed_since", "{changed}");

    let time = json!({"publishAt": journey.world.now() + MINUTE * 30});
    let planned = patched(&journey, &account, &post, time).await;
    assert_eq!(planned["state"], "scheduled", "{planned}");
    journey.advance(MINUTE * 31).await;
    let published = shown(&journey, &account, &post).await;
    assert_eq!(published["state"], "published", "{published}");
    journey.finish().await;
}

/// Instagram's block pauses the account's posts for a day. A person settles it and connects the account again.
#[tokio::test]
async fn d13_a_post_that_waits_for_a_pause_is_published_soon_after_it_ends_early() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::spam_block()).at(PUBLISH).times(1);
    journey.world.instagram.add_fault(fault);
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 10).await;
    let waiting = shown(&journey, &account, &post).await;
    assert_eq!(waiting["waiting"]["code"], "spam_suspected", "{waiting}");
    assert_eq!(journey.connected(ANN, WHO).await, account);
    journey.advance(MINUTE * 10).await;
    let published = shown(&journey, &account, &post).await;
    assert_eq!(published["state"], "published", "{published}");
    journey.finish().await;
}

#[tokio::test]
async fn d13_a_post_that_a_pause_would_outlast_is_refused_and_so_is_a_retry() {
    let (journey, account) = with_account().await;
    let target = posts_of(&account);
    let fault = Fault::new(FaultKind::spam_block()).at(PUBLISH).times(1);
    journey.world.instagram.add_fault(fault);
    let mut planned = body(&journey, "image", "Rolls");
    planned["publishAt"] = (journey.world.now() + MINUTE * 14 * 60).to_string().into();
    let before = created(&journey, &account, &planned).await;
    let first = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 90).await;
    let failed = shown(&journey, &account, &first).await;
    assert_eq!(failed["stateReason"]["code"], "overdue", "{failed}");
    let retry = HttpCall::post(&format!("{target}/{first}/retry"));
    let refused = ask(&journey, retry).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let code = "publishing_paused_too_long";
    assert_eq!(codes(&refused.json()["findings"]), [code]);
    let call = HttpCall::post(&format!("{target}/preflight")).json(&planned);
    let answer = ask(&journey, call).await.json();
    assert_eq!(
        (&answer["canBePublished"], codes(&answer["findings"])),
        (&json!(false), vec![code])
    );
    // What was planned before is not ended for a pause that may end early.
    journey.advance(MINUTE * 11 * 60).await;
    let ready = shown(&journey, &account, &before).await;
    assert_eq!(ready["state"], "ready", "{ready}");
    journey.advance(MINUTE * 13 * 60).await;
    let again = ask(&journey, HttpCall::post(&format!("{target}/{first}/retry"))).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let sentence = last_sentence(&journey, &account, &first).await;
    assert!(sentence.contains(", in place of "), "{sentence}");
    journey.advance(MINUTE * 5).await;
    assert_eq!(
        shown(&journey, &account, &first).await["state"],
        "published"
    );
    journey.finish().await;
}

#[tokio::test]
async fn a_post_for_now_is_not_late_for_the_time_that_its_video_takes() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::ProcessingTakes(300))
        .at(CREATE)
        .times(1);
    journey.world.instagram.add_fault(fault);
    let post = created(&journey, &account, &body(&journey, "reel", "Bread")).await;
    let taken = shown(&journey, &account, &post).await["explanation"].clone();
    assert!(
        taken
            .as_str()
            .expect("a sentence")
            .starts_with("Taken in: "),
        "{taken}"
    );
    journey.advance(MINUTE * 10).await;
    let published = shown(&journey, &account, &post).await;
    assert_eq!(
        (&published["state"], &published["lateSeconds"]),
        (&json!("published"), &Value::Null)
    );
    let target = format!("{}/{post}/timeline", posts_of(&account));
    let entries = ask(&journey, HttpCall::get(&target)).await.text();
    assert!(entries.contains("\"The post is live.\""), "{entries}");
    journey.finish().await;
}

#[tokio::test]
async fn a_bulk_of_fifty_drafts_with_the_longest_captions_is_taken_in() {
    let (journey, account) = with_account().await;
    let mut draft = body(&journey, "image", &"🥖".repeat(2_200));
    draft["draft"] = true.into();
    draft["firstComment"] = "🥖".repeat(2_200).into();
    let call = HttpCall::post(&format!("{}/bulk", posts_of(&account)))
        .header("idempotency-key", "fifty")
        .json(&json!({"posts": vec![draft.clone(); 50]}));
    let reply = ask(&journey, call).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    let results = answer["results"].as_array().expect("verdicts");
    assert!(results.iter().all(|result| result["status"] == 201));
    // One post has its own limit.
    draft["caption"] = "x".repeat(65_536).into();
    let call = HttpCall::post(&posts_of(&account)).json(&draft);
    assert_eq!(ask(&journey, call).await.json()["code"], "body_too_large");
    journey.finish().await;
}

#[tokio::test]
async fn d09_more_posts_for_one_time_than_the_quota_takes_are_warned_of() {
    let (journey, account) = with_account().await;
    journey
        .world
        .instagram
        .update_person(WHO, |person| person.publishing_quota = 2);
    let due = journey.world.now() + MINUTE * 60 * 48;
    let mut planned = Vec::new();
    for (hours, caption, expected) in [
        (0, "Bread", false),
        (0, "Rolls", false),
        (0, "Cake", true),
        (1, "Tart", true),
        (30, "Pie", false),
    ] {
        let mut body = body(&journey, "image", caption);
        body["publishAt"] = (due + MINUTE * 60 * hours).to_string().into();
        let post = created(&journey, &account, &body).await;
        let warnings = shown(&journey, &account, &post).await["warnings"].clone();
        let found = codes(&warnings);
        assert_eq!(
            found,
            if expected {
                vec!["too_many_planned"]
            } else {
                vec![]
            },
            "{caption}"
        );
        planned.push(post);
    }
    for post in &planned {
        called_off(&journey, &account, post).await;
    }
    journey.finish().await;
}

#[tokio::test]
async fn a_time_whose_plus_was_not_escaped_is_told_how_to_write_it() {
    let (journey, account) = with_account().await;
    let target = format!("{}?from=2026-11-21T10:00:00+01:00", posts_of(&account));
    let refused = ask(&journey, HttpCall::get(&target)).await.json();
    assert_eq!(refused["code"], "invalid_time");
    let detail = refused["detail"].as_str().expect("a sentence");
    assert!(detail.contains("`+` is written `%2B`"), "{detail}");
    journey.finish().await;
}
