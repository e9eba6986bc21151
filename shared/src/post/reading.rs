//! Content as a caller sends it, read by its kind, so that what is wrong is told of the kind that is meant.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::content::{Content, Item, Story};
use crate::members::part;

/// What is wrong with a story that shall have a caption, or a template for one.
pub const STORY_WITH_CAPTION: &str =
    "`caption` and `templateId` are not for a story, which has no text below it";

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        let kind = members
            .remove("kind")
            .ok_or_else(|| D::Error::missing_field("kind"))?;
        match kind.as_str() {
            Some("image") => part(members).map(Self::Image),
            Some("carousel") => part(members).map(Self::Carousel),
            Some("reel") => part(members).map(Self::Reel),
            Some("story") => part(members).map(Self::Story),
            _ => Err(D::Error::custom(
                "`kind` must be one of `image`, `carousel`, `reel`, `story`",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        either(Map::deserialize(deserializer)?, Self::Image, Self::Video)
    }
}

impl<'de> Deserialize<'de> for Story {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        if members.contains_key("caption") {
            return Err(D::Error::custom(STORY_WITH_CAPTION));
        }
        either(members, Self::Image, Self::Video)
    }
}

/// Reads what has either a picture or a video.
fn either<T, P: DeserializeOwned, V: DeserializeOwned, E: Error>(
    members: Map<String, Value>,
    picture: fn(P) -> T,
    video: fn(V) -> T,
) -> Result<T, E> {
    match ["imageUrl", "videoUrl"].map(|name| members.contains_key(name)) {
        [true, false] => part(members).map(picture),
        [false, true] => part(members).map(video),
        [true, true] => Err(E::custom("`imageUrl` and `videoUrl` exclude each other")),
        [false, false] => Err(E::custom("missing field `imageUrl` or `videoUrl`")),
    }
}
