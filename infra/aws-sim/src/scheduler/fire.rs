//! What happens when a schedule is due: a message on its queue, further attempts, and the dead-letter queue.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Schedule, Schedules, arn, key};
use crate::call::Call;
use crate::core::{Core, Place, lock};
use crate::fault::{DELIVER, FaultKind};
use crate::permission;
use crate::sqs::Draft;
use crate::wire::{ApiError, Service, text};

/// The universal target that sends a message: the one that is simulated.
pub(super) const UNIVERSAL_SEND: &str = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage";

/// The longest pause between two attempts.
const LONGEST_PAUSE_MS: i64 = 600_000;

/// One firing on its way to its target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    schedule: String,
    schedule_arn: String,
    target: Value,
    execution: String,
    /// The time that the expression named.
    scheduled_ms: i64,
    first_ms: i64,
    due_ms: i64,
    /// Which attempt it is, from 1.
    number: i64,
}

impl Schedules {
    /// When the next firing or further attempt is due.
    pub(crate) fn next_due(&self) -> Option<i64> {
        let attempts = self.attempts.iter().map(|attempt| attempt.due_ms);
        attempts.chain(self.due.first().map(|(at, _)| *at)).min()
    }

    /// Puts a schedule in its place, new or changed.
    pub(super) fn keep(&mut self, schedule: Schedule) {
        let key = key(&schedule.group, &schedule.name);
        self.forget(&key);
        if let Some(at) = schedule.fires_ms.filter(|_| schedule.enabled) {
            self.due.insert((at, key.clone()));
        }
        self.schedules.insert(key, schedule);
    }

    /// Takes a schedule out.
    pub(super) fn forget(&mut self, key: &str) -> Option<Schedule> {
        let schedule = self.schedules.remove(key)?;
        if let Some(at) = schedule.fires_ms {
            self.due.remove(&(at, key.to_owned()));
        }
        Some(schedule)
    }

    /// After a stop: of what a recurring schedule missed in the meantime, only the last firing is made up for.
    pub(crate) fn catch_up(&mut self, now: i64) {
        for mut schedule in std::mem::take(&mut self.schedules).into_values() {
            while schedule.following().is_some_and(|at| at <= now) {
                schedule.advance(&mut self.random);
            }
            self.keep(schedule);
        }
    }

    /// The earliest attempt that is due, a schedule's first or a further one.
    fn take_due(&mut self, now: i64, place: &Place) -> Option<Attempt> {
        let further = (0..self.attempts.len()).min_by_key(|index| self.attempts[*index].due_ms);
        let further_at = further.map(|index| self.attempts[index].due_ms);
        let first = self.due.first().cloned();
        if let (Some(index), Some(at)) = (further, further_at)
            && first.as_ref().is_none_or(|(first_at, _)| at <= *first_at)
        {
            return (at <= now).then(|| self.attempts.remove(index));
        }
        let (at, key) = first.filter(|(at, _)| *at <= now)?;
        let mut schedule = self.forget(&key)?;
        let attempt = Attempt {
            schedule: schedule.name.clone(),
            schedule_arn: arn(&schedule.group, &schedule.name, place),
            target: schedule.target.clone(),
            execution: self.random.uuid(),
            scheduled_ms: schedule.next_ms.unwrap_or(at),
            first_ms: at,
            due_ms: at,
            number: 1,
        };
        schedule.advance(&mut self.random);
        if schedule.next_ms.is_some() || !schedule.delete_when_complete {
            self.keep(schedule);
        }
        Some(attempt)
    }
}

impl Attempt {
    /// The same once more after a pause that doubles; none, and why, when the policy allows no more.
    fn again(mut self) -> Result<Self, &'static str> {
        let allowed = |member: &str, usual: i64| {
            let policy = self.target.pointer(&format!("/RetryPolicy/{member}"));
            policy.and_then(Value::as_i64).unwrap_or(usual)
        };
        let (retries, age) = (
            allowed("MaximumRetryAttempts", 185),
            allowed("MaximumEventAgeInSeconds", 86_400),
        );
        if self.number > retries {
            return Err("MaximumRetryAttempts");
        }
        let pause = 1000_i64
            .checked_shl(u32::try_from(self.number).unwrap_or(0))
            .unwrap_or(LONGEST_PAUSE_MS);
        self.due_ms += if self.number > 9 {
            LONGEST_PAUSE_MS
        } else {
            pause.min(LONGEST_PAUSE_MS)
        };
        if self.due_ms - self.first_ms > age * 1000 {
            return Err("MaximumEventAgeInSeconds");
        }
        self.number += 1;
        Ok(self)
    }

    /// The message's body: the input with the schedule's own words put in.
    /// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
    fn input(&self, place: &Place) -> String {
        let time = Timestamp::from_millisecond(self.scheduled_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        match text(&self.target, "Input") {
            Some(input) => input
                .replace("<aws.scheduler.scheduled-time>", &time)
                .replace("<aws.scheduler.schedule-arn>", &self.schedule_arn)
                .replace("<aws.scheduler.execution-id>", &self.execution)
                .replace("<aws.scheduler.attempt-number>", &self.number.to_string()),
            None => json!({
                "version": "0",
                "id": self.execution,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": place.account,
                "time": time,
                "region": place.region,
                "resources": [self.schedule_arn],
                "detail": "{}",
            })
            .to_string(),
        }
    }

    /// The queue's ARN and the message.
    fn message(&self, place: &Place) -> Result<(String, Draft), ApiError> {
        let arn = text(&self.target, "Arn").unwrap_or_default();
        let body = self.input(place);
        let owned = |value: Option<&str>| value.map(str::to_owned);
        if arn != UNIVERSAL_SEND {
            let group = self
                .target
                .pointer("/SqsParameters/MessageGroupId")
                .and_then(Value::as_str);
            let draft = Draft {
                body,
                group: owned(group),
                ..Draft::default()
            };
            return Ok((arn.to_owned(), draft));
        }
        let input: Value = serde_json::from_str(&body)
            .map_err(|_| ApiError::new(400, "ValidationException", "the input is not JSON"))?;
        let name = text(&input, "QueueUrl")
            .and_then(|url| url.rsplit('/').next())
            .unwrap_or_default();
        let draft = Draft {
            body: text(&input, "MessageBody").unwrap_or_default().to_owned(),
            delay_seconds: input.get("DelaySeconds").and_then(Value::as_i64),
            group: owned(text(&input, "MessageGroupId")),
            deduplication: owned(text(&input, "MessageDeduplicationId")),
            ..Draft::default()
        };
        Ok((place.arn("sqs", name), draft))
    }

    /// What the dead-letter queue is told about the failure.
    fn dead_letter(&self, error: &ApiError, condition: &str, place: &Place) -> Draft {
        let mut attributes = Map::new();
        let mut put = |name: &str, value: &str| {
            attributes.insert(
                name.to_owned(),
                json!({"DataType": "String", "StringValue": value}),
            );
        };
        put("ERROR_CODE", &error.code);
        put("ERROR_MESSAGE", &error.message);
        put("EXECUTION_ID", &self.execution);
        put("EXHAUSTED_RETRY_CONDITION", condition);
        put("RETRY_ATTEMPTS", &(self.number - 1).to_string());
        put("SCHEDULE_ARN", &self.schedule_arn);
        put("TARGET_ARN", text(&self.target, "Arn").unwrap_or_default());
        Draft {
            body: self.input(place),
            attributes,
            ..Draft::default()
        }
    }
}

impl Core {
    /// Makes every attempt that is due by now, in the order in which they came due; says how many.
    pub(crate) fn fire_due(&self) -> usize {
        let now = self.now_ms();
        let mut fired = 0;
        let mut schedules = lock(&self.schedules);
        while let Some(attempt) = schedules.take_due(now, &self.place) {
            fired += 1;
            if let Some(again) = self.attempt(attempt, now) {
                schedules.attempts.push(again);
            }
        }
        drop(schedules);
        if fired > 0 {
            self.queues_changed.notify_waiters();
        }
        fired
    }

    /// Delivers; gives back the next attempt, if there is to be one.
    fn attempt(&self, attempt: Attempt, now: i64) -> Option<Attempt> {
        let fault = self.draw_fault(Service::Scheduler, DELIVER, &[]);
        let lost = || ApiError::new(500, "InternalServerException", "no answer from the target");
        let refused = match &fault {
            Some(FaultKind::LostBeforeApplied) => Some(lost()),
            Some(fault) => fault.error(Service::Scheduler),
            None => None,
        };
        let mut result = match refused {
            Some(error) => Err(error),
            None => attempt
                .message(&self.place)
                .and_then(|(arn, draft)| self.deliver(&arn, draft, now)),
        };
        if fault == Some(FaultKind::AppliedThenLost) {
            result = Err(lost());
        }
        self.log(Call {
            at_ms: now,
            service: Service::Scheduler.name(),
            operation: DELIVER.to_owned(),
            access_key_id: "scheduler.amazonaws.com".to_owned(),
            resource: Some(attempt.schedule.clone()),
            permissions: permission::of_delivery(text(&attempt.target, "Arn").unwrap_or_default()),
            status: result.as_ref().map_or_else(|error| error.status, |()| 200),
            request_bytes: text(&attempt.target, "Input").map_or(0, str::len),
            response_bytes: 0,
            read_units: 0.0,
            write_units: 0.0,
        });
        let error = result.err()?;
        match attempt.clone().again() {
            Ok(again) => Some(again),
            Err(condition) => {
                if let Some(arn) = attempt
                    .target
                    .pointer("/DeadLetterConfig/Arn")
                    .and_then(Value::as_str)
                {
                    // Without that queue the firing is lost, as on AWS.
                    let _ = self.deliver(
                        arn,
                        attempt.dead_letter(&error, condition, &self.place),
                        now,
                    );
                }
                None
            }
        }
    }

    fn deliver(&self, arn: &str, draft: Draft, now: i64) -> Result<(), ApiError> {
        lock(&self.queues).deliver(arn, draft, &self.place, now)
    }
}
