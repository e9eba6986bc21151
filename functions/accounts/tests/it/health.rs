//! `GET /health` and `GET /ready`, which nobody needs a token for.

use aws_sim::{Fault, FaultKind};
use serde_json::{Value, json};
use shared::lambda::Function;
use world::gateway::{HttpCall, Reply};

use crate::fixture::{COMPANY, Fixture};

/// Asks a function that has nothing cached.
async fn ready(fixture: &Fixture) -> Reply {
    let function = Function::new(fixture.world.cold("accounts")).with_routes(accounts::routes());
    fixture.send_to(&function, HttpCall::get("/ready")).await
}

fn checks(table: &str, vault: &str, queue: &str, app_secret: &str) -> Value {
    json!({"table": table, "vault": vault, "queue": queue, "appSecret": app_secret})
}

#[tokio::test]
async fn get_health_asks_nobody() {
    let fixture = Fixture::start().await;
    let before = fixture.world.aws.calls().len();
    let reply = fixture.send(HttpCall::get("/health")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})
    );
    assert_eq!(fixture.world.aws.calls().len(), before);
    assert_eq!(fixture.world.instagram.calls(), []);
    fixture.finish().await;
}

#[tokio::test]
async fn get_readiness_asks_each_service() {
    let fixture = Fixture::start().await;
    let reply = ready(&fixture).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["ready"], true);
    // The vault has pages from the first account on.
    fixture.insert(COMPANY, "shop", |_| {}).await;
    let before = fixture.world.aws.calls().len();
    let reply = ready(&fixture).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let expected = json!({"ready": true, "checks": checks("ok", "ok", "ok", "ok")});
    assert_eq!(reply.json(), expected);
    let calls = fixture.world.aws.calls();
    let asked: Vec<&str> = calls[before..].iter().map(|call| call.service).collect();
    for service in ["dynamodb", "secretsmanager", "sqs"] {
        assert!(asked.contains(&service), "{service}");
    }
    fixture.finish().await;
}

#[tokio::test]
async fn get_readiness_says_what_fails_and_nothing_more() {
    let fixture = Fixture::start().await;
    // No page is full yet, and the first open one may have no secret: fill each.
    for number in 0..8 {
        fixture
            .insert(COMPANY, &format!("shop.{number}"), |_| {})
            .await;
    }
    let refused = FaultKind::Error {
        status: 400,
        code: "AccessDeniedException".into(),
        message: "arn:aws:iam::000000000000:role/x is not authorized".into(),
    };
    for (service, operation, expected) in [
        // The vault's pages are named in the table.
        (
            "dynamodb",
            "GetItem",
            checks("failed", "failed", "ok", "ok"),
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            checks("ok", "failed", "ok", "failed"),
        ),
        (
            "sqs",
            "GetQueueAttributes",
            checks("ok", "ok", "failed", "ok"),
        ),
    ] {
        for kind in [&refused, &FaultKind::ServerError] {
            let fault = Fault::on(service, operation, kind.clone());
            fixture.world.aws.add_fault(fault);
            let reply = ready(&fixture).await;
            fixture.world.aws.clear_faults();
            assert_eq!(reply.status, 503, "{operation}: {}", reply.text());
            assert_eq!(
                reply.json(),
                json!({"ready": false, "checks": expected}),
                "{operation}"
            );
        }
    }
    fixture.finish().await;
}
