//! Accounts with a past: what is listed, how it is told, and that it follows from a seed.

use instagram_sim::{ContentKind, History, Person};
use serde_json::Value;

use crate::client::{Account, DAY, World};

/// A world with somebody who has so many posts, one a day.
async fn with_past(posts: u64) -> World {
    let world = World::new().await;
    let history = History {
        posts,
        days: posts,
        until_ms: world.now_ms(),
    };
    let person = Person::business("busy.baker").with_followers(4_200);
    world.sim.add_person(person.with_history(history));
    world
}

#[tokio::test]
async fn a_past_is_listed_page_by_page_and_grows() {
    let world = with_past(230).await;
    let baker = Account::of(&world, "busy.baker").await;
    let mut ids = Vec::new();
    let mut after = String::new();
    loop {
        let page = baker
            .get(&format!(
                "me/media?fields=id,timestamp,like_count,insights.metric(reach,saved)&limit=100{after}"
            ))
            .await
            .json();
        let data = page["data"].as_array().unwrap().clone();
        ids.extend(
            data.iter()
                .map(|media| media["id"].as_str().unwrap().to_owned()),
        );
        assert!(
            data.iter()
                .all(|media| media["insights"]["data"][0]["name"] == "reach")
        );
        if page["paging"]["next"].is_null() {
            break;
        }
        after = format!(
            "&after={}",
            page["paging"]["cursors"]["after"].as_str().unwrap()
        );
    }
    assert_eq!(ids.len(), 230);
    let mut sorted = ids.clone();
    sorted.sort_by(|one, other| other.cmp(one));
    sorted.dedup();
    assert_eq!(ids, sorted, "newest first, each once");
}

#[tokio::test]
async fn an_accounts_days_demographics_and_hours_are_told() {
    let world = with_past(40).await;
    let baker = Account::of(&world, "busy.baker").await;
    let value = |body: &Value| body["data"][0]["total_value"]["value"].as_u64();
    let day = world.now_ms() / 1000 / DAY * DAY;
    let of = |since: i64, until: i64| {
        format!(
            "me/insights?metric=reach&period=day&metric_type=total_value&since={since}&until={until}"
        )
    };
    let one = value(&baker.get(&of(day - DAY, day)).await.json()).unwrap();
    let two = value(&baker.get(&of(day - 2 * DAY, day)).await.json()).unwrap();
    assert!(two > one && one > 0);
    let old = baker.get(&of(day - 60 * DAY, day - 59 * DAY)).await.json();
    assert_eq!(
        old["data"],
        serde_json::json!([]),
        "before its past there is nothing"
    );
    let retired = baker.get("me/insights?metric=impressions&period=day").await;
    assert_eq!(retired.error().1, 100);
    let who = baker
        .get("me/insights?metric=follower_demographics&period=lifetime&metric_type=total_value&breakdown=country&timeframe=this_month")
        .await
        .json();
    let first = &who["data"][0]["total_value"]["breakdowns"][0]["results"][0];
    assert_eq!(first["dimension_values"][1], "DE");
}

#[tokio::test]
async fn what_is_taken_away_is_gone_and_a_cursor_outlives_it() {
    let world = with_past(30).await;
    let baker = Account::of(&world, "busy.baker").await;
    let page = baker.get("me/media?limit=10").await.json();
    let last = page["data"][9]["id"].as_str().unwrap().to_owned();
    let after = page["paging"]["cursors"]["after"]
        .as_str()
        .unwrap()
        .to_owned();
    world.sim.remove_media(std::slice::from_ref(&last));
    let next = baker
        .get(&format!("me/media?limit=10&after={after}"))
        .await
        .json();
    assert_eq!(next["data"].as_array().unwrap().len(), 10);
    assert_eq!(baker.get(&last).await.error().0, 400);
    let new = world.sim.post("busy.baker", ContentKind::Image, "By hand");
    let first = baker.get("me/media?limit=1").await.json();
    assert_eq!(first["data"][0]["id"], new.as_str());
}
