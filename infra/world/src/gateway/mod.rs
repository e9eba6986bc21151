//! API Gateway's HTTP API and Lambda's function URLs, as a function sees them: an HTTP call becomes an event in payload
//! format 2.0, and the function's answer becomes an HTTP reply.

mod call;
mod event;
mod reply;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde_json::value::RawValue;
use shared::lambda::{Context, Function};

pub use call::HttpCall;
pub use event::{api_gateway_event, function_url_event};
pub use reply::Reply;

use crate::resources::WORKER_TIMEOUT_SECONDS;

/// Hands an HTTP event to a function and reads its answer.
///
/// # Errors
/// A sentence, where the function fails or panics, or its answer is none that API Gateway takes: its caller would see
/// a 500 of API Gateway's own.
pub async fn invoke(function: &Function, event: String, now_ms: i64) -> Result<Reply, String> {
    let answer = invoke_raw(function, &event, now_ms).await?;
    Reply::parse(answer.get())
}

/// Hands any event to a function.
///
/// # Errors
/// A sentence, where the function fails or panics.
pub async fn invoke_raw(
    function: &Function,
    event: &str,
    now_ms: i64,
) -> Result<Box<RawValue>, String> {
    let mut context = Context::default();
    context.request_id = uuid::Uuid::new_v4().to_string();
    context.deadline = u64::try_from(now_ms + 1000 * WORKER_TIMEOUT_SECONDS).unwrap_or(0);
    let answered = AssertUnwindSafe(function.invoke(event, context)).catch_unwind();
    match answered.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("the function failed: {error}")),
        Err(_) => Err("the function panicked".to_owned()),
    }
}
