//! The embedded AWS, driven by raw requests over the loopback. The other crates' tests drive it with the AWS SDK.

mod dynamodb;
mod eventbridge;
mod faults;
mod scheduler;
mod secrets;
mod sqs;
mod state;
mod surroundings;
