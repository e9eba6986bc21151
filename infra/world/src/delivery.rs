//! What Lambda's event source mapping does: takes messages off a queue, hands them to a function in batches, deletes
//! those that are done. What Meta does: calls the receiver. And the turning of the clock from due time to due time.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use aws_sim::AwsSim;
use instagram_sim::{Delivery, InstagramSim};
use jiff::SignedDuration;
use shared::clock::{Clock, ManualClock};
use shared::lambda::Function;
use url::Url;

use crate::gateway::{HttpCall, function_url_event, invoke, invoke_raw};
use crate::resources::{Resources, VISIBILITY_SECONDS, clients};
use crate::sqs_event::{BATCH_SIZE, done, sqs_event};

/// So many steps at one time of the clock are no work any more but a circle.
const MOST_STEPS_AT_ONE_TIME: u32 = 500;

/// The queues, and how they are fed to their functions.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The accounts' queue.
    pub accounts: Source,
    /// The posts' queue.
    pub posts: Source,
    /// The events' queue.
    pub events: Source,
}

/// One queue.
#[derive(Clone, Debug)]
pub struct Source {
    client: Client,
    queue_url: String,
    queue_arn: String,
}

/// Which function takes which queue. One that nobody takes must stay empty.
#[derive(Clone, Copy)]
pub struct Workers<'a> {
    /// Takes the accounts' queue.
    pub accounts: &'a Function,
    /// Takes the posts' queue.
    pub posts: Option<&'a Function>,
    /// Takes the events' queue.
    pub events: Option<&'a Function>,
    /// Answers what Meta sends. Without one nothing is sent.
    pub receiver: Option<&'a Function>,
}

impl<'a> From<&'a Function> for Workers<'a> {
    fn from(accounts: &'a Function) -> Self {
        Self {
            accounts,
            posts: None,
            events: None,
            receiver: None,
        }
    }
}

/// What was done while the clock was turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Schedules that fired.
    pub fired: usize,
    /// Messages that were handed to the function, repeated ones counted again.
    pub delivered: usize,
}

impl Feed {
    /// Feeds from all queues.
    pub fn new(aws_url: &str, resources: &Resources) -> Self {
        let source = |queue_url: &String, queue_arn: &String| Source {
            client: clients(aws_url, "POLLER").sqs,
            queue_url: queue_url.clone(),
            queue_arn: queue_arn.clone(),
        };
        Self {
            accounts: source(&resources.queue_url, &resources.queue_arn),
            posts: source(&resources.post_queue_url, &resources.post_queue_arn),
            events: source(&resources.event_queue_url, &resources.event_queue_arn),
        }
    }

    /// Hands over what waits, until nothing is visible any more. Returns how many messages that were.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn drain(&self, workers: Workers<'_>, clock: &ManualClock) -> Result<usize, String> {
        let mut delivered = self.accounts.drain(workers.accounts, clock).await?;
        if let Some(worker) = workers.posts {
            delivered += self.posts.drain(worker, clock).await?;
        }
        if let Some(worker) = workers.events {
            delivered += self.events.drain(worker, clock).await?;
        }
        Ok(delivered)
    }

    /// Fires what is due now and hands over what waits.
    ///
    /// # Errors
    /// When the embedded AWS does not answer.
    pub async fn work(
        &self,
        aws: &AwsSim,
        workers: Workers<'_>,
        clock: &ManualClock,
    ) -> Result<Turned, String> {
        let fired = aws.fire_due_schedules().await;
        let delivered = self.drain(workers, clock).await?;
        Ok(Turned { fired, delivered })
    }

    /// Turns the clock from due time to due time: at each, Instagram tells what it has to tell, schedules fire and the queues
    /// are handed over, until `by` has passed and all that was due is done.
    ///
    /// # Errors
    /// When the embedded AWS does not answer, or something stays due that neither fires nor is delivered.
    pub async fn turn(
        &self,
        aws: &AwsSim,
        instagram: Option<&InstagramSim>,
        workers: Workers<'_>,
        clock: &ManualClock,
        by: SignedDuration,
    ) -> Result<Turned, String> {
        let mut left = i64::try_from(by.as_millis()).map_err(|_| "too far".to_owned())?;
        let mut turned = Turned::default();
        let mut steps_without_turning = 0;
        let meta = instagram.zip(workers.receiver);
        loop {
            if let Some((instagram, receiver)) = meta {
                tell(instagram, receiver, clock).await;
            }
            let step = self.work(aws, workers, clock).await?;
            turned.fired += step.fired;
            turned.delivered += step.delivered;
            let now = clock.milliseconds();
            let told = meta.and_then(|(instagram, _)| instagram.next_delivery_ms());
            let next = aws.next_due().into_iter().chain(told).min();
            let forward = match next.filter(|due| *due <= now + left) {
                Some(due) if due > now => due - now,
                // More became due while the last step worked.
                Some(_) => 0,
                None if left > 0 => left,
                None => return Ok(turned),
            };
            clock.advance(SignedDuration::from_millis(forward));
            left -= forward;
            steps_without_turning = if forward > 0 {
                0
            } else {
                steps_without_turning + 1
            };
            if steps_without_turning == MOST_STEPS_AT_ONE_TIME {
                return Err(format!(
                    "at one moment something stays due, or work makes more work without end: {step:?}"
                ));
            }
        }
    }
}

/// Sends the receiver what Instagram has to tell now.
async fn tell(instagram: &InstagramSim, receiver: &Function, clock: &ManualClock) {
    let now = Clock::Manual(clock.clone()).now();
    for delivery in instagram.due_deliveries() {
        let event = call_of(&delivery).map(|call| function_url_event(&call, now));
        let answer = match event {
            Some(event) => invoke(receiver, event, clock.milliseconds()).await.ok(),
            None => None,
        };
        let answer = answer
            .as_ref()
            .map(|reply| (reply.status, reply.body.as_slice()));
        instagram.settle_delivery(delivery.id, answer);
    }
}

/// The call that a delivery is; `None` where its address is none.
pub fn call_of(delivery: &Delivery) -> Option<HttpCall> {
    let url = Url::parse(&delivery.url).ok()?;
    let mut call = HttpCall::new(delivery.method, url.path()).body(delivery.body.to_vec());
    call.query = url.query().unwrap_or_default().to_owned();
    call.headers.clone_from(&delivery.headers);
    Some(call)
}

impl Source {
    async fn drain(&self, worker: &Function, clock: &ManualClock) -> Result<usize, String> {
        let mut delivered = 0;
        loop {
            let messages = self.receive().await?;
            if messages.is_empty() {
                return Ok(delivered);
            }
            delivered += messages.len();
            let event = self.event(&messages);
            // A function that fails as a whole leaves its messages hidden until their visibility ends.
            if let Ok(answer) = invoke_raw(worker, &event, clock.milliseconds()).await {
                self.delete_done(&messages, answer.get()).await?;
            }
        }
    }

    /// The event in which a function gets these messages.
    pub fn event(&self, messages: &[Message]) -> String {
        sqs_event(messages, &self.queue_arn)
    }

    /// Takes the next batch; empty where no message is visible.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn receive(&self) -> Result<Vec<Message>, String> {
        self.client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(BATCH_SIZE)
            .visibility_timeout(i32::try_from(VISIBILITY_SECONDS).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map(|output| output.messages.unwrap_or_default())
            .map_err(|error| shared::aws::AwsError::new("ReceiveMessage", &error).to_string())
    }

    /// Deletes of a batch what the function's answer says is done.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn delete_done(&self, batch: &[Message], answer: &str) -> Result<(), String> {
        let messages = done(batch, answer);
        if messages.is_empty() {
            return Ok(());
        }
        let entries = messages
            .iter()
            .enumerate()
            .map(|(position, message)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(position.to_string())
                    .receipt_handle(message.receipt_handle().unwrap_or_default())
                    .build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        self.client
            .delete_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| shared::aws::AwsError::new("DeleteMessageBatch", &error).to_string())
    }
}
