//! A pause of an account's publishing: who waits for its end, and who finds out whether it has come.

use shared::lambda::TaskError;
use shared::sync::BY_SCHEDULE;
use shared::verdict;

use super::{Closed, Step};
use crate::timing::QUIET;

impl Step {
    /// The pause that keeps the account's posts from being published now.
    pub(super) fn paused(&self) -> Option<Closed> {
        let pause = self.account.publishing_pause_at(self.now)?;
        Some(Closed {
            reason: pause.reason.clone(),
            until: Some(pause.until),
        })
    }

    /// Where a pause has just run out, nobody knows whether it has ended: one post finds out, and the others wait until it
    /// has. What they are to wait for, where this one is among them.
    pub(super) async fn probe_pause(&self) -> Result<Option<Closed>, TaskError> {
        let Some(pause) = self.account.publishing_paused.clone() else {
            return Ok(None);
        };
        let until = self.now + QUIET;
        let mut is_first = true;
        verdict::take_over(&self.app, &self.account, false, BY_SCHEDULE, |record| {
            is_first = match &mut record.publishing_paused {
                Some(stored) if stored.until > pause.until => false,
                Some(stored) => {
                    stored.until = until;
                    true
                }
                None => true,
            };
        })
        .await?;
        let closed = Closed {
            reason: pause.reason,
            until: Some(until),
        };
        Ok((!is_first).then_some(closed))
    }

    /// Ends the pause that this step has found to be over.
    pub(super) async fn end_pause(&self) -> Result<(), TaskError> {
        if self.account.publishing_paused.is_none() {
            return Ok(());
        }
        let begun = self.now;
        verdict::take_over(&self.app, &self.account, false, BY_SCHEDULE, |record| {
            record
                .publishing_paused
                .take_if(|pause| pause.reason.at <= begun);
        })
        .await?;
        Ok(())
    }
}
