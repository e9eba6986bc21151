//! Keeps tokens alive and accounts in sync.
