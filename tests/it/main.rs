//! Journeys across functions: one binary, one module a subject.

mod aws_faults;
mod coverage;
mod crash;
mod deployment;
mod events;
mod journey;
mod login;
mod policy;
mod races;
mod routes;
mod structure;
mod tasks;
mod template;
mod walk;
