//! The simulator, driven over loopback as an app drives it.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of a test fail it by panicking, like the test itself"
)]

mod cases;
mod client;
mod consent;
mod control;
mod drafts;
mod faults;
mod graph;
mod history;
mod insights;
mod login;
mod media;
mod publish;
mod publish_faults;
mod samples;
mod state_file;
mod tokens;
mod webhooks;
