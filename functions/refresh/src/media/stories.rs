//! The stage that keeps the stories that live now, and their figures before they vanish with them.

use shared::graph::{Media, MediaEdge, MediaQuery};
use shared::media::StoredMedia;
use shared::table::keys;

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
        // Records stand by time.
        let mut stories = answered.value.media;
        stories.retain(|story| story.published_at.is_some());
        // Those that end first come first.
        stories.sort_by_key(|story| story.published_at);
        let told = &self.run.stories;
        stories.retain(|story| !told.contains(&story.id));
        for (asked, story) in stories.iter().enumerate() {
            // One in each step at least, so that a step has always come further than the one before.
            if asked > 0 && !self.goes_on() {
                return Ok(Done::More);
            }
            self.read_story(story).await?;
            self.run.stories.insert(story.id.clone());
        }
        Ok(Done::All)
    }

    async fn read_story(&mut self, story: &Media) -> Result<(), StepError> {
        let new = StoredMedia::told(story, None);
        let place = keys::media(&self.account.id, new.published_at, &new.id);
        let stored = self.app.table.get_record::<StoredMedia>(place).await?;
        let insights = match self.run.with_figures {
            true => self.figures_of_one((story.id.as_str(), new.kind)).await?,
            false => None,
        };
        let insights = insights.map_or_else(Vec::new, |found| found.insights);
        let told = with_figures(story, stored.as_ref(), &insights);
        if stored.as_ref() != Some(&told) {
            self.app.table.write_media(&self.account.id, &told).await?;
            self.run.changed += 1;
        }
        Ok(())
    }
}
