//! DynamoDB, SQS, Secrets Manager, EventBridge and its Scheduler on a clock that can be turned.
//!
//! One listener on the loopback speaks AWS's own protocols, so that the unchanged SDK of the functions can be pointed
//! at it. Everything is timed by the clock that is given and drawn from the seed that is given; any call can be made to
//! fail. DynamoDB is dynoxide; the rest is ours. `docs/aws-sim.md` says what is simulated and what is not.
//!
//! Where to begin: `front` takes a call in, `core` is what everything shares, and each service has its folder.

mod call;
mod capacity;
mod core;
mod dynamodb;
mod eventbridge;
mod fault;
mod front;
mod handle;
mod named;
mod permission;
mod random;
mod scheduler;
mod secrets;
mod sqs;
mod views;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

pub use call::{Call, Permission};
pub use eventbridge::BusEvent;
pub use fault::{Fault, FaultKind};
pub use handle::AwsSim;
pub use secrets::Quotas;
pub use views::{QueueDepth, ScheduleView, SecretView};

pub(crate) use core::lock;

/// Milliseconds since the epoch, from whoever owns the clock.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How an embedded AWS is started.
#[derive(Clone)]
pub struct Options {
    /// Where to listen, on the loopback; port 0 is any that is free.
    pub listen: SocketAddr,
    /// The clock.
    pub now: Now,
    /// What ids, jitter and the chance of faults are drawn from.
    pub seed: u64,
    /// Where the state is kept between a stop and the next start; in memory alone when absent.
    pub state_dir: Option<PathBuf>,
    /// The Region in ARNs.
    pub region: String,
    /// The account in ARNs and queue URLs.
    pub account_id: String,
}

impl Options {
    /// In memory, on any port, in `us-east-1` and account `123456789012`.
    pub fn new(now: Now, seed: u64) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            now,
            seed,
            state_dir: None,
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Options")
            .field("listen", &self.listen)
            .field("seed", &self.seed)
            .field("state_dir", &self.state_dir)
            .field("region", &self.region)
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}
