//! Posts at the edges: requests that are made again, accounts that may not publish, first comments, many posts at once.

use aws_sim::{Fault as AwsFault, FaultKind as AwsFaultKind};
use instagram_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::lambda::{Context, Function};
use shared::post::State;
use world::gateway::{HttpCall, api_gateway_event};

use crate::crash::ended_after;
use crate::journey::{ANN, Journey};
use crate::post_crash::{Deliveries, End, Trouble};
use crate::posts::{WHO, ask, body, created, shown, with_account};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const PUBLISH: &str = "POST /{ig_id}/media_publish";
const WRITE_COMMENT: &str = "POST /{media_id}/comments";
const LIST_COMMENTS: &str = "GET /{media_id}/comments";

/// Every post of the account, as the API lists them.
async fn listed(journey: &Journey, account: &str) -> Vec<Value> {
    let target = format!("/instagram/accounts/{account}/posts?limit=100");
    let listed = ask(journey, HttpCall::get(&target)).await.json();
    listed["posts"].as_array().expect("a list").clone()
}

fn calls_of(journey: &Journey, endpoint: &str) -> usize {
    let calls = journey.world.instagram.calls();
    let of_endpoint = calls.iter().filter(|call| call.endpoint == endpoint);
    of_endpoint.count()
}

/// The process ends at every wait of a request that makes `made` posts; the caller makes the request again.
async fn repeated_after_every_end(
    path: &str,
    status: u16,
    made: usize,
    body: impl Fn(&Journey) -> Value,
) {
    let (journey, account) = with_account().await;
    let body = body(&journey);
    let target = format!("/instagram/accounts/{account}/posts{path}");
    let (mut waits, mut acted) = (0, 0);
    loop {
        let call = HttpCall::post(&target)
            .as_user(ANN.user, ANN.company, "editor")
            .header("idempotency-key", &format!("order-{waits}"))
            .json(&body);
        let event = api_gateway_event(&call, journey.world.now());
        let api = Function::new(journey.world.cold("publish")).with_routes(publish::routes());
        let ended = ended_after(waits, api.invoke(&event, Context::default())).await;
        // Until the request counts as dead; what it has made is published meanwhile.
        journey.advance(MINUTE * 3).await;
        acted +=
            usize::from(ended.is_none() && listed(&journey, &account).await.len() > waits * made);
        let again = ask(&journey, call).await;
        assert_eq!(again.status, status, "{waits}: {}", again.text());
        journey.advance(MINUTE * 30).await;
        let posts = listed(&journey, &account).await;
        assert_eq!(posts.len(), (waits + 1) * made, "{waits}");
        let live = journey.world.instagram.published_by(WHO);
        assert_eq!(live.len(), posts.len(), "{waits}");
        if ended.is_some() || posts.len() > 90 {
            break;
        }
        waits += 1;
    }
    assert!(acted > 0, "no request ended between the act and the answer");
    journey.finish().await;
}

#[tokio::test]
async fn d04_a_request_under_a_key_that_ends_anywhere_and_is_made_again_makes_one_post() {
    let image = |journey: &Journey| body(journey, "image", "Bread");
    repeated_after_every_end("", 201, 1, image).await;
}

#[tokio::test]
async fn d04_a_bulk_under_a_key_that_ends_anywhere_and_is_made_again_makes_each_post_once() {
    let two = |journey: &Journey| {
        let posts = ["Bread", "Rolls"].map(|caption| body(journey, "image", caption));
        json!({ "posts": posts })
    };
    repeated_after_every_end("/bulk", 200, 2, two).await;
}

/// The table takes the post and says that it did not: the caller is told of a failure, and asks again.
#[tokio::test]
async fn d04_a_post_that_was_taken_in_and_answered_with_an_error_is_the_one_that_a_repetition_answers()
 {
    let (journey, account) = with_account().await;
    let target = format!("/instagram/accounts/{account}/posts");
    let call = |caption: &str| {
        HttpCall::post(&target)
            .header("idempotency-key", "order-1")
            .json(&body(&journey, "image", caption))
    };
    let fault = AwsFault::on(
        "dynamodb",
        "TransactWriteItems",
        AwsFaultKind::AppliedThenLost,
    );
    journey.world.aws.add_fault(fault);
    let failed = ask(&journey, call("Bread")).await;
    journey.world.aws.clear_faults();
    assert!(failed.status >= 500, "{}", failed.text());
    let other = ask(&journey, call("Rolls")).await;
    assert_eq!(other.json()["code"], "idempotency_key_reused");
    let again = ask(&journey, call("Bread")).await;
    assert_eq!(again.status, 201, "{}", again.text());
    let posts = listed(&journey, &account).await;
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0]["id"], again.json()["id"]);
    let replayed = ask(&journey, call("Bread")).await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    journey.advance(MINUTE * 5).await;
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 1);
    journey.finish().await;
}

/// The same for one post of a bulk: its verdict is no answer that is kept.
#[tokio::test]
async fn d04_a_bulk_with_a_post_that_was_taken_in_and_answered_with_an_error_is_made_again() {
    let (journey, account) = with_account().await;
    let posts = ["Bread", "Rolls"].map(|caption| body(&journey, "image", caption));
    let call = HttpCall::post(&format!("/instagram/accounts/{account}/posts/bulk"))
        .header("idempotency-key", "order-1")
        .json(&json!({ "posts": posts }));
    let lost = AwsFaultKind::AppliedThenLost;
    let fault = AwsFault::on("dynamodb", "TransactWriteItems", lost);
    journey.world.aws.add_fault(fault);
    let first = ask(&journey, call.clone()).await;
    journey.world.aws.clear_faults();
    assert_eq!(
        first.json()["results"][0]["status"],
        503,
        "{}",
        first.text()
    );
    let again = ask(&journey, call.clone()).await;
    for result in again.json()["results"].as_array().expect("verdicts") {
        assert_eq!(result["status"], 201, "{}", again.text());
    }
    let replayed = ask(&journey, call).await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    journey.advance(MINUTE * 5).await;
    assert_eq!(listed(&journey, &account).await.len(), 2);
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 2);
    journey.finish().await;
}

#[tokio::test]
async fn d04_a_template_that_was_made_and_answered_with_an_error_is_the_one_that_a_repetition_answers()
 {
    let (journey, _) = with_account().await;
    let call = HttpCall::post("/templates")
        .header("idempotency-key", "order-1")
        .json(&json!({"name": "Bread", "text": "{{kind}} bread"}));
    let lost = AwsFaultKind::AppliedThenLost;
    // The first write takes the key.
    let fault = AwsFault::on("dynamodb", "PutItem", lost).skip(1);
    journey.world.aws.add_fault(fault);
    let failed = ask(&journey, call.clone()).await;
    journey.world.aws.clear_faults();
    assert!(failed.status >= 500, "{}", failed.text());
    journey.advance(MINUTE * 5).await;
    let again = ask(&journey, call).await;
    assert_eq!(again.status, 201, "{}", again.text());
    let all = ask(&journey, HttpCall::get("/templates")).await.json();
    assert_eq!(
        all["templates"].as_array().expect("a list").len(),
        1,
        "{all}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn d13_a_restricted_account_fails_its_post_once_and_pauses_the_others() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::restricted_account()).at(PUBLISH);
    journey.world.instagram.add_fault(fault);
    let first = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    let mut planned = body(&journey, "image", "Rolls");
    planned["publishAt"] = (journey.world.now() + MINUTE * 10).to_string().into();
    let second = created(&journey, &account, &planned).await;
    journey.advance(MINUTE * 5).await;
    let failed = shown(&journey, &account, &first).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!(failed["stateReason"]["code"], "account_restricted");
    journey.advance(MINUTE * 15).await;
    let waiting = shown(&journey, &account, &second).await;
    assert_eq!(waiting["state"], "ready", "{waiting}");
    assert_eq!(waiting["waiting"]["code"], "account_restricted");
    assert_eq!(calls_of(&journey, PUBLISH), 1);
    // The person has acted.
    journey.world.instagram.clear_faults();
    journey.advance(MINUTE * 30).await;
    let published = shown(&journey, &account, &second).await;
    assert_eq!(published["state"], "published", "{published}");
    assert_eq!(journey.world.instagram.published_by(WHO).len(), 1);
    journey.finish().await;
}

/// Containers are made hours ahead, so that is where a restriction is mostly met.
#[tokio::test]
async fn d13_while_an_account_is_restricted_its_other_posts_are_not_prepared() {
    let (journey, account) = with_account().await;
    let create = "POST /{ig_id}/media";
    let fault = Fault::new(FaultKind::restricted_account()).at(create);
    journey.world.instagram.add_fault(fault);
    let first = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE).await;
    let failed = shown(&journey, &account, &first).await;
    assert_eq!(
        failed["stateReason"]["code"], "account_restricted",
        "{failed}"
    );
    let second = created(&journey, &account, &body(&journey, "image", "Rolls")).await;
    journey.advance(MINUTE * 5).await;
    let waiting = shown(&journey, &account, &second).await;
    assert_eq!(waiting["state"], "scheduled", "{waiting}");
    assert_eq!(waiting["waiting"]["code"], "account_restricted");
    assert_eq!(calls_of(&journey, create), 1);
    journey.world.instagram.clear_faults();
    journey.advance(MINUTE * 30).await;
    assert_eq!(
        shown(&journey, &account, &second).await["state"],
        "published"
    );
    journey.finish().await;
}

#[tokio::test]
async fn d13_a_missing_permission_fails_the_post_with_its_reason_after_one_call() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::graph_error(403, 200, None)).at(PUBLISH);
    journey.world.instagram.add_fault(fault);
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 15).await;
    let failed = shown(&journey, &account, &post).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert_eq!(failed["stateReason"]["code"], "permission_missing");
    assert_eq!(calls_of(&journey, PUBLISH), 1);
    journey.finish().await;
}

/// The body of a picture with a first comment.
fn commented(journey: &Journey, caption: &str) -> Value {
    let mut body = body(journey, "image", caption);
    body["firstComment"] = "The recipe is on our page.".into();
    body
}

/// At every wait of every delivery the process ends: one comment stands below the post, and the post knows which.
async fn comment_written_once_everywhere(trouble: Option<FaultKind>) {
    let (journey, account) = with_account().await;
    let (mut points, mut delivery) = (0, 0);
    loop {
        let mut waits = 0;
        let mut deliveries;
        loop {
            let body = commented(&journey, &format!("Bread {points}"));
            let post = created(&journey, &account, &body).await;
            if let Some(kind) = &trouble {
                let fault = Fault::new(kind.clone()).at(WRITE_COMMENT).times(1);
                journey.world.instagram.add_fault(fault);
            }
            deliveries = Deliveries::default();
            let end = End { delivery, waits };
            let record = deliveries
                .until_rest(&journey, &account, &post, Some(end), Trouble::None)
                .await;
            journey.world.instagram.clear_faults();
            assert_eq!(record.state, State::Published, "{end:?}");
            let media = record.media_id.as_deref().expect("a media");
            let comments = journey.world.instagram.comments_on(media);
            assert_eq!(comments.len(), 1, "{trouble:?} {end:?}: {record:?}");
            let comment = record.comment.as_ref().expect("a comment");
            assert_eq!(
                comment.id.as_ref(),
                Some(&comments[0].id),
                "{end:?}: {record:?}"
            );
            assert_eq!((&comment.failure, &record.waiting), (&None, &None));
            points += 1;
            if deliveries.outlived || deliveries.count <= delivery {
                break;
            }
            waits += 1;
        }
        if deliveries.count <= delivery {
            break;
        }
        delivery += 1;
    }
    assert!(delivery > 3 && points > 30, "{points} points in {delivery}");
    journey.finish().await;
}

#[tokio::test]
async fn d_wherever_a_step_ends_the_first_comment_is_written_once() {
    comment_written_once_everywhere(None).await;
}

#[tokio::test]
async fn d_wherever_a_step_ends_after_a_lost_answer_the_first_comment_is_written_once() {
    comment_written_once_everywhere(Some(FaultKind::ApplyThenDrop)).await;
}

#[tokio::test]
async fn d_wherever_a_step_ends_after_a_lost_call_the_first_comment_is_written_once() {
    comment_written_once_everywhere(Some(FaultKind::Reset)).await;
}

#[tokio::test]
async fn d_wherever_a_step_ends_after_a_refusal_that_was_none_the_first_comment_is_written_once() {
    let refused = FaultKind::comment_refused().although_applied();
    comment_written_once_everywhere(Some(refused)).await;
}

#[tokio::test]
async fn d_a_comment_that_may_be_there_and_cannot_be_looked_for_is_not_said_to_be_missing() {
    let (journey, account) = with_account().await;
    let instagram = &journey.world.instagram;
    instagram.add_fault(Fault::new(FaultKind::ApplyThenDrop).at(WRITE_COMMENT));
    instagram.add_fault(Fault::new(FaultKind::status(500, "{}")).at(LIST_COMMENTS));
    let post = created(&journey, &account, &commented(&journey, "Bread")).await;
    journey.advance(MINUTE * 180).await;
    let shown = shown(&journey, &account, &post).await;
    assert_eq!(shown["firstCommentStatus"]["state"], "unknown", "{shown}");
    let failure = &shown["firstCommentStatus"]["failure"];
    assert_eq!(failure["code"], "comment_unclear", "{shown}");
    assert_eq!(shown["waiting"], Value::Null, "{shown}");
    let media = shown["mediaId"].as_str().expect("an id");
    assert_eq!(instagram.comments_on(media).len(), 1);
    assert_eq!(calls_of(&journey, WRITE_COMMENT), 1);
    instagram.clear_faults();
    journey.finish().await;
}

#[tokio::test]
async fn d_a_comment_that_instagram_does_not_take_tells_instagrams_reason() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::graph_error(403, 200, None)).at(WRITE_COMMENT);
    journey.world.instagram.add_fault(fault);
    let post = created(&journey, &account, &commented(&journey, "Bread")).await;
    journey.advance(MINUTE * 30).await;
    let shown = shown(&journey, &account, &post).await;
    let status = &shown["firstCommentStatus"];
    assert_eq!(status["state"], "failed", "{shown}");
    assert_eq!(status["failure"]["code"], "permission_missing", "{shown}");
    assert_eq!(shown["waiting"], Value::Null, "{shown}");
    assert_eq!(calls_of(&journey, WRITE_COMMENT), 1);
    journey.world.instagram.clear_faults();
    journey.finish().await;
}

/// The answer is lost, and before it is looked for the account has another name.
#[tokio::test]
async fn d_a_comment_of_an_account_that_was_renamed_is_not_written_twice() {
    let (journey, account) = with_account().await;
    let instagram = &journey.world.instagram;
    instagram.add_fault(
        Fault::new(FaultKind::ApplyThenDrop)
            .at(WRITE_COMMENT)
            .times(1),
    );
    let post = created(&journey, &account, &commented(&journey, "Bread")).await;
    journey.advance(SignedDuration::from_secs(30)).await;
    assert_eq!(calls_of(&journey, WRITE_COMMENT), 1);
    instagram.update_person(WHO, |person| person.username = "new.bakery".into());
    journey.advance(MINUTE * 10).await;
    let shown = shown(&journey, &account, &post).await;
    assert_eq!(shown["firstCommentStatus"]["state"], "written", "{shown}");
    let media = shown["mediaId"].as_str().expect("an id");
    assert_eq!(instagram.comments_on(media).len(), 1);
    journey.finish().await;
}

/// Instagram shows the post's address late: the first comment has its own patience.
#[tokio::test]
async fn d_a_comment_is_written_although_the_posts_address_was_looked_for_in_vain() {
    let (journey, account) = with_account().await;
    let instagram = &journey.world.instagram;
    instagram.add_fault(Fault::new(FaultKind::ReadOutage).at("GET /{media_id}"));
    instagram.add_fault(Fault::new(FaultKind::Reset).at(WRITE_COMMENT).times(1));
    let post = created(&journey, &account, &commented(&journey, "Bread")).await;
    journey.advance(SignedDuration::from_secs(60 * 60)).await;
    let fault = Fault::new(FaultKind::status(500, "{}")).at(LIST_COMMENTS);
    instagram.add_fault(fault.times(1));
    journey.advance(MINUTE * 60).await;
    let shown = shown(&journey, &account, &post).await;
    assert_eq!(shown["firstCommentStatus"]["state"], "written", "{shown}");
    instagram.clear_faults();
    journey.finish().await;
}

#[tokio::test]
async fn d09_a_bulk_asks_for_the_quota_once() {
    let (journey, account) = with_account().await;
    let posts: Vec<Value> = (0..25)
        .map(|number| body(&journey, "image", &format!("Bread {number}")))
        .collect();
    let target = format!("/instagram/accounts/{account}/posts/bulk");
    journey.world.instagram.clear_calls();
    let call = HttpCall::post(&target).json(&json!({ "posts": posts }));
    let reply = ask(&journey, call).await.json();
    let results = reply["results"].as_array().expect("verdicts");
    assert!(results.iter().all(|result| result["status"] == 201));
    let limit = "GET /{ig_id}/content_publishing_limit";
    assert_eq!(calls_of(&journey, limit), 1);
    journey.advance(MINUTE * 10).await;
    journey.finish().await;
}

/// A call would lengthen the block, and it says nothing that is not known.
#[tokio::test]
async fn c11_while_a_rate_limit_lasts_a_preflight_does_not_ask_for_the_quota() {
    let (journey, account) = with_account().await;
    let fault = Fault::new(FaultKind::RateLimit { minutes: 30 });
    journey.world.instagram.add_fault(fault);
    let call = HttpCall::post(&format!("/instagram/accounts/{account}/refresh-status"));
    let call = call.as_user(ANN.user, ANN.company, "editor");
    journey.call(&journey.accounts, call).await;
    journey.world.instagram.clear_calls();
    let target = format!("/instagram/accounts/{account}/posts/preflight");
    let body = body(&journey, "image", "Bread");
    let reply = ask(&journey, HttpCall::post(&target).json(&body)).await;
    let codes: Vec<Value> = reply.json()["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| finding["code"].clone())
        .collect();
    assert_eq!(codes, ["account_rate_limited"]);
    let graph = journey.world.instagram.calls();
    let graph = graph.iter().filter(|call| !call.endpoint.contains("_sim"));
    assert_eq!(graph.count(), 0);
    journey.world.instagram.clear_faults();
    journey.finish().await;
}

/// Publishing goes before sync: an account whose posts use up its calls is not synced until they are few again.
#[tokio::test]
async fn c11_a_sync_gives_way_to_publishing_on_the_accounts_budget() {
    let (journey, account) = with_account().await;
    journey
        .world
        .instagram
        .update_settings(|settings| settings.usage_headers = true);
    journey
        .world
        .instagram
        .update_person(WHO, |person| person.usage_percent = 80);
    let record = journey.records(ANN.company).await.remove(0);
    let sync = || {
        let queue = &journey.world.app("test").queue;
        let task = shared::tasks::Task::SyncAccount {
            account: account.clone(),
            connection_generation: record.connection_generation,
        };
        (queue.clone(), task)
    };
    let first = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 5).await;
    assert_eq!(
        shown(&journey, &account, &first).await["state"],
        "published"
    );
    let record_now = journey.records(ANN.company).await.remove(0);
    assert_eq!(record_now.rate.usage_percent, Some(80));
    journey.world.instagram.clear_calls();
    let (queue, task) = sync();
    queue.send(task).await.expect("the queue answers");
    journey.advance(MINUTE).await;
    assert_eq!(calls_of(&journey, "GET /me"), 0);
    // Publishing goes on.
    let second = created(&journey, &account, &body(&journey, "image", "Rolls")).await;
    journey.advance(MINUTE * 5).await;
    assert_eq!(
        shown(&journey, &account, &second).await["state"],
        "published"
    );
    // The media sync goes on by itself and finds that there is room again.
    let calm = |person: &mut instagram_sim::Person| person.usage_percent = 10;
    journey.world.instagram.update_person(WHO, calm);
    journey.advance(MINUTE * 70).await;
    journey.world.instagram.clear_calls();
    let (queue, task) = sync();
    queue.send(task).await.expect("the queue answers");
    journey.advance(MINUTE).await;
    assert_eq!(calls_of(&journey, "GET /me"), 1);
    journey.finish().await;
}
