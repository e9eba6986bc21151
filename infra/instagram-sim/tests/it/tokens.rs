//! How tokens live and die.

use instagram_sim::{Revocation, TokenRotation};

use crate::client::{CLIENT_ID, DAY, HOUR, World, token_in};

#[tokio::test]
async fn a_short_lived_token_lives_one_hour() {
    let world = World::new().await;
    let token = world.short_token_of("corner.bakery").await;
    world.advance(HOUR - 1);
    assert_eq!(world.me(&token).await.status, 200);
    world.advance(1);
    assert_eq!(world.me(&token).await.error(), (400, 190, Some(463)));
    assert_eq!(
        world.exchange_short(&token).await.error(),
        (400, 190, Some(463))
    );
}

#[tokio::test]
async fn only_a_short_lived_token_is_exchanged_and_only_with_the_secret() {
    let world = World::new().await;
    let short = world.short_token_of("corner.bakery").await;
    let path = format!(
        "/access_token?grant_type=ig_exchange_token&client_secret=guess&access_token={short}"
    );
    assert_eq!(world.get(&path).await.error(), (400, 1, None));
    let path = format!("/access_token?grant_type=ig_exchange_token&access_token={short}");
    assert_eq!(world.get(&path).await.error(), (400, 1, None));
    let path = format!("/access_token?grant_type=fb_exchange_token&access_token={short}");
    assert_eq!(world.get(&path).await.error(), (400, 100, None));

    let long = token_in(&world.exchange_short(&short).await);
    assert_eq!(world.exchange_short(&long).await.error(), (400, 452, None));
    assert_eq!(
        world.me(&short).await.status,
        200,
        "the exchange leaves the short one alive"
    );
}

#[tokio::test]
async fn a_refresh_needs_a_long_lived_token_of_24_hours() {
    let world = World::new().await;
    let short = world.short_token_of("corner.bakery").await;
    let long = token_in(&world.exchange_short(&short).await);
    assert_eq!(world.refresh(&short).await.error(), (400, 100, None));
    world.advance(DAY - 1);
    let early = world.refresh(&long).await;
    assert_eq!(early.error(), (400, 100, None));
    assert!(early.text().contains("24 hours"));
    world.advance(1);
    let reply = world.refresh(&long).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["expires_in"], 60 * DAY);
}

#[tokio::test]
async fn a_long_lived_token_lives_60_days_and_a_refresh_gives_60_more() {
    let world = World::new().await;
    let first = world.long_token_of("corner.bakery").await;
    world.advance(59 * DAY);
    let second = token_in(&world.refresh(&first).await);
    assert_ne!(first, second);
    world.advance(DAY - 1);
    assert!(
        world.sim.is_live_token(&first),
        "the old one lives on to its own end"
    );
    world.advance(1);
    assert!(!world.sim.is_live_token(&first));
    assert_eq!(world.refresh(&first).await.error(), (400, 190, Some(463)));
    world.advance(59 * DAY - 1);
    assert_eq!(world.me(&second).await.status, 200);
    world.advance(1);
    assert_eq!(world.me(&second).await.error(), (400, 190, Some(463)));
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 0);
}

#[tokio::test]
async fn a_refresh_keeps_the_text_or_revokes_the_old_one_as_set() {
    let world = World::new().await;
    let token = world.long_token_of("corner.bakery").await;
    world.advance(2 * DAY);
    world.sim.update_settings(|settings| {
        settings.token_rotation = TokenRotation::Same;
        settings.permissions_in_refresh = true;
    });
    let reply = world.refresh(&token).await;
    assert_eq!(token_in(&reply), token);
    let permissions = "instagram_business_basic,instagram_business_content_publish";
    assert_eq!(reply.json()["permissions"], permissions);
    assert_eq!(
        world.refresh(&token).await.error(),
        (400, 100, None),
        "its 24 hours begin anew"
    );
    world.advance(59 * DAY);
    assert_eq!(world.me(&token).await.status, 200);

    world
        .sim
        .update_settings(|settings| settings.token_rotation = TokenRotation::NewRevokesOld);
    let new = token_in(&world.refresh(&token).await);
    assert_eq!(world.me(&new).await.status, 200);
    assert_eq!(world.me(&token).await.error(), (400, 190, Some(467)));
    assert_eq!(world.refresh(&token).await.error(), (400, 190, Some(467)));
}

#[tokio::test]
async fn every_revocation_has_its_subcode_and_a_new_login_heals_it() {
    let world = World::new().await;
    let others = world.long_token_of("ann.makes").await;
    for (how, subcode) in [
        (Revocation::AppRemoved, 458),
        (Revocation::Checkpoint, 459),
        (Revocation::PasswordChanged, 460),
        (Revocation::Expired, 463),
        (Revocation::Unconfirmed, 464),
        (Revocation::LoggedOut, 467),
    ] {
        let token = world.long_token_of("corner.bakery").await;
        assert_eq!(world.me(&token).await.status, 200, "{how:?}");
        world.sim.revoke_tokens_of("corner.bakery", how);
        let refused = world.me(&token).await;
        assert_eq!(refused.error(), (400, 190, Some(subcode)), "{how:?}");
        assert_eq!(refused.json()["error"]["type"], "OAuthException");
        assert!(
            refused
                .header("www-authenticate")
                .unwrap()
                .contains("invalid_token")
        );
        assert_eq!(world.sim.live_tokens_of("corner.bakery"), 0, "{how:?}");
    }
    assert_eq!(world.me(&others).await.status, 200);

    let dead = world.long_token_of("corner.bakery").await;
    world
        .sim
        .revoke_tokens_of("corner.bakery", Revocation::LoggedOut);
    world
        .sim
        .update_settings(|settings| settings.token_error_status = 500);
    assert_eq!(world.me(&dead).await.error(), (500, 190, Some(467)));
    assert_eq!(
        world.me("IGSIM-long-lived-made-up").await.error(),
        (500, 190, None)
    );
    assert_eq!(world.get("/v26.0/me").await.error(), (500, 190, None));
}

#[tokio::test]
async fn a_removed_app_loses_its_webhooks_and_a_new_password_does_not() {
    let world = World::new().await;
    for (how, left) in [
        (Revocation::PasswordChanged, 1),
        (Revocation::AppRemoved, 0),
    ] {
        let token = world.long_token_of("corner.bakery").await;
        let header = format!("authorization: Bearer {token}\r\n");
        let path = "/v26.0/me/subscribed_apps?subscribed_fields=comments";
        assert_eq!(
            world.send("POST", path, &header, b"").await.unwrap().status,
            200
        );
        world.sim.revoke_tokens_of("corner.bakery", how);
        assert_eq!(
            world.sim.subscriptions_of("corner.bakery").len(),
            left,
            "{how:?}"
        );
    }
}

#[tokio::test]
async fn what_is_secret_is_listed() {
    let world = World::new().await;
    let code = world.code_of("corner.bakery").await;
    let short = token_in(&world.exchange_code(&code).await);
    let long = token_in(&world.exchange_short(&short).await);
    let secrets = world.sim.secrets_in_play();
    for secret in [code.as_str(), &short, &long, crate::client::CLIENT_SECRET] {
        assert!(secrets.iter().any(|listed| listed == secret), "{secret}");
    }
    assert!(!secrets.iter().any(|listed| listed == CLIENT_ID));
    assert_eq!(secrets.len(), 5, "and the secret of the other app");
}

#[tokio::test]
async fn two_runs_with_one_seed_agree_and_two_seeds_do_not() {
    let run = async |seed| {
        let world = World::with(crate::client::app(), seed, None).await;
        let token = world.long_token_of("city.museum").await;
        (token, world.sim.people())
    };
    let first = run(3).await;
    assert_eq!(first, run(3).await);
    let other = run(4).await;
    assert_ne!(first.0, other.0);
    assert_ne!(first.1[0].ig_user_id, other.1[0].ig_user_id);
}
