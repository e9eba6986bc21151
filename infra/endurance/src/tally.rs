//! What is counted of calls, so that the logs of the simulators need not be kept.

use std::collections::BTreeMap;

use aws_sim::Call as AwsCall;
use instagram_sim::Call as GraphCall;

/// Counted calls and log lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Calls of Instagram by endpoint.
    pub(crate) graph: BTreeMap<String, u64>,
    /// Refused or lost calls of Instagram, by what was wrong.
    pub(crate) graph_failures: BTreeMap<String, u64>,
    /// Calls of AWS by service and operation.
    pub(crate) aws: BTreeMap<(&'static str, String), u64>,
    /// Refused or lost calls of AWS, by service, operation and status.
    pub(crate) aws_failures: BTreeMap<(&'static str, String, u16), u64>,
    /// Tasks by name and outcome.
    pub(crate) tasks: BTreeMap<(String, String), u64>,
    /// Why tasks failed.
    pub(crate) task_failures: BTreeMap<String, u64>,
    /// Bytes of log lines of level `info` and above.
    pub(crate) log_bytes: u64,
}

/// By which access key the embedded AWS knows the program's own looking around: it is nobody's cost.
const OWN_KEY: &str = "TEST";

impl Tally {
    /// Counts calls of Instagram.
    pub(crate) fn add_graph(&mut self, calls: &[GraphCall]) {
        for call in calls {
            *self.graph.entry(call.endpoint.clone()).or_default() += 1;
            if !(200..400).contains(&call.status) {
                let what = match call.faults.first() {
                    Some(fault) => fault.clone(),
                    None => format!("refused by Instagram with {}", call.status),
                };
                *self.graph_failures.entry(what).or_default() += 1;
            }
        }
    }

    /// Counts calls of AWS, the functions' and Scheduler's.
    pub(crate) fn add_aws(&mut self, calls: Vec<AwsCall>) {
        for call in calls {
            if call.access_key_id == OWN_KEY {
                continue;
            }
            if call.status != 200 {
                let key = (call.service, call.operation.clone(), call.status);
                *self.aws_failures.entry(key).or_default() += 1;
            }
            *self.aws.entry((call.service, call.operation)).or_default() += 1;
        }
    }

    /// Counts log lines, and the tasks of which they tell.
    pub(crate) fn add_logs(&mut self, lines: &[String]) {
        for line in lines {
            let line_of: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let member = |name: &str| line_of[name].as_str().unwrap_or_default().to_owned();
            if member("level") == "debug" {
                continue;
            }
            self.log_bytes += line.len() as u64 + 1;
            if member("event") == "task" {
                let (task, outcome) = (member("task"), member("outcome"));
                if outcome != "done" {
                    let cause = format!("{task} {outcome}: {}", member("cause"));
                    *self.task_failures.entry(cause).or_default() += 1;
                }
                *self.tasks.entry((task, outcome)).or_default() += 1;
            }
        }
    }
}
