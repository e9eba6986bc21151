//! Where media stand, in a list of Instagram's and among records.

use std::collections::BTreeSet;

use shared::graph::{Media, MediaPage};
use shared::media::StoredMedia;
use shared::table::keys::{self, Key};

/// How the media of a page stand to each other.
pub(super) struct Order {
    /// Those that came before younger ones, or without a time.
    pub(super) early: BTreeSet<String>,
    /// Where the last of the others stands.
    pub(super) last: Option<String>,
}

impl Order {
    pub(super) fn of(page: &MediaPage, account: &str) -> Self {
        let (mut early, mut last) = (BTreeSet::new(), None);
        let mut youngest: Option<String> = None;
        for media in page.media.iter().rev() {
            let place = place_of(account, media).sk;
            let is_before_younger = youngest.as_ref().is_some_and(|youngest| place < *youngest);
            if media.published_at.is_none() || is_before_younger {
                early.insert(media.id.clone());
                continue;
            }
            last.get_or_insert_with(|| place.clone());
            youngest = Some(place);
        }
        Self { early, last }
    }
}

/// Where a media's record stands.
pub(super) fn place_of(account: &str, media: &Media) -> Key {
    let told = StoredMedia::told(media, None);
    keys::media(account, told.published_at, &told.id)
}
