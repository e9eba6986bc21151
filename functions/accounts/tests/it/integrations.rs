//! `GET /integrations`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Status};

use crate::fixture::{COMPANY, Fixture};

async fn integration(fixture: &Fixture) -> Value {
    fixture.get_ok("/integrations").await["instagram"].clone()
}

fn nothing(status: &str, accounts: u32) -> Value {
    json!({
        "status": status,
        "connectedAccount": null,
        "profile": null,
        "expiresAt": null,
        "needsRefresh": false,
        "accounts": accounts,
    })
}

#[tokio::test]
async fn get_integrations_shows_the_newest_account_that_works() {
    let fixture = Fixture::start().await;
    assert_eq!(integration(&fixture).await, nothing("disconnected", 0));
    fixture.insert("other", "foreign", |_| {}).await;
    assert_eq!(integration(&fixture).await, nothing("disconnected", 0));

    fixture.insert(COMPANY, "older", |_| {}).await;
    let works = fixture
        .insert(COMPANY, "works", |account| {
            account.display_name = Some("Our shop".into());
            account.biography = Some("Bread".into());
            account.website = Some("https://shop.example".into());
            account.profile_picture_url = Some("https://pictures.example/1".into());
        })
        .await;
    let until = fixture.now() + SignedDuration::from_hours(1);
    fixture
        .insert(COMPANY, "limited", |account| {
            account.status = Status::RateLimited;
            account.rate.blocked_until = Some(until);
        })
        .await;
    fixture
        .insert(COMPANY, "newest.in.trouble", |account| {
            account.status = Status::Error;
        })
        .await;
    let expected = json!({
        "status": "connected",
        "connectedAccount": {"id": works.id, "username": "works", "displayName": "Our shop"},
        "profile": {
            "username": "works",
            "displayName": "Our shop",
            "followers": works.follower_count,
            "profilePictureUrl": "https://pictures.example/1",
            "biography": "Bread",
            "website": "https://shop.example",
        },
        "expiresAt": works.token_expires_at.unwrap().to_string(),
        "needsRefresh": false,
        "accounts": 4,
    });
    assert_eq!(integration(&fixture).await, expected);
    fixture.finish().await;
}

#[tokio::test]
async fn get_integrations_computes_its_status_from_the_states() {
    let needs_attention: [fn(&mut Account); 3] = [
        |account| account.status = Status::Error,
        |account| account.status = Status::TokenExpired,
        |account| account.token_expires_at = Some(account.created_at),
    ];
    for change in needs_attention {
        let fixture = Fixture::start().await;
        fixture.insert(COMPANY, "shop", change).await;
        let shown = integration(&fixture).await;
        assert_eq!(shown["status"], "needs_attention");
        assert_eq!(shown["connectedAccount"], Value::Null);
        assert_eq!(shown["accounts"], 1);
        fixture.finish().await;
    }

    let fixture = Fixture::start().await;
    let account = fixture
        .insert(COMPANY, "shop", |account| account.status = Status::Revoked)
        .await;
    assert_eq!(integration(&fixture).await, nothing("needs_attention", 0));
    fixture
        .change(&account.id, |account| {
            account.status = Status::Disconnected;
            account.clear_token();
        })
        .await;
    assert_eq!(integration(&fixture).await, nothing("disconnected", 0));

    // Nobody has to do anything about a rate limit.
    let until = fixture.now() + SignedDuration::from_hours(1);
    fixture
        .insert(COMPANY, "limited", |account| {
            account.status = Status::RateLimited;
            account.rate.blocked_until = Some(until);
        })
        .await;
    let shown = integration(&fixture).await;
    assert_eq!(shown["status"], "connected");
    assert_eq!(shown["connectedAccount"]["username"], "limited");
    fixture.finish().await;
}

#[tokio::test]
async fn get_integrations_says_when_a_token_nears_its_end() {
    let fixture = Fixture::start().await;
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let soon = fixture.now() + days(11);
    fixture
        .insert(COMPANY, "soon", |account| {
            account.token_expires_at = Some(soon);
        })
        .await;
    fixture.insert(COMPANY, "works", |_| {}).await;
    assert_eq!(integration(&fixture).await["needsRefresh"], false);
    fixture.advance(days(1));
    assert_eq!(integration(&fixture).await["needsRefresh"], true);
    fixture.finish().await;
}
