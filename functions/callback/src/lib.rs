//! Finishes a login.
