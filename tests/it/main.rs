//! Journeys across functions: one binary, one module a subject.

mod aws_faults;
mod coverage;
mod crash;
mod due;
mod events;
mod journey;
mod lease;
mod login;
mod queue;
mod races;
mod refresh;
mod refresh_crash;
mod renewals;
mod routes;
mod structure;
mod tasks;
mod vault;
mod verdicts;
