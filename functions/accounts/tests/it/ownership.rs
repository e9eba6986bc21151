//! Who may do what: every route × whose account × who asks. One row that is missing here is a hole in production.

use serde_json::json;
use world::gateway::HttpCall;

use crate::fixture::{COMPANY, Fixture, USER, assert_problem};

/// A route of the function.
struct Route {
    method: &'static str,
    path: &'static str,
    writes: bool,
    status: u16,
}

const ROUTES: &[Route] = &[
    reads("/instagram/accounts"),
    reads("/instagram/accounts/expiring"),
    reads("/integrations"),
    reads("/instagram/accounts/{id}"),
    reads("/instagram/accounts/{id}/timeline"),
    reads("/instagram/accounts/{id}/sync-log"),
    writes("PATCH", "/instagram/accounts/{id}", 200),
    writes("POST", "/instagram/accounts/{id}/sync", 200),
    writes("POST", "/instagram/accounts/{id}/refresh-status", 200),
    writes("POST", "/instagram/accounts/{id}/disconnect", 200),
    writes("DELETE", "/instagram/accounts/{id}", 204),
];

const fn reads(path: &'static str) -> Route {
    Route {
        method: "GET",
        path,
        writes: false,
        status: 200,
    }
}

const fn writes(method: &'static str, path: &'static str, status: u16) -> Route {
    Route {
        method,
        path,
        writes: true,
        status,
    }
}

impl Route {
    fn names_an_account(&self) -> bool {
        self.path.contains("{id}")
    }

    fn call(&self, id: &str, who: Option<&str>) -> HttpCall {
        let call = HttpCall::new(self.method, &self.path.replace("{id}", id));
        match who {
            Some(role) => call.as_user(USER, COMPANY, role),
            None => call,
        }
    }

    /// A body that PATCH takes.
    fn good_call(&self, id: &str, role: &str) -> HttpCall {
        let call = self.call(id, Some(role));
        match self.method {
            "PATCH" => call.json(&json!({"displayName": "New name"})),
            _ => call,
        }
    }
}

/// Ids that name no account, in ways that have broken others.
const NO_IDS: &[&str] = &[
    "ffffffff-0000-4000-8000-000000000000",
    "FFFFFFFF-0000-4000-8000-000000000000",
    "ffffffff00004000800000000000000000",
    "------------------------------------",
    "9007199254740993",
    "18446744073709551616",
    "007",
    "-1",
    "null",
    "%D9%A1%D9%A0",
    "a%00b",
    "%ff",
    "x%20OR%201=1",
];

#[tokio::test]
async fn i01_every_route_refuses_whoever_it_must() {
    let fixture = Fixture::start().await;
    let foreign = fixture.insert("other", "foreign", |_| {}).await;
    let long = "f".repeat(4_000);
    let mut no_ids = NO_IDS.to_vec();
    no_ids.push(&long);
    for (number, route) in ROUTES.iter().enumerate() {
        let own = fixture.connect(&format!("own.{number}")).await;
        let label = format!("{} {}", route.method, route.path);
        let untouched = fixture.record(&own.id).await;

        for id in [&own.id, &foreign.id] {
            let reply = fixture.send(route.call(id, None)).await;
            assert_problem(&reply, 401, "unauthorized");
        }
        if route.writes {
            // The role comes before the account, so that it tells nothing about accounts.
            for id in no_ids.iter().copied().chain([&*own.id, &*foreign.id]) {
                for role in ["viewer", "somebody"] {
                    let reply = fixture.send(route.call(id, Some(role))).await;
                    assert_problem(&reply, 403, "role_forbids");
                }
            }
        }
        if route.names_an_account() {
            let roles: &[&str] = match route.writes {
                true => &["editor", "admin"],
                false => &["viewer", "editor"],
            };
            for role in roles {
                // No body, no content type: whose account it is comes first.
                let reply = fixture.send(route.call(&foreign.id, Some(role))).await;
                assert_problem(&reply, 403, "account_of_another_company");
                for id in &no_ids {
                    let reply = fixture.send(route.call(id, Some(role))).await;
                    assert_eq!(reply.json()["code"], "account_not_found", "{label} {id}");
                    assert_problem(&reply, 404, "account_not_found");
                }
            }
        }
        assert_eq!(fixture.record(&own.id).await, untouched, "{label}");

        let roles: &[&str] = match route.writes {
            true => &["editor"],
            false => &["viewer", "editor", "admin"],
        };
        for role in roles {
            let reply = fixture.send(route.good_call(&own.id, role)).await;
            assert_eq!(reply.status, route.status, "{label}: {}", reply.text());
        }
    }
    assert_eq!(fixture.record(&foreign.id).await, Some(foreign));
    fixture.finish().await;
}

#[tokio::test]
async fn i02_a_company_is_taken_from_nowhere_but_the_token() {
    let fixture = Fixture::start().await;
    let foreign = fixture.insert("other", "foreign", |_| {}).await;
    let target = format!("/instagram/accounts/{}", foreign.id);
    for header in ["x-company", "company", "x-amzn-company"] {
        let call = HttpCall::get(&target).header(header, "other");
        assert_problem(&fixture.ask(call).await, 403, "account_of_another_company");
    }
    let query = format!("{target}/timeline?company=other");
    assert_problem(
        &fixture.get(&query).await,
        403,
        "account_of_another_company",
    );
    let list = fixture.get("/instagram/accounts?company=other").await;
    assert_problem(&list, 400, "invalid_query");
    fixture.finish().await;
}

#[tokio::test]
async fn i11_what_no_route_takes_is_refused() {
    let fixture = Fixture::start().await;
    let account = fixture.insert(COMPANY, "shop", |_| {}).await;
    let own = format!("/instagram/accounts/{}", account.id);
    for (method, target) in [
        ("PUT", own.clone()),
        ("POST", "/instagram/accounts".into()),
        ("GET", format!("{own}/sync")),
        ("DELETE", "/instagram/accounts/expiring".into()),
        ("POST", "/ready".into()),
    ] {
        let reply = fixture.ask(HttpCall::new(method, &target)).await;
        assert_problem(&reply, 405, "method_not_allowed");
    }
    // API Gateway hands paths over decoded: a way up leads to no other account's route.
    for target in [
        format!("{own}/"),
        format!("{own}/media/x"),
        "/instagram/accounts/%2e%2e%2fx".into(),
        "/".into(),
    ] {
        assert_problem(&fixture.get(&target).await, 404, "route_not_found");
    }
    let long = format!("/instagram/accounts?q={}", "x".repeat(9_000));
    assert_problem(&fixture.get(&long).await, 414, "address_too_long");
    fixture.finish().await;
}
