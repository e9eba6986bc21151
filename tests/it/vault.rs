//! The vault: races of writers, broken pages, Secrets Manager's quotas, and what the audit heals.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that finds a surprise fails its test"
)]

use std::collections::{BTreeMap, BTreeSet};

use aws_sim::{Fault, FaultKind, Quotas};
use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::account::{Account, Connection, Status};
use shared::graph::{LoginKind, Profile};
use shared::lambda::Function;
use shared::policy;

use shared::secret::AccessToken;
use shared::table::keys;
use shared::vault::{Change, Entry, Healed, Vault, VaultError, Written};
use world::gateway::HttpCall;
use world::{Decision, World, WorldOptions};

use crate::journey::{ANN, Journey, account_on_page};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const PAGE: &str = "page-000001";

/// As Secrets Manager has them.
const QUOTAS: Quotas = Quotas {
    secret_writes_per_second: Some(50),
    versions_per_secret: Some(100),
};

pub(crate) fn secret_of(page: &str) -> String {
    format!("instagram/tokens/{page}")
}

fn entry(generation: u64, now: Timestamp) -> Entry {
    Entry {
        token: AccessToken::new(format!("test-token-{generation}")),
        generation,
        issued_at: now,
        expires_at: now + DAY * 60,
    }
}

/// A vault with nothing cached, as a fresh sandbox has it.
fn vault(world: &World) -> Vault {
    world.cold("refresh").vault.clone()
}

async fn set(world: &World, vault: &Vault, page: &str, account: &str, generation: u64) {
    let written = try_set(world, vault, page, account, generation).await;
    assert_eq!(written.unwrap(), Written::Yes);
}

async fn try_set(
    world: &World,
    vault: &Vault,
    page: &str,
    account: &str,
    generation: u64,
) -> Result<Written, VaultError> {
    let change = Change::Set(account, entry(generation, world.now()));
    vault.write(page, change, Vec::new(), world.now()).await
}

/// The version that the page's record names.
pub(crate) async fn version_of(world: &World, page: &str) -> String {
    let record = world.app("test").table.get(keys::vault_page(page)).await;
    let record = record.unwrap().expect("a record");
    record["versionId"].as_s().unwrap().clone()
}

/// The generations in the version that counts, by account.
pub(crate) async fn stored(world: &World, page: &str) -> BTreeMap<String, u64> {
    let version = version_of(world, page).await;
    let text = world.aws.secret_value(&secret_of(page), Some(&version));
    let content: Value = serde_json::from_str(&text.expect("the version that counts")).unwrap();
    let accounts = content["accounts"].as_object().unwrap().iter();
    accounts
        .map(|(account, entry)| (account.clone(), entry["generation"].as_u64().unwrap()))
        .collect()
}

/// A record that says that the page holds the account's token of this generation.
fn record(id: &str, page: &str, generation: u64, now: Timestamp) -> Account {
    let profile = Profile {
        app_scoped_id: "1".into(),
        ig_user_id: "2".into(),
        username: None,
        name: None,
        account_type: None,
        profile_picture_url: None,
        biography: None,
        website: None,
        followers_count: None,
        follows_count: None,
        media_count: None,
    };
    let connection = Connection {
        company: "acme",
        user: "ann",
        login: LoginKind::Instagram,
        profile: &profile,
        scopes: Vec::new(),
        missing_scopes: Vec::new(),
        page: page.to_owned(),
        token_expires_at: now + DAY * 60,
    };
    let mut account = Account::new(id.to_owned(), connection, now);
    account.token_generation = generation;
    account
}

/// What a write leaves that died before its transaction: a version under the label, which no record names.
async fn die_half_way(world: &World, page: &str) {
    let put = world.clients.secrets.put_secret_value();
    put.secret_id(secret_of(page))
        .secret_string("{\"accounts\":{}}")
        .send()
        .await
        .unwrap();
}

/// The moments at which a secret of the vault was changed.
fn writes(world: &World) -> Vec<i64> {
    let changing = ["PutSecretValue", "CreateSecret", "UpdateSecretVersionStage"];
    let calls = world.aws.calls().into_iter();
    calls
        .filter(|call| changing.contains(&call.operation.as_str()))
        .filter(|call| {
            let resource = call.resource.as_deref().unwrap_or_default();
            resource.starts_with("instagram/tokens/")
        })
        .map(|call| call.at_ms)
        .collect()
}

/// The most of these moments in any span of that length.
fn most_within(mut moments: Vec<i64>, length: SignedDuration) -> usize {
    moments.sort_unstable();
    let length = i64::try_from(length.as_millis()).unwrap();
    let spans = moments.iter().enumerate().map(|(last, end)| {
        let first = moments.partition_point(|moment| *moment <= end - length);
        last + 1 - first
    });
    spans.max().unwrap_or(0)
}

fn put_count(world: &World) -> usize {
    let calls = world.aws.calls();
    let puts = calls
        .iter()
        .filter(|call| call.operation == "PutSecretValue");
    puts.count()
}

// Races.

#[tokio::test]
async fn two_writers_of_one_page_lose_no_write_and_the_loser_goes_on_from_the_winners_version() {
    let world = World::start().await;
    let (first, second) = (vault(&world), vault(&world));
    set(&world, &first, PAGE, "settled", 1).await;
    for round in 1..=23 {
        // Both have put a version before either moves the record.
        let slow = Fault::on("dynamodb", "TransactWriteItems", FaultKind::Delay(20)).times(2);
        world.aws.add_fault(slow);
        let before = put_count(&world);
        join(
            set(&world, &first, PAGE, "a", round),
            set(&world, &second, PAGE, "b", round),
        )
        .await;
        world.aws.clear_faults();
        assert_eq!(put_count(&world) - before, 3, "one of the two lost a try");
        let expected = [("a", round), ("b", round), ("settled", 1)];
        let expected = expected.map(|(account, generation)| (account.to_owned(), generation));
        assert_eq!(stored(&world, PAGE).await, expected.into());
    }
    // 47 writes made 70 versions, and the page's budget knows of each.
    let spent = first.room_for_write(PAGE).await;
    assert!(matches!(spent, Err(VaultError::Spent(_))), "{spent:?}");
}

/// What came of many writers of one page.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Versions that were put beyond one a write: tries that lost a race.
    pub(crate) lost_tries: usize,
    /// Writes that had to be asked for again, because others kept winning.
    pub(crate) given_up: usize,
}

/// `writers` sandboxes write `writes` tokens of `accounts` accounts on one page, each as the next generation of its
/// account. After each write, another sandbox reads it; at the end, each account's generation is the number of its
/// writes.
pub(crate) async fn contention(writers: usize, accounts: usize, writes: usize) -> Counted {
    let world = World::start().await;
    // Turns alone keep most writers apart. Some transactions are slow, so that others win meanwhile.
    world.aws.add_fault(Fault {
        probability: 0.25,
        ..Fault::on("dynamodb", "TransactWriteItems", FaultKind::Delay(5))
    });
    let vaults: Vec<Vault> = (0..writers).map(|_| vault(&world)).collect();
    let name = |account: usize| format!("account-{account:03}");
    let (mut lost_tries, mut given_up) = (0, 0);
    for begun in (0..writes).step_by(accounts) {
        // Each account has one writer, as a lease would have it; the page has all of them.
        let generation = (begun / accounts + 1) as u64;
        let left = accounts.min(writes - begun);
        let work = async |writer: usize| {
            let (own, other) = (&vaults[writer], &vaults[(writer + 1) % writers]);
            let mut given_up = 0;
            for account in (writer..left).step_by(writers) {
                let id = name(account);
                loop {
                    match try_set(&world, own, PAGE, &id, generation).await {
                        Ok(written) => break assert_eq!(written, Written::Yes),
                        Err(VaultError::Busy) => given_up += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                let expected = record(&id, PAGE, generation, world.now());
                let read = other.entry(&expected).await;
                let read = read.unwrap_or_else(|error| panic!("{id} {generation}: {error}"));
                assert_eq!(read.generation, generation, "{id}");
            }
            given_up
        };
        given_up += join_all((0..writers).map(work))
            .await
            .into_iter()
            .sum::<usize>();
        let stored = stored(&world, PAGE).await;
        for account in 0..accounts.min(writes) {
            let expected = if account < left {
                generation
            } else {
                generation - 1
            };
            assert_eq!(stored[&name(account)], expected, "{account}");
        }
        lost_tries += put_count(&world) - left;
        world.aws.clear_calls();
        // Days pass, so that Secrets Manager drops what was superseded.
        world.clock.advance(DAY);
    }
    Counted {
        // The first write of a page puts twice: before its secret is made, and after.
        lost_tries: lost_tries - 1,
        given_up,
    }
}

#[tokio::test]
async fn b11_sixteen_writers_of_one_page_of_64_accounts_lose_no_write() {
    let Counted {
        lost_tries,
        given_up,
    } = contention(16, 64, 640).await;
    println!("640 writes: {lost_tries} tries lost a race, {given_up} were given up");
    assert!(lost_tries > 0, "nobody met anybody");
}

#[tokio::test]
#[ignore = "takes a minute: cargo test --profile endurance -p it -- --ignored --nocapture"]
async fn b11_sixteen_writers_lose_none_of_ten_thousand_writes() {
    let Counted {
        lost_tries,
        given_up,
    } = contention(16, 64, 10_000).await;
    println!("10,000 writes: {lost_tries} tries lost a race, {given_up} were given up");
}

// The Region's budget.

#[tokio::test]
async fn b11_many_writers_of_many_pages_stay_below_the_regions_quota() {
    let world = World::start().await;
    world.aws.set_quotas(QUOTAS);
    let vaults: Vec<Vault> = (0..24).map(|_| vault(&world)).collect();
    let page = |number: usize| format!("page-{:06}", number % 8 + 1);
    for number in 0..8 {
        set(&world, &vaults[0], &page(number), "first", 1).await;
    }
    world.clock.advance(SignedDuration::from_secs(2));
    world.aws.clear_calls();
    let begun = world.now();
    let work = async |(number, vault): (usize, &Vault)| {
        for round in 1..=10 {
            let account = format!("account-{number}");
            set(&world, vault, &page(number), &account, round).await;
        }
    };
    join_all(vaults.iter().enumerate().map(work)).await;
    let (moments, took) = (writes(&world), world.now().duration_since(begun));
    let most = most_within(moments.clone(), SignedDuration::from_secs(1));
    println!(
        "{} writes in {took:#}, at most {most} a second",
        moments.len()
    );
    assert!(most <= 41, "{most} writes in one second");
    assert!(most > 30, "the budget is there to be used: {most}");
    let calls = world.aws.calls();
    let mut puts = calls
        .iter()
        .filter(|call| call.operation == "PutSecretValue");
    assert!(puts.all(|call| call.status == 200), "one was throttled");
}

#[tokio::test]
async fn b11_nobody_waits_for_a_turn_that_is_more_than_ten_seconds_away() {
    let world = World::start().await;
    let vault = vault(&world);
    set(&world, &vault, PAGE, "a", 1).await;
    let turns_until = async |moment: Timestamp| {
        let mut item = keys::vault_writes().into_item();
        let next = aws_sdk_dynamodb::types::AttributeValue::N(moment.as_millisecond().to_string());
        item.insert("nextMs".into(), next);
        let put = world.clients.dynamodb.put_item();
        let put = put.table_name(world::resources::TABLE).set_item(Some(item));
        put.send().await.unwrap();
    };
    let now = world.now();
    turns_until(now + SignedDuration::from_secs(11)).await;
    let refused = try_set(&world, &vault, PAGE, "a", 2).await;
    assert!(matches!(refused, Err(VaultError::Busy)), "{refused:?}");
    assert_eq!(world.now(), now, "nobody waited");

    let soon = now + SignedDuration::from_secs(9);
    turns_until(soon).await;
    set(&world, &vault, PAGE, "a", 2).await;
    assert!(world.now() >= soon, "the write came before its turn");

    // What a clock wrote that goes wrong by hours holds up nobody.
    let now = world.now();
    turns_until(now + SignedDuration::from_hours(5)).await;
    set(&world, &vault, PAGE, "a", 3).await;
    assert_eq!(world.now(), now);
}

// A page's budget.

#[tokio::test]
async fn h10_a_page_takes_68_writes_at_once_and_never_more_than_100_versions_in_a_day() {
    let world = World::start().await;
    world.aws.set_quotas(QUOTAS);
    let vault = vault(&world);
    let (mut at_once, begun) = (0, world.now());
    let mut moments = Vec::new();
    for generation in 1..=200 {
        match vault.room_for_write(PAGE).await {
            Ok(()) => {}
            Err(VaultError::Spent(until)) => {
                assert!(until > world.now());
                if at_once == 0 {
                    at_once = moments.len();
                }
                world.clock.advance(until.duration_since(world.now()));
            }
            Err(error) => panic!("{error}"),
        }
        // None is refused by the quota of versions.
        set(&world, &vault, PAGE, "a", generation).await;
        moments.push(world.now().as_millisecond());
    }
    assert_eq!(at_once, 68);
    let most = most_within(moments, DAY + SignedDuration::from_millis(1));
    assert!(most <= 100, "{most} versions in a day");
    let took = world.now().duration_since(begun);
    println!("200 writes in {took:#}, at most {most} versions in a day");
    assert!(took < DAY * 5, "{took:#}");
}

#[tokio::test]
async fn h10_lost_and_refused_tries_count_and_people_are_never_refused() {
    let journey = Journey::start().await;
    let world = &journey.world;
    let id = journey.connected(ANN, "corner.bakery").await;
    let page = journey.records("acme").await[0].token_page.clone().unwrap();
    let vault = vault(world);
    assert!(vault.room_for_write(&page).await.is_ok());
    // A record that stands there already refuses a write whose version was put.
    for generation in 10..77 {
        let existing = record(&id, &page, generation, world.now());
        let table = &world.app("test").table;
        let records = vec![table.account_write(&existing, None).unwrap()];
        let change = Change::Set("another", entry(generation, world.now()));
        let written = vault.write(&page, change, records, world.now()).await;
        assert_eq!(written.unwrap(), Written::Refused(vec![0]));
    }
    let spent = vault.room_for_write(&page).await;
    assert!(matches!(spent, Err(VaultError::Spent(_))), "{spent:?}");
    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    assert_eq!(
        journey.records("acme").await[0].token_page.as_deref(),
        Some(page.as_str())
    );
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
        .as_user("ann", "acme", "editor");
    assert_eq!(journey.call(&journey.accounts, call).await.status, 200);
    journey.finish().await;
}

#[tokio::test]
async fn h10_new_accounts_pass_over_pages_with_few_writes_left_and_come_back_to_them() {
    let world = World::start().await;
    let vault = vault(&world);
    let page_of = async |number: usize| vault.page_for(&format!("account-{number}")).await.unwrap();
    let first: BTreeSet<String> = join_all((0..40).map(page_of)).await.into_iter().collect();
    assert_eq!(first.len(), 4);
    for page in &first {
        for generation in 1..=65 {
            set(&world, &vault, page, "busy", generation).await;
        }
    }
    let others: BTreeSet<String> = join_all((0..40).map(page_of)).await.into_iter().collect();
    assert!(others.is_disjoint(&first), "{others:?}");
    assert_eq!(vault.page_names().await.unwrap().len(), 8);
    world.clock.advance(DAY * 3);
    let later: BTreeSet<String> = join_all((0..40).map(page_of)).await.into_iter().collect();
    assert!(later.is_superset(&first), "{later:?}");
}

#[tokio::test]
async fn h10_a_refresh_waits_until_its_page_takes_a_token_before_instagram_is_asked_for_one() {
    let journey = Journey::start().await;
    let world = &journey.world;
    journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let page = journey.records("acme").await[0].token_page.clone().unwrap();
    let refreshes = || {
        let calls = world.instagram.calls();
        let refreshes = calls
            .iter()
            .filter(|call| call.endpoint == "GET /refresh_access_token");
        refreshes.count()
    };
    // Up to an hour before the first refresh may come.
    world
        .advance(DAY * 49 - SignedDuration::from_hours(1), &journey.worker)
        .await;
    let vault = vault(world);
    for generation in 1..=101 {
        set(world, &vault, &page, "another", generation).await;
    }
    let until = match vault.room_for_write(&page).await {
        Err(VaultError::Spent(until)) => until,
        other => panic!("{other:?}"),
    };
    assert!(until.duration_since(world.now()) > DAY);
    world
        .advance(
            until.duration_since(world.now()) - SignedDuration::from_mins(1),
            &journey.worker,
        )
        .await;
    assert_eq!(refreshes(), 0);
    assert!(journey.listed(ANN).await[0]["lastTokenRefreshError"].is_null());
    world
        .advance(SignedDuration::from_mins(2), &journey.worker)
        .await;
    assert_eq!(refreshes(), 1);
    let account = &journey.listed(ANN).await[0];
    assert_eq!(account["needsRefresh"], false);
    let removed = vault.write(&page, Change::Remove("another"), Vec::new(), world.now());
    removed.await.unwrap();
    journey.finish().await;
}

// Secrets Manager fails for a while.

#[tokio::test]
async fn b16_a_token_outlasts_a_throttle_that_is_longer_than_the_sdks_patience() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::ServerError,
        FaultKind::LostBeforeApplied,
        FaultKind::AppliedThenLost,
    ] {
        let journey = Journey::start().await;
        // The SDK gives up after four; sooner, where other tests of this process have used up its tries.
        let fault = Fault::on("secretsmanager", "PutSecretValue", kind.clone()).times(4);
        journey.world.aws.add_fault(fault);
        journey.connected(ANN, "corner.bakery").await;
        let exchanges = journey.world.instagram.calls();
        let exchanges = exchanges
            .iter()
            .filter(|call| call.endpoint == "POST /oauth/access_token");
        assert_eq!(exchanges.count(), 1, "{kind:?}: nobody had to ask again");
        journey.finish().await;
    }
}

#[tokio::test]
async fn b16_a_refresh_that_cannot_be_stored_fails_visibly_and_comes_again_with_the_old_token() {
    let journey = Journey::start().await;
    journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let before = journey.records("acme").await.remove(0);
    let throttle = Fault::on("secretsmanager", "PutSecretValue", FaultKind::Throttle);
    journey.world.aws.add_fault(throttle);
    let puts = put_count(&journey.world);
    let due = policy::first_refresh_at(
        &before.id,
        before.connected_at,
        before.token_expires_at.unwrap(),
    );
    let until_due = due.duration_since(journey.world.now()) + SignedDuration::from_secs(5);
    journey.world.advance(until_due, &journey.worker).await;
    let tries = put_count(&journey.world) - puts;
    // The clock stands still, so that no time runs out: all rounds of the refresh, of the vault and of the SDK are made.
    assert!((5..=200).contains(&tries), "a bounded number: {tries}");
    let after = journey.records("acme").await.remove(0);
    assert_eq!(after.token_generation, before.token_generation);
    assert_eq!(after.status_at(journey.world.now()), Status::Active);
    assert_eq!(
        journey.world.leftovers().await.len(),
        1,
        "the task comes again"
    );
    let token = journey
        .world
        .cold("test")
        .vault
        .token(&after)
        .await
        .unwrap();
    assert!(journey.world.instagram.is_live_token(token.expose()));

    journey.world.aws.clear_faults();
    let hour = SignedDuration::from_hours(1);
    journey.world.advance(hour, &journey.worker).await;
    let renewed = journey.records("acme").await.remove(0);
    assert_eq!(renewed.token_generation, before.token_generation + 1);
    journey.finish().await;
}

// Broken pages.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The secret is marked for deletion.
    Marked,
    /// The secret is gone for good.
    Gone,
    /// Secrets Manager has dropped the version that counts.
    Dropped,
    /// The version that counts is no page.
    Damaged,
}

impl Broken {
    pub(crate) const ALL: [Broken; 4] = [
        Broken::Marked,
        Broken::Gone,
        Broken::Dropped,
        Broken::Damaged,
    ];

    pub(crate) async fn befall(self, world: &World, page: &str) {
        let (secrets, secret) = (&world.clients.secrets, secret_of(page));
        let name_version = async |version: &str| {
            let update = world.clients.dynamodb.update_item();
            let value = aws_sdk_dynamodb::types::AttributeValue::S(version.to_owned());
            update
                .table_name(world::resources::TABLE)
                .set_key(Some(keys::vault_page(page).into_item()))
                .update_expression("SET versionId = :version")
                .expression_attribute_values(":version", value)
                .send()
                .await
                .unwrap();
        };
        match self {
            Broken::Marked => {
                secrets
                    .delete_secret()
                    .secret_id(secret)
                    .send()
                    .await
                    .unwrap();
            }
            Broken::Gone => {
                let delete = secrets.delete_secret().secret_id(secret);
                delete
                    .force_delete_without_recovery(true)
                    .send()
                    .await
                    .unwrap();
            }
            Broken::Dropped => name_version("00000000-0000-4000-8000-000000000000").await,
            Broken::Damaged => {
                let put = secrets.put_secret_value().secret_id(secret);
                let put = put.secret_string("no page").send().await.unwrap();
                name_version(put.version_id().unwrap()).await;
            }
        }
    }

    fn is_told_by(self, error: &VaultError) -> bool {
        match self {
            Broken::Damaged => matches!(error, VaultError::Damaged),
            _ => matches!(error, VaultError::Missing),
        }
    }
}

#[tokio::test]
async fn h08_a_broken_page_is_told_by_every_call_of_a_vault_that_has_not_cached_it() {
    for broken in Broken::ALL {
        let world = World::start().await;
        set(&world, &vault(&world), PAGE, "a", 1).await;
        broken.befall(&world, PAGE).await;
        let cold = vault(&world);
        let read = cold.entry(&record("a", PAGE, 1, world.now())).await;
        let written = try_set(&world, &cold, PAGE, "a", 2).await;
        let healed = cold.heal(PAGE).await;
        for error in [read.err(), written.err(), healed.err()] {
            let told = error.as_ref().is_some_and(|error| broken.is_told_by(error));
            assert!(told, "{broken:?}: {error:?}");
        }
        // A removal has nothing to remove.
        let removed = cold.write(PAGE, Change::Remove("a"), Vec::new(), world.now());
        assert_eq!(removed.await.unwrap(), Written::Yes, "{broken:?}");
    }
}

#[tokio::test]
async fn h08_whoever_connects_an_account_gets_out_of_a_broken_page() {
    for broken in Broken::ALL {
        let journey = Journey::start().await;
        let id = journey.connected(ANN, "corner.bakery").await;
        journey.settle().await;
        let page = journey.records("acme").await[0].token_page.clone().unwrap();
        broken.befall(&journey.world, &page).await;
        // A sandbox that has nothing cached finds it, and the account says so.
        let worker = Function::new(journey.world.cold("refresh")).with_tasks(refresh::handle);
        journey.world.advance(DAY, &worker).await;
        let account = &journey.listed(ANN).await[0];
        assert_eq!(
            account["statusReason"]["code"], "token_unavailable",
            "{broken:?}"
        );

        let cold = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let begun = journey.begin(ANN).await;
        let call = journey
            .redirected(&begun, "corner.bakery", Decision::Allow)
            .await;
        let reply = journey.call(&cold, call).await;
        assert_eq!(
            account_on_page(&reply).as_ref(),
            Some(&id),
            "{broken:?}: {}",
            reply.text()
        );
        let record = journey.records("acme").await.remove(0);
        assert_eq!(record.status, Status::Active, "{broken:?}");
        assert_ne!(
            record.token_page.as_deref(),
            Some(page.as_str()),
            "{broken:?}"
        );
        let app = journey.world.cold("test");
        let token = app.vault.token(&record).await.unwrap();
        assert!(
            journey.world.instagram.is_live_token(token.expose()),
            "{broken:?}"
        );
    }
}

#[tokio::test]
async fn h08_a_new_account_that_is_dealt_to_a_broken_page_lands_on_another() {
    for broken in Broken::ALL {
        let one_open_page = [("VAULT_OPEN_PAGES".to_owned(), "1".to_owned())];
        let journey = Journey::start_with(WorldOptions {
            variables: one_open_page.into(),
            ..WorldOptions::default()
        })
        .await;
        let log_in = async |function: &Function, username: &str| {
            let begun = journey.begin(ANN).await;
            let call = journey.redirected(&begun, username, Decision::Allow).await;
            let reply = journey.call(function, call).await;
            account_on_page(&reply).unwrap_or_else(|| panic!("{broken:?}: {}", reply.text()))
        };
        log_in(&journey.callback, "corner.bakery").await;
        broken.befall(&journey.world, PAGE).await;
        let cold = Function::new(journey.world.cold("callback")).with_routes(callback::routes());
        let id = log_in(&cold, "ann.makes").await;
        let records = journey.records("acme").await;
        let record = records.iter().find(|record| record.id == id).unwrap();
        assert_eq!(
            record.token_page.as_deref(),
            Some("page-000002"),
            "{broken:?}"
        );
        let app = journey.world.cold("test");
        assert!(app.vault.token(record).await.is_ok(), "{broken:?}");
    }
}

#[tokio::test]
async fn h08_an_account_of_a_broken_page_can_be_disconnected_and_deleted() {
    for broken in Broken::ALL {
        let journey = Journey::start().await;
        let id = journey.connected(ANN, "corner.bakery").await;
        journey.settle().await;
        let page = journey.records("acme").await[0].token_page.clone().unwrap();
        broken.befall(&journey.world, &page).await;
        let cold = Function::new(journey.world.cold("accounts")).with_routes(accounts::routes());
        let call = HttpCall::post(&format!("/instagram/accounts/{id}/disconnect"))
            .as_user("ann", "acme", "editor");
        let reply = journey.call(&cold, call).await;
        assert_eq!(reply.status, 200, "{broken:?}: {}", reply.text());
        assert_eq!(reply.json()["status"], "disconnected", "{broken:?}");
        assert!(journey.world.aws.schedules().is_empty(), "{broken:?}");
        let call =
            HttpCall::delete(&format!("/instagram/accounts/{id}")).as_user("ann", "acme", "editor");
        assert_eq!(journey.call(&cold, call).await.status, 204, "{broken:?}");
        assert!(journey.records("acme").await.is_empty(), "{broken:?}");
    }
}

#[tokio::test]
async fn h08_a_page_whose_tokens_have_grown_too_long_loses_its_account_to_another() {
    let journey = Journey::start().await;
    let world = &journey.world;
    let id = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    let page = journey.records("acme").await[0].token_page.clone().unwrap();
    let vault = vault(world);
    let write = |change| vault.write(&page, change, Vec::new(), world.now());
    let with_token = |generation: u64, length: usize| Entry {
        token: AccessToken::new("t".repeat(length)),
        ..entry(generation, world.now())
    };
    // A page up to its brim, on which the account has a token of one letter.
    for change in [
        Change::Remove(&id),
        Change::Set(&id, with_token(1, 1)),
        Change::Set("long", with_token(1, 60_000)),
    ] {
        assert_eq!(write(change).await.unwrap(), Written::Yes);
    }
    let version = version_of(world, &page).await;
    let text = world.aws.secret_value(&secret_of(&page), Some(&version));
    let left = 65_536 - text.unwrap().len();
    let brim = write(Change::Set("long", with_token(2, 60_000 + left - 40)));
    assert_eq!(brim.await.unwrap(), Written::Yes);
    let refused = write(Change::Set("more", with_token(1, 100))).await;
    assert!(matches!(refused, Err(VaultError::Full)), "{refused:?}");

    assert_eq!(journey.connected(ANN, "corner.bakery").await, id);
    let record = journey.records("acme").await.remove(0);
    assert_ne!(record.token_page.as_deref(), Some(page.as_str()));
    let left_over = stored(world, &page).await;
    assert!(!left_over.contains_key(&id), "{left_over:?}");
    write(Change::Remove("long")).await.unwrap();
    journey.finish().await;
}

#[tokio::test]
async fn the_service_is_ready_while_one_of_its_pages_can_be_read() {
    let world = World::start().await;
    let app = world.app("test");
    let mut pages = BTreeSet::new();
    for number in 0..40 {
        let account = format!("account-{number}");
        let page = app.vault.page_for(&account).await.unwrap();
        set(&world, &app.vault, &page, &account, 1).await;
        pages.insert(page);
    }
    let pages: Vec<String> = pages.into_iter().collect();
    assert_eq!(pages.len(), 4);
    for page in &pages {
        assert!(app.vault.check().await.is_ok());
        Broken::Gone.befall(&world, page).await;
    }
    assert!(matches!(app.vault.check().await, Err(VaultError::Missing)));
}

// Healing, and opening again.

#[tokio::test]
async fn the_label_of_a_write_that_died_half_way_is_put_back_on_the_version_that_counts() {
    let world = World::start().await;
    let vault = vault(&world);
    assert_eq!(vault.heal(PAGE).await.unwrap(), Healed::Nothing);
    set(&world, &vault, PAGE, "a", 1).await;
    assert_eq!(vault.heal(PAGE).await.unwrap(), Healed::Nothing);
    let counts = world.aws.secret_value(&secret_of(PAGE), None).unwrap();

    // The transaction never comes.
    let lost = Fault::on("dynamodb", "TransactWriteItems", FaultKind::ServerError);
    world.aws.add_fault(lost);
    let died = try_set(&world, &vault, PAGE, "a", 2).await;
    assert!(matches!(died, Err(VaultError::Unavailable(_))));
    world.aws.clear_faults();
    assert_ne!(
        world.aws.secret_value(&secret_of(PAGE), None).unwrap(),
        counts
    );

    assert_eq!(vault.heal(PAGE).await.unwrap(), Healed::Relabeled);
    assert_eq!(
        world.aws.secret_value(&secret_of(PAGE), None).unwrap(),
        counts
    );
    assert_eq!(vault.heal(PAGE).await.unwrap(), Healed::Nothing);
    set(&world, &vault, PAGE, "a", 2).await;
}

/// Writes die half-way for days; says whether the version that counts can still be read.
async fn survives_half_done_writes(is_healed: bool) -> bool {
    let world = World::start().await;
    world.aws.set_quotas(QUOTAS);
    let vault = vault(&world);
    set(&world, &vault, PAGE, "a", 1).await;
    for _ in 0..150 {
        world.clock.advance(SignedDuration::from_mins(50));
        die_half_way(&world, PAGE).await;
        if is_healed {
            assert_eq!(vault.heal(PAGE).await.unwrap(), Healed::Relabeled);
        }
    }
    let cold = self::vault(&world);
    match cold.entry(&record("a", PAGE, 1, world.now())).await {
        Ok(_) => true,
        Err(VaultError::Missing) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn h10_a_page_that_is_healed_outlasts_any_number_of_half_done_writes_and_another_does_not() {
    assert!(survives_half_done_writes(true).await);
    assert!(!survives_half_done_writes(false).await);
}

#[tokio::test]
async fn healing_a_page_while_it_is_written_harms_no_write() {
    let world = World::start().await;
    let (writer, healer) = (vault(&world), vault(&world));
    set(&world, &writer, PAGE, "a", 1).await;
    for generation in 2..=30 {
        die_half_way(&world, PAGE).await;
        let (_, healed) = join(
            set(&world, &writer, PAGE, "a", generation),
            healer.heal(PAGE),
        )
        .await;
        healed.unwrap();
        assert_eq!(stored(&world, PAGE).await["a"], generation);
        // Whatever the race left, the next audit puts right.
        healer.heal(PAGE).await.unwrap();
        assert_eq!(healer.heal(PAGE).await.unwrap(), Healed::Nothing);
    }
}

#[tokio::test]
async fn a_page_that_became_empty_is_opened_again_and_a_fuller_one_is_not() {
    for (page_size, left, is_reopened) in [(1, 0, true), (1, 1, false), (8, 4, true), (8, 5, false)]
    {
        let world = World::start_with(WorldOptions {
            page_size,
            ..WorldOptions::default()
        })
        .await;
        let vault = vault(&world);
        assert!(
            !vault.reopen(PAGE).await.unwrap(),
            "no page was ever opened"
        );
        assert_eq!(vault.page_names().await.unwrap(), Vec::<String>::new());
        let opened = vault.page_for("anybody").await.unwrap();
        assert!(!vault.reopen(&opened).await.unwrap(), "it is open");
        for page in ["page-000001", "page-000002", "page-000003", "page-000004"] {
            for number in 0..page_size {
                set(&world, &vault, page, &format!("account-{number}"), 1).await;
            }
        }
        assert_eq!(vault.page_for("anybody").await.unwrap().len(), PAGE.len());
        let names = vault.page_names().await.unwrap();
        assert_eq!((names.len(), names[0].as_str()), (8, PAGE));
        assert!(!vault.reopen(PAGE).await.unwrap(), "it is full");
        for number in left..page_size {
            let removed = Change::Remove(&format!("account-{number}"));
            vault
                .write(PAGE, removed, Vec::new(), world.now())
                .await
                .unwrap();
        }
        // Lost tries of that day must not decide here.
        world.clock.advance(DAY * 3);
        assert_eq!(
            vault.reopen(PAGE).await.unwrap(),
            is_reopened,
            "{page_size} {left}"
        );
        assert!(!vault.reopen(PAGE).await.unwrap(), "it is open already");
        let mut dealt = BTreeSet::new();
        for number in 0..60 {
            dealt.insert(vault.page_for(&format!("new-{number}")).await.unwrap());
        }
        assert_eq!(dealt.contains(PAGE), is_reopened, "{dealt:?}");
        assert_eq!(
            vault.page_names().await.unwrap().len(),
            8,
            "nothing was opened for it"
        );
    }
}

#[tokio::test]
async fn only_so_many_pages_are_opened_again() {
    let world = World::start_with(WorldOptions {
        page_size: 1,
        ..WorldOptions::default()
    })
    .await;
    let vault = vault(&world);
    // Accounts come, and all of them go.
    for number in 0..30 {
        let account = format!("account-{number}");
        let page = vault.page_for(&account).await.unwrap();
        set(&world, &vault, &page, &account, 1).await;
    }
    for page in vault.page_names().await.unwrap() {
        for number in 0..30 {
            let account = format!("account-{number}");
            let removed = Change::Remove(&account);
            let written = vault.write(&page, removed, Vec::new(), world.now());
            written.await.unwrap();
        }
    }
    let mut reopened = 0;
    for page in vault.page_names().await.unwrap() {
        reopened += usize::from(vault.reopen(&page).await.unwrap());
    }
    assert_eq!(reopened, 16);
    // And they are used before new ones are opened.
    let names = vault.page_names().await.unwrap().len();
    for number in 30..48 {
        let account = format!("account-{number}");
        let page = vault.page_for(&account).await.unwrap();
        set(&world, &vault, &page, &account, 1).await;
    }
    assert_eq!(vault.page_names().await.unwrap().len(), names);
}
