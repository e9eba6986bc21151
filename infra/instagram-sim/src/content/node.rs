//! Containers, media and comments as they are kept and as tests see them.

use serde::{Deserialize, Serialize};

/// What a container holds and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// One picture in the feed.
    Image,
    /// A video in the feed and among the reels.
    Reel,
    /// A picture that is shown for 24 hours.
    StoryImage,
    /// A video that is shown for 24 hours.
    StoryVideo,
    /// A picture of a carousel.
    CarouselImage,
    /// A video of a carousel.
    CarouselVideo,
    /// Pictures and videos together.
    Carousel,
}

impl ContentKind {
    /// Whether it vanishes after 24 hours.
    #[must_use]
    pub fn is_story(self) -> bool {
        matches!(self, Self::StoryImage | Self::StoryVideo)
    }

    /// Whether it is one video.
    #[must_use]
    pub fn is_video(self) -> bool {
        matches!(self, Self::Reel | Self::StoryVideo | Self::CarouselVideo)
    }

    /// Whether it is part of a carousel and cannot be published by itself.
    #[must_use]
    pub fn is_carousel_item(self) -> bool {
        matches!(self, Self::CarouselImage | Self::CarouselVideo)
    }

    /// As `media_type` reads.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Carousel => "CAROUSEL_ALBUM",
            kind if kind.is_video() => "VIDEO",
            _ => "IMAGE",
        }
    }

    /// As `media_product_type` reads.
    pub(crate) fn media_product_type(self) -> &'static str {
        match self {
            Self::Reel => "REELS",
            kind if kind.is_story() => "STORY",
            _ => "FEED",
        }
    }
}

/// What a caller said about a post. Texts that were not sent are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PostDetails {
    /// Byte for byte as it came.
    pub caption: String,
    /// `image_url` or `video_url`; empty for a carousel.
    pub address: String,
    /// Which of the simulator's sample media the address was taken for; empty for a carousel.
    pub sample: String,
    /// `cover_url`.
    pub cover_address: String,
    /// `alt_text`.
    pub alt_text: String,
    /// `thumb_offset`, in milliseconds.
    pub thumb_offset_ms: Option<u64>,
    /// `share_to_feed`.
    pub share_to_feed: Option<bool>,
    /// `audio_name`.
    pub audio_name: String,
    /// `collaborators`.
    pub collaborators: Vec<String>,
    /// The usernames in `user_tags`.
    pub user_tags: Vec<String>,
    /// `location_id`.
    pub location_id: String,
    /// `graduation_strategy` of `trial_params`; empty for a reel that is no trial.
    pub trial: String,
    /// `is_ai_generated`.
    pub is_ai_generated: bool,
}

/// What waits to be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub ig_user_id: String,
    /// What it holds.
    pub kind: ContentKind,
    /// What the caller said about it.
    pub details: PostDetails,
    /// The containers of a carousel's items.
    pub children: Vec<String>,
    /// When it was made (milliseconds since the epoch, like all times here).
    pub created_at_ms: i64,
    /// When it is processed, or has failed.
    pub ready_at_ms: i64,
    /// From when on it cannot be published.
    pub expires_at_ms: i64,
    /// The subcode with which processing fails, if it does.
    pub fails_with: Option<u32>,
    /// What became of it. A container is published once at most.
    pub media_id: Option<String>,
    /// How often somebody asked to publish it, also in vain.
    pub publish_calls: u32,
}

/// `status_code` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerStatus {
    /// Being processed.
    InProgress,
    /// Can be published.
    Finished,
    /// Was published.
    Published,
    /// Could not be processed.
    Error,
    /// Too old.
    Expired,
}

impl Container {
    /// How far it is at this time.
    #[must_use]
    pub fn status_at(&self, now_ms: i64) -> ContainerStatus {
        if self.media_id.is_some() {
            ContainerStatus::Published
        } else if now_ms >= self.expires_at_ms {
            ContainerStatus::Expired
        } else if now_ms < self.ready_at_ms {
            ContainerStatus::InProgress
        } else if self.fails_with.is_some() {
            ContainerStatus::Error
        } else {
            ContainerStatus::Finished
        }
    }
}

impl ContainerStatus {
    /// As `status_code` reads.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Finished => "FINISHED",
            Self::Published => "PUBLISHED",
            Self::Error => "ERROR",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What was published: a post, a story, or an item of a carousel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub ig_user_id: String,
    /// What it is.
    pub kind: ContentKind,
    /// Of which container it was made.
    pub container_id: String,
    /// The carousel that it is an item of.
    pub parent_id: Option<String>,
    /// The items of a carousel.
    pub children: Vec<String>,
    /// When it was published.
    pub published_at_ms: i64,
    /// What the caller said about it.
    pub details: PostDetails,
    /// The owner hides how many like it.
    #[serde(default)]
    pub counts_hidden: bool,
    /// Its address is withheld, as for protected music.
    #[serde(default)]
    pub address_withheld: bool,
    /// Nobody may comment.
    #[serde(default)]
    pub comments_disabled: bool,
}

/// A comment on a media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// Its id.
    pub id: String,
    /// What it is on.
    pub media_id: String,
    /// Who wrote it, by the id that the media's owner is told.
    pub ig_user_id: String,
    /// The name of a visitor who wrote it; empty for the media's owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Byte for byte as it came.
    pub text: String,
    /// When it was written.
    pub created_at_ms: i64,
    /// The comment that it answers; empty for none.
    #[serde(default)]
    pub parent_id: String,
}
