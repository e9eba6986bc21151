//! `POST …/sync` and `POST …/refresh-status`.

use instagram_sim::{Fault, FaultKind, Revocation};
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Failure, Status};
use world::gateway::{HttpCall, Reply};

use crate::fixture::{Fixture, TOKEN_LIFE, USER, assert_problem};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const PERSON: &str = "shop";

async fn sync(fixture: &Fixture, account: &Account) -> Reply {
    let target = format!("/instagram/accounts/{}/sync", account.id);
    fixture.post(&target).await
}

/// The answer of `refresh-status`, which is no error whatever Instagram says.
async fn check(fixture: &Fixture, account: &Account) -> Value {
    let target = format!("/instagram/accounts/{}/refresh-status", account.id);
    let reply = fixture.post(&target).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["checkedAt"], fixture.now().to_string());
    reply.json()
}

fn fail(fixture: &Fixture, kind: FaultKind) {
    let fault = Fault::new(kind).at("GET /me").of(PERSON);
    fixture.world.instagram.add_fault(fault);
}

/// How often the profile was asked for since the log was emptied.
fn asked(fixture: &Fixture) -> usize {
    let calls = fixture.world.instagram.calls();
    let profile = calls.iter().filter(|call| call.endpoint == "GET /me");
    profile.count()
}

async fn sync_log(fixture: &Fixture, account: &Account) -> Vec<Value> {
    let target = format!("/instagram/accounts/{}/sync-log", account.id);
    let log = fixture.get_ok(&target).await;
    log["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn sync_account_takes_the_profile_over() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    fixture.world.instagram.update_person(PERSON, |person| {
        person.name = "The Shop".into();
        person.followers_count = 4_321;
        person.biography = "Open\nagain".into();
    });
    fixture.advance(MINUTE);

    let reply = sync(&fixture, &account).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let shown = reply.json();
    assert_eq!(shown["displayName"], "The Shop");
    assert_eq!(shown["followerCount"], 4_321);
    assert_eq!(shown["biography"], "Open\nagain");
    assert_eq!(shown["lastSyncAt"], fixture.now().to_string());
    assert_eq!(shown["error"], Value::Null);
    let log = sync_log(&fixture, &account).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["status"], "success");
    assert_eq!(log[0]["syncType"], "profile");
    assert_eq!(log[0]["itemsSynced"], 1);
    assert_eq!(log[0]["errorCode"], Value::Null);
    assert_eq!(
        log[0]["correlationId"].as_str(),
        reply.header("x-correlation-id")
    );
    // Nothing changed its state, so nothing stands in the timeline.
    assert_eq!(fixture.events(&account.id).await, Vec::<String>::new());

    // A name of the company's own stays.
    fixture
        .change(&account.id, |account| {
            account.display_name = Some("Ours".into());
        })
        .await;
    assert_eq!(sync(&fixture, &account).await.json()["displayName"], "Ours");
    fixture.finish().await;
}

#[tokio::test]
async fn b14_sync_account_keeps_an_outage_as_error_and_the_state_as_it_was() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    fixture.advance(MINUTE);
    fail(&fixture, FaultKind::Html502);
    let reply = sync(&fixture, &account).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(reply.header("retry-after").is_some());
    let code = reply.json()["code"].as_str().unwrap().to_owned();

    let stored = fixture.record(&account.id).await.unwrap();
    assert_eq!(stored.status, Status::Active);
    assert_eq!(stored.status_reason, None);
    assert_eq!(stored.last_sync_at, account.last_sync_at);
    let error = stored.error.unwrap();
    assert_eq!((&error.code, error.at), (&code, fixture.now()));
    assert_eq!(reply.json()["detail"], *error.message);
    let log = sync_log(&fixture, &account).await;
    assert_eq!(log[0]["status"], "failed");
    assert_eq!(log[0]["errorCode"], *code);
    assert_eq!(log[0]["errorMessage"], *error.message);
    assert_eq!(log[0]["itemsSynced"], 0);
    assert_eq!(log[0]["rateLimitHit"], false);

    // The next one that works ends it.
    fixture.world.instagram.clear_faults();
    assert_eq!(sync(&fixture, &account).await.json()["error"], Value::Null);
    fixture.finish().await;
}

#[tokio::test]
async fn c11_sync_account_does_not_call_while_the_rate_limit_lasts() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    fail(&fixture, FaultKind::RateLimit { minutes: 20 });
    let reply = sync(&fixture, &account).await;
    assert_problem(&reply, 429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("1200"));
    assert_eq!(reply.json()["instagram"]["code"], 80_002);
    let until = fixture.now() + MINUTE * 20;
    let stored = fixture.record(&account.id).await.unwrap();
    assert_eq!(stored.status, Status::RateLimited);
    assert_eq!(stored.rate.blocked_until, Some(until));
    let log = sync_log(&fixture, &account).await;
    assert_eq!(log[0]["rateLimitHit"], true);
    assert_eq!(log[0]["rateLimitReset"], until.to_string());
    assert_eq!(fixture.events(&account.id).await, ["status_rate_limited"]);

    fixture.world.instagram.clear_faults();
    fixture.world.instagram.clear_calls();
    fixture.advance(MINUTE * 5 + SignedDuration::from_millis(1));
    let reply = sync(&fixture, &account).await;
    assert_problem(&reply, 429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("900"));
    let checked = check(&fixture, &account).await;
    assert_eq!(checked["status"], "rate_limited");
    assert_eq!(checked["reason"]["code"], "rate_limited");
    assert_eq!(checked["checked"], false);
    assert_eq!(asked(&fixture), 0);

    fixture.advance(MINUTE * 15);
    assert_eq!(sync(&fixture, &account).await.json()["status"], "active");
    assert_eq!(asked(&fixture), 1);
    fixture.finish().await;
}

#[tokio::test]
async fn b08_sync_account_believes_a_terminal_answer_at_once() {
    for (how, status, code) in [
        (Revocation::AppRemoved, "revoked", "app_removed"),
        (
            Revocation::PasswordChanged,
            "token_expired",
            "password_changed",
        ),
        (Revocation::LoggedOut, "token_expired", "session_ended"),
        (Revocation::Checkpoint, "error", "checkpoint_required"),
    ] {
        let fixture = Fixture::start().await;
        let account = fixture.connect(PERSON).await;
        fixture.world.instagram.revoke_tokens_of(PERSON, how);
        let reply = sync(&fixture, &account).await;
        assert_problem(&reply, 409, code);
        assert_eq!(reply.json()["instagram"]["code"], 190);
        assert_eq!(reply.json()["instagram"]["subcode"], how.subcode());
        assert!(reply.json()["instagram"]["fbtraceId"].is_string());

        let target = format!("/instagram/accounts/{}", account.id);
        let shown = fixture.get_ok(&target).await;
        assert_eq!(shown["status"], status);
        assert_eq!(shown["statusReason"]["code"], code);
        assert_eq!(shown["error"]["code"], code);
        assert_eq!(shown["error"]["at"], fixture.now().to_string());
        let revoked_at = match status {
            "revoked" => json!(fixture.now().to_string()),
            _ => Value::Null,
        };
        assert_eq!(shown["deauthorizedAt"], revoked_at);
        let entry = fixture.timeline(&account.id).await.remove(0);
        assert_eq!(entry.event, format!("status_{status}"));
        assert_eq!(entry.sentence, shown["statusReason"]["message"]);
        assert_eq!(entry.by, USER);
        fixture.finish().await;
    }
}

#[tokio::test]
async fn sync_account_declares_a_token_dead_after_two_signals_apart_in_time() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    let status = async || fixture.record(&account.id).await.unwrap().status;
    fail(&fixture, FaultKind::graph_error(400, 190, None));
    for minutes in [0, 10, 49] {
        fixture.advance(MINUTE * minutes);
        let reply = sync(&fixture, &account).await;
        assert_problem(&reply, 409, "token_rejected");
        assert_eq!(
            status().await,
            Status::Active,
            "after {minutes} more minutes"
        );
    }
    fixture.advance(MINUTE);
    assert_problem(&sync(&fixture, &account).await, 409, "token_rejected");
    assert_eq!(status().await, Status::TokenExpired);
    assert_eq!(fixture.events(&account.id).await, ["status_token_expired"]);

    // It was a hiccup of Instagram's after all: the state ends, and the first signal is forgotten.
    fixture.world.instagram.clear_faults();
    assert_eq!(sync(&fixture, &account).await.json()["status"], "active");
    fail(&fixture, FaultKind::graph_error(400, 190, None));
    fixture.advance(MINUTE * 120);
    assert_problem(&sync(&fixture, &account).await, 409, "token_rejected");
    assert_eq!(status().await, Status::Active);
    fixture.finish().await;
}

#[tokio::test]
async fn sync_account_does_not_take_over_the_profile_of_somebody_else() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    let stranger = json!({"id": "1", "user_id": "2", "username": "stranger"});
    fail(&fixture, FaultKind::status(200, &stranger.to_string()));
    let reply = sync(&fixture, &account).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["username"], PERSON);
    assert_eq!(reply.json()["status"], "error");
    assert_eq!(reply.json()["statusReason"]["code"], "wrong_account");
    let log = sync_log(&fixture, &account).await;
    assert_eq!(log[0]["status"], "failed");
    assert_eq!(log[0]["errorCode"], "wrong_account");
    assert_eq!(log[0]["itemsSynced"], 0);
    fixture.finish().await;
}

#[tokio::test]
async fn sync_account_needs_a_connection() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    let target = format!("/instagram/accounts/{}/disconnect", account.id);
    assert_eq!(fixture.post(&target).await.status, 200);
    fixture.world.instagram.clear_calls();
    let reply = sync(&fixture, &account).await;
    assert_problem(&reply, 409, "account_not_connected");
    let checked = check(&fixture, &account).await;
    assert_eq!(checked["status"], "disconnected");
    assert_eq!(checked["tokenStatus"], "revoked");
    assert_eq!(checked["reason"]["code"], "disconnected_by_user");
    assert_eq!(checked["checked"], false);
    assert_eq!(asked(&fixture), 0);
    assert_eq!(sync_log(&fixture, &account).await, Vec::<Value>::new());
    fixture.finish().await;
}

#[tokio::test]
async fn sync_account_says_when_the_vault_does_not_answer() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    fixture.world.aws.add_fault(aws_sim::Fault::on(
        "secretsmanager",
        "GetSecretValue",
        aws_sim::FaultKind::ServerError,
    ));
    assert_problem(&sync(&fixture, &account).await, 503, "service_unavailable");
    fixture.world.aws.clear_faults();
    // Our own trouble is not the account's.
    assert_eq!(fixture.record(&account.id).await.unwrap(), account);
    assert_eq!(sync(&fixture, &account).await.status, 200);
    fixture.finish().await;
}

#[tokio::test]
async fn sync_account_acts_once_for_one_idempotency_key() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    let target = format!("/instagram/accounts/{}/sync", account.id);
    let call = |target: &str| HttpCall::post(target).header("idempotency-key", "key-1");
    fixture.world.instagram.clear_calls();
    let first = fixture.ask(call(&target)).await;
    let again = fixture.ask(call(&target)).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert!(again.header("x-correlation-id").is_some());
    assert_eq!(asked(&fixture), 1);

    let other = target.replace("/sync", "/refresh-status");
    let reply = fixture.ask(call(&other)).await;
    assert_problem(&reply, 422, "idempotency_key_reused");
    // A key is nothing to a request that only reads, and it ends with its company.
    let read = HttpCall::get("/instagram/accounts").header("idempotency-key", "key-1");
    assert_eq!(fixture.ask(read).await.json()["total"], 1);
    let foreign = call(&target).as_user("bob", "other", "editor");
    let reply = fixture.send(foreign).await;
    assert_problem(&reply, 403, "account_of_another_company");
    let nobody = fixture.send(call(&target)).await;
    assert_problem(&nobody, 401, "unauthorized");
    fixture.finish().await;
}

#[tokio::test]
async fn a_key_with_a_space_is_no_idempotency_key_and_a_body_that_nobody_takes_is_ignored() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    let target = format!("/instagram/accounts/{}/sync", account.id);
    for key in ["two words", "\t", "ä", ""] {
        let call = HttpCall::post(&target).header("idempotency-key", key);
        let reply = fixture.ask(call).await;
        assert_problem(&reply, 400, "invalid_idempotency_key");
    }
    let call = HttpCall::post(&target).json(&serde_json::json!({"status": "revoked"}));
    let reply = fixture.ask(call).await;
    assert_eq!(
        (reply.status, &reply.json()["status"]),
        (200, &"active".into())
    );
    fixture.finish().await;
}

#[tokio::test]
async fn check_account_status_asks_instagram() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    fixture.world.instagram.clear_calls();
    let checked = check(&fixture, &account).await;
    let expected = json!({
        "status": "active",
        "tokenStatus": "valid",
        "reason": null,
        "checked": true,
        "checkedAt": fixture.now().to_string(),
    });
    assert_eq!(checked, expected);
    assert_eq!(asked(&fixture), 1);
    // It is no sync.
    assert_eq!(sync_log(&fixture, &account).await, Vec::<Value>::new());

    fixture
        .world
        .instagram
        .revoke_tokens_of(PERSON, Revocation::AppRemoved);
    let checked = check(&fixture, &account).await;
    assert_eq!(checked["status"], "revoked");
    assert_eq!(checked["tokenStatus"], "revoked");
    assert_eq!(checked["reason"]["code"], "app_removed");
    assert_eq!(checked["reason"]["at"], fixture.now().to_string());
    assert_eq!(checked["checked"], true);
    fixture.finish().await;
}

#[tokio::test]
async fn check_account_status_does_not_ask_about_a_token_that_has_run_out() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    fixture.world.instagram.clear_calls();
    fixture.advance(TOKEN_LIFE);
    let checked = check(&fixture, &account).await;
    assert_eq!(checked["status"], "token_expired");
    assert_eq!(checked["tokenStatus"], "expired");
    assert_eq!(checked["reason"]["code"], "token_expired");
    assert_eq!(
        checked["reason"]["at"],
        account.token_expires_at.unwrap().to_string()
    );
    assert_eq!(checked["checked"], false);
    assert_eq!(asked(&fixture), 0);
    fixture.finish().await;
}

#[tokio::test]
async fn check_account_status_is_no_error_in_an_outage() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    for (fault, code) in [
        (FaultKind::Reset, "connection_failed"),
        (FaultKind::status(503, "{}"), "upstream_unavailable"),
        (FaultKind::EmptyBody, "unreadable_answer"),
        // One doubt settles nothing.
        (FaultKind::graph_error(400, 190, None), "token_rejected"),
    ] {
        fail(&fixture, fault);
        let checked = check(&fixture, &account).await;
        fixture.world.instagram.clear_faults();
        assert_eq!(checked["status"], "active", "{code}");
        assert_eq!(checked["tokenStatus"], "valid", "{code}");
        assert_eq!(checked["reason"]["code"], code);
        assert_eq!(checked["reason"]["at"], fixture.now().to_string());
        assert_eq!(checked["checked"], false, "{code}");
    }
    assert_eq!(fixture.events(&account.id).await, Vec::<String>::new());
    fixture.finish().await;
}

#[tokio::test]
async fn check_account_status_ends_a_state_that_instagram_disproves() {
    let fixture = Fixture::start().await;
    let account = fixture.connect(PERSON).await;
    let at = fixture.now();
    fixture
        .change(&account.id, |account| {
            account.status = Status::Error;
            account.status_reason = Some(Failure {
                code: "permission_missing".into(),
                message: "Allow everything.".into(),
                at,
            });
        })
        .await;
    let checked = check(&fixture, &account).await;
    assert_eq!(checked["status"], "active");
    assert_eq!(checked["reason"], Value::Null);
    assert_eq!(checked["checked"], true);
    let entry = fixture.timeline(&account.id).await.remove(0);
    assert_eq!(entry.event, "status_active");
    assert_eq!(entry.sentence, "The account works again.");
    fixture.finish().await;
}

#[tokio::test]
async fn what_was_asked_for_an_earlier_connection_or_token_changes_nothing() {
    for (connection, token) in [(1, 0), (0, 1)] {
        let fixture = Fixture::start().await;
        let earlier = fixture.connect(PERSON).await;
        fixture
            .world
            .instagram
            .revoke_tokens_of(PERSON, Revocation::PasswordChanged);
        // Meanwhile the account was connected again, or its token was replaced.
        let now = fixture
            .change(&earlier.id, |account| {
                account.connection_generation += connection;
                account.token_generation += token;
            })
            .await;
        let app = fixture.world.app("accounts");
        let asked = shared::sync::check_status(&app, &earlier, USER).await;
        assert!(asked.unwrap().refusal.is_some());
        assert_eq!(fixture.record(&earlier.id).await.unwrap(), now);
        assert_eq!(fixture.events(&earlier.id).await, Vec::<String>::new());
        fixture.finish().await;
    }
}
