//! Publishing goes before sync on an account's calls: what it learns of them is kept where a sync looks.

use shared::graph::Usage;
use shared::lambda::TaskError;
use shared::policy::{self, SYNC_GIVES_WAY_AT};
use shared::sync::BY_SCHEDULE;
use shared::verdict;

use super::Step;

impl Step {
    /// Keeps how much of the account's calls is used, where that makes a sync give way and is not known yet.
    pub(super) async fn note_usage(&self, usage: &Usage) -> Result<(), TaskError> {
        let now = self.app.clock.now();
        let is_much = usage.max_percent().map(u32::from) >= Some(SYNC_GIVES_WAY_AT);
        if !is_much || policy::sync_gives_way(&self.account, now) {
            return Ok(());
        }
        verdict::take_over(&self.app, &self.account, true, BY_SCHEDULE, |record| {
            verdict::note_usage(record, usage, now);
        })
        .await?;
        Ok(())
    }
}
