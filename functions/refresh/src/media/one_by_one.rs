//! Figures of media of which a page did not tell them.

use std::collections::BTreeSet;

use shared::graph::{MediaKind, MediaPage};
use shared::media::StoredMedia;
use shared::media::figures::{self, Figures, FiguresError};

use super::log::FIGURES_INCOMPLETE;
use super::{Step, StepError};

impl Step<'_> {
    /// The figures of the page's recent media of those kinds of which the page did not tell all; of a page that was refused
    /// also of one media of each kind, to learn why. Says whether a metric was found that is refused.
    pub(super) async fn ask_one_by_one(
        &mut self,
        page: &mut MediaPage,
        tells_more: impl Fn(MediaKind) -> bool,
        is_refused: bool,
    ) -> Result<bool, StepError> {
        let now = self.app.clock.now();
        let version = self.app.config.graph.api_version.as_str();
        let before = self.app.table.refused_metrics(version).await?;
        let mut kinds = BTreeSet::new();
        let mut left_out = false;
        for media in &mut page.media {
            let is_example = is_refused && kinds.insert(media.kind());
            let is_recent = StoredMedia::told(media, None).is_recent(now);
            if !tells_more(media.kind()) {
                continue;
            }
            if !is_recent && !is_example {
                left_out |= is_refused;
                continue;
            }
            if !self.has_time() {
                // What is stored of the others stays as it was.
                self.run.partial.get_or_insert(FIGURES_INCOMPLETE.into());
                break;
            }
            let kind = media.kind();
            let one = (media.id.as_str(), kind);
            let Some(found) = self.figures_of_one(one).await? else {
                continue;
            };
            media.insights = found.insights;
            if is_refused && found.calls > 1 {
                let after = self.app.table.refused_metrics(version).await?;
                if after != before {
                    return Ok(true);
                }
            }
        }
        if left_out {
            self.run.partial.get_or_insert(FIGURES_INCOMPLETE.into());
        }
        Ok(false)
    }

    /// The figures of a media; `None` where Instagram refuses to tell them: then those that are stored stay.
    pub(super) async fn figures_of_one(
        &mut self,
        media: (&str, MediaKind),
    ) -> Result<Option<Figures>, StepError> {
        let found = match figures::of_media(self.app, self.account, &self.token, media).await {
            Ok(found) => found,
            Err(FiguresError::Graph(error)) if self.leaves_out(&error) => {
                self.run.calls += 1;
                self.usage = error.usage;
                self.run.partial.get_or_insert(FIGURES_INCOMPLETE.into());
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        self.run.calls += found.calls;
        if found.calls > 0 {
            self.usage = found.usage;
        }
        if found.refused.is_some() {
            self.run.partial.get_or_insert(FIGURES_INCOMPLETE.into());
        }
        Ok(Some(found))
    }
}
