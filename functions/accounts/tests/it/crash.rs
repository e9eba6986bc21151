//! Dying in the middle: a request that is dropped after so many steps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Polls a future that often, and drops it if it has not ended by then: at one of the points where it waits, which are
/// the points where a process that dies leaves something half-done.
pub(crate) async fn run_for<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
