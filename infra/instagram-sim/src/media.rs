//! What was published: lists of an account, and one media with its fields.
//! <https://developers.facebook.com/docs/instagram-platform/reference/instagram-media>

use std::ops::Range;

use serde_json::{Value, json};

use crate::answer::{Answer, GraphError, OAUTH_EXCEPTION};
use crate::authorize::{BASIC_SCOPE, COMMENTS_SCOPE, INSIGHTS_SCOPE};
use crate::content::{Content, ContentKind, DAY_MS, Media};
use crate::fields::{self, Field};
use crate::incoming::Incoming;
use crate::insights;
use crate::paging;
use crate::person::Person;
use crate::refusals;
use crate::router::Endpoint;
use crate::state::State;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "GET /me/media",
        method: "GET",
        path: "/{version}/me/media",
        handler: list_posts,
    },
    Endpoint {
        name: "GET /{ig_id}/media",
        method: "GET",
        path: "/{version}/{ig_id}/media",
        handler: list_posts,
    },
    Endpoint {
        name: "GET /me/stories",
        method: "GET",
        path: "/{version}/me/stories",
        handler: list_stories,
    },
    Endpoint {
        name: "GET /{ig_id}/stories",
        method: "GET",
        path: "/{version}/{ig_id}/stories",
        handler: list_stories,
    },
    Endpoint {
        name: "GET /{ig_id}/tags",
        method: "GET",
        path: "/{version}/{ig_id}/tags",
        handler: list_tags,
    },
    Endpoint {
        name: "POST /{media_id}",
        method: "POST",
        path: "/{version}/{media_id}",
        handler: update,
    },
    Endpoint {
        name: "GET /{media_id}",
        method: "GET",
        path: "/{version}/{media_id}",
        handler: read,
    },
    Endpoint {
        name: "GET /{media_id}/children",
        method: "GET",
        path: "/{version}/{media_id}/children",
        handler: list_children,
    },
];

/// Older posts are not listed.
const MOST_POSTS: usize = 10_000;
/// How many items a page has where the caller does not say, and at most.
const PAGE_SIZES: (usize, usize) = (25, 100);

fn list_posts(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(BASIC_SCOPE))?.person;
    let content = &visit.state.content;
    let ids = content.posts_of(&person.ig_user_id);
    let time_of = |id: &String| content.media(id).map_or(0, |media| media.published_at_ms);
    let since_ms = seconds(visit.incoming, "since")?.unwrap_or(i64::MIN);
    let until_ms = seconds(visit.incoming, "until")?.unwrap_or(i64::MAX);
    let newest = ids.len().saturating_sub(MOST_POSTS);
    let start = ids.partition_point(|id| time_of(id) < since_ms).max(newest);
    let end = ids.partition_point(|id| time_of(id) <= until_ms).max(start);
    list(visit, &person, ids, start..end)
}

fn list_stories(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(BASIC_SCOPE))?.person;
    let content = &visit.state.content;
    let ids = content.stories_of(&person.ig_user_id);
    let is_over = |id: &String| {
        let story = content.media(id);
        story.is_none_or(|story| !is_visible(story, visit.now_ms))
    };
    list(visit, &person, ids, ids.partition_point(is_over)..ids.len())
}

fn list(
    visit: &Visit<'_>,
    person: &Person,
    ids: &[String],
    window: Range<usize>,
) -> Result<Answer, GraphError> {
    let page = paging::page(visit.incoming, visit.base_url, ids, window, PAGE_SIZES)?;
    let reader = Reader::new(visit, person);
    let asked = visit.incoming.query("fields").unwrap_or_default();
    let data: Result<Vec<Value>, GraphError> =
        page.ids.iter().map(|id| reader.object(id, asked)).collect();
    Ok(Answer::json(200, &page.answer(&data?)))
}

fn read(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(BASIC_SCOPE))?.person;
    let media = own_media(visit, &person)?;
    let asked = visit.incoming.query("fields").unwrap_or_default();
    let answer = Reader::new(visit, &person).object(&media.id, asked)?;
    Ok(Answer::json(200, &answer))
}

/// A twentieth of the account's own posts, forty at most: somebody else's with the account in them. Meta gives this list
/// cursors and no next address.
fn list_tags(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(COMMENTS_SCOPE))?.person;
    let content = &visit.state.content;
    let posts = content.posts_of(&person.ig_user_id);
    let ids: Vec<String> = posts
        .iter()
        .rev()
        .step_by(20)
        .take(40)
        .rev()
        .cloned()
        .collect();
    let page = paging::page(
        visit.incoming,
        visit.base_url,
        &ids,
        0..ids.len(),
        PAGE_SIZES,
    )?;
    let reader = Reader::new(visit, &person);
    let asked = visit.incoming.query("fields").unwrap_or_default();
    let mut data = Vec::new();
    for id in &page.ids {
        let Some(media) = content.media(id) else {
            continue;
        };
        let of_another = format!("9{}", &media.id[1..]);
        data.push(fields::select(asked, &of_another, |field| {
            Ok(match field.name {
                "username" => Some("a.happy.guest".into()),
                "id" => Some(of_another.as_str().into()),
                "caption" => Some(format!("Thanks @{}", person.username).into()),
                _ => reader.value(media, field)?,
            })
        })?);
    }
    let mut answer = page.answer(&data);
    if let Some(paging) = answer.get_mut("paging").and_then(Value::as_object_mut) {
        paging.retain(|name, _| name == "cursors");
    }
    Ok(Answer::json(200, &answer))
}

fn update(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(COMMENTS_SCOPE))?.person;
    let mut media = own_media(visit, &person)?.clone();
    media.comments_disabled = match visit.incoming.parameter("comment_enabled") {
        Some("true") => false,
        Some("false") => true,
        _ => return Err(refusals::parameter("comment_enabled must be true or false")),
    };
    visit.state.content.replace_media(media);
    Ok(Answer::json(200, &json!({ "success": true })))
}

fn list_children(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(BASIC_SCOPE))?.person;
    let media = own_media(visit, &person)?;
    let asked = visit.incoming.query("fields").unwrap_or_default();
    let children = Reader::new(visit, &person).children(media, asked)?;
    Ok(Answer::json(200, &children))
}

/// The media in the path, where the caller may see it.
pub(crate) fn own_media<'a>(
    visit: &'a Visit<'_>,
    person: &Person,
) -> Result<&'a Media, GraphError> {
    let id = visit.node_id.unwrap_or_default();
    let media =
        visit.state.content.media(id).filter(|media| {
            media.ig_user_id == person.ig_user_id && is_visible(media, visit.now_ms)
        });
    media.ok_or_else(|| GraphError::missing_object(&visit.incoming.method, id))
}

/// Stories vanish after a day.
pub(crate) fn is_visible(media: &Media, now_ms: i64) -> bool {
    !media.kind.is_story() || now_ms < media.published_at_ms.saturating_add(DAY_MS)
}

fn seconds(incoming: &Incoming, name: &str) -> Result<Option<i64>, GraphError> {
    let Some(text) = incoming.query(name) else {
        return Ok(None);
    };
    let ms = text
        .parse::<i64>()
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000));
    ms.map(Some)
        .ok_or_else(|| refusals::parameter(format!("instagram-sim reads {name} in seconds only")))
}

/// Media as their owner reads them.
struct Reader<'a> {
    content: &'a Content,
    person: &'a Person,
    base_url: &'a str,
    state: &'a State,
    now_ms: i64,
    may_read_insights: bool,
}

impl<'a> Reader<'a> {
    fn new(visit: &'a Visit<'_>, person: &'a Person) -> Self {
        Self {
            content: &visit.state.content,
            person,
            base_url: visit.base_url,
            state: visit.state,
            now_ms: visit.now_ms,
            may_read_insights: visit.caller(Some(INSIGHTS_SCOPE)).is_ok(),
        }
    }

    fn object(&self, id: &str, asked: &str) -> Result<Value, GraphError> {
        let Some(media) = self.content.media(id) else {
            return Ok(json!({ "id": id }));
        };
        fields::select(asked, id, |field| self.value(media, field))
    }

    fn children(&self, media: &Media, asked: &str) -> Result<Value, GraphError> {
        let children = media.children.iter();
        let data: Result<Vec<Value>, GraphError> =
            children.map(|id| self.object(id, asked)).collect();
        Ok(json!({ "data": data? }))
    }

    fn value(&self, media: &Media, field: &Field<'_>) -> Result<Option<Value>, GraphError> {
        let details = &media.details;
        let is_item = media.kind.is_carousel_item();
        let or_absent = |text: &str| match text.is_empty() {
            true => Value::Null,
            false => text.into(),
        };
        Ok(Some(match field.name {
            "id" => media.id.as_str().into(),
            "caption" if is_item => Value::Null,
            "caption" => or_absent(&details.caption),
            "alt_text" => or_absent(&details.alt_text),
            "media_type" => media.kind.media_type().into(),
            "media_product_type" => media.kind.media_product_type().into(),
            "media_url" if media.address_withheld => Value::Null,
            "media_url" => self.first_sample(media).into(),
            "thumbnail_url" if media.kind.is_video() => {
                self.sample_address(picture_of(media)).into()
            }
            "thumbnail_url" => Value::Null,
            "permalink" if is_item => Value::Null,
            "permalink" => format!("{}{}", self.base_url, website_path(media, self.person)).into(),
            "shortcode" => shortcode(&media.id).into(),
            "timestamp" => fields::timestamp(media.published_at_ms).into(),
            "username" => self.person.username.as_str().into(),
            "owner" => json!({ "id": self.person.ig_user_id }),
            "like_count" | "comments_count" if media.counts_hidden => Value::Null,
            "like_count" => {
                let likes = insights::figure(self.state, self.person, media, "likes", self.now_ms);
                likes.unwrap_or_default().into()
            }
            "comments_count" => self.content.comments_on(&media.id).len().into(),
            "is_comment_enabled" if is_item => Value::Null,
            "is_comment_enabled" => (!media.comments_disabled).into(),
            "is_shared_to_feed" if media.kind == ContentKind::Reel => {
                details.share_to_feed.unwrap_or(true).into()
            }
            "is_shared_to_feed" => Value::Null,
            "is_ai_generated" => details.is_ai_generated.into(),
            "children" if media.kind == ContentKind::Carousel => {
                self.children(media, field.inner)?
            }
            "children" => Value::Null,
            name => {
                let metrics = name.strip_prefix("insights.metric(");
                let Some(metrics) = metrics.and_then(|rest| rest.strip_suffix(')')) else {
                    return Ok(None);
                };
                if !self.may_read_insights {
                    return Err(GraphError::new(
                        10,
                        OAUTH_EXCEPTION,
                        "(#10) No permission for insights",
                    ));
                }
                let data =
                    insights::of_media(self.state, self.person, media, metrics, self.now_ms)?;
                json!({ "data": data })
            }
        }))
    }

    /// A carousel shows its first item.
    fn first_sample(&self, media: &Media) -> String {
        let first = media.children.first().and_then(|id| self.content.media(id));
        self.sample_address(&first.unwrap_or(media).details.sample)
    }

    fn sample_address(&self, name: &str) -> String {
        format!("{}/_sim/media/{name}", self.base_url)
    }
}

/// The sample that shows a media as a picture.
pub(crate) fn picture_of(media: &Media) -> &str {
    match media.kind.is_video() {
        true => "tall-story.jpg",
        false => &media.details.sample,
    }
}

/// Where the website has it.
fn website_path(media: &Media, person: &Person) -> String {
    match media.kind {
        ContentKind::Reel => format!("/reel/{}/", shortcode(&media.id)),
        kind if kind.is_story() => format!("/stories/{}/{}/", person.username, media.id),
        _ => format!("/p/{}/", shortcode(&media.id)),
    }
}

const SHORTCODE_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The id in another alphabet, as the website writes it.
fn shortcode(id: &str) -> String {
    let mut rest: u64 = id.parse().unwrap_or_default();
    let mut code = Vec::new();
    while rest > 0 {
        code.push(char::from(SHORTCODE_ALPHABET[(rest % 64) as usize]));
        rest /= 64;
    }
    code.iter().rev().collect()
}

/// The id that a shortcode stands for.
pub(crate) fn id_of_shortcode(code: &str) -> Option<String> {
    let mut id: u64 = 0;
    for byte in code.bytes() {
        let digit = SHORTCODE_ALPHABET.iter().position(|known| *known == byte)?;
        id = id.checked_mul(64)?.checked_add(digit as u64)?;
    }
    Some(id.to_string())
}
