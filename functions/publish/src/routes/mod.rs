//! The routes of posts, templates and limits.

pub(crate) mod bulk;
pub(crate) mod change;
pub(crate) mod limit;
pub(crate) mod list;
pub(crate) mod new_post;
mod own;
mod plan;
pub(crate) mod post;
pub(crate) mod templates;
mod view;
