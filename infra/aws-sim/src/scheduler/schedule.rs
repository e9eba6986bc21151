//! One schedule, and the rules for making one.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expression::Expression;
use super::{Context, validation};
use crate::random::Random;
use crate::wire::{ApiError, seconds, text};

/// A schedule with when it fires next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) zone: String,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) description: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) delete_when_complete: bool,
    /// The flexible window; 0 when it is off.
    pub(crate) window_minutes: i64,
    pub(crate) target: Value,
    pub(crate) client_token: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    /// The time that the expression names for the next firing; none when there is no more.
    pub(crate) next_ms: Option<i64>,
    /// When it really fires: somewhere in the window after that time.
    pub(crate) fires_ms: Option<i64>,
}

impl Schedule {
    /// A schedule as a create or update asks for it.
    pub(super) fn of(
        group: &str,
        name: &str,
        input: &Value,
        context: &Context<'_>,
    ) -> Result<Self, ApiError> {
        let owned = |member: &str| text(input, member).map(str::to_owned);
        let expression = owned("ScheduleExpression").unwrap_or_default();
        let zone = owned("ScheduleExpressionTimezone").unwrap_or_else(|| "UTC".to_owned());
        if Expression::parse(&expression).is_none() {
            return Err(validation(format!(
                "Invalid Schedule Expression {expression}."
            )));
        }
        if TimeZone::get(&zone).is_err() {
            return Err(validation(format!("{zone} is not a valid time zone.")));
        }
        let time = |member: &str| Some((input.get(member)?.as_f64()? * 1000.0) as i64);
        let (start_ms, end_ms) = (time("StartDate"), time("EndDate"));
        if start_ms.is_some_and(|start| start < context.now - 300_000) {
            return Err(validation(
                "The StartDate you specify cannot be earlier than 5 minutes ago.",
            ));
        }
        if end_ms.is_some_and(|end| end <= start_ms.unwrap_or(context.now)) {
            return Err(validation(
                "The EndDate you specify must come after the StartDate and now.",
            ));
        }
        let enabled = match text(input, "State") {
            None | Some("ENABLED") => true,
            Some("DISABLED") => false,
            Some(_) => return Err(validation("State must be ENABLED or DISABLED.")),
        };
        let delete_when_complete = match text(input, "ActionAfterCompletion") {
            None | Some("NONE") => false,
            Some("DELETE") => true,
            Some(_) => return Err(validation("ActionAfterCompletion must be NONE or DELETE.")),
        };
        Ok(Self {
            group: group.to_owned(),
            name: name.to_owned(),
            expression,
            zone,
            start_ms,
            end_ms,
            description: owned("Description"),
            enabled,
            delete_when_complete,
            window_minutes: window(input)?,
            target: checked_target(input)?,
            client_token: owned("ClientToken"),
            created_ms: context.now,
            modified_ms: context.now,
            next_ms: None,
            fires_ms: None,
        })
    }

    /// Asks for the same as another one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.shown_settings() == other.shown_settings()
    }

    pub(super) fn parsed(&self) -> Option<(Expression, TimeZone)> {
        Some((
            Expression::parse(&self.expression)?,
            TimeZone::get(&self.zone).ok()?,
        ))
    }

    /// Sets the first firing, counted from now or the start date.
    pub(super) fn begin(&mut self, now: i64, random: &mut Random) {
        let start = self.start_ms.unwrap_or(now).max(now);
        let first = self
            .parsed()
            .and_then(|(expression, zone)| expression.first(&zone, start));
        self.set_next(first, random);
    }

    /// Sets the firing after the present one.
    pub(super) fn advance(&mut self, random: &mut Random) {
        self.set_next(self.following(), random);
    }

    /// The time that the expression names after the present one.
    pub(super) fn following(&self) -> Option<i64> {
        let (expression, zone) = self.parsed()?;
        expression.next(&zone, self.next_ms?)
    }

    fn set_next(&mut self, next: Option<i64>, random: &mut Random) {
        let one_time = self
            .parsed()
            .is_some_and(|(expression, _)| expression.is_one_time());
        // "EventBridge Scheduler ignores StartDate and EndDate for one-time schedules."
        self.next_ms = next.filter(|next| one_time || self.end_ms.is_none_or(|end| *next <= end));
        let window = u64::try_from(self.window_minutes * 60_000).unwrap_or(0);
        let later = if window == 0 {
            0
        } else {
            i64::try_from(random.below(window)).unwrap_or(0)
        };
        self.fires_ms = self.next_ms.map(|next| next + later);
    }

    fn shown_settings(&self) -> Value {
        let window = if self.window_minutes == 0 {
            json!({"Mode": "OFF"})
        } else {
            json!({"Mode": "FLEXIBLE", "MaximumWindowInMinutes": self.window_minutes})
        };
        json!({
            "Name": self.name,
            "GroupName": self.group,
            "Description": self.description,
            "ScheduleExpression": self.expression,
            "ScheduleExpressionTimezone": self.zone,
            "StartDate": self.start_ms.map(seconds),
            "EndDate": self.end_ms.map(seconds),
            "State": self.state(),
            "FlexibleTimeWindow": window,
            "ActionAfterCompletion": if self.delete_when_complete { "DELETE" } else { "NONE" },
            "Target": self.target,
        })
    }

    pub(super) fn state(&self) -> &'static str {
        if self.enabled { "ENABLED" } else { "DISABLED" }
    }

    /// As GetSchedule answers it.
    pub(super) fn shown(&self, arn: &str) -> Value {
        let mut shown = self.shown_settings();
        shown["Arn"] = json!(arn);
        shown["CreationDate"] = seconds(self.created_ms);
        shown["LastModificationDate"] = seconds(self.modified_ms);
        shown
    }
}

fn window(input: &Value) -> Result<i64, ApiError> {
    let window = input.get("FlexibleTimeWindow").unwrap_or(&Value::Null);
    let minutes = window.get("MaximumWindowInMinutes").and_then(Value::as_i64);
    match (text(window, "Mode"), minutes) {
        (Some("OFF"), None) => Ok(0),
        (Some("FLEXIBLE"), Some(minutes)) if (1..=1440).contains(&minutes) => Ok(minutes),
        _ => Err(validation(
            "Invalid FlexibleTimeWindow: FLEXIBLE needs MaximumWindowInMinutes from 1 to 1440.",
        )),
    }
}

/// The target with the retry policy that AWS fills in.
fn checked_target(input: &Value) -> Result<Value, ApiError> {
    let mut target = input.get("Target").cloned().unwrap_or_default();
    let arn = text(&target, "Arn").unwrap_or_default();
    if arn.split(':').count() < 6 || !arn.starts_with("arn:") {
        return Err(validation(format!(
            "Provided Arn is not in correct format: {arn}"
        )));
    }
    if arn.split(':').nth(2) != Some("sqs") && arn != super::fire::UNIVERSAL_SEND {
        return Err(validation(format!(
            "{arn} is no target that is simulated: only SQS is"
        )));
    }
    let role = text(&target, "RoleArn").unwrap_or_default();
    if !role.starts_with("arn:aws") || !role.contains(":iam::") || !role.contains(":role/") {
        return Err(validation(format!(
            "Provided RoleArn is not in correct format: {role}"
        )));
    }
    let policy = target.get("RetryPolicy").cloned().unwrap_or_default();
    let number = |member: &str, usual: i64, range: std::ops::RangeInclusive<i64>| {
        let number = policy
            .get(member)
            .map_or(Some(usual), Value::as_i64)
            .filter(|number| range.contains(number));
        number.ok_or_else(|| {
            validation(format!(
                "{member} must be between {} and {}.",
                range.start(),
                range.end()
            ))
        })
    };
    target["RetryPolicy"] = json!({
        "MaximumRetryAttempts": number("MaximumRetryAttempts", 185, 0..=185)?,
        "MaximumEventAgeInSeconds": number("MaximumEventAgeInSeconds", 86_400, 60..=86_400)?,
    });
    Ok(target)
}
