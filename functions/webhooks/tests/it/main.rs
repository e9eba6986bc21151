//! The function with the embedded AWS around it: what Meta sends goes in at its address, and comes out at the API.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "the helpers of a test fail it by panicking, like the test itself"
)]

mod api;
mod cases;
mod completeness;
mod events;
mod fixture;
mod order;
mod owners;
mod receive;
