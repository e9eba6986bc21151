//! Metrics, as members of log lines in CloudWatch's embedded metric format: no call is made, and a metric filter is not
//! needed.
//!
//! Each combination of a metric's name and its dimensions' values is a metric that CloudWatch charges for. So dimensions are
//! few and fixed words, never ids; whatever else is worth knowing is a plain member of the same line, for which Logs
//! Insights charges nothing.
//!
//! Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::MetricsConfig;

/// What a metric counts in, named as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Things.
    Count,
    /// Time.
    Milliseconds,
    /// Hundredths of a limit.
    Percent,
    /// Anything that has no unit of CloudWatch's, such as days.
    None,
}

/// The dimension that holds the function's name.
pub const FUNCTION: &str = "Function";

/// Names and values of dimensions.
pub type Dimensions<'a> = &'a [(&'a str, &'a str)];
/// Names, units and values of metrics that share their dimensions.
pub type Values<'a> = &'a [(&'a str, Unit, f64)];

/// Writes a line of its own for metrics that belong to no request, task or call.
pub fn put(config: &MetricsConfig, dimensions: Dimensions<'_>, values: Values<'_>) {
    let embedded = embedded(config, &[(dimensions, values)]);
    tracing::info!(target: TARGET, embedded);
}

/// The metrics of a line, for its field `embedded`. The line's target is [`TARGET`].
pub(crate) fn embedded(config: &MetricsConfig, sets: &[(Dimensions<'_>, Values<'_>)]) -> String {
    let mut members = Map::new();
    let mut directives = Vec::new();
    for (dimensions, values) in sets {
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let definitions: Vec<Value> = values
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
            .collect();
        directives.push(json!({
            "Namespace": config.namespace, "Dimensions": [names], "Metrics": definitions,
        }));
        for (name, value) in *dimensions {
            members.insert((*name).into(), (*value).into());
        }
        for (name, _, value) in *values {
            members.insert((*name).into(), json!(value));
        }
    }
    members.insert("CloudWatchMetrics".into(), directives.into());
    Value::Object(members).to_string()
}

/// The target of the events that carry metrics. `telemetry` writes them whatever the level: an alarm must not depend on how
/// much is logged.
pub(crate) const TARGET: &str = "shared::metrics";
