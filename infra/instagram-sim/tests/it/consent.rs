//! The consent page as a browser has it.

use crate::client::{CLIENT_ID, REDIRECT_URI, World};

const FORM: &[(&str, &str)] = &[
    ("client_id", CLIENT_ID),
    ("redirect_uri", REDIRECT_URI),
    ("response_type", "code"),
    (
        "scope",
        "instagram_business_basic,instagram_business_manage_comments",
    ),
    ("state", "s1"),
];

#[tokio::test]
async fn the_page_offers_everybody_every_scope_and_both_answers() {
    let world = World::new().await;
    let reply = world.get(&World::authorize_path(&[])).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let page = reply.text();
    for person in world.sim.people() {
        let radio = format!(
            "type=\"radio\" name=\"_sim_as\" value=\"{}\"",
            person.username
        );
        assert!(page.contains(&radio), "{}", person.username);
    }
    assert_eq!(page.matches("type=\"checkbox\"").count(), 2);
    assert_eq!(page.matches("name=\"_sim_decision\"").count(), 2);
    assert!(page.contains("Bakery Tools asks for access"));
    assert!(page.contains("name=\"state\" value=\"state &amp; more\""));
    assert_eq!(world.last_call().endpoint, "GET /oauth/authorize");
}

#[tokio::test]
async fn no_text_of_anybody_becomes_markup() {
    let attack = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";
    let mut app = crate::client::app();
    app.name = attack.to_owned();
    let world = World::with(app, 7, None).await;
    world
        .sim
        .update_person("ann.makes", |ann| ann.name = attack.to_owned());
    let pages = [
        World::authorize_path(&[("state", attack)]),
        World::authorize_path(&[("scope", attack)]),
        World::authorize_path(&[("_sim_as", attack)]),
        "/_sim/".to_owned(),
    ];
    for path in pages {
        let reply = world.get(&path).await;
        let page = reply.text().to_lowercase();
        assert!(
            page.contains("&quot;&gt;&lt;script&gt;"),
            "{path} shows the text: {page}"
        );
        assert!(!page.contains("<script"), "{path}");
        assert!(!page.contains("<img src=x"), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("script-src"),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn the_form_allows_what_is_ticked() {
    let world = World::new().await;
    let mut form = FORM.to_vec();
    form.extend([
        ("_sim_as", "ann.makes"),
        ("_sim_decision", "allow"),
        ("_sim_scopes", "instagram_business_basic"),
    ]);
    let reply = world.post_form("/oauth/authorize", &form).await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.redirect_parameter("state").unwrap(), "s1");
    let answer = world
        .exchange_code(&reply.redirect_parameter("code").unwrap())
        .await;
    assert_eq!(
        answer.json()["permissions"],
        serde_json::json!(["instagram_business_basic"])
    );
    assert_eq!(world.last_call().username.as_deref(), Some("ann.makes"));

    form.retain(|(name, _)| *name != "_sim_scopes");
    let reply = world.post_form("/oauth/authorize", &form).await;
    let answer = world
        .exchange_code(&reply.redirect_parameter("code").unwrap())
        .await;
    assert_eq!(answer.json()["permissions"], serde_json::json!([]));

    form.push(("_sim_scopes", "instagram_business_manage_messages"));
    let reply = world.post_form("/oauth/authorize", &form).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (400, None),
        "not asked for"
    );
}

#[tokio::test]
async fn the_form_denies_and_is_checked_like_the_address() {
    let world = World::new().await;
    let mut form = FORM.to_vec();
    form.extend([("_sim_as", "ann.makes"), ("_sim_decision", "deny")]);
    let reply = world.post_form("/oauth/authorize", &form).await;
    assert_eq!(reply.status, 303);
    assert_eq!(reply.redirect_parameter("error").unwrap(), "access_denied");

    form.retain(|(name, _)| *name != "redirect_uri");
    form.push(("redirect_uri", "https://evil.example/"));
    let reply = world.post_form("/oauth/authorize", &form).await;
    assert_eq!((reply.status, reply.header("location")), (400, None));
}
