use aws_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::surroundings::*;

pub(crate) async fn make_table(it: &Surroundings) {
    let table = json!({
        "TableName": "table",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    assert_eq!(it.dynamodb("CreateTable", table).await.status, 200);
}

pub(crate) fn item(key: &str, more: Value) -> Value {
    let mut item = json!({"pk": {"S": key}});
    for (member, value) in more.as_object().expect("an object") {
        item[member] = value.clone();
    }
    item
}

pub(crate) async fn put(it: &Surroundings, item: Value) -> Answer {
    it.dynamodb("PutItem", json!({"TableName": "table", "Item": item}))
        .await
}

async fn get(it: &Surroundings, key: &str, consistent: bool) -> Value {
    let input =
        json!({"TableName": "table", "Key": {"pk": {"S": key}}, "ConsistentRead": consistent});
    it.dynamodb("GetItem", input).await.body["Item"].clone()
}

#[tokio::test]
async fn items_are_written_under_conditions_and_counted() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    let once = json!({"TableName": "table", "Item": item("a", json!({})), "ConditionExpression": "attribute_not_exists(pk)"});
    assert_eq!(it.dynamodb("PutItem", once.clone()).await.status, 200);
    assert_eq!(
        it.dynamodb("PutItem", once).await.code(),
        "ConditionalCheckFailedException"
    );
    let check = json!({"TransactItems": [
        {"Put": {"TableName": "table", "Item": item("b", json!({}))}},
        {"ConditionCheck": {"TableName": "table", "Key": item("a", json!({})), "ConditionExpression": "attribute_not_exists(pk)"}},
    ]});
    let cancelled = it.dynamodb("TransactWriteItems", check).await;
    assert_eq!(cancelled.code(), "TransactionCanceledException");
    assert_eq!(
        cancelled.body["CancellationReasons"][1]["Code"],
        "ConditionalCheckFailed"
    );
    assert_eq!(it.aws.table_counts().await, [("table".to_owned(), 1)]);
    assert!(
        it.aws
            .everything_but_secrets()
            .await
            .contains(r#""pk":{"S":"a"}"#)
    );
    assert_eq!(
        it.dynamodb("PutItem", json!({"TableName": 5})).await.code(),
        "SerializationException"
    );
    assert_eq!(
        it.dynamodb("Nonsense", json!({})).await.code(),
        "UnknownOperationException"
    );
}

#[tokio::test]
async fn time_to_live_goes_by_the_clock() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    let ttl = json!({"TableName": "table", "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": true}});
    it.dynamodb("UpdateTimeToLive", ttl).await;
    put(
        &it,
        item(
            "a",
            json!({"until": {"N": ((START + HOUR) / 1000).to_string()}}),
        ),
    )
    .await;
    assert_eq!(it.aws.sweep_expired_items().await, 0);
    it.turn(HOUR + SECOND);
    assert!(
        !get(&it, "a", true).await.is_null(),
        "expired items are there until they are swept"
    );
    assert_eq!(it.aws.sweep_expired_items().await, 1);
    assert!(get(&it, "a", true).await.is_null());
}

#[tokio::test]
async fn a_weak_read_can_be_stale() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    put(&it, item("a", json!({"v": {"N": "1"}}))).await;
    it.aws
        .add_fault(Fault::on("dynamodb", "GetItem", FaultKind::StaleRead));
    put(&it, item("a", json!({"v": {"N": "2"}}))).await;
    assert_eq!(get(&it, "a", false).await["v"]["N"], "1");
    assert_eq!(get(&it, "a", true).await["v"]["N"], "2");
    it.aws.clear_faults();
    assert_eq!(get(&it, "a", false).await["v"]["N"], "2");
}

#[tokio::test]
async fn a_batch_can_be_left_half_done() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    it.aws
        .add_fault(Fault::on("dynamodb", "BatchWriteItem", FaultKind::PartialBatch).times(1));
    it.aws
        .add_fault(Fault::on("dynamodb", "BatchGetItem", FaultKind::PartialBatch).times(1));
    let write = |key: &str| json!({"PutRequest": {"Item": item(key, json!({}))}});
    let first = it
        .dynamodb(
            "BatchWriteItem",
            json!({"RequestItems": {"table": [write("a"), write("b")]}}),
        )
        .await
        .body;
    assert_eq!(first["UnprocessedItems"], json!({"table": [write("b")]}));
    let rest = it
        .dynamodb(
            "BatchWriteItem",
            json!({"RequestItems": first["UnprocessedItems"]}),
        )
        .await
        .body;
    assert_eq!(rest["UnprocessedItems"], json!({}));
    let keys = json!({"table": {"Keys": [item("a", json!({})), item("b", json!({}))]}});
    let read = it
        .dynamodb("BatchGetItem", json!({"RequestItems": keys}))
        .await
        .body;
    assert_eq!(read["Responses"]["table"], json!([item("a", json!({}))]));
    assert_eq!(
        read["UnprocessedKeys"],
        json!({"table": {"Keys": [item("b", json!({}))]}})
    );
}

#[tokio::test]
async fn a_transaction_can_meet_another() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    it.aws.add_fault(
        Fault::on(
            "dynamodb",
            "TransactWriteItems",
            FaultKind::TransactionConflict,
        )
        .times(1),
    );
    let write =
        json!({"TransactItems": [{"Put": {"TableName": "table", "Item": item("a", json!({}))}}]});
    let conflict = it.dynamodb("TransactWriteItems", write.clone()).await;
    assert_eq!(
        (conflict.status, conflict.code().as_str()),
        (400, "TransactionCanceledException")
    );
    assert_eq!(
        conflict.body["CancellationReasons"][0]["Code"],
        "TransactionConflict"
    );
    assert_eq!(it.dynamodb("TransactWriteItems", write).await.status, 200);
}

#[tokio::test]
async fn a_call_tells_how_long_it_was_and_what_it_is_charged() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    it.aws.clear_calls();
    let text = |length: usize| json!({"text": {"S": "x".repeat(length)}});
    put(&it, item("a", text(10))).await;
    put(&it, item("b", text(3_000))).await;
    get(&it, "b", true).await;
    get(&it, "b", false).await;
    let both = json!({"TransactItems": [
        {"Put": {"TableName": "table", "Item": item("c", text(10))}},
        {"Put": {"TableName": "table", "Item": item("d", text(10))}},
    ]});
    it.dynamodb("TransactWriteItems", both).await;
    let refused = json!({"TableName": "table", "Item": item("a", text(10)), "ConditionExpression": "attribute_not_exists(pk)"});
    it.dynamodb("PutItem", refused).await;
    let units: Vec<(f64, f64)> = it
        .aws
        .calls()
        .iter()
        .map(|call| (call.read_units, call.write_units))
        .collect();
    assert_eq!(
        units,
        [
            (0.0, 1.0),
            (0.0, 3.0),
            (1.0, 0.0),
            (0.5, 0.0),
            (0.0, 4.0),
            (0.0, 1.0)
        ]
    );
    let calls = it.aws.calls();
    assert!(calls[1].request_bytes > 3_000 && calls[1].response_bytes < 100);
    assert!(calls[2].request_bytes < 200 && calls[2].response_bytes > 3_000);
    assert_eq!(calls[4].resource.as_deref(), Some("table"));
}

#[tokio::test]
async fn only_who_asks_is_told_what_a_call_was_charged() {
    let it = Surroundings::new().await;
    make_table(&it).await;
    let told = put(&it, item("a", json!({}))).await.body;
    assert_eq!(told, json!({}));
    let asked = json!({"TableName": "table", "Item": item("a", json!({})), "ReturnConsumedCapacity": "INDEXES"});
    let told = it.dynamodb("PutItem", asked).await.body;
    assert_eq!(told["ConsumedCapacity"]["Table"]["CapacityUnits"], 1.0);
}
