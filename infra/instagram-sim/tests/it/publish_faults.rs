//! What goes wrong with publishing, and what is true afterwards.

use instagram_sim::{Fault, FaultKind};
use serde_json::json;

use crate::client::{Account, World, id_in};

const PICTURE: &str = "https://cdn.example/square.jpg";

fn at_publish(kind: FaultKind) -> Fault {
    Fault::new(kind).at("POST /{ig_id}/media_publish").times(1)
}

#[tokio::test]
async fn a_lost_answer_leaves_one_media_or_none() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let path = format!("{}/media_publish", baker.id);
    for (kind, status, media) in [
        (FaultKind::Reset, "FINISHED", 0),
        (FaultKind::ApplyThenDrop, "PUBLISHED", 1),
    ] {
        let container = baker.image("lost").await;
        world.advance(2);
        world.sim.add_fault(at_publish(kind));
        let pairs = [("creation_id", container.as_str())];
        assert!(baker.try_post(&path, &pairs).await.is_err());
        assert_eq!(baker.status_code(&container).await, status);
        let published = world.sim.published_by("corner.bakery");
        let of_container = published
            .iter()
            .filter(|media| media.container_id == container);
        assert_eq!(of_container.count(), media);
    }
}

#[tokio::test]
async fn a_spam_block_may_come_although_the_media_is_live() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let container = baker.image("blocked").await;
    world.advance(2);
    world.sim.add_fault(at_publish(FaultKind::spam_block()));
    let blocked = baker.publish(&container).await;
    assert_eq!(blocked.error(), (403, 4, Some(2_207_051)));
    let error = &blocked.json()["error"];
    assert_eq!(error["message"], "Application request limit reached");
    assert_eq!(
        (&error["error_user_title"], &error["is_transient"]),
        (&json!("action is blocked"), &json!(false))
    );
    assert_eq!(baker.status_code(&container).await, "FINISHED");

    world
        .sim
        .add_fault(at_publish(FaultKind::spam_block().although_applied()));
    assert_eq!(
        baker.publish(&container).await.error(),
        (403, 4, Some(2_207_051))
    );
    assert_eq!(world.last_call().faults, ["apply_then_graph_error"]);
    assert_eq!(baker.status_code(&container).await, "PUBLISHED");
    assert_eq!(world.sim.published_by("corner.bakery").len(), 1);
}

#[tokio::test]
async fn the_usual_refusals_have_their_codes() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    world
        .sim
        .add_fault(at_publish(FaultKind::restricted_account()));
    assert_eq!(baker.publish("1").await.error(), (400, 25, Some(2_207_050)));
    let fetch = Fault::new(FaultKind::media_not_fetched()).at("POST /{ig_id}/media");
    world.sim.add_fault(fetch.times(1));
    let create = async || baker.create(&[("image_url", PICTURE)]).await;
    assert_eq!(create().await.error(), (400, 9_004, Some(2_207_052)));
    assert_eq!(create().await.status, 200);
}

#[tokio::test]
async fn a_comment_is_there_although_it_was_refused() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    let kind = FaultKind::comment_refused().although_applied();
    world
        .sim
        .add_fault(Fault::new(kind).at("POST /{media_id}/comments"));
    let refused = baker
        .post(&format!("{picture}/comments"), &[("message", "First")])
        .await;
    assert_eq!(refused.error(), (400, 20, Some(1_772_107)));
    assert_eq!(world.sim.comments_on(&picture).len(), 1);
}

#[tokio::test]
async fn processing_takes_longer_fails_and_containers_die_early() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    // All three in addition to a late answer, and each to its call only.
    for kind in [
        FaultKind::ProcessingTakes(90),
        FaultKind::ProcessingFails(2_207_076),
        FaultKind::ContainerLives(100),
        FaultKind::EmptyBody,
    ] {
        let endpoint = "POST /{ig_id}/media";
        world.sim.add_fault(Fault::new(kind).at(endpoint).times(1));
    }
    baker.create(&[("image_url", PICTURE)]).await;
    let faults = [
        "processing_takes",
        "processing_fails",
        "container_lives",
        "empty_body",
    ];
    assert_eq!(world.last_call().faults, faults);
    let container = world.sim.containers_of("corner.bakery")[0].id.clone();
    world.advance(89);
    assert_eq!(baker.status_code(&container).await, "IN_PROGRESS");
    world.advance(1);
    let status = baker
        .get(&format!("{container}?fields=status,status_code"))
        .await
        .json();
    assert_eq!(status["status_code"], "ERROR");
    assert_eq!(
        status["status"],
        "Error: Media upload has failed with error code 2207076"
    );
    world.advance(10);
    assert_eq!(baker.status_code(&container).await, "EXPIRED");

    let second = baker.image("as always").await;
    world.advance(2);
    assert_eq!(baker.status_code(&second).await, "FINISHED");

    // Without an endpoint, calls that make no container do not use it up.
    let fault = json!({ "kind": { "processing_takes": 9 }, "times": 1 }).to_string();
    assert_eq!(
        world.send_json("POST", "/_sim/faults", &fault).await.status,
        201
    );
    baker.get("me?fields=id").await;
    let third = id_in(&baker.post("me/media", &[("image_url", PICTURE)]).await);
    world.advance(8);
    assert_eq!(baker.status_code(&third).await, "IN_PROGRESS");
    for bad in [
        json!({ "kind": { "processing_fails": 2_207_076 }, "endpoint": "GET /me" }),
        json!({ "kind": { "container_lives": -1 } }),
    ] {
        let refused = world
            .send_json("POST", "/_sim/faults", &bad.to_string())
            .await;
        assert_eq!(refused.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_read_outage_hides_what_is_there_and_lists_go_on() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    let container = baker.image("waits").await;
    world.advance(2);
    world.sim.add_fault(Fault::new(FaultKind::ReadOutage));
    for path in [
        format!("{container}?fields=status_code"),
        format!("{picture}?fields=permalink"),
        format!("{picture}/comments"),
        format!("{picture}/children"),
    ] {
        let reply = baker.get(&path).await;
        assert_eq!(reply.error(), (400, 100, Some(33)), "{path}");
        assert_eq!(reply.json()["error"]["type"], "GraphMethodException");
        let id = path.split(['?', '/']).next().unwrap();
        assert!(reply.text().contains(id), "{path}");
    }
    assert_eq!(baker.get("me?fields=id").await.status, 200);
    id_in(&baker.publish(&container).await);
    let listed = baker.get(&format!("{}/media", baker.id)).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    world.sim.clear_faults();
    assert_eq!(baker.status_code(&container).await, "PUBLISHED");
}

#[tokio::test]
async fn chance_mixes_lost_answers_and_failures_as_the_seed_says() {
    let run = async |seed| {
        let world = World::with(crate::client::app(), seed, None).await;
        let baker = Account::of(&world, "corner.bakery").await;
        world.sim.update_person("corner.bakery", |person| {
            person.publishing_quota = 1_000;
            person.container_quota = 1_000;
        });
        let lost = Fault::new(FaultKind::ApplyThenDrop).at("POST /{ig_id}/media_publish");
        world.sim.add_fault(lost.with_probability(0.1));
        let fails = Fault::new(FaultKind::ProcessingFails(2_207_082)).with_probability(0.1);
        world.sim.add_fault(fails);
        let path = format!("{}/media_publish", baker.id);
        let mut lost = 0;
        for number in 0..200 {
            let container = baker.image(&format!("number {number}")).await;
            world.advance(2);
            let pairs = [("creation_id", container.as_str())];
            lost += usize::from(baker.try_post(&path, &pairs).await.is_err());
        }
        let published: Vec<_> = world.sim.published_by("corner.bakery");
        let captions: Vec<_> = published
            .into_iter()
            .map(|media| media.details.caption)
            .collect();
        (lost, captions)
    };
    let (lost, captions) = run(1).await;
    assert!((5..=40).contains(&lost), "{lost}");
    assert!((160..=195).contains(&captions.len()), "{}", captions.len());
    assert_eq!((lost, captions), run(1).await);
}
