//! How much of the allowed calls is used up, and the refusal when all of it is.

use serde_json::json;

use crate::answer::{Answer, GraphError, OAUTH_EXCEPTION};
use crate::person::Person;
use crate::state::State;

pub(crate) fn refusal(state: &State, person: &Person, now_ms: i64) -> Option<GraphError> {
    let status = state.durable.settings.throttle_status;
    if state.app_usage_percent() >= 100 {
        return Some(app_limit_reached(status));
    }
    (minutes_to_wait(person, now_ms) > 0).then(|| account_limit_reached(status))
}

pub(crate) fn app_limit_reached(status: u16) -> GraphError {
    let message = "(#4) Application request limit reached";
    GraphError::new(4, OAUTH_EXCEPTION, message).with_status(status)
}

pub(crate) fn account_limit_reached(status: u16) -> GraphError {
    let message = "(#80002) There have been too many calls to this Instagram account. Wait a bit and try again.";
    GraphError::new(80_002, OAUTH_EXCEPTION, message).with_status(status)
}

/// 0 where calls are let through.
fn minutes_to_wait(person: &Person, now_ms: i64) -> i64 {
    let by_usage = match person.usage_percent {
        0..100 => 0,
        _ => i64::from(person.regain_minutes).max(1),
    };
    let by_block = person
        .blocked_until_ms
        .map_or(0, |until| until.saturating_sub(now_ms).max(0));
    // Rounded up: whoever waits the announced minutes is let through.
    by_usage.max(by_block.saturating_add(59_999) / 60_000)
}

/// The two usage headers. `minutes` stands for a wait that a fault announces.
pub(crate) fn with_headers(
    answer: Answer,
    state: &State,
    person: Option<&Person>,
    now_ms: i64,
    minutes: Option<u32>,
) -> Answer {
    let settings = &state.durable.settings;
    if !settings.usage_headers {
        return answer;
    }
    let app_percent = match (person, minutes) {
        (None, Some(_)) => 100,
        _ => state.app_usage_percent(),
    };
    let app_usage = json!({ "call_count": app_percent, "total_time": app_percent, "total_cputime": app_percent });
    let answer = answer.with_header("x-app-usage", &app_usage.to_string());
    let Some(person) = person else {
        return answer;
    };
    let wait = minutes.map_or_else(|| minutes_to_wait(person, now_ms), i64::from);
    let percent = match wait {
        0 => person.usage_percent,
        _ => person.usage_percent.max(100),
    };
    let usage = json!({ person.ig_user_id.as_str(): [{
        "type": "instagram",
        "call_count": percent,
        "total_cputime": percent / 2,
        "total_time": percent / 2,
        "estimated_time_to_regain_access": wait,
    }] });
    answer.with_header("x-business-use-case-usage", &usage.to_string())
}
