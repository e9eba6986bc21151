//! What tests and the local stack may see of the inside.

/// A queue's messages, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// The queue's name.
    pub name: String,
    /// Ready to be received.
    pub visible: usize,
    /// Received and neither deleted nor back.
    pub in_flight: usize,
    /// Not yet visible for the first time.
    pub delayed: usize,
    /// Whether another queue gives up its messages to this one.
    pub is_dead_letter_target: bool,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleView {
    /// The schedule group.
    pub group: String,
    /// The name within its group.
    pub name: String,
    /// `at(…)`, `rate(…)` or `cron(…)`.
    pub expression: String,
    /// The time zone of the expression.
    pub timezone: String,
    /// What it puts on its queue.
    pub input: Option<String>,
    /// When it fires next; none when it is done.
    pub next_ms: Option<i64>,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
}

/// A secret, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretView {
    /// The secret's name.
    pub name: String,
    /// How many versions it has, labelled or not.
    pub versions: usize,
    /// Whether it is marked for deletion.
    pub is_deleted: bool,
}
