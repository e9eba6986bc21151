//! Table, queue, schedule and secret are deployed as the tests make them, and data survives the stack.

use aws_sdk_dynamodb::types::{KeySchemaElement, TableDescription};
use serde_json::{Value, json};
use shared::app_secrets::AppSecrets;
use world::World;
use world::resources::{AUDIT_SCHEDULE, MAX_RECEIVE_COUNT, TABLE};

use crate::template::{TEMPLATE, text};

fn keys_of(schema: &[KeySchemaElement]) -> Value {
    let keys = schema.iter();
    keys.map(
        |key| json!({"AttributeName": key.attribute_name(), "KeyType": key.key_type().as_str()}),
    )
    .collect()
}

/// The table as CloudFormation would write it.
fn description_of(table: &TableDescription) -> Value {
    let attributes = table.attribute_definitions().iter();
    let indexes = table.global_secondary_indexes().iter().map(|index| {
        let projection = index.projection().expect("a projection");
        json!({
            "IndexName": index.index_name(),
            "KeySchema": keys_of(index.key_schema()),
            "Projection": {
                "ProjectionType": projection.projection_type().map(|kind| kind.as_str()),
                "NonKeyAttributes": projection.non_key_attributes(),
            },
        })
    });
    json!({
        "BillingMode": table.billing_mode_summary().and_then(|it| it.billing_mode()).map(|it| it.as_str()),
        "KeySchema": keys_of(table.key_schema()),
        "AttributeDefinitions": attributes.map(|it| json!({
            "AttributeName": it.attribute_name(), "AttributeType": it.attribute_type().as_str(),
        })).collect::<Value>(),
        "GlobalSecondaryIndexes": indexes.collect::<Value>(),
    })
}

#[tokio::test]
async fn the_templates_table_is_the_table_of_the_tests() {
    let world = World::start().await;
    let client = &world.clients.dynamodb;
    let table = client.describe_table().table_name(TABLE).send().await;
    let mut expected = description_of(table.expect("a table").table().expect("a table"));
    let ttl = client
        .describe_time_to_live()
        .table_name(TABLE)
        .send()
        .await;
    let ttl = ttl
        .expect("a time to live")
        .time_to_live_description
        .expect("one");
    expected["TimeToLiveSpecification"] =
        json!({"AttributeName": ttl.attribute_name(), "Enabled": true});
    expected["PointInTimeRecoverySpecification"] = json!({"PointInTimeRecoveryEnabled": true});
    expected["DeletionProtectionEnabled"] = json!(true);
    let mut in_template = TEMPLATE.properties("Table");
    for definition in [&mut expected, &mut in_template] {
        for list in ["AttributeDefinitions", "GlobalSecondaryIndexes"] {
            let list = definition[list].as_array_mut().expect("a list");
            list.sort_by_key(Value::to_string);
        }
    }
    assert_eq!(in_template, expected);
}

#[tokio::test]
async fn the_templates_queue_is_the_queue_of_the_tests() {
    let world = World::start().await;
    let client = &world.clients.sqs;
    let of_queue = async |url: &str, name: &str| -> Value {
        let name: aws_sdk_sqs::types::QueueAttributeName = name.into();
        let read = client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone());
        let read = read.send().await.expect("the queue answers");
        let value = read
            .attributes()
            .and_then(|all| all.get(&name))
            .expect("the attribute");
        serde_json::from_str(value).expect("a number or an object")
    };
    let queue = TEMPLATE.properties("AccountQueue");
    let url = &world.resources.queue_url;
    assert_eq!(
        queue["VisibilityTimeout"],
        of_queue(url, "VisibilityTimeout").await
    );
    let redrive = of_queue(url, "RedrivePolicy").await;
    assert_eq!(
        text(&queue["RedrivePolicy"]["maxReceiveCount"]),
        text(&redrive["maxReceiveCount"])
    );
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], MAX_RECEIVE_COUNT);
    assert_eq!(
        queue["RedrivePolicy"]["deadLetterTargetArn"],
        "DeadLetters.Arn"
    );

    let dead_letters = TEMPLATE.properties("DeadLetters");
    let url = &world.resources.dead_letters_url;
    assert_eq!(
        dead_letters["MessageRetentionPeriod"],
        of_queue(url, "MessageRetentionPeriod").await
    );
    // Meta has been told that its events are safe there: as long as any queue keeps a message.
    let events = TEMPLATE.properties("EventQueue");
    assert_eq!(
        events["MessageRetentionPeriod"],
        dead_letters["MessageRetentionPeriod"]
    );
    let name = text(&queue["QueueName"]);
    assert_eq!(
        dead_letters["RedriveAllowPolicy"],
        json!({
            "redrivePermission": "byQueue",
            "sourceQueueArns": [format!("arn:aws:sqs:us-east-1:000000000000:{name}")],
        })
    );
}

#[tokio::test]
async fn the_templates_audit_is_the_audit_of_the_tests() {
    let world = World::start().await;
    world.schedule_audits().await;
    let mut schedules = world.aws.schedules();
    let made = schedules.pop().expect("a schedule");
    let schedule = TEMPLATE.properties("AuditSchedule");
    assert_eq!(
        schedule,
        json!({
            "Name": AUDIT_SCHEDULE,
            "GroupName": made.group,
            "Description": schedule["Description"],
            "ScheduleExpression": made.expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": world.resources.queue_arn,
                "RoleArn": world.variables("test")["SCHEDULE_ROLE_ARN"],
                "Input": made.input,
            },
        })
    );
    let group = TEMPLATE.properties("ScheduleGroup");
    assert_eq!(text(&group["Name"]), made.group);
}

#[test]
fn the_apps_secret_begins_empty_and_is_complete_once_it_is_filled_in() {
    let generated = &TEMPLATE.properties("AppSecret")["GenerateSecretString"];
    let template = text(&generated["SecretStringTemplate"]);
    let mut secret: Value = serde_json::from_str(&template).expect("an object");
    secret[text(&generated["GenerateStringKey"])] = json!("generated");
    assert!(
        AppSecrets::parse(&secret.to_string()).is_none(),
        "nothing works with empty ids"
    );
    for (name, value) in [
        ("instagramAppId", "1"),
        ("instagramAppSecret", "a"),
        ("metaAppId", "2"),
        ("metaAppSecret", "b"),
        ("webhookVerifyToken", "c"),
    ] {
        assert_eq!(secret[name], "", "{name}");
        secret[name] = json!(value);
    }
    assert!(AppSecrets::parse(&secret.to_string()).is_some());
}

#[test]
fn data_survives_the_stack() {
    for data in ["Table", "AppSecret", "UserPool"] {
        let resource = TEMPLATE.raw(data);
        assert_eq!(
            (
                &resource["DeletionPolicy"],
                &resource["UpdateReplacePolicy"]
            ),
            (&json!("Retain"), &json!("Retain")),
            "{data}"
        );
    }
}
