use std::path::PathBuf;

use serde_json::{Value, json};

use crate::dynamodb::{item, make_table, put};
use crate::surroundings::*;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("aws-sim-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn fill(it: &Surroundings) -> Vec<String> {
    make_table(it).await;
    put(it, item("a", json!({}))).await;
    let url = it.queue("jobs", json!({})).await;
    let sent = it.send(&url, "waiting").await;
    it.receive(&url).await;
    let secret = it
        .secrets(
            "CreateSecret",
            json!({"Name": "page", "SecretString": "value"}),
        )
        .await;
    let schedule = json!({"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "FLEXIBLE",
        "MaximumWindowInMinutes": 10}, "Target": {"Arn": arn("jobs"), "RoleArn": "arn:aws:iam::1:role/r", "Input": "i"}});
    it.scheduler("POST", "/schedules/s", schedule).await;
    let due = it.aws.schedules()[0].next_ms.expect("a firing");
    vec![
        sent.body["MessageId"].to_string(),
        secret.body["ARN"].to_string(),
        due.to_string(),
    ]
}

#[tokio::test]
async fn everything_is_there_after_a_stop_and_a_start() {
    let folder = Folder::new("stop");
    let keep = || Surroundings::with(|options| options.state_dir = Some(folder.0.clone()));
    let it = keep().await;
    fill(&it).await;
    let before = (
        it.aws.queue_depths(),
        it.aws.secrets(),
        it.aws.schedules(),
        it.aws.everything_but_secrets().await,
    );
    it.aws.stop().await;
    let it = keep().await;
    let after = (
        it.aws.queue_depths(),
        it.aws.secrets(),
        it.aws.schedules(),
        it.aws.everything_but_secrets().await,
    );
    assert_eq!(before, after);
    assert_eq!(it.aws.secret_value("page", None).as_deref(), Some("value"));
    assert_eq!(it.aws.table_counts().await, [("table".to_owned(), 1)]);
    it.aws.stop().await;
    // Again, over the files that are there; and with a clock that is far ahead, of a schedule's missed firings one.
    let it = keep().await;
    it.aws.persist().await.unwrap();
    it.aws.stop().await;
    let it = Surroundings::with(|options| {
        options.state_dir = Some(folder.0.clone());
        options.now = std::sync::Arc::new(|| START + 10 * DAY + 30 * MINUTE);
    })
    .await;
    assert_eq!(it.aws.fire_due_schedules().await, 1);
}

#[tokio::test]
async fn a_stopped_server_is_gone_and_waiting_calls_are_answered() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    let aws = it.aws.clone();
    let wait = it.sqs(
        "ReceiveMessage",
        json!({"QueueUrl": url, "WaitTimeSeconds": 20}),
    );
    let (answer, ()) = tokio::join!(wait, async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        aws.stop().await;
    });
    assert_eq!((answer.status, &answer.body), (200, &json!({})));
    assert_eq!(it.try_call("AmazonSQS.ListQueues", Value::Null).await, None);
}

#[tokio::test]
async fn the_seed_decides_every_id() {
    let run =
        async |seed: u64| fill(&Surroundings::with(|options| options.seed = seed).await).await;
    let (first, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, again);
    assert!(
        first.iter().zip(&other).all(|(one, two)| one != two),
        "{first:?} {other:?}"
    );
}

#[tokio::test]
async fn only_the_loopback_is_listened_on() {
    let mut options = aws_sim::Options::new(std::sync::Arc::new(|| START), 1);
    options.listen = "0.0.0.0:0".parse().unwrap();
    assert!(aws_sim::AwsSim::start(options).await.is_err());
}
