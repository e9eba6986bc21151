//! What a container may be made of.

use crate::client::{Account, World, id_in};

type Pairs = Vec<(&'static str, String)>;

fn pairs(list: &[(&'static str, &str)]) -> Pairs {
    list.iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

fn address(name: &str) -> String {
    format!("https://cdn.example/uploads/{name}")
}

fn image(more: &[(&'static str, &str)]) -> Pairs {
    [pairs(&[("image_url", &address("square.jpg"))]), pairs(more)].concat()
}

fn reel(more: &[(&'static str, &str)]) -> Pairs {
    let usual = [
        ("media_type", "REELS"),
        ("video_url", "https://cdn.example/reel.mp4"),
    ];
    [pairs(&usual), pairs(more)].concat()
}

fn story(more: &[(&'static str, &str)]) -> Pairs {
    [image(&[("media_type", "STORIES")]), pairs(more)].concat()
}

fn item(more: &[(&'static str, &str)]) -> Pairs {
    [image(&[("is_carousel_item", "true")]), pairs(more)].concat()
}

async fn create(account: &Account<'_>, pairs: &Pairs) -> crate::client::Reply {
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    account.create(&pairs).await
}

fn words(mark: char, count: usize) -> String {
    (0..count)
        .map(|number| format!("{mark}w{number} "))
        .collect()
}

#[tokio::test]
async fn every_good_combination_is_taken() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let tags = r#"[{"username":"ann.makes","x":0.5,"y":1.0}]"#;
    let plain_tags = r#"[{"username":"ann.makes"}]"#;
    let trial = r#"{"graduation_strategy":"MANUAL"}"#;
    for good in [
        image(&[]),
        image(&[("media_type", "IMAGE")]),
        image(&[
            ("caption", &words('#', 30)),
            ("alt_text", &"a".repeat(1_000)),
            ("collaborators", r#"["a","b","c"]"#),
            ("user_tags", tags),
            ("location_id", "7640348500"),
            ("is_ai_generated", "true"),
        ]),
        image(&[("caption", &words('@', 20))]),
        // Counted in characters, not in bytes.
        image(&[("caption", &"\u{1f35e}".repeat(2_200))]),
        image(&[(
            "caption",
            &format!("{}c#x a@b.example # @ ##", words('#', 30)),
        )]),
        reel(&[
            ("caption", "Kneading"),
            ("cover_url", &address("cover.jpg")),
            ("thumb_offset", "9999"),
            ("share_to_feed", "false"),
            ("audio_name", "Dough"),
            ("user_tags", plain_tags),
            ("trial_params", trial),
        ]),
        story(&[("user_tags", plain_tags)]),
        story(&[("user_tags", tags)]),
        pairs(&[
            ("media_type", "STORIES"),
            ("video_url", &address("reel.mp4")),
        ]),
        pairs(&[
            ("media_type", "STORIES"),
            ("image_url", &address("tall-story.jpg")),
        ]),
        item(&[("alt_text", "Bread"), ("user_tags", tags)]),
        pairs(&[
            ("media_type", "VIDEO"),
            ("video_url", &address("clip.MOV")),
            ("is_carousel_item", "true"),
        ]),
        pairs(&[("image_url", &address("portrait.jpg"))]),
        pairs(&[("image_url", &address("wide.jpg"))]),
        pairs(&[("image_url", &address("any-other-name.jpeg"))]),
    ] {
        let reply = create(&baker, &good).await;
        assert_eq!(reply.status, 200, "{good:?}: {}", reply.text());
    }
}

#[tokio::test]
async fn every_bad_combination_is_refused_with_its_code() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let tag = |x: &str| format!("[{{\"username\":\"a\"{x}}}]");
    let carousel = |children: &str| pairs(&[("media_type", "CAROUSEL"), ("children", children)]);
    let plain = (100, None);
    for (bad, (code, subcode)) in [
        (pairs(&[]), plain),
        (pairs(&[("image_url", "")]), plain),
        (image(&[("media_type", "CLIPS")]), (100, Some(2_207_023))),
        (
            pairs(&[("media_type", "VIDEO"), ("video_url", &address("reel.mp4"))]),
            plain,
        ),
        (pairs(&[("media_type", "REELS")]), plain),
        (pairs(&[("media_type", "STORIES")]), plain),
        (reel(&[("is_carousel_item", "true")]), plain),
        (story(&[("is_carousel_item", "true")]), plain),
        (story(&[("video_url", &address("reel.mp4"))]), plain),
        (image(&[("is_carousel_item", "perhaps")]), plain),
        (pairs(&[("media_type", "CAROUSEL")]), plain),
        (carousel("1"), (100, Some(2_207_028))),
        (carousel("1,2,3,4,5,6,7,8,9,10,11"), (100, Some(2_207_028))),
        (
            image(&[("caption", &"\u{1f35e}".repeat(2_201))]),
            (36_004, Some(2_207_010)),
        ),
        (
            image(&[("caption", &words('#', 31))]),
            (100, Some(2_207_040)),
        ),
        (
            image(&[("caption", &words('@', 21))]),
            (100, Some(2_207_040)),
        ),
        (image(&[("alt_text", &"a".repeat(1_001))]), plain),
        (image(&[("collaborators", "a,b,c,d")]), plain),
        (image(&[("collaborators", "@a")]), (110, Some(2_207_018))),
        (image(&[("user_tags", "no JSON")]), plain),
        (image(&[("user_tags", &tag(""))]), plain),
        (image(&[("user_tags", &tag(",\"x\":0.5"))]), plain),
        (image(&[("user_tags", &tag(",\"x\":0.5,\"y\":1.1"))]), plain),
        (reel(&[("user_tags", &tag(",\"x\":0.5,\"y\":0.5"))]), plain),
        (image(&[("location_id", "Berlin")]), plain),
        (reel(&[("thumb_offset", "-1")]), (1, Some(2_207_057))),
        (reel(&[("thumb_offset", "10000")]), (1, Some(2_207_057))),
        (reel(&[("thumb_offset", "soon")]), plain),
        (
            reel(&[("trial_params", r#"{"graduation_strategy":"LATER"}"#)]),
            plain,
        ),
        (
            reel(&[("cover_url", &address("cover.png"))]),
            (36_001, Some(2_207_005)),
        ),
        (reel(&[("alt_text", "Bread")]), plain),
        (image(&[("cover_url", &address("cover.jpg"))]), plain),
        (image(&[("share_to_feed", "true")]), plain),
        (image(&[("audio_name", "Dough")]), plain),
        (image(&[("thumb_offset", "0")]), plain),
        (image(&[("children", "1,2")]), plain),
        (story(&[("collaborators", "a")]), plain),
        (item(&[("collaborators", "a")]), plain),
        (item(&[("caption", "c")]), plain),
        (item(&[("location_id", "1")]), plain),
        (item(&[("is_ai_generated", "true")]), plain),
        (image(&[("product_tags", "[]")]), plain),
        (image(&[("poll_attachment", "{}")]), plain),
        (reel(&[("audio_configuration", "{}")]), plain),
    ] {
        let reply = create(&baker, &bad).await;
        assert_eq!(
            reply.error(),
            (400, code, subcode),
            "{bad:?}: {}",
            reply.text()
        );
    }
    assert!(world.sim.containers_of("corner.bakery").is_empty());
    let resumable = create(
        &baker,
        &pairs(&[("media_type", "REELS"), ("upload_type", "resumable")]),
    )
    .await;
    assert_eq!(resumable.status, 501);
    assert_eq!(resumable.json()["error"]["type"], "SimulatorError");
}

#[tokio::test]
async fn a_picture_is_looked_at_while_the_caller_waits() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let not_fetched = (9_004, Some(2_207_052));
    let port = world.sim.url().rsplit_once(':').unwrap().1.to_owned();
    for (address, (code, subcode)) in [
        (
            "https://cdn.example/too-large.jpg".to_owned(),
            (36_000, Some(2_207_004)),
        ),
        (
            "https://cdn.example/picture.png".to_owned(),
            (36_001, Some(2_207_005)),
        ),
        (
            "https://cdn.example/renamed.jpg".to_owned(),
            (36_001, Some(2_207_005)),
        ),
        (
            "https://cdn.example/anything.webp".to_owned(),
            (36_001, Some(2_207_005)),
        ),
        (
            "https://cdn.example/reel.mp4".to_owned(),
            (36_001, Some(2_207_005)),
        ),
        (
            "https://cdn.example/tall-story.jpg".to_owned(),
            (36_003, Some(2_207_009)),
        ),
        (
            "https://cdn.example/banner.jpg".to_owned(),
            (36_003, Some(2_207_009)),
        ),
        (
            "https://cdn.example/1079x1350.jpg".to_owned(),
            (36_003, Some(2_207_009)),
        ),
        (
            "https://cdn.example/slow.jpg".to_owned(),
            (-2, Some(2_207_003)),
        ),
        ("https://cdn.example/missing.jpg".to_owned(), not_fetched),
        ("https://cdn.example/page.html".to_owned(), not_fetched),
        (
            "https://cdn.example/redirect-inside.jpg".to_owned(),
            not_fetched,
        ),
        ("https://cdn.example/no-ending".to_owned(), not_fetched),
        ("https://cdn.example/".to_owned(), not_fetched),
        ("square.jpg".to_owned(), not_fetched),
        ("file:///square.jpg".to_owned(), not_fetched),
        ("ftp://cdn.example/square.jpg".to_owned(), not_fetched),
        (
            "https://cdn.example/br\u{f6}tchen.jpg".to_owned(),
            not_fetched,
        ),
        (
            "https://user:word@cdn.example/square.jpg".to_owned(),
            not_fetched,
        ),
        ("https://localhost/square.jpg".to_owned(), not_fetched),
        ("https://intranet/square.jpg".to_owned(), not_fetched),
        ("https://printer.local/square.jpg".to_owned(), not_fetched),
        ("http://127.0.0.1:1/square.jpg".to_owned(), not_fetched),
        ("http://10.0.0.1/square.jpg".to_owned(), not_fetched),
        (format!("http://10.0.0.1:{port}/square.jpg"), not_fetched),
        ("http://169.254.169.254/square.jpg".to_owned(), not_fetched),
        ("http://2852039166/square.jpg".to_owned(), not_fetched),
        ("http://100.64.0.1/square.jpg".to_owned(), not_fetched),
        ("http://[::1]/square.jpg".to_owned(), not_fetched),
        (
            "http://[::ffff:10.0.0.1]/square.jpg".to_owned(),
            not_fetched,
        ),
        ("http://[fd00::1]/square.jpg".to_owned(), not_fetched),
    ] {
        let reply = baker.create(&[("image_url", &address)]).await;
        assert_eq!(
            reply.error(),
            (400, code, subcode),
            "{address}: {}",
            reply.text()
        );
    }
    let refused = baker
        .create(&[("image_url", "https://cdn.example/missing.jpg")])
        .await
        .json();
    let error = &refused["error"];
    assert_eq!(
        error["message"],
        "Only photo or video can be accepted as media type."
    );
    assert_eq!(
        (&error["type"], &error["is_transient"]),
        (&"OAuthException".into(), &false.into())
    );
    assert!(
        error["error_user_msg"]
            .as_str()
            .unwrap()
            .ends_with("https://cdn.example/missing.jpg")
    );

    // The simulator's own samples and public addresses.
    for address in [
        format!("{}/_sim/media/square.jpg", world.sim.url()),
        format!("http://localhost:{port}/_sim/media/square.jpg"),
        "http://93.184.216.34/square.jpg".to_owned(),
        "https://cdn.example/1080x1350.jpg?signed=1".to_owned(),
    ] {
        let reply = baker.create(&[("image_url", &address)]).await;
        assert_eq!(reply.status, 200, "{address}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_video_is_looked_at_later() {
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    for (media_type, name, subcode) in [
        ("REELS", "reel.mp4", None),
        ("REELS", "two-minutes.mp4", None),
        ("STORIES", "two-minutes.mp4", Some("2207026")),
        ("REELS", "too-long.mp4", Some("2207026")),
        ("REELS", "one-second.mp4", Some("2207026")),
        ("REELS", "broken.mp4", Some("2207026")),
        ("REELS", "square.jpg", Some("2207026")),
        ("REELS", "missing.mp4", Some("2207077")),
        ("REELS", "page.html", Some("2207077")),
        ("REELS", "slow.mp4", Some("2207003")),
    ] {
        let pairs = [("media_type", media_type), ("video_url", &address(name))];
        let container = id_in(&baker.create(&pairs).await);
        assert_eq!(baker.status_code(&container).await, "IN_PROGRESS", "{name}");
        world.advance(30);
        let status = baker
            .get(&format!("{container}?fields=status,status_code"))
            .await
            .json();
        match subcode {
            None => assert_eq!(status["status_code"], "FINISHED", "{name}"),
            Some(subcode) => {
                assert_eq!(status["status_code"], "ERROR", "{name}");
                let expected = format!("Error: Media upload has failed with error code {subcode}");
                assert_eq!(status["status"], expected, "{name}");
            }
        }
    }
    // What is no web address is refused at once.
    let refused = baker
        .create(&[("media_type", "REELS"), ("video_url", "file:///reel.mp4")])
        .await;
    assert_eq!(refused.error(), (400, 9_004, Some(2_207_052)));
}
