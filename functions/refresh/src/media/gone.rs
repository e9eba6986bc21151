//! Which stored media Instagram has no longer.

use shared::media::StoredMedia;

use super::{Step, StepError};

/// A list that leaves out so many media that are there is not to be believed: nothing more is marked in its run.
const MOST_LEFT_OUT: usize = 200;
/// So many media a step asks for at most.
const MOST_ASKED: usize = 25;

impl Step<'_> {
    /// Marks as gone what a list should have told, did not, and Instagram does not find by its id either: a list may leave
    /// something out, or tell it a page later. A media of which Instagram refuses to tell anything stays. That is a call for
    /// each. `false`: a step was too short for all of them.
    pub(super) async fn mark_gone(&mut self, missing: Vec<StoredMedia>) -> Result<bool, StepError> {
        for (asked, mut media) in missing.into_iter().enumerate() {
            if self.run.early.len() >= MOST_LEFT_OUT {
                break;
            }
            // One in each step at least, so that a step has always come further than the one before.
            if asked == MOST_ASKED || (asked > 0 && !self.goes_on()) {
                return Ok(false);
            }
            if self.is_there(&media.id).await? {
                self.run.early.insert(media.id);
                continue;
            }
            media.gone_at = Some(self.app.clock.now());
            self.app.table.write_media(&self.account.id, &media).await?;
            self.run.changed += 1;
            self.progress.stored = self.progress.stored.saturating_sub(1);
        }
        Ok(true)
    }

    async fn is_there(&mut self, media: &str) -> Result<bool, StepError> {
        let graph = self.app.graph.for_login(self.account.login);
        self.run.calls += 1;
        match graph.one_media(&self.token, media).await {
            Ok(answered) => {
                self.usage = answered.usage;
                Ok(true)
            }
            Err(error) => {
                self.usage = error.usage;
                if error.kind.is_not_there() {
                    return Ok(false);
                }
                match self.leaves_out(&error) {
                    true => Ok(true),
                    false => Err(error.into()),
                }
            }
        }
    }
}
