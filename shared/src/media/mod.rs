//! What a sync keeps of an account: its media, and what each day was like.

pub mod days;
pub mod figures;
pub mod metrics;
pub mod progress;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::graph::{Insight, Media, MediaKind};

/// The counts of media that are younger change: every sync reads them again.
pub const RECENT: SignedDuration = SignedDuration::from_hours(28 * 24);
/// How long people see a story.
const STORY_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// A media as its record keeps it. Addresses of pictures run out within hours, so none is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredMedia {
    /// Meta's id.
    pub id: String,
    /// What it is.
    pub kind: MediaKind,
    /// Byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Where people see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// When it was published; the epoch where Instagram does not say.
    pub published_at: Timestamp,
    /// Absent where the owner hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like_count: Option<u64>,
    /// With replies. Absent where the owner hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments_count: Option<u64>,
    /// Whether people may comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_comment_enabled: Option<bool>,
    /// How many items an album has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub items: usize,
    /// Its figures so far, by Meta's names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, u64>,
    /// When it was found to be gone at Instagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Timestamp>,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

fn is_zero(value: &usize) -> bool {
    *value == 0
}

impl StoredMedia {
    /// The record of a media as Instagram tells it now, over the one that is stored. What Instagram leaves out of a media's
    /// figures stays as it was; what it hides is absent.
    pub fn told(media: &Media, stored: Option<&Self>) -> Self {
        let mut figures = stored.map_or_else(BTreeMap::new, |stored| stored.figures.clone());
        figures.extend(figures_of(&media.insights));
        Self {
            id: media.id.clone(),
            kind: media.kind(),
            caption: media.caption.clone(),
            permalink: media.permalink.clone(),
            published_at: media.published_at.unwrap_or(Timestamp::UNIX_EPOCH),
            like_count: media.like_count,
            comments_count: media.comments_count,
            is_comment_enabled: media.is_comment_enabled,
            items: media.children.len(),
            figures,
            gone_at: None,
            version: stored.map_or(0, |stored| stored.version),
        }
    }

    /// Whether its counts still change enough to be kept for each day.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.published_at) < RECENT
    }

    /// Whether Instagram has it no longer: it was found to be gone, or is a story that is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let is_over = self.kind == MediaKind::Story && self.published_at + STORY_LIVES <= now;
        is_over || self.gone_at.is_some()
    }

    /// What people did with it: likes, comments, saves and shares. Where one of them is not known, as with hidden likes, it is
    /// what Instagram counts as `total_interactions`; `None` where that is not known either.
    pub fn interactions(&self) -> Option<u64> {
        let parts = ["likes", "comments", "saved", "shares"].map(|name| self.figure(name));
        let all = parts
            .into_iter()
            .try_fold(0, |sum: u64, part| Some(sum.saturating_add(part?)));
        all.or_else(|| self.figure("total_interactions"))
    }

    /// What [`engagement_rate`] says of this media.
    pub fn engagement_rate(&self, followers: Option<u64>) -> Option<f64> {
        engagement_rate(self.interactions()?, followers?)
    }

    /// One of its figures, by Meta's name of it; counts stand among them.
    pub fn figure(&self, name: &str) -> Option<u64> {
        match name {
            "likes" => self
                .like_count
                .or_else(|| self.figures.get("likes").copied()),
            "comments" => self
                .comments_count
                .or_else(|| self.figures.get("comments").copied()),
            "interactions" => self.interactions(),
            name => self.figures.get(name).copied(),
        }
    }
}

/// What a media cost and brought, in thousandths of the currency's unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Investment {
    /// Meta's id of the media.
    pub media: String,
    /// What was spent on it.
    pub spend: i64,
    /// What it brought.
    pub revenue: i64,
    /// ISO 4217, three capital letters.
    pub currency: String,
    /// How many clicks it brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<u64>,
    /// When somebody said so.
    pub updated_at: Timestamp,
    /// Rises with each write: the condition of every write.
    pub version: u64,
}

/// The engagement rate, here and nowhere else: [`StoredMedia::interactions`] ÷ followers, rounded to six places. `None` for an
/// account without followers.
pub fn engagement_rate(interactions: u64, followers: u64) -> Option<f64> {
    (followers > 0)
        .then(|| (interactions as f64 / followers as f64 * 1_000_000.0).round() / 1_000_000.0)
}

/// Over so many of the newest media the mean engagement rate is taken.
pub const MEAN_OF: usize = 30;

/// The mean engagement rate of these media; `None` where none has one.
pub fn mean_engagement_rate<'a>(
    media: impl IntoIterator<Item = &'a StoredMedia>,
    followers: Option<u64>,
) -> Option<f64> {
    let rates: Vec<f64> = media
        .into_iter()
        .filter_map(|media| media.engagement_rate(followers))
        .collect();
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    (!rates.is_empty()).then(|| (mean * 1_000_000.0).round() / 1_000_000.0)
}

/// Figures by Meta's names, without those that Instagram does not have.
pub fn figures_of(insights: &[Insight]) -> BTreeMap<String, u64> {
    let known = insights.iter();
    known
        .filter_map(|insight| Some((insight.name.clone(), insight.figure()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(likes: Option<u64>, comments: Option<u64>, figures: &[(&str, u64)]) -> StoredMedia {
        StoredMedia {
            id: "1".into(),
            kind: MediaKind::Image,
            caption: None,
            permalink: None,
            published_at: Timestamp::UNIX_EPOCH,
            like_count: likes,
            comments_count: comments,
            is_comment_enabled: None,
            items: 0,
            figures: figures
                .iter()
                .map(|(name, figure)| ((*name).to_owned(), *figure))
                .collect(),
            gone_at: None,
            version: 1,
        }
    }

    #[test]
    fn the_engagement_rate_is_likes_comments_saves_and_shares_by_followers() {
        let whole = media(
            Some(60),
            Some(20),
            &[("saved", 15), ("shares", 5), ("reach", 900)],
        );
        assert_eq!(whole.engagement_rate(Some(2_000)), Some(0.05));
        assert_eq!(whole.engagement_rate(Some(0)), None);
        assert_eq!(whole.engagement_rate(None), None);
        // J05: a hidden count is unknown, and what insights say of it counts.
        let hidden = media(None, None, &[("likes", 10), ("comments", 0)]);
        assert_eq!(hidden.interactions(), None, "saves and shares are unknown");
        let hidden = media(None, Some(0), &[("likes", 7), ("saved", 2), ("shares", 1)]);
        assert_eq!(hidden.interactions(), Some(10));
        assert_eq!(media(None, None, &[("reach", 5)]).interactions(), None);
        let mean = mean_engagement_rate(&[whole, hidden, media(None, None, &[])], Some(2_000));
        assert_eq!(mean, Some(0.0275));
        assert_eq!(mean_engagement_rate(&[], Some(2_000)), None);
    }

    #[test]
    fn j05_a_part_that_is_unknown_is_not_zero_and_instagrams_total_stands_in_for_all() {
        let parts = [("saved", 15), ("shares", 5)];
        let hidden = media(None, Some(20), &parts);
        assert_eq!(hidden.engagement_rate(Some(2_000)), None);
        let with_total = [("saved", 15), ("shares", 5), ("total_interactions", 130)];
        let hidden = media(None, Some(20), &with_total);
        assert_eq!(hidden.interactions(), Some(130));
        assert_eq!(hidden.engagement_rate(Some(2_000)), Some(0.065));
        let known = media(Some(60), Some(20), &with_total);
        assert_eq!(
            known.interactions(),
            Some(100),
            "the parts, where all are known"
        );
        let mean = mean_engagement_rate(&[media(Some(60), None, &parts), known], Some(2_000));
        assert_eq!(mean, Some(0.05), "what is unknown takes no part in a mean");
    }
}
