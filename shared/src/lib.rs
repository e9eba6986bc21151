//! What two functions need: configuration, the Graph client, stores, the vault, queues, schedules, the HTTP edge and
//! telemetry. Nothing here knows a function, and nothing here knows the embedded AWS or the simulated Instagram.

pub mod account;
pub mod announce;
pub mod app;
pub mod app_secrets;
pub mod aws;
pub mod browser;
pub mod clock;
pub mod config;
pub mod connection;
pub mod deletion;
pub mod digest;
pub mod ending;
pub mod engagement;
pub mod graph;
pub mod http;
pub mod lambda;
pub mod login;
pub mod members;
pub mod metrics;
pub mod openapi;
pub mod outgoing;
pub mod policy;
pub mod post;
pub mod schedules;
pub mod secret;
pub mod signed_request;
pub mod sync;
pub mod table;
pub mod tasks;
pub mod telemetry;
pub mod vault;
pub mod verdict;
pub mod webhooks;
