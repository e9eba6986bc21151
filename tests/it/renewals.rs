//! Steps that the tests of the refresh share.

use instagram_sim::TokenRotation;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::account::Account;
use shared::lambda::Function;
use shared::tasks::{Message, Task};
use world::WorldOptions;
use world::gateway::{HttpCall, Reply};

use crate::journey::{ANN, Journey};
use crate::tasks::{batch, failed_of};

/// A day.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Instagram's call that renews a token.
pub(crate) const REFRESH: &str = "GET /refresh_access_token";
/// The life of a token that is due for a refresh as soon as Instagram allows one, a day after it was issued: rounds of
/// a day take less work than rounds of fifty.
const SHORT_LIFE_SECONDS: i64 = 11 * 86_400;

/// A world with one account, whose token is due for a refresh every day.
pub(crate) async fn with_a_short_token(rotation: TokenRotation) -> Journey {
    with_a_short_token_in(rotation, WorldOptions::default()).await
}

/// The same in a world with these options.
pub(crate) async fn with_a_short_token_in(
    rotation: TokenRotation,
    options: WorldOptions,
) -> Journey {
    let journey = Journey::start_with(options).await;
    journey.world.instagram.update_settings(|settings| {
        settings.token_rotation = rotation;
        settings.long_lived_seconds = SHORT_LIFE_SECONDS;
    });
    journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    journey
}

/// A fresh sandbox of the function `refresh`.
pub(crate) fn cold_worker(journey: &Journey) -> Function {
    Function::new(journey.world.cold("refresh"))
        .with_routes(refresh::routes())
        .with_tasks(refresh::handle)
}

/// The only account of Ann's company.
pub(crate) async fn only_record(journey: &Journey) -> Account {
    let mut records = journey.records("acme").await;
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// The record of one of the company's accounts.
pub(crate) async fn record_of(journey: &Journey, id: &str) -> Account {
    let app = journey.world.app("test");
    let record = app.table.account(id).await.expect("the table answers");
    record.expect("an account")
}

/// The body of a task that refreshes the account as it is connected now.
pub(crate) fn refresh_of(account: &Account) -> String {
    Message::of_schedule(Task::RefreshToken {
        account: account.id.clone(),
        connection_generation: account.connection_generation,
    })
    .to_body()
}

/// Hands a message to a sandbox; whether it was done.
pub(crate) async fn is_done_by(worker: &Function, journey: &Journey, body: String) -> bool {
    let in_time = journey.world.clock.milliseconds() + 30_000;
    failed_of(worker, &batch(&[body]), in_time).await.is_empty()
}

/// Turns the clock to the planned refresh, without letting anything happen on the way.
pub(crate) async fn turn_to_refresh_of(journey: &Journey, account: &Account) {
    let next = account.next_refresh_at.expect("a refresh is planned");
    let left = next.duration_since(journey.world.now());
    if left.is_positive() {
        journey.world.clock.advance(left);
    }
}

/// A person renews the connection.
pub(crate) async fn renewed_by_person(journey: &Journey, id: &str, worker: &Function) -> Reply {
    let call = HttpCall::post(&format!("/instagram/accounts/{id}/refresh"))
        .as_user("ann", "acme", "editor");
    journey.call(worker, call).await
}

/// How often Instagram was asked to renew a token.
pub(crate) fn refreshes(journey: &Journey) -> usize {
    refreshes_with(journey, |_| true)
}

/// How often Instagram renewed a token.
pub(crate) fn granted_refreshes(journey: &Journey) -> usize {
    refreshes_with(journey, |status| status == 200)
}

fn refreshes_with(journey: &Journey, is_counted: impl Fn(u16) -> bool) -> usize {
    let calls = journey.world.instagram.calls();
    calls
        .iter()
        .filter(|call| call.endpoint == REFRESH && is_counted(call.status))
        .count()
}

/// The events of the account's timeline, newest first.
pub(crate) async fn timeline(journey: &Journey, id: &str) -> Vec<String> {
    let call = HttpCall::get(&format!("/instagram/accounts/{id}/timeline?limit=100"))
        .as_user("ann", "acme", "viewer");
    let shown = journey.call(&journey.accounts, call).await.json();
    let entries = shown["entries"].as_array().expect("a timeline");
    let event = |entry: &Value| entry["event"].as_str().expect("an event").to_owned();
    entries.iter().map(event).collect()
}

/// When the account's refresh fires; `None` without a schedule.
pub(crate) fn scheduled_at(journey: &Journey, id: &str) -> Option<Timestamp> {
    let name = shared::schedules::Kind::Refresh.name(id);
    let schedules = journey.world.aws.schedules();
    let found = schedules.iter().find(|schedule| schedule.name == name)?;
    Some(Timestamp::from_millisecond(found.next_ms?).expect("a time"))
}

/// Fails the test unless the vault's token works at Instagram.
pub(crate) async fn assert_token_lives(journey: &Journey, account: &Account) {
    let entry = journey.world.cold("test").vault.entry(account).await;
    let entry = entry.expect("the vault has a token");
    assert_eq!(entry.generation, account.token_generation);
    assert!(
        journey.world.instagram.is_live_token(entry.token.expose()),
        "the vault's token is dead"
    );
}
