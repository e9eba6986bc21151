//! What brings a post's next step: the queue's delay for what is near, a schedule for what is far.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use shared::app::App;
use shared::aws::AwsError;
use shared::post::Post;
use shared::tasks::Task;

/// The longest that SQS delays a message.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(900);

/// The shortest delay: whoever sends writes the post right after. Where that takes longer, the message is sent again.
const SHORTEST_DELAY: SignedDuration = SignedDuration::from_secs(1);

/// Sends what wakes the post for its next step; nothing for one without.
///
/// # Errors
/// When SQS or Scheduler refuses.
pub(crate) async fn wake(app: &App, post: &Post, now: Timestamp) -> Result<(), AwsError> {
    let Some(at) = post.wake_at else {
        return Ok(());
    };
    let left = at.duration_since(now).max(SHORTEST_DELAY);
    if left > LONGEST_DELAY {
        return app.schedules.put_post(post, at).await;
    }
    let task = Task::AdvancePost {
        account: post.account.clone(),
        post: post.id.clone(),
        post_version: post.version,
    };
    app.post_queue.send_later(task, full_seconds(left)).await
}

/// Sends what wakes the post for its next step, then writes it. What `write` answers is passed on: `false`, it was not
/// written.
///
/// Sent before the write, so that whoever dies in between leaves no post that nobody wakes. Where the write was slow, what
/// was sent may have come before it and found the post as it was: then it is sent once more.
///
/// # Errors
/// When SQS or Scheduler refuses, or the write fails.
pub(crate) async fn wake_and_write<E: From<AwsError>>(
    app: &App,
    post: &Post,
    write: impl Future<Output = Result<bool, E>>,
) -> Result<bool, E> {
    let sent_at = app.clock.now();
    wake(app, post, sent_at).await?;
    let written = write.await;
    let now = app.clock.now();
    let has_come = |at: Timestamp| now >= at.max(sent_at + SHORTEST_DELAY);
    // A write that failed may be applied all the same.
    if !matches!(written, Ok(false)) && post.wake_at.is_some_and(has_come) {
        wake(app, post, now).await?;
    }
    written
}

/// Removes the schedule that was to wake a post as it was read; what is left of it fires once and finds nothing to do.
pub(crate) async fn stay_asleep(app: &App, read: &Post, now: Timestamp) {
    let Some(at) = read.wake_at.filter(|at| *at > now) else {
        return;
    };
    let removed = app.schedules.remove_post(read, at);
    if let Err(error) = removed.await {
        tracing::warn!(event = "schedule_left", post = read.id, %error, "a schedule that nobody needs is left");
    }
}

/// Rounded up: a step that came before its moment would have to be sent again.
fn full_seconds(left: SignedDuration) -> i32 {
    let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_never_ends_before_its_moment() {
        for (milliseconds, seconds) in [(1000, 1), (1001, 2), (1999, 2), (900_000, 900)] {
            let left = SignedDuration::from_millis(milliseconds);
            assert_eq!(full_seconds(left), seconds, "{milliseconds}");
        }
    }
}
