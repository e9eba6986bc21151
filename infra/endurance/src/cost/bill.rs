//! From counted calls to dollars.

use std::ops::{Add, Mul, Sub};

use super::prices::{self, dollars};
use crate::tally::Tally;

/// What is charged for, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Write units of DynamoDB.
    pub(crate) write_units: f64,
    /// Read units of DynamoDB.
    pub(crate) read_units: f64,
    /// Calls of Secrets Manager.
    pub(crate) secrets_calls: f64,
    /// Requests to SQS.
    pub(crate) queue_requests: f64,
    /// Firings of Scheduler.
    pub(crate) firings: f64,
    /// Invocations of Lambda.
    pub(crate) invocations: f64,
    /// Gigabyte-seconds of Lambda.
    pub(crate) gigabyte_seconds: f64,
    /// Requests to the HTTP API.
    pub(crate) http_requests: f64,
    /// Bytes of log lines, Lambda's own included.
    pub(crate) log_bytes: f64,
    /// Calls of Instagram, which cost nothing.
    pub(crate) graph_calls: f64,
}

impl Usage {
    /// What was counted, with what `http_requests` calls of the API and the tasks ran for.
    pub(crate) fn of(tally: &Tally, http_requests: f64, seconds_each: f64) -> Self {
        let calls = |service: &str, operation: &str| -> f64 {
            let of_operation = tally.aws.iter().filter(|((own_service, own), _)| {
                *own_service == service && (operation.is_empty() || own == operation)
            });
            of_operation.map(|(_, counted)| counted.calls as f64).sum()
        };
        let units = |of: fn(&crate::tally::Counted) -> f64| tally.aws.values().map(of).sum::<f64>();
        // A batch that is done is one receive, one delete and one invocation; receives of nothing are not the account's.
        let batches = calls("sqs", "DeleteMessageBatch");
        let firings = calls("scheduler", "Deliver");
        let tasks: u64 = tally.tasks.values().sum();
        let seconds = tasks as f64 * prices::TASK_SECONDS + http_requests * seconds_each;
        let invocations = batches + http_requests;
        Self {
            write_units: units(|counted| counted.write_units),
            read_units: units(|counted| counted.read_units),
            secrets_calls: calls("secretsmanager", ""),
            queue_requests: 2.0 * batches
                + firings
                + calls("sqs", "SendMessage")
                + calls("sqs", "SendMessageBatch"),
            firings,
            invocations,
            gigabyte_seconds: seconds * prices::MEMORY_GB,
            http_requests,
            log_bytes: tally.log_bytes as f64 + invocations * prices::PLATFORM_LOG_BYTES,
            graph_calls: tally.graph.values().sum::<u64>() as f64,
        }
    }

    /// What it costs, by service, in US cents.
    pub(crate) fn cents(&self) -> Vec<(&'static str, f64)> {
        let gigabytes = self.log_bytes / 1e9;
        [
            ("DynamoDB writes", self.write_units * dollars::WRITE_UNIT),
            ("DynamoDB reads", self.read_units * dollars::READ_UNIT),
            (
                "Secrets Manager calls",
                self.secrets_calls * dollars::SECRETS_CALL,
            ),
            ("SQS", self.queue_requests * dollars::QUEUE_REQUEST),
            ("Scheduler", self.firings * dollars::FIRING),
            (
                "Lambda",
                self.invocations * dollars::LAMBDA_REQUEST
                    + self.gigabyte_seconds * dollars::GIGABYTE_SECOND,
            ),
            ("HTTP API", self.http_requests * dollars::HTTP_REQUEST),
            ("Logs", gigabytes * dollars::LOG_GB),
        ]
        .map(|(service, dollars)| (service, dollars * 100.0))
        .into()
    }

    /// All of it, in US cents.
    pub(crate) fn total_cents(&self) -> f64 {
        self.cents().iter().map(|(_, cents)| cents).sum()
    }

    fn combined(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            write_units: with(self.write_units, other.write_units),
            read_units: with(self.read_units, other.read_units),
            secrets_calls: with(self.secrets_calls, other.secrets_calls),
            queue_requests: with(self.queue_requests, other.queue_requests),
            firings: with(self.firings, other.firings),
            invocations: with(self.invocations, other.invocations),
            gigabyte_seconds: with(self.gigabyte_seconds, other.gigabyte_seconds),
            http_requests: with(self.http_requests, other.http_requests),
            log_bytes: with(self.log_bytes, other.log_bytes),
            graph_calls: with(self.graph_calls, other.graph_calls),
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.combined(other, |left, right| left + right)
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.combined(other, |left, right| left - right)
    }
}

impl Mul<f64> for Usage {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        self.combined(self, |left, _| left * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_adds_up_to_list_prices() {
        let million = Usage {
            write_units: 1e6,
            read_units: 1e6,
            secrets_calls: 10_000.0,
            queue_requests: 1e6,
            firings: 1e6,
            invocations: 1e6,
            http_requests: 1e6,
            log_bytes: 1e9,
            ..Usage::default()
        };
        let dollars = 0.625 + 0.125 + 0.05 + 0.40 + 1.0 + 0.20 + 1.0 + 0.50;
        assert!((million.total_cents() - 100.0 * dollars).abs() < 1e-9);
        assert!((million * 2.0 - million + million).total_cents() > 700.0);
    }
}
