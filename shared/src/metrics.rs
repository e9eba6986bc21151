//! Metrics, as log lines in CloudWatch's embedded metric format: no call is made, and a metric filter is not needed.
//!
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".

use serde_json::{Map, Value, json};

/// The namespace of every metric.
pub const NAMESPACE: &str = "InstagramIntegration";

/// What a metric counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Anything that has no unit of CloudWatch's, such as days.
    None,
}

/// Writes metrics that share their dimensions. Dimensions are few and fixed words: each combination is a metric that
/// CloudWatch charges for. Their values are never ids.
pub fn put(dimensions: &[(&str, &str)], metrics: &[(&str, Unit, f64)]) {
    let mut line: Map<String, Value> = Map::new();
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let definitions: Vec<Value> = metrics
        .iter()
        .map(|(name, unit, _)| match unit {
            Unit::Count => json!({"Name": name, "Unit": "Count"}),
            Unit::None => json!({"Name": name, "Unit": "None"}),
        })
        .collect();
    line.insert(
        "CloudWatchMetrics".into(),
        json!([{"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": definitions}]),
    );
    for (name, value) in dimensions {
        line.insert((*name).into(), (*value).into());
    }
    for (name, _, value) in metrics {
        line.insert((*name).into(), json!(value));
    }
    let embedded = Value::Object(line).to_string();
    // `telemetry` writes the line, whatever the level: an alarm must not depend on how much is logged.
    tracing::info!(target: TARGET, embedded);
}

/// The target of the events that carry metrics.
pub(crate) const TARGET: &str = "shared::metrics";
