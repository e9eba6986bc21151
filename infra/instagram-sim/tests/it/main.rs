//! The simulator, driven over loopback as an app drives it.

mod client;
mod login;
