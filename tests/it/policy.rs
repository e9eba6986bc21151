//! Roles: a function may do what its code does, and nothing more. What it does was recorded by the embedded AWS on a
//! walk through everything; what it may do stands in `template.yaml`.

use std::collections::BTreeSet;

use aws_sim::Permission;
use serde_json::{Value, json};

use crate::structure;
use crate::template::{Deployed, TEMPLATE, text, text_of_file, texts};
use crate::walk::RECORDED;

/// Actions for which IAM knows no resource.
const WITHOUT_RESOURCE: &[&str] = &["scheduler:ListSchedules"];

/// What has no name before a function makes it: the vault's pages, and the accounts' schedules.
const PATTERNS: &[&str] = &[
    "arn:aws:secretsmanager:us-east-1:000000000000:secret:instagram/tokens/*",
    "arn:aws:scheduler:us-east-1:000000000000:schedule/instagram/*",
];

/// One action on one resource, or on all that a pattern names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// `service:Operation`.
    pub(crate) action: String,
    /// An ARN, or a pattern of ARNs.
    pub(crate) resource: String,
    condition: Option<String>,
    /// The partitions to which it is held; empty for all.
    partitions: Vec<String>,
}

impl Grant {
    fn covers(&self, permission: &Permission) -> bool {
        let is_open = |key: &str| {
            let mut partitions = self.partitions.iter();
            partitions.any(|pattern| matches(pattern, key))
        };
        self.action == permission.action
            && matches(&self.resource, &permission.resource)
            && (self.partitions.is_empty()
                || permission.leading_key.as_deref().is_some_and(is_open))
    }
}

/// IAM's patterns: `*` stands for anything.
fn matches(pattern: &str, resource: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == resource,
        Some((start, rest)) => resource.strip_prefix(start).is_some_and(|left| {
            (0..=left.len()).any(|end| left.is_char_boundary(end) && matches(rest, &left[end..]))
        }),
    }
}

/// The logical id of a function's role.
pub(crate) fn role_of(function: &Deployed) -> String {
    let arn = text(&function.properties["Role"]);
    let name = arn.strip_suffix(".Arn").expect("a role of this template");
    name.to_owned()
}

/// What a role allows.
pub(crate) fn grants_of(role: &str) -> Vec<Grant> {
    let properties = TEMPLATE.properties(role);
    assert!(
        properties["ManagedPolicyArns"].is_null(),
        "{role}: AWS's own policies name no resources"
    );
    let policies = properties["Policies"].as_array().expect("policies");
    let mut grants = Vec::new();
    for statement in policies.iter().flat_map(|policy| {
        policy["PolicyDocument"]["Statement"]
            .as_array()
            .expect("a list")
    }) {
        assert_eq!(statement["Effect"], "Allow", "{role}");
        for action in texts(&statement["Action"]) {
            for resource in texts(&statement["Resource"]) {
                let keys =
                    &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
                grants.push(Grant {
                    action: action.clone(),
                    resource,
                    condition: statement.get("Condition").map(Value::to_string),
                    partitions: texts(keys),
                });
            }
        }
    }
    grants
}

fn permission(action: &str, resource: &str) -> Permission {
    Permission {
        action: action.to_owned(),
        resource: resource.to_owned(),
        leading_key: None,
    }
}

/// What Lambda itself does with a function's role: it writes the log, and reads the queue.
fn needed_by_lambda(function: &Deployed) -> BTreeSet<Permission> {
    let log_group = format!(
        "{}.Arn",
        text(&function.properties["LoggingConfig"]["LogGroup"])
    );
    let mut needed: BTreeSet<Permission> = ["logs:CreateLogStream", "logs:PutLogEvents"]
        .map(|action| permission(action, &log_group))
        .into();
    for event in function.properties["Events"]
        .as_object()
        .into_iter()
        .flat_map(|events| events.values())
    {
        assert_eq!(event["Type"], "SQS", "{}", function.name);
        let queue = text(&event["Properties"]["Queue"]);
        // The embedded feed hides messages by receiving them; Lambda's also asks how many there are.
        needed.insert(permission("sqs:GetQueueAttributes", &queue));
        let of_feed = RECORDED.of_event_source().iter();
        needed.extend(of_feed.filter(|it| it.resource == queue).cloned());
    }
    needed
}

fn needed_by(function: &Deployed) -> BTreeSet<Permission> {
    let mut needed = RECORDED.of_function(&function.name);
    needed.extend(needed_by_lambda(function));
    needed
}

#[test]
fn every_call_that_a_function_makes_is_granted_by_its_role() {
    let mut missing = Vec::new();
    for function in TEMPLATE.functions() {
        let grants = grants_of(&role_of(&function));
        for needed in needed_by(&function) {
            if !grants.iter().any(|grant| grant.covers(&needed)) {
                missing.push(format!(
                    "{}: {} on {}",
                    function.name, needed.action, needed.resource
                ));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Each of them alone: without it, some call would be refused.
#[test]
fn every_permission_that_a_role_grants_is_needed_by_its_function() {
    let mut superfluous = Vec::new();
    for function in TEMPLATE.functions() {
        let needed = needed_by(&function);
        let grants = grants_of(&role_of(&function));
        for (position, grant) in grants.iter().enumerate() {
            let is_granted_elsewhere = |needed: &Permission| {
                let mut others = grants
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != position);
                others.any(|(_, other)| other.covers(needed))
            };
            let mut needs = needed.iter().filter(|needed| grant.covers(needed));
            if needs.all(is_granted_elsewhere) {
                superfluous.push(format!(
                    "{}: {} on {}",
                    function.name, grant.action, grant.resource
                ));
            }
        }
    }
    assert!(superfluous.is_empty(), "{superfluous:#?}");
}

#[test]
fn every_partition_that_a_role_names_is_needed_by_its_function() {
    for function in TEMPLATE.functions() {
        let needed = needed_by(&function);
        for grant in grants_of(&role_of(&function)) {
            for partition in &grant.partitions {
                let mut keys = needed
                    .iter()
                    .filter_map(|needed| needed.leading_key.as_deref());
                assert!(
                    keys.any(|key| matches(partition, key)),
                    "{}: {partition}",
                    function.name
                );
            }
        }
    }
}

/// A call that the walk never makes would be missed by the role as well.
#[test]
fn the_walk_makes_every_call_that_the_code_names() {
    let mut named = BTreeSet::new();
    for (path, code) in structure::production_code() {
        for rest in code.split("AwsError::new(").skip(1) {
            let operation = rest.split('"').nth(1).unwrap_or_default();
            if operation.chars().next().is_some_and(char::is_uppercase) {
                named.insert(operation.to_owned());
            } else {
                assert_eq!(path, "shared/src/table/idempotency.rs", "{rest:.60}");
            }
        }
    }
    // Named where `ignore_lost` is called.
    named.insert("DeleteItem".to_owned());
    assert!(named.len() >= 18, "{named:?}");
    assert_eq!(RECORDED.operations, named);
}

#[test]
fn a_role_names_its_resources_and_a_wildcard_says_why() {
    for role in TEMPLATE.names_of_type("AWS::IAM::Role") {
        for grant in grants_of(&role) {
            assert!(!grant.action.contains('*'), "{role}: {grant:?}");
            let is_known = WITHOUT_RESOURCE.contains(&grant.action.as_str());
            assert_eq!(grant.resource == "*", is_known, "{role}: {grant:?}");
            let is_pattern = grant.resource.contains(['*', '?']) && !is_known;
            assert!(
                !is_pattern || PATTERNS.contains(&grant.resource.as_str()),
                "{role}: {grant:?}"
            );
        }
    }
    let lines: Vec<&str> = text_of_file().lines().collect();
    for (number, line) in lines.iter().enumerate() {
        if line.trim() == "Resource: \"*\"" {
            let above = &lines[number.saturating_sub(3)..number];
            assert!(
                above.iter().any(|line| line.trim().starts_with('#')),
                "line {}",
                number + 1
            );
        }
    }
}

#[test]
fn the_schedules_role_is_handed_to_scheduler_only_and_who_is_public_touches_two_kinds_of_records() {
    let keys = |kinds: &[&str]| {
        let condition = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": kinds}});
        Some(condition.to_string())
    };
    let to_scheduler = json!({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}});
    for function in TEMPLATE.functions() {
        for grant in grants_of(&role_of(&function)) {
            let is_of_table = grant.action.starts_with("dynamodb:");
            let expected = match (function.name.as_str(), grant.action.as_str()) {
                (_, "iam:PassRole") => Some(to_scheduler.to_string()),
                ("WebhookReceiver", _) if is_of_table => keys(&["PIECES#*", "DELETION#*"]),
                // Whose an Instagram id is, whoever handles what people write can read and not change.
                ("WebhookWorker", "dynamodb:GetItem") => keys(&["ACCOUNT#*", "IG#*", "PIECES#*"]),
                ("WebhookWorker", _) if is_of_table => {
                    keys(&["ACCOUNT#*", "PIECES#*", "ANNOUNCEMENTS#*"])
                }
                _ => None,
            };
            assert_eq!(grant.condition, expected, "{}: {grant:?}", function.name);
        }
    }
}

#[test]
fn the_schedules_role_may_do_what_a_schedule_does_and_is_taken_by_schedules_of_the_group_only() {
    let grants = grants_of("ScheduleRole");
    let needed = RECORDED.of_scheduler();
    assert!(
        needed
            .iter()
            .all(|needed| grants.iter().any(|grant| grant.covers(needed)))
    );
    assert!(
        grants
            .iter()
            .all(|grant| needed.iter().any(|needed| grant.covers(needed)))
    );
    let trust = &TEMPLATE.properties("ScheduleRole")["AssumeRolePolicyDocument"]["Statement"];
    let expected = json!([{
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {
            "aws:SourceAccount": world::resources::ACCOUNT_ID,
            "aws:SourceArn": "arn:aws:scheduler:us-east-1:000000000000:schedule-group/instagram",
        }},
    }]);
    assert_eq!(*trust, expected);
}

#[test]
fn every_function_has_a_role_of_its_own_that_only_lambda_takes() {
    let mut roles = BTreeSet::from(["ScheduleRole".to_owned()]);
    for function in TEMPLATE.functions() {
        let role = role_of(&function);
        let trust = &TEMPLATE.properties(&role)["AssumeRolePolicyDocument"]["Statement"];
        let expected = json!([{
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }]);
        assert_eq!(*trust, expected, "{role}");
        assert!(
            function.properties["Policies"].is_null(),
            "{}",
            function.name
        );
        assert!(roles.insert(role), "{} shares a role", function.name);
    }
    let all: BTreeSet<String> = TEMPLATE
        .names_of_type("AWS::IAM::Role")
        .into_iter()
        .collect();
    assert_eq!(roles, all, "a role that nobody has");
}
