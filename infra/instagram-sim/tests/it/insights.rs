//! Insights of one media: what was set, what goes with what, and stories that hardly anybody saw.

use instagram_sim::{Fault, FaultKind};
use serde_json::json;

use crate::client::{Account, DAY, World};

#[tokio::test]
async fn a_post_shows_the_figures_that_are_known() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    let path = format!("{picture}/insights?metric=reach,saved");
    assert_eq!(
        baker.get(&path).await.json(),
        json!({ "data": [] }),
        "not known yet is not zero"
    );
    world
        .sim
        .set_insights(&picture, &[("reach", 120), ("likes", 7)]);
    let shown = baker.get(&path).await.json();
    assert_eq!(
        shown,
        json!({ "data": [{
            "name": "reach",
            "period": "lifetime",
            "values": [{ "value": 120 }],
            "title": "reach",
            "description": "",
            "id": format!("{picture}/insights/reach/lifetime"),
        }] })
    );
    let likes = baker
        .get(&format!("{picture}?fields=like_count"))
        .await
        .json();
    assert_eq!(likes["like_count"], 7);

    let figures = world
        .send_json(
            "PATCH",
            &format!("/_sim/insights/{picture}"),
            r#"{"reach":130}"#,
        )
        .await;
    assert_eq!(figures.json(), json!({ "likes": 7, "reach": 130 }));
    for (path, body, status) in [
        (
            format!("/_sim/insights/{picture}"),
            r#"{"impressions":1}"#,
            400,
        ),
        ("/_sim/insights/1".to_owned(), "{}", 404),
    ] {
        assert_eq!(
            world.send_json("PATCH", &path, body).await.status,
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_metric_goes_with_its_kind_of_media() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    let video = "https://cdn.example/reel.mp4";
    let reel = baker
        .post_of(&[("media_type", "REELS"), ("video_url", video)])
        .await;
    let read = async |id: &str, query: &str| baker.get(&format!("{id}/insights?{query}")).await;
    for (id, query) in [
        (&picture, "metric=navigation"),
        (&picture, "metric=reach,ig_reels_avg_watch_time"),
        (&reel, "metric=profile_visits"),
        (&reel, "metric=impressions"),
        (&reel, "metric="),
        (&reel, ""),
    ] {
        assert_eq!(read(id, query).await.error(), (400, 100, None), "{query}");
    }
    assert_eq!(
        read(&reel, "metric=reels_skip_rate,ig_reels_avg_watch_time")
            .await
            .status,
        200
    );
    assert_eq!(
        read(&reel, "metric=reach&breakdown=follow_type")
            .await
            .status,
        501
    );
    let token = world.long_token_of("corner.bakery").await;
    let path = format!("/v26.0/{picture}/insights?metric=reach");
    assert_eq!(world.get_as(&token, &path).await.error(), (403, 10, None));
    world.sim.add_fault(Fault::new(FaultKind::ReadOutage));
    assert_eq!(
        read(&picture, "metric=reach").await.error(),
        (400, 100, Some(33))
    );
}

#[tokio::test]
async fn a_story_needs_five_viewers_and_tells_for_a_day() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let tall = "https://cdn.example/tall-story.jpg";
    let story = baker
        .post_of(&[("media_type", "STORIES"), ("image_url", tall)])
        .await;
    let read = async || {
        baker
            .get(&format!("{story}/insights?metric=reach,navigation"))
            .await
    };
    assert_eq!(read().await.error(), (400, 10, None));
    world
        .sim
        .set_insights(&story, &[("reach", 4), ("navigation", 9)]);
    assert_eq!(read().await.error(), (400, 10, None));
    world.sim.set_insights(&story, &[("reach", 5)]);
    let shown = read().await.json();
    assert_eq!(shown["data"][1]["values"][0]["value"], 9);
    world.advance(DAY);
    assert_eq!(read().await.error(), (400, 100, Some(33)));
}

#[tokio::test]
#[should_panic(expected = "no metric \"impressions\"")]
async fn figures_of_no_metric_are_refused() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    world.sim.set_insights(&picture, &[("impressions", 1)]);
}
