//! Faults: which calls go wrong, how often, and how.

use crate::random::Random;
use crate::wire::{ApiError, Service};

/// A fault that is put on calls. The first one that matches a call is the one that it gets.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `dynamodb`, `sqs`, `secretsmanager`, `scheduler` or `eventbridge`; any when absent.
    pub service: Option<String>,
    /// The operation; any when absent. Scheduler's delivery to a queue is hit only when `Deliver` is named.
    pub operation: Option<String>,
    /// What the call's body has to contain, as it is written; anything when absent.
    pub containing: Option<String>,
    /// How many calls are hit; all when absent.
    pub times: Option<u32>,
    /// How many matching calls pass first.
    pub skip: u32,
    /// How likely a matching call is hit, drawn from the seed: 1.0 is always.
    pub probability: f64,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault on every call of one operation.
    pub fn on(service: &str, operation: &str, kind: FaultKind) -> Self {
        Self {
            service: Some(service.to_owned()),
            operation: Some(operation.to_owned()),
            containing: None,
            times: None,
            skip: 0,
            probability: 1.0,
            kind,
        }
    }

    /// Hits calls whose body contains this, as it is written.
    pub fn containing(mut self, text: &str) -> Self {
        self.containing = Some(text.to_owned());
        self
    }

    /// Hits that many calls and no more.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets that many calls pass first.
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn matches(&self, service: Service, operation: &str, body: &[u8]) -> bool {
        let named =
            |wanted: &Option<String>, have: &str| wanted.as_deref().is_none_or(|name| name == have);
        let delivery = operation == DELIVER && self.operation.is_none();
        let contains = |wanted: &String| {
            std::str::from_utf8(body).is_ok_and(|body| body.contains(wanted.as_str()))
        };
        named(&self.service, service.name())
            && named(&self.operation, operation)
            && self.containing.as_ref().is_none_or(contains)
            && !delivery
    }
}

/// The name under which Scheduler's own deliveries are logged and can be hit.
pub(crate) const DELIVER: &str = "Deliver";

/// What a fault does to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The service's own words for "too many calls".
    Throttle,
    /// The service's own words for a failure inside.
    ServerError,
    /// Any error, such as `AccessDeniedException` or `DecryptionFailure`.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
    },
    /// Answers that many milliseconds of real time later.
    Delay(u64),
    /// Does what was asked, then closes the connection without an answer.
    AppliedThenLost,
    /// Closes the connection without doing anything.
    LostBeforeApplied,
    /// DynamoDB: the transaction is cancelled, and every item's reason is `TransactionConflict`.
    TransactionConflict,
    /// A batch does its first entry and leaves the rest: `UnprocessedItems` or `UnprocessedKeys` in DynamoDB, `Failed`
    /// in SQS, `FailedEntryCount` in EventBridge.
    PartialBatch,
    /// DynamoDB: a read that is not strongly consistent sees the tables as they were when the fault was added.
    StaleRead,
    /// SQS: what is received stays visible as well, and will be delivered again.
    DuplicateDelivery,
}

impl FaultKind {
    /// The error that a call is answered with instead of being done, where the fault is one.
    pub(crate) fn error(&self, service: Service) -> Option<ApiError> {
        let error = match (self, service) {
            (FaultKind::Throttle, Service::DynamoDb) => ApiError::new(
                400,
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded.",
            ),
            (FaultKind::Throttle, Service::Sqs) => ApiError::new(
                403,
                "RequestThrottled",
                "The request was denied due to request throttling.",
            ),
            (FaultKind::Throttle, Service::SecretsManager) => {
                ApiError::new(400, "ThrottlingException", "Rate exceeded")
            }
            (FaultKind::Throttle, Service::Scheduler) => {
                ApiError::new(429, "ThrottlingException", "Rate exceeded")
            }
            (FaultKind::Throttle, Service::EventBridge) => {
                ApiError::new(400, "ThrottlingException", "Rate exceeded")
            }
            (FaultKind::ServerError, Service::EventBridge) => ApiError::new(
                500,
                "InternalException",
                "This exception occurs due to unexpected causes.",
            ),
            (FaultKind::ServerError, Service::DynamoDb) => {
                ApiError::new(500, "InternalServerError", "Internal server error")
            }
            (FaultKind::ServerError, Service::Sqs) => {
                ApiError::new(500, "InternalFailure", "The request processing has failed.")
            }
            (FaultKind::ServerError, Service::SecretsManager) => ApiError::new(
                500,
                "InternalServiceError",
                "An error occurred on the server side.",
            ),
            (FaultKind::ServerError, Service::Scheduler) => ApiError::new(
                500,
                "InternalServerException",
                "Unexpected error encountered.",
            ),
            (
                FaultKind::Error {
                    status,
                    code,
                    message,
                },
                _,
            ) => ApiError::new(*status, code, message),
            _ => return None,
        };
        Some(error)
    }
}

/// The faults that are set, with what is left of each.
#[derive(Debug)]
pub(crate) struct Faults {
    set: Vec<Fault>,
    random: Random,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            set: Vec::new(),
            random: Random::new(seed, "faults"),
        }
    }

    pub(crate) fn add(&mut self, fault: Fault) {
        self.set.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.set.clear();
    }

    /// What happens to this call, if anything; counts it.
    pub(crate) fn draw(
        &mut self,
        service: Service,
        operation: &str,
        body: &[u8],
    ) -> Option<FaultKind> {
        for fault in &mut self.set {
            if fault.times == Some(0) || !fault.matches(service, operation, body) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.probability < 1.0 && self.random.unit() >= fault.probability {
                continue;
            }
            fault.times = fault.times.map(|left| left - 1);
            return Some(fault.kind.clone());
        }
        None
    }
}
