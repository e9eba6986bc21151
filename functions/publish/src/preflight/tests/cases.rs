//! Posts that Instagram would refuse, or show otherwise than meant: one thing is wrong with each.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::account::{Account, Failure, PublishingPause, Status};

use super::server::{FULL, UNTOLD};

pub(super) struct Case {
    /// What is wrong.
    pub(super) what: &'static str,
    /// The post, with `{server}` for the trusted server's origin and `{trap}` for the port of the one nobody may ask.
    pub(super) content: Value,
    /// Makes the account what it is now.
    pub(super) change: fn(&mut Account, Timestamp),
    /// When it is due; at once without.
    pub(super) due_in_hours: Option<i64>,
    /// Member, code, and whether it blocks.
    pub(super) expected: (&'static str, &'static str, bool),
}

impl Case {
    fn due_in(mut self, hours: i64) -> Self {
        self.due_in_hours = Some(hours);
        self
    }

    fn when(mut self, change: fn(&mut Account, Timestamp)) -> Self {
        self.change = change;
        self
    }
}

fn blocks(what: &'static str, content: Value, member: &'static str, code: &'static str) -> Case {
    Case {
        what,
        content,
        change: |_, _| {},
        due_in_hours: None,
        expected: (member, code, true),
    }
}

fn warns(what: &'static str, content: Value, member: &'static str, code: &'static str) -> Case {
    Case {
        expected: (member, code, false),
        ..blocks(what, content, member, code)
    }
}

/// A picture at an address, or at a path of the trusted server.
fn image(address: &str) -> Value {
    json!({"kind": "image", "imageUrl": on_server(address)})
}

fn story(path: &str) -> Value {
    json!({"kind": "story", "videoUrl": on_server(path)})
}

fn reel(path: &str) -> Value {
    json!({"kind": "reel", "videoUrl": on_server(path)})
}

fn on_server(address: &str) -> String {
    if address.starts_with('/') {
        return format!("{{server}}{address}");
    }
    address.to_owned()
}

/// A good picture with one more member.
fn with(member: &str, value: Value) -> Value {
    let mut content = image("/square.jpg");
    content[member] = value;
    content
}

fn good() -> Value {
    image("/square.jpg")
}

fn carousel(items: usize) -> Value {
    let item = json!({"imageUrl": "{server}/square.jpg"});
    json!({"kind": "carousel", "items": vec![item; items]})
}

pub(super) fn all() -> [(&'static str, Vec<Case>); 5] {
    [
        ("Words", words()),
        ("Addresses that are not fetched", addresses()),
        ("Files that cannot be fetched", files()),
        ("Pictures and videos", media()),
        ("The account", account()),
    ]
}

fn words() -> Vec<Case> {
    let tag = |username: &str, x: f64, y: f64| json!([{"username": username, "x": x, "y": y}]);
    vec![
        blocks(
            "a caption of 2,201 letters",
            with("caption", "a".repeat(2_201).into()),
            "caption",
            "caption_too_long",
        ),
        warns(
            "a caption of 1,101 emojis",
            with("caption", "🍞".repeat(1_101).into()),
            "caption",
            "caption_may_be_too_long",
        ),
        blocks(
            "31 hashtags",
            with("caption", "#bread".repeat(31).into()),
            "caption",
            "too_many_hashtags",
        ),
        blocks(
            "21 mentions",
            with("caption", "@ann ".repeat(21).into()),
            "caption",
            "too_many_mentions",
        ),
        blocks(
            "a zero byte in the caption",
            with("caption", "a\0b".into()),
            "caption",
            "control_characters",
        ),
        blocks(
            "an alternative text of 1,001 letters",
            with("altText", "ä".repeat(1_001).into()),
            "altText",
            "alt_text_too_long",
        ),
        blocks(
            "an alternative text of blanks",
            with("altText", " ".into()),
            "altText",
            "empty_text",
        ),
        blocks(
            "a carousel of one item",
            carousel(1),
            "items",
            "carousel_size",
        ),
        blocks(
            "a carousel of 11 items",
            carousel(11),
            "items",
            "carousel_size",
        ),
        blocks(
            "four collaborators",
            with("collaborators", json!(["a", "b", "c", "d"])),
            "collaborators",
            "too_many_collaborators",
        ),
        blocks(
            "a collaborator's address instead of the name",
            with("collaborators", json!(["instagram.example/ann"])),
            "collaborators[0]",
            "not_an_account_name",
        ),
        blocks(
            "a tagged name with a blank",
            with("userTags", tag("ann bee", 0.5, 0.5)),
            "userTags[0].username",
            "not_an_account_name",
        ),
        blocks(
            "a tag's place in pixels",
            with("userTags", tag("ann", 540.0, 0.5)),
            "userTags[0].x",
            "tag_outside_the_picture",
        ),
        blocks(
            "21 tagged accounts in an item of a carousel",
            json!({"kind": "carousel", "items": [
                {"imageUrl": "{server}/square.jpg"},
                {"imageUrl": "{server}/square.jpg", "userTags": vec![json!({"username": "ann", "x": 0.5, "y": 0.5}); 21]}]}),
            "items[1].userTags",
            "too_many_tags",
        ),
        blocks(
            "half a place",
            json!({"kind": "story", "videoUrl": "{server}/video.mp4", "userTags": [{"username": "ann", "x": 0.5}]}),
            "userTags[0]",
            "tag_place_incomplete",
        ),
        blocks(
            "a place by its name",
            with("locationId", "Rome".into()),
            "locationId",
            "not_a_location",
        ),
        blocks(
            "a first comment of nothing",
            with("firstComment", "".into()),
            "firstComment",
            "empty_text",
        ),
        blocks(
            "a first comment of 2,201 letters",
            with("firstComment", "a".repeat(2_201).into()),
            "firstComment",
            "comment_too_long",
        ),
        blocks(
            "a first comment of 31 hashtags",
            with("firstComment", "#a ".repeat(31).into()),
            "firstComment",
            "comment_has_too_many_hashtags",
        ),
        warns(
            "a first comment of five hashtags",
            with("firstComment", "#a #b #c #d #e".into()),
            "firstComment",
            "comment_may_be_refused",
        ),
        warns(
            "a moment for the cover besides a cover",
            json!({"kind": "reel", "videoUrl": "{server}/video.mp4", "coverUrl": "{server}/upright.jpg", "thumbOffset": 1}),
            "thumbOffset",
            "thumb_offset_unused",
        ),
    ]
}

fn addresses() -> Vec<Case> {
    let at = |what, address: &str, code| blocks(what, image(address), "imageUrl", code);
    let inside = |what, address: &str| at(what, address, "address_not_public");
    vec![
        at("no address", "", "address_missing"),
        at(
            "a name instead of an address",
            "bread.jpg",
            "not_an_address",
        ),
        at(
            "a blank in the address",
            "https://media.example.com/my bread.jpg",
            "not_an_address",
        ),
        at(
            "an umlaut in the address",
            "https://media.example.com/brötchen.jpg",
            "address_not_ascii",
        ),
        at(
            "http",
            "http://media.example.com/bread.jpg",
            "address_not_https",
        ),
        at(
            "a file of the server's",
            "file:///etc/passwd",
            "address_not_https",
        ),
        at(
            "the picture itself as an address",
            "data:image/jpeg;base64,AAAA",
            "address_not_https",
        ),
        at(
            "user and password",
            "https://ann:word@media.example.com/bread.jpg",
            "address_with_user",
        ),
        at(
            "a port",
            "https://media.example.com:8443/bread.jpg",
            "address_with_port",
        ),
        inside("this machine", "http://127.0.0.1:{trap}/a.jpg"),
        inside("this machine, by its name", "http://localhost:{trap}/a.jpg"),
        inside(
            "this machine, as one number",
            "http://2130706433:{trap}/a.jpg",
        ),
        inside("this machine, hexadecimal", "http://0x7f.1:{trap}/a.jpg"),
        inside("this machine, octal", "http://0177.0.0.1:{trap}/a.jpg"),
        inside(
            "this machine, any of its addresses",
            "http://0.0.0.0:{trap}/a.jpg",
        ),
        inside("this machine, in IPv6", "http://[::1]:{trap}/a.jpg"),
        inside(
            "this machine, mapped into IPv6",
            "http://[::ffff:127.0.0.1]:{trap}/a.jpg",
        ),
        inside(
            "a cloud's metadata",
            "https://169.254.169.254/latest/meta-data/",
        ),
        inside(
            "a cloud's metadata, in IPv6",
            "https://[fd00:ec2::254]/latest/meta-data/",
        ),
        inside("a private network", "https://192.168.0.10/a.jpg"),
        inside(
            "a private network, through NAT64",
            "https://[64:ff9b::c0a8:a]/a.jpg",
        ),
        inside("a provider's inner network", "https://100.64.0.1/a.jpg"),
        inside("a redirect to this machine", "/to-trap/{trap}"),
        inside("a redirect to a cloud's metadata", "/to-metadata"),
        inside("a redirect to this machine, as one number", "/to-number"),
        at("a redirect to http", "/to-http", "address_not_https"),
        at(
            "a redirect to a file of the server's",
            "/to-file",
            "address_not_https",
        ),
        at(
            "a redirect to an address with a password",
            "/to-user",
            "address_with_user",
        ),
    ]
}

fn files() -> Vec<Case> {
    let at = |what, path, code| blocks(what, image(path), "imageUrl", code);
    let perhaps = |what, path, code| warns(what, image(path), "imageUrl", code);
    vec![
        at("the file is gone (404)", "/gone", "media_not_found"),
        at("a login is wanted (401)", "/login", "media_needs_login"),
        perhaps("access is denied (403)", "/forbidden", "media_refused"),
        perhaps("the server is busy (503)", "/busy", "media_not_looked_at"),
        perhaps("the server hangs up", "/dropped", "media_not_looked_at"),
        perhaps(
            "the server compresses what it sends",
            "/zipped.jpg",
            "media_not_looked_at",
        ),
        at("four redirects", "/hop1", "too_many_redirects"),
        at("an empty file", "/empty.jpg", "media_empty"),
        at("a web page about the picture", "/page", "media_is_a_page"),
    ]
}

fn media() -> Vec<Case> {
    let picture = |what, path, code| blocks(what, image(path), "imageUrl", code);
    let video = |what, path, code| blocks(what, reel(path), "videoUrl", code);
    vec![
        picture("a PNG", "/picture.png", "picture_not_jpeg"),
        picture(
            "a WebP that is called JPEG",
            "/really.webp.jpg",
            "picture_not_jpeg",
        ),
        picture("a HEIC", "/picture.heic", "picture_not_jpeg"),
        picture("a video for a picture", "/video.mp4", "picture_not_jpeg"),
        picture("a picture of 9 MB", "/large.jpg", "media_too_large"),
        picture(
            "an upright picture of 9:16 in the feed",
            "/upright.jpg",
            "picture_proportions",
        ),
        picture(
            "a picture of 2.2:1 in the feed",
            "/wide.jpg",
            "picture_proportions",
        ),
        picture("a picture without width", "/zero.jpg", "picture_empty"),
        blocks(
            "the second item of a carousel is a PNG",
            json!({"kind": "carousel", "items": [{"imageUrl": "{server}/square.jpg"}, {"imageUrl": "{server}/picture.png"}]}),
            "items[1].imageUrl",
            "picture_not_jpeg",
        ),
        warns(
            "a picture of 3:4 that a phone stored lying",
            image("/side.jpg"),
            "imageUrl",
            "picture_turned",
        ),
        warns(
            "a picture 300 pixels wide",
            image("/small.jpg"),
            "imageUrl",
            "picture_small",
        ),
        warns(
            "a file of several pictures",
            image("/several.jpg"),
            "imageUrl",
            "picture_of_several",
        ),
        warns(
            "half a JPEG",
            image("/cut.jpg"),
            "imageUrl",
            "picture_not_read",
        ),
        warns(
            "a JPEG that is sent as text",
            image("/misstated.jpg"),
            "imageUrl",
            "media_type_misstated",
        ),
        warns(
            "a square picture as a story",
            json!({"kind": "story", "imageUrl": "{server}/square.jpg"}),
            "imageUrl",
            "not_upright",
        ),
        video("a WebM", "/video.webm", "video_not_mp4"),
        video("a picture for a video", "/square.jpg", "video_not_mp4"),
        video("a video of 2.9 seconds", "/short.mp4", "video_too_short"),
        video(
            "a reel of more than 15 minutes",
            "/long.mp4",
            "video_too_long",
        ),
        blocks(
            "a story of 61 seconds",
            story("/minute.mp4"),
            "videoUrl",
            "video_too_long",
        ),
        video("a video of 10 GB", "/large.mp4", "media_too_large"),
        video("a video 2160 pixels wide", "/wide.mp4", "video_too_wide"),
        video("a video in AV1", "/av1.mp4", "video_codec"),
        video("a reel of 19:1", "/band.mp4", "video_proportions"),
        blocks(
            "a cover from behind the end",
            json!({"kind": "reel", "videoUrl": "{server}/video.mp4", "thumbOffset": 15_000}),
            "thumbOffset",
            "thumb_offset_behind_the_end",
        ),
        blocks(
            "a PNG for a cover",
            json!({"kind": "reel", "videoUrl": "{server}/video.mp4", "coverUrl": "{server}/picture.png"}),
            "coverUrl",
            "picture_not_jpeg",
        ),
        warns(
            "a video whose index comes last",
            reel("/late.mp4"),
            "videoUrl",
            "video_index_late",
        ),
        warns(
            "a video in fragments",
            reel("/fragments.mp4"),
            "videoUrl",
            "video_length_unknown",
        ),
        warns(
            "a video of 16:9 as a reel",
            reel("/lying.mp4"),
            "videoUrl",
            "not_upright",
        ),
    ]
}

fn account() -> Vec<Case> {
    fn pause(account: &mut Account, now: Timestamp, length: SignedDuration) {
        account.publishing_paused = Some(PublishingPause {
            until: now + length,
            reason: failure(now),
        });
    }

    fn without(account: &mut Account, scope: &str) {
        account.scopes.retain(|granted| granted != scope);
    }
    fn failure(at: Timestamp) -> Failure {
        Failure {
            code: "spam_blocked".into(),
            message: "Instagram takes this for spam.".into(),
            at,
        }
    }
    let dead = || {
        blocks(
            "the account was disconnected",
            good(),
            "account",
            "account_not_connected",
        )
    };
    vec![
        dead().when(|account, _| account.clear_token()),
        Case {
            what: "its token ran out",
            ..dead()
        }
        .when(|account, now| account.token_expires_at = Some(now)),
        Case {
            what: "its token is not in the vault",
            ..dead()
        }
        .when(|account, _| account.token_generation += 1),
        blocks(
            "it may not publish",
            good(),
            "account",
            "publish_not_permitted",
        )
        .when(|account, _| without(account, "instagram_business_content_publish")),
        warns(
            "it may not comment",
            with("firstComment", "first".into()),
            "firstComment",
            "comment_not_permitted",
        )
        .when(|account, _| without(account, "instagram_business_manage_comments")),
        warns(
            "a rate limit for two hours, and due in one",
            good(),
            "publishAt",
            "account_rate_limited",
        )
        .due_in(1)
        .when(|account, now| {
            account.status = Status::RateLimited;
            account.rate.blocked_until = Some(now + SignedDuration::from_hours(2));
        }),
        warns(
            "something is wrong with the account",
            good(),
            "account",
            "account_has_error",
        )
        .when(|account, _| account.status = Status::Error),
        warns(
            "publishing pauses for half an hour",
            good(),
            "publishAt",
            "publishing_paused",
        )
        .when(|account, now| pause(account, now, SignedDuration::from_mins(30))),
        blocks(
            "publishing pauses for six hours, and due in five",
            good(),
            "publishAt",
            "publishing_paused_too_long",
        )
        .due_in(5)
        .when(|account, now| pause(account, now, SignedDuration::from_hours(6))),
        warns(
            "its token runs out before, and could not be renewed",
            good(),
            "account",
            "token_runs_out",
        )
        .due_in(61 * 24)
        .when(|account, now| account.last_token_refresh_error = Some(failure(now))),
        blocks(
            "its day's quota is used up",
            good(),
            "publishAt",
            "quota_used_up",
        )
        .when(|account, _| account.platform_account_id = FULL.into()),
        warns(
            "its day's quota is used up, and due in an hour",
            good(),
            "publishAt",
            "quota_used_up",
        )
        .due_in(1)
        .when(|account, _| account.platform_account_id = FULL.into()),
        warns(
            "Instagram does not tell its quota",
            good(),
            "account",
            "quota_not_known",
        )
        .when(|account, _| account.platform_account_id = UNTOLD.into()),
    ]
}
