//! The stage that keeps the stories that live now, and their figures before they vanish with them.

use shared::graph::{MediaEdge, MediaQuery};
use shared::media::{StoredMedia, figures};

use super::log::TOO_MANY_STORIES;
use super::pages::with_figures;
use super::{Done, Step, StepError};

/// So many stories an account may have at once.
const MOST_STORIES: usize = 100;

impl Step<'_> {
    pub(super) async fn read_stories(&mut self) -> Result<Done, StepError> {
        let query = MediaQuery {
            limit: MOST_STORIES,
            for_sync: true,
            ..MediaQuery::default()
        };
        let graph = self.app.graph.for_login(self.account.login);
        let id = &self.account.platform_account_id;
        self.run.calls += 1;
        let answered = graph
            .media(&self.token, id, MediaEdge::Stories, &query)
            .await?;
        self.usage = answered.usage;
        for story in &answered.value.media {
            if !self.has_time() {
                self.run.partial = Some(TOO_MANY_STORIES.into());
                break;
            }
            if story.published_at.is_none() {
                // Records stand by time.
                continue;
            }
            let new = StoredMedia::told(story, None);
            let place = shared::table::keys::media(&self.account.id, new.published_at, &new.id);
            let stored = self.app.table.get_record::<StoredMedia>(place).await?;
            let insights = match self.run.with_figures {
                true => {
                    let one = (story.id.as_str(), new.kind);
                    let found = figures::of_media(self.app, self.account, &self.token, one).await?;
                    self.run.calls += found.calls;
                    found.insights
                }
                false => Vec::new(),
            };
            let told = with_figures(story, stored.as_ref(), &insights);
            if stored.as_ref() != Some(&told) {
                self.app.table.write_media(&self.account.id, &told).await?;
                self.run.changed += 1;
            }
        }
        Ok(Done::All)
    }
}
