//! From a container to a media: states, quotas, and what is refused on the way.

use serde_json::json;

use crate::client::{Account, DAY, HOUR, World, encode, id_in};

const PICTURE: &str = "https://cdn.example/square.jpg";
const REEL: &str = "https://cdn.example/reel.mp4";

#[tokio::test]
async fn a_picture_is_processed_and_published_once() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let container = baker.image("Bread\u{1f35e} at seven").await;
    assert_eq!(baker.status_code(&container).await, "IN_PROGRESS");
    assert_eq!(world.last_call().endpoint, "GET /{container_id}");
    assert_eq!(
        baker.publish(&container).await.error(),
        (400, 9_007, Some(2_207_027))
    );
    world.advance(2);
    let status = baker
        .get(&format!(
            "{container}?fields=id,status_code,status,copyright_check_status"
        ))
        .await;
    assert_eq!(
        status.json(),
        json!({
            "id": container,
            "status_code": "FINISHED",
            "status": "Finished: Media has been uploaded and it is ready to be published.",
        })
    );
    let media = id_in(&baker.publish(&container).await);
    assert_eq!(baker.status_code(&container).await, "PUBLISHED");

    // Again: an error, and no second media.
    assert_eq!(
        baker.publish(&container).await.error(),
        (400, 24, Some(2_207_006))
    );
    let published = world.sim.published_by("corner.bakery");
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].id, media);
    assert_eq!(published[0].container_id, container);
    assert_eq!(published[0].details.caption, "Bread\u{1f35e} at seven");
    let kept = world.sim.container(&container).unwrap();
    assert_eq!((kept.publish_calls, kept.media_id), (3, Some(media)));
    let me = baker.get("me?fields=media_count").await.json();
    assert_eq!(me["media_count"], 1);
}

#[tokio::test]
async fn parameters_may_come_in_the_query_in_a_form_or_in_json() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let headers = format!("authorization: Bearer {}\r\n", baker.token);
    let query = encode(&[("image_url", PICTURE), ("caption", "in the query")]);
    let path = format!("/v26.0/me/media?{query}");
    id_in(&world.send("POST", &path, &headers, b"").await.unwrap());
    let body = json!({
        "video_url": REEL,
        "media_type": "REELS",
        "caption": "in JSON",
        "share_to_feed": false,
        "thumb_offset": 1_000,
        "collaborators": ["ann.makes"],
        "access_token": baker.token,
    });
    let path = format!("/v26.0/{}/media", baker.id);
    id_in(&world.send_json("POST", &path, &body.to_string()).await);
    let containers = world.sim.containers_of("corner.bakery");
    assert_eq!(containers[0].details.caption, "in the query");
    let reel = &containers[1].details;
    assert_eq!(
        (reel.caption.as_str(), reel.share_to_feed),
        ("in JSON", Some(false))
    );
    assert_eq!(
        (reel.thumb_offset_ms, &reel.collaborators),
        (Some(1_000), &vec!["ann.makes".to_owned()])
    );
}

#[tokio::test]
async fn a_reel_takes_as_long_as_the_settings_say() {
    let world = World::new().await;
    let ann = Account::of(&world, "ann.makes").await;
    let reel = id_in(
        &ann.create(&[("media_type", "REELS"), ("video_url", REEL)])
            .await,
    );
    world.advance(29);
    assert_eq!(ann.status_code(&reel).await, "IN_PROGRESS");
    world.advance(1);
    assert_eq!(ann.status_code(&reel).await, "FINISHED");
    world.sim.update_settings(|settings| {
        settings.video_processing_seconds = 90;
        settings.image_processing_seconds = 0;
    });
    let reel = id_in(
        &ann.create(&[("media_type", "REELS"), ("video_url", REEL)])
            .await,
    );
    world.advance(89);
    let early = ann
        .get(&format!("{reel}?fields=status_code,copyright_check_status"))
        .await;
    assert_eq!(early.json()["status_code"], "IN_PROGRESS");
    assert_eq!(
        early.json()["copyright_check_status"]["status"],
        "in_progress"
    );
    world.advance(1);
    assert_eq!(ann.status_code(&reel).await, "FINISHED");
    let picture = ann.image("at once").await;
    assert_eq!(ann.status_code(&picture).await, "FINISHED");
}

#[tokio::test]
async fn a_container_expires_after_a_day() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let container = baker.image("late").await;
    world.advance(DAY - 1);
    assert_eq!(baker.status_code(&container).await, "FINISHED");
    world.advance(1);
    assert_eq!(baker.status_code(&container).await, "EXPIRED");
    assert_eq!(
        baker.publish(&container).await.error(),
        (400, 24, Some(2_207_008))
    );
    world
        .sim
        .update_settings(|settings| settings.container_seconds = HOUR);
    let container = baker.image("short-lived").await;
    world.advance(HOUR);
    assert_eq!(baker.status_code(&container).await, "EXPIRED");
    assert!(world.sim.published().is_empty());
}

#[tokio::test]
async fn only_the_owner_sees_and_publishes_a_container() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let ann = Account::of(&world, "ann.makes").await;
    let container = baker.image("mine").await;
    world.advance(2);
    let seen = ann.get(&format!("{container}?fields=status_code")).await;
    assert_eq!(seen.error(), (400, 100, Some(33)));
    assert_eq!(
        ann.publish(&container).await.error(),
        (400, 24, Some(2_207_006))
    );
    assert_eq!(
        ann.publish("17889000000000000").await.error(),
        (400, 24, Some(2_207_008))
    );
    let path = format!("{}/media_publish", baker.id);
    let foreign = ann.post(&path, &[("creation_id", &container)]).await;
    assert_eq!(foreign.error(), (400, 100, Some(33)));
    assert_eq!(ann.publish("").await.error(), (400, 100, None));
    let unknown = baker
        .get(&format!("{container}?fields=status_code,colour"))
        .await;
    assert_eq!(unknown.error(), (400, 100, None));
    // An id that stands in the wrong place is one that is not there.
    for path in [
        format!("{container}/media_publish"),
        format!("{container}/media"),
    ] {
        let misplaced = baker.post(&path, &[("creation_id", &container)]).await;
        assert_eq!(misplaced.error(), (400, 100, Some(33)), "{path}");
    }
    let misplaced = baker.get(&format!("{container}/comments")).await;
    assert_eq!(misplaced.error(), (400, 100, Some(33)));
    assert!(world.sim.published().is_empty());
}

#[tokio::test]
async fn publishing_needs_its_scope_and_a_professional_account() {
    let world = World::new().await;
    let path = World::authorize_path(&[
        ("_sim_as", "corner.bakery"),
        ("_sim_scopes", "instagram_business_basic"),
    ]);
    let code = world.get(&path).await.redirect_parameter("code").unwrap();
    let token = crate::client::token_in(&world.exchange_code(&code).await);
    let headers = format!("authorization: Bearer {token}\r\n");
    for path in [
        "/v26.0/me/media?image_url=x",
        "/v26.0/me/media_publish?creation_id=1",
    ] {
        let reply = world.send("POST", path, &headers, b"").await.unwrap();
        assert_eq!(reply.error(), (403, 10, None), "{path}");
    }
    let pat = Account::of(&world, "private.pat").await;
    let refused = pat.create(&[("image_url", PICTURE)]).await;
    assert_eq!(refused.error(), (400, 10, None));
}

#[tokio::test]
async fn the_quota_is_counted_over_24_hours_and_told() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    world
        .sim
        .update_person("corner.bakery", |person| person.publishing_quota = 2);
    baker.picture("first").await;
    world.advance(HOUR);
    let carousel = carousel_of(&baker, 2).await;
    world.advance(60);
    id_in(&baker.publish(&carousel).await);
    let limit = async |query: &str| {
        let path = format!("{}/content_publishing_limit{query}", baker.id);
        baker.get(&path).await
    };
    assert_eq!(
        limit("?fields=quota_usage,config").await.json(),
        json!({ "data": [{ "quota_usage": 2, "config": { "quota_total": 2, "quota_duration": 86_400 } }] })
    );
    assert_eq!(
        limit("").await.json(),
        json!({ "data": [{ "quota_usage": 2 }] })
    );
    let since = world.now_ms() / 1_000 - 600;
    assert_eq!(
        limit(&format!("?since={since}")).await.json()["data"][0]["quota_usage"],
        1
    );
    assert_eq!(limit("?since=0").await.error(), (400, 100, None));

    let container = baker.image("too many").await;
    world.advance(2);
    assert_eq!(
        baker.publish(&container).await.error(),
        (400, 9, Some(2_207_042))
    );
    world.advance(DAY - HOUR - 200);
    assert_eq!(
        baker.publish(&container).await.error(),
        (400, 9, Some(2_207_042))
    );
    world.advance(200);
    id_in(&baker.publish(&container).await);

    let ann = Account::of(&world, "ann.makes").await;
    let own = ann
        .get("me/content_publishing_limit?fields=config")
        .await
        .json();
    assert_eq!(own["data"][0]["config"]["quota_total"], 50);
}

#[tokio::test]
async fn there_are_only_so_many_containers_in_24_hours() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    assert_eq!(
        world.sim.person("corner.bakery").unwrap().container_quota,
        400
    );
    world
        .sim
        .update_person("corner.bakery", |person| person.container_quota = 3);
    for _ in 0..3 {
        baker.image("one of three").await;
    }
    let refused = baker.create(&[("image_url", PICTURE)]).await;
    assert_eq!(refused.error(), (400, 9, Some(2_207_042)));
    world.advance(DAY);
    baker.image("a day later").await;
}

#[tokio::test]
async fn a_carousel_waits_for_its_items_and_is_published_as_one() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = item(&baker, &[("image_url", PICTURE)]).await;
    let video = item(&baker, &[("media_type", "VIDEO"), ("video_url", REEL)]).await;
    let children = format!("{picture},{video}");
    let carousel = id_in(
        &baker
            .create(&[
                ("media_type", "CAROUSEL"),
                ("children", &children),
                ("caption", "Both"),
            ])
            .await,
    );
    world.advance(29);
    assert_eq!(
        baker.publish(&carousel).await.error(),
        (400, 9_007, Some(2_207_027))
    );
    assert_eq!(
        baker.publish(&picture).await.error(),
        (400, 24, Some(2_207_006))
    );
    world.advance(1);
    let media = id_in(&baker.publish(&carousel).await);
    for id in [&carousel, &picture, &video] {
        assert_eq!(baker.status_code(id).await, "PUBLISHED");
    }
    let published = world.sim.published_by("corner.bakery");
    assert_eq!(published.len(), 1, "items do not count");
    assert_eq!((&published[0].id, published[0].children.len()), (&media, 2));

    // An item goes into one carousel.
    let again = baker
        .create(&[("media_type", "CAROUSEL"), ("children", &children)])
        .await;
    assert_eq!(again.error(), (400, 24, Some(2_207_006)));
}

#[tokio::test]
async fn a_carousel_takes_only_items_that_are_good() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let ann = Account::of(&world, "ann.makes").await;
    let good = item(&baker, &[("image_url", PICTURE)]).await;
    let no_item = baker.image("alone").await;
    let foreign = item(&ann, &[("image_url", PICTURE)]).await;
    let broken = item(
        &baker,
        &[
            ("media_type", "VIDEO"),
            ("video_url", "https://cdn.example/broken.mp4"),
        ],
    )
    .await;
    let with = async |other: &str| {
        // As JSON too.
        let children = format!("[\"{good}\",\"{other}\"]");
        baker
            .create(&[("media_type", "CAROUSEL"), ("children", &children)])
            .await
    };
    assert_eq!(with(&no_item).await.error(), (400, 100, None));
    assert_eq!(with(&foreign).await.error(), (400, 24, Some(2_207_006)));
    assert_eq!(
        with("17889000000000000").await.error(),
        (400, 24, Some(2_207_006))
    );
    let failing = id_in(&with(&broken).await);
    world.advance(60);
    let status = baker
        .get(&format!("{failing}?fields=status_code,status"))
        .await
        .json();
    assert_eq!(status["status_code"], "ERROR");
    assert_eq!(
        status["status"],
        "Error: Media upload has failed with error code 2207026"
    );
    assert_eq!(
        baker.publish(&failing).await.error(),
        (400, 9_007, Some(2_207_027))
    );
    world.advance(DAY);
    assert_eq!(with(&good).await.error(), (400, 24, Some(2_207_008)));
}

async fn item(account: &Account<'_>, pairs: &[(&str, &str)]) -> String {
    id_in(
        &account
            .create(&[pairs, &[("is_carousel_item", "true")]].concat())
            .await,
    )
}

async fn carousel_of(account: &Account<'_>, size: usize) -> String {
    let mut children = Vec::new();
    for _ in 0..size {
        children.push(item(account, &[("image_url", PICTURE)]).await);
    }
    let children = children.join(",");
    id_in(
        &account
            .create(&[("media_type", "CAROUSEL"), ("children", &children)])
            .await,
    )
}
