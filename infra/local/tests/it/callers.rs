//! Who gets in, and what API Gateway answers by itself.

use local::Options;
use local::jwt::{AUDIENCE, ISSUER};
use serde_json::{Value, json};
use world::gateway::HttpCall;

use crate::{folder, get, send, start, token};

#[tokio::test]
async fn only_a_good_token_gets_in() {
    let stack = start(Options::on_free_ports(folder())).await;
    let good = token(&stack).await;
    let now = stack.now().as_second();
    let claims = |change: &dyn Fn(&mut Value)| {
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "custom:company": "acme", "role": "admin",
            "iat": now, "exp": now + 60,
        });
        change(&mut claims);
        claims
    };
    let signed = |header: Value, change: &dyn Fn(&mut Value)| {
        format!("Bearer {}", stack.issuer().sign(&header, &claims(change)))
    };
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let unsigned = signed(json!({"alg": "none"}), &|_| ());
    let (without_signature, _) = unsigned.rsplit_once('.').unwrap();
    let (beginning, _) = good.split_at(good.len() - 2);

    for (what, authorization, status) in [
        ("a good token", format!("Bearer {good}"), 200),
        (
            "one that was signed by hand",
            signed(hs256.clone(), &|_| ()),
            200,
        ),
        ("a bad signature", format!("Bearer {beginning}xx"), 401),
        (
            "an expired one",
            signed(hs256.clone(), &|claims| claims["exp"] = now.into()),
            401,
        ),
        ("algorithm none, signed", unsigned.clone(), 401),
        (
            "algorithm none, unsigned",
            format!("{without_signature}."),
            401,
        ),
        (
            "another issuer",
            signed(hs256.clone(), &|claims| {
                claims["iss"] = "https://x.invalid".into()
            }),
            401,
        ),
        (
            "another audience",
            signed(hs256.clone(), &|claims| claims["aud"] = "others".into()),
            401,
        ),
        ("another scheme", format!("Basic {good}"), 401),
        ("nothing", String::new(), 401),
    ] {
        let call = HttpCall::get("/instagram/accounts").header("authorization", &authorization);
        let reply = send(&stack, call).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        if status == 401 {
            assert_eq!(reply.json(), json!({"message": "Unauthorized"}), "{what}");
        }
    }
    let reply = get(&stack, "/instagram/accounts").await;
    assert_eq!(
        (reply.status, reply.json()),
        (401, json!({"message": "Unauthorized"}))
    );
    stack.stop().await;
}

#[tokio::test]
async fn an_unknown_route_is_answered_like_api_gateway_does() {
    let stack = start(Options::on_free_ports(folder())).await;
    for call in [
        HttpCall::get("/instagram/unknown"),
        HttpCall::new("PUT", "/instagram/accounts"),
        HttpCall::get("/instagram/accounts/"),
        HttpCall::get("/local"),
    ] {
        let target = call.path.clone();
        let reply = send(&stack, call).await;
        assert_eq!(
            (reply.status, reply.json()),
            (404, json!({"message": "Not Found"})),
            "{target}"
        );
    }
    stack.stop().await;
}

#[tokio::test]
async fn what_is_for_this_machine_answers_to_no_other_host() {
    let stack = start(Options::on_free_ports(folder())).await;
    for host in [
        "tunnel.example.com",
        "evil.example.com:3000",
        "127.0.0.1.evil.example.com",
    ] {
        for target in ["/", "/local/token", "/local/state", "/local/page.js"] {
            let reply = send(&stack, HttpCall::get(target).header("host", host)).await;
            assert_eq!(reply.status, 404, "{host}{target}");
        }
        // The API is for everybody.
        let reply = send(&stack, HttpCall::get("/health").header("host", host)).await;
        assert_eq!(reply.status, 200, "{host}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_token_names_who_was_asked_for() {
    let stack = start(Options::on_free_ports(folder())).await;
    let token = get(&stack, "/local/token?user=vic&company=acme&role=viewer").await;
    let token = token.json()["token"].as_str().unwrap().to_owned();
    let call =
        HttpCall::get("/instagram/connect").header("authorization", &format!("Bearer {token}"));
    let reply = send(&stack, call).await;
    assert_eq!(
        reply.status,
        403,
        "a viewer connects nothing: {}",
        reply.text()
    );
    for target in ["/local/token?role=root", "/local/token?usr=ann"] {
        assert_eq!(get(&stack, target).await.status, 400, "{target}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn a_login_through_a_tunnel_is_not_taken_for_somebody_elses() {
    let mut options = Options::on_free_ports(folder());
    options.instagram = local::Instagram::Real {
        app_id: "990000000000001".into(),
        app_secret: "test-secret-of-no-app".into(),
        redirect_uri: Some("https://tunnel.example.com/instagram/callback".into()),
    };
    let stack = start(options).await;
    let begin = HttpCall::get("/instagram/connect")
        .header("sec-fetch-site", "same-origin")
        .header("authorization", &format!("Bearer {}", token(&stack).await));
    let begun = send(&stack, begin).await.json();
    // The person says no, so that nobody has to ask Meta anything.
    let state = begun["state"].as_str().unwrap();
    let reply = get(
        &stack,
        &format!("/instagram/callback?error=access_denied&state={state}"),
    )
    .await;
    assert!(
        reply.text().contains("data-code=\"access_denied\""),
        "{}",
        reply.text()
    );
    // Meta's tokens live in Meta's time.
    let turn = HttpCall::post("/local/clock").json(&serde_json::json!({"advance": "P1D"}));
    assert_eq!(send(&stack, turn).await.status, 409);
    stack.stop().await;
}
