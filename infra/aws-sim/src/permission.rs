//! What IAM asks for at each call, by the Service Authorization Reference: mostly the operation's own name on one
//! resource. The exceptions are transactions, which are their parts; indexes, which are resources of their own; batches
//! of SQS; and schedules, whose maker hands a role over.

use serde_json::Value;

use crate::call::Permission;
use crate::core::Place;
use crate::front::Asked;
use crate::wire::{Service, list, text};

/// The permissions that a call needs.
pub(crate) fn needed(asked: &Asked, place: &Place) -> Vec<Permission> {
    match asked.service {
        Service::DynamoDb => of_dynamodb(asked, place),
        Service::Sqs => {
            let action = asked.operation.trim_end_matches("Batch");
            vec![permission("sqs", action, on(asked, "sqs", "", place))]
        }
        // Without the six characters that AWS puts behind a secret's name.
        Service::SecretsManager => {
            let resource = on(asked, "secretsmanager", "secret:", place);
            vec![permission("secretsmanager", &asked.operation, resource)]
        }
        Service::Scheduler => of_scheduler(asked, place),
        Service::EventBridge => {
            let resource = on(asked, "events", "event-bus/", place);
            vec![permission("events", &asked.operation, resource)]
        }
    }
}

/// What Scheduler's own delivery to a queue needs, of the role that the schedule names.
pub(crate) fn of_delivery(queue_arn: &str) -> Vec<Permission> {
    vec![permission("sqs", "SendMessage", queue_arn.to_owned())]
}

fn permission(service: &str, action: &str, resource: String) -> Permission {
    Permission {
        action: format!("{service}:{action}"),
        resource,
        leading_key: None,
    }
}

/// The ARN of the resource that a call names; one that is named by its ARN already stays as it is.
fn on(asked: &Asked, service: &str, kind: &str, place: &Place) -> String {
    match &asked.resource {
        Some(arn) if arn.starts_with("arn:") => arn.clone(),
        Some(name) => place.arn(service, &format!("{kind}{name}")),
        None => "*".to_owned(),
    }
}

fn of_dynamodb(asked: &Asked, place: &Place) -> Vec<Permission> {
    let input = &asked.input;
    let on_table = |action: &str, table: &str| {
        permission(
            "dynamodb",
            action,
            place.arn("dynamodb", &format!("table/{table}")),
        )
    };
    let on_key = |action: &str, item: &Value| Permission {
        leading_key: text(item, "LeadingKey").map(str::to_owned),
        ..on_table(action, text(item, "TableName").unwrap_or_default())
    };
    match asked.operation.as_str() {
        "TransactWriteItems" | "TransactGetItems" => list(input, "TransactItems")
            .iter()
            .filter_map(Value::as_object)
            .flatten()
            .map(|(part, item)| {
                let action = match part.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    part => format!("{part}Item"),
                };
                on_key(&action, item)
            })
            .collect(),
        "BatchGetItem" | "BatchWriteItem" => input
            .get("RequestItems")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(table, _)| on_table(&asked.operation, table))
            .collect(),
        operation => match (text(input, "TableName"), text(input, "IndexName")) {
            (Some(table), Some(index)) => {
                vec![on_table(operation, &format!("{table}/index/{index}"))]
            }
            (Some(_), None) => vec![on_key(operation, input)],
            (None, _) => vec![permission("dynamodb", operation, "*".to_owned())],
        },
    }
}

fn of_scheduler(asked: &Asked, place: &Place) -> Vec<Permission> {
    let input = &asked.input;
    let name = text(input, "Name").unwrap_or_default();
    let resource = if asked.operation.starts_with("List") {
        "*".to_owned()
    } else if asked.operation.ends_with("ScheduleGroup") {
        place.arn("scheduler", &format!("schedule-group/{name}"))
    } else {
        let group = text(input, "GroupName").unwrap_or("default");
        place.arn("scheduler", &format!("schedule/{group}/{name}"))
    };
    let mut permissions = vec![permission("scheduler", &asked.operation, resource)];
    let role = input.pointer("/Target/RoleArn").and_then(Value::as_str);
    permissions.extend(role.map(|role| permission("iam", "PassRole", role.to_owned())));
    permissions
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn needs(
        service: Service,
        operation: &str,
        resource: Option<&str>,
        input: Value,
    ) -> Vec<String> {
        let place = Place {
            region: "us-east-1".into(),
            account: "000000000000".into(),
        };
        let asked = Asked {
            service,
            operation: operation.into(),
            resource: resource.map(str::to_owned),
            input,
        };
        needed(&asked, &place)
            .into_iter()
            .map(|permission| format!("{} {}", permission.action, permission.resource))
            .collect()
    }

    #[test]
    fn a_transaction_needs_what_its_parts_need() {
        let parts = json!({"TransactItems": [
            {"Put": {"TableName": "t"}}, {"Update": {"TableName": "t"}}, {"Delete": {"TableName": "u"}},
            {"ConditionCheck": {"TableName": "t"}}
        ]});
        assert_eq!(
            needs(Service::DynamoDb, "TransactWriteItems", Some("t"), parts),
            [
                "dynamodb:PutItem arn:aws:dynamodb:us-east-1:000000000000:table/t",
                "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:000000000000:table/t",
                "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:000000000000:table/u",
                "dynamodb:ConditionCheckItem arn:aws:dynamodb:us-east-1:000000000000:table/t",
            ]
        );
    }

    #[test]
    fn an_index_is_a_resource_of_its_own_and_a_batch_names_its_tables() {
        let query = json!({"TableName": "t", "IndexName": "i"});
        assert_eq!(
            needs(Service::DynamoDb, "Query", Some("t"), query),
            ["dynamodb:Query arn:aws:dynamodb:us-east-1:000000000000:table/t/index/i"]
        );
        let batch = json!({"RequestItems": {"t": []}});
        assert_eq!(
            needs(Service::DynamoDb, "BatchWriteItem", Some("t"), batch),
            ["dynamodb:BatchWriteItem arn:aws:dynamodb:us-east-1:000000000000:table/t"]
        );
    }

    #[test]
    fn a_schedules_maker_hands_a_role_over_and_a_list_knows_no_resource() {
        let schedule =
            json!({"Name": "s", "GroupName": "g", "Target": {"RoleArn": "arn:aws:iam::0:role/r"}});
        assert_eq!(
            needs(Service::Scheduler, "CreateSchedule", Some("s"), schedule),
            [
                "scheduler:CreateSchedule arn:aws:scheduler:us-east-1:000000000000:schedule/g/s",
                "iam:PassRole arn:aws:iam::0:role/r",
            ]
        );
        assert_eq!(
            needs(Service::Scheduler, "ListSchedules", None, json!({})),
            ["scheduler:ListSchedules *"]
        );
    }

    #[test]
    fn a_batch_of_messages_needs_what_one_message_needs() {
        assert_eq!(
            needs(Service::Sqs, "DeleteMessageBatch", Some("q"), json!({})),
            ["sqs:DeleteMessage arn:aws:sqs:us-east-1:000000000000:q"]
        );
    }
}
