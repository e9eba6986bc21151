//! What a request, a task and a call of Instagram's leave in the log: one line each, tied by one id, with its metrics.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::lambda::Function;
use world::gateway::{HttpCall, Reply};
use world::{Decision, logs};

use crate::journey::{ANN, Journey};

/// The lines with metrics, as `event` and what the dimensions say.
fn told(lines: &[Value]) -> Vec<String> {
    let measured = lines.iter().filter(|line| line["_aws"].is_object());
    measured
        .map(|line| {
            let words = [
                "event", "Function", "Task", "Endpoint", "Code", "Outcome", "Class",
            ];
            let said = words.iter().filter_map(|word| line[*word].as_str());
            said.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// What CloudWatch needs in order to take a line's metrics. Returns their names and dimensions.
fn taken(line: &Value) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    assert!(line["_aws"]["Timestamp"].is_i64(), "{line}");
    for directive in line["_aws"]["CloudWatchMetrics"]
        .as_array()
        .expect("directives")
    {
        assert_eq!(directive["Namespace"], "InstagramIntegration");
        let dimensions: Vec<String> =
            serde_json::from_value(directive["Dimensions"][0].clone()).expect("names");
        for name in &dimensions {
            assert!(
                line[name].as_str().is_some_and(|value| !value.is_empty()),
                "{line}"
            );
        }
        for metric in directive["Metrics"].as_array().expect("metrics") {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{line}");
            all.push((name.to_owned(), dimensions.clone()));
        }
    }
    all
}

async fn of_ann(journey: &Journey, function: &Function, call: HttpCall) -> Reply {
    journey
        .call(function, call.as_user(ANN.user, ANN.company, "admin"))
        .await
}

#[tokio::test]
async fn one_id_leads_from_a_request_to_its_graph_calls_its_task_and_the_calls_of_that() {
    let journey = Journey::start().await;
    let begun = journey.begin(ANN).await;
    let call = journey
        .redirected(&begun, "corner.bakery", Decision::Allow)
        .await;
    let id = "one-id-of-a-login";
    let reply = journey
        .call(&journey.callback, call.header("x-correlation-id", id))
        .await;
    assert_eq!(reply.header("x-correlation-id"), Some(id));
    journey.settle().await;
    let told = told(&logs::lines_of(id));
    assert_eq!(
        told[..7],
        [
            "graph_call callback code_exchange ok",
            "graph_call callback long_lived_exchange ok",
            "graph_call callback profile ok",
            "graph_call callback subscribe ok",
            "request callback ok",
            "graph_call refresh profile ok",
            "task refresh syncAccount done",
        ]
    );
    assert!(
        told.contains(&"task refresh syncMedia done".into()),
        "{told:?}"
    );
    journey.finish().await;
}

#[tokio::test]
async fn each_task_of_a_schedule_has_an_id_of_its_own_which_the_sync_log_names() {
    let journey = Journey::start().await;
    let account = journey.connected(ANN, "corner.bakery").await;
    journey.settle().await;
    journey
        .world
        .advance(SignedDuration::from_hours(48), &journey.worker)
        .await;
    let path = format!("/instagram/accounts/{account}/sync-log");
    let log = of_ann(&journey, &journey.accounts, HttpCall::get(&path))
        .await
        .json();
    let mut ids: Vec<&str> = log["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["syncType"] == "profile")
        .map(|entry| entry["correlationId"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.len(), 3, "one after the login, and one a day: {log}");
    for id in &ids[..2] {
        let told = told(&logs::lines_of(id));
        assert_eq!(
            told[..2],
            [
                "graph_call refresh profile ok",
                "task refresh syncAccount done"
            ]
        );
        // Media and figures follow under the same id.
        let others = told[2..].iter().filter(|line| line.starts_with("task"));
        assert!(others.clone().count() >= 3);
        assert!(
            others
                .into_iter()
                .all(|line| line == "task refresh syncMedia done"),
            "{told:?}"
        );
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    journey.finish().await;
}

#[tokio::test]
async fn a_refusal_has_metas_id_in_the_lines_of_the_call_and_of_the_request() {
    let journey = Journey::start().await;
    let account = journey.connected(ANN, "corner.bakery").await;
    let fault = instagram_sim::FaultKind::graph_error(400, 100, None);
    journey
        .world
        .instagram
        .add_fault(instagram_sim::Fault::new(fault).at("GET /me").times(1));
    let path = format!("/instagram/accounts/{account}/sync");
    let call = HttpCall::post(&path).header("x-correlation-id", "one-id-of-a-refusal");
    let reply = of_ann(&journey, &journey.accounts, call).await;
    let meta = reply.json()["instagram"]["fbtraceId"].clone();
    assert!(meta.is_string(), "{}", reply.text());
    let lines = logs::lines_of("one-id-of-a-refusal");
    let code = reply.json()["code"].as_str().expect("a code").to_owned();
    let told = told(&lines);
    assert_eq!(
        told.first(),
        Some(&format!("graph_call accounts profile {code}")),
        "{told:?}"
    );
    assert_eq!(
        told.last(),
        Some(&format!("request accounts {code}")),
        "{told:?}"
    );
    let measured: Vec<&Value> = lines
        .iter()
        .filter(|line| line["_aws"].is_object())
        .collect();
    assert_eq!(measured.first().expect("a line")["fbtraceId"], meta);
    assert_eq!(measured.last().expect("a line")["fbtraceId"], meta);
    journey.finish().await;
}

#[tokio::test]
async fn a_line_holds_its_metrics_as_cloudwatch_takes_them_and_the_rest_as_plain_members() {
    let journey = Journey::start().await;
    journey
        .world
        .instagram
        .update_settings(|settings| settings.app_usage_percent = 41);
    let begun = journey.begin(ANN).await;
    let call = journey
        .redirected(&begun, "corner.bakery", Decision::Allow)
        .await;
    let id = "one-id-for-metrics";
    journey
        .call(&journey.callback, call.header("x-correlation-id", id))
        .await;
    journey.settle().await;
    let lines = logs::lines_of(id);
    let of = |event: &str, task: &str| {
        let found = lines
            .iter()
            .find(|line| line["event"] == event && line["Function"] == task);
        found.unwrap_or_else(|| panic!("no {event} of {task}"))
    };
    let metric = |name: &str, dimensions: &[&str]| {
        (
            name.to_owned(),
            dimensions
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let request = of("request", "callback");
    assert_eq!(
        taken(request),
        [metric("RequestDuration", &["Function", "Code"])]
    );
    assert_eq!(request["route"], "/instagram/callback");
    assert!(request["gatewayRequestId"].is_string());
    assert_eq!(
        taken(of("task", "refresh")),
        [metric("TaskDuration", &["Function", "Task", "Outcome"])]
    );
    let call = of("graph_call", "refresh");
    assert_eq!(
        taken(call),
        [
            metric("GraphDuration", &["Function", "Endpoint", "Class"]),
            metric("AppUsage", &[]),
        ]
    );
    assert_eq!(
        (&call["status"], &call["tries"], &call["AppUsage"]),
        (&json!(200), &json!(1), &json!(41.0))
    );
    journey.finish().await;
}
