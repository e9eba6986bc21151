//! The parameters of a container, read and checked: what may go with what, and the limits of each.

use serde::Deserialize;
use serde_json::Value;

use crate::answer::GraphError;
use crate::content::{ContentKind, PostDetails};
use crate::incoming::Incoming;
use crate::refusals;
use ContentKind::{Carousel, CarouselImage, CarouselVideo, Image, Reel, StoryImage, StoryVideo};

/// Which parameters go with which kinds. One that goes with none is for Facebook Login only.
const PARAMETERS: &[(&str, &[ContentKind])] = &[
    ("image_url", &[Image, StoryImage, CarouselImage]),
    ("video_url", &[Reel, StoryVideo, CarouselVideo]),
    ("children", &[Carousel]),
    ("caption", &[Image, Reel, Carousel, StoryImage, StoryVideo]),
    ("alt_text", &[Image, CarouselImage]),
    ("cover_url", &[Reel]),
    ("thumb_offset", &[Reel, StoryVideo, CarouselVideo]),
    ("share_to_feed", &[Reel]),
    ("audio_name", &[Reel]),
    ("collaborators", &[Image, Reel, Carousel]),
    (
        "user_tags",
        &[Image, Reel, CarouselImage, StoryImage, StoryVideo],
    ),
    (
        "location_id",
        &[Image, Reel, Carousel, StoryImage, StoryVideo],
    ),
    ("trial_params", &[Reel]),
    (
        "is_ai_generated",
        &[Image, Reel, Carousel, StoryImage, StoryVideo],
    ),
    ("audio_configuration", &[]),
    ("product_tags", &[]),
    ("poll_attachment", &[]),
    ("is_poll_duration_extended", &[]),
    ("is_comment_prompt_used", &[]),
];

const MOST_CAPTION_CHARACTERS: usize = 2_200;
const MOST_HASHTAGS: usize = 30;
const MOST_MENTIONS: usize = 20;
const MOST_ALT_TEXT_CHARACTERS: usize = 1_000;
const MOST_COLLABORATORS: usize = 3;

/// A container that somebody asks for.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) kind: ContentKind,
    pub(crate) details: PostDetails,
    pub(crate) children: Vec<String>,
}

impl Draft {
    pub(crate) fn read(incoming: &Incoming) -> Result<Self, GraphError> {
        let kind = kind(incoming)?;
        for (name, kinds) in PARAMETERS {
            if incoming.parameter(name).is_some() && !kinds.contains(&kind) {
                return Err(refusals::parameter(format!("param {name} is not allowed")));
            }
        }
        let text = |name| incoming.parameter(name).unwrap_or_default().to_owned();
        let required = |name| {
            let value = incoming.parameter(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| refusals::parameter(format!("The parameter {name} is required")))
        };
        let address = match kind {
            Carousel => "",
            kind if kind.is_video() => required("video_url")?,
            _ => required("image_url")?,
        };
        let children = match kind {
            Carousel => children(required("children")?)?,
            _ => Vec::new(),
        };
        let details = PostDetails {
            caption: caption(incoming)?,
            address: address.to_owned(),
            sample: String::new(),
            cover_address: text("cover_url"),
            alt_text: alt_text(incoming)?,
            thumb_offset_ms: thumb_offset(incoming)?,
            share_to_feed: boolean(incoming, "share_to_feed")?,
            audio_name: text("audio_name"),
            collaborators: collaborators(incoming)?,
            user_tags: user_tags(incoming, kind)?,
            location_id: location(incoming)?,
            trial: trial(incoming)?,
            is_ai_generated: boolean(incoming, "is_ai_generated")?.unwrap_or_default(),
        };
        Ok(Self {
            kind,
            details,
            children,
        })
    }
}

fn kind(incoming: &Incoming) -> Result<ContentKind, GraphError> {
    let is_item = boolean(incoming, "is_carousel_item")?.unwrap_or_default();
    if incoming.parameter("upload_type").is_some() {
        let message = "instagram-sim does not know resumable uploads";
        return Err(GraphError::new(0, "SimulatorError", message).with_status(501));
    }
    let kind = match (incoming.parameter("media_type"), is_item) {
        (None | Some("IMAGE"), true) => CarouselImage,
        (None | Some("IMAGE"), false) => Image,
        (Some("VIDEO"), true) => CarouselVideo,
        (Some("VIDEO"), false) => {
            let message = "media_type VIDEO is for items of a carousel; a single video is REELS";
            return Err(refusals::parameter(message));
        }
        (Some(media_type @ ("REELS" | "STORIES" | "CAROUSEL")), true) => {
            let message = format!("{media_type} cannot be an item of a carousel");
            return Err(refusals::parameter(message));
        }
        (Some("REELS"), false) => Reel,
        (Some("CAROUSEL"), false) => Carousel,
        (Some("STORIES"), false) if incoming.parameter("video_url").is_some() => StoryVideo,
        (Some("STORIES"), false) => StoryImage,
        (Some(other), _) => return Err(refusals::unknown_media_type(other)),
    };
    Ok(kind)
}

fn boolean(incoming: &Incoming, name: &str) -> Result<Option<bool>, GraphError> {
    match incoming.parameter(name) {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(refusals::parameter(format!(
            "Param {name} must be a boolean"
        ))),
    }
}

/// A JSON array of texts or numbers, or a list with commas.
fn list(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => text,
                other => other.to_string(),
            })
            .collect(),
        _ => text.split(',').map(|item| item.trim().to_owned()).collect(),
    }
}

fn children(text: &str) -> Result<Vec<String>, GraphError> {
    let children = list(text);
    match children.len() {
        2..=10 => Ok(children),
        _ => Err(refusals::carousel_size()),
    }
}

/// Characters are counted as Unicode code points.
fn caption(incoming: &Incoming) -> Result<String, GraphError> {
    let caption = incoming.parameter("caption").unwrap_or_default();
    if caption.chars().count() > MOST_CAPTION_CHARACTERS {
        return Err(refusals::caption_too_long());
    }
    if marked_words(caption, '#') > MOST_HASHTAGS {
        return Err(refusals::too_many_tags("hashtags", MOST_HASHTAGS));
    }
    if marked_words(caption, '@') > MOST_MENTIONS {
        return Err(refusals::too_many_tags("@ mentions", MOST_MENTIONS));
    }
    Ok(caption.to_owned())
}

/// How many words begin with this mark. A mark in the middle of a word, as in an e-mail address, begins none.
fn marked_words(text: &str, mark: char) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    let mut words = 0;
    while let Some(character) = characters.next() {
        let begins = character == mark && !is_word(before);
        if begins && characters.peek().is_some_and(|next| is_word(*next)) {
            words += 1;
        }
        before = character;
    }
    words
}

fn alt_text(incoming: &Incoming) -> Result<String, GraphError> {
    let alt_text = incoming.parameter("alt_text").unwrap_or_default();
    if alt_text.chars().count() > MOST_ALT_TEXT_CHARACTERS {
        let message = format!("alt_text has more than {MOST_ALT_TEXT_CHARACTERS} characters");
        return Err(refusals::parameter(message));
    }
    Ok(alt_text.to_owned())
}

/// Whether it is in the video is checked where the video is known.
fn thumb_offset(incoming: &Incoming) -> Result<Option<u64>, GraphError> {
    let Some(text) = incoming.parameter("thumb_offset") else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(offset) => u64::try_from(offset)
            .map(Some)
            .map_err(|_| refusals::thumb_offset_out_of_range(0)),
        Err(_) => Err(refusals::parameter("Param thumb_offset must be an integer")),
    }
}

fn collaborators(incoming: &Incoming) -> Result<Vec<String>, GraphError> {
    let Some(text) = incoming.parameter("collaborators") else {
        return Ok(Vec::new());
    };
    let collaborators = list(text);
    if collaborators.len() > MOST_COLLABORATORS {
        let message = format!("Param collaborators has more than {MOST_COLLABORATORS} usernames");
        return Err(refusals::parameter(message));
    }
    let is_bad = |name: &String| name.is_empty() || name.starts_with('@');
    match collaborators.iter().any(is_bad) {
        true => Err(refusals::bad_collaborator()),
        false => Ok(collaborators),
    }
}

#[derive(Deserialize)]
struct UserTag {
    username: String,
    x: Option<f64>,
    y: Option<f64>,
}

fn user_tags(incoming: &Incoming, kind: ContentKind) -> Result<Vec<String>, GraphError> {
    let Some(text) = incoming.parameter("user_tags") else {
        return Ok(Vec::new());
    };
    let tags: Vec<UserTag> = serde_json::from_str(text)
        .map_err(|_| refusals::parameter("Param user_tags must be an array of tags"))?;
    for (number, tag) in tags.iter().enumerate() {
        let outside = |side: Option<f64>| side.is_some_and(|side| !(0.0..=1.0).contains(&side));
        let complaint = match (kind, tag.x, tag.y) {
            _ if tag.username.is_empty() || tag.username.starts_with('@') => "username is invalid",
            (_, x, y) if outside(x) || outside(y) => "x and y must be from 0.0 to 1.0",
            (Image | CarouselImage, None, _) | (Image | CarouselImage, _, None) => {
                "x and y are required on an image"
            }
            (Reel, Some(_), _) | (Reel, _, Some(_)) => "x and y are not allowed on a video",
            _ => continue,
        };
        return Err(refusals::parameter(format!(
            "user_tags[{number}]: {complaint}"
        )));
    }
    Ok(tags.into_iter().map(|tag| tag.username).collect())
}

fn location(incoming: &Incoming) -> Result<String, GraphError> {
    let location = incoming.parameter("location_id").unwrap_or_default();
    match location.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(location.to_owned()),
        false => Err(refusals::parameter(
            "INSTAGRAM_PLATFORM_API__INVALID_LOCATION_ID",
        )),
    }
}

#[derive(Deserialize)]
struct Trial {
    graduation_strategy: String,
}

fn trial(incoming: &Incoming) -> Result<String, GraphError> {
    let Some(text) = incoming.parameter("trial_params") else {
        return Ok(String::new());
    };
    match serde_json::from_str::<Trial>(text) {
        Ok(trial)
            if matches!(
                trial.graduation_strategy.as_str(),
                "MANUAL" | "SS_PERFORMANCE"
            ) =>
        {
            Ok(trial.graduation_strategy)
        }
        _ => Err(refusals::parameter(
            "Param trial_params needs graduation_strategy MANUAL or SS_PERFORMANCE",
        )),
    }
}
