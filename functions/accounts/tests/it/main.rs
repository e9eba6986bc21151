//! The function behind API Gateway, with the embedded AWS and the simulated Instagram around it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of a test fail it by panicking, like the test itself"
)]

mod account;
mod crash;
mod document;
mod fixture;
mod health;
mod history;
mod integrations;
mod lifecycle;
mod list;
mod ownership;
mod sync;
