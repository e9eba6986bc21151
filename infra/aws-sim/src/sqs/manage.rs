//! Calls about queues rather than messages.

use serde_json::{Map, Value, json};

use super::attributes::Attributes;
use super::queue::Queue;
use super::{Answered, Context, Queues, invalid, no_such_queue};
use crate::wire::{ApiError, text, texts};

fn object(input: &Value, member: &str) -> Map<String, Value> {
    input
        .get(member)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn url(name: &str, context: &Context<'_>) -> String {
    format!("{}/{}/{name}", context.base, context.place.account)
}

impl Queues {
    pub(super) fn create(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let name = text(input, "QueueName").unwrap_or_default();
        let given = object(input, "Attributes");
        let attributes = Attributes::default().with(&given)?;
        let bare = name.strip_suffix(".fifo").unwrap_or(name);
        let allowed =
            |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if bare.is_empty()
            || name.len() > 80
            || !bare.chars().all(allowed)
            || attributes.fifo != name.ends_with(".fifo")
        {
            return Err(invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        match self.by_name.get(name) {
            Some(queue) if queue.attributes.with(&given)? == queue.attributes => {}
            Some(_) => {
                let message = "A queue already exists with the same name and a different value for an attribute";
                return Err(ApiError::new(400, "QueueNameExists", message));
            }
            None => {
                let queue = Queue::new(name, attributes, object(input, "tags"), context.now);
                self.by_name.insert(name.to_owned(), queue);
            }
        }
        Ok(json!({"QueueUrl": url(name, context)}))
    }

    pub(super) fn delete(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let name = self.asked(input, context.now)?.name.clone();
        self.by_name.remove(&name);
        Ok(json!({}))
    }

    pub(super) fn url(&self, input: &Value, context: &Context<'_>) -> Answered {
        let name = text(input, "QueueName").unwrap_or_default();
        let queue = self.by_name.get(name).ok_or_else(no_such_queue)?;
        Ok(json!({"QueueUrl": url(&queue.name, context)}))
    }

    pub(super) fn list(&self, input: &Value, context: &Context<'_>) -> Answered {
        let prefix = text(input, "QueueNamePrefix").unwrap_or_default();
        let after = text(input, "NextToken").unwrap_or_default();
        let most = input.get("MaxResults").and_then(Value::as_u64);
        let most = most
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(1000);
        let mut names = self
            .by_name
            .keys()
            .filter(|name| name.starts_with(prefix) && name.as_str() > after);
        let page: Vec<&String> = names.by_ref().take(most).collect();
        let urls: Vec<String> = page.iter().map(|name| url(name, context)).collect();
        let next = page.last().filter(|_| names.next().is_some());
        Ok(json!({"QueueUrls": urls, "NextToken": next}))
    }

    pub(super) fn get_attributes(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let wanted = texts(input, "AttributeNames");
        let now = context.now;
        let queue = self.asked(input, now)?;
        let (mut visible, mut in_flight, mut delayed) = (0, 0, 0);
        for message in queue.messages() {
            if message.is_in_flight(now) {
                in_flight += 1;
            } else if message.is_delayed(now) {
                delayed += 1;
            } else {
                visible += 1;
            }
        }
        let mut all = queue.attributes.listed();
        let mut put = |name: &str, value: String| all.insert(name.to_owned(), json!(value));
        put("QueueArn", queue.arn(context.place));
        put("CreatedTimestamp", (queue.created_ms / 1000).to_string());
        put(
            "LastModifiedTimestamp",
            (queue.modified_ms / 1000).to_string(),
        );
        put("ApproximateNumberOfMessages", visible.to_string());
        put(
            "ApproximateNumberOfMessagesNotVisible",
            in_flight.to_string(),
        );
        put("ApproximateNumberOfMessagesDelayed", delayed.to_string());
        all.retain(|name, _| {
            wanted
                .iter()
                .any(|wanted| wanted == "All" || wanted == name)
        });
        Ok(json!({"Attributes": all}))
    }

    pub(super) fn set_attributes(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let queue = self.asked(input, context.now)?;
        let attributes = queue.attributes.with(&object(input, "Attributes"))?;
        if attributes.fifo != queue.attributes.fifo {
            let message = "Unknown Attribute FifoQueue.";
            return Err(ApiError::new(400, "InvalidAttributeName", message));
        }
        queue.attributes = attributes;
        queue.modified_ms = context.now;
        Ok(json!({}))
    }

    pub(super) fn purge(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        self.asked(input, context.now)?.messages.clear();
        Ok(json!({}))
    }

    pub(super) fn tag(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let tags = object(input, "Tags");
        self.asked(input, context.now)?.tags.extend(tags);
        Ok(json!({}))
    }

    pub(super) fn untag(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let keys = texts(input, "TagKeys");
        let queue = self.asked(input, context.now)?;
        queue.tags.retain(|key, _| !keys.contains(key));
        Ok(json!({}))
    }

    pub(super) fn tags(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        Ok(json!({"Tags": self.asked(input, context.now)?.tags}))
    }

    pub(super) fn dead_letter_sources(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let arn = self.asked(input, context.now)?.arn(context.place);
        let urls: Vec<String> = self
            .sources_of(&arn)
            .map(|name| url(name, context))
            .collect();
        Ok(json!({"queueUrls": urls}))
    }

    /// The queues that give up messages to this one.
    pub(super) fn sources_of(&self, arn: &str) -> impl Iterator<Item = &str> {
        let gives_up = move |queue: &&Queue| {
            queue
                .attributes
                .redrive
                .as_ref()
                .is_some_and(|it| it.target == arn)
        };
        self.by_name
            .values()
            .filter(gives_up)
            .map(|queue| queue.name.as_str())
    }

    /// Moves a dead-letter queue's messages back to where each came from, or to the one destination that is named; at
    /// once, where AWS takes its time.
    pub(super) fn move_messages(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let missing = || {
            ApiError::new(
                404,
                "ResourceNotFoundException",
                "The resource that you specified doesn't exist.",
            )
        };
        let source = text(input, "SourceArn").unwrap_or_default().to_owned();
        let name_of = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        let destination = text(input, "DestinationArn").map(name_of);
        let usual = self.sources_of(&source).next().map(str::to_owned);
        if usual.is_none() {
            return Err(invalid(
                "Source queue must be configured as a Dead Letter Queue.",
            ));
        }
        let queue = self
            .by_name
            .get_mut(&name_of(&source))
            .ok_or_else(missing)?;
        for (_, mut message) in std::mem::take(&mut queue.messages) {
            // It counts as new. Who was given up once is tried as often as at first.
            message.receives = 0;
            let origin = message.source.as_deref().map(name_of);
            let target = destination
                .clone()
                .or(origin)
                .or(usual.clone())
                .unwrap_or_default();
            let target = self.by_name.get_mut(&target).ok_or_else(missing)?;
            target.take_in(message, context.now);
        }
        Ok(json!({"TaskHandle": self.random.uuid()}))
    }
}
