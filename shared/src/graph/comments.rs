//! Comments below a media, and the replies to one.
//!
//! Source: Meta, "IG Media: comments", "IG Comment: replies". Who wrote a comment is told in several spellings or not at all.

use jiff::Timestamp;

use super::endpoint::Endpoint;
use super::error::GraphError;
use super::object::Object;
use super::publishing::{digits, moment};
use super::transport::{Answered, Call, Graph};
use super::wire::Page;
use crate::secret::AccessToken;

const FIELDS: &str = "id,text,timestamp,username,from,like_count,hidden,parent_id";

/// A comment as Instagram tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaComment {
    /// Meta's id.
    pub id: String,
    /// Its text.
    pub text: Option<String>,
    /// When it was written.
    pub written_at: Option<Timestamp>,
    /// The writer's name.
    pub username: Option<String>,
    /// The writer's id.
    pub from: Option<String>,
    /// How many like it.
    pub like_count: Option<u64>,
    /// Hidden by the account.
    pub hidden: Option<bool>,
    /// The comment that it answers.
    pub parent: Option<String>,
    /// On which media.
    pub media: Option<String>,
    /// The replies that came with it.
    pub replies: Vec<MediaComment>,
}

/// A page of comments or replies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaComments {
    /// As Instagram orders them: newest first.
    pub comments: Vec<MediaComment>,
    /// Where the next page begins; absent after the last one.
    pub after: Option<String>,
}

impl MediaComment {
    /// The comment in an object; `None` without an id.
    pub fn read(object: &Object) -> Option<Self> {
        let id_in = |name: &str| object.object(name).and_then(|inner| inner.id("id"));
        let replies = object.object("replies");
        let replies = replies.and_then(|replies| replies.objects("data"));
        Some(Self {
            id: object.id("id")?,
            text: object.text("text"),
            written_at: object.text("timestamp").and_then(|text| moment(&text)),
            username: object.text("username"),
            from: id_in("from").or_else(|| id_in("user")),
            like_count: object.count("like_count"),
            hidden: object.flag("hidden"),
            parent: object.id("parent_id"),
            media: id_in("media"),
            replies: replies
                .unwrap_or_default()
                .iter()
                .filter_map(Self::read)
                .collect(),
        })
    }
}

impl MediaComments {
    /// The page in an answer.
    pub fn read(object: &Object) -> Option<Self> {
        let page = Page::read(object)?;
        let found = page.items.iter();
        let found = found.filter_map(|item| Object::parse(item.get()));
        Some(Self {
            comments: found.filter_map(|item| MediaComment::read(&item)).collect(),
            after: page.after.filter(|_| page.has_next),
        })
    }
}

impl Graph {
    /// `GET /{media}/comments`: a page of the comments below a media; `after` is where the page before ended.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn media_comments(
        &self,
        token: &AccessToken,
        media: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Answered<MediaComments>, GraphError> {
        self.list_comments(token, media, "comments", limit, after)
            .await
    }

    /// `GET /{comment}/replies`: a page of the replies to a comment.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn comment_replies(
        &self,
        token: &AccessToken,
        comment: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Answered<MediaComments>, GraphError> {
        self.list_comments(token, comment, "replies", limit, after)
            .await
    }

    async fn list_comments(
        &self,
        token: &AccessToken,
        id: &str,
        edge: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Answered<MediaComments>, GraphError> {
        let mut url = self.versioned(&[digits(Endpoint::ListComments, id)?, edge]);
        url.query_pairs_mut()
            .append_pair("fields", FIELDS)
            .append_pair("limit", &limit.to_string());
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let call = Call::get(Endpoint::ListComments, url).bearer(token);
        self.send(call, |object| MediaComments::read(&object)).await
    }
}
