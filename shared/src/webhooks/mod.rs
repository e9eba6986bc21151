//! What Meta tells through webhooks: whether a delivery is genuine, what it holds, and what each item of it means.
//!
//! A delivery goes through these modules in this order. [`signature`] decides over its raw bytes whether it is Meta's.
//! [`envelope`] takes it apart, so that one unreadable item costs no other. An item travels to the worker as
//! [`Delivered`], and there [`Event`] is what it means. Everything is tolerant where Meta's own samples differ: the raw
//! item stays with the event, so whatever is not understood today can be read again tomorrow.

mod comments;
pub mod delivered;
pub mod envelope;
pub mod event;
pub mod messaging;
pub mod moment;
pub mod signature;

pub use comments::{CommentEvent, Mention, StoryInsights};
pub use delivered::{Delivered, Item, Source};
pub use envelope::Envelope;
pub use event::{Event, Kind, Unreadable};
pub use messaging::{Messaging, Parties};
