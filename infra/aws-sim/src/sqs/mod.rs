//! SQS: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>
//!
//! `queue` is what a queue does, `attributes` how it is configured, `requests` AWS's JSON to and from both, `fifo` what
//! FIFO queues add.

mod attributes;
mod fifo;
mod manage;
mod queue;
mod requests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::{Core, Place, lock};
use crate::fault::FaultKind;
use crate::random::Random;
use crate::wire::{ApiError, text};

pub(crate) use queue::{Draft, Queue};

/// How often a waiting receive looks whether the clock was turned.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// All queues.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Queues {
    by_name: BTreeMap<String, Queue>,
    random: Random,
}

pub(crate) type Answered = Result<Value, ApiError>;

/// What a call needs to know besides its input.
pub(crate) struct Context<'a> {
    pub(crate) now: i64,
    pub(crate) place: &'a Place,
    /// `http://host:port`, as the caller sees us.
    pub(crate) base: &'a str,
    pub(crate) fault: Option<&'a FaultKind>,
}

pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterValue", message)
}

impl Queues {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            by_name: BTreeMap::new(),
            random: Random::new(seed, "sqs"),
        }
    }

    /// Every queue, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Queue> {
        self.by_name.values()
    }

    /// When the next delayed or invisible message becomes visible.
    pub(crate) fn next_due(&self, now: i64) -> Option<i64> {
        let messages = self.all().flat_map(Queue::messages);
        messages
            .map(|message| message.visible_ms)
            .filter(|at| *at > now)
            .min()
    }

    /// Whether other queues give up messages to this one.
    pub(crate) fn is_dead_letter_target(&self, arn: &str) -> bool {
        self.sources_of(arn).next().is_some()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Queue> {
        self.by_name.get(name)
    }

    /// The queue that the input's `QueueUrl` names, without what is past its retention.
    fn asked(&mut self, input: &Value, now: i64) -> Result<&mut Queue, ApiError> {
        let url = text(input, "QueueUrl").ok_or_else(|| {
            ApiError::new(
                400,
                "MissingParameter",
                "The request must contain the parameter QueueUrl.",
            )
        })?;
        let name = url.rsplit('/').next().unwrap_or_default();
        let queue = self.by_name.get_mut(name).ok_or_else(no_such_queue)?;
        queue.expire(now);
        Ok(queue)
    }

    /// Puts a message on the queue with this ARN; how Scheduler delivers.
    pub(crate) fn deliver(
        &mut self,
        arn: &str,
        draft: Draft,
        place: &Place,
        now: i64,
    ) -> Result<(), ApiError> {
        let Self { by_name, random } = self;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let queue = by_name
            .get_mut(name)
            .filter(|queue| queue.arn(place) == arn);
        let queue = queue.ok_or_else(no_such_queue)?;
        queue.expire(now);
        queue.send(draft, now, random)?;
        Ok(())
    }

    fn call(&mut self, operation: &str, input: &Value, context: &Context<'_>) -> Answered {
        match operation {
            "CreateQueue" => self.create(input, context),
            "DeleteQueue" => self.delete(input, context),
            "GetQueueUrl" => self.url(input, context),
            "ListQueues" => self.list(input, context),
            "GetQueueAttributes" => self.get_attributes(input, context),
            "SetQueueAttributes" => self.set_attributes(input, context),
            "PurgeQueue" => self.purge(input, context),
            "TagQueue" => self.tag(input, context),
            "UntagQueue" => self.untag(input, context),
            "ListQueueTags" => self.tags(input, context),
            "ListDeadLetterSourceQueues" => self.dead_letter_sources(input, context),
            "StartMessageMoveTask" => self.move_messages(input, context),
            "SendMessage" => self.send_message(input, context),
            "SendMessageBatch" => self.send_message_batch(input, context),
            "ReceiveMessage" => self.receive_message(input, context),
            "DeleteMessage" => self.delete_message(input, context),
            "DeleteMessageBatch" => self.delete_message_batch(input, context),
            "ChangeMessageVisibility" => self.change_visibility(input, context),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(input, context),
            _ => Err(ApiError::new(
                400,
                "UnsupportedOperation",
                format!("{operation} is not simulated"),
            )),
        }
    }
}

fn no_such_queue() -> ApiError {
    ApiError::new(
        400,
        "QueueDoesNotExist",
        "The specified queue does not exist.",
    )
}

impl Core {
    pub(crate) async fn call_sqs(
        &self,
        operation: &str,
        input: &Value,
        base: &str,
        fault: Option<&FaultKind>,
    ) -> Answered {
        if operation == "ReceiveMessage" {
            return self.receive_waiting(input, base, fault).await;
        }
        let answer = self.call_sqs_now(operation, input, base, fault);
        self.queues_changed.notify_waiters();
        answer
    }

    fn call_sqs_now(
        &self,
        operation: &str,
        input: &Value,
        base: &str,
        fault: Option<&FaultKind>,
    ) -> Answered {
        let context = Context {
            now: self.now_ms(),
            place: &self.place,
            base,
            fault,
        };
        lock(&self.queues).call(operation, input, &context)
    }

    /// Receives, waiting in real time for a first message as long as the call or the queue says.
    async fn receive_waiting(
        &self,
        input: &Value,
        base: &str,
        fault: Option<&FaultKind>,
    ) -> Answered {
        let seconds = lock(&self.queues).wait_seconds(input, self.now_ms())?;
        let mut stop = self.stop.subscribe();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            let changed = self.queues_changed.notified();
            tokio::pin!(changed);
            // Listening begins before looking, so that a message sent in between is not missed.
            changed.as_mut().enable();
            let answer = self.call_sqs_now("ReceiveMessage", input, base, fault)?;
            let over = tokio::time::Instant::now() >= deadline || *stop.borrow();
            if over || answer.get("Messages").is_some() {
                return Ok(answer);
            }
            tokio::select! {
                () = changed => {}
                _ = stop.changed() => {}
                () = tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + LOOK_AGAIN)) => {}
            }
        }
    }
}
