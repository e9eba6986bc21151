//! A post with a day: prepared ahead, published at its minute, and only once.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::schedules::post_schedules;

use super::{Journey, USERNAME, same};

/// Within the hours in which Instagram may be asked to prepare a post at once.
const LATER: SignedDuration = SignedDuration::from_hours(2);
/// A container is looked at again after some seconds, and so is everything after the publishing.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

impl Journey<'_> {
    pub(super) async fn publishes(&self) -> Result<(), String> {
        let stage = self.stage;
        let posts = format!("/instagram/accounts/{}/posts", self.account);
        let publish_at = stage.clock.now() + LATER;
        let body = json!({
            "kind": "image",
            "imageUrl": format!("{}/_sim/media/square.jpg", stage.instagram.url()),
            "caption": "Fresh bread",
            "publishAt": publish_at,
        });
        let post = self.send("POST", &posts, Some(&body), 201).await?;
        let id = post["id"].as_str().ok_or("a post without an id")?;
        let target = format!("{posts}/{id}");
        self.wait(&target, "ready").await?;
        let live = || stage.instagram.published_by(USERNAME).len();
        same("what is live before its time", live(), 0)?;
        let begins = post_schedules(id);
        let all = stage.aws.schedules().await?;
        let name = all.iter().find(|name| name.starts_with(&begins));
        let name = name.ok_or("a post without a schedule")?;
        let schedule = stage.aws.schedule(name).await?;
        self.done(
            "A post with a day is prepared ahead, and a schedule wakes it an hour before",
            &format!(
                "due at {publish_at}, the schedule fires {}",
                schedule.expression
            ),
        );

        stage.clock.advance(LATER - PAUSE * 10)?;
        // What AWS does with a schedule that has fired, and moto does not.
        stage.aws.lose_schedule(name).await?;
        stage.aws.send(&schedule.queue_url, &schedule.input).await?;
        let published = self.wait(&target, "published").await?;
        stage.aws.send(&schedule.queue_url, &schedule.input).await?;
        stage.work().await?;
        same("what is live", live(), 1)?;
        self.done(
            "At its minute it is published, and the same message again publishes nothing",
            &format!("{}: {}", published["publishedAt"], published["permalink"]),
        );
        Ok(())
    }

    /// Turns the clock, and has the work done that comes meanwhile, until a post is in a state.
    async fn wait(&self, post: &str, state: &str) -> Result<Value, String> {
        for _ in 0..40 {
            self.stage.work().await?;
            let shown = self.expect("GET", post, 200).await?;
            if shown["state"] == state && shown["nextStepAt"].is_null() == (state == "published") {
                return Ok(shown);
            }
            self.stage.clock.advance(PAUSE)?;
        }
        let shown = self.expect("GET", post, 200).await?;
        Err(format!("the post does not get {state}: {shown}"))
    }
}
