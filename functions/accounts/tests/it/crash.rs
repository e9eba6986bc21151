//! Dying in the middle: a request that is dropped after so many steps.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use shared::lambda::Context;
use world::gateway::{HttpCall, api_gateway_event};

use crate::fixture::Fixture;

/// Runs a request for that many steps and drops it if it has not ended by then: at one of the points where it waits,
/// which are the points where a process that dies leaves something half-done. Returns whether it ended.
pub(crate) async fn runs_to_its_end_in(polls: usize, fixture: &Fixture, call: &HttpCall) -> bool {
    let event = api_gateway_event(call, fixture.now());
    let mut request = pin!(fixture.function.invoke(&event, Context::default()));
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        request.as_mut().poll(context).map(|answer| answer.is_ok())
    })
    .await
}
