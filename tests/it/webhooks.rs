//! What happens on Instagram, from the simulated Instagram's calls to records, events and announcements.

use std::collections::BTreeSet;

use aws_sim::{BusEvent, Fault, FaultKind};
use instagram_sim::{DeliveryState, Happening, HappeningKind, Person, SigningSecret};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Status};
use shared::announce::ACCOUNT_DELETED;
use shared::table::Table;
use shared::table::claims::instagram_ids;
use world::gateway::HttpCall;

use crate::journey::{ANN, BOB, Caller, Journey};
use crate::posts;

const WHO: &str = "corner.bakery";
const VISITOR: &str = "1254477777772919";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A world in which Instagram knows where to call, with one connected account whose connection was announced.
async fn start() -> (Journey, String) {
    let journey = Journey::start().await;
    let id = journey.connected(ANN, WHO).await;
    journey.settle().await;
    journey.world.aws.take_bus_events();
    (journey, id)
}

fn table(journey: &Journey) -> Table {
    journey.world.app("test").table.clone()
}

async fn account(journey: &Journey, id: &str) -> Option<Account> {
    let found = table(journey).account(id).await;
    found.expect("the table answers")
}

fn detail(event: &BusEvent) -> Value {
    serde_json::from_str(&event.detail).expect("it is JSON")
}

/// The names of what was announced since this was asked last, in the alphabet's order.
fn announced(journey: &Journey) -> Vec<String> {
    let events = journey.world.aws.take_bus_events().into_iter();
    let mut names: Vec<String> = events.map(|event| event.detail_type).collect();
    names.sort();
    names
}

/// The account's events as the API lists them.
async fn listed(journey: &Journey, caller: Caller, id: &str) -> Vec<Value> {
    let target = format!("/instagram/accounts/{id}/events?limit=100");
    let call = HttpCall::get(&target).as_user(caller.user, caller.company, "viewer");
    let reply = journey.call(&journey.webhooks, call).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["events"].as_array().expect("a list").clone()
}

async fn replay(journey: &Journey, id: &str) -> Value {
    let target = format!("/instagram/accounts/{id}/events/replay");
    let call = HttpCall::post(&target)
        .json(&json!({"from": "2026-11-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"}))
        .as_user(ANN.user, ANN.company, "editor");
    let reply = journey.call(&journey.webhooks, call).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_comment_and_a_message_end_as_records_and_as_announcements() {
    for secret in [SigningSecret::Instagram, SigningSecret::Meta] {
        let (journey, id) = start().await;
        let instagram = &journey.world.instagram;
        instagram.update_settings(|settings| settings.webhook_secret = secret);
        instagram.let_happen(WHO, Happening::comment("Rye?").with_id("17870000000000001"));
        instagram.let_happen(WHO, Happening::message("Until when?").with_id("m-1"));
        journey.advance(MINUTE).await;

        let table = table(&journey);
        let comment = table.comment(&id, "17870000000000001").await;
        let comment = comment.expect("the table answers").expect("a comment");
        assert_eq!(comment.text.as_deref(), Some("Rye?"));
        assert_eq!(comment.from.as_deref(), Some(VISITOR));
        let message = table.message(&id, "m-1").await;
        let message = message.expect("the table answers").expect("a message");
        assert_eq!(message.by_account, Some(false));
        assert_eq!(
            message
                .content
                .expect("it was not taken back")
                .text
                .as_deref(),
            Some("Until when?")
        );
        let thread = table.thread(&id, VISITOR).await;
        assert!(thread.expect("the table answers").is_some());

        let told = journey.world.aws.bus_events();
        let events = listed(&journey, ANN, &id).await;
        let told_of: BTreeSet<(String, String)> = told
            .iter()
            .map(|event| (event.detail_type.clone(), detail(event)))
            .map(|(name, detail)| {
                assert_eq!(detail["company"], ANN.company);
                assert_eq!(detail["accountId"], id.as_str());
                let event = detail["event"]["id"].as_str().expect("an event");
                (name, event.to_owned())
            })
            .collect();
        let expected = events.iter().map(|event| {
            assert_eq!(event["state"], "handled");
            let effects = event["effects"].as_array().expect("a ledger");
            assert_eq!(effects.last().expect("an effect"), "announcement");
            let name = match event["kind"].as_str() {
                Some("comment") => "instagram.comment.created",
                _ => "instagram.message.received",
            };
            let event = event["id"].as_str().expect("an id");
            (name.to_owned(), event.to_owned())
        });
        assert_eq!((told.len(), told_of), (2, expected.collect()));
        assert!(
            told.iter().all(|event| !event.detail.contains("Rye?")
                && !event.detail.contains("Until when?")
                && !event.detail.contains(VISITOR)),
            "nobody's words are on the bus"
        );

        // What reached others is not done again.
        announced(&journey);
        assert_eq!(replay(&journey, &id).await["changed"], 0);
        assert_eq!(announced(&journey), [""; 0]);
        journey.finish().await;
    }
}

#[tokio::test]
async fn every_kind_that_comes_twice_and_late_is_kept_and_announced_once() {
    let (journey, id) = start().await;
    let instagram = &journey.world.instagram;
    instagram.update_settings(|settings| {
        settings.webhook_duplicate_percent = 60;
        settings.webhook_reorder_percent = 40;
        settings.webhook_batch_most = 3;
    });
    let happen = |kind: HappeningKind, of: &str| {
        let happening = Happening::new(kind).with_text("A word");
        instagram.let_happen(WHO, happening.about(of));
    };
    let message = Happening::message("Hello").with_id("m-1");
    instagram.let_happen(WHO, message);
    let expected = [
        (HappeningKind::Comment, "instagram.comment.created"),
        (HappeningKind::LiveComment, "instagram.live_comment.created"),
        (HappeningKind::Mention, "instagram.mention.created"),
        (HappeningKind::StoryInsights, "instagram.story.measured"),
        (HappeningKind::Echo, "instagram.message.sent"),
        (HappeningKind::Edit, "instagram.message.edited"),
        (HappeningKind::Reaction, "instagram.message.reacted"),
        (
            HappeningKind::Postback,
            "instagram.conversation.button_pressed",
        ),
        (HappeningKind::Referral, "instagram.conversation.referred"),
        (HappeningKind::Seen, "instagram.conversation.seen"),
        (
            HappeningKind::PassThread,
            "instagram.conversation.handed_over",
        ),
        (HappeningKind::Optin, "instagram.conversation.opted_in"),
        (HappeningKind::Unsend, "instagram.message.deleted"),
    ];
    for (kind, _) in expected {
        let is_about_a_message = matches!(
            kind,
            HappeningKind::Edit
                | HappeningKind::Reaction
                | HappeningKind::Seen
                | HappeningKind::Unsend
        );
        happen(kind, if is_about_a_message { "m-1" } else { "" });
    }
    journey.advance(MINUTE * 3).await;
    let mut names = vec!["instagram.message.received"];
    names.extend(expected.map(|(_, name)| name));
    names.sort_unstable();
    assert_eq!(announced(&journey), names);
    let events = listed(&journey, ANN, &id).await;
    assert_eq!(events.len(), names.len());
    let deliveries = events.iter().map(|event| event["deliveries"].as_u64());
    let deliveries: u64 = deliveries.map(|number| number.expect("a number")).sum();
    assert!(deliveries > names.len() as u64, "some came twice");
    let message = table(&journey).message(&id, "m-1").await;
    let message = message.expect("the table answers").expect("a message");
    assert!(message.deleted && message.content.is_none());
    journey.finish().await;
}

#[tokio::test]
async fn e24_what_the_receiver_could_not_take_comes_when_it_can() {
    let (journey, id) = start().await;
    let down = FaultKind::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "not allowed".to_owned(),
    };
    let aws = &journey.world.aws;
    aws.add_fault(Fault::on("sqs", "SendMessageBatch", down));
    for number in 0..5 {
        let comment = Happening::comment("Rye?").with_id(&format!("1787000000000000{number}"));
        journey.world.instagram.let_happen(WHO, comment);
        journey.advance(SignedDuration::from_hours(4)).await;
    }
    assert_eq!(announced(&journey), [""; 0]);
    aws.clear_faults();
    // The first of them is tried for the last time a day and a half after it happened.
    journey.advance(SignedDuration::from_hours(36)).await;
    assert_eq!(announced(&journey), ["instagram.comment.created"; 5]);
    assert_eq!(listed(&journey, ANN, &id).await.len(), 5);
    let deliveries = journey.world.instagram.deliveries();
    assert!(deliveries.iter().all(|it| it.state == DeliveryState::Done));
    journey.finish().await;
}

#[tokio::test]
async fn e18_what_happens_after_a_change_of_companies_is_of_the_new_one() {
    let (journey, former) = start().await;
    let instagram = &journey.world.instagram;
    instagram.let_happen(
        WHO,
        Happening::comment("Before").with_id("17870000000000001"),
    );
    journey.advance(MINUTE).await;
    let target = format!("/instagram/accounts/{former}/disconnect");
    let call = HttpCall::post(&target).as_user(ANN.user, ANN.company, "editor");
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    let current = journey.connected(BOB, WHO).await;
    journey.settle().await;
    journey.world.aws.take_bus_events();
    instagram.let_happen(
        WHO,
        Happening::comment("After").with_id("17870000000000002"),
    );
    journey.advance(MINUTE).await;

    let told = journey.world.aws.take_bus_events();
    assert_eq!(told.len(), 1);
    assert_eq!(detail(&told[0])["company"], BOB.company);
    assert_eq!(detail(&told[0])["accountId"], current.as_str());
    let table = table(&journey);
    for (owner, comment, is_there) in [
        (&former, "17870000000000001", true),
        (&former, "17870000000000002", false),
        (&current, "17870000000000001", false),
        (&current, "17870000000000002", true),
    ] {
        let found = table.comment(owner, comment).await;
        assert_eq!(found.expect("the table answers").is_some(), is_there);
    }
    assert_eq!(listed(&journey, ANN, &former).await.len(), 1);
    journey.finish().await;
}

#[tokio::test]
async fn e18_a_reconnect_goes_on_holding_its_instagram_ids_and_what_comes_after_an_end_begins_anew()
{
    let (journey, id) = start().await;
    let held_since = async |id: &str| {
        let account = account(&journey, id).await.expect("it is connected");
        let mut since = BTreeSet::new();
        for instagram_id in instagram_ids(&account) {
            let claim = table(&journey).claim(instagram_id).await;
            let claim = claim.expect("the table answers").expect("a claim");
            assert_eq!((claim.account.as_str(), claim.released), (id, false));
            since.insert(claim.since);
        }
        assert_eq!(since.len(), 1);
        (since.pop_first(), account.connected_at)
    };
    let (since, begun) = held_since(&id).await;
    assert_eq!(since, Some(begun));
    journey.advance(MINUTE).await;
    assert_eq!(journey.connected(ANN, WHO).await, id);
    let (since, again) = held_since(&id).await;
    assert!(since == Some(begun) && again > begun, "{since:?} {again}");

    for (method, path) in [("POST", "/disconnect"), ("DELETE", "")] {
        let target = format!("/instagram/accounts/{id}{path}");
        let call = HttpCall::new(method, &target).as_user(ANN.user, ANN.company, "editor");
        assert!(journey.call(&journey.accounts, call).await.status < 300);
        journey.advance(MINUTE).await;
        let now = journey.connected(ANN, WHO).await;
        assert_eq!(now == id, method == "POST");
        let (since, connected) = held_since(&now).await;
        assert!(since == Some(connected) && connected > again);
    }
    journey.finish().await;
}

#[tokio::test]
async fn f01_removing_the_app_on_instagram_revokes_the_account() {
    let (journey, id) = start().await;
    journey.world.instagram.remove_apps(WHO, false);
    journey.advance(MINUTE).await;
    let after = account(&journey, &id).await.expect("its history stays");
    assert_eq!(after.status, Status::Revoked);
    assert_eq!(after.status_reason.expect("a reason").code, "app_removed");
    assert!(after.token_page.is_none());
    assert_eq!(announced(&journey), ["instagram.account.revoked"]);
    // No subscription is left that could tell of more.
    let comment = Happening::comment("Anybody?");
    journey.world.instagram.let_happen(WHO, comment);
    journey.advance(MINUTE).await;
    assert_eq!(announced(&journey), [""; 0]);
    journey.finish().await;
}

#[tokio::test]
async fn f09_who_removes_the_app_with_their_data_is_erased_and_shown_where_to_look() {
    let (journey, id) = start().await;
    journey
        .world
        .instagram
        .add_person(Person::business("stayer"));
    let other = journey.connected(ANN, "stayer").await;
    let instagram = &journey.world.instagram;
    for who in [WHO, "stayer"] {
        instagram.let_happen(who, Happening::comment("Rye?"));
        instagram.let_happen(who, Happening::message("Until when?"));
    }
    journey.settle().await;
    journey.world.aws.take_bus_events();
    instagram.remove_apps(WHO, true);
    journey.advance(MINUTE * 20).await;
    assert!(account(&journey, &id).await.is_none());
    let everything = journey.world.aws.everything_but_secrets().await;
    assert!(!everything.contains(&id));
    assert_eq!(
        announced(&journey),
        [ACCOUNT_DELETED, "instagram.account.revoked"]
    );
    assert_eq!(listed(&journey, ANN, &other).await.len(), 2);
    let deliveries = instagram.deliveries();
    let page = deliveries.iter().find_map(|it| it.deletion_url.clone());
    let page = url::Url::parse(&page.expect("Instagram got an address")).expect("an address");
    let shown = journey.call_url(HttpCall::get(page.path())).await.text();
    assert!(shown.contains("Your data was deleted"), "{shown}");
    journey.finish().await;
}

#[tokio::test]
async fn e28_a_comment_that_was_never_told_of_is_found_by_the_next_sync_and_is_one_event() {
    let (journey, id) = posts::with_account().await;
    posts::created(&journey, &id, &posts::body(&journey, "image", "Bread")).await;
    journey.advance(MINUTE * 5).await;
    let instagram = &journey.world.instagram;
    let media = instagram.published_by(WHO)[0].id.clone();
    let comment = |id: &str, text: &str| Happening {
        media_id: media.clone(),
        ..Happening::comment(text).with_id(id)
    };
    instagram.let_happen(WHO, comment("17870000000000001", "Told of"));
    instagram.update_settings(|settings| settings.webhook_loss_percent = 100);
    instagram.let_happen(WHO, comment("17870000000000002", "Lost"));
    instagram.update_settings(|settings| settings.webhook_loss_percent = 0);
    journey.advance(MINUTE).await;
    let ids = async || {
        let events = listed(&journey, ANN, &id).await.into_iter();
        events
            .map(|event| event["id"].as_str().expect("an id").to_owned())
            .collect::<BTreeSet<String>>()
    };
    assert_eq!(ids().await.len(), 1);
    journey.world.aws.take_bus_events();

    journey.advance(MINUTE * 60 * 48).await;
    let found = ids().await;
    assert_eq!(found.len(), 2, "and no further sync finds it again");
    let named: Vec<String> = announced(&journey);
    assert_eq!(named, ["instagram.comment.created"]);
    let kept = table(&journey).comment(&id, "17870000000000002").await;
    let kept = kept.expect("the table answers").expect("a comment");
    assert_eq!(kept.text.as_deref(), Some("Lost"));
    assert_eq!(kept.from.as_deref(), Some(VISITOR));
    assert_eq!(kept.media.as_deref(), Some(media.as_str()));
    let health = || {
        HttpCall::get(&format!("/instagram/accounts/{id}/events/health")).as_user(
            ANN.user,
            ANN.company,
            "viewer",
        )
    };
    let shown = journey.call(&journey.webhooks, health()).await.json();
    let sum = |shown: &Value, name: &str| {
        let days = shown["days"].as_array().expect("days").iter();
        days.filter_map(|day| day[name].as_u64()).sum::<u64>()
    };
    assert_eq!((sum(&shown, "byPush"), sum(&shown, "byPoll")), (1, 1));
    assert_eq!(sum(&shown, "duplicates"), 0);

    // Meta tells of it at last: it is the event that is known.
    instagram.let_happen(WHO, comment("17870000000000002", "Lost"));
    journey.advance(MINUTE).await;
    assert_eq!(ids().await, found);
    assert_eq!(announced(&journey), [""; 0]);
    journey.finish().await;
}
