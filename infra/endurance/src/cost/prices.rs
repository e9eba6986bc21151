//! List prices and assumptions: everything of the bill that is put in and not counted.

/// What AWS asks, in US dollars: us-east-1, on demand, without free allowances except where it is said.
pub(crate) mod dollars {
    /// A secret, a month. <https://aws.amazon.com/secrets-manager/pricing/>
    pub(crate) const SECRET_MONTH: f64 = 0.40;
    /// A call of Secrets Manager.
    pub(crate) const SECRETS_CALL: f64 = 0.05 / 10_000.0;
    /// A write unit of DynamoDB: 1 KB, twice that in a transaction. <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub(crate) const WRITE_UNIT: f64 = 0.625 / 1e6;
    /// A read unit of DynamoDB: 4 KB, strongly consistent.
    pub(crate) const READ_UNIT: f64 = 0.125 / 1e6;
    /// A gigabyte in the table, a month.
    pub(crate) const STORED_GB_MONTH: f64 = 0.25;
    /// A request to SQS; Scheduler's deliveries are requests too. <https://aws.amazon.com/sqs/pricing/>
    pub(crate) const QUEUE_REQUEST: f64 = 0.40 / 1e6;
    /// A firing of EventBridge Scheduler, above 14 million a month, which are free.
    /// <https://aws.amazon.com/eventbridge/pricing/>
    pub(crate) const FIRING: f64 = 1.00 / 1e6;
    /// An event on a bus of EventBridge.
    pub(crate) const BUS_EVENT: f64 = 1.00 / 1e6;
    /// A request to Lambda. <https://aws.amazon.com/lambda/pricing/>
    pub(crate) const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
    /// A gigabyte-second of Lambda, arm64.
    pub(crate) const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
    /// A request to API Gateway's HTTP API. <https://aws.amazon.com/api-gateway/pricing/>
    pub(crate) const HTTP_REQUEST: f64 = 1.00 / 1e6;
    /// A gigabyte of log lines taken in. <https://aws.amazon.com/cloudwatch/pricing/>
    pub(crate) const LOG_GB: f64 = 0.50;
}

/// Days of a month.
pub(crate) const MONTH_DAYS: f64 = 30.0;
/// Every how many days a token is renewed.
pub(crate) const DAYS_BETWEEN_RENEWALS: f64 = 49.5;
/// API reads of an account a day.
pub(crate) const READS_A_DAY: f64 = 100.0;
/// Memory of a function, gigabytes.
pub(crate) const MEMORY_GB: f64 = 0.125;
/// How long a task runs, seconds: most of it waits for Instagram's answer.
pub(crate) const TASK_SECONDS: f64 = 0.5;
/// How long a step of a login runs, seconds: three answers of Instagram's.
pub(crate) const LOGIN_SECONDS: f64 = 1.5;
/// How long an API read runs, seconds; the receiver of webhooks takes as long for a delivery.
pub(crate) const READ_SECONDS: f64 = 0.01;
/// How long the handling of an event runs, seconds: a dozen calls of AWS.
pub(crate) const EVENT_SECONDS: f64 = 0.1;
/// What Lambda itself writes to the log for each invocation (START, END, REPORT), bytes.
pub(crate) const PLATFORM_LOG_BYTES: f64 = 300.0;
/// What DynamoDB adds to each item, bytes.
pub(crate) const ITEM_OVERHEAD_BYTES: f64 = 100.0;
/// Empty receives of Lambda's five pollers on each of the three queues, a month: each waits 20 seconds.
pub(crate) const POLLS_A_MONTH: f64 = 3.0 * 5.0 * 3.0 * 60.0 * 24.0 * MONTH_DAYS;

/// The prices as the report lists them: what for, how much, for how much of it.
pub(crate) const LISTED: &[(&str, f64, &str)] = &[
    (
        "Secrets Manager, secrets",
        dollars::SECRET_MONTH,
        "a secret and month",
    ),
    (
        "Secrets Manager, calls",
        dollars::SECRETS_CALL * 1e4,
        "10,000",
    ),
    (
        "DynamoDB, write units",
        dollars::WRITE_UNIT * 1e6,
        "a million",
    ),
    (
        "DynamoDB, read units",
        dollars::READ_UNIT * 1e6,
        "a million",
    ),
    (
        "DynamoDB, storage",
        dollars::STORED_GB_MONTH,
        "a GB and month",
    ),
    ("SQS, requests", dollars::QUEUE_REQUEST * 1e6, "a million"),
    (
        "Scheduler, firings above 14 million a month",
        dollars::FIRING * 1e6,
        "a million",
    ),
    (
        "EventBridge, events on a bus",
        dollars::BUS_EVENT * 1e6,
        "a million",
    ),
    (
        "Lambda, requests",
        dollars::LAMBDA_REQUEST * 1e6,
        "a million",
    ),
    ("Lambda, arm64", dollars::GIGABYTE_SECOND, "a GB-second"),
    (
        "HTTP API, requests",
        dollars::HTTP_REQUEST * 1e6,
        "a million",
    ),
    ("CloudWatch Logs, taken in", dollars::LOG_GB, "a GB"),
];
