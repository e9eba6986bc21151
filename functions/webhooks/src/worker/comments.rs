//! What becomes of comments and of the figures of stories.

use jiff::Timestamp;
use shared::engagement::{Comment, StoryMetrics};
use shared::webhooks::{CommentEvent, Event, Kind, StoryInsights};

/// A comment after it was told of. What is known of it stays; what was missing is filled in.
pub(super) fn comment(told: &CommentEvent, event: &Event, before: Option<&Comment>) -> Comment {
    let before = before.cloned().unwrap_or_default();
    let told = told.clone();
    Comment {
        id: told.id,
        parent: before.parent.or(told.parent),
        text: before.text.or(told.text),
        from: before.from.or(told.from),
        username: before.username.or(told.username),
        media: before.media.or(told.media),
        media_product_type: before.media_product_type.or(told.media_product_type),
        ad: before.ad.or(told.ad),
        original_media: before.original_media.or(told.original_media),
        is_live: before.is_live || event.kind == Kind::LiveComment,
        // One telling says when it was written, another only when it was sent.
        at: before.at.into_iter().chain(event.at).min(),
        hidden: before.hidden,
        version: before.version,
    }
}

/// A story's figures after they were told: the newest count.
pub(super) fn story(
    told: &StoryInsights,
    at: Option<Timestamp>,
    before: Option<&StoryMetrics>,
) -> StoryMetrics {
    let told = StoryMetrics {
        media: told.media.clone(),
        at,
        metrics: told.metrics.clone(),
        version: 0,
    };
    match before {
        Some(before) if (before.at, &before.metrics) >= (told.at, &told.metrics) => before.clone(),
        _ => told,
    }
}
