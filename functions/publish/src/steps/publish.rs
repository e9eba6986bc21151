//! The one call that publishes.
//!
//! Facts: Meta's page "IG User: media_publish". The call has no idempotency key, and what it answers is no proof: a post
//! was seen live after a refusal. So the intent is written before the call, the call is made once, and whatever is not a
//! clear success is looked into before anything else happens.

use jiff::{SignedDuration, Timestamp};
use shared::account::Failure;
use shared::graph::{ErrorKind, GraphError};
use shared::lambda::TaskError;
use shared::post::{Attempt, Post, State};

use super::outcome::{Outcome, failure, outcome, without_promises};
use super::{Closed, Step, become_state, save, stamp};
use crate::preflight;
use crate::timing;
use crate::wake::wake_and_write;

/// What follows a publication comes so long after it.
pub(super) const FOLLOWS_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// So long after its intent was written the call is not made any more.
const LATEST_CALL: SignedDuration = SignedDuration::from_secs(60);
/// How often a success is written again because somebody else wrote.
const TRIES: u32 = 8;

/// A post that is ready: it is looked at once more before its time, and published at its time.
pub(super) async fn at_its_time(mut step: Step) -> Result<(), TaskError> {
    let publish_at = step.publish_at();
    if step.now >= publish_at {
        return Box::pin(publish(step)).await;
    }
    let found = preflight::check(
        &step.app,
        &step.account,
        &step.post.content,
        step.post.publish_at,
    )
    .await?;
    let told = found.iter().find(|finding| finding.is_blocking);
    let told = told.map(|finding| step.told("warning", finding.sentence.clone()));
    step.post.warnings = found;
    step.post.checked_at = Some(step.now);
    let mut post = step.post.clone();
    post.wake_at = Some(timing::ready_wake_at(&post, publish_at, step.now));
    step.save(post, told.as_slice()).await
}

/// Publishes a post that is ready: one that is known not to be live.
pub(super) async fn publish(step: Step) -> Result<(), TaskError> {
    let publish_at = step.publish_at();
    if step.now >= publish_at + timing::LATEST {
        let waiting = step.post.waiting.clone();
        return step.fail_overdue(waiting.as_ref()).await;
    }
    if let Some(closed) = step.paused() {
        return step.wait(closed).await;
    }
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return step.wait(closed).await,
    };
    let mut post = step.post.clone();
    let container = match &post.container {
        Some(container) if timing::is_alive(container, step.now) => container.id.clone(),
        _ => return prepare_anew(step).await,
    };
    if let Some(closed) = step.probe_pause().await? {
        return step.wait(closed).await;
    }
    become_state(&mut post, State::Publishing, None)?;
    let at = step.app.clock.now();
    let before = step.post.attempt.clone();
    post.attempt = Some(Attempt {
        number: before.as_ref().map_or(0, |before| before.number) + 1,
        first_at: before.as_ref().map_or(at, |before| before.first_at),
        at,
        refusal: None,
    });
    // Should this process end now: whoever wakes then finds the intent, and looks before doing anything.
    post.wake_at = Some(at + timing::QUIET);
    let told = step.told("publishing", "The call that publishes is made.");
    if !save(&step.app, &step.post, &mut post, &[told]).await? {
        return Ok(());
    }
    if step.app.clock.now() >= at + LATEST_CALL {
        // This process has slept: others are about to find out what became of its call, which had better not come now.
        return Ok(());
    }
    let answer = step
        .app
        .graph
        .for_login(step.account.login)
        .publish_container(&token, &step.account.platform_account_id, &container)
        .await;
    let step = Step { post, ..step };
    match answer {
        Ok(answered) => {
            published(&step, answered.value).await?;
            step.end_pause().await?;
            step.note_usage(&answered.usage).await
        }
        Err(error) if is_unsent(&error) => unsent(step, before, &error).await,
        Err(error) => {
            // First the post, then the account: the post's state is what must not be lost.
            let at = step.app.clock.now();
            unclear(&step, &error, at).await?;
            step.note_refusal(&token, &error, at).await
        }
    }
}

/// Whether the call never left.
fn is_unsent(error: &GraphError) -> bool {
    matches!(
        error.kind,
        ErrorKind::PausedByBreaker | ErrorKind::InvalidCall | ErrorKind::UnsupportedLogin
    )
}

/// The call never left: the post is as it was before, and waits where that helps.
async fn unsent(
    mut step: Step,
    before: Option<Attempt>,
    error: &GraphError,
) -> Result<(), TaskError> {
    step.now = step.app.clock.now();
    step.post.attempt = before;
    let reason = failure(error.kind, step.now);
    match outcome(error.kind, 0, error.retry_after, step.now) {
        Outcome::Again(pause) => {
            become_state(&mut step.post, State::Ready, None)?;
            let until = Some(step.now + pause);
            step.wait(Closed { reason, until }).await
        }
        _ => step.fail(reason).await,
    }
}

/// The container has grown too old while the post waited.
async fn prepare_anew(step: Step) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    let told = step.told(
        "prepared_anew",
        "The media is prepared once more: what Instagram had prepared has expired.",
    );
    become_state(&mut post, State::Preparing, None)?;
    post.forget_containers();
    post.wake_at = Some(step.now);
    step.save(post, &[told]).await
}

/// Keeps that the post is live, whoever else wrote meanwhile and wherever it stands by now.
async fn published(step: &Step, media: String) -> Result<(), TaskError> {
    let mut read = step.post.clone();
    for _ in 0..TRIES {
        if read.state == State::Published && read.media_id.as_ref() == Some(&media) {
            return Ok(());
        }
        let now = step.app.clock.now();
        let mut post = read.clone();
        if post.state != State::Published {
            become_state(&mut post, State::Published, None)?;
        }
        post.media_id = Some(media.clone());
        post.permalink = None;
        post.published_at = Some(now);
        post.wake_at = Some(now + FOLLOWS_AFTER);
        if write_published(step, &read, &mut post, &media, now).await? {
            return Ok(());
        }
        let Some(again) = step.app.table.post(&post.account, &post.id).await? else {
            return Ok(());
        };
        read = again;
    }
    Err(TaskError::new("a post that others keep changing".into()))
}

/// Writes a post that is live, and that the media is its own. `false`: somebody wrote, or the media is another post's.
pub(super) async fn write_published(
    step: &Step,
    read: &Post,
    post: &mut Post,
    media: &str,
    now: Timestamp,
) -> Result<bool, TaskError> {
    let mut sentence = sentence(post, step.publish_at(), now);
    if !matches!(read.state, State::Publishing | State::Unknown) {
        sentence.push_str(" Instagram's answer came late.");
    }
    let told = [step.told("published", sentence)];
    stamp(read, post, now);
    let table = &step.app.table;
    let write = table.write_published_post(post, read.version, media, &told);
    Ok(wake_and_write(&step.app, post, write).await?)
}

pub(super) fn sentence(post: &Post, publish_at: Timestamp, now: Timestamp) -> String {
    let late = now
        .duration_since(publish_at.max(post.created_at))
        .as_mins();
    match late {
        _ if post.is_at_once => "The post is live.".into(),
        ..1 => "The post is live.".into(),
        1 => "The post is live, a minute late.".into(),
        _ => format!("The post is live, {late} minutes late."),
    }
}

/// An error is no proof that nothing was published: the post is looked for, once the call has had its time.
async fn unclear(step: &Step, error: &GraphError, now: Timestamp) -> Result<(), TaskError> {
    let is_refusal = error.http_status.is_some_and(|status| status < 500) && error.code.is_some();
    let mut post = step.post.clone();
    let reason = Failure {
        message: format!(
            "Instagram did not say that the post is live: {} It is being found out whether it is.",
            without_promises(error.row().sentence)
        ),
        ..failure(error.kind, now)
    };
    let told = step.told("unclear", reason.message.clone());
    become_state(&mut post, State::Unknown, Some(reason))?;
    if let Some(attempt) = post.attempt.as_mut().filter(|_| is_refusal) {
        attempt.refusal = Some(failure(error.kind, now));
    }
    step.save(post, &[told]).await
}
