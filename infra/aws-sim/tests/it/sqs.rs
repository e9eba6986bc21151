use serde_json::{Value, json};

use crate::surroundings::*;

fn handle(message: &Value) -> &str {
    message["ReceiptHandle"].as_str().expect("a handle")
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    let attributes = json!({"k": {"DataType": "String", "StringValue": "v"}, "n": {"DataType": "Binary", "BinaryValue": "AAE="}});
    let sent = it
        .sqs(
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": "hé😀", "MessageAttributes": attributes}),
        )
        .await;
    let received = it.receive(&url).await;
    assert_eq!(bodies(&received), ["hé😀"]);
    assert_eq!(received[0]["MessageId"], sent.body["MessageId"]);
    assert_eq!(received[0]["MD5OfBody"], sent.body["MD5OfMessageBody"]);
    assert_eq!(
        received[0]["MD5OfMessageAttributes"],
        sent.body["MD5OfMessageAttributes"]
    );
    assert_eq!(received[0]["MessageAttributes"], attributes);
    assert_eq!(received[0]["Attributes"]["ApproximateReceiveCount"], "1");
    assert!(it.receive(&url).await.is_empty());
    it.sqs(
        "DeleteMessage",
        json!({"QueueUrl": url, "ReceiptHandle": handle(&received[0])}),
    )
    .await;
    assert!(it.aws.messages("jobs").is_empty());
}

#[tokio::test]
async fn a_body_with_a_character_that_xml_has_not_is_refused() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    for body in ["\u{fffe}", "\u{ffff}", "\u{1}", "\u{0}"] {
        let message = json!({"QueueUrl": url, "MessageBody": body});
        let sent = it.sqs("SendMessage", message).await;
        assert_eq!(sent.status, 400, "{body:?}");
        assert_eq!(sent.code(), "InvalidMessageContents");
    }
    let entries =
        json!([{"Id": "a", "MessageBody": "\u{ffff}"}, {"Id": "b", "MessageBody": "\t\u{10ffff}"}]);
    let batch = json!({"QueueUrl": url, "Entries": entries});
    let sent = it.sqs("SendMessageBatch", batch).await;
    assert_eq!(sent.body["Failed"][0]["Id"], "a");
    assert_eq!(sent.body["Successful"][0]["Id"], "b");
}

#[tokio::test]
async fn delays_and_visibility_go_by_the_clock() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({"VisibilityTimeout": "60"})).await;
    it.sqs(
        "SendMessage",
        json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 900}),
    )
    .await;
    assert!(it.receive(&url).await.is_empty());
    assert_eq!(it.aws.queue_depths()[0].delayed, 1);
    assert_eq!(it.aws.next_due(), Some(START + 900 * SECOND));
    it.turn(900 * SECOND);
    let first = it.receive(&url).await;
    assert_eq!(bodies(&first), ["later"]);
    assert_eq!(it.aws.queue_depths()[0].in_flight, 1);
    assert_eq!(it.aws.next_due(), Some(it.now() + MINUTE));
    it.turn(MINUTE - 1);
    assert!(it.receive(&url).await.is_empty());
    it.turn(1);
    let second = it.receive(&url).await;
    assert_eq!(second[0]["Attributes"]["ApproximateReceiveCount"], "2");
    // The former handle is accepted and changes nothing.
    let old = it
        .sqs(
            "DeleteMessage",
            json!({"QueueUrl": url, "ReceiptHandle": handle(&first[0])}),
        )
        .await;
    assert_eq!((old.status, it.aws.messages("jobs").len()), (200, 1));
    let change =
        json!({"QueueUrl": url, "ReceiptHandle": handle(&second[0]), "VisibilityTimeout": 0});
    it.sqs("ChangeMessageVisibility", change).await;
    assert_eq!(it.receive(&url).await.len(), 1);
    it.turn(4 * DAY);
    assert!(it.receive(&url).await.is_empty(), "past its retention");
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letters_and_back() {
    let it = Surroundings::new().await;
    let dead = it.queue("dead", json!({})).await;
    let redrive = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": "2"}).to_string();
    let url = it
        .queue(
            "jobs",
            json!({"VisibilityTimeout": "1", "RedrivePolicy": redrive}),
        )
        .await;
    it.send(&url, "poison").await;
    for _ in 0..2 {
        assert_eq!(it.receive(&url).await.len(), 1);
        it.turn(SECOND);
    }
    assert!(it.receive(&url).await.is_empty());
    let received = it.receive(&dead).await;
    assert_eq!(bodies(&received), ["poison"]);
    assert_eq!(
        received[0]["Attributes"]["DeadLetterQueueSourceArn"],
        arn("jobs")
    );
    assert!(
        it.aws
            .queue_depths()
            .iter()
            .any(|depth| depth.name == "dead" && depth.is_dead_letter_target)
    );
    it.sqs("StartMessageMoveTask", json!({"SourceArn": arn("dead")}))
        .await;
    assert_eq!(it.aws.messages("jobs"), ["poison"]);
    for _ in 0..2 {
        assert_eq!(it.receive(&url).await.len(), 1, "as often as at first");
        it.turn(SECOND);
    }
    assert!(it.receive(&url).await.is_empty());
}

#[tokio::test]
async fn a_batch_answers_for_each_entry() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    let entry = |id: &str, delay: i64| json!({"Id": id, "MessageBody": id, "DelaySeconds": delay});
    let send = async |entries: Vec<Value>| {
        it.sqs(
            "SendMessageBatch",
            json!({"QueueUrl": url, "Entries": entries}),
        )
        .await
    };
    let mixed = send(vec![entry("good", 0), entry("bad", 901)]).await;
    assert_eq!(mixed.body["Successful"][0]["Id"], "good");
    assert_eq!(mixed.body["Failed"][0]["Code"], "InvalidParameterValue");
    assert_eq!(mixed.body["Failed"][0]["SenderFault"], true);
    let many = (0..11)
        .map(|index| entry(&format!("e{index}"), 0))
        .collect();
    assert_eq!(send(many).await.code(), "TooManyEntriesInBatchRequest");
    assert_eq!(send(vec![]).await.code(), "EmptyBatchRequest");
    assert_eq!(
        send(vec![entry("a", 0), entry("a", 0)]).await.code(),
        "BatchEntryIdsNotDistinct"
    );
    let large = json!({"Id": "l", "MessageBody": "x".repeat(1_048_577)});
    assert_eq!(send(vec![large]).await.code(), "BatchRequestTooLong");
    let message = it.receive(&url).await.remove(0);
    let handles = json!([{"Id": "ok", "ReceiptHandle": handle(&message)}, {"Id": "no", "ReceiptHandle": "garbage"}]);
    let deleted = it
        .sqs(
            "DeleteMessageBatch",
            json!({"QueueUrl": url, "Entries": handles}),
        )
        .await;
    assert_eq!(deleted.body["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    assert!(it.aws.messages("jobs").is_empty());
}

#[tokio::test]
async fn waiting_ends_with_a_message_or_when_the_clock_is_turned() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({})).await;
    let wait = || {
        it.sqs(
            "ReceiveMessage",
            json!({"QueueUrl": url, "WaitTimeSeconds": 20}),
        )
    };
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(50));
    let (received, ()) = tokio::join!(wait(), async {
        pause().await;
        it.send(&url, "now").await;
    });
    assert_eq!(received.body["Messages"][0]["Body"], "now");
    it.sqs(
        "SendMessage",
        json!({"QueueUrl": url, "MessageBody": "later", "DelaySeconds": 600}),
    )
    .await;
    let (received, ()) = tokio::join!(wait(), async {
        pause().await;
        it.turn(600 * SECOND);
    });
    assert_eq!(received.status, 200);
    assert!(received.body["Messages"][0]["Body"].is_string());
}

#[tokio::test]
async fn errors_have_their_codes_in_both_protocols_words() {
    let it = Surroundings::new().await;
    let url = it.queue("jobs", json!({"VisibilityTimeout": "5"})).await;
    let missing = it.send("http://localhost/1/nope", "x").await;
    assert_eq!(
        (missing.status, missing.code().as_str()),
        (400, "QueueDoesNotExist")
    );
    assert!(
        missing
            .head
            .contains("x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender")
    );
    let other = it
        .sqs(
            "CreateQueue",
            json!({"QueueName": "jobs", "Attributes": {"VisibilityTimeout": "9"}}),
        )
        .await;
    assert_eq!(other.code(), "QueueNameExists");
    assert_eq!(it.send(&url, "").await.code(), "MissingParameter");
    assert_eq!(
        it.send(&url, &"x".repeat(1_048_577)).await.code(),
        "InvalidParameterValue"
    );
    let eleven = it
        .sqs(
            "ReceiveMessage",
            json!({"QueueUrl": url, "MaxNumberOfMessages": 11}),
        )
        .await;
    assert_eq!(eleven.code(), "InvalidParameterValue");
    let unknown = it
        .sqs(
            "SetQueueAttributes",
            json!({"QueueUrl": url, "Attributes": {"Colour": "red"}}),
        )
        .await;
    assert_eq!(unknown.code(), "InvalidAttributeName");
    it.send(&url, "x").await;
    it.sqs("PurgeQueue", json!({"QueueUrl": url})).await;
    assert!(it.receive(&url).await.is_empty());
}
