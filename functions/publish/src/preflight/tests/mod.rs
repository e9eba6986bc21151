//! The preflight as a whole: a table of posts that Instagram would refuse, with a server that has the media and one that
//! nobody may ask.

mod cases;
pub(super) mod samples;
pub(super) mod server;
mod stage;
mod table;

use std::time::Duration;

use serde_json::json;
use url::Url;

use self::server::Server;
use self::stage::{Stage, content};
use super::{Looks, MOST_FILES, check_among, media};

#[tokio::test]
async fn a_post_that_instagram_takes_has_no_finding() {
    let stage = Stage::start().await;
    let everything = json!({
        "caption": "Fresh #bread with @ben.baker 🍞\n\n#sourdough", "collaborators": ["ben.baker"],
        "locationId": "101010101010101", "firstComment": "Which one is yours?", "isAiGenerated": false,
    });
    let tags = json!([{"username": "ben.baker", "x": 0, "y": 1}]);
    let kinds = [
        json!({"kind": "image", "imageUrl": "{server}/square.jpg", "altText": "A loaf", "userTags": tags}),
        json!({"kind": "carousel", "items": [
            {"imageUrl": "{server}/square.jpg", "altText": "A loaf", "userTags": tags}, {"videoUrl": "{server}/video.mp4"}]}),
        json!({"kind": "reel", "videoUrl": "{server}/video.mp4", "coverUrl": "{server}/upright.jpg",
            "userTags": [{"username": "ben.baker"}], "audioName": "Oven at six"}),
        json!({"kind": "reel", "videoUrl": "{server}/turned.mp4", "thumbOffset": 14_999}),
    ];
    for mut kind in kinds {
        let members = kind.as_object_mut().unwrap();
        members.extend(everything.as_object().unwrap().clone());
        assert_eq!(stage.check(&kind).await, [], "{kind}");
    }
    for story in [
        json!({"kind": "story", "imageUrl": "{server}/upright.jpg"}),
        json!({"kind": "story", "videoUrl": "{server}/video.mp4", "userTags": [{"username": "ben.baker"}]}),
        // Redirected once, under a type that says nothing, in all its bytes although a part was asked for.
        json!({"kind": "story", "imageUrl": "{server}/moved.jpg"}),
    ] {
        assert_eq!(stage.check(&story).await, [], "{story}");
    }
    stage.finish(&[]).await;
}

/// What a stranger's server learns of us: nothing.
#[tokio::test]
async fn d11_a_look_at_a_file_carries_nothing_of_ours() {
    let server = Server::start().await;
    let trusted = [Url::parse(&server.origin()).unwrap()];
    let story = json!({"kind": "story", "imageUrl": "{server}/moved.jpg?signature=x"});
    let story = content(&story, &server, &server);
    let looks = Looks::default();
    let found = media::findings(&looks, &trusted, &story, Duration::from_secs(5)).await;
    assert_eq!(found, []);
    let heads = server.heads();
    assert_eq!(heads.len(), 2);
    for head in heads {
        let head = head.to_lowercase();
        let mut names: Vec<&str> = head
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect();
        names.sort_unstable();
        let expected = ["accept", "accept-encoding", "host", "range", "user-agent"];
        assert_eq!(names, expected, "{head}");
        assert!(head.contains("user-agent: media-preflight\r\n"), "{head}");
        assert!(head.contains("range: bytes=0-262143\r\n"), "{head}");
    }
}

/// Neither a server that never answers nor one that never ends keeps a request longer than the deadline.
#[tokio::test]
async fn d11_a_silent_server_and_an_endless_file_end_by_themselves() {
    let server = Server::start().await;
    let trusted = [Url::parse(&server.origin()).unwrap()];
    for (path, deadline, expected) in [
        ("silent", Duration::from_millis(50), "media_not_looked_at"),
        ("endless.jpg", Duration::from_secs(60), "media_size_unknown"),
    ] {
        let story = json!({"kind": "story", "imageUrl": format!("{{server}}/{path}")});
        let story = content(&story, &server, &server);
        let found = media::findings(&Looks::default(), &trusted, &story, deadline).await;
        let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, [expected]);
        assert!(!found[0].is_blocking);
    }
}

/// Whoever sends many posts at once chooses a host that we then ask: for so many files and no more.
#[tokio::test]
async fn d11_however_many_posts_a_request_has_its_files_are_bounded() {
    let stage = Stage::start().await;
    let items = vec![json!({"imageUrl": "{server}/square.jpg"}); 10];
    let carousel = json!({"kind": "carousel", "items": items});
    let carousel = content(&carousel, &stage.server, &stage.trap);
    let looks = Looks::default();
    let mut unseen = 0;
    for _ in 0..12 {
        let found = check_among(&looks, &stage.app, &stage.account, &carousel, None);
        for finding in found.await.unwrap() {
            assert_eq!(finding.code, "media_not_looked_at");
            unseen += 1;
        }
    }
    let heads = stage.server.heads();
    let files = heads.iter().filter(|head| head.contains("/square.jpg"));
    assert_eq!((files.count(), unseen), (MOST_FILES, 20));
    let limits = heads
        .iter()
        .filter(|head| head.contains("content_publishing_limit"));
    assert_eq!(limits.count(), 1);
    stage.finish(&[]).await;
}
