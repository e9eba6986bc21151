//! The refusals of publishing against those of the real platform, in `../shared/cases`.

use serde_json::Value;

use crate::client::{Account, Reply, World};

const PICTURE: &str = "https://cdn.example/square.jpg";

#[tokio::test]
async fn refusals_are_those_of_the_cases() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/cases/errors.jsonl"
    );
    let Ok(text) = std::fs::read_to_string(file) else {
        println!("skipped: ../shared/cases/errors.jsonl is absent");
        return;
    };
    let world = World::new().await;
    let baker = Account::of(&world, "corner.bakery").await;
    let picture = async |name: &str| {
        let address = format!("https://cdn.example/{name}");
        baker.create(&[("image_url", &address)]).await
    };
    let reel = [
        ("media_type", "REELS"),
        ("video_url", "https://cdn.example/reel.mp4"),
    ];
    let late = [reel.as_slice(), &[("thumb_offset", "10000")]].concat();
    let small = [("media_type", "CAROUSEL"), ("children", "1")];
    let early = baker.image("early").await;
    let mut seen = vec![
        (
            "issue-138b-9007-not-ready-transient-false",
            baker.publish(&early).await,
        ),
        ("meta-table-9007-2207027", baker.publish(&early).await),
        ("meta-table-1-2207057", baker.create(&late).await),
        ("meta-table-100-2207028", baker.create(&small).await),
        ("meta-table-36000-2207004", picture("too-large.jpg").await),
        ("meta-table-9004-2207052", picture("missing.jpg").await),
        ("postiz-1129-9004-2207052-es", picture("missing.jpg").await),
        ("meta-table-neg2-2207003", picture("slow.jpg").await),
    ];
    world.advance(2);
    world
        .sim
        .update_person("corner.bakery", |person| person.publishing_quota = 0);
    seen.push(("meta-table-9-2207042", baker.publish(&early).await));
    world
        .sim
        .update_person("corner.bakery", |person| person.container_quota = 0);
    let too_many = baker.create(&[("image_url", PICTURE)]).await;
    seen.push(("meta-table-9-2207042", too_many));
    for (id, reply) in seen {
        let case = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|case| case["id"] == id)
            .unwrap_or_else(|| panic!("no case {id}"));
        assert_matches(&case, &reply);
    }
}

/// Every member that the case has, the simulator's answer has too, and all but the texts agree.
fn assert_matches(case: &Value, reply: &Reply) {
    let id = &case["id"];
    assert_eq!(case["input"]["http_status"], reply.status, "{id}");
    let body: Value = serde_json::from_str(case["input"]["body"].as_str().unwrap()).unwrap();
    let answer = reply.json();
    for (member, expected) in body["error"].as_object().unwrap() {
        let found = &answer["error"][member];
        match member.as_str() {
            "message" => assert_eq!(found, expected, "{id}"),
            "error_user_title" | "error_user_msg" | "fbtrace_id" => {
                assert!(found.is_string(), "{id}: {member}");
            }
            _ => assert_eq!(found, expected, "{id}: {member}"),
        }
    }
}
