//! What a refusal to renew a token means: for one account, and where the whole app is refused.

use instagram_sim::{Fault, FaultKind, Person, Revocation};
use jiff::SignedDuration;
use shared::account::{Account, Status};

use crate::journey::{ANN, Journey};
use crate::renewals::{
    DAY, REFRESH, assert_token_lives, cold_worker, is_done_by, record_of, refresh_of, refreshes,
    timeline, turn_to_refresh_of,
};

/// Connects as many accounts, and turns the clock until all of them are due for a refresh.
async fn all_due(journey: &Journey, accounts: usize) -> Vec<Account> {
    let mut ids = Vec::new();
    for number in 0..accounts {
        let username = format!("shop.number.{number}");
        journey
            .world
            .instagram
            .add_person(Person::business(&username));
        ids.push(journey.connected(ANN, &username).await);
    }
    journey.settle().await;
    let mut records = Vec::new();
    for id in &ids {
        let record = record_of(journey, id).await;
        turn_to_refresh_of(journey, &record).await;
        records.push(record);
    }
    journey.world.instagram.clear_calls();
    records
}

/// The task of an account, in a sandbox that has seen no other account.
async fn refreshed(journey: &Journey, account: &Account) -> Account {
    let worker = cold_worker(journey);
    assert!(is_done_by(&worker, journey, refresh_of(account)).await);
    record_of(journey, &account.id).await
}

fn schedules_of(journey: &Journey, account: &Account) -> usize {
    let schedules = journey.world.aws.schedules();
    let own = schedules
        .iter()
        .filter(|schedule| schedule.name.ends_with(&account.id));
    own.count()
}

#[tokio::test]
async fn b08_each_terminal_answer_ends_its_own_account_once_at_every_http_status() {
    let answers = [
        (458, Status::Revoked),
        (460, Status::TokenExpired),
        (463, Status::TokenExpired),
        (467, Status::TokenExpired),
        (459, Status::Error),
        (464, Status::Error),
    ];
    let journey = Journey::start().await;
    let mut accounts = all_due(&journey, 3 * answers.len() + 1).await;
    let unaffected = accounts.pop().unwrap();
    let cases = answers.into_iter().flat_map(|(subcode, status)| {
        [400, 401, 500].map(|http_status| (http_status, subcode, status))
    });
    for (account, (http_status, subcode, status)) in accounts.iter().zip(cases) {
        let case = format!("{subcode} at {http_status}");
        let error = FaultKind::graph_error(http_status, 190, Some(subcode));
        let username = account.username.as_deref().unwrap();
        journey
            .world
            .instagram
            .add_fault(Fault::new(error).of(username));
        journey.world.instagram.clear_calls();
        let after = refreshed(&journey, account).await;
        assert_eq!(after.status, status, "{case}");
        let reason = after.status_reason.clone().expect("a reason");
        assert!(reason.message.len() > 20, "{case}: {}", reason.message);
        assert_eq!(refreshes(&journey), 1, "{case}");
        let told = timeline(&journey, &account.id).await;
        if status.is_dead() {
            let named = format!("status_{}", status.as_str());
            assert_eq!(told, [named.as_str(), "connected"], "{case}");
            assert_eq!(schedules_of(&journey, account), 0, "{case}");
            assert_eq!(after.token_generation, account.token_generation);
        } else {
            // The person has something to do at Instagram, and the connection goes on by itself after that.
            let mut events = told.clone();
            events.sort();
            let all = ["connected", "status_error", "token_refresh_failed"];
            assert_eq!(events, all, "{case}");
            assert_eq!(schedules_of(&journey, account), 2, "{case}");
        }
        // The same task again, by another sandbox: nobody asks, and nothing is told again.
        assert_eq!(refreshed(&journey, account).await.status, status);
        assert_eq!(refreshes(&journey), 1, "{case}");
        assert_eq!(timeline(&journey, &account.id).await, told, "{case}");
        let neighbor = record_of(&journey, &unaffected.id).await;
        assert_eq!(neighbor.status, Status::Active, "{case}");
        assert_eq!(schedules_of(&journey, &neighbor), 2, "{case}");
    }
    let renewed = refreshed(&journey, &unaffected).await;
    assert_eq!(renewed.token_generation, unaffected.token_generation + 1);
    journey.finish().await;
}

#[tokio::test]
async fn b08_a_person_who_has_confirmed_at_instagram_needs_no_new_login() {
    let journey = Journey::start().await;
    let account = all_due(&journey, 1).await.remove(0);
    let checkpoint = FaultKind::graph_error(400, 190, Some(459));
    journey.world.instagram.add_fault(Fault::new(checkpoint));
    assert_eq!(refreshed(&journey, &account).await.status, Status::Error);
    journey.world.instagram.clear_faults();
    journey.world.advance(DAY * 2, &journey.worker).await;
    let healed = record_of(&journey, &account.id).await;
    assert_eq!(healed.status, Status::Active);
    assert_eq!(healed.token_generation, account.token_generation + 1);
    journey.finish().await;
}

/// Every call of every account is refused alike for `hours`, and audits run meanwhile; then all is well again.
async fn an_outage_for_everybody(kind: FaultKind, hours: i64) {
    let journey = Journey::start().await;
    let accounts = all_due(&journey, 10).await;
    journey.world.instagram.add_fault(Fault::new(kind.clone()));
    for account in &accounts {
        let after = refreshed(&journey, account).await;
        assert_eq!(after.status, Status::Active, "{kind:?}");
        assert_eq!(schedules_of(&journey, account), 2, "{kind:?}");
    }
    journey.world.schedule_audits().await;
    journey
        .world
        .advance(SignedDuration::from_hours(hours), &journey.worker)
        .await;
    for account in &accounts {
        let after = record_of(&journey, &account.id).await;
        assert_eq!(after.status, Status::Active, "{kind:?} for {hours} hours");
    }
    journey.world.instagram.clear_faults();
    journey
        .world
        .advance(DAY + SignedDuration::from_hours(1), &journey.worker)
        .await;
    for account in &accounts {
        let after = record_of(&journey, &account.id).await;
        assert_eq!(after.status, Status::Active, "{kind:?}");
        assert_eq!(after.token_generation, account.token_generation + 1);
        assert_eq!(after.token_suspect_since, None, "{kind:?}");
        assert_token_lives(&journey, &after).await;
        let told = timeline(&journey, &account.id).await;
        let is_status = |event: &String| event.starts_with("status_");
        assert!(!told.iter().any(is_status), "{kind:?}: {told:?}");
    }
    journey.finish().await;
}

#[tokio::test]
async fn b10_a_terminal_answer_for_everybody_changes_no_status() {
    an_outage_for_everybody(FaultKind::graph_error(400, 190, Some(463)), 3).await;
}

#[tokio::test]
async fn b10_a_bare_190_for_everybody_changes_no_status() {
    an_outage_for_everybody(FaultKind::graph_error(400, 190, None), 3).await;
}

#[tokio::test]
async fn b10_the_outage_of_december_2024_for_everybody_changes_no_status() {
    an_outage_for_everybody(FaultKind::AppOutage, 3).await;
}

#[tokio::test]
async fn b10_one_revoked_account_among_working_ones_is_believed_at_once() {
    let journey = Journey::start().await;
    let accounts = all_due(&journey, 4).await;
    journey
        .world
        .instagram
        .revoke_tokens_of("shop.number.2", Revocation::AppRemoved);
    for (number, account) in accounts.iter().enumerate() {
        let after = refreshed(&journey, account).await;
        let expected = match number {
            2 => Status::Revoked,
            _ => Status::Active,
        };
        assert_eq!(after.status, expected, "{number}");
    }
    journey.finish().await;
}

#[tokio::test]
async fn b10_a_refresh_that_is_refused_while_the_token_works_changes_no_status() {
    let journey = Journey::start().await;
    let accounts = all_due(&journey, 3).await;
    for (account, subcode) in accounts.iter().zip([Some(463), Some(458), None]) {
        let error = FaultKind::graph_error(400, 190, subcode);
        journey
            .world
            .instagram
            .add_fault(Fault::new(error).at(REFRESH));
        for _ in 0..2 {
            let after = refreshed(&journey, account).await;
            assert_eq!(after.status, Status::Active, "{subcode:?}");
            assert_eq!(after.token_suspect_since, None, "{subcode:?}");
            assert_eq!(schedules_of(&journey, account), 2, "{subcode:?}");
            journey.world.clock.advance(SignedDuration::from_hours(2));
        }
        journey.world.instagram.clear_faults();
    }
    journey.world.advance(DAY * 2, &journey.worker).await;
    for account in &accounts {
        let after = record_of(&journey, &account.id).await;
        assert_eq!(after.token_generation, account.token_generation + 1);
    }
    journey.finish().await;
}

#[tokio::test]
async fn b01_the_only_account_of_an_installation_is_believed_when_it_is_revoked() {
    let journey = Journey::start().await;
    let account = all_due(&journey, 1).await.remove(0);
    journey
        .world
        .instagram
        .revoke_tokens_of("shop.number.0", Revocation::LoggedOut);
    let after = refreshed(&journey, &account).await;
    assert_eq!(after.status, Status::TokenExpired);
    journey.finish().await;
}
