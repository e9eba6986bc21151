//! `GET` and `PATCH /instagram/accounts/{id}`.

use serde_json::{Value, json};
use shared::account::Account;
use world::gateway::{HttpCall, Reply};

use crate::fixture::{COMPANY, Fixture, USER, assert_problem};

async fn patch(fixture: &Fixture, account: &Account, change: &Value) -> Reply {
    let target = format!("/instagram/accounts/{}", account.id);
    fixture.ask(HttpCall::patch(&target).json(change)).await
}

#[tokio::test]
async fn get_account_shows_one_account() {
    let fixture = Fixture::start().await;
    let account = fixture.connect("corner.shop").await;
    let target = format!("/instagram/accounts/{}", account.id);
    let shown = fixture.get_ok(&target).await;
    assert_eq!(shown["id"], *account.id);
    assert_eq!(shown["username"], "corner.shop");
    assert_eq!(shown["displayName"], "corner shop");
    assert_eq!(shown["platformAccountId"], *account.platform_account_id);
    assert_eq!(shown["followerCount"], 120);
    assert_eq!(shown["scopes"], json!(["instagram_business_basic"]));
    assert_eq!(shown["isVerified"], Value::Null);
    fixture.finish().await;
}

#[tokio::test]
async fn update_account_tells_absent_from_null() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;

    let both = json!({"displayName": "  Our shop ☕ ", "clientId": "client:1.a_B-2"});
    let reply = patch(&fixture, &account, &both).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["displayName"], "Our shop ☕");
    assert_eq!(reply.json()["clientId"], "client:1.a_B-2");
    assert_eq!(reply.json()["updatedAt"], fixture.now().to_string());

    let reply = patch(&fixture, &account, &json!({"clientId": null})).await;
    assert_eq!(reply.json()["clientId"], Value::Null);
    assert_eq!(reply.json()["displayName"], "Our shop ☕");

    let reply = patch(&fixture, &account, &json!({"displayName": null})).await;
    assert_eq!(reply.json()["displayName"], "SHOP");
    let stored = fixture.record(&account.id).await.unwrap();
    assert_eq!(stored.version, account.version + 3);

    // The search follows the name.
    let found = fixture.get_ok("/instagram/accounts?q=our").await;
    assert_eq!(found["total"], 0);
    fixture.finish().await;
}

#[tokio::test]
async fn update_account_writes_a_timeline_entry_only_where_the_client_changes() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;
    for change in [
        json!({"displayName": "New name"}),
        json!({"clientId": null}),
        json!({"clientId": "one"}),
        json!({"clientId": "one", "displayName": "Newer name"}),
    ] {
        assert_eq!(patch(&fixture, &account, &change).await.status, 200);
    }
    let entries = fixture.timeline(&account.id).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0].event, "client_assigned");
    assert_eq!(entries[0].by, USER);
    assert_eq!(
        entries[0].sentence,
        "The account was assigned to the client `one`."
    );

    fixture.advance(jiff::SignedDuration::from_secs(1));
    patch(&fixture, &account, &json!({"clientId": null})).await;
    let entries = fixture.timeline(&account.id).await;
    assert_eq!(entries[0].event, "client_unassigned");
    assert_eq!(
        entries[0].sentence,
        "The account is no longer assigned to the client `one`."
    );
    fixture.finish().await;
}

#[tokio::test]
async fn i07_update_account_takes_no_member_but_its_own() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;
    for member in [
        "status",
        "company",
        "token",
        "tokenPage",
        "username",
        "id",
        "version",
        "display_name",
    ] {
        let change = json!({"displayName": "x", member: "active"});
        assert_problem(
            &patch(&fixture, &account, &change).await,
            400,
            "invalid_body",
        );
    }
    let long_name = "é".repeat(101);
    let long_client = "c".repeat(129);
    let refused = [
        (json!({}), "nothing_to_change"),
        (json!({"displayName": ""}), "invalid_display_name"),
        (json!({"displayName": " \u{a0} "}), "invalid_display_name"),
        (json!({"displayName": long_name}), "invalid_display_name"),
        (json!({"displayName": "a\u{0}b"}), "invalid_display_name"),
        (json!({"displayName": "a\r\nb"}), "invalid_display_name"),
        (json!({"displayName": 5}), "invalid_body"),
        (
            json!({"displayName": "ok", "clientId": ""}),
            "invalid_client_id",
        ),
        (json!({"clientId": long_client}), "invalid_client_id"),
        (json!({"clientId": "a b"}), "invalid_client_id"),
        (json!({"clientId": "é"}), "invalid_client_id"),
        (json!([]), "invalid_body"),
        (json!(null), "invalid_body"),
    ];
    for (change, code) in refused {
        let reply = patch(&fixture, &account, &change).await;
        assert_eq!(reply.json()["code"], code, "{change}");
        assert_problem(&reply, 400, code);
    }
    let target = format!("/instagram/accounts/{}", account.id);
    let untyped = fixture.ask(HttpCall::patch(&target).body("{}")).await;
    assert_problem(&untyped, 415, "content_type");
    assert_eq!(fixture.record(&account.id).await.unwrap(), account);

    // The longest of each is taken.
    let longest = json!({"displayName": "é".repeat(100), "clientId": "c".repeat(128)});
    assert_eq!(patch(&fixture, &account, &longest).await.status, 200);
    fixture.finish().await;
}

#[tokio::test]
async fn update_account_loses_nothing_to_others_who_write_meanwhile() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;
    let name = json!({"displayName": "Name"});
    let client = json!({"clientId": "one"});
    let (first, second, _) = tokio::join!(
        patch(&fixture, &account, &name),
        patch(&fixture, &account, &client),
        fixture.change(&account.id, |account| account.media_count = Some(77)),
    );
    assert_eq!((first.status, second.status), (200, 200));
    let stored = fixture.record(&account.id).await.unwrap();
    assert_eq!(stored.display_name.as_deref(), Some("Name"));
    assert_eq!(stored.client_id.as_deref(), Some("one"));
    assert_eq!(stored.media_count, Some(77));
    assert_eq!(stored.version, account.version + 3);
    fixture.finish().await;
}
