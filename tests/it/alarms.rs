//! Everything that can go wrong has an alarm, which is about something that the code writes and that a document explains.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::deployment::deployed;
use crate::structure::{file, production_code};
use crate::template::{TEMPLATE, text};

/// The namespace under which the deployed functions write, the stack's own.
fn namespace() -> String {
    let all: BTreeSet<String> = deployed()
        .values()
        .map(|function| text(&function.properties["Environment"]["Variables"]["METRICS_NAMESPACE"]))
        .collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap_or_default()
}

/// The metrics that the code writes.
fn written() -> BTreeSet<String> {
    let code: String = production_code().map(|(_, code)| code).collect();
    code.split("Unit::")
        .filter_map(|before| before.trim_end().strip_suffix("\","))
        .filter_map(|before| before.rsplit('"').next())
        .map(str::to_owned)
        .collect()
}

/// What an alarm watches: namespace, metric, and the function or queue.
fn watched(alarm: &str) -> (String, String, String) {
    let properties = TEMPLATE.properties(alarm);
    assert_eq!(properties["AlarmActions"], json!(["AlarmTopic"]), "{alarm}");
    let dimension = &properties["Dimensions"][0]["Value"];
    let of = if dimension.is_null() {
        String::new()
    } else {
        text(dimension)
    };
    (
        text(&properties["Namespace"]),
        text(&properties["MetricName"]),
        of,
    )
}

#[test]
fn everything_that_can_go_wrong_has_an_alarm() {
    let alarms = TEMPLATE.names_of_type("AWS::CloudWatch::Alarm");
    let all: BTreeSet<_> = alarms.iter().map(|alarm| watched(alarm)).collect();
    let of = |namespace: &str, metric: &str, of: &str| {
        (namespace.to_owned(), metric.to_owned(), of.to_owned())
    };
    let mut expected = BTreeSet::from([
        of(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "DeadLetters.QueueName",
        ),
        of(
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            "AccountQueue.QueueName",
        ),
        of(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "PostDeadLetters.QueueName",
        ),
        of(
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            "PostQueue.QueueName",
        ),
        of(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "EventDeadLetters.QueueName",
        ),
        of(
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            "EventQueue.QueueName",
        ),
        of("AWS/ApiGateway", "5xx", "Api"),
        of("AWS/Lambda", "Url5xxCount", "WebhookReceiver"),
    ]);
    for function in deployed().keys() {
        for metric in ["Errors", "Throttles"] {
            expected.insert(of("AWS/Lambda", metric, function));
        }
    }
    for metric in [
        "TokenDaysLeft",
        "TokensAtRisk",
        "AuditFailed",
        "PagesFailed",
        "AuditMended",
        "AppUsage",
        "PostsOverdue",
        "WebhookItemsUnreadable",
    ] {
        expected.insert(of(&namespace(), metric, ""));
    }
    assert_eq!(all, expected);
    let missing = TEMPLATE.properties("AuditMissingAlarm");
    assert_eq!(
        missing["TreatMissingData"], "breaching",
        "no audit writes no metric"
    );
}

#[test]
fn a_metric_that_an_alarm_or_the_dashboard_shows_is_written_by_the_code() {
    let (namespace_of_stack, written) = (namespace(), written());
    for alarm in TEMPLATE.names_of_type("AWS::CloudWatch::Alarm") {
        let (namespace, metric, _) = watched(&alarm);
        let is_ours = namespace == namespace_of_stack;
        assert!(!is_ours || written.contains(&metric), "{alarm}");
    }
    let dashboard = text(&TEMPLATE.properties("Dashboard")["DashboardBody"]);
    let dashboard: Value = serde_json::from_str(&dashboard).expect("a dashboard is JSON");
    let widgets = dashboard["widgets"].as_array().expect("widgets");
    assert!(widgets.len() >= 6);
    for metric in widgets
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().expect("metrics"))
    {
        let name = match metric[0]["expression"].as_str() {
            Some(search) => {
                assert!(
                    search.contains(&format!("SEARCH('{{\"{namespace_of_stack}\",")),
                    "{search}"
                );
                let (_, rest) = search.split_once("MetricName=\"").expect("a metric");
                rest.split('"').next().unwrap_or_default().to_owned()
            }
            None if metric[0] == namespace_of_stack => text(&metric[1]),
            None => {
                assert!(text(&metric[0]).starts_with("AWS/"), "{metric}");
                continue;
            }
        };
        assert!(written.contains(&name), "{metric}");
    }
}

#[test]
fn the_page_for_operators_lists_every_metric_that_the_code_writes() {
    let listed: BTreeSet<String> = file("docs/operations.md")
        .lines()
        .skip_while(|line| !line.starts_with("| metric |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).expect("a column").split('`'))
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != ",")
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, written());
}

#[test]
fn the_page_for_operators_explains_every_alarm() {
    let page = file("docs/operations.md");
    let mut headings: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .collect();
    let mut alarms = TEMPLATE.names_of_type("AWS::CloudWatch::Alarm");
    // One text for the same alarm of each function.
    for function in deployed().keys() {
        for alarm in &mut alarms {
            if let Some(rest) = alarm.strip_prefix(function.as_str())
                && ["ErrorsAlarm", "ThrottlesAlarm"].contains(&rest)
            {
                *alarm = format!("…{rest}");
            }
        }
    }
    alarms.sort();
    alarms.dedup();
    headings.sort_unstable();
    assert_eq!(headings, alarms);
}
