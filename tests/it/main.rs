//! Journeys across functions: one binary, one module a subject.

mod alarms;
mod aws_faults;
mod coverage;
mod crash;
mod deployment;
mod events;
mod journey;
mod login;
mod policy;
mod races;
mod resources;
mod routes;
mod structure;
mod tasks;
mod template;
mod walk;
