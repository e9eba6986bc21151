//! An embedded AWS on a clock that a test turns, and a client for it that knows nothing of AWS.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sim::{AwsSim, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// 2026-01-01T00:00:00Z, a Thursday.
pub(crate) const START: i64 = 1_767_225_600_000;
pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// An embedded AWS with its clock.
pub(crate) struct Surroundings {
    pub(crate) aws: AwsSim,
    clock: Arc<AtomicI64>,
}

/// A status and a body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The error's code, wherever the service puts it.
    pub(crate) fn code(&self) -> String {
        let header = |line: &str| Some(line.strip_prefix("x-amzn-errortype: ")?.to_owned());
        let member = self.body["__type"]
            .as_str()
            .and_then(|code| code.rsplit('#').next());
        member
            .map(str::to_owned)
            .or_else(|| self.head.lines().find_map(header))
            .unwrap_or_default()
    }
}

impl Surroundings {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let now = clock.clone();
        let mut options = Options::new(Arc::new(move || now.load(Ordering::SeqCst)), 7);
        change(&mut options);
        let aws = AwsSim::start(options).await.expect("it starts");
        Self { aws, clock }
    }

    pub(crate) fn turn(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// A call whose operation stands in a header; none when the connection ended without an answer.
    pub(crate) async fn try_call(&self, target: &str, input: Value) -> Option<Answer> {
        request(
            &self.aws.url(),
            "POST",
            "/",
            Some(target),
            &input.to_string(),
        )
        .await
    }

    async fn call(&self, target: &str, input: Value) -> Answer {
        self.try_call(target, input).await.expect("an answer")
    }

    pub(crate) async fn dynamodb(&self, operation: &str, input: Value) -> Answer {
        self.call(&format!("DynamoDB_20120810.{operation}"), input)
            .await
    }

    pub(crate) async fn sqs(&self, operation: &str, input: Value) -> Answer {
        self.call(&format!("AmazonSQS.{operation}"), input).await
    }

    pub(crate) async fn secrets(&self, operation: &str, input: Value) -> Answer {
        self.call(&format!("secretsmanager.{operation}"), input)
            .await
    }

    pub(crate) async fn eventbridge(&self, operation: &str, input: Value) -> Answer {
        self.call(&format!("AWSEvents.{operation}"), input).await
    }

    pub(crate) async fn scheduler(&self, method: &str, path: &str, input: Value) -> Answer {
        let body = if input.is_null() {
            String::new()
        } else {
            input.to_string()
        };
        request(&self.aws.url(), method, path, None, &body)
            .await
            .expect("an answer")
    }

    /// Makes a queue; its URL.
    pub(crate) async fn queue(&self, name: &str, attributes: Value) -> String {
        let answer = self
            .sqs(
                "CreateQueue",
                json!({"QueueName": name, "Attributes": attributes}),
            )
            .await;
        answer.body["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    pub(crate) async fn send(&self, url: &str, body: &str) -> Answer {
        self.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": body}))
            .await
    }

    /// Up to ten messages, without waiting.
    pub(crate) async fn receive(&self, url: &str) -> Vec<Value> {
        let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"]});
        let answer = self.sqs("ReceiveMessage", input).await;
        answer.body["Messages"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{queue}")
}

pub(crate) fn bodies(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|message| message["Body"].as_str())
        .collect()
}

async fn request(
    base: &str,
    method: &str,
    path: &str,
    target: Option<&str>,
    body: &str,
) -> Option<Answer> {
    let address = base.strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(address).await.ok()?;
    let target = target.map_or(String::new(), |target| {
        format!("x-amz-target: {target}\r\n")
    });
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{target}authorization: AWS4-HMAC-SHA256 \
         Credential=AKIDTEST/20260101/us-east-1/x/aws4_request, SignedHeaders=host, Signature=0\r\n\
         content-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap_or_default(),
    })
}
