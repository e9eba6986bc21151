//! The Graph client: typed calls to Instagram, and what its errors mean.
//!
//! [`Graph`] is one HTTP client with its hosts in [`GraphConfig`]. Every call has one deadline, reads a body only up
//! to a cap, follows no redirect, and answers with what Instagram said about its limits ([`Usage`]). A refusal is a
//! [`GraphError`] whose [`ErrorKind`] is a row of the [`catalogue`]: what it means, who must act, when to try again,
//! what becomes of the account, and the sentence that a person sees. `docs/errors.md` is written from the same table.
//!
//! Two logins exist. The calls here are those of the Instagram login; the Facebook login is a second
//! [`LoginKind`], and its calls answer [`ErrorKind::UnsupportedLogin`] until they are built.

pub mod breaker;
pub mod catalogue;
pub mod comments;
pub mod error;
pub mod insights;
pub mod login;
pub mod media;
pub mod profile;
pub mod publishing;
pub mod subscriptions;
pub mod usage;
pub mod wire;

mod config;
mod endpoint;
mod object;
mod proof;
mod retry;
mod transport;

#[cfg(test)]
mod tests;

pub use breaker::{Breaker, BreakerConfig};
pub use catalogue::{AccountEffect, ErrorKind, Retry, Row, Who};
pub use comments::{MediaComment, MediaComments};
pub use config::{GraphConfig, LoginKind};
pub use endpoint::Endpoint;
pub use error::GraphError;
pub use insights::{Breakdown, Insight, InsightsQuery, Point};
pub use login::{AppCredentials, LongLivedToken, ShortLivedToken};
pub use media::{Media, MediaEdge, MediaKind, MediaPage, MediaQuery};
pub use profile::{AccountType, Profile};
pub use proof::appsecret_proof;
pub use publishing::{
    CommentPage, ContainerFields, ContainerStatus, PublishedComment, PublishedMedia,
    PublishingLimit,
};
pub use transport::{Answered, CallRecord, Graph};
pub use usage::{Figures, Usage};
