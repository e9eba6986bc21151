//! What a product is told on the bus: written with the change, sent after it, never lost.

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::{BusEvent, Fault, FaultKind};
use instagram_sim::{Person, signed_request};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::announce::{self, ACCOUNT_DELETED, OF_ACCOUNTS, OF_EVENTS, OF_POSTS, SOURCE};
use shared::lambda::{Context, Function};
use shared::table::keys::ID_DIGITS;
use world::Decision;
use world::gateway::{HttpCall, api_gateway_event};
use world::resources::EVENT_BUS;
use world::{INSTAGRAM_APP_SECRET, WorldOptions};

use crate::crash::ended_after;
use crate::journey::{ANN, Journey};
use crate::posts::{body, created, with_account};
use crate::structure::file;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn detail(event: &BusEvent) -> Value {
    serde_json::from_str(&event.detail).expect("it is there")
}

/// The names of what was announced since this was asked last, each of which must have the documented form.
fn announced(journey: &Journey) -> Vec<String> {
    let events = journey.world.aws.take_bus_events();
    let mut names = Vec::new();
    for event in events {
        assert_eq!(
            (event.bus.as_str(), event.source.as_str()),
            (EVENT_BUS, SOURCE)
        );
        let detail = detail(&event);
        assert_eq!(detail["version"], 1);
        assert_eq!(detail["company"], ANN.company, "{detail}");
        for member in ["id", "at", "accountId", "correlationId"] {
            assert!(detail[member].is_string(), "{member}: {detail}");
        }
        names.push(event.detail_type);
    }
    names
}

async fn waiting(journey: &Journey) -> usize {
    let table = &journey.world.cold("test").table;
    let mut waiting = 0;
    for digit in ID_DIGITS.chars() {
        waiting += table
            .waiting_announcements(digit)
            .await
            .expect("it is there")
            .len();
    }
    waiting
}

#[tokio::test]
async fn changes_of_an_account_are_announced() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    assert_eq!(announced(&journey), ["instagram.account.connected"]);
    let ask = async |call: HttpCall| {
        let call = call.as_user(ANN.user, ANN.company, "editor");
        let reply = journey.call(&journey.accounts, call).await;
        assert!(reply.status < 300, "{}", reply.text());
    };
    let path = format!("/instagram/accounts/{id}");
    let assign = HttpCall::patch(&path).json(&json!({"clientId": "client-7"}));
    ask(assign).await;
    let events = journey.world.aws.bus_events();
    assert_eq!(detail(&events[0])["clientId"], "client-7");
    assert_eq!(announced(&journey), ["instagram.account.assigned"]);
    ask(HttpCall::patch(&path).json(&json!({"displayName": "Bread"}))).await;
    assert_eq!(announced(&journey), [""; 0], "a name is nobody's business");
    ask(HttpCall::post(&format!("{path}/disconnect"))).await;
    assert_eq!(announced(&journey), ["instagram.account.disconnected"]);
    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    assert_eq!(announced(&journey), ["instagram.account.connected"]);
    ask(HttpCall::delete(&path)).await;
    assert_eq!(
        announced(&journey),
        ["instagram.account.disconnected", ACCOUNT_DELETED]
    );
    assert_eq!(waiting(&journey).await, 0);
    journey.finish().await;
}

#[tokio::test]
async fn what_the_person_does_on_instagram_is_announced() {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    announced(&journey);
    let account = journey.records(ANN.company).await.remove(0);
    let seconds = journey.world.now().as_second();
    let signed = signed_request(INSTAGRAM_APP_SECRET, &account.app_scoped_id, seconds);
    let form = format!("signed_request={signed}");
    let call = |path: &str| HttpCall::post(path).body(form.clone());
    journey.call_url(call("/deauthorize")).await;
    journey.world.drain(journey.workers()).await;
    assert_eq!(announced(&journey), ["instagram.account.revoked"]);
    journey.call_url(call("/data-deletion")).await;
    journey.world.drain(journey.workers()).await;
    let events = journey.world.aws.bus_events();
    assert_eq!(detail(&events[0])["accountId"], id.as_str());
    assert_eq!(announced(&journey), [ACCOUNT_DELETED]);
    journey.advance(SignedDuration::from_mins(20)).await;
    assert_eq!(announced(&journey), [""; 0]);
    journey.finish().await;
}

#[tokio::test]
async fn changes_of_a_post_are_announced_with_what_it_became() {
    let (journey, account) = with_account().await;
    announced(&journey);
    let post = created(&journey, &account, &body(&journey, "image", "Bread")).await;
    journey.advance(SignedDuration::from_mins(5)).await;
    let events = journey.world.aws.bus_events();
    assert_eq!(
        announced(&journey),
        ["instagram.post.scheduled", "instagram.post.published"]
    );
    let published = detail(&events[1]);
    assert_eq!(published["accountId"], account.as_str());
    assert_eq!(published["post"]["id"], post.as_str());
    assert_eq!(published["post"]["state"], "published");
    let media = published["post"]["mediaId"].as_str().unwrap();
    let live = journey.world.instagram.published_by("corner.bakery");
    assert_eq!(live[0].id, media);
    // Nobody's words are on the bus.
    assert!(events.iter().all(|event| !event.detail.contains("Bread")));
    journey.finish().await;
}

#[tokio::test]
async fn a_bus_that_takes_nothing_fails_no_change_and_loses_nothing() {
    let journey = Journey::start().await;
    journey.world.schedule_audits().await;
    for kind in [
        FaultKind::ServerError,
        FaultKind::Throttle,
        FaultKind::LostBeforeApplied,
        FaultKind::AppliedThenLost,
    ] {
        let aws = &journey.world.aws;
        aws.take_bus_events();
        aws.add_fault(Fault::on("eventbridge", "PutEvents", kind.clone()));
        let username = format!("somebody.{}", journey.records(ANN.company).await.len());
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let id = journey.connected(ANN, &username).await;
        aws.take_bus_events();
        assert_eq!(waiting(&journey).await, 1, "{kind:?}");
        aws.clear_faults();
        journey.advance(HOUR * 2).await;
        let events = aws.take_bus_events();
        assert_eq!(events.len(), 1, "{kind:?}");
        assert_eq!(detail(&events[0])["accountId"], id.as_str());
        assert_eq!(waiting(&journey).await, 0);
    }
    journey.finish().await;
}

/// A call of `PutEvents` may take some of its entries.
#[tokio::test]
async fn what_was_refused_of_a_batch_is_sent_again_and_the_rest_is_not() {
    let journey = Journey::start().await;
    let aws = &journey.world.aws;
    aws.add_fault(Fault::on(
        "eventbridge",
        "PutEvents",
        FaultKind::ServerError,
    ));
    for number in 0..12 {
        let username = format!("somebody.{number}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        journey.connected(ANN, &username).await;
    }
    assert_eq!(waiting(&journey).await, 12);
    aws.clear_faults();
    aws.add_fault(Fault::on(
        "eventbridge",
        "PutEvents",
        FaultKind::PartialBatch,
    ));
    let app = journey.world.cold("refresh");
    for _ in 0..20 {
        let _ = announce::send_waiting(&app).await;
    }
    let ids = aws.bus_events().into_iter().map(|event| {
        let id = detail(&event)["id"].as_str().unwrap().to_owned();
        (id, event.detail)
    });
    let ids: Vec<(String, String)> = ids.collect();
    assert_eq!(ids.len(), 12, "each once");
    let distinct: BTreeMap<String, String> = ids.into_iter().collect();
    assert_eq!(distinct.len(), 12);
    assert_eq!(waiting(&journey).await, 0);
    aws.clear_faults();
    journey.finish().await;
}

#[tokio::test]
async fn wherever_the_callback_dies_each_connected_account_is_announced_and_no_other() {
    let journey = Journey::start_with(WorldOptions::default()).await;
    let mut ended = 0;
    loop {
        let username = format!("crash.number.{ended}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        let begun = journey.begin(ANN).await;
        let call = journey.redirected(&begun, &username, Decision::Allow).await;
        let sandbox = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let event = api_gateway_event(&call, journey.world.now());
        let outcome = ended_after(ended, sandbox.invoke(&event, Context::default())).await;
        journey.settle().await;
        if outcome.is_some() {
            break;
        }
        ended += 1;
    }
    announce::send_waiting(&journey.world.cold("refresh"))
        .await
        .unwrap();
    let events = journey.world.aws.take_bus_events();
    let told = events.iter().map(|event| {
        let id = detail(event)["accountId"].as_str().unwrap().to_owned();
        (event.detail_type.clone(), id)
    });
    let told: BTreeSet<(String, String)> = told.collect();
    let accounts = journey.records(ANN.company).await.into_iter();
    let connected = accounts.map(|account| ("instagram.account.connected".to_owned(), account.id));
    assert_eq!(told, connected.collect());
    assert!(!told.is_empty() && ended > 20);
    journey.finish().await;
}

#[test]
fn the_page_lists_every_announcement_and_no_other() {
    let page = file("docs/events.md");
    let listed = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `instagram."));
    let listed: BTreeSet<String> = listed
        .filter_map(|line| Some(format!("instagram.{}", line.split_once('`')?.0)))
        .collect();
    let names = OF_ACCOUNTS.iter().chain(OF_POSTS).map(|(_, name)| *name);
    let events = OF_EVENTS.iter().map(|(_, name)| *name);
    let all = names
        .chain(events)
        .chain([ACCOUNT_DELETED])
        .map(str::to_owned);
    assert_eq!(listed, all.collect());
}
