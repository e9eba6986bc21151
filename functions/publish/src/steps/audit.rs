//! Posts whose next step was due and did not come: a lost message, or a task that ended among the dead letters.

use std::sync::Arc;

use jiff::SignedDuration;
use shared::app::App;
use shared::lambda::TaskError;
use shared::metrics::{self, Unit};
use shared::table::keys;
use shared::tasks::Task;

/// A step that is late by less comes by itself: the queue delivers a message again after three minutes.
const LATE: SignedDuration = SignedDuration::from_mins(5);
/// How many posts of a partition one audit wakes; the next one goes on.
const MOST: i32 = 200;

/// Wakes the posts that nobody woke.
pub(crate) async fn audit(app: &Arc<App>) -> Result<(), TaskError> {
    let before = app.clock.now() - LATE;
    let mut overdue = 0_usize;
    for partition in 0..keys::DUE_PARTITIONS {
        for found in app.table.overdue_posts(partition, before, MOST).await? {
            overdue += 1;
            tracing::warn!(
                event = "post_overdue",
                account = found.account,
                post = found.post,
                "its next step did not come: it is woken"
            );
            let task = Task::AdvancePost {
                account: found.account,
                post: found.post,
                post_version: found.version,
            };
            app.post_queue.send(task).await?;
        }
    }
    let values = [("PostsOverdue", Unit::Count, overdue as f64)];
    metrics::put(&app.config.metrics, &[], &values);
    Ok(())
}
