//! What Instagram has just issued is stored, whatever fails meanwhile: the vault is busy, does not answer, or the account's
//! page takes no token. Each time the new token is the only one that lives.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sim::{Fault, FaultKind};
use futures_util::future::join_all;
use instagram_sim::{Person, TokenRotation};
use jiff::{SignedDuration, Timestamp};
use shared::account::Status;
use shared::lambda::Function;
use shared::secret::AccessToken;
use shared::table::keys;
use shared::vault::{Change, Entry, Written};
use world::{Decision, World, WorldOptions};

use crate::journey::{ANN, Journey, account_on_page};
use crate::renewals::{
    DAY, assert_token_lives, cold_worker, granted_refreshes, is_done_by, only_record, refresh_of,
    refreshes, renewed_by_person, scheduled_at, timeline, turn_to_refresh_of, with_a_short_token,
};
use crate::vault::{Broken, secret_of, stored, version_of};

/// As many calls as the SDK makes for one.
const SDK_TRIES: u32 = 4;

/// A world with one account, whose token is revoked by its renewal, and two days later.
async fn due_with_the_only_token() -> (Journey, String) {
    let journey = with_a_short_token(TokenRotation::NewRevokesOld).await;
    let account = only_record(&journey).await;
    turn_to_refresh_of(&journey, &account).await;
    journey.world.instagram.clear_calls();
    (journey, account.id)
}

/// The turns of all writes are given out until then.
async fn turns_until(world: &World, moment: Timestamp) {
    let mut item = keys::vault_writes().into_item();
    let next = AttributeValue::N(moment.as_millisecond().to_string());
    item.insert("nextMs".into(), next);
    let put = world.clients.dynamodb.put_item();
    let put = put.table_name(world::resources::TABLE).set_item(Some(item));
    put.send().await.expect("an answer");
}

/// The account has its second token, which was asked for once, and which lives.
async fn assert_renewed_once(journey: &Journey, what: &str) {
    let after = only_record(journey).await;
    assert_eq!(after.token_generation, 2, "{what}");
    assert_eq!(after.status, Status::Active, "{what}");
    assert_eq!(after.last_token_refresh_error, None, "{what}");
    assert_eq!(
        (refreshes(journey), granted_refreshes(journey)),
        (1, 1),
        "{what}"
    );
    assert_token_lives(journey, &after).await;
    let events = timeline(journey, &after.id).await;
    let renewed = events.iter().filter(|event| *event == "token_refreshed");
    assert_eq!(renewed.count(), 1, "{what}: {events:?}");
}

#[tokio::test]
async fn b11_nobody_asks_instagram_for_a_token_while_the_regions_turns_are_taken() {
    let (journey, id) = due_with_the_only_token().await;
    let until = journey.world.now() + SignedDuration::from_secs(20);
    turns_until(&journey.world, until).await;
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("retry-after"), Some("20"));
    let before = only_record(&journey).await;
    assert!(is_done_by(&journey.worker, &journey, refresh_of(&before)).await);
    assert_eq!(refreshes(&journey), 0, "Instagram was not asked");
    assert_eq!(only_record(&journey).await.last_token_refresh_error, None);
    let planned = scheduled_at(&journey, &id).expect("a schedule");
    // No schedule is made for less than a minute from now.
    let late = planned.duration_since(until);
    assert!(!late.is_negative() && late <= SignedDuration::from_secs(60));
    journey
        .world
        .advance(SignedDuration::from_secs(61), &journey.worker)
        .await;
    assert_renewed_once(&journey, "a turn is free again").await;
    journey.finish().await;
}

#[tokio::test]
async fn b16_the_only_live_token_is_stored_though_the_table_fails_right_after_instagrams_answer() {
    for (operation, times) in [
        ("TransactWriteItems", 3),
        ("TransactWriteItems", 3 * SDK_TRIES),
        ("UpdateItem", 0),
    ] {
        let (journey, id) = due_with_the_only_token().await;
        let mut fault = Fault::on("dynamodb", operation, FaultKind::ServerError);
        if times == 0 {
            // The lease is taken, and then no turn is given.
            fault = fault.skip(1).times(2 * SDK_TRIES);
        } else {
            fault = fault.times(times);
        }
        journey.world.aws.add_fault(fault);
        let reply = renewed_by_person(&journey, &id, &journey.worker).await;
        assert_eq!(reply.status, 200, "{operation}: {}", reply.text());
        journey.world.aws.clear_faults();
        assert_renewed_once(&journey, operation).await;
        journey.finish().await;
    }
}

#[tokio::test]
async fn b16_the_only_live_token_is_stored_though_the_turns_are_taken_right_after_instagrams_answer()
 {
    let (journey, id) = due_with_the_only_token().await;
    // Instagram answers late, and others take the turns meanwhile.
    let slow = instagram_sim::Fault::new(instagram_sim::FaultKind::ApplyThenDelay(300));
    let slow = slow.at(crate::renewals::REFRESH).times(1);
    journey.world.instagram.add_fault(slow);
    let others = async {
        while granted_refreshes(&journey) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let now = journey.world.now();
        turns_until(&journey.world, now + SignedDuration::from_secs(12)).await;
        let turned_away = || {
            let calls = journey.world.aws.calls();
            let updates = calls
                .iter()
                .filter(|call| call.operation == "UpdateItem" && call.status == 400);
            updates.count()
        };
        // Two tries find no turn within ten seconds; then three seconds have passed.
        while turned_away() < 4 {
            tokio::task::yield_now().await;
        }
        journey.world.clock.advance(SignedDuration::from_secs(3));
    };
    journey.world.aws.clear_calls();
    let (reply, ()) =
        futures_util::future::join(renewed_by_person(&journey, &id, &journey.worker), others).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_renewed_once(&journey, "a turn came near").await;
    journey.finish().await;
}

#[tokio::test]
async fn b16_a_token_that_was_stored_though_every_answer_was_lost_is_recognized() {
    for times in [1, SDK_TRIES, 2 * SDK_TRIES] {
        let (journey, id) = due_with_the_only_token().await;
        let lost = Fault::on("dynamodb", "TransactWriteItems", FaultKind::AppliedThenLost);
        journey.world.aws.add_fault(lost.times(times));
        let reply = renewed_by_person(&journey, &id, &journey.worker).await;
        assert_eq!(reply.status, 200, "{times}: {}", reply.text());
        journey.world.aws.clear_faults();
        assert_renewed_once(&journey, &times.to_string()).await;
        journey.finish().await;
    }
}

#[tokio::test]
async fn h08_a_refresh_gets_its_account_out_of_a_page_that_broke_behind_a_warm_cache() {
    for broken in Broken::ALL {
        let (journey, id) = due_with_the_only_token().await;
        let page = only_record(&journey).await.token_page;
        let page = page.expect("a page");
        broken.befall(&journey.world, &page).await;
        let reply = renewed_by_person(&journey, &id, &journey.worker).await;
        assert_eq!(reply.status, 200, "{broken:?}: {}", reply.text());
        assert_renewed_once(&journey, &format!("{broken:?}")).await;
        // A secret that is gone is made again out of the cache; whatever else is broken stays so.
        let moved = only_record(&journey).await.token_page.as_ref() != Some(&page);
        assert_eq!(moved, broken != Broken::Gone, "{broken:?}");
    }
}

#[tokio::test]
async fn h08_a_refresh_gets_its_account_out_of_a_page_that_is_full() {
    let (journey, id) = due_with_the_only_token().await;
    let world = &journey.world;
    let vault = world.cold("test").vault.clone();
    let account = only_record(&journey).await;
    let page = account.token_page.clone().expect("a page");
    let own = vault.entry(&account).await.expect("an entry");
    let full_second =
        |moment: Timestamp| Timestamp::from_second(moment.as_second()).expect("a time");
    let own = Entry {
        issued_at: full_second(own.issued_at),
        expires_at: full_second(own.expires_at),
        ..own
    };
    let other = |generation: u64, length: usize| Entry {
        token: AccessToken::new("t".repeat(length)),
        generation,
        ..own.clone()
    };
    let write = async |change| {
        let written = vault.write(&page, change, Vec::new(), world.now()).await;
        assert_eq!(written.expect("an answer"), Written::Yes);
    };
    write(Change::Remove(&id)).await;
    write(Change::Set(&id, own.clone())).await;
    write(Change::Set("long", other(1, 60_000))).await;
    let version = version_of(world, &page).await;
    let text = world.aws.secret_value(&secret_of(&page), Some(&version));
    let left = 65_536 - text.expect("a version").len();
    write(Change::Set("long", other(2, 60_000 + left))).await;
    // The new token's moments are written with milliseconds.
    let past = world.clock.milliseconds().rem_euclid(1000);
    world
        .clock
        .advance(SignedDuration::from_millis(1_123 - past));

    let reply = renewed_by_person(&journey, &id, &cold_worker(&journey)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_renewed_once(&journey, "full").await;
    assert_ne!(only_record(&journey).await.token_page, Some(page.clone()));
    assert!(!stored(world, &page).await.contains_key(&id));
    write(Change::Remove("long")).await;
    journey.finish().await;
}

#[tokio::test]
async fn h08_a_token_that_no_page_takes_is_told_and_instagram_is_not_asked_at_once_again() {
    let (journey, id) = due_with_the_only_token().await;
    journey
        .world
        .instagram
        .update_settings(|settings| settings.token_rotation = TokenRotation::New);
    let refused = FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".into(),
        message: "The secret is marked for deletion.".into(),
    };
    let refused = Fault::on("secretsmanager", "PutSecretValue", refused);
    journey.world.aws.add_fault(refused);
    let account = only_record(&journey).await;
    assert!(is_done_by(&journey.worker, &journey, refresh_of(&account)).await);
    let failed = only_record(&journey).await;
    let failure = failed.last_token_refresh_error.expect("a failure");
    assert_eq!(failure.code, "token_unavailable");
    assert!(scheduled_at(&journey, &id) > Some(journey.world.now()));
    for _ in 0..3 {
        assert!(is_done_by(&journey.worker, &journey, refresh_of(&account)).await);
        let reply = renewed_by_person(&journey, &id, &journey.worker).await;
        assert_eq!(reply.status, 429, "{}", reply.text());
    }
    assert_eq!(refreshes(&journey), 1);
    journey.world.aws.clear_faults();
    journey.world.advance(DAY * 2, &journey.worker).await;
    let healed = only_record(&journey).await;
    assert_eq!(healed.last_token_refresh_error, None);
    assert_token_lives(&journey, &healed).await;
    journey.finish().await;
}

#[tokio::test]
async fn eight_logins_at_once_at_a_page_size_of_one_make_eight_pages() {
    let journey = Journey::start_with(WorldOptions {
        page_size: 1,
        ..WorldOptions::default()
    })
    .await;
    let mut calls = Vec::new();
    for number in 0..8 {
        let username = format!("at.once.{number}");
        let person = Person::business(&username);
        journey.world.instagram.add_person(person);
        let begun = journey.begin(ANN).await;
        calls.push(journey.redirected(&begun, &username, Decision::Allow).await);
    }
    let log_in = async |call| {
        let sandbox = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let reply = journey.call(&sandbox, call).await;
        assert!(account_on_page(&reply).is_some(), "{}", reply.text());
    };
    join_all(calls.into_iter().map(log_in)).await;
    let records = journey.records("acme").await;
    assert_eq!(records.len(), 8);
    for record in &records {
        let page = record.token_page.as_deref().expect("a page");
        let entries = stored(&journey.world, page).await;
        let accounts: Vec<&String> = entries.keys().collect();
        assert_eq!(accounts, [&record.id], "{page}");
    }
    journey.finish().await;
}

#[tokio::test]
async fn a_write_that_is_refused_is_refused_though_its_versions_cannot_be_counted() {
    let journey = Journey::start().await;
    journey.connected(ANN, "corner.bakery").await;
    let existing = only_record(&journey).await;
    let app = journey.world.cold("test");
    let page = existing.token_page.clone().expect("a page");
    let own = app.vault.entry(&existing).await.expect("an entry");
    let put = Fault::on("dynamodb", "PutItem", FaultKind::ServerError);
    journey.world.aws.add_fault(put);
    let stale = app.table.account_write(&existing, None).expect("a record");
    let change = Change::Set("another", own);
    let now = journey.world.now();
    let written = app.vault.write(&page, change, vec![stale], now).await;
    assert_eq!(written.expect("an answer"), Written::Refused(vec![0]));
    journey.world.aws.clear_faults();
    journey.finish().await;
}

#[tokio::test]
async fn a_renewal_of_an_account_that_is_revoked_says_so() {
    let (journey, id) = due_with_the_only_token().await;
    let table = &journey.world.app("test").table;
    let now = journey.world.now();
    let changed = table.update_account(&id, now, |record| {
        record.status = Status::Revoked;
        true
    });
    changed.await.expect("an answer");
    let reply = renewed_by_person(&journey, &id, &journey.worker).await;
    let code = reply.json()["code"].clone();
    assert_eq!((reply.status, code.as_str()), (409, Some("revoked")));
    assert_eq!(refreshes(&journey), 0);
}
