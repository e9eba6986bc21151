//! Starts a login.
