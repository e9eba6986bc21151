//! Everything that can go wrong has an alarm, which is about something that the code writes and that a document explains.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::deployment::deployed;
use crate::structure::{file, production_code};
use crate::template::{TEMPLATE, text};

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
        of("AWS/ApiGateway", "5xx", "Api"),
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
    ] {
        expected.insert(of(shared::metrics::NAMESPACE, metric, ""));
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
    let code: String = production_code().map(|(_, code)| code).collect();
    for alarm in TEMPLATE.names_of_type("AWS::CloudWatch::Alarm") {
        let (namespace, metric, _) = watched(&alarm);
        let is_ours = namespace == shared::metrics::NAMESPACE;
        assert!(
            !is_ours || code.contains(&format!("\"{metric}\", Unit::")),
            "{alarm}"
        );
    }
    let dashboard = text(&TEMPLATE.properties("Dashboard")["DashboardBody"]);
    let dashboard: Value = serde_json::from_str(&dashboard).expect("a dashboard is JSON");
    let widgets = dashboard["widgets"].as_array().expect("widgets");
    assert!(widgets.len() >= 6);
    for metric in widgets
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().expect("metrics"))
    {
        let is_ours = metric[0] == shared::metrics::NAMESPACE;
        let is_written = || code.contains(&format!("\"{}\", Unit::", text(&metric[1])));
        assert!(!is_ours || is_written(), "{metric}");
    }
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
