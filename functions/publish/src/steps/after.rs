//! What follows once a post is live: its media's id where that is missing, its address, the first comment. No state leads
//! from `published` anywhere, so nothing here can publish a post again.

use jiff::SignedDuration;
use shared::account::Failure;
use shared::graph::{Endpoint, ErrorKind, GraphError};
use shared::lambda::TaskError;
use shared::post::{FirstComment, Post};
use shared::secret::AccessToken;

use super::settle::{Found, find};
use super::{Step, save};
use crate::timing;

/// How often each of them is tried.
const MOST_TRIES: u32 = 6;
/// How often the first comment is sent.
const MOST_COMMENTS: u32 = 3;
/// A comment whose answer was lost is looked for after so long.
const COMMENT_QUIET: SignedDuration = SignedDuration::from_secs(60);

/// Does the next of the things that follow.
pub(super) async fn finish(step: Step) -> Result<(), TaskError> {
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return put_off(step, Some(closed.reason)).await,
    };
    if step.post.media_id.is_none() {
        return find_media(step, &token).await;
    }
    if step.post.permalink.is_none() && step.post.tries < MOST_TRIES {
        return find_address(step, &token).await;
    }
    match step.post.comment.clone() {
        Some(comment) if comment.id.is_none() && comment.failure.is_none() => {
            write_comment(step, &token, comment).await
        }
        _ => rest(step).await,
    }
}

async fn rest(step: Step) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    post.wake_at = None;
    post.waiting = None;
    step.save(post, &[]).await
}

/// Tries the same later; gives up after a few times, which is told where somebody waits for it.
async fn put_off(step: Step, reason: Option<Failure>) -> Result<(), TaskError> {
    if step.post.tries >= MOST_TRIES {
        return give_up(step, reason).await;
    }
    let mut post = step.post.clone();
    post.waiting = reason;
    post.wake_at = timing::look_after(post.tries).map(|pause| step.now + pause);
    post.tries += 1;
    step.save(post, &[]).await
}

async fn give_up(step: Step, reason: Option<Failure>) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    let mut told = Vec::new();
    post.wake_at = None;
    if let Some(comment) = post.comment.as_mut().filter(|comment| comment.id.is_none()) {
        let failure = reason.unwrap_or_else(|| Failure {
            code: "media_not_found".into(),
            message: "Instagram does not show which media the post is.".into(),
            at: step.now,
        });
        let sentence = format!(
            "The post is live, and its first comment could not be written. {}",
            failure.message
        );
        told.push(step.told("comment_failed", sentence));
        comment.failure = Some(failure);
    }
    step.save(post, &told).await
}

async fn find_media(step: Step, token: &AccessToken) -> Result<(), TaskError> {
    let Found::One(media) = find(&step, token).await? else {
        return put_off(step, None).await;
    };
    let mut post = step.post.clone();
    post.media_id = Some(media.id.clone());
    post.permalink = media.permalink;
    post.published_at = media.published_at.or(post.published_at);
    post.tries = 0;
    post.wake_at = Some(step.now);
    super::stamp(&step.post, &mut post, step.now);
    crate::wake::wake(&step.app, &post, step.now).await?;
    step.app
        .table
        .write_published_post(&post, step.post.version, &media.id, &[])
        .await?;
    Ok(())
}

async fn find_address(step: Step, token: &AccessToken) -> Result<(), TaskError> {
    let media = step.post.media_id.clone().unwrap_or_default();
    let graph = step.app.graph.for_login(step.account.login);
    let read = graph.published_media(token, &media).await;
    let permalink = match read {
        Ok(answered) => answered.value.permalink,
        Err(error) => {
            step.note_refusal(token, &error).await?;
            None
        }
    };
    let mut post = step.post.clone();
    match permalink {
        Some(permalink) => {
            post.permalink = Some(permalink);
            post.tries = 0;
            post.wake_at = has_comment_left(&post).then_some(step.now);
        }
        // The address is a convenience: what follows does not wait for it forever.
        None => {
            post.tries += 1;
            let pause = timing::look_after(post.tries).unwrap_or_default();
            post.wake_at = Some(step.now + pause);
        }
    }
    step.save(post, &[]).await
}

fn has_comment_left(post: &Post) -> bool {
    let comment = post.comment.as_ref();
    comment.is_some_and(|comment| comment.id.is_none() && comment.failure.is_none())
}

/// Writes the first comment, once: Instagram was seen to write one and answer with an error, so whoever sends it again
/// looks first.
async fn write_comment(
    step: Step,
    token: &AccessToken,
    mut comment: FirstComment,
) -> Result<(), TaskError> {
    let media = step.post.media_id.clone().unwrap_or_default();
    let text = step
        .post
        .content
        .first_comment()
        .unwrap_or_default()
        .to_owned();
    let graph = step.app.graph.for_login(step.account.login);
    if comment.tries > 0 {
        match graph.newest_comments(token, &media).await {
            Ok(answered) => {
                let own = |name: &Option<String>| {
                    name.is_none()
                        || step.account.username.is_none()
                        || *name == step.account.username
                };
                let mut written = answered.value.into_iter();
                let written = written.find(|found| {
                    found.text.as_deref().map(str::trim) == Some(text.trim())
                        && own(&found.username)
                });
                if let Some(written) = written {
                    comment.id = Some(written.id);
                    return keep_comment(step, comment).await;
                }
            }
            // It cannot be seen whether it is there: then it is not sent again.
            Err(error) => {
                let reason = super::outcome::failure(error.kind, step.now);
                return put_off(step, Some(reason)).await;
            }
        }
        if comment.tries >= MOST_COMMENTS {
            let reason = Failure {
                code: "comment_not_written".into(),
                message: "Instagram did not take it.".into(),
                at: step.now,
            };
            return give_up(step, Some(reason)).await;
        }
    }
    comment.tries += 1;
    let mut post = step.post.clone();
    post.comment = Some(comment.clone());
    post.wake_at = Some(step.app.clock.now() + COMMENT_QUIET);
    if !save(&step.app, &step.post, &mut post, &[]).await? {
        return Ok(());
    }
    let answer = graph.write_comment(token, &media, &text).await;
    let step = Step { post, ..step };
    match answer {
        Ok(answered) => {
            comment.id = Some(answered.value);
            keep_comment(step, comment).await
        }
        Err(error) if is_final(&error) => {
            step.note_refusal(token, &error).await?;
            let reason = super::outcome::failure(error.kind, step.now);
            // One look is left: a refusal is no proof.
            let mut post = step.post.clone();
            if let Some(comment) = &mut post.comment {
                comment.tries = MOST_COMMENTS;
            }
            post.waiting = Some(reason);
            step.save(post, &[]).await
        }
        // It is looked for before it is sent again.
        Err(error) => step.note_refusal(token, &error).await,
    }
}

fn is_final(error: &GraphError) -> bool {
    error.endpoint == Endpoint::WriteComment
        && error.kind != ErrorKind::Unknown
        && error.row().retry == shared::graph::Retry::Never
}

async fn keep_comment(step: Step, comment: FirstComment) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    post.comment = Some(comment);
    post.waiting = None;
    post.wake_at = None;
    let told = step.told(
        "comment_written",
        "The first comment stands below the post.",
    );
    step.save(post, &[told]).await
}
