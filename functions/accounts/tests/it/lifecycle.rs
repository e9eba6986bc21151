//! `POST …/disconnect` and `DELETE`.

use aws_sim::{Fault, FaultKind};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Status};
use shared::announce;
use shared::table::claims::{Claim, instagram_ids};
use shared::table::timeline::SyncLogEntry;
use world::access_key_id;
use world::gateway::{HttpCall, Reply};

use crate::crash::runs_to_its_end_in;
use crate::fixture::{COMPANY, Fixture, USER, assert_problem};

fn disconnect(account: &Account) -> HttpCall {
    let target = format!("/instagram/accounts/{}/disconnect", account.id);
    HttpCall::post(&target).as_user(USER, COMPANY, "editor")
}

fn delete(account: &Account) -> HttpCall {
    let target = format!("/instagram/accounts/{}", account.id);
    HttpCall::delete(&target).as_user(USER, COMPANY, "editor")
}

async fn add_sync_log(fixture: &Fixture, account: &Account, entries: u32) {
    let table = &fixture.world.app("seed").table;
    for _ in 0..entries {
        let now = fixture.now();
        let entry = SyncLogEntry {
            started_at: now,
            completed_at: now,
            duration_ms: 0,
            sync_type: "profile".into(),
            status: "success".into(),
            items_synced: 1,
            error_code: None,
            error_message: None,
            rate_limit_hit: false,
            rate_limit_reset: None,
            correlation_id: String::new(),
        };
        table.append_sync_log(&account.id, &entry).await.unwrap();
    }
}

async fn sync_log_length(fixture: &Fixture, account: &Account) -> usize {
    let target = format!("/instagram/accounts/{}/sync-log", account.id);
    let log = fixture.get_ok(&target).await;
    log["entries"].as_array().unwrap().len()
}

fn assert_disconnected(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let shown = reply.json();
    assert_eq!(shown["status"], "disconnected");
    assert_eq!(shown["statusReason"]["code"], "disconnected_by_user");
    assert_eq!(shown["tokenStatus"], "revoked");
    assert_eq!(shown["tokenExpiresAt"], Value::Null);
    assert_eq!(shown["needsRefresh"], false);
    assert_eq!(shown["webhookFields"], json!([]));
}

/// All that must hold of an account, connected as `before`, once it is disconnected.
async fn assert_is_disconnected(fixture: &Fixture, before: &Account) {
    let stored = fixture.record(&before.id).await.unwrap();
    assert_eq!(stored.status, Status::Disconnected);
    assert!(!stored.is_connected());
    assert_eq!(
        stored.connection_generation,
        before.connection_generation + 1
    );
    let page = before.token_page.as_deref().unwrap();
    assert!(!fixture.vault_holds(page, &before.id).await);
    let schedules = fixture.schedules().await;
    assert!(
        !schedules.iter().any(|name| name.contains(&before.id)),
        "{schedules:?}"
    );
    let table = &fixture.world.app("seed").table;
    for id in instagram_ids(before) {
        let released = Claim {
            account: before.id.clone(),
            company: COMPANY.into(),
            released: true,
            since: stored.updated_at,
        };
        assert_eq!(table.claim(id).await.unwrap(), Some(released));
    }
    assert_eq!(fixture.events(&before.id).await, ["disconnected"]);
}

/// All that must hold of an account that was deleted.
async fn assert_is_gone(fixture: &Fixture, before: &Account) {
    assert_problem(
        &fixture
            .get(&format!("/instagram/accounts/{}", before.id))
            .await,
        404,
        "account_not_found",
    );
    // What a request that died had to tell waits for the audit.
    let audit = fixture.world.cold("audit");
    announce::send_waiting(&audit).await.unwrap();
    for item in fixture.items().await {
        assert!(!item.contains(&before.id), "{item}");
        assert!(!item.contains(&before.platform_account_id), "{item}");
        assert!(!item.contains(&before.app_scoped_id), "{item}");
    }
    let page = before.token_page.as_deref().unwrap();
    assert!(!fixture.vault_holds(page, &before.id).await);
    let schedules = fixture.schedules().await;
    assert!(
        !schedules.iter().any(|name| name.contains(&before.id)),
        "{schedules:?}"
    );
}

#[tokio::test]
async fn disconnect_account_destroys_the_token_and_keeps_the_history() {
    let fixture = Fixture::start().await;
    let neighbour = fixture.connect("neighbour").await;
    let account = fixture.connect("shop").await;
    assert_eq!(fixture.schedules().await.len(), 4);
    assert_eq!(
        account.webhook_fields,
        fixture.world.config("seed").instagram.webhook_fields
    );
    assert!(!fixture.world.instagram.subscriptions_of("shop").is_empty());
    let page = account.token_page.as_deref().unwrap();
    assert!(fixture.vault_holds(page, &account.id).await);
    add_sync_log(&fixture, &account, 3).await;

    assert_disconnected(&fixture.send(disconnect(&account)).await);
    assert_is_disconnected(&fixture, &account).await;
    assert!(fixture.world.instagram.subscriptions_of("shop").is_empty());
    assert_eq!(sync_log_length(&fixture, &account).await, 3);
    let entry = fixture.timeline(&account.id).await.remove(0);
    assert_eq!(entry.by, USER);
    assert!(entry.sentence.ends_with("history is kept."));

    // The neighbour lost nothing.
    let page = neighbour.token_page.as_deref().unwrap();
    assert!(fixture.vault_holds(page, &neighbour.id).await);
    assert_eq!(fixture.schedules().await.len(), 2);
    assert_eq!(fixture.record(&neighbour.id).await.unwrap(), neighbour);
    fixture.finish().await;
}

#[tokio::test]
async fn disconnect_account_answers_the_same_again_and_takes_what_was_left_over() {
    let fixture = Fixture::start().await;
    let account = fixture.connect("shop").await;
    let first = fixture.send(disconnect(&account)).await;
    let schedules = &fixture.world.app("seed").schedules;
    schedules.put_sync(&account.id, 1).await.unwrap();
    fixture.advance(SignedDuration::from_secs(60));

    let again = fixture.send(disconnect(&account)).await;
    assert_eq!(again.json(), first.json());
    assert_is_disconnected(&fixture, &account).await;
    fixture.finish().await;
}

#[tokio::test]
async fn disconnect_account_does_not_wait_for_instagram() {
    use instagram_sim::{Fault, FaultKind};
    let fixture = Fixture::start().await;
    for (username, fault) in [
        ("outage", FaultKind::Html502),
        ("reset", FaultKind::Reset),
        ("hangs", FaultKind::Delay(60_000)),
    ] {
        let account = fixture.connect(username).await;
        let fault = Fault::new(fault).of(username);
        fixture.world.instagram.add_fault(fault);
        assert_disconnected(&fixture.send(disconnect(&account)).await);
        assert_is_disconnected(&fixture, &account).await;
    }
    fixture.finish().await;
}

#[tokio::test]
async fn disconnect_account_works_from_every_state() {
    let fixture = Fixture::start().await;
    for status in [
        Status::Active,
        Status::TokenExpired,
        Status::Revoked,
        Status::RateLimited,
        Status::Error,
    ] {
        let account = fixture
            .insert(COMPANY, status.as_str(), |account| account.status = status)
            .await;
        assert_disconnected(&fixture.send(disconnect(&account)).await);
        assert_is_disconnected(&fixture, &account).await;
    }
    // Revoked by Instagram's callback: the token is gone already.
    let account = fixture.insert(COMPANY, "tokenless", |_| {}).await;
    let page = account.token_page.clone().unwrap();
    fixture
        .change(&account.id, |account| {
            account.status = Status::Revoked;
            account.clear_token();
        })
        .await;
    assert_disconnected(&fixture.send(disconnect(&account)).await);
    // Its entry was left behind by that test's shortcut, not by the function.
    assert!(fixture.vault_holds(&page, &account.id).await);
    fixture.finish().await;
}

#[tokio::test]
async fn disconnect_account_leaves_the_claim_of_another_company_alone() {
    let fixture = Fixture::start().await;
    let account = fixture.connect("shop").await;
    let table = fixture.world.app("seed").table.clone();
    // Another company took the professional account over; the app-scoped id is still ours.
    let theirs = Claim {
        account: "theirs".into(),
        company: "other".into(),
        released: false,
        since: fixture.world.now(),
    };
    let held = &account.platform_account_id;
    let release = Claim {
        account: account.id.clone(),
        company: COMPANY.into(),
        released: true,
        since: fixture.world.now(),
    };
    for claim in [&release, &theirs] {
        let write = table.claim_write(held, claim).unwrap();
        table.transact(vec![write]).await.unwrap();
    }

    assert_disconnected(&fixture.send(disconnect(&account)).await);
    assert_eq!(table.claim(held).await.unwrap(), Some(theirs.clone()));
    assert_eq!(fixture.send(delete(&account)).await.status, 204);
    assert_eq!(table.claim(held).await.unwrap(), Some(theirs));
    assert_eq!(table.claim(&account.app_scoped_id).await.unwrap(), None);
    fixture.finish().await;
}

#[tokio::test]
async fn disconnect_account_converges_after_dying_at_any_point() {
    let fixture = Fixture::start().await;
    let mut polls = 1;
    loop {
        let account = fixture.connect(&format!("shop.{polls}")).await;
        let call = disconnect(&account);
        let ended = runs_to_its_end_in(polls, &fixture, &call).await;
        if !ended {
            assert_disconnected(&fixture.send(call).await);
        }
        assert_is_disconnected(&fixture, &account).await;
        if ended {
            break;
        }
        polls += 1;
    }
    assert!(polls > 8, "the request was never interrupted: {polls}");
    fixture.finish().await;
}

#[tokio::test]
async fn disconnect_account_converges_after_any_lost_answer() {
    let fixture = Fixture::start().await;
    lost_answers(&fixture, disconnect, async |account| {
        assert_disconnected(&fixture.send(disconnect(account)).await);
        assert_is_disconnected(&fixture, account).await;
    })
    .await;
    fixture.finish().await;
}

#[tokio::test]
async fn delete_account_leaves_nothing_of_it() {
    let fixture = Fixture::start().await;
    let neighbour = fixture.connect("neighbour").await;
    let account = fixture.connect("shop").await;
    add_sync_log(&fixture, &account, 60).await;
    add_sync_log(&fixture, &neighbour, 1).await;
    // Events that are too large for a record: one that was handled, and one that waits under either id.
    let (table, now) = (&fixture.world.app("seed").table, fixture.now());
    let large = "not so large here";
    for owner in [&account, &neighbour] {
        let id = &owner.platform_account_id;
        let stored = table.store_item(id, large, now).await.unwrap();
        table.adopt_item(&owner.id, id, &stored).await.unwrap();
        for id in instagram_ids(owner) {
            table.store_item(id, large, now).await.unwrap();
        }
    }
    fixture
        .world
        .aws
        .add_fault(Fault::on("dynamodb", "BatchWriteItem", FaultKind::PartialBatch).times(2));

    let reply = fixture.send(delete(&account)).await;
    assert_eq!((reply.status, reply.text().as_str()), (204, ""));
    assert_is_gone(&fixture, &account).await;
    // Those of the neighbor.
    let pieces = fixture.items().await.into_iter();
    assert_eq!(pieces.filter(|item| item.contains("PIECE#")).count(), 3);
    assert!(fixture.world.instagram.subscriptions_of("shop").is_empty());
    assert_problem(
        &fixture.send(delete(&account)).await,
        404,
        "account_not_found",
    );

    assert_eq!(fixture.record(&neighbour.id).await.unwrap(), neighbour);
    assert_eq!(sync_log_length(&fixture, &neighbour).await, 1);
    fixture.finish().await;
}

#[tokio::test]
async fn delete_account_works_after_disconnect() {
    let fixture = Fixture::start().await;
    let account = fixture.connect("shop").await;
    assert_disconnected(&fixture.send(disconnect(&account)).await);
    assert_eq!(fixture.send(delete(&account)).await.status, 204);
    assert_is_gone(&fixture, &account).await;
    fixture.finish().await;
}

#[tokio::test]
async fn i16_delete_account_converges_after_dying_at_any_point() {
    let fixture = Fixture::start().await;
    let mut polls = 1;
    loop {
        let account = fixture.connect(&format!("shop.{polls}")).await;
        add_sync_log(&fixture, &account, 2).await;
        let call = delete(&account);
        let ended = runs_to_its_end_in(polls, &fixture, &call).await;
        if !ended {
            // 404 where the record was the last thing that the dying request removed.
            let again = fixture.send(call).await;
            assert!([204, 404].contains(&again.status), "{}", again.text());
        }
        assert_is_gone(&fixture, &account).await;
        if ended {
            break;
        }
        polls += 1;
    }
    assert!(polls > 12, "the request was never interrupted: {polls}");
    fixture.finish().await;
}

#[tokio::test]
async fn i16_delete_account_converges_after_any_lost_answer() {
    let fixture = Fixture::start().await;
    lost_answers(&fixture, delete, async |account| {
        let again = fixture.send(delete(account)).await;
        assert!([204, 404].contains(&again.status), "{}", again.text());
        assert_is_gone(&fixture, account).await;
    })
    .await;
    fixture.finish().await;
}

#[tokio::test]
async fn i16_delete_and_disconnect_at_once_end_in_one_state() {
    let fixture = Fixture::start().await;
    for round in 0..10 {
        let account = fixture.connect(&format!("shop.{round}")).await;
        let (first, second, third) = tokio::join!(
            fixture.send(delete(&account)),
            fixture.send(disconnect(&account)),
            fixture.send(delete(&account)),
        );
        for reply in [&first, &third] {
            assert!([204, 404].contains(&reply.status), "{}", reply.text());
        }
        assert!([200, 404].contains(&second.status), "{}", second.text());
        assert!([first.status, third.status].contains(&204));
        assert_is_gone(&fixture, &account).await;
    }
    fixture.finish().await;
}

/// Each call of AWS in turn does what it was asked and then loses its answer, as often as the SDK tries.
async fn lost_answers(
    fixture: &Fixture,
    request: impl Fn(&Account) -> HttpCall,
    converges: impl AsyncFn(&Account),
) {
    let aws = &fixture.world.aws;
    for service in ["dynamodb", "secretsmanager", "scheduler"] {
        let calls = || {
            let own = access_key_id("accounts");
            let calls = aws.calls().into_iter();
            calls
                .filter(|call| call.service == service && call.access_key_id == own)
                .count()
        };
        let account = fixture.connect(&format!("{service}.whole")).await;
        add_sync_log(fixture, &account, 2).await;
        let before = calls();
        assert!(fixture.send(request(&account)).await.status < 300);
        let needed = calls() - before;
        assert!(needed > 0, "{service} was never called");
        for skip in 0..needed {
            let account = fixture.connect(&format!("{service}.{skip}")).await;
            add_sync_log(fixture, &account, 2).await;
            aws.add_fault(Fault {
                operation: None,
                ..Fault::on(service, "", FaultKind::AppliedThenLost)
                    .skip(u32::try_from(skip).unwrap())
                    .times(4)
            });
            let reply = fixture.send(request(&account)).await;
            aws.clear_faults();
            if reply.status >= 300 {
                assert_problem(&reply, 503, "service_unavailable");
            }
            converges(&account).await;
        }
    }
}
