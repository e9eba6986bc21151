//! Messages that nobody can read, and the end of a connection.

use jiff::SignedDuration;
use serde_json::Value;
use world::resources::{
    AUDIT_SCHEDULE, MAX_RECEIVE_COUNT, POST_AUDIT_SCHEDULE, VISIBILITY_SECONDS,
};

use super::events::SECOND_LOOK;
use super::keeping::STEPS;
use super::{Journey, same, time};

impl Journey<'_> {
    /// One batch with a good and a bad message, and then the bad one alone until the queue gives up.
    pub(super) async fn sets_bad_messages_aside(&self) -> Result<(), String> {
        let stage = self.stage;
        let [_, sync] = self.schedule_names();
        let bad = r#"{"version":1,"task":"unheardOf"}"#;
        let before = time(&self.look().await?, "lastSyncAt")?;
        stage.aws.send(&stage.aws.queues.queue_url, bad).await?;
        let mut delivered = self.fire(&sync).await?;
        same(
            "whether the good one was done",
            time(&self.look().await?, "lastSyncAt")? > before,
            true,
        )?;
        for _ in 0..MAX_RECEIVE_COUNT {
            stage
                .clock
                .advance(SignedDuration::from_secs(VISIBILITY_SECONDS + 1))?;
            delivered += stage.work().await?;
        }
        let at_least = STEPS + usize::try_from(MAX_RECEIVE_COUNT).unwrap_or(0);
        same("whether it came again", delivered >= at_least, true)?;
        same(
            "the dead letters",
            stage.aws.take_dead_letters().await?,
            vec![bad.to_owned()],
        )?;
        self.done(
            "A message that nobody can read takes no other with it, and ends among the dead letters",
            &format!("{delivered} deliveries"),
        );
        Ok(())
    }

    pub(super) async fn disconnects(&self) -> Result<(), String> {
        let target = format!("/instagram/accounts/{}", self.account);
        let account = self
            .expect("POST", &format!("{target}/disconnect"), 200)
            .await?;
        same(
            "the status",
            &account["status"],
            &Value::from("disconnected"),
        )?;
        let left: Vec<String> = self.stage.aws.schedules().await?.into_iter().collect();
        same(
            "the schedules",
            left.as_slice(),
            &[AUDIT_SCHEDULE, POST_AUDIT_SCHEDULE].map(str::to_owned),
        )?;
        same("the tokens in the vault", self.stored_tokens().await?, 0)?;
        self.done(
            "A disconnect removes token and schedules",
            &format!("left: {}", left.join(", ")),
        );
        self.expect("DELETE", &target, 204).await?;
        let gone = self.expect("GET", &target, 404).await?;
        let list = self.expect("GET", "/instagram/accounts", 200).await?;
        same("the accounts", &list["total"], &Value::from(0))?;
        self.stage.clock.advance(SECOND_LOOK)?;
        same("the sweep", self.stage.work().await?, 1)?;
        self.done("A deleted account is gone", &gone["detail"].to_string());
        Ok(())
    }

    pub(super) async fn leaves_nothing(&self) -> Result<(), String> {
        let aws = &self.stage.aws;
        same("what is delivered", self.stage.work().await?, 0)?;
        let queues = &aws.queues;
        for queue in [
            &queues.queue_url,
            &queues.post_queue_url,
            &queues.event_queue_url,
        ] {
            same("the queue", aws.depth(queue).await?, 0)?;
        }
        same(
            "the dead letters",
            aws.depth(&aws.queues.dead_letters_url).await?,
            0,
        )?;
        let found = format!("{:?}", aws.items().await?);
        same(
            "whether the table names the account",
            found.contains(&self.account),
            false,
        )?;
        let (secrets, lines) = self.stage.look_for_secrets().await?;
        self.done(
            "Nothing is left behind, and no secret stands where it may not",
            &format!(
                "queues empty; none of {secrets} secrets in {lines} log lines of the functions"
            ),
        );
        Ok(())
    }
}
