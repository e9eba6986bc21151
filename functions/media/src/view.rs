//! A media as a caller sees it. What Instagram hides or does not know is absent, and not zero.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::graph::{Media, MediaComment, MediaKind};
use shared::media::StoredMedia;
use utoipa::ToSchema;

/// A media.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MediaView {
    /// Meta's id.
    #[schema(example = "17895000000000001")]
    id: String,
    /// What it is.
    pub(crate) kind: MediaKind,
    /// Byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Fresh out of the oven.")]
    caption: Option<String>,
    /// Where the picture or video is for some hours. Absent where Instagram withholds it, as for protected music, and in
    /// what is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://media.example.com/picture.jpg")]
    media_url: Option<String>,
    /// A picture of a video, for some hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://media.example.com/thumbnail.jpg")]
    thumbnail_url: Option<String>,
    /// Where people see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "https://instagram.example.com/p/DExample/"
    )]
    permalink: Option<String>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-21T10:00:00Z")]
    published_at: Option<Timestamp>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "corner.bakery")]
    username: Option<String>,
    /// How many like it. Absent where the owner hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 84)]
    like_count: Option<u64>,
    /// How many comments it has, with replies. Absent where the owner hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 7)]
    comments_count: Option<u64>,
    /// Whether people may comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    comments_enabled: Option<bool>,
    /// Whether a reel shows in the feed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    shared_to_feed: Option<bool>,
    /// What a picture shows, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "A loaf of bread")]
    alt_text: Option<String>,
    /// The items of an album.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    children: Vec<ItemView>,
    /// Of what is stored: its figures when it was synced last, by Meta's names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    figures: BTreeMap<String, u64>,
    /// Of what is stored: (likes + comments + saves + shares) ÷ followers, where one of them is hidden Instagram's total
    /// interactions ÷ followers; absent where neither is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.042)]
    engagement_rate: Option<f64>,
    /// Of what is stored: when it was found to be gone at Instagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-21T10:00:00Z")]
    gone_at: Option<Timestamp>,
}

/// An item of an album.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ItemView {
    /// Meta's id.
    #[schema(example = "17895000000000003")]
    id: String,
    /// `image` or `video`.
    kind: MediaKind,
    /// Where it is for some hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://media.example.com/picture.jpg")]
    media_url: Option<String>,
    /// A picture of a video, for some hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://media.example.com/thumbnail.jpg")]
    thumbnail_url: Option<String>,
    /// What it shows, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "A loaf of bread")]
    alt_text: Option<String>,
}

/// A comment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MediaCommentView {
    /// Meta's id.
    #[schema(example = "17870000000000001")]
    id: String,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Where can I get this?")]
    text: Option<String>,
    /// When it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "2026-11-21T10:00:00Z")]
    written_at: Option<Timestamp>,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "mara.k")]
    username: Option<String>,
    /// Instagram's id of who wrote it, for this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "1200000000000001")]
    from: Option<String>,
    /// How many like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 2)]
    like_count: Option<u64>,
    /// Whether the account hides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = false)]
    hidden: Option<bool>,
    /// The comment that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "17870000000000001")]
    parent_id: Option<String>,
}

impl From<Media> for MediaView {
    fn from(media: Media) -> Self {
        Self {
            kind: media.kind(),
            id: media.id,
            caption: media.caption,
            media_url: media.media_url,
            thumbnail_url: media.thumbnail_url,
            permalink: media.permalink,
            published_at: media.published_at,
            username: media.username,
            like_count: media.like_count,
            comments_count: media.comments_count,
            comments_enabled: media.is_comment_enabled,
            shared_to_feed: media.is_shared_to_feed,
            alt_text: media.alt_text,
            children: media.children.into_iter().map(ItemView::from).collect(),
            figures: BTreeMap::new(),
            engagement_rate: None,
            gone_at: None,
        }
    }
}

impl MediaView {
    /// What is stored of a media, of an account with so many followers.
    pub(crate) fn stored(media: StoredMedia, followers: Option<u64>) -> Self {
        Self {
            engagement_rate: media.engagement_rate(followers),
            id: media.id,
            kind: media.kind,
            caption: media.caption,
            media_url: None,
            thumbnail_url: None,
            permalink: media.permalink,
            published_at: Some(media.published_at).filter(|at| *at != Timestamp::UNIX_EPOCH),
            username: None,
            like_count: media.like_count,
            comments_count: media.comments_count,
            comments_enabled: media.is_comment_enabled,
            shared_to_feed: None,
            alt_text: None,
            children: Vec::new(),
            figures: media.figures,
            gone_at: media.gone_at,
        }
    }
}

impl From<Media> for ItemView {
    fn from(item: Media) -> Self {
        Self {
            kind: item.kind(),
            id: item.id,
            media_url: item.media_url,
            thumbnail_url: item.thumbnail_url,
            alt_text: item.alt_text,
        }
    }
}

impl From<MediaComment> for MediaCommentView {
    fn from(comment: MediaComment) -> Self {
        Self {
            id: comment.id,
            text: comment.text,
            written_at: comment.written_at,
            username: comment.username,
            from: comment.from,
            like_count: comment.like_count,
            hidden: comment.hidden,
            parent_id: comment.parent,
        }
    }
}
