//! The sample media are what they say, as a check that fetches them sees it.

use crate::client::World;

#[tokio::test]
async fn pictures_are_jpegs_of_their_size() {
    let world = World::new().await;
    for (name, width, height) in [
        ("square.jpg", 1_080, 1_080),
        ("portrait.jpg", 1_080, 1_350),
        ("wide.jpg", 1_080, 566),
        ("tall-story.jpg", 1_080, 1_920),
        ("banner.jpg", 1_080, 400),
        ("17x9.jpg", 17, 9),
    ] {
        let reply = world.get(&format!("/_sim/media/{name}")).await;
        assert_eq!(reply.header("content-type"), Some("image/jpeg"), "{name}");
        assert_eq!(jpeg_size(&reply.body), (width, height), "{name}");
        assert!(
            reply.body.len() < 40_000,
            "{name}: {} bytes",
            reply.body.len()
        );
        let head = world
            .send("HEAD", &format!("/_sim/media/{name}"), "", b"")
            .await
            .unwrap();
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(
            head.header("content-length"),
            Some(reply.body.len().to_string().as_str())
        );
    }
    assert!(world.sim.calls().is_empty(), "samples stay out of the log");
}

/// Walks the segments up to the picture itself, as a decoder does.
fn jpeg_size(bytes: &[u8]) -> (u16, u16) {
    assert_eq!(&bytes[..2], [0xff, 0xd8]);
    assert_eq!(&bytes[bytes.len() - 2..], [0xff, 0xd9]);
    let mut place = 2;
    let mut size = None;
    loop {
        assert_eq!(bytes[place], 0xff);
        let length = usize::from(u16::from_be_bytes([bytes[place + 2], bytes[place + 3]]));
        match bytes[place + 1] {
            0xc0 => {
                let number = |at| u16::from_be_bytes([bytes[place + at], bytes[place + at + 1]]);
                size = Some((number(7), number(5)));
            }
            0xda => return size.unwrap(),
            _ => {}
        }
        place += 2 + length;
    }
}

#[tokio::test]
async fn videos_say_their_size_and_duration_before_their_frames() {
    let world = World::new().await;
    for (name, width, height, seconds) in [
        ("reel.mp4", 1_080, 1_920, 10),
        ("landscape.mp4", 1_920, 1_080, 30),
        ("one-second.mp4", 1_080, 1_920, 1),
    ] {
        let reply = world.get(&format!("/_sim/media/{name}")).await;
        assert_eq!(reply.header("content-type"), Some("video/mp4"), "{name}");
        let top = boxes(&reply.body);
        let kinds: Vec<&str> = top.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["ftyp", "moov", "mdat"]);
        let header = within(&reply.body, &["moov", "mvhd"]);
        let number =
            |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(number(header, 16), number(header, 12) * seconds, "{name}");
        let track = within(&reply.body, &["moov", "trak", "tkhd"]);
        assert_eq!(
            (number(track, 76) >> 16, number(track, 80) >> 16),
            (width, height),
            "{name}"
        );
        let table = within(&reply.body, &["moov", "trak", "mdia", "minf", "stbl"]);
        let offset = number(within(table, &["stco"]), 8) as usize;
        assert_eq!(&reply.body[offset - 4..offset], b"mdat");
    }
}

fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        let kind = String::from_utf8(bytes[4..8].to_vec()).unwrap();
        found.push((kind, &bytes[8..length]));
        bytes = &bytes[length..];
    }
    found
}

fn within<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
    path.iter().fold(bytes, |bytes, wanted| {
        let found = boxes(bytes).into_iter().find(|(kind, _)| kind == wanted);
        found.unwrap_or_else(|| panic!("no {wanted}")).1
    })
}

#[tokio::test]
async fn bad_samples_are_bad_in_their_own_way() {
    let world = World::new().await;
    let get = async |name: &str| world.get(&format!("/_sim/media/{name}")).await;
    let large = get("too-large.jpg").await;
    assert!(large.body.len() > 8 * 1024 * 1024);
    assert_eq!(jpeg_size(&large.body), (1_080, 1_080));
    let png = get("picture.png").await;
    assert_eq!(
        (png.header("content-type"), &png.body[..4]),
        (Some("image/png"), &b"\x89PNG"[..])
    );
    let renamed = get("renamed.jpg").await;
    assert_eq!(
        (renamed.header("content-type"), &renamed.body),
        (Some("image/jpeg"), &png.body)
    );
    let page = get("page.html").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert_eq!(get("missing.jpg").await.status, 404);
    assert_eq!(
        get("broken.mp4").await.header("content-type"),
        Some("video/mp4")
    );
    let slow = world.send("HEAD", "/_sim/media/slow.mp4", "", b"").await;
    assert_eq!(slow.unwrap().header("content-type"), Some("video/mp4"));
    let redirect = get("redirect-inside.jpg").await;
    let inside = Some("http://169.254.169.254/latest/meta-data/");
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (302, inside)
    );
    let unknown = get("nothing.jpg").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("square.jpg"));
    for name in ["0x9.jpg", "5000x9.jpg", "x.jpg"] {
        assert_eq!(get(name).await.status, 404, "{name}");
    }
}
