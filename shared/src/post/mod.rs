//! A post: what a company wants to publish, and what has become of it.

mod content;
#[cfg(test)]
mod document;
mod reading;
pub mod schema;
mod state;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use content::{
    Carousel, Content, Handle, Image, ImageItem, ImageStory, Item, Media, NameTag, PlacedTag, Reel,
    Story, StoryTag, TrialReel, VideoItem, VideoStory,
};
pub use reading::STORY_WITH_CAPTION;
pub use state::State;

use crate::account::Failure;

/// The stored record of a post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// UUID, ours.
    pub id: String,
    /// The account that it is published on.
    pub account: String,
    /// The user who made it.
    pub created_by: String,
    /// What it shows.
    pub content: Content,
    /// Where it stands.
    pub state: State,
    /// Why it stands there: for `failed` and `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<Failure>,
    /// Why nothing happens right now although something is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Failure>,
    /// When it is to be published; absent for a draft without a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// Whether `publish_at` is when it was planned: then it is not late for the time that its media take.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_at_once: bool,
    /// What the preflight found: what stands in the way is among it only while nothing is planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Finding>,
    /// When the preflight looked at it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// The containers of a carousel's items, in their order, as far as they are made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Container>,
    /// The container that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// How often the current step has found nothing new.
    #[serde(default)]
    pub tries: u32,
    /// How often the current step has failed since Instagram answered it last.
    #[serde(default)]
    pub failures: u32,
    /// How often its containers were thrown away and made anew, because Instagram could not use them.
    #[serde(default)]
    pub renewals: u32,
    /// The last call that was to publish it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// Meta's id of the media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
    /// Where people see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permalink: Option<String>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// What has become of the first comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<FirstComment>,
    /// When the next step is due; absent when none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<Timestamp>,
    /// Rises with each write: the condition of every write, and what a task is compared with.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
}

/// What Instagram makes of an address before it can be published. It lives 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Meta's id.
    pub id: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Whether Instagram has said that it is finished.
    pub is_finished: bool,
}

/// A call that was to publish a container: written before the call is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// How many calls this post has had, this one included.
    pub number: u32,
    /// When the first of them began: a media that is older is not this post's.
    pub first_at: Timestamp,
    /// When this one began.
    pub at: Timestamp,
    /// What Instagram answered, where it refused; absent while or because there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Failure>,
}

/// The code of a first comment's failure where it is not known whether the comment stands below the post.
pub const COMMENT_UNCLEAR: &str = "comment_unclear";

/// What has become of the first comment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FirstComment {
    /// Meta's id, once it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How often it was sent.
    pub tries: u32,
    /// When it was sent first: a comment that is older is not this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// What Instagram answered last, where it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Failure>,
    /// How often it was put off, because it could not be looked for or sent.
    pub looks: u32,
    /// Why it is not written, once that is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One thing that a preflight found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable word for a program.
    #[schema(example = "caption_too_long")]
    pub code: String,
    /// The member of the request that it is about: `caption`, `items[2].imageUrl`.
    #[schema(example = "caption")]
    pub member: String,
    /// A sentence that says what to change.
    #[schema(example = "Shorten the caption to 2,200 characters.")]
    pub sentence: String,
    /// Whether the post cannot be published as it is.
    pub is_blocking: bool,
}

/// A change of state that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where the post stands.
    pub from: State,
    /// Where it was to go.
    pub to: State,
}

impl Post {
    /// A post that nothing has happened to yet: a draft.
    pub fn new(id: String, account: &str, by: &str, content: Content, now: Timestamp) -> Self {
        let comment = content.first_comment().map(|_| FirstComment::default());
        Self {
            id,
            account: account.to_owned(),
            created_by: by.to_owned(),
            content,
            state: State::Draft,
            state_reason: None,
            waiting: None,
            publish_at: None,
            is_at_once: false,
            warnings: Vec::new(),
            checked_at: None,
            items: Vec::new(),
            container: None,
            tries: 0,
            failures: 0,
            renewals: 0,
            attempt: None,
            media_id: None,
            permalink: None,
            published_at: None,
            comment,
            wake_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Goes to another state.
    ///
    /// # Errors
    /// Where the states do not allow it: then nothing changes.
    pub fn become_state(&mut self, state: State, reason: Option<Failure>) -> Result<(), Refused> {
        if !self.state.may_become(state) {
            return Err(Refused {
                from: self.state,
                to: state,
            });
        }
        self.state = state;
        self.state_reason = reason;
        self.waiting = None;
        self.tries = 0;
        self.failures = 0;
        if state.is_at_rest() {
            self.wake_at = None;
        }
        Ok(())
    }

    /// Replaces what it shows: whatever Instagram has made of the former content is forgotten, and expires there.
    pub fn set_content(&mut self, content: Content) {
        self.comment = content.first_comment().map(|_| FirstComment::default());
        self.content = content;
        self.start_again();
    }

    /// Forgets what was tried so far: only where that is known to have published nothing.
    pub fn start_again(&mut self) {
        self.forget_containers();
        self.renewals = 0;
        self.attempt = None;
    }

    /// Forgets its containers, so that they are made anew.
    pub fn forget_containers(&mut self) {
        self.items.clear();
        self.container = None;
    }

    /// By which time lists sort it: when it is due, or when it was made.
    pub fn listed_at(&self) -> Timestamp {
        self.publish_at.unwrap_or(self.created_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn d_a_state_that_is_not_allowed_changes_nothing() {
        let content = json!({"kind":"story","imageUrl":"https://a.example/1.jpg"});
        let content = serde_json::from_value(content).unwrap();
        let now = Timestamp::from_second(1_795_255_200).unwrap();
        let mut post = Post::new("p".into(), "a", "ann", content, now);
        let before = post.clone();
        let refused = post.become_state(State::Publishing, None);
        let expected = Refused {
            from: State::Draft,
            to: State::Publishing,
        };
        assert_eq!((refused, &post), (Err(expected), &before));
        post.become_state(State::Scheduled, None).unwrap();
        assert_eq!(post.state, State::Scheduled);
    }
}
