//! Every kind of fault does what it says, where it says, as often as it says.

use std::time::{Duration, Instant};

use instagram_sim::{Fault, FaultKind, GraphErrorFault, Revocation, TokenRotation};
use serde_json::{Value, json};

use crate::client::{DAY, World, token_in};

async fn world_with(kind: FaultKind) -> (World, String) {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    world.advance(2 * DAY);
    world.sim.add_fault(Fault::new(kind));
    (world, token)
}

#[tokio::test]
async fn status_and_html_and_redirect_answer_in_place_of_the_call() {
    let (world, token) = world_with(FaultKind::Status {
        status: 503,
        body: "busy".to_owned(),
        content_type: "text/plain".to_owned(),
    })
    .await;
    let reply = world.refresh(&token).await;
    assert_eq!((reply.status, reply.text()), (503, "busy"));
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 1, "not applied");
    assert_eq!(world.last_call().faults, ["status"]);

    let (world, token) = world_with(FaultKind::Html502).await;
    let reply = world.me(&token).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (502, Some("text/html; charset=utf-8"))
    );
    assert!(reply.text().starts_with("<!DOCTYPE html>"));

    let (world, token) = world_with(FaultKind::Redirect {
        to: "https://elsewhere.example/x".to_owned(),
    })
    .await;
    let reply = world.me(&token).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (302, Some("https://elsewhere.example/x"))
    );
}

#[tokio::test]
async fn a_graph_error_has_the_members_it_is_given() {
    let (world, token) = world_with(FaultKind::graph_error(500, -2, None)).await;
    let reply = world.me(&token).await;
    assert_eq!(reply.error(), (500, -2, None));
    assert!(reply.json()["error"].get("is_transient").is_none());

    world.sim.clear_faults();
    world
        .sim
        .add_fault(Fault::new(FaultKind::GraphError(GraphErrorFault {
            status: 200,
            code: 368,
            subcode: Some(5),
            message: "No.".to_owned(),
            error_type: "IGApiException".to_owned(),
            is_transient: Some(false),
            user_title: Some("Titel".to_owned()),
            user_message: Some("Später".to_owned()),
        })));
    let reply = world.me(&token).await;
    assert_eq!(reply.error(), (200, 368, Some(5)));
    let error = &reply.json()["error"];
    assert_eq!(
        (&error["message"], &error["type"]),
        (&json!("No."), &json!("IGApiException"))
    );
    assert_eq!(
        (&error["is_transient"], &error["error_user_msg"]),
        (&json!(false), &json!("Später"))
    );
}

#[tokio::test]
async fn delays_take_real_time_before_or_after_the_call_is_applied() {
    let (world, token) = world_with(FaultKind::Delay(120)).await;
    let start = Instant::now();
    let (reply, live_meanwhile) = tokio::join!(world.refresh(&token), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.sim.live_tokens_of("corner.bakery")
    });
    assert_eq!((reply.status, live_meanwhile), (200, 1));
    assert!(start.elapsed() >= Duration::from_millis(120));

    let (world, token) = world_with(FaultKind::ApplyThenDelay(120)).await;
    let start = Instant::now();
    let (reply, live_meanwhile) = tokio::join!(world.refresh(&token), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.sim.live_tokens_of("corner.bakery")
    });
    assert_eq!((reply.status, live_meanwhile), (200, 2));
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_slow_body_comes_byte_by_byte_and_whole() {
    let (world, token) = world_with(FaultKind::SlowBody(2)).await;
    let start = Instant::now();
    let reply = world.me(&token).await;
    assert_eq!(reply.json()["username"], "corner.bakery");
    assert!(start.elapsed() >= Duration::from_millis(2 * reply.body.len() as u64));
}

#[tokio::test]
async fn a_reset_is_one_and_the_call_is_not_applied() {
    let (world, token) = world_with(FaultKind::Reset).await;
    let path = "/refresh_access_token?grant_type=ig_refresh_token";
    let header = format!("authorization: Bearer {token}\r\n");
    let error = world.send("GET", path, &header, b"").await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 1);
    assert_eq!(
        (world.last_call().status, world.last_call().faults),
        (0, vec!["reset".to_owned()])
    );
}

#[tokio::test]
async fn apply_then_drop_applies_and_says_nothing() {
    let (world, token) = world_with(FaultKind::ApplyThenDrop).await;
    let path = "/refresh_access_token?grant_type=ig_refresh_token";
    let header = format!("authorization: Bearer {token}\r\n");
    let error = world.send("GET", path, &header, b"").await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 2);
    assert_eq!(world.last_call().status, 0);
}

#[tokio::test]
async fn truncated_empty_and_huge_bodies_come_after_the_call_was_applied() {
    let (world, token) = world_with(FaultKind::TruncatedBody).await;
    let reply = world.refresh(&token).await;
    assert_eq!((reply.status, reply.complete), (200, false));
    let promised: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!(reply.body.len(), promised / 2);
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 2);

    // An answer that has no body cannot lose half of it, and is lost as a whole.
    let path = World::authorize_path(&[("_sim_as", "corner.bakery")]);
    assert!(world.send("GET", &path, "", b"").await.is_err());

    let (world, token) = world_with(FaultKind::EmptyBody).await;
    let reply = world.refresh(&token).await;
    assert_eq!(
        (reply.status, reply.body.len(), reply.complete),
        (200, 0, true)
    );
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 2);

    let (world, token) = world_with(FaultKind::HugeBody(3_000_000)).await;
    let reply = world.refresh(&token).await;
    assert_eq!(
        (reply.status, reply.body.len(), reply.complete),
        (200, 3_000_000, true)
    );
    assert!(reply.json()["padding"].is_string());
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 2);
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let (world, token) = world_with(FaultKind::RateLimit { minutes: 12 }).await;
    let reply = world.me(&token).await;
    assert_eq!(reply.error(), (400, 80_002, None));
    let usage: Value =
        serde_json::from_str(reply.header("x-business-use-case-usage").unwrap()).unwrap();
    let id = world.sim.person("corner.bakery").unwrap().ig_user_id;
    assert_eq!(usage[&id][0]["estimated_time_to_regain_access"], 12);
    assert_eq!(usage[&id][0]["call_count"], 100);
    assert_eq!(world.me("IGSIM-nobody").await.error(), (400, 4, None));
}

#[tokio::test]
async fn an_app_outage_hits_all_of_the_graph_host_and_no_login_page() {
    let (world, token) = world_with(FaultKind::AppOutage).await;
    for reply in [world.refresh(&token).await, world.me(&token).await] {
        assert_eq!(reply.error(), (400, 100, None));
        assert_eq!(
            reply.json()["error"]["message"],
            "Unsupported request - method type: get"
        );
    }
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 1);
    let code = world.code_of("corner.bakery").await;
    assert_eq!(world.exchange_code(&code).await.status, 200);

    world.sim.clear_faults();
    world
        .sim
        .add_fault(Fault::new(FaultKind::AppOutage).at("GET /refresh_access_token"));
    assert_eq!(world.me(&token).await.status, 200);
    assert_eq!(world.refresh(&token).await.error(), (400, 100, None));
}

#[tokio::test]
async fn headers_are_added_or_replaced_next_to_another_fault() {
    let malformed = ("x-app-usage".to_owned(), "{call_count".to_owned());
    let (world, token) = world_with(FaultKind::Headers(vec![malformed])).await;
    world
        .sim
        .add_fault(Fault::new(FaultKind::graph_error(500, 2, None)));
    let reply = world.me(&token).await;
    assert_eq!(reply.error(), (500, 2, None));
    assert_eq!(reply.header("x-app-usage"), Some("{call_count"));
    assert_eq!(world.last_call().faults, ["headers", "graph_error"]);
}

#[tokio::test]
async fn a_token_is_revoked_in_the_middle_of_a_call() {
    let (world, token) = world_with(FaultKind::TokenRevoked(Revocation::PasswordChanged)).await;
    assert_eq!(world.me(&token).await.error(), (400, 190, Some(460)));
    world.sim.clear_faults();
    assert_eq!(
        world.me(&token).await.error(),
        (400, 190, Some(460)),
        "it stays dead"
    );
}

#[tokio::test]
async fn one_refresh_rotates_in_its_own_way() {
    let (world, token) = world_with(FaultKind::Rotation(TokenRotation::NewRevokesOld)).await;
    let new = token_in(&world.refresh(&token).await);
    assert_ne!(new, token);
    assert!(world.sim.is_live_token(&new) && !world.sim.is_live_token(&token));
}

#[tokio::test]
async fn somebody_elses_token_is_a_good_one_of_somebody_else() {
    let (world, token) = world_with(FaultKind::WrongUserToken).await;
    world
        .sim
        .update_settings(|settings| settings.token_rotation = TokenRotation::Same);
    let wrong = token_in(&world.refresh(&token).await);
    let me = world.me(&wrong).await;
    assert_eq!(me.status, 200);
    assert_ne!(me.json()["username"], "corner.bakery");
}

#[tokio::test]
async fn expires_in_says_anything_and_the_token_lives_as_always() {
    for said in [
        json!(0),
        json!(-5),
        json!("5184000"),
        json!(1_000_000_000_000_i64),
        Value::Null,
    ] {
        let kind = FaultKind::ExpiresIn(Some(said.clone()));
        let (world, token) = world_with(kind).await;
        let reply = world.refresh(&token).await;
        assert_eq!(reply.json().get("expires_in"), Some(&said));
        let new = token_in(&reply);
        world.advance(60 * DAY - 1);
        assert!(world.sim.is_live_token(&new));
        world.advance(1);
        assert!(!world.sim.is_live_token(&new));
    }
    let (world, token) = world_with(FaultKind::ExpiresIn(None)).await;
    assert_eq!(world.refresh(&token).await.json().get("expires_in"), None);
}

#[tokio::test]
async fn a_fault_keeps_to_its_endpoint_its_person_and_its_number() {
    let world = World::new().await;
    let baker = world.long_token_of("corner.bakery").await;
    let ann = world.long_token_of("ann.makes").await;
    world.advance(2 * DAY);
    let fault = Fault::new(FaultKind::Html502)
        .at("GET /me")
        .of("corner.bakery")
        .times(2);
    world.sim.add_fault(fault);
    assert_eq!(world.refresh(&baker).await.status, 200);
    assert_eq!(world.me(&ann).await.status, 200);
    for expected in [502, 502, 200] {
        assert_eq!(world.me(&baker).await.status, expected);
    }

    // A person is also known by the code, and by the consent.
    let code = world.code_of("ann.makes").await;
    let fault = |endpoint| Fault::new(FaultKind::Html502).at(endpoint).of("ann.makes");
    world.sim.add_fault(fault("POST /oauth/access_token"));
    world.sim.add_fault(fault("GET /oauth/authorize"));
    assert_eq!(world.exchange_code(&code).await.status, 502);
    assert_eq!(
        world
            .get(&World::authorize_path(&[("_sim_as", "ann.makes")]))
            .await
            .status,
        502
    );
    let code = world.code_of("city.museum").await;
    assert_eq!(world.exchange_code(&code).await.status, 200);
}

#[tokio::test]
async fn the_fault_that_was_added_first_hits_first() {
    let (world, token) = world_with(FaultKind::status(500, "{}")).await;
    world.sim.clear_faults();
    world
        .sim
        .add_fault(Fault::new(FaultKind::status(500, "{}")).times(1));
    world
        .sim
        .add_fault(Fault::new(FaultKind::status(429, "{}")).times(1));
    for expected in [500, 429, 200] {
        assert_eq!(world.me(&token).await.status, expected);
    }
}

#[tokio::test]
async fn probability_is_drawn_from_the_seed() {
    let run = async |seed| {
        let world = World::with(crate::client::app(), seed, None).await;
        let token = world.long_token_of("corner.bakery").await;
        world
            .sim
            .add_fault(Fault::new(FaultKind::Html502).with_probability(0.25));
        let mut statuses = Vec::new();
        for _ in 0..200 {
            statuses.push(world.me(&token).await.status);
        }
        statuses
    };
    let first = run(1).await;
    let hits = first.iter().filter(|status| **status == 502).count();
    assert!((25..=75).contains(&hits), "{hits} of 200");
    assert_eq!(first, run(1).await);
    assert_ne!(first, run(2).await);
}

#[tokio::test]
#[should_panic(expected = "no \"GET /v26.0/me\" here")]
async fn a_fault_for_no_endpoint_is_refused() {
    let world = World::new().await;
    world
        .sim
        .add_fault(Fault::new(FaultKind::Reset).at("GET /v26.0/me"));
}
