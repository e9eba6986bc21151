//! Calls about messages: AWS's JSON in, a queue's deed, AWS's JSON out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::attributes::seconds;
use super::queue::{Draft, Message, Queue, Sent, attributes_size};
use super::{Answered, Context, Queues, invalid};
use crate::core::Place;
use crate::fault::FaultKind;
use crate::random::Random;
use crate::wire::{ApiError, list, text, texts};

/// A batch's bodies and attributes together.
const LARGEST_BATCH: usize = 1_048_576;

fn draft(input: &Value) -> Result<Draft, ApiError> {
    let owned = |member: &str| text(input, member).map(str::to_owned);
    let attributes = input
        .get("MessageAttributes")
        .and_then(Value::as_object)
        .cloned();
    let trace = input.pointer("/MessageSystemAttributes/AWSTraceHeader/StringValue");
    let body = owned("MessageBody").unwrap_or_default();
    if !body.chars().all(is_allowed) {
        return Err(ApiError::new(
            400,
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | \
             #x10000 to #x10FFFF",
        ));
    }
    Ok(Draft {
        body,
        attributes: attributes.unwrap_or_default(),
        trace_header: trace.and_then(Value::as_str).map(str::to_owned),
        delay_seconds: seconds(input, "DelaySeconds", 900)?,
        group: owned("MessageGroupId"),
        deduplication: owned("MessageDeduplicationId"),
    })
}

/// Whether SQS takes a character in a message's body.
fn is_allowed(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn send(queue: &mut Queue, input: &Value, now: i64, random: &mut Random) -> Answered {
    let draft = draft(input)?;
    let mut answer = Map::new();
    answer.insert(
        "MD5OfMessageBody".to_owned(),
        json!(digest(draft.body.as_bytes())),
    );
    if !draft.attributes.is_empty() {
        answer.insert(
            "MD5OfMessageAttributes".to_owned(),
            json!(attributes_digest(&draft.attributes)),
        );
    }
    let Sent { id, sequence } = queue.send(draft, now, random)?;
    answer.insert("MessageId".to_owned(), json!(id));
    if queue.attributes.fifo {
        answer.insert(
            "SequenceNumber".to_owned(),
            json!(sequence_number(sequence)),
        );
    }
    Ok(Value::Object(answer))
}

fn sequence_number(sequence: u64) -> String {
    format!("{:020}", sequence * 256)
}

fn handle(input: &Value) -> &str {
    text(input, "ReceiptHandle").unwrap_or_default()
}

fn change_visibility(queue: &mut Queue, input: &Value, now: i64) -> Answered {
    let seconds = seconds(input, "VisibilityTimeout", 43_200)?;
    let seconds = seconds.ok_or_else(|| {
        ApiError::new(
            400,
            "MissingParameter",
            "The request must contain the parameter VisibilityTimeout.",
        )
    })?;
    queue.change_visibility(handle(input), seconds, now)?;
    Ok(json!({}))
}

/// Does each entry of a batch by itself.
fn batch(
    input: &Value,
    context: &Context<'_>,
    mut each: impl FnMut(&Value) -> Answered,
) -> Answered {
    let entries = list(input, "Entries");
    let id = |entry: &Value| text(entry, "Id").unwrap_or_default().to_owned();
    let refused = |code: &str, message: &str| Err(ApiError::new(400, code, message));
    if entries.is_empty() {
        return refused(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        );
    }
    if entries.len() > 10 {
        return refused(
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        );
    }
    let mut ids: Vec<String> = entries.iter().map(id).collect();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if ids
        .iter()
        .any(|id| id.is_empty() || id.len() > 80 || !id.chars().all(allowed))
    {
        return refused(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, - and _.",
        );
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < entries.len() {
        return refused(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        );
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let done = if index > 0 && context.fault == Some(&FaultKind::PartialBatch) {
            Err(ApiError::new(
                500,
                "InternalError",
                "The request processing has failed.",
            ))
        } else {
            each(entry)
        };
        match done {
            Ok(mut answer) => {
                answer["Id"] = json!(id(entry));
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id(entry),
                "SenderFault": error.status < 500,
                "Code": error.code,
                "Message": error.message,
            })),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

impl Queues {
    pub(super) fn send_message(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let mut random = self.random.clone();
        let answer = send(
            self.asked(input, context.now)?,
            input,
            context.now,
            &mut random,
        );
        self.random = random;
        answer
    }

    pub(super) fn send_message_batch(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let mut random = self.random.clone();
        let queue = self.asked(input, context.now)?;
        let size = |entry: &Value| {
            let attributes = entry.get("MessageAttributes").and_then(Value::as_object);
            text(entry, "MessageBody").map_or(0, str::len) + attributes.map_or(0, attributes_size)
        };
        if list(input, "Entries").iter().map(size).sum::<usize>() > LARGEST_BATCH {
            let message = format!("Batch requests cannot be longer than {LARGEST_BATCH} bytes.");
            return Err(ApiError::new(400, "BatchRequestTooLong", message));
        }
        let answer = batch(input, context, |entry| {
            send(queue, entry, context.now, &mut random)
        });
        self.random = random;
        answer
    }

    pub(super) fn delete_message(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        self.asked(input, context.now)?.delete(handle(input))?;
        Ok(json!({}))
    }

    pub(super) fn delete_message_batch(
        &mut self,
        input: &Value,
        context: &Context<'_>,
    ) -> Answered {
        let queue = self.asked(input, context.now)?;
        batch(input, context, |entry| {
            queue.delete(handle(entry)).map(|()| json!({}))
        })
    }

    pub(super) fn change_visibility(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        change_visibility(self.asked(input, context.now)?, input, context.now)
    }

    pub(super) fn change_visibility_batch(
        &mut self,
        input: &Value,
        context: &Context<'_>,
    ) -> Answered {
        let queue = self.asked(input, context.now)?;
        batch(input, context, |entry| {
            change_visibility(queue, entry, context.now)
        })
    }

    /// How long a receive may wait, in seconds.
    pub(super) fn wait_seconds(&mut self, input: &Value, now: i64) -> Result<u64, ApiError> {
        let queue = self.asked(input, now)?;
        let asked = seconds(input, "WaitTimeSeconds", 20)?;
        Ok(asked.map_or(queue.attributes.wait_seconds, i64::unsigned_abs))
    }

    pub(super) fn receive_message(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let most = input
            .get("MaxNumberOfMessages")
            .filter(|most| !most.is_null());
        let most = most
            .map_or(Some(1), Value::as_u64)
            .filter(|most| (1..=10).contains(most));
        let most = most.and_then(|most| usize::try_from(most).ok()).ok_or_else(|| {
            invalid("Value for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.")
        })?;
        let now = context.now;
        let mut random = self.random.clone();
        let queue = self.asked(input, now)?;
        let visibility = seconds(input, "VisibilityTimeout", 43_200)?
            .unwrap_or(queue.attributes.visibility_seconds);
        let (received, given_up) = queue.receive(most, visibility * 1000, now, &mut random);
        if context.fault == Some(&FaultKind::DuplicateDelivery) {
            for (sequence, _) in &received {
                if let Some(message) = queue.messages.get_mut(sequence) {
                    message.visible_ms = now;
                }
            }
        }
        let (name, arn) = (queue.name.clone(), queue.arn(context.place));
        let target = queue
            .attributes
            .redrive
            .as_ref()
            .and_then(|redrive| redrive.target.rsplit(':').next());
        let target = target.unwrap_or_default().to_owned();
        self.random = random;
        // Without its dead-letter queue, a message stays where it is.
        let target = if self.by_name.contains_key(&target) {
            target
        } else {
            name
        };
        if let Some(target) = self.by_name.get_mut(&target) {
            for mut message in given_up {
                message.source = Some(arn.clone());
                target.take_in(message, now);
            }
        }
        let show =
            |(sequence, message): &(u64, Message)| shown(*sequence, message, input, context.place);
        let messages: Vec<Value> = received.iter().map(show).collect();
        // AWS leaves the member out when there is nothing.
        Ok(if messages.is_empty() {
            json!({})
        } else {
            json!({"Messages": messages})
        })
    }
}

/// A message as a receive shows it, with the attributes that were asked for.
fn shown(sequence: u64, message: &Message, input: &Value, place: &Place) -> Value {
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.handle,
        "MD5OfBody": digest(message.body.as_bytes()),
        "Body": message.body,
    });
    let mut wanted = texts(input, "AttributeNames");
    wanted.extend(texts(input, "MessageSystemAttributeNames"));
    let mut system = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|_| {
            wanted
                .iter()
                .any(|wanted| wanted == "All" || wanted == name)
        }) {
            system.insert(name.to_owned(), json!(value));
        }
    };
    let fifo = message.deduplication.is_some();
    put("SenderId", Some(place.account.clone()));
    put("SentTimestamp", Some(message.sent_ms.to_string()));
    put(
        "ApproximateReceiveCount",
        Some(message.receives.to_string()),
    );
    put(
        "ApproximateFirstReceiveTimestamp",
        message.first_received_ms.map(|at| at.to_string()),
    );
    put("AWSTraceHeader", message.trace_header.clone());
    put("DeadLetterQueueSourceArn", message.source.clone());
    put("MessageGroupId", message.group.clone());
    put("MessageDeduplicationId", message.deduplication.clone());
    put("SequenceNumber", fifo.then(|| sequence_number(sequence)));
    if !system.is_empty() {
        answer["Attributes"] = Value::Object(system);
    }
    let wanted = texts(input, "MessageAttributeNames");
    let is_wanted = |name: &str| {
        wanted.iter().any(|wanted| {
            let prefix = wanted.strip_suffix(".*");
            wanted == "All"
                || wanted == name
                || prefix.is_some_and(|prefix| name.starts_with(prefix))
        })
    };
    let mut attributes = message.attributes.clone();
    attributes.retain(|name, _| is_wanted(name));
    if !attributes.is_empty() {
        answer["MD5OfMessageAttributes"] = json!(attributes_digest(&attributes));
        answer["MessageAttributes"] = Value::Object(attributes);
    }
    answer
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
fn attributes_digest(attributes: &Map<String, Value>) -> String {
    let mut encoded = Vec::new();
    let mut sorted: Vec<_> = attributes.iter().collect();
    sorted.sort_by_key(|(name, _)| name.as_str());
    let mut put = |bytes: &[u8], kind: Option<u8>| {
        encoded.extend(kind);
        encoded.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        encoded.extend(bytes);
    };
    for (name, attribute) in sorted {
        put(name.as_bytes(), None);
        put(
            text(attribute, "DataType").unwrap_or_default().as_bytes(),
            None,
        );
        match text(attribute, "BinaryValue") {
            Some(binary) => put(&STANDARD.decode(binary).unwrap_or_default(), Some(2)),
            None => put(
                text(attribute, "StringValue")
                    .unwrap_or_default()
                    .as_bytes(),
                Some(1),
            ),
        }
    }
    digest(&encoded)
}
