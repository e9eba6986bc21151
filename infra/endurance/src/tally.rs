//! What is counted of calls, so that the logs of the simulators need not be kept.

use std::collections::BTreeMap;

use aws_sim::Call as AwsCall;
use instagram_sim::Call as GraphCall;
use world::{World, logs};

/// Counted calls and log lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Calls of Instagram by endpoint.
    pub(crate) graph: BTreeMap<String, u64>,
    /// Calls of Instagram that were refused, lost or half answered, by what was wrong.
    pub(crate) graph_failures: BTreeMap<String, u64>,
    /// Calls of AWS by service and operation.
    pub(crate) aws: BTreeMap<(&'static str, String), Counted>,
    /// Refused or lost calls of AWS, by service, operation and status.
    pub(crate) aws_failures: BTreeMap<(&'static str, String, u16), u64>,
    /// Tasks by name and outcome.
    pub(crate) tasks: BTreeMap<(String, String), u64>,
    /// Why tasks failed.
    pub(crate) task_failures: BTreeMap<String, u64>,
    /// Bytes of log lines of level `info` and above.
    pub(crate) log_bytes: u64,
}

/// Calls of one operation of AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    /// How many.
    pub(crate) calls: u64,
    /// Bytes of requests and answers together.
    pub(crate) bytes: u64,
    /// Read units of DynamoDB.
    pub(crate) read_units: f64,
    /// Write units of DynamoDB.
    pub(crate) write_units: f64,
}

impl Counted {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.bytes += other.bytes;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
    }
}

/// By which access key the embedded AWS knows the program's own looking around: it is nobody's cost.
const OWN_KEY: &str = "TEST";

impl Tally {
    /// Takes over what another one has counted.
    pub(crate) fn add(&mut self, other: Tally) {
        fn into<K: Ord>(all: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
            for (key, count) in more {
                *all.entry(key).or_default() += count;
            }
        }
        into(&mut self.graph, other.graph);
        into(&mut self.graph_failures, other.graph_failures);
        into(&mut self.aws_failures, other.aws_failures);
        into(&mut self.tasks, other.tasks);
        into(&mut self.task_failures, other.task_failures);
        for (key, counted) in other.aws {
            self.aws.entry(key).or_default().add(counted);
        }
        self.log_bytes += other.log_bytes;
    }

    /// Counts calls of Instagram.
    fn add_graph(&mut self, calls: &[GraphCall]) {
        for call in calls {
            *self.graph.entry(call.endpoint.clone()).or_default() += 1;
            if !(200..400).contains(&call.status) || !call.faults.is_empty() {
                let what = match call.faults.first() {
                    Some(fault) => fault.clone(),
                    None => format!("refused by Instagram with {}", call.status),
                };
                *self.graph_failures.entry(what).or_default() += 1;
            }
        }
    }

    /// Counts calls of AWS, the functions' and Scheduler's.
    fn add_aws(&mut self, calls: Vec<AwsCall>) {
        for call in calls {
            if call.access_key_id == OWN_KEY {
                continue;
            }
            if call.status != 200 {
                let key = (call.service, call.operation.clone(), call.status);
                *self.aws_failures.entry(key).or_default() += 1;
            }
            let key = (call.service, call.operation);
            self.aws.entry(key).or_default().add(Counted {
                calls: 1,
                bytes: (call.request_bytes + call.response_bytes) as u64,
                read_units: call.read_units,
                write_units: call.write_units,
            });
        }
    }

    /// Counts everything since the last time, and makes the simulators forget it: their logs would fill the memory.
    /// Gives back the calls of Instagram.
    pub(crate) fn take(&mut self, world: &World) -> Vec<GraphCall> {
        let calls = world.instagram.calls();
        world.instagram.clear_calls();
        self.add_graph(&calls);
        self.add_aws(world.aws.calls());
        world.aws.clear_calls();
        self.add_logs(&logs::take());
        calls
    }

    /// Counts log lines, and the tasks of which they tell.
    fn add_logs(&mut self, lines: &[String]) {
        // Functions on AWS do not write them, unless they are told to.
        let written = lines
            .iter()
            .filter(|line| !line.contains("\"level\":\"debug\""));
        for line in written {
            self.log_bytes += line.len() as u64 + 1;
            if !line.contains("\"event\":\"task\"") {
                continue;
            }
            let line_of: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let member = |name: &str| line_of[name].as_str().unwrap_or_default().to_owned();
            let (task, outcome) = (member("task"), member("outcome"));
            if outcome != "done" {
                let cause = format!("{task} {outcome}: {}", member("cause"));
                *self.task_failures.entry(cause).or_default() += 1;
            }
            *self.tasks.entry((task, outcome)).or_default() += 1;
        }
    }
}
