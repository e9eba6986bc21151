use aws_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::dynamodb::{item, make_table};
use crate::surroundings::*;

#[tokio::test]
async fn each_service_has_its_own_words() {
    let it = Surroundings::new().await;
    it.aws.add_fault(Fault {
        service: None,
        operation: None,
        containing: None,
        times: Some(4),
        skip: 0,
        probability: 1.0,
        kind: FaultKind::Throttle,
    });
    let said = |answer: Answer| (answer.status, answer.code());
    let throttled = [
        said(it.dynamodb("GetItem", json!({})).await),
        said(it.sqs("SendMessage", json!({})).await),
        said(it.secrets("GetSecretValue", json!({})).await),
        said(it.scheduler("GET", "/schedules", Value::Null).await),
    ];
    let words = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(
        throttled[0],
        words(400, "ProvisionedThroughputExceededException")
    );
    assert_eq!(throttled[1], words(403, "RequestThrottled"));
    assert_eq!(throttled[2], words(400, "ThrottlingException"));
    assert_eq!(throttled[3], words(429, "ThrottlingException"));
    assert_eq!(
        it.scheduler("GET", "/schedules", Value::Null).await.status,
        200
    );
    it.aws
        .add_fault(Fault::on("secretsmanager", "GetSecretValue", FaultKind::ServerError).times(1));
    assert_eq!(
        said(it.secrets("GetSecretValue", json!({})).await),
        words(500, "InternalServiceError")
    );
    let denied = FaultKind::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "no".to_owned(),
    };
    it.aws
        .add_fault(Fault::on("secretsmanager", "GetSecretValue", denied));
    let answer = it.secrets("GetSecretValue", json!({})).await;
    assert_eq!(
        (answer.code().as_str(), &answer.body["Message"]),
        ("AccessDeniedException", &json!("no"))
    );
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_deed_or_before() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    it.aws
        .add_fault(Fault::on("sqs", "SendMessage", FaultKind::AppliedThenLost).times(1));
    it.aws
        .add_fault(Fault::on("sqs", "SendMessage", FaultKind::LostBeforeApplied).times(1));
    let send = async |body: &str| {
        it.try_call(
            "AmazonSQS.SendMessage",
            json!({"QueueUrl": url, "MessageBody": body}),
        )
        .await
    };
    assert_eq!(send("applied").await, None);
    assert_eq!(send("not applied").await, None);
    assert!(send("answered").await.is_some());
    assert_eq!(it.aws.messages("jobs"), ["applied", "answered"]);
    let statuses: Vec<u16> = it.aws.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [200, 0, 0, 200]);
}

#[tokio::test]
async fn a_fault_can_be_put_on_calls_that_contain_something() {
    let it = Surroundings::new().await;
    let fault = Fault::on("sqs", "ListQueues", FaultKind::ServerError);
    it.aws
        .add_fault(fault.containing("\"QueueNamePrefix\":\"events"));
    let mut answered = Vec::new();
    for prefix in ["tasks", "events-dead"] {
        let call = it.sqs("ListQueues", json!({"QueueNamePrefix": prefix}));
        answered.push(call.await.status);
    }
    assert_eq!(answered, [200, 500]);
}

#[tokio::test]
async fn faults_count_skip_and_draw_by_the_seed() {
    async fn hits(seed: u64) -> Vec<u16> {
        let it = Surroundings::with(|options| options.seed = seed).await;
        it.aws.add_fault(Fault {
            probability: 0.5,
            ..Fault::on("sqs", "ListQueues", FaultKind::ServerError).skip(3)
        });
        for _ in 0..24 {
            it.sqs("ListQueues", json!({})).await;
        }
        it.aws.calls().iter().map(|call| call.status).collect()
    }
    let (first, again, other) = (hits(1).await, hits(1).await, hits(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_eq!(first[..3], [200, 200, 200]);
    assert!(first.contains(&500) && first[3..].contains(&200));
}

#[tokio::test]
async fn a_call_can_be_slow() {
    let it = Surroundings::new().await;
    it.aws
        .add_fault(Fault::on("sqs", "ListQueues", FaultKind::Delay(80)).times(1));
    let before = std::time::Instant::now();
    assert_eq!(it.sqs("ListQueues", json!({})).await.status, 200);
    assert!(before.elapsed().as_millis() >= 80);
}

#[tokio::test]
async fn messages_can_come_twice_and_batches_fail_in_part() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    it.aws
        .add_fault(Fault::on("sqs", "ReceiveMessage", FaultKind::DuplicateDelivery).times(1));
    it.aws
        .add_fault(Fault::on("sqs", "SendMessageBatch", FaultKind::PartialBatch).times(1));
    let entries = json!([{"Id": "a", "MessageBody": "a"}, {"Id": "b", "MessageBody": "b"}]);
    let sent = it
        .sqs(
            "SendMessageBatch",
            json!({"QueueUrl": url, "Entries": entries}),
        )
        .await
        .body;
    assert_eq!(
        (&sent["Failed"][0]["Id"], &sent["Failed"][0]["SenderFault"]),
        (&json!("b"), &json!(false))
    );
    assert_eq!(bodies(&it.receive(&url).await), ["a"]);
    assert_eq!(bodies(&it.receive(&url).await), ["a"]);
    assert!(it.receive(&url).await.is_empty());
}

#[tokio::test]
async fn the_log_says_who_called_what() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    let write =
        json!({"TransactItems": [{"Put": {"TableName": "table", "Item": item("a", json!({}))}}]});
    it.dynamodb("TransactWriteItems", write).await;
    it.send("http://localhost/1/nope", "x").await;
    it.scheduler("GET", "/schedules/s", Value::Null).await;
    let calls = it.aws.calls();
    let seen: Vec<_> = calls[1..]
        .iter()
        .map(|call| (call.service, call.operation.as_str(), call.status))
        .collect();
    assert_eq!(
        seen,
        [
            ("dynamodb", "TransactWriteItems", 200),
            ("sqs", "SendMessage", 400),
            ("scheduler", "GetSchedule", 404)
        ]
    );
    let resources: Vec<_> = calls[1..]
        .iter()
        .map(|call| call.resource.as_deref().unwrap())
        .collect();
    assert_eq!(resources, ["table", "nope", "s"]);
    assert!(
        calls
            .iter()
            .all(|call| call.access_key_id == "AKIDTEST" && call.at_ms == START)
    );
    it.aws.clear_calls();
    assert!(it.aws.calls().is_empty());
}
