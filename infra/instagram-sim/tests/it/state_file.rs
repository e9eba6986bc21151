//! What outlives a restart.

use std::path::PathBuf;

use instagram_sim::{InstagramSim, Options, TokenRotation};

use crate::client::{Account, World, app, id_in};

/// A file that is gone when the test ends.
struct StateFile(PathBuf);

impl StateFile {
    fn new(name: &str) -> Self {
        let file =
            std::env::temp_dir().join(format!("instagram-sim-{}-{name}.json", std::process::id()));
        let file = Self(file);
        file.remove();
        file
    }

    fn media(&self) -> PathBuf {
        let mut file = self.0.clone().into_os_string();
        file.push(".media");
        file.into()
    }

    fn remove(&self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.media());
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        self.remove();
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
async fn what_was_published_survives_a_crash_and_a_torn_line() {
    let file = StateFile::new("media");
    let world = World::with(app(), 7, Some(file.0.clone())).await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread\u{1f35e}\n#seven").await;
    let comment = [("message", "First")];
    let comment = id_in(&baker.post(&format!("{picture}/comments"), &comment).await);
    world.sim.set_insights(&picture, &[("likes", 3)]);
    let waiting = baker.image("waits").await;
    assert_eq!(baker.publish(&waiting).await.error().1, 9_007);

    let kept = std::fs::read(file.media()).unwrap();
    std::fs::write(
        file.media(),
        [&kept, b"{\"containers\":[{\"id\":".as_slice()].concat(),
    )
    .unwrap();
    let after_crash = World::with(app(), 7, Some(file.0.clone())).await;
    assert_eq!(
        std::fs::read(file.media()).unwrap(),
        kept,
        "the torn line is gone"
    );
    assert_eq!(
        after_crash.sim.published_by("corner.bakery"),
        world.sim.published_by("corner.bakery")
    );
    assert_eq!(
        after_crash.sim.containers_of("corner.bakery"),
        world.sim.containers_of("corner.bakery")
    );
    assert_eq!(after_crash.sim.comments_on(&picture)[0].id, comment);

    // The same token goes on, no id comes twice, and what is counted is counted on.
    let baker = Account {
        world: &after_crash,
        ..baker
    };
    after_crash.advance(120);
    let likes = baker
        .get(&format!("{picture}?fields=like_count"))
        .await
        .json();
    assert_eq!(likes["like_count"], 3);
    let second = id_in(&baker.publish(&waiting).await);
    assert!(second > picture);
    assert!(baker.image("third").await > waiting);
    let used = baker.get("me/content_publishing_limit").await.json();
    assert_eq!(used["data"][0]["quota_usage"], 2);

    let after_stop = World::with(app(), 7, Some(file.0.clone())).await;
    assert_eq!(after_stop.sim.published_by("corner.bakery").len(), 2);
    assert_eq!(after_stop.sim.containers_of("corner.bakery").len(), 3);

    // Whoever removes the state file starts anew.
    std::fs::remove_file(&file.0).unwrap();
    let anew = World::with(app(), 7, Some(file.0.clone())).await;
    assert!(anew.sim.published().is_empty());
    assert_eq!(std::fs::read(file.media()).unwrap(), b"");
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

    let file = StateFile::new("unreadable-media");
    World::with(app(), 7, Some(file.0.clone()))
        .await
        .sim
        .stop()
        .await;
    std::fs::write(file.media(), "{\"containers\": 5}\n").unwrap();
    let started = InstagramSim::start(Options {
        listen: ([127, 0, 0, 1], 0).into(),
        now: std::sync::Arc::new(|| 0),
        seed: 1,
        apps: vec![app()],
        state_file: Some(file.0.clone()),
    })
    .await;
    assert!(started.is_err());
    let kept = std::fs::read_to_string(file.media()).unwrap();
    assert_eq!(kept, "{\"containers\": 5}\n");
}

#[tokio::test]
async fn a_stopped_simulator_answers_no_more() {
    let world = World::new().await;
    let sim = world.sim.clone();
    assert_eq!(world.get("/_sim/").await.status, 200);
    sim.stop().await;
    assert!(world.send("GET", "/_sim/", "", b"").await.is_err());
}
