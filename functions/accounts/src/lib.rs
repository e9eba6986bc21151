//! Lists and manages accounts.
