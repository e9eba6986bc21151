//! The API's routes: what Instagram told of an account, whether it tells everything, and doing it again.

pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod replay;
