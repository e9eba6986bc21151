//! What an account shows, read for itself and in lists.
//!
//! Source: Meta, "IG Media" and "IG User: media", "stories" and "tags". A member that Instagram hides or does not know is
//! absent, and never zero or empty.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoint::Endpoint;
use super::error::GraphError;
use super::insights::{Insight, insights};
use super::object::Object;
use super::publishing::{digits, moment};
use super::transport::{Answered, Call, Graph};
use super::wire::Page;
use crate::secret::AccessToken;

/// Everything that a caller sees of a media: a page of them costs one call.
const SHOWN: &str = "id,caption,media_type,media_product_type,media_url,thumbnail_url,permalink,timestamp,username,\
    like_count,comments_count,is_comment_enabled,is_shared_to_feed,alt_text,\
    children{id,media_type,media_url,thumbnail_url,alt_text}";
/// What a sync keeps. Addresses of pictures run out, so none is kept.
const KEPT: &str = "id,caption,media_type,media_product_type,permalink,timestamp,like_count,comments_count,\
    is_comment_enabled,children{id}";
/// Of a media in which the account is tagged, and which is somebody else's.
const TAGGED: &str = "id,caption,media_type,media_product_type,media_url,thumbnail_url,permalink,timestamp,username,\
    like_count,comments_count";
/// Of an item of an album.
const ITEM: &str = "id,media_type,media_url,thumbnail_url,alt_text";

/// What a media is, as people see it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// One picture.
    Image,
    /// A video that is no reel.
    Video,
    /// Pictures and videos together.
    Carousel,
    /// A reel.
    Reel,
    /// A story.
    Story,
    /// Something that is newer than this service: a live broadcast, for example.
    Other,
}

/// A media as Instagram tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// Meta's id.
    pub id: String,
    /// `IMAGE`, `VIDEO`, `CAROUSEL_ALBUM`, `BROADCAST` or what comes later.
    pub media_type: Option<String>,
    /// `FEED`, `REELS`, `STORY`, `AD`, `LIVE` or what comes later.
    pub product_type: Option<String>,
    /// Byte for byte.
    pub caption: Option<String>,
    /// Where the picture or video is for some hours. Absent where Instagram withholds it, as for protected music.
    pub media_url: Option<String>,
    /// A picture of a video.
    pub thumbnail_url: Option<String>,
    /// Where people see it.
    pub permalink: Option<String>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Whose it is.
    pub username: Option<String>,
    /// Absent where the owner hides it.
    pub like_count: Option<u64>,
    /// With replies. Absent where the owner hides it.
    pub comments_count: Option<u64>,
    /// Whether people may comment.
    pub is_comment_enabled: Option<bool>,
    /// Whether a reel shows in the feed as well.
    pub is_shared_to_feed: Option<bool>,
    /// What a picture shows, in words.
    pub alt_text: Option<String>,
    /// The items of an album.
    pub children: Vec<Media>,
    /// Its figures, where they were asked for in the same call.
    pub insights: Vec<Insight>,
}

/// A page of media.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaPage {
    /// Newest first.
    pub media: Vec<Media>,
    /// Where the next page begins; absent after the last one.
    pub after: Option<String>,
}

/// Which list of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEdge {
    /// What stands on the profile: the 10,000 newest at most, without stories.
    Media,
    /// The stories of the last 24 hours.
    Stories,
    /// What others published with the account tagged in it.
    Tags,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default)]
pub struct MediaQuery<'a> {
    /// How many at most; Instagram may give fewer.
    pub limit: usize,
    /// `after` of the page before.
    pub after: Option<&'a str>,
    /// Not older.
    pub since: Option<Timestamp>,
    /// Not younger.
    pub until: Option<Timestamp>,
    /// What a sync keeps, and not what a caller sees.
    pub for_sync: bool,
    /// Figures to be told in the same call.
    pub metrics: &'a [&'a str],
}

impl MediaKind {
    /// All of them.
    pub const ALL: &[MediaKind] = &[
        MediaKind::Image,
        MediaKind::Video,
        MediaKind::Carousel,
        MediaKind::Reel,
        MediaKind::Story,
        MediaKind::Other,
    ];

    /// Its word, as answers and records have it.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaKind::Image => "image",
            MediaKind::Video => "video",
            MediaKind::Carousel => "carousel",
            MediaKind::Reel => "reel",
            MediaKind::Story => "story",
            MediaKind::Other => "other",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

impl Media {
    /// The media in an object; `None` without a usable id.
    pub fn read(object: &Object) -> Option<Self> {
        let children = object.object("children");
        let children = children.and_then(|children| children.objects("data"));
        Some(Self {
            id: object.digits("id")?,
            media_type: object.text("media_type"),
            product_type: object.text("media_product_type"),
            caption: object.text("caption"),
            media_url: object.text("media_url"),
            thumbnail_url: object.text("thumbnail_url"),
            permalink: object.text("permalink"),
            published_at: object.text("timestamp").and_then(|text| moment(&text)),
            username: object.text("username"),
            like_count: object.count("like_count"),
            comments_count: object.count("comments_count"),
            is_comment_enabled: object.flag("is_comment_enabled"),
            is_shared_to_feed: object.flag("is_shared_to_feed"),
            alt_text: object.text("alt_text"),
            children: children
                .unwrap_or_default()
                .iter()
                .filter_map(Self::read)
                .collect(),
            insights: object
                .object("insights")
                .and_then(|found| insights(&found))
                .unwrap_or_default(),
        })
    }

    /// What it is. A reel and a story read back as plain pictures and videos, but for their product.
    pub fn kind(&self) -> MediaKind {
        match (self.product_type.as_deref(), self.media_type.as_deref()) {
            (Some("STORY"), _) => MediaKind::Story,
            (Some("REELS"), _) => MediaKind::Reel,
            (_, Some("CAROUSEL_ALBUM")) => MediaKind::Carousel,
            (_, Some("IMAGE")) => MediaKind::Image,
            (_, Some("VIDEO")) => MediaKind::Video,
            _ => MediaKind::Other,
        }
    }
}

impl MediaPage {
    /// The page in an answer. `without_next`: of a list that gives cursors and never a next address, which therefore ends
    /// with an empty page.
    pub fn read(object: &Object, without_next: bool) -> Option<Self> {
        let page = Page::read(object)?;
        let has_next = match without_next {
            true => !page.items.is_empty(),
            false => page.has_next,
        };
        let found = page.items.iter();
        let found = found.filter_map(|item| Object::parse(item.get()));
        Some(Self {
            media: found.filter_map(|item| Media::read(&item)).collect(),
            after: page.after.filter(|_| has_next),
        })
    }
}

impl MediaEdge {
    fn segment(self) -> &'static str {
        match self {
            MediaEdge::Media => "media",
            MediaEdge::Stories => "stories",
            MediaEdge::Tags => "tags",
        }
    }
}

impl Graph {
    /// `GET /{ig_user_id}/media`, `/stories` or `/tags`: a page of media, newest first.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn media(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
        edge: MediaEdge,
        query: &MediaQuery<'_>,
    ) -> Result<Answered<MediaPage>, GraphError> {
        let ig_user_id = digits(Endpoint::ListMedia, ig_user_id)?;
        let mut url = self.versioned(&[ig_user_id, edge.segment()]);
        let mut fields = match (edge, query.for_sync) {
            (MediaEdge::Tags, _) => TAGGED.to_owned(),
            (_, true) => KEPT.to_owned(),
            (_, false) => SHOWN.to_owned(),
        };
        if !query.metrics.is_empty() {
            fields.push_str(&format!(",insights.metric({})", query.metrics.join(",")));
        }
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("fields", &fields);
            pairs.append_pair("limit", &query.limit.to_string());
            for (name, value) in [
                ("after", query.after.map(str::to_owned)),
                ("since", query.since.map(|at| at.as_second().to_string())),
                ("until", query.until.map(|at| at.as_second().to_string())),
            ] {
                if let Some(value) = value {
                    pairs.append_pair(name, &value);
                }
            }
        }
        let call = Call::get(Endpoint::ListMedia, url).bearer(token);
        self.send(call, |object| {
            MediaPage::read(&object, edge == MediaEdge::Tags)
        })
        .await
    }

    /// `GET /{media}`: one media, with the items of an album.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn one_media(
        &self,
        token: &AccessToken,
        media: &str,
    ) -> Result<Answered<Media>, GraphError> {
        let mut url = self.versioned(&[digits(Endpoint::ReadMedia, media)?]);
        url.query_pairs_mut().append_pair("fields", SHOWN);
        let call = Call::get(Endpoint::ReadMedia, url).bearer(token);
        self.send(call, |object| Media::read(&object)).await
    }

    /// `GET /{media}/children`: the items of an album.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn children(
        &self,
        token: &AccessToken,
        media: &str,
    ) -> Result<Answered<Vec<Media>>, GraphError> {
        let mut url = self.versioned(&[digits(Endpoint::ReadMedia, media)?, "children"]);
        url.query_pairs_mut().append_pair("fields", ITEM);
        let call = Call::get(Endpoint::ReadMedia, url).bearer(token);
        self.send(call, |object| {
            let found = object.objects("data")?;
            Some(found.iter().filter_map(Media::read).collect())
        })
        .await
    }

    /// `POST /{media}?comment_enabled=…`: lets people comment, or not.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn enable_comments(
        &self,
        token: &AccessToken,
        media: &str,
        enabled: bool,
    ) -> Result<Answered<()>, GraphError> {
        let url = self.versioned(&[digits(Endpoint::UpdateMedia, media)?]);
        let enabled = if enabled { "true" } else { "false" };
        let call = Call::post(Endpoint::UpdateMedia, url)
            .bearer(token)
            .form(&[("comment_enabled", enabled)]);
        self.send(call, |object| object.is_success().then_some(()))
            .await
    }
}
