//! What outlives a restart.

use std::path::PathBuf;

use instagram_sim::{InstagramSim, Options, TokenRotation};

use crate::client::{World, app};

/// A file that is gone when the test ends.
struct StateFile(PathBuf);

impl StateFile {
    fn new(name: &str) -> Self {
        let file =
            std::env::temp_dir().join(format!("instagram-sim-{}-{name}.json", std::process::id()));
        let _ = std::fs::remove_file(&file);
        Self(file)
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn people_tokens_and_settings_survive_a_restart_and_even_a_crash() {
    let file = StateFile::new("restart");
    let world = World::with(app(), 7, Some(file.0.clone())).await;
    let token = world.long_token_of("corner.bakery").await;
    let header = format!("authorization: Bearer {token}\r\n");
    let path = "/v26.0/me/subscribed_apps?subscribed_fields=comments";
    world.send("POST", path, &header, b"").await.unwrap();
    world
        .sim
        .update_settings(|settings| settings.token_rotation = TokenRotation::Same);
    world
        .sim
        .update_person("ann.makes", |ann| ann.followers_count = 9);
    let people = world.sim.people();

    // Not stopped: the file is written as things change.
    let after_crash = World::with(app(), 7, Some(file.0.clone())).await;
    assert_eq!(after_crash.me(&token).await.status, 200);
    assert_eq!(after_crash.sim.people(), people);
    assert_eq!(
        after_crash.sim.subscriptions_of("corner.bakery"),
        ["comments"]
    );
    assert_eq!(
        after_crash.sim.settings().token_rotation,
        TokenRotation::Same
    );
    let another = after_crash.long_token_of("corner.bakery").await;
    assert_ne!(another, token, "no token comes twice");
    after_crash.sim.clone().stop().await;

    let after_stop = World::with(app(), 7, Some(file.0.clone())).await;
    assert_eq!(after_stop.sim.live_tokens_of("corner.bakery"), 4);
    assert!(after_stop.sim.is_live_token(&another));
}

#[tokio::test]
async fn an_unreadable_state_file_is_an_error_and_stays_as_it_is() {
    let file = StateFile::new("unreadable");
    std::fs::write(&file.0, "{\"people\": 5}").unwrap();
    let started = InstagramSim::start(Options {
        listen: ([127, 0, 0, 1], 0).into(),
        now: std::sync::Arc::new(|| 0),
        seed: 1,
        apps: vec![app()],
        state_file: Some(file.0.clone()),
    })
    .await;
    assert!(started.is_err());
    assert_eq!(std::fs::read_to_string(&file.0).unwrap(), "{\"people\": 5}");
}

#[tokio::test]
async fn a_stopped_simulator_answers_no_more() {
    let world = World::new().await;
    let sim = world.sim.clone();
    assert_eq!(world.get("/_sim/").await.status, 200);
    sim.stop().await;
    assert!(world.send("GET", "/_sim/", "", b"").await.is_err());
}
