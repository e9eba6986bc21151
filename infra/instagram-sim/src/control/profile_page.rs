//! A person's profile as the website shows it: stories of the last day, and posts.

use crate::answer::Answer;
use crate::content::{Content, ContentKind, Media};
use crate::control::{Outcome, nobody};
use crate::html::{self, escape};
use crate::media::{id_of_shortcode, is_visible, picture_of};
use crate::server::Shared;

/// How many of the latest posts the page shows.
const POSTS_SHOWN: usize = 60;
/// How much of a caption it shows.
const CAPTION_CHARACTERS: usize = 140;

pub(super) fn page(shared: &Shared, username: &str) -> Outcome {
    let now_ms = (shared.now)();
    shared.with_state(|state| {
        let person = state.person(username).ok_or_else(|| nobody(username))?;
        let content = &state.content;
        let posts = content.posts_of(&person.ig_user_id);
        let mut body = format!(
            "<h1>{}</h1><p class=\"soft\">@{}</p><p>{}</p>\
             <p class=\"soft\">{} posts · {} followers · {} following</p>",
            escape(&person.name),
            escape(&person.username),
            escape(&person.biography),
            person.media_count + posts.len() as u64,
            person.followers_count,
            person.follows_count,
        );
        let shown = |ids: &[String]| -> String {
            let latest = ids.iter().rev().take(POSTS_SHOWN);
            latest
                .filter_map(|id| content.media(id))
                .filter(|media| is_visible(media, now_ms))
                .map(|media| figure(media, content))
                .collect()
        };
        for (title, figures) in [
            ("Stories", shown(content.stories_of(&person.ig_user_id))),
            ("Posts", shown(posts)),
        ] {
            body += &match figures.is_empty() {
                true => format!("<h2>{title}</h2><p class=\"soft\">None.</p>"),
                false => format!("<h2>{title}</h2><div class=\"grid\">{figures}</div>"),
            };
        }
        Ok(Answer::html(200, html::page(&person.username, &body)))
    })
}

fn figure(media: &Media, content: &Content) -> String {
    let kind = match media.kind {
        ContentKind::Carousel => format!("Carousel of {}", media.children.len()),
        ContentKind::Reel => "Reel".to_owned(),
        ContentKind::StoryImage | ContentKind::StoryVideo => "Story".to_owned(),
        ContentKind::Image | ContentKind::CarouselImage | ContentKind::CarouselVideo => {
            "Picture".to_owned()
        }
    };
    let first = media.children.first().and_then(|id| content.media(id));
    let caption: String = media
        .details
        .caption
        .chars()
        .take(CAPTION_CHARACTERS)
        .collect();
    let comments = match content.comments_on(&media.id).len() {
        0 => String::new(),
        1 => " · 1 comment".to_owned(),
        several => format!(" · {several} comments"),
    };
    format!(
        "<figure id=\"{}\"><img src=\"/_sim/media/{}\" alt=\"{}\" loading=\"lazy\">\
         <figcaption>{}<small>{kind} · {}{comments}</small></figcaption></figure>",
        media.id,
        escape(picture_of(first.unwrap_or(media))),
        escape(&media.details.alt_text),
        match caption.is_empty() {
            true => String::new(),
            false => format!("{}<br>", escape(&caption)),
        },
        time(media.published_at_ms),
    )
}

fn time(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// What a permalink leads to: the place of the media on the profile. `None` for a path that is no permalink.
pub(crate) fn website_page(shared: &Shared, path: &str) -> Option<Answer> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let id = match *segments {
        ["p" | "reel", shortcode] => id_of_shortcode(shortcode),
        ["stories", _, id] => Some(id.to_owned()),
        _ => return None,
    };
    let now_ms = (shared.now)();
    let address = shared.with_state(|state| {
        let media = state.content.media(&id?)?;
        let person = state.durable.people.by_id(&media.ig_user_id)?;
        let shown = is_visible(media, now_ms);
        shown.then(|| format!("/_sim/profiles/{}#{}", person.username, media.id))
    });
    Some(match address {
        Some(address) => Answer::redirect(302, &address),
        None => Answer::html(
            404,
            html::page("Not found", "<h1>This page is not available.</h1>"),
        ),
    })
}
