//! The second door, `/_sim/`.

use serde_json::json;

use crate::client::World;

#[tokio::test]
async fn people_are_listed_added_and_changed() {
    let world = World::new().await;
    let listed = world.get("/_sim/people").await.json();
    assert_eq!(listed["people"].as_array().unwrap().len(), 5);
    assert_eq!(listed["people"][0]["username"], "corner.bakery");
    assert_eq!(listed["people"][0]["live_tokens"], 0);

    let body =
        r#"{"username": "new.shop", "account_type": "media_creator", "followers_count": 12}"#;
    let added = world.send_json("POST", "/_sim/people", body).await;
    assert_eq!(added.status, 201);
    let id = added.json()["ig_user_id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 17);
    assert_eq!(
        world.send_json("POST", "/_sim/people", body).await.status,
        409
    );

    let token = world.long_token_of("new.shop").await;
    let body = r#"{"username": "renamed.shop", "usage_percent": 40, "blocked_until_ms": null}"#;
    let changed = world
        .send_json("PATCH", "/_sim/people/new.shop", body)
        .await;
    assert_eq!(
        (changed.status, &changed.json()["usage_percent"]),
        (200, &json!(40))
    );
    let me = world.me(&token).await.json();
    assert_eq!(
        (&me["username"], &me["user_id"]),
        (&json!("renamed.shop"), &json!(id))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_control_call_is_said() {
    let world = World::new().await;
    for (method, path, body, status, said) in [
        (
            "POST",
            "/_sim/people",
            r#"{"username": "a", "colour": "red"}"#,
            400,
            "unknown field `colour`",
        ),
        (
            "POST",
            "/_sim/people",
            r#"{"username": "No Such Name"}"#,
            400,
            "username: 1 to 30",
        ),
        (
            "POST",
            "/_sim/people",
            r#"{"username": "a", "ig_user_id": "12x"}"#,
            400,
            "ig_user_id: digits",
        ),
        ("POST", "/_sim/people", "{", 400, "body: EOF"),
        ("POST", "/_sim/people", "", 400, "body: EOF"),
        (
            "PATCH",
            "/_sim/people/ann.makes",
            r#"{"colour": "red"}"#,
            400,
            "unknown field `colour`",
        ),
        (
            "PATCH",
            "/_sim/people/ann.makes",
            r#"{"ig_user_id": "1"}"#,
            400,
            "ids of a person stay",
        ),
        (
            "PATCH",
            "/_sim/people/ann.makes",
            r#"{"username": "city.museum"}"#,
            400,
            "name of somebody else",
        ),
        (
            "PATCH",
            "/_sim/people/ann.makes",
            r#"{"name": null}"#,
            400,
            "invalid type: null",
        ),
        (
            "PATCH",
            "/_sim/people/nobody",
            "{}",
            404,
            "nobody is called",
        ),
        (
            "POST",
            "/_sim/people/nobody/revoke",
            r#"{"how": "expired"}"#,
            404,
            "nobody is called",
        ),
        (
            "POST",
            "/_sim/people/ann.makes/revoke",
            r#"{"how": "magic"}"#,
            400,
            "unknown variant `magic`",
        ),
        (
            "POST",
            "/_sim/people/ann.makes/revoke",
            r#"{"how": "expired", "x": 1}"#,
            400,
            "unknown field `x`",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": "explode"}"#,
            400,
            "unknown variant `explode`",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": "reset", "time": 1}"#,
            400,
            "unknown field `time`",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": {"status": {"status": 503, "x": 1}}}"#,
            400,
            "unknown field `x`",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": {"status": {"status": 99}}}"#,
            400,
            "200 to 599",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": "reset", "probability": 2}"#,
            400,
            "probability: 0 to 1",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": "reset", "endpoint": "GET /mee"}"#,
            400,
            "there are GET /oauth/",
        ),
        (
            "POST",
            "/_sim/faults",
            r#"{"kind": {"headers": [["a b", "c"]]}}"#,
            400,
            "cannot be sent",
        ),
        ("DELETE", "/_sim/faults/9", "", 404, "there is no fault 9"),
        (
            "PATCH",
            "/_sim/settings",
            r#"{"token_rotation": "sometimes"}"#,
            400,
            "unknown variant `sometimes`",
        ),
        (
            "PATCH",
            "/_sim/settings",
            r#"{"colour": "red"}"#,
            400,
            "unknown field `colour`",
        ),
        (
            "PATCH",
            "/_sim/settings",
            r#"{"token_error_status": 7}"#,
            400,
            "token_error_status",
        ),
        (
            "PATCH",
            "/_sim/settings",
            "[]",
            400,
            "invalid type: sequence",
        ),
        ("DELETE", "/_sim/people", "", 405, "DELETE does not go with"),
        (
            "GET",
            "/_sim/nothing/here",
            "",
            404,
            "there is no /_sim/nothing/here",
        ),
        (
            "GET",
            "/_sim/pictures/nobody.svg",
            "",
            404,
            "nobody is called",
        ),
    ] {
        let reply = world.send_json(method, path, body).await;
        assert_eq!(
            reply.status,
            status,
            "{method} {path} {body}: {}",
            reply.text()
        );
        let message = reply.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(said), "{method} {path} {body}: {message}");
    }
    assert!(
        world.sim.calls().is_empty(),
        "control calls are not in the log"
    );
}

#[tokio::test]
async fn faults_are_added_listed_with_their_hits_and_removed() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let body = r#"{"endpoint": "GET /me", "times": 1, "kind": {"status": {"status": 503}}}"#;
    assert_eq!(
        world.send_json("POST", "/_sim/faults", body).await.json(),
        json!({ "id": 1 })
    );
    assert_eq!(
        world
            .send_json("POST", "/_sim/faults", r#"{"kind": "reset"}"#)
            .await
            .json()["id"],
        2
    );
    assert_eq!(world.me(&token).await.status, 503);
    let listed = world.get("/_sim/faults").await.json();
    assert_eq!(
        (&listed["faults"][0]["hits"], &listed["faults"][1]["hits"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(listed["faults"][1]["kind"], "reset");

    let left = world.send_json("DELETE", "/_sim/faults/2", "").await.json();
    assert_eq!(left["faults"].as_array().unwrap().len(), 1);
    assert_eq!(world.me(&token).await.status, 200);
    let left = world.send_json("DELETE", "/_sim/faults", "").await.json();
    assert_eq!(left["faults"], json!([]));
}

/// What `docs/simulator.md` shows for each kind is what is taken.
#[tokio::test]
async fn every_kind_of_fault_can_be_written_as_json() {
    let world = World::new().await;
    let kinds = [
        json!({ "status": { "status": 503, "body": "busy", "content_type": "text/plain" } }),
        json!({ "graph_error": { "status": 400, "code": 190, "subcode": 467, "message": "m", "error_type": "t",
            "is_transient": true, "user_title": "t", "user_message": "m" } }),
        json!({ "delay": 5 }),
        json!({ "apply_then_delay": 5 }),
        json!({ "slow_body": 5 }),
        json!("reset"),
        json!("apply_then_drop"),
        json!("truncated_body"),
        json!("empty_body"),
        json!({ "huge_body": 50_000_000 }),
        json!("html502"),
        json!({ "rate_limit": { "minutes": 5 } }),
        json!({ "redirect": { "to": "https://elsewhere.example/" } }),
        json!("app_outage"),
        json!({ "headers": [["x-app-usage", "{bad"]] }),
        json!({ "token_revoked": "app_removed" }),
        json!({ "rotation": "new_revokes_old" }),
        json!("wrong_user_token"),
        json!({ "expires_in": null }),
        json!({ "expires_in": -1 }),
    ];
    for kind in &kinds {
        let body = json!({ "kind": kind }).to_string();
        let reply = world.send_json("POST", "/_sim/faults", &body).await;
        assert_eq!(reply.status, 201, "{body}: {}", reply.text());
    }
    let listed = world.get("/_sim/faults").await.json();
    for (active, kind) in listed["faults"].as_array().unwrap().iter().zip(&kinds) {
        assert_eq!(&active["kind"], kind);
    }
}

#[tokio::test]
async fn tokens_are_revoked_from_outside() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    let path = "/_sim/people/corner.bakery/revoke";
    let reply = world
        .send_json("POST", path, r#"{"how": "app_removed"}"#)
        .await;
    assert_eq!(reply.json(), json!({ "revoked": 2 }));
    assert_eq!(world.me(&token).await.error(), (400, 190, Some(458)));
    let reply = world
        .send_json("POST", path, r#"{"how": "checkpoint"}"#)
        .await;
    assert_eq!(
        reply.json(),
        json!({ "revoked": 0 }),
        "a dead token dies once"
    );
    assert_eq!(world.me(&token).await.error(), (400, 190, Some(458)));
}

#[tokio::test]
async fn the_log_holds_calls_and_no_secret() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    world.me(&token).await;
    world.get(&format!("/v26.0/me?access_token={token}")).await;
    world.me("EAAsomebody-elses-real-token").await;
    world.me("short").await;
    let reply = world.get("/_sim/log").await;
    let calls = reply.json()["calls"].clone();
    assert_eq!(calls.as_array().unwrap().len(), 7);
    assert_eq!(calls[0]["endpoint"], "GET /oauth/authorize");
    assert_eq!(calls[1]["endpoint"], "POST /oauth/access_token");
    assert_eq!(calls[1]["username"], "corner.bakery");
    assert_eq!(calls[3]["endpoint"], "GET /me");
    let last_four = &token[token.len() - 4..];
    assert_eq!(calls[3]["token"], format!("IGSIM-long-lived-…{last_four}"));
    assert_eq!(calls[5]["token"], "…oken");
    assert_eq!(calls[6]["token"], "…");
    let index = world.get("/_sim/").await;
    let debugged = format!("{:?}", world.sim.calls());
    for secret in world.sim.secrets_in_play() {
        assert!(!reply.text().contains(&secret));
        assert!(!index.text().contains(&secret));
        assert!(!debugged.contains(&secret));
    }
    assert_eq!(
        world.send_json("DELETE", "/_sim/log", "").await.json(),
        json!({ "calls": [] })
    );
    assert!(world.sim.calls().is_empty());
}

#[tokio::test]
async fn settings_are_read_and_changed_one_by_one() {
    let world = World::new().await;
    let before = world.get("/_sim/settings").await.json();
    assert_eq!(before["token_rotation"], "new");
    assert_eq!(before["long_lived_seconds"], 5_184_000);
    let body = r#"{"code_answer": "wrapped", "token_rotation": "new_revokes_old"}"#;
    let after = world
        .send_json("PATCH", "/_sim/settings", body)
        .await
        .json();
    assert_eq!(
        (&after["code_answer"], &after["token_rotation"]),
        (&json!("wrapped"), &json!("new_revokes_old"))
    );
    assert_eq!(after["me_answer"], before["me_answer"]);
    assert_eq!(
        world.sim.settings().token_rotation,
        instagram_sim::TokenRotation::NewRevokesOld
    );
}

#[tokio::test]
async fn the_index_page_names_everything() {
    let world = World::new().await;
    world.long_token_of("corner.bakery").await;
    let body = r#"{"kind": "html502", "endpoint": "GET /me"}"#;
    world.send_json("POST", "/_sim/faults", body).await;
    let page = world.get("/_sim/").await;
    assert_eq!(page.status, 200);
    for text in [
        "markup.mallory",
        "Bakery Tools",
        "html502",
        "GET /access_token",
        "DELETE /me/subscribed_apps",
        "PATCH /_sim/settings",
    ] {
        assert!(page.text().contains(text), "{text}");
    }
    assert_eq!(world.get("/_sim").await.text(), page.text());
}
