//! What two functions need: configuration, the Graph client, stores, the vault, queues, schedules, the HTTP edge and
//! telemetry. Nothing here knows a function, and nothing here knows the embedded AWS or the simulated Instagram.

pub mod clock;
pub mod graph;
pub mod secret;
