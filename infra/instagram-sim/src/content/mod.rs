//! What was uploaded and published: containers, media, comments. Found by id and by account without a search, so
//! that 100,000 posts are no trouble.

mod journal;
mod node;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::content::journal::{Change, Journal};
pub use crate::content::node::{
    Comment, Container, ContainerStatus, ContentKind, Media, PostDetails,
};
use crate::history::History;
use crate::insights;
use crate::state::mix;

pub(crate) const DAY_MS: i64 = 86_400_000;

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Container,
    Media,
    Comment,
    /// An account, or nothing at all.
    Account,
}

#[derive(Default)]
pub(crate) struct Content {
    seed: u64,
    containers: HashMap<String, Container>,
    media: HashMap<String, Media>,
    comments: HashMap<String, Comment>,
    /// By `ig_user_id`.
    accounts: HashMap<String, AccountContent>,
    /// Figures by media and metric.
    insights: HashMap<String, BTreeMap<String, u64>>,
    /// Ids of comments by media, oldest first.
    comments_on: HashMap<String, Vec<String>>,
    /// Media that were taken away.
    removed: BTreeSet<String>,
    /// `None`: nothing is kept across restarts.
    journal: Option<Journal>,
}

/// Ids and times of one account, oldest first. Ids made later are greater, also as texts.
#[derive(Default)]
struct AccountContent {
    containers: Vec<String>,
    containers_made_ms: Vec<i64>,
    posts: Vec<String>,
    stories: Vec<String>,
    /// When something was published, posts and stories alike.
    published_ms: Vec<i64>,
}

impl Content {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub(crate) fn kind_of(&self, id: &str) -> NodeKind {
        if self.containers.contains_key(id) {
            NodeKind::Container
        } else if self.media.contains_key(id) {
            NodeKind::Media
        } else if self.comments.contains_key(id) {
            NodeKind::Comment
        } else {
            NodeKind::Account
        }
    }

    pub(crate) fn container(&self, id: &str) -> Option<&Container> {
        self.containers.get(id)
    }

    pub(crate) fn media(&self, id: &str) -> Option<&Media> {
        self.media.get(id)
    }

    pub(crate) fn comment(&self, id: &str) -> Option<&Comment> {
        self.comments.get(id)
    }

    pub(crate) fn containers_of(&self, ig_user_id: &str) -> impl Iterator<Item = &Container> {
        let ids = self.account(ig_user_id).map(|account| &account.containers);
        ids.into_iter()
            .flatten()
            .filter_map(|id| self.container(id))
    }

    /// What stands on the profile, oldest first, without the items of carousels.
    pub(crate) fn posts_of(&self, ig_user_id: &str) -> &[String] {
        self.account(ig_user_id)
            .map_or(&[], |account| account.posts.as_slice())
    }

    pub(crate) fn post_count(&self, ig_user_id: &str) -> u64 {
        self.posts_of(ig_user_id).len() as u64
    }

    /// All stories there ever were, oldest first.
    pub(crate) fn stories_of(&self, ig_user_id: &str) -> &[String] {
        self.account(ig_user_id)
            .map_or(&[], |account| account.stories.as_slice())
    }

    pub(crate) fn comments_on(&self, media_id: &str) -> &[String] {
        self.comments_on.get(media_id).map_or(&[], Vec::as_slice)
    }

    /// Posts and stories of everybody, without the items of carousels.
    pub(crate) fn all_published(&self) -> impl Iterator<Item = &Media> {
        self.media
            .values()
            .filter(|media| media.parent_id.is_none())
    }

    pub(crate) fn containers_made_since(&self, ig_user_id: &str, since_ms: i64) -> u64 {
        let account = self.account(ig_user_id);
        account.map_or(0, |account| later(&account.containers_made_ms, since_ms))
    }

    pub(crate) fn published_since(&self, ig_user_id: &str, since_ms: i64) -> u64 {
        let account = self.account(ig_user_id);
        account.map_or(0, |account| later(&account.published_ms, since_ms))
    }

    /// Puts a container in its place and fills in its id.
    pub(crate) fn add_container(&mut self, mut container: Container) -> String {
        container.id = self.new_id(17_889, self.containers.len());
        let id = container.id.clone();
        self.insert(Change::of_container(container));
        id
    }

    /// Somebody asked to publish this container, whatever comes of it.
    pub(crate) fn count_publish_call(&mut self, container_id: &str) {
        if let Some(container) = self.containers.get(container_id) {
            let mut counted = container.clone();
            counted.publish_calls += 1;
            self.insert(Change::of_container(counted));
        }
    }

    /// Makes a media of a container and of each of its children. The caller has checked that it may.
    pub(crate) fn publish(&mut self, container: &Container, now_ms: i64) -> String {
        let mut change = Change::default();
        let first = self.media.len();
        let id = self.new_id(17_920, first);
        let mut children = Vec::new();
        let items = container
            .children
            .iter()
            .filter_map(|id| self.container(id));
        for (position, item) in items.enumerate() {
            let item_id = self.new_id(17_920, first + 1 + position);
            children.push(item_id.clone());
            change.publish(item, item_id, Some(&id), Vec::new(), now_ms);
        }
        change.publish(container, id.clone(), None, children, now_ms);
        self.insert(change);
        id
    }

    /// Puts a comment in its place and fills in its id where it has none.
    pub(crate) fn add_comment(&mut self, mut comment: Comment) -> String {
        if comment.id.is_empty() {
            comment.id = self.new_id(17_870, self.comments.len());
        }
        let id = comment.id.clone();
        self.insert(Change::of_comment(comment));
        id
    }

    /// `None`: not known yet.
    pub(crate) fn insight(&self, media_id: &str, metric: &str) -> Option<u64> {
        self.insights.get(media_id)?.get(metric).copied()
    }

    pub(crate) fn insights(&self, media_id: &str) -> BTreeMap<String, u64> {
        self.insights.get(media_id).cloned().unwrap_or_default()
    }

    /// Adds figures to those of a media, or replaces them.
    pub(crate) fn set_insights(
        &mut self,
        media_id: &str,
        figures: BTreeMap<String, u64>,
    ) -> Result<(), String> {
        if !self.media.contains_key(media_id) {
            return Err(format!("there is no media {media_id}"));
        }
        if let Some(complaint) = figures
            .keys()
            .find_map(|metric| insights::complaint(metric))
        {
            return Err(complaint);
        }
        self.insert(Change::of_insights(media_id, figures));
        Ok(())
    }

    /// Puts a media of no container on the profile, as the app on a phone does, and returns its id.
    pub(crate) fn post(&mut self, mut media: Media) -> String {
        media.id = self.new_id(17_920, self.media.len());
        let id = media.id.clone();
        self.replace_media(media);
        id
    }

    /// Writes a media, a new one or one that is known.
    pub(crate) fn replace_media(&mut self, media: Media) {
        self.insert(Change {
            media: vec![media],
            ..Change::default()
        });
    }

    /// Takes media away, as their owner may. Whoever is not there stays so.
    pub(crate) fn remove_media(&mut self, ids: &[String]) {
        self.insert(Change {
            removed: ids.to_vec(),
            ..Change::default()
        });
    }

    /// Puts an account's past before everything else that it has. Nothing of it is written down: it follows from its seed.
    pub(crate) fn add_past(&mut self, ig_user_id: &str, history: &History) {
        let (media, comments) = history.generate(ig_user_id);
        let known = self.accounts.remove(ig_user_id).unwrap_or_default();
        self.apply(Change {
            media: media
                .into_iter()
                .filter(|media| !self.removed.contains(&media.id))
                .collect(),
            comments,
            ..Change::default()
        });
        let past = self.accounts.entry(ig_user_id.to_owned()).or_default();
        past.containers = known.containers;
        past.containers_made_ms = known.containers_made_ms;
        for (list, later) in [
            (&mut past.posts, known.posts),
            (&mut past.stories, known.stories),
        ] {
            list.extend(later);
        }
        // The quota counts what was published through the API.
        past.published_ms = known.published_ms;
    }

    fn insert(&mut self, change: Change) {
        if let Some(journal) = &mut self.journal {
            journal.note(&change);
        }
        self.apply(change);
    }

    fn apply(&mut self, change: Change) {
        for container in change.containers {
            if !self.containers.contains_key(&container.id) {
                let account = self
                    .accounts
                    .entry(container.ig_user_id.clone())
                    .or_default();
                account.containers.push(container.id.clone());
                account.containers_made_ms.push(container.created_at_ms);
            }
            self.containers.insert(container.id.clone(), container);
        }
        for media in change.media {
            if media.parent_id.is_none() && !self.media.contains_key(&media.id) {
                let account = self.accounts.entry(media.ig_user_id.clone()).or_default();
                account.published_ms.push(media.published_at_ms);
                let list = match media.kind.is_story() {
                    true => &mut account.stories,
                    false => &mut account.posts,
                };
                list.push(media.id.clone());
            }
            self.media.insert(media.id.clone(), media);
        }
        for comment in change.comments {
            let on_media = self
                .comments_on
                .entry(comment.media_id.clone())
                .or_default();
            on_media.push(comment.id.clone());
            self.comments.insert(comment.id.clone(), comment);
        }
        for id in change.removed {
            self.removed.insert(id.clone());
            if let Some(media) = self.media.remove(&id)
                && let Some(account) = self.accounts.get_mut(&media.ig_user_id)
            {
                account.posts.retain(|post| *post != id);
                account.stories.retain(|story| *story != id);
            }
        }
        for (media_id, figures) in change.insights {
            self.insights.entry(media_id).or_default().extend(figures);
        }
    }

    fn account(&self, ig_user_id: &str) -> Option<&AccountContent> {
        self.accounts.get(ig_user_id)
    }

    /// Odd and above 2^53 like the ids of people, always 17 digits, and greater than those made before.
    fn new_id(&self, start: u64, number: usize) -> String {
        let base = start * 1_000_000_000_000 + mix(self.seed ^ start) % 900 * 1_000_000_000;
        (base + 2 * number as u64 + 1).to_string()
    }
}

/// How many of these ascending times are later than that one.
fn later(times: &[i64], since_ms: i64) -> u64 {
    let before = times.partition_point(|time| *time <= since_ms);
    (times.len() - before) as u64
}
