//! Comments, mentions and the figures of stories. Facts section 8.5.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::event::{Kind, Told, Unreadable, What, long_text, name, short_text, time};
use crate::graph::wire::Object;

/// More figures than Instagram tells of a story.
const MOST_METRICS: usize = 100;

/// A comment, as a webhook tells of it. Everything but its id may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CommentEvent {
    /// The comment.
    pub id: String,
    /// The comment that it answers.
    pub parent: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// Who wrote it: Instagram-scoped, or the account's own id.
    pub from: Option<String>,
    /// Their name.
    pub username: Option<String>,
    /// On which media.
    pub media: Option<String>,
    /// `FEED`, `REELS`, `STORY`, `AD`.
    pub media_product_type: Option<String>,
    /// The ad that showed the media.
    pub ad: Option<String>,
    /// The media of which the ad was made.
    pub original_media: Option<String>,
}

/// A mention of the account by somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// In the caption of this media, or in a comment on it.
    pub media: String,
    /// The comment.
    pub comment: Option<String>,
}

/// The figures of a story's 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryInsights {
    /// The story.
    pub media: String,
    /// By Meta's name, which changes over the years. Counts below five come as -1, which is no count and left out.
    pub metrics: BTreeMap<String, u64>,
}

impl CommentEvent {
    pub(super) fn read(
        value: &Object,
        kind: Kind,
        sent_at: Option<Timestamp>,
    ) -> Result<Told, Unreadable> {
        let id = value
            .id("id")
            .or_else(|| value.id("comment_id"))
            .ok_or(Unreadable("comment_without_id"))?;
        let media = value.object("media").unwrap_or_default();
        let from = value.object("from").unwrap_or_default();
        Ok(Told {
            kind,
            at: time(value, sent_at),
            identity: vec![id.clone()],
            what: What::Comment(Self {
                id,
                parent: value.id("parent_id"),
                text: long_text(value, "text"),
                from: from.id("id"),
                username: short_text(&from, "username"),
                media: media.id("id"),
                media_product_type: short_text(&media, "media_product_type"),
                ad: media.id("ad_id"),
                original_media: media.id("original_media_id"),
            }),
        })
    }
}

impl Mention {
    pub(super) fn read(value: &Object, sent_at: Option<Timestamp>) -> Result<Told, Unreadable> {
        let media = value
            .id("media_id")
            .ok_or(Unreadable("mention_without_media"))?;
        let comment = value.id("comment_id");
        Ok(Told {
            kind: Kind::Mention,
            at: time(value, sent_at),
            identity: vec![media.clone(), comment.clone().unwrap_or_default()],
            what: What::Mention(Self { media, comment }),
        })
    }
}

impl StoryInsights {
    pub(super) fn read(value: &Object, sent_at: Option<Timestamp>) -> Result<Told, Unreadable> {
        let media = value
            .id("media_id")
            .ok_or(Unreadable("insights_without_media"))?;
        let names = value
            .names()
            .filter(|name| *name != "media_id" && name.len() <= 100);
        let metrics: BTreeMap<String, u64> = names
            .filter_map(|name| Some((name.to_owned(), value.count(name)?)))
            .take(MOST_METRICS)
            .collect();
        let mut identity = vec![media.clone()];
        identity.extend(
            metrics
                .iter()
                .map(|(name, count)| format!("{name}={count}")),
        );
        Ok(Told {
            kind: Kind::StoryInsights,
            at: time(value, sent_at),
            identity,
            what: What::StoryInsights(Self { media, metrics }),
        })
    }
}

/// Where somebody came from: a link or an ad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referral {
    /// The link's own word.
    pub reference: Option<String>,
    /// `ADS`, or where the link stood.
    pub source: Option<String>,
    /// The ad.
    pub ad: Option<String>,
    /// The product of a shop.
    pub product: Option<String>,
}

impl Referral {
    pub(super) fn read(value: &Object) -> Self {
        Self {
            reference: name(value, "ref"),
            source: short_text(value, "source"),
            ad: value.id("ad_id"),
            product: value.object("product").and_then(|product| product.id("id")),
        }
    }
}
