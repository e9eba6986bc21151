//! The log of calls.

/// One call that was answered, or lost on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it was answered, by the clock that was given.
    pub at_ms: i64,
    /// `dynamodb`, `sqs`, `secretsmanager`, `scheduler` or `eventbridge`.
    pub service: &'static str,
    /// The operation, such as `PutItem`. Scheduler's delivery to a queue is called `Deliver`.
    pub operation: String,
    /// From the `Authorization` header: who called.
    pub access_key_id: String,
    /// The table, queue, secret or schedule.
    pub resource: Option<String>,
    /// What IAM would ask the caller's policies for. Nothing is refused for want of it here.
    pub permissions: Vec<Permission>,
    /// The status of the answer; 0 where the connection was closed without one.
    pub status: u16,
    /// How long the request's body was.
    pub request_bytes: usize,
    /// How long the answer's body was; 0 where the connection was closed without one.
    pub response_bytes: usize,
    /// What DynamoDB charges, in read units of 4 KB: half of one for a read that is not strongly consistent.
    pub read_units: f64,
    /// What DynamoDB charges, in write units of 1 KB, indexes and the double of a transaction included.
    pub write_units: f64,
}

/// An action on a resource, as IAM sees a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// An ARN; `*` for an action that knows no resource.
    pub resource: String,
    /// The partition that a call of DynamoDB names, as the condition `dynamodb:LeadingKeys` sees it. Absent for an index, for
    /// a batch and for other services.
    pub leading_key: Option<String>,
}
