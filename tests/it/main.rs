//! Journeys across functions: one binary, one module a subject.

mod aws_faults;
mod coverage;
mod crash;
mod events;
mod journey;
mod login;
mod races;
mod routes;
mod structure;
mod tasks;
mod vault;
