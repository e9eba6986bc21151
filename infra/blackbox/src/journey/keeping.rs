//! What keeps an account alive: syncs, renewals, the audit.

use jiff::SignedDuration;
use serde_json::Value;
use world::resources::AUDIT_SCHEDULE;

use super::{Journey, USERNAME, same, time};

/// The first sync of a connection comes after a minute.
const FIRST_SYNC: SignedDuration = SignedDuration::from_mins(2);
/// A sync is a task for the profile, and steps for media, days and stories.
pub(super) const STEPS: usize = 4;
/// Instagram renews a token from its second day on.
const OLD_ENOUGH: SignedDuration = SignedDuration::from_hours(25);
/// So many audits look at every page of the vault.
const AUDITS_TO_A_ROUND: usize = 24;

impl Journey<'_> {
    pub(super) async fn syncs(&self) -> Result<(), String> {
        let stage = self.stage;
        same("what is delivered at once", stage.work().await?, 0)?;
        stage.clock.advance(FIRST_SYNC)?;
        let delivered = stage.work().await?;
        same("whether it comes with its steps", delivered >= STEPS, true)?;
        self.done(
            "The first sync comes after its minute",
            &format!("{delivered} messages delivered"),
        );

        let followers = 4321;
        stage
            .instagram
            .update_person(USERNAME, |person| person.followers_count = followers);
        let before = time(&self.look().await?, "lastSyncAt")?;
        stage.clock.advance(SignedDuration::from_hours(1))?;
        let [_, sync] = self.schedule_names();
        let delivered = self.fire(&sync).await?;
        same("whether it comes with its steps", delivered >= STEPS, true)?;
        let account = self.look().await?;
        same(
            "whether it synced",
            time(&account, "lastSyncAt")? > before,
            true,
        )?;
        same(
            "the followers",
            &account["followerCount"],
            &Value::from(followers),
        )?;
        self.done(
            "The daily sync's task reads the profile",
            &format!("{followers} followers"),
        );
        Ok(())
    }

    pub(super) async fn is_renewed_by_hand(&self) -> Result<(), String> {
        let stage = self.stage;
        let target = format!("/instagram/accounts/{}/refresh", self.account);
        let early = self.expect("POST", &target, 409).await?;
        stage.clock.advance(OLD_ENOUGH)?;
        let before = time(&self.look().await?, "tokenExpiresAt")?;
        let live = stage.instagram.live_tokens_of(USERNAME);
        let account = self.expect("POST", &target, 200).await?;
        let after = time(&account, "tokenExpiresAt")?;
        same("whether it lives longer", after > before, true)?;
        same(
            "whether Instagram gave a token",
            stage.instagram.live_tokens_of(USERNAME) > live,
            true,
        )?;
        self.done(
            "POST …/refresh renews the token, once it is a day old",
            &format!("before: {}; then until {after}", early["code"]),
        );
        Ok(())
    }

    pub(super) async fn is_renewed_by_schedule(&self) -> Result<(), String> {
        let stage = self.stage;
        let [refresh, _] = self.schedule_names();
        let before = self.look().await?;
        let planned = time(&before, "nextRefreshAt")?;
        let expression = stage.aws.schedule(&refresh).await?.expression;
        let expected = format!("at({})", planned.strftime("%Y-%m-%dT%H:%M:%S"));
        same("the schedule's time", &expression, &expected)?;
        stage
            .clock
            .advance(planned.duration_since(stage.clock.now()) + SignedDuration::from_secs(1))?;
        same(
            "what the schedule's task leads to",
            self.fire(&refresh).await?,
            1,
        )?;
        let account = self.look().await?;
        let until = time(&account, "tokenExpiresAt")?;
        same(
            "whether it lives longer",
            until > time(&before, "tokenExpiresAt")?,
            true,
        )?;
        let timeline = format!("/instagram/accounts/{}/timeline", self.account);
        let timeline = self.expect("GET", &timeline, 200).await?;
        let newest = &timeline["entries"][0];
        same(
            "what happened",
            &newest["event"],
            &Value::from("token_refreshed"),
        )?;
        same("by whom", &newest["by"], &Value::from("schedule"))?;
        let next = stage.aws.schedule(&refresh).await?.expression;
        same("whether the schedule moved", next != expression, true)?;
        same("the tokens in the vault", self.stored_tokens().await?, 1)?;
        self.done(
            "At its time the schedule's task renews it, and moves the schedule",
            &format!("{expression}, then {next}; until {until}"),
        );
        Ok(())
    }

    /// A schedule is lost, and a write of the vault dies half-way.
    pub(super) async fn is_audited(&self) -> Result<(), String> {
        let stage = self.stage;
        let [refresh, _] = self.schedule_names();
        let planned = stage.aws.schedule(&refresh).await?.expression;
        stage.aws.lose_schedule(&refresh).await?;
        let pages = self.pages().await?;
        let (page, counts) = pages.first().ok_or("the vault has no page")?;
        stage.aws.half_write(page).await?;
        let labeled = stage.aws.labeled(page).await?;
        same(
            "whether the label moved",
            labeled.as_ref() != Some(counts),
            true,
        )?;
        same("the tokens in the vault", self.stored_tokens().await?, 1)?;

        // Each audit looks at some of the pages.
        let mut audits = 0;
        while audits < AUDITS_TO_A_ROUND && stage.aws.labeled(page).await?.as_ref() != Some(counts)
        {
            audits += self.fire(AUDIT_SCHEDULE).await?;
        }
        let mended = stage.aws.schedule(&refresh).await?.expression;
        same("the mended schedule", mended, planned)?;
        same(
            "the healed label",
            stage.aws.labeled(page).await?.as_ref(),
            Some(counts),
        )?;
        same("the tokens in the vault", self.stored_tokens().await?, 1)?;
        let coverage = self.expect("GET", "/health/coverage", 200).await?;
        same(
            "whether all is covered",
            &coverage["complete"],
            &Value::Bool(true),
        )?;
        same(
            "the scheduled accounts",
            &coverage["scheduled"],
            &Value::from(1),
        )?;
        let at = time(&coverage, "auditedAt")?;
        self.done(
            "The hourly audit makes a lost schedule again, and heals a page on which a write died",
            &format!("{audits} audits; coverage complete as of {at}"),
        );
        Ok(())
    }
}
