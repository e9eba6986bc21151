//! The stage that reads media, page by page.
//!
//! A page is compared with what is stored between its ends, so that one query says what is new, what has changed and what
//! is gone. A first run and one that suspects a loss walk over everything; others stop at the first page that ends with what is
//! known and no longer recent.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use shared::aws::AwsError;
use shared::graph::{ErrorKind, Media, MediaEdge, MediaKind, MediaPage, MediaQuery};
use shared::media::days::day_of;
use shared::media::metrics::{OF_EVERY_POST, is_no_data, may_be_about_a_metric};
use shared::media::{StoredMedia, figures_of};
use shared::policy;

use super::log::{ENDLESS_LIST, MISSING_PERMISSION, SHORT_LIST};
use super::order::{Order, place_of};
use super::{Done, PAGE_SIZE, Step, StepError};

/// So many pages a step reads at most.
const PAGES: usize = 5;
/// Instagram lists so many media at most: what is older stays as it is.
const MOST_LISTED: u64 = 10_000;
/// Pages beyond what a list and a second walk over it have: after those it has no end.
const SPARE_PAGES: u64 = 100;
/// So many media stand above all others at most.
const MOST_PINNED: usize = 3;
/// A profile that was read so long before a run began tells what the run meets.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// So many records are written at once.
const WRITES_AT_ONCE: usize = 8;
/// How often a record is read again that somebody else wrote meanwhile.
const TRIES: u32 = 4;

impl Step<'_> {
    pub(super) async fn read_pages(&mut self) -> Result<Done, StepError> {
        for _ in 0..PAGES {
            let Some(page) = self.fetch().await? else {
                return Ok(Done::More);
            };
            let before = (self.run.pages, self.run.seen);
            self.run.pages += 1;
            let is_endless =
                page.after.is_some() && (page.after == self.run.after || self.is_too_long());
            if is_endless {
                self.run.partial = Some(ENDLESS_LIST.into());
            }
            self.run.seen += page.media.len() as u64;
            let ends = page.after.is_none();
            let is_everything = ends && self.is_everything();
            let taken = self.take_over(&page, is_everything).await;
            if !matches!(taken, Ok(Some(_))) {
                // This page is read again.
                (self.run.pages, self.run.seen) = before;
            }
            let Some(is_known) = taken? else {
                return Ok(Done::More);
            };
            // Pinned ones say nothing of those below them.
            let is_known = is_known && page.media.len() > MOST_PINNED;
            let stops = is_known && !self.run.is_whole;
            if ends && !stops && self.counted().is_some() {
                // Whatever the run began as, it has walked over everything that the list has.
                self.run.is_whole = true;
                if !is_everything {
                    self.run.partial.get_or_insert(SHORT_LIST.into());
                }
            }
            if ends || is_endless || stops {
                return self.end_walk(is_everything);
            }
            self.run.after = page.after;
            if !self.goes_on() {
                break;
            }
        }
        // What was too much for Instagram a moment ago may not be now.
        self.run.page_size = (2 * self.run.page_size).min(PAGE_SIZE);
        Ok(Done::More)
    }

    /// How many media the profile counts, where it was read for this run.
    fn counted(&self) -> Option<u64> {
        let read_at = self.account.last_sync_at?;
        let is_fresh = read_at + FRESH >= self.run.started_at;
        self.account.media_count.filter(|_| is_fresh)
    }

    /// C14: a list whose places come again, or run out again and again.
    fn is_too_long(&self) -> bool {
        let page_size = u64::try_from(self.run.page_size).unwrap_or(u64::MAX);
        self.run.pages > 2 * MOST_LISTED / page_size.max(1) + SPARE_PAGES
    }

    /// Whether a list that ends after what was seen is all there is: as many as the profile counts, but for those that it
    /// always counts and Instagram never lists. One that is shorter may have broken off; where the next walk sees as many, it
    /// had not.
    fn is_everything(&self) -> bool {
        let Some(counted) = self.counted() else {
            return true;
        };
        let expected = counted.saturating_sub_signed(self.progress.surplus.unwrap_or_default());
        let seen = self.run.seen;
        let missed = counted.saturating_sub(seen);
        seen >= expected.min(MOST_LISTED) || self.progress.unconfirmed == Some(missed)
    }

    /// The walk is over. What the profile counts and what is stored differ by always the same, unless something old is gone:
    /// then everything is walked over.
    fn end_walk(&mut self, is_everything: bool) -> Result<Done, StepError> {
        let now = self.app.clock.now();
        let counted = self.counted();
        if self.run.is_whole && is_everything {
            self.progress.walked_at = Some(now);
            self.progress.stored = self.run.seen;
            self.progress.unconfirmed = None;
        } else if self.run.is_whole {
            // The next run walks over everything once more.
            self.progress.walked_at = None;
            let missed = counted.map(|counted| counted.saturating_sub(self.run.seen));
            self.progress.unconfirmed = missed;
        }
        let stored = i64::try_from(self.progress.stored).unwrap_or_default();
        let surplus = counted.and_then(|counted| Some(i64::try_from(counted).ok()? - stored));
        let is_due = self
            .progress
            .walked_at
            .is_none_or(|at| now.duration_since(at) >= policy::WHOLE_WALK_EVERY);
        let known = self.progress.surplus;
        let is_suspicious = known.is_some() && surplus.is_some() && known != surplus;
        self.run.after = None;
        self.run.compared_to = None;
        self.run.early.clear();
        if is_suspicious && is_due && !self.run.is_whole {
            self.run.is_whole = true;
            self.run.seen = 0;
            return Ok(Done::More);
        }
        // A walk over everything under a profile of long ago has not learnt it.
        let is_unknown = known.is_none() && self.progress.walked_at.is_some();
        if surplus.is_some() && (is_unknown || (self.run.is_whole && is_everything)) {
            self.progress.surplus = surplus;
        }
        Ok(Done::All)
    }

    /// The next page, smaller or without figures where Instagram cannot tell them. `None`: no page was small enough in time.
    async fn fetch(&mut self) -> Result<Option<MediaPage>, StepError> {
        let version = self.app.config.graph.api_version.as_str();
        let mut learnt = false;
        let mut with_figures = self.run.with_figures;
        loop {
            let now = self.app.clock.now();
            let refused = self.app.table.refused_metrics(version).await?;
            let metrics = match with_figures {
                true => refused.working_of_every_post(now),
                false => Vec::new(),
            };
            let query = MediaQuery {
                limit: self.run.page_size,
                after: self.run.after.as_deref(),
                for_sync: true,
                metrics: &metrics,
                ..MediaQuery::default()
            };
            let graph = self.app.graph.for_login(self.account.login);
            let id = &self.account.platform_account_id;
            self.run.calls += 1;
            let answered = graph.media(&self.token, id, MediaEdge::Media, &query).await;
            let error = match answered {
                Ok(answered) => {
                    self.usage = answered.usage;
                    let mut page = answered.value;
                    if self.run.with_figures {
                        // A page tells what Instagram tells of every kind of media. Of a kind it may tell more.
                        let of_kind =
                            |kind: MediaKind| refused.working(kind.as_str(), OF_EVERY_POST, now);
                        let tells_more = |kind| of_kind(kind).len() > metrics.len();
                        let is_refused = !with_figures;
                        let found = self
                            .ask_one_by_one(&mut page, tells_more, is_refused)
                            .await?;
                        if found && metrics.is_empty() && !learnt {
                            // What is refused is known now: the rest is told with the page again.
                            learnt = true;
                            with_figures = true;
                            continue;
                        }
                    }
                    return Ok(Some(page));
                }
                Err(error) => error,
            };
            let is_about_figures = may_be_about_a_metric(error.kind) || is_no_data(error.kind);
            let is_too_large = error.kind == ErrorKind::PageTooLarge;
            if is_too_large && self.run.page_size > 1 {
                self.run.page_size /= 2;
                if !self.has_time() {
                    return Ok(None);
                }
            } else if !metrics.is_empty() && (is_about_figures || is_too_large) {
                // A page of one that is too large is about its figures.
                with_figures = false;
            } else if !metrics.is_empty() && error.kind == ErrorKind::PermissionMissing {
                with_figures = false;
                self.run.with_figures = false;
                self.run.partial = Some(MISSING_PERMISSION.into());
            } else if self.run.after.is_some()
                && error.kind == ErrorKind::InvalidParameter
                && self.run.setbacks == 0
            {
                // The place in the list has run out: what was compared already costs reads and no writes.
                self.run.setbacks += 1;
                self.run.after = None;
                self.run.compared_to = None;
                self.run.early.clear();
                self.run.seen = 0;
            } else {
                return Err(error.into());
            }
        }
    }

    /// Writes what is new, changed or gone. Says whether the last media of the page was known and is no longer recent; `None`
    /// where a step was too short for all that may be gone. `is_everything`: the page ends the list, with nothing below it.
    async fn take_over(
        &mut self,
        page: &MediaPage,
        is_everything: bool,
    ) -> Result<Option<bool>, StepError> {
        let now = self.app.clock.now();
        let order = Order::of(page, &self.account.id);
        self.run.early.extend(order.early);
        let tail = is_everything && self.run.seen < MOST_LISTED;
        let lower = match (&order.last, tail) {
            (_, true) => None,
            (Some(last), false) => Some(last.as_str()),
            (None, false) => return Ok(Some(false)),
        };
        let compared_to = self.run.compared_to.clone();
        let mut stored = self.stored_between(lower, compared_to.as_deref()).await?;
        let mut writes = Vec::new();
        let mut of_day: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let (mut added, mut ends_known) = (0, false);
        // Records stand by time: what is told without one is not kept, and stays where it is stored.
        let dated = page.media.iter();
        for media in dated.filter(|media| media.published_at.is_some()) {
            let place = place_of(&self.account.id, media);
            let is_outside = lower.is_some_and(|lower| place.sk.as_str() < lower)
                || compared_to.as_ref().is_some_and(|to| place.sk >= *to);
            let known = match is_outside {
                true => self.app.table.get_record(place).await?,
                false => stored.remove(&media.id),
            };
            let new = StoredMedia::told(media, known.as_ref());
            let is_recent = new.is_recent(now);
            ends_known = known.is_some() && !is_recent;
            if known.as_ref() == Some(&new) {
                continue;
            }
            added += u64::from(known.is_none_or(|known| known.gone_at.is_some()));
            if is_recent {
                of_day.insert(new.id.clone(), day_figures(&new));
            }
            writes.push(new);
        }
        self.run.changed += writes.len() as u64;
        // First of all: once its record is written, a media has not changed.
        self.add_to_day(of_day, now).await?;
        self.write_all(writes).await?;
        self.progress.stored += added;
        let early = &self.run.early;
        let mut missing: Vec<StoredMedia> = stored.into_values().collect();
        missing.retain(|media| media.gone_at.is_none() && !early.contains(&media.id));
        if !self.mark_gone(missing).await? {
            return Ok(None);
        }
        // A page that tells younger ones again takes nothing back.
        if let Some(last) = order.last {
            let oldest = compared_to.filter(|to| *to < last);
            self.run.compared_to = Some(oldest.unwrap_or(last));
        }
        Ok(Some(ends_known))
    }

    /// What is stored between two sort keys, the second one excluded, by id and without stories.
    async fn stored_between(
        &self,
        oldest: Option<&str>,
        newest: Option<&str>,
    ) -> Result<HashMap<String, StoredMedia>, AwsError> {
        let (table, account) = (&self.app.table, &self.account.id);
        let stored = table.media_between(account, oldest, newest).await?;
        Ok(stored
            .into_iter()
            .filter(|media| media.kind != MediaKind::Story)
            .map(|media| (media.id.clone(), media))
            .collect())
    }

    async fn write_all(&self, media: Vec<StoredMedia>) -> Result<(), AwsError> {
        stream::iter(media)
            .map(|media| self.write(media))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect()
            .await
    }

    /// Writes one. Whoever wrote meanwhile was this step as well, in another sandbox: what it told is as good.
    async fn write(&self, media: StoredMedia) -> Result<(), AwsError> {
        self.app
            .table
            .write_media(&self.account.id, &media)
            .await
            .map(|_| ())
    }

    /// Adds what recent media came to today.
    async fn add_to_day(
        &self,
        media: BTreeMap<String, BTreeMap<String, u64>>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        if media.is_empty() {
            return Ok(());
        }
        let day = day_of(now);
        for _ in 0..TRIES {
            let found = self.app.table.media_day(&self.account.id, day).await?;
            let mut record = found.unwrap_or_default();
            record.day = day;
            record.media.extend(media.clone());
            if self
                .app
                .table
                .write_media_day(&self.account.id, &record)
                .await?
            {
                return Ok(());
            }
        }
        Err(AwsError::unreadable(
            "PutItem",
            "a record that others keep changing",
        ))
    }
}

fn day_figures(media: &StoredMedia) -> BTreeMap<String, u64> {
    let mut figures = media.figures.clone();
    let counts = [
        ("likes", media.like_count),
        ("comments", media.comments_count),
    ];
    for (name, count) in counts {
        if let Some(count) = count {
            figures.insert(name.to_owned(), count);
        }
    }
    figures
}

/// A story as its record keeps it, with its figures.
pub(super) fn with_figures(
    media: &Media,
    stored: Option<&StoredMedia>,
    insights: &[shared::graph::Insight],
) -> StoredMedia {
    let mut told = StoredMedia::told(media, stored);
    told.figures.extend(figures_of(insights));
    told
}
