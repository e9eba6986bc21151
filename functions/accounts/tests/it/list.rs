//! `GET /instagram/accounts` and `GET /instagram/accounts/expiring`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Status};
use world::gateway::HttpCall;

use crate::fixture::{COMPANY, Fixture, TOKEN_LIFE, assert_problem, usernames};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn disconnect(account: &mut Account) {
    account.status = Status::Disconnected;
    account.clear_token();
}

/// All pages of a list, following its cursors.
async fn pages(fixture: &Fixture, target: &str) -> Vec<Value> {
    let mut pages = vec![fixture.get_ok(target).await];
    while let Some(cursor) = pages.last().unwrap()["nextCursor"].as_str() {
        let next = fixture.get_ok(&format!("{target}&cursor={cursor}")).await;
        pages.push(next);
        assert!(pages.len() < 20, "the list does not end");
    }
    pages
}

#[tokio::test]
async fn list_accounts_is_newest_first_and_shows_nothing_of_ours() {
    let fixture = Fixture::start().await;
    for username in ["first", "second", "third"] {
        fixture.insert(COMPANY, username, |_| {}).await;
    }
    fixture.insert("other", "foreign", |_| {}).await;

    let list = fixture.get_ok("/instagram/accounts").await;
    assert_eq!(usernames(&list), ["third", "second", "first"]);
    assert_eq!(list["total"], 3);
    assert_eq!(list["nextCursor"], Value::Null);
    let account = list["accounts"][0].as_object().unwrap();
    assert_eq!(account["status"], "active");
    assert_eq!(account["tokenStatus"], "valid");
    assert_eq!(account["statusReason"], Value::Null);
    for hidden in [
        "company",
        "createdBy",
        "version",
        "tokenPage",
        "tokenGeneration",
        "connectionGeneration",
        "appScopedId",
    ] {
        assert!(!account.contains_key(hidden), "{hidden}");
    }
    fixture.finish().await;
}

#[tokio::test]
async fn list_accounts_filters_by_the_status_of_the_moment() {
    let fixture = Fixture::start().await;
    let ended = fixture.now();
    let later = ended + HOUR;
    let insert = |name, change: fn(&mut Account)| fixture.insert(COMPANY, name, change);
    insert("active", |_| {}).await;
    insert("error", |account| account.status = Status::Error).await;
    insert("dead", |account| account.status = Status::TokenExpired).await;
    insert("revoked", |account| account.status = Status::Revoked).await;
    insert("gone", disconnect).await;
    fixture
        .insert(COMPANY, "limited", |account| {
            account.status = Status::RateLimited;
            account.rate.blocked_until = Some(later);
        })
        .await;
    fixture
        .insert(COMPANY, "limit.ended", |account| {
            account.status = Status::RateLimited;
            account.rate.blocked_until = Some(ended);
        })
        .await;
    for (name, status) in [
        ("ran.out", Status::Active),
        ("ran.out.limited", Status::RateLimited),
        ("ran.out.error", Status::Error),
    ] {
        fixture
            .insert(COMPANY, name, |account| {
                account.status = status;
                account.rate.blocked_until = Some(later);
                account.token_expires_at = Some(ended);
            })
            .await;
    }
    fixture
        .insert(COMPANY, "ran.out.revoked", |account| {
            account.status = Status::Revoked;
            account.token_expires_at = Some(ended);
        })
        .await;

    let expected: [(&str, &[&str]); 6] = [
        ("active", &["limit.ended", "active"]),
        (
            "token_expired",
            &["ran.out.error", "ran.out.limited", "ran.out", "dead"],
        ),
        ("revoked", &["ran.out.revoked", "revoked"]),
        ("disconnected", &["gone"]),
        ("rate_limited", &["limited"]),
        ("error", &["error"]),
    ];
    let mut sum = 0;
    for (status, names) in expected {
        let list = fixture
            .get_ok(&format!("/instagram/accounts?status={status}"))
            .await;
        assert_eq!(usernames(&list), names, "{status}");
        assert_eq!(list["total"], names.len(), "{status}");
        for account in list["accounts"].as_array().unwrap() {
            assert_eq!(account["status"], status);
        }
        sum += names.len();
    }
    assert_eq!(fixture.get_ok("/instagram/accounts").await["total"], sum);

    // Nobody writes a record, and the states change all the same.
    fixture.advance(HOUR);
    let active = fixture.get_ok("/instagram/accounts?status=active").await;
    assert_eq!(usernames(&active), ["limit.ended", "limited", "active"]);
    fixture.advance(TOKEN_LIFE);
    let active = fixture.get_ok("/instagram/accounts?status=active").await;
    assert_eq!(
        active,
        json!({"accounts": [], "total": 0, "nextCursor": null})
    );
    fixture.finish().await;
}

#[tokio::test]
async fn list_accounts_filters_by_client_and_by_text_in_a_name() {
    let fixture = Fixture::start().await;
    fixture
        .insert(COMPANY, "corner.bakery", |account| {
            account.name = Some("Bread & More".into());
            account.display_name = Some("Café ÉTOILE".into());
            account.client_id = Some("client-1".into());
        })
        .await;
    fixture
        .insert(COMPANY, "bakery.two", |account| {
            account.client_id = Some("client-2".into());
        })
        .await;
    fixture.insert(COMPANY, "museum", |_| {}).await;

    let expected: [(&str, &[&str]); 10] = [
        ("q=BAKERY", &["bakery.two", "corner.bakery"]),
        ("q=bread%20%26", &["corner.bakery"]),
        ("q=%C3%A9toile", &["corner.bakery"]),
        ("q=CAF%C3%89", &["corner.bakery"]),
        ("q=%20museum%20", &["museum"]),
        ("q=nowhere", &[]),
        ("clientId=client-1", &["corner.bakery"]),
        ("clientId=client", &[]),
        ("clientId=client-2&q=bakery&status=active", &["bakery.two"]),
        ("clientId=client-1&q=museum", &[]),
    ];
    for (query, names) in expected {
        let list = fixture
            .get_ok(&format!("/instagram/accounts?{query}"))
            .await;
        assert_eq!(usernames(&list), names, "{query}");
        assert_eq!(list["total"], names.len(), "{query}");
    }
    fixture.finish().await;
}

#[tokio::test]
async fn list_accounts_pages_stay_correct_while_accounts_come_and_go() {
    let fixture = Fixture::start().await;
    let mut stored = Vec::new();
    for number in 1..=7 {
        let client = if number % 2 == 0 { "even" } else { "odd" };
        let name = format!("account.{number}");
        let account = fixture.insert(COMPANY, &name, |account| {
            account.client_id = Some(client.into());
        });
        stored.push(account.await);
    }

    let first = fixture.get_ok("/instagram/accounts?limit=3").await;
    assert_eq!(usernames(&first), ["account.7", "account.6", "account.5"]);
    assert_eq!(first["total"], 7);
    fixture.insert(COMPANY, "account.8", |_| {}).await;
    // The account at which the second page begins goes away.
    let target = format!("/instagram/accounts/{}", stored[4].id);
    assert_eq!(fixture.ask(HttpCall::delete(&target)).await.status, 204);

    let cursor = first["nextCursor"].as_str().unwrap();
    let second = fixture
        .get_ok(&format!("/instagram/accounts?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(usernames(&second), ["account.4", "account.3", "account.2"]);
    assert_eq!(second["total"], 7);
    let cursor = second["nextCursor"].as_str().unwrap();
    let third = fixture
        .get_ok(&format!("/instagram/accounts?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(usernames(&third), ["account.1"]);
    assert_eq!(third["nextCursor"], Value::Null);

    let pages = pages(&fixture, "/instagram/accounts?clientId=odd&limit=1").await;
    let names: Vec<&str> = pages.iter().flat_map(usernames).collect();
    assert_eq!(names, ["account.7", "account.3", "account.1"]);
    assert!(pages.iter().all(|page| page["total"] == 3));
    fixture.finish().await;
}

#[tokio::test]
async fn i04_list_accounts_takes_a_cursor_of_its_own_only() {
    let fixture = Fixture::start().await;
    for company in [COMPANY, "other"] {
        for username in ["one", "two", "three"] {
            fixture.insert(company, username, |_| {}).await;
        }
    }
    let list = fixture.get_ok("/instagram/accounts?limit=1&q=o").await;
    let cursor = list["nextCursor"].as_str().unwrap().to_owned();
    let with = |query: &str| format!("/instagram/accounts{query}cursor={cursor}");
    // The limit is no filter: it may change from page to page.
    let same = fixture.get_ok(&with("?q=o&limit=2&")).await;
    assert_eq!(usernames(&same), ["one"]);

    let changed = cursor.replace(&cursor[8..9], if &cursor[8..9] == "A" { "B" } else { "A" });
    for target in [
        with("?limit=1&"),
        with("?limit=1&q=t&"),
        with("?limit=1&q=o&status=active&"),
        with("/expiring?limit=1&hours=1440&"),
        format!("/instagram/accounts?limit=1&q=o&cursor={changed}"),
        format!("/instagram/accounts?limit=1&q=o&cursor={cursor}A"),
        "/instagram/accounts?limit=1&q=o&cursor=".into(),
    ] {
        assert_problem(&fixture.get(&target).await, 400, "invalid_cursor");
    }
    let foreign = HttpCall::get(&with("?limit=1&q=o&")).as_user("bob", "other", "editor");
    assert_problem(&fixture.send(foreign).await, 400, "invalid_cursor");
    fixture.advance(HOUR * 25);
    let old = fixture.get(&with("?limit=1&q=o&")).await;
    assert_problem(&old, 400, "invalid_cursor");
    fixture.finish().await;
}

#[tokio::test]
async fn i05_list_accounts_refuses_what_it_does_not_take() {
    let fixture = Fixture::start().await;
    let long = "x".repeat(101);
    let refused = [
        ("?limit=0", "invalid_limit"),
        ("?limit=101", "invalid_limit"),
        ("?limit=1e3", "invalid_limit"),
        ("?limit=%D9%A1%D9%A0", "invalid_limit"),
        ("?limit=", "invalid_limit"),
        ("?status=Active", "invalid_status"),
        ("?status=", "invalid_status"),
        ("?q=", "invalid_search"),
        ("?q=%20%20", "invalid_search"),
        (&format!("?q={long}"), "invalid_search"),
        ("?clientId=", "invalid_client_id"),
        ("?clientId=a%20b", "invalid_client_id"),
        ("?company=other", "invalid_query"),
        ("?page=2", "invalid_query"),
        ("?limit=1&limit=2", "invalid_query"),
        ("/expiring?hours=0", "invalid_hours"),
        ("/expiring?hours=1441", "invalid_hours"),
        ("/expiring?hours=-1", "invalid_hours"),
        ("/expiring?hours=soon", "invalid_hours"),
        ("/expiring?limit=0", "invalid_limit"),
        ("/expiring?status=active", "invalid_query"),
    ];
    for (query, code) in refused {
        let reply = fixture.get(&format!("/instagram/accounts{query}")).await;
        assert_eq!(reply.json()["code"], code, "{query}");
        assert_problem(&reply, 400, code);
    }
    let longest = format!("/instagram/accounts?q={}", "x".repeat(100));
    assert_eq!(fixture.get_ok(&longest).await["total"], 0);
    fixture.finish().await;
}

#[tokio::test]
async fn list_expiring_accounts_is_soonest_first_and_knows_its_window() {
    let fixture = Fixture::start().await;
    // Each insert takes a second of the clock; all expiries are counted from here.
    let start = fixture.now() + SignedDuration::from_secs(100);
    for (name, hours) in [
        ("in.169", 169),
        ("in.1", 1),
        ("in.168", 168),
        ("in.100", 100),
    ] {
        fixture
            .insert(COMPANY, name, |account| {
                account.token_expires_at = Some(start + HOUR * hours);
            })
            .await;
    }
    for (name, status) in [("dead", Status::TokenExpired), ("revoked", Status::Revoked)] {
        fixture
            .insert(COMPANY, name, |account| {
                account.status = status;
                account.token_expires_at = Some(start + HOUR);
            })
            .await;
    }
    fixture
        .insert(COMPANY, "ran.out", |account| {
            account.token_expires_at = Some(start);
        })
        .await;
    fixture.insert(COMPANY, "gone", disconnect).await;
    fixture
        .insert("other", "foreign", |account| {
            account.token_expires_at = Some(start + HOUR);
        })
        .await;
    fixture.advance(start.duration_since(fixture.now()));

    let usual = fixture.get_ok("/instagram/accounts/expiring").await;
    assert_eq!(usernames(&usual), ["in.1", "in.100", "in.168"]);
    assert_eq!(usual["total"], 3);
    assert_eq!(usual["nextCursor"], Value::Null);
    assert_eq!(usual["accounts"][0]["needsRefresh"], true);
    assert_eq!(usual["accounts"][0]["tokenStatus"], "expiring");
    for (hours, names) in [
        (1, &["in.1"][..]),
        (99, &["in.1"]),
        (1440, &["in.1", "in.100", "in.168", "in.169"]),
    ] {
        let list = fixture
            .get_ok(&format!("/instagram/accounts/expiring?hours={hours}"))
            .await;
        assert_eq!(usernames(&list), names, "{hours}");
        assert_eq!(list["total"], names.len(), "{hours}");
    }

    let pages = pages(&fixture, "/instagram/accounts/expiring?hours=1440&limit=3").await;
    let names: Vec<Vec<&str>> = pages.iter().map(usernames).collect();
    assert_eq!(names, [vec!["in.1", "in.100", "in.168"], vec!["in.169"]]);
    assert!(pages.iter().all(|page| page["total"] == 4));
    fixture.finish().await;
}
