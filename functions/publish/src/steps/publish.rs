//! The one call that publishes.
//!
//! Facts: Meta's page "IG User: media_publish". The call has no idempotency key, and what it answers is no proof: a post
//! was seen live after a refusal. So the intent is written before the call, the call is made once, and whatever is not a
//! clear success is looked into before anything else happens.

use jiff::{SignedDuration, Timestamp};
use shared::account::Failure;
use shared::graph::{AccountEffect, GraphError};
use shared::lambda::TaskError;
use shared::post::{Attempt, Post, State};

use super::outcome::failure;
use super::{Closed, Step, become_state, save, stamp};
use crate::preflight;
use crate::timing;
use crate::wake::wake;

/// What follows a publication comes so long after it.
const FOLLOWS_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// A clear refusal is looked into so soon.
const LOOK_SOON: SignedDuration = SignedDuration::from_secs(5);
/// How often a success is written again because somebody else wrote.
const TRIES: u32 = 8;

/// A post that is ready: it is looked at once more before its time, and published at its time.
pub(super) async fn at_its_time(mut step: Step) -> Result<(), TaskError> {
    let publish_at = step.publish_at();
    if step.now >= publish_at {
        let post = step.post.clone();
        return publish(step, post).await;
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

/// Publishes `post`, which is ready or was found not to be live.
pub(super) async fn publish(step: Step, mut post: Post) -> Result<(), TaskError> {
    let publish_at = step.publish_at();
    if step.now >= publish_at + timing::LATEST {
        let waiting = step.post.waiting.clone();
        return step.fail_overdue(waiting.as_ref()).await;
    }
    if let Some(pause) = step.account.publishing_pause_at(step.now) {
        let closed = Closed {
            reason: pause.reason.clone(),
            until: Some(pause.until),
        };
        return step.wait(closed).await;
    }
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return step.wait(closed).await,
    };
    let container = match &post.container {
        Some(container) if timing::is_alive(container, step.now) => container.id.clone(),
        _ => return prepare_anew(step, post).await,
    };
    let first_at = post.attempt.as_ref().map(|attempt| attempt.first_at);
    let number = post.attempt.as_ref().map_or(0, |attempt| attempt.number) + 1;
    become_state(&mut post, State::Publishing, None)?;
    let at = step.app.clock.now();
    post.attempt = Some(Attempt {
        number,
        first_at: first_at.unwrap_or(at),
        at,
        refusal: None,
    });
    // Should this process end now: whoever wakes then finds the intent, and looks before doing anything.
    post.wake_at = Some(at + timing::QUIET);
    let told = step.told("publishing", "The call that publishes is made.");
    if !save(&step.app, &step.post, &mut post, &[told]).await? {
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
            step.note_usage(&answered.usage).await
        }
        Err(error) => {
            // First the post, then the account: the post's state is what must not be lost.
            unclear(&step, &error).await?;
            step.note_refusal(&token, &error).await
        }
    }
}

/// The container has grown too old while the post waited.
async fn prepare_anew(step: Step, mut post: Post) -> Result<(), TaskError> {
    let told = step.told(
        "prepared_anew",
        "The media is prepared once more: what Instagram had prepared has expired.",
    );
    become_state(&mut post, State::Preparing, None)?;
    post.forget_containers();
    post.wake_at = Some(step.now);
    step.save(post, &[told]).await
}

/// Keeps that the post is live, whoever else wrote meanwhile.
async fn published(step: &Step, media: String) -> Result<(), TaskError> {
    let mut read = step.post.clone();
    for _ in 0..TRIES {
        let now = step.app.clock.now();
        let mut post = read.clone();
        if post.state == State::Publishing || post.state == State::Unknown {
            become_state(&mut post, State::Published, None)?;
        } else {
            return Ok(());
        }
        post.media_id = Some(media.clone());
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
    let told = step.told("published", sentence(post, step.publish_at(), now));
    stamp(read, post, now);
    wake(&step.app, post, now).await?;
    let table = &step.app.table;
    Ok(table
        .write_published_post(post, read.version, media, &[told])
        .await?)
}

pub(super) fn sentence(post: &Post, publish_at: Timestamp, now: Timestamp) -> String {
    let late = now
        .duration_since(publish_at.max(post.created_at))
        .as_mins();
    match late {
        ..1 => "The post is live.".into(),
        1 => "The post is live, a minute late.".into(),
        _ => format!("The post is live, {late} minutes late."),
    }
}

/// An error is no proof that nothing was published: the post is looked for.
async fn unclear(step: &Step, error: &GraphError) -> Result<(), TaskError> {
    let now = step.app.clock.now();
    let is_refusal = error.http_status.is_some_and(|status| status < 500) && error.code.is_some();
    let mut post = step.post.clone();
    let reason = Failure {
        message: format!(
            "Instagram did not say that the post is live: {} It is being found out whether it is.",
            error.row().sentence
        ),
        ..failure(error.kind, now)
    };
    let told = step.told("unclear", reason.message.clone());
    become_state(&mut post, State::Unknown, Some(reason))?;
    if let Some(attempt) = post.attempt.as_mut().filter(|_| is_refusal) {
        attempt.refusal = Some(failure(error.kind, now));
    }
    let is_sure = is_refusal && error.row().effect != AccountEffect::PublishingPaused;
    post.wake_at = Some(if is_sure {
        now + LOOK_SOON
    } else {
        step.post.wake_at.unwrap_or(now + timing::QUIET)
    });
    step.save(post, &[told]).await
}
