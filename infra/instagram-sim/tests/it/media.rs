//! What was published is read again: media, lists, stories, comments, the profile.

use serde_json::{Value, json};

use crate::client::{Account, DAY, HOUR, World, id_in};

const PICTURE: &str = "https://cdn.example/square.jpg";
const REEL: &str = "https://cdn.example/reel.mp4";
const FIELDS: &str = "id,caption,media_type,media_product_type,media_url,thumbnail_url,permalink,shortcode,timestamp,\
                      username,owner,like_count,comments_count,is_comment_enabled,is_shared_to_feed,alt_text,\
                      is_ai_generated,children{id,media_type,caption,permalink,media_url}";

#[tokio::test]
async fn a_media_has_the_documented_fields() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let pairs = [
        ("image_url", PICTURE),
        ("caption", "Bread"),
        ("alt_text", "A loaf"),
    ];
    let picture = baker.post_of(&pairs).await;
    let read = baker
        .get(&format!("{picture}?fields={FIELDS}"))
        .await
        .json();
    assert_eq!(world.last_call().endpoint, "GET /{media_id}");
    let shortcode = read["shortcode"].as_str().unwrap();
    let base = world.sim.url();
    assert_eq!(
        read,
        json!({
            "id": picture,
            "caption": "Bread",
            "media_type": "IMAGE",
            "media_product_type": "FEED",
            "media_url": format!("{base}/_sim/media/square.jpg"),
            "permalink": format!("{base}/p/{shortcode}/"),
            "shortcode": shortcode,
            "timestamp": "2026-09-21T14:14:20+0000",
            "username": "corner.bakery",
            "owner": { "id": baker.id },
            "like_count": 0,
            "comments_count": 0,
            "is_comment_enabled": true,
            "alt_text": "A loaf",
            "is_ai_generated": false,
        })
    );
    assert_eq!(baker.get(&picture).await.json(), json!({ "id": picture }));
    let unknown = baker.get(&format!("{picture}?fields=colour")).await;
    assert_eq!(unknown.error(), (400, 100, None));
    let open = baker.get(&format!("{picture}?fields=children{{id")).await;
    assert_eq!(open.error(), (400, 100, None));

    let reel = baker
        .post_of(&[("media_type", "REELS"), ("video_url", REEL)])
        .await;
    let read = baker.get(&format!("{reel}?fields={FIELDS}")).await.json();
    assert_eq!(
        (&read["media_type"], &read["media_product_type"]),
        (&json!("VIDEO"), &json!("REELS"))
    );
    assert!(read["permalink"].as_str().unwrap().contains("/reel/"));
    assert!(read["thumbnail_url"].is_string() && read.get("caption").is_none());
    assert_eq!(read["is_shared_to_feed"], true);

    let ann = Account::of(&world, "ann.makes").await;
    let foreign = ann.get(&format!("{picture}?fields=caption")).await;
    assert_eq!(foreign.error(), (400, 100, Some(33)));
}

#[tokio::test]
async fn a_carousel_shows_its_items() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let mut children = Vec::new();
    for pairs in [
        vec![("image_url", "https://cdn.example/portrait.jpg")],
        vec![("media_type", "VIDEO"), ("video_url", REEL)],
    ] {
        let pairs = [pairs, vec![("is_carousel_item", "true")]].concat();
        children.push(id_in(&baker.create(&pairs).await));
    }
    let children = children.join(",");
    let pairs = [
        ("media_type", "CAROUSEL"),
        ("children", &children),
        ("caption", "Both"),
    ];
    let album = baker.post_of(&pairs).await;
    let read = baker.get(&format!("{album}?fields={FIELDS}")).await.json();
    assert_eq!(
        (&read["media_type"], &read["caption"]),
        (&json!("CAROUSEL_ALBUM"), &json!("Both"))
    );
    assert!(
        read["media_url"]
            .as_str()
            .unwrap()
            .ends_with("portrait.jpg")
    );
    let items = read["children"]["data"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["media_type"], &items[1]["media_type"]),
        (&json!("IMAGE"), &json!("VIDEO"))
    );
    assert!(items[0].get("permalink").is_none() && items[0].get("caption").is_none());
    let listed = baker
        .get(&format!(
            "{album}/children?fields=id,media_type,caption,permalink,media_url"
        ))
        .await;
    assert_eq!(listed.json(), read["children"]);
    let item = items[0]["id"].as_str().unwrap();
    assert_eq!(
        baker.get(&format!("{item}?fields=media_type")).await.status,
        200
    );
    let posts = baker.get(&format!("{}/media", baker.id)).await.json();
    assert_eq!(
        posts["data"],
        json!([{ "id": album }]),
        "items are not listed"
    );
}

#[tokio::test]
async fn posts_are_listed_newest_first_in_pages_whose_next_carries_the_token() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let empty = baker.get("me/media").await.json();
    assert_eq!(empty, json!({ "data": [] }));
    let mut newest_first = Vec::new();
    for number in 0..5 {
        newest_first.insert(0, baker.picture(&format!("number {number}")).await);
    }
    let path = format!("{}/media?fields=id,caption&limit=2", baker.id);
    let first = baker.get(&path).await.json();
    assert_eq!(
        first["data"][0],
        json!({ "id": newest_first[0], "caption": "number 4" })
    );
    assert!(first["paging"].get("previous").is_none());
    let next = first["paging"]["next"].as_str().unwrap();
    assert!(next.starts_with(&format!(
        "{}/v26.0/{}/media?access_token={}",
        world.sim.url(),
        baker.id,
        baker.token
    )));
    assert!(next.ends_with(&format!(
        "&limit=2&after={}",
        first["paging"]["cursors"]["after"].as_str().unwrap()
    )));

    // Followed to the end, without another header.
    let mut seen = ids_of(&first);
    let mut page = first.clone();
    while let Some(next) = page["paging"]["next"].as_str() {
        page = world
            .get(next.strip_prefix(&world.sim.url()).unwrap())
            .await
            .json();
        seen.extend(ids_of(&page));
    }
    assert_eq!(seen, newest_first);
    let back = page["paging"]["previous"].as_str().unwrap();
    let before = world
        .get(back.strip_prefix(&world.sim.url()).unwrap())
        .await
        .json();
    assert_eq!(ids_of(&before), newest_first[2..4]);

    // By time: the pictures are 60 seconds apart.
    let now = world.now_ms() / 1_000;
    let recent = baker
        .get(&format!("me/media?since={}", now - 60))
        .await
        .json();
    assert_eq!(ids_of(&recent), newest_first[..2]);
    let old = baker
        .get(&format!("me/media?until={}", now - 61))
        .await
        .json();
    assert_eq!(ids_of(&old), newest_first[2..]);
    for bad in [
        "after=QVFInothing",
        "limit=0",
        "limit=all",
        "since=yesterday",
    ] {
        let refused = baker.get(&format!("me/media?{bad}")).await;
        assert_eq!(refused.error(), (400, 100, None), "{bad}");
    }
    let after_all = baker
        .get(&format!(
            "me/media?after={}",
            page["paging"]["cursors"]["after"].as_str().unwrap()
        ))
        .await;
    assert_eq!(after_all.json(), json!({ "data": [] }));
}

#[tokio::test]
async fn a_story_is_no_post_and_is_over_after_a_day() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let tall = "https://cdn.example/tall-story.jpg";
    let first = baker
        .post_of(&[("media_type", "STORIES"), ("image_url", tall)])
        .await;
    world.advance(HOUR);
    let second = baker
        .post_of(&[("media_type", "STORIES"), ("video_url", REEL)])
        .await;
    let listed = baker
        .get(&format!(
            "{}/stories?fields=media_type,media_product_type,permalink",
            baker.id
        ))
        .await;
    let listed = listed.json();
    assert_eq!(ids_of(&listed), [second.clone(), first.clone()]);
    assert_eq!(listed["data"][0]["media_product_type"], "STORY");
    assert!(
        listed["data"][0]["permalink"]
            .as_str()
            .unwrap()
            .contains("/stories/corner.bakery/")
    );
    assert_eq!(baker.get("me/media").await.json(), json!({ "data": [] }));
    world.advance(DAY - HOUR);
    assert_eq!(ids_of(&baker.get("me/stories").await.json()), [second]);
    let over = baker.get(&format!("{first}?fields=id")).await;
    assert_eq!(over.error(), (400, 100, Some(33)));
    assert_eq!(
        world.sim.published_by("corner.bakery").len(),
        2,
        "remembered all the same"
    );
    let me = baker.get("me?fields=media_count").await.json();
    assert_eq!(me["media_count"], 0, "stories are not counted");
}

#[tokio::test]
async fn comments_are_written_listed_and_counted() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    let path = format!("{picture}/comments");
    let first = id_in(&baker.post(&path, &[("message", "#bread #seven")]).await);
    assert_eq!(world.last_call().endpoint, "POST /{media_id}/comments");
    world.advance(1);
    let second = id_in(&baker.post(&path, &[("message", "Come by")]).await);
    let listed = baker.get(&path).await.json();
    assert_eq!(ids_of(&listed), [second.clone(), first.clone()]);
    assert_eq!(
        listed["data"][1],
        json!({ "id": first, "text": "#bread #seven", "timestamp": "2026-09-21T14:14:20+0000" })
    );
    let fields = "fields=username,from,like_count,hidden,media,parent_id";
    let read = baker.get(&format!("{second}?{fields}")).await.json();
    assert_eq!(world.last_call().endpoint, "GET /{comment_id}");
    assert_eq!(
        (&read["username"], &read["media"]["id"]),
        (&json!("corner.bakery"), &json!(picture))
    );
    let counted = baker
        .get(&format!("{picture}?fields=comments_count"))
        .await
        .json();
    assert_eq!(counted["comments_count"], 2);
    assert_eq!(world.sim.comments_on(&picture)[0].text, "#bread #seven");
    let page = baker.get(&format!("{path}?limit=1")).await.json();
    assert!(page["paging"]["next"].is_string());

    assert_eq!(
        baker.post(&path, &[("message", " ")]).await.error(),
        (400, 100, None)
    );
    let nowhere = baker
        .post("17920000000000000/comments", &[("message", "a")])
        .await;
    assert_eq!(nowhere.error(), (400, 100, Some(33)));
    let ann = Account::of(&world, "ann.makes").await;
    for reply in [
        ann.post(&path, &[("message", "a")]).await,
        ann.get(&path).await,
        ann.get(&second).await,
    ] {
        assert_eq!(reply.error(), (400, 100, Some(33)));
    }
    let token = world.long_token_of("corner.bakery").await;
    let without_scope = world.get_as(&token, &format!("/v26.0/{path}")).await;
    assert_eq!(without_scope.error(), (403, 10, None));
}

#[tokio::test]
async fn the_profile_shows_what_was_published_and_permalinks_lead_there() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let bare = world.get("/_sim/profiles/corner.bakery").await;
    assert_eq!(bare.text().matches("None.").count(), 2);
    let picture = baker.picture("<b>Bread</b>").await;
    let story = baker
        .post_of(&[("media_type", "STORIES"), ("image_url", PICTURE)])
        .await;
    baker
        .post(&format!("{picture}/comments"), &[("message", "First")])
        .await;
    let page = world.get("/_sim/profiles/corner.bakery").await;
    assert_eq!(page.status, 200);
    for shown in [
        "&lt;b&gt;Bread&lt;/b&gt;",
        "src=\"/_sim/media/square.jpg\"",
        "Picture · 2026-09-21 14:14 UTC · 1 comment",
        "Story · ",
        "1 posts",
    ] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
    for (id, is_over_tomorrow) in [(&picture, false), (&story, true)] {
        let read = baker.get(&format!("{id}?fields=permalink")).await.json();
        let permalink = read["permalink"].as_str().unwrap();
        let path = permalink.strip_prefix(&world.sim.url()).unwrap().to_owned();
        let place = format!("/_sim/profiles/corner.bakery#{id}");
        assert_eq!(
            world.get(&path).await.header("location"),
            Some(place.as_str())
        );
        if is_over_tomorrow {
            world.advance(DAY);
            assert_eq!(world.get(&path).await.status, 404);
        }
    }
    assert!(
        !world
            .get("/_sim/profiles/corner.bakery")
            .await
            .text()
            .contains("Story")
    );
    assert_eq!(world.get("/_sim/profiles/nobody").await.status, 404);
    assert_eq!(world.get("/p/nothing/").await.status, 404);
}

#[tokio::test]
async fn the_control_plane_tells_what_was_uploaded_and_published() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = baker.picture("Bread").await;
    baker
        .post(&format!("{picture}/comments"), &[("message", "First")])
        .await;
    let waiting = baker.image("waits").await;
    let containers = world
        .get("/_sim/people/corner.bakery/containers")
        .await
        .json();
    let containers = containers["containers"].as_array().unwrap();
    assert_eq!(
        (
            &containers[0]["status_code"],
            &containers[0]["publish_calls"]
        ),
        (&json!("PUBLISHED"), &json!(1))
    );
    assert_eq!(
        (&containers[1]["id"], &containers[1]["status_code"]),
        (&json!(waiting), &json!("IN_PROGRESS"))
    );
    let media = world.get("/_sim/people/corner.bakery/media").await.json();
    assert_eq!(media["posts"][0]["details"]["caption"], "Bread");
    assert_eq!(media["posts"][0]["comments"][0]["text"], "First");
    assert_eq!(media["stories"], json!([]));
    assert_eq!(world.get("/_sim/people/nobody/media").await.status, 404);
    assert_eq!(
        world
            .send("POST", "/_sim/people/nobody/media", "", b"")
            .await
            .unwrap()
            .status,
        405
    );
}

fn ids_of(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}
