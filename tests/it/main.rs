//! Journeys across functions: one binary, one module a subject.

mod alarms;
mod aws_faults;
mod coverage;
mod crash;
mod deployment;
mod due;
mod events;
mod issued;
mod journey;
mod lease;
mod login;
mod policy;
mod queue;
mod races;
mod refresh;
mod refresh_crash;
mod renewals;
mod resources;
mod routes;
mod structure;
mod tasks;
mod telemetry;
mod template;
mod vault;
mod verdicts;
mod walk;
