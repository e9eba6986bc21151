//! Publishing: containers, `media_publish`, the quota, and looking for what has been published.
//!
//! Facts: Meta's pages "Content publishing", "IG User: media", "IG Container", "IG User: media_publish" and
//! "IG User: content_publishing_limit". A container is made first, processed by Instagram for a while, lives 24 hours,
//! and becomes a media by one call that has no idempotency key.

use jiff::Timestamp;

use super::catalogue::ErrorKind;
use super::endpoint::Endpoint;
use super::error::GraphError;
use super::object::Object;
use super::transport::{Answered, Call, Graph};
use super::wire::Page;
use crate::secret::AccessToken;

/// How many media one look at an account's list takes.
const LOOKED_AT: &str = "50";
/// The most comments that one call lists (Meta: "IG Media: comments").
const MOST_COMMENTS: &str = "50";
const MEDIA_FIELDS: &str = "id,media_type,media_product_type,caption,timestamp,permalink";

/// The fields of `POST /{ig_user_id}/media`, by Meta's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFields(Vec<(&'static str, String)>);

/// How far Instagram has come with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerStatus {
    /// It is being processed.
    InProgress,
    /// It can be published.
    Finished,
    /// It has become a media.
    Published,
    /// It cannot be published.
    Failed(ErrorKind),
    /// It is older than 24 hours.
    Expired,
}

/// What `content_publishing_limit` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishingLimit {
    /// Posts in the window so far.
    pub used: u64,
    /// Posts that the window takes; absent where Instagram does not say.
    pub total: Option<u64>,
    /// Length of the window, seconds.
    pub window_seconds: Option<u64>,
}

/// A media as far as it is needed to find out whether it is one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedMedia {
    /// Meta's id.
    pub id: String,
    /// `IMAGE`, `VIDEO` or `CAROUSEL_ALBUM`.
    pub media_type: Option<String>,
    /// `FEED`, `REELS` or `STORY`.
    pub product_type: Option<String>,
    /// As Instagram kept it.
    pub caption: Option<String>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Where people see it.
    pub permalink: Option<String>,
}

/// A comment below a media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedComment {
    /// Meta's id.
    pub id: String,
    /// Its text.
    pub text: Option<String>,
    /// When it was written.
    pub written_at: Option<Timestamp>,
    /// Who wrote it; Instagram tells with the scope for comments only.
    pub username: Option<String>,
    /// Meta's id of who wrote it, in one of several spellings: it proves who wrote it, and disproves nothing.
    pub from: Option<String>,
}

/// A page of the comments below a media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommentPage {
    /// Newest first.
    pub comments: Vec<PublishedComment>,
    /// Where the next page begins; absent after the last one.
    pub after: Option<String>,
}

impl ContainerFields {
    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a field where there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Graph {
    /// `POST /{ig_user_id}/media`: makes a container and returns its id.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer: then there may be a container that nobody knows, which does
    /// no harm but counts in the day's 400.
    pub async fn create_container(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
        fields: &ContainerFields,
    ) -> Result<Answered<String>, GraphError> {
        let url = self.versioned(&[digits(Endpoint::CreateContainer, ig_user_id)?, "media"]);
        let form: Vec<(&str, &str)> = fields
            .0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let call = Call::post(Endpoint::CreateContainer, url)
            .bearer(token)
            .form(&form);
        self.send(call, |object| object.digits("id")).await
    }

    /// `GET /{container}`: how far Instagram has come with it.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn container_status(
        &self,
        token: &AccessToken,
        container: &str,
    ) -> Result<Answered<ContainerStatus>, GraphError> {
        let mut url = self.versioned(&[digits(Endpoint::ContainerStatus, container)?]);
        url.query_pairs_mut()
            .append_pair("fields", "status_code,status");
        let call = Call::get(Endpoint::ContainerStatus, url).bearer(token);
        self.send(call, container_status).await
    }

    /// `POST /{ig_user_id}/media_publish`: publishes a container and returns the media's id. It is sent once; whoever
    /// gets an error must look before anything else, for an error is no proof that nothing was published.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn publish_container(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
        container: &str,
    ) -> Result<Answered<String>, GraphError> {
        let ig_user_id = digits(Endpoint::PublishContainer, ig_user_id)?;
        let url = self.versioned(&[ig_user_id, "media_publish"]);
        let call = Call::post(Endpoint::PublishContainer, url)
            .bearer(token)
            .form(&[("creation_id", container)]);
        self.send(call, |object| object.digits("id")).await
    }

    /// `GET /{ig_user_id}/content_publishing_limit`: how many posts the account may still publish.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn publishing_limit(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
    ) -> Result<Answered<PublishingLimit>, GraphError> {
        let ig_user_id = digits(Endpoint::PublishingLimit, ig_user_id)?;
        let mut url = self.versioned(&[ig_user_id, "content_publishing_limit"]);
        url.query_pairs_mut()
            .append_pair("fields", "quota_usage,config");
        let call = Call::get(Endpoint::PublishingLimit, url).bearer(token);
        self.send(call, publishing_limit).await
    }

    /// `GET /{ig_user_id}/media`, or `/stories`: the account's newest media, newest first.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn newest_media(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
        stories: bool,
    ) -> Result<Answered<Vec<PublishedMedia>>, GraphError> {
        let edge = if stories { "stories" } else { "media" };
        let mut url = self.versioned(&[digits(Endpoint::ListMedia, ig_user_id)?, edge]);
        url.query_pairs_mut()
            .append_pair("fields", MEDIA_FIELDS)
            .append_pair("limit", LOOKED_AT);
        let call = Call::get(Endpoint::ListMedia, url).bearer(token);
        self.send(call, |object| {
            let found = object.objects("data")?;
            Some(found.iter().filter_map(published_media).collect())
        })
        .await
    }

    /// `GET /{media}`: one media.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn published_media(
        &self,
        token: &AccessToken,
        media: &str,
    ) -> Result<Answered<PublishedMedia>, GraphError> {
        let mut url = self.versioned(&[digits(Endpoint::ReadMedia, media)?]);
        url.query_pairs_mut().append_pair("fields", MEDIA_FIELDS);
        let call = Call::get(Endpoint::ReadMedia, url).bearer(token);
        self.send(call, |object| published_media(&object)).await
    }

    /// `POST /{media}/comments`: writes a comment and returns its id.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer. An error is no proof that nothing was written.
    pub async fn write_comment(
        &self,
        token: &AccessToken,
        media: &str,
        text: &str,
    ) -> Result<Answered<String>, GraphError> {
        let url = self.versioned(&[digits(Endpoint::WriteComment, media)?, "comments"]);
        let call = Call::post(Endpoint::WriteComment, url)
            .bearer(token)
            .form(&[("message", text)]);
        self.send(call, |object| object.id("id")).await
    }

    /// `GET /{media}/comments`: a page of the comments below a media, newest first; `after` is where the page before ended.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn comments(
        &self,
        token: &AccessToken,
        media: &str,
        after: Option<&str>,
    ) -> Result<Answered<CommentPage>, GraphError> {
        let mut url = self.versioned(&[digits(Endpoint::ListComments, media)?, "comments"]);
        url.query_pairs_mut()
            .append_pair("fields", "id,text,username,timestamp,from")
            .append_pair("limit", MOST_COMMENTS);
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let call = Call::get(Endpoint::ListComments, url).bearer(token);
        self.send(call, |object| {
            let page = Page::read(&object)?;
            let found = page.items.iter();
            let found = found.filter_map(|item| Object::parse(item.get()));
            Some(CommentPage {
                comments: found.filter_map(|item| published_comment(&item)).collect(),
                after: page.after.filter(|_| page.has_next),
            })
        })
        .await
    }
}

/// An id that goes into a path: only digits can be one of Meta's.
pub(super) fn digits(endpoint: Endpoint, id: &str) -> Result<&str, GraphError> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(id);
    }
    Err(GraphError::without_answer(endpoint, ErrorKind::InvalidCall))
}

/// `status` is text that holds the subcode of a failure, such as `Error: … error code 2207082`.
fn container_status(object: Object) -> Option<ContainerStatus> {
    Some(match object.text("status_code")?.as_str() {
        "IN_PROGRESS" => ContainerStatus::InProgress,
        "FINISHED" => ContainerStatus::Finished,
        "PUBLISHED" => ContainerStatus::Published,
        "EXPIRED" => ContainerStatus::Expired,
        "ERROR" => {
            let status = object.text("status").unwrap_or_default();
            let kind = subcode(&status).and_then(ErrorKind::of_publishing_subcode);
            ContainerStatus::Failed(kind.unwrap_or(ErrorKind::UploadFailed))
        }
        _ => return None,
    })
}

/// The first number of the form 22070xx or 22071xx in a text.
fn subcode(text: &str) -> Option<i64> {
    text.split(|character: char| !character.is_ascii_digit())
        .filter(|digits| digits.len() == 7)
        .find(|digits| digits.starts_with("22070") || digits.starts_with("22071"))
        .and_then(|digits| digits.parse().ok())
}

fn publishing_limit(object: Object) -> Option<PublishingLimit> {
    let object = object.unwrapped();
    let config = object.object("config").unwrap_or_default();
    Some(PublishingLimit {
        used: object.count("quota_usage")?,
        total: config.count("quota_total"),
        window_seconds: config.count("quota_duration"),
    })
}

fn published_media(object: &Object) -> Option<PublishedMedia> {
    Some(PublishedMedia {
        id: object.digits("id")?,
        media_type: object.text("media_type"),
        product_type: object.text("media_product_type"),
        caption: object.text("caption"),
        published_at: object.text("timestamp").and_then(|text| moment(&text)),
        permalink: object.text("permalink"),
    })
}

fn published_comment(object: &Object) -> Option<PublishedComment> {
    Some(PublishedComment {
        id: object.id("id")?,
        text: object.text("text"),
        written_at: object.text("timestamp").and_then(|text| moment(&text)),
        username: object.text("username"),
        from: object.object("from").and_then(|from| from.id("id")),
    })
}

/// Meta writes times as `2026-11-01T10:20:30+0000`.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%z", text)
        .ok()?
        .to_timestamp()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Object::parse(text).unwrap()
    }

    #[test]
    fn d_a_failed_container_tells_its_subcode_in_a_sentence() {
        for (status, expected) in [
            (
                "Error: Media upload has failed with error code 2207082",
                ErrorKind::MediaUploadFailed,
            ),
            ("Error: 2207026", ErrorKind::VideoFormatUnsupported),
            ("Error: something else 12345678", ErrorKind::UploadFailed),
        ] {
            let text = format!(r#"{{"status_code":"ERROR","status":"{status}","id":"1"}}"#);
            let found = container_status(object(&text));
            assert_eq!(found, Some(ContainerStatus::Failed(expected)), "{status}");
        }
        assert_eq!(
            container_status(object(r#"{"status_code":"ERROR"}"#)),
            Some(ContainerStatus::Failed(ErrorKind::UploadFailed))
        );
        assert_eq!(container_status(object(r#"{"status_code":"LATER"}"#)), None);
    }

    #[test]
    fn times_are_read_in_metas_form_and_in_rfc_3339() {
        let expected: Timestamp = "2026-11-01T10:20:30Z".parse().unwrap();
        assert_eq!(moment("2026-11-01T10:20:30+0000"), Some(expected));
        assert_eq!(moment("2026-11-01T12:20:30+0200"), Some(expected));
        assert_eq!(moment("yesterday"), None);
    }

    #[test]
    fn the_quota_is_what_instagram_says_and_never_a_constant() {
        let limit = publishing_limit(object(
            r#"{"data":[{"quota_usage":2,"config":{"quota_total":50,"quota_duration":86400}}]}"#,
        ));
        let expected = PublishingLimit {
            used: 2,
            total: Some(50),
            window_seconds: Some(86_400),
        };
        assert_eq!(limit, Some(expected));
        let unsaid = publishing_limit(object(r#"{"data":[{"quota_usage":2}]}"#)).unwrap();
        assert_eq!(unsaid.total, None);
    }

    #[test]
    fn an_id_that_is_none_never_becomes_a_path() {
        assert!(digits(Endpoint::ReadMedia, "17895").is_ok());
        for id in ["", "me", "1/../2", "1?x=1"] {
            assert!(digits(Endpoint::ReadMedia, id).is_err());
        }
    }
}
