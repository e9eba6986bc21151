//! What brings a post's next step: the queue's delay for what is near, a schedule for what is far.

use jiff::{SignedDuration, Timestamp};
use shared::app::App;
use shared::aws::AwsError;
use shared::post::Post;
use shared::schedules::PostTask;
use shared::tasks::Task;

/// The longest that SQS delays a message.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(900);

/// EventBridge Scheduler fires within the minute of its moment. So a schedule aims so much earlier, and the queue's delay,
/// which is exact, does the rest.
const AIMED_EARLY: SignedDuration = SignedDuration::from_secs(75);

/// The shortest delay: whoever sends writes the post right after.
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
        let task = PostTask {
            account: &post.account,
            post: &post.id,
            version: post.version,
        };
        return app.schedules.put_post(task, at - AIMED_EARLY).await;
    }
    let task = Task::AdvancePost {
        account: post.account.clone(),
        post: post.id.clone(),
        post_version: post.version,
    };
    app.post_queue.send_later(task, full_seconds(left)).await
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
