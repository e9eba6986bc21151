//! The HTTP edge: who calls, what is refused, how answers look.

pub mod caller;
pub mod cursor;
pub mod edge;
pub mod extract;
pub mod idempotency;
pub mod meta_ids;
pub mod owned;
pub mod paging;
pub mod problem;

pub use caller::{Caller, Editor, Role};
pub use edge::edge;
pub use extract::{JsonBody, QueryString, body_bytes, given};
pub use idempotency::{NewIds, Unfinished};
pub use meta_ids::{CommentId, MediaId};
pub use owned::{EditableAccount, OwnAccount};
pub use problem::Problem;
