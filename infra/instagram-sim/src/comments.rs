//! Comments on the caller's own media: written, listed, read.
//! <https://developers.facebook.com/docs/instagram-platform/reference/ig-media/comments>

use serde_json::{Value, json};

use crate::answer::{Answer, GraphError};
use crate::authorize::COMMENTS_SCOPE;
use crate::content::{Comment, Content};
use crate::fields;
use crate::media::own_media;
use crate::paging;
use crate::person::Person;
use crate::refusals;
use crate::router::Endpoint;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "POST /{media_id}/comments",
        method: "POST",
        path: "/{version}/{media_id}/comments",
        handler: create,
    },
    Endpoint {
        name: "GET /{media_id}/comments",
        method: "GET",
        path: "/{version}/{media_id}/comments",
        handler: list,
    },
    Endpoint {
        name: "GET /{comment_id}/replies",
        method: "GET",
        path: "/{version}/{comment_id}/replies",
        handler: list_replies,
    },
    Endpoint {
        name: "GET /{comment_id}",
        method: "GET",
        path: "/{version}/{comment_id}",
        handler: read,
    },
];

/// How many comments a page has where the caller does not say, and at most.
const PAGE_SIZES: (usize, usize) = (50, 50);
const USUAL_FIELDS: &str = "timestamp,text,id";

fn create(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(COMMENTS_SCOPE))?.person;
    let media_id = own_media(visit, &person)?.id.clone();
    let text = visit.incoming.parameter("message").unwrap_or_default();
    if text.trim().is_empty() {
        return Err(refusals::parameter("The parameter message is required"));
    }
    let id = visit.state.content.add_comment(Comment {
        id: String::new(),
        media_id,
        ig_user_id: person.ig_user_id,
        username: String::new(),
        text: text.to_owned(),
        created_at_ms: visit.now_ms,
        parent_id: String::new(),
    });
    Ok(Answer::json(200, &json!({ "id": id })))
}

fn list(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(COMMENTS_SCOPE))?.person;
    let content = &visit.state.content;
    let media = own_media(visit, &person)?.id.clone();
    let ids = written(content, &media, "");
    page_of(visit, &person, &ids)
}

fn list_replies(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(COMMENTS_SCOPE))?.person;
    let comment = own_comment(visit, &person)?;
    let ids = written(&visit.state.content, &comment.media_id, &comment.id);
    page_of(visit, &person, &ids)
}

/// The comments on a media that answer this one; those that answer none for an empty id.
fn written(content: &Content, media: &str, parent: &str) -> Vec<String> {
    let ids = content.comments_on(media).iter();
    let of_parent = |id: &&String| {
        let comment = content.comment(id);
        comment.is_some_and(|comment| comment.parent_id == parent)
    };
    ids.filter(of_parent).cloned().collect()
}

fn page_of(visit: &Visit<'_>, person: &Person, ids: &[String]) -> Result<Answer, GraphError> {
    let content = &visit.state.content;
    let page = paging::page(
        visit.incoming,
        visit.base_url,
        ids,
        0..ids.len(),
        PAGE_SIZES,
    )?;
    let asked = visit.incoming.query("fields").unwrap_or(USUAL_FIELDS);
    let comments = page.ids.iter().filter_map(|id| content.comment(id));
    let data: Result<Vec<Value>, GraphError> = comments
        .map(|comment| object(comment, person, asked))
        .collect();
    Ok(Answer::json(200, &page.answer(&data?)))
}

fn read(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(COMMENTS_SCOPE))?.person;
    let comment = own_comment(visit, &person)?;
    let asked = visit.incoming.query("fields").unwrap_or(USUAL_FIELDS);
    Ok(Answer::json(200, &object(comment, &person, asked)?))
}

fn own_comment<'a>(visit: &'a Visit<'_>, person: &Person) -> Result<&'a Comment, GraphError> {
    let id = visit.node_id.unwrap_or_default();
    let content = &visit.state.content;
    let is_own = |comment: &&Comment| {
        let media = content.media(&comment.media_id);
        media.is_some_and(|media| media.ig_user_id == person.ig_user_id)
    };
    let comment = content.comment(id).filter(is_own);
    comment.ok_or_else(|| GraphError::missing_object(&visit.incoming.method, id))
}

/// A comment as the media's owner reads it.
fn object(comment: &Comment, person: &Person, asked: &str) -> Result<Value, GraphError> {
    let username = match comment.username.as_str() {
        "" => &person.username,
        visitor => visitor,
    };
    fields::select(asked, &comment.id, |field| {
        Ok(Some(match field.name {
            "id" => comment.id.as_str().into(),
            "text" => comment.text.as_str().into(),
            "timestamp" => fields::timestamp(comment.created_at_ms).into(),
            "username" => username.into(),
            "from" => json!({ "id": comment.ig_user_id, "username": username }),
            "like_count" => 0.into(),
            "hidden" => false.into(),
            "media" => json!({ "id": comment.media_id }),
            "parent_id" if !comment.parent_id.is_empty() => comment.parent_id.as_str().into(),
            "parent_id" | "replies" => Value::Null,
            _ => return Ok(None),
        }))
    })
}

/// Whoever is no person here has an id that follows from the name.
pub(crate) fn scoped_id(username: &str) -> String {
    let sum = username
        .bytes()
        .fold(7_u64, |sum, byte| sum * 131 % 899_999_999 + u64::from(byte));
    (1_200_000_000_000_000 + sum).to_string()
}
