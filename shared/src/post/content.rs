//! What is to be published, typed by kind: a combination that Instagram does not take cannot be built.
//!
//! Facts: Meta's page "IG User: media", whose parameters are allowed for some kinds only. Limits of length and number are
//! the preflight's business, which has a sentence for each: the schemas name none, since a draft may exceed them.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::graph::ContainerFields;

/// What a post shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Content {
    /// One picture in the feed.
    Image(Image),
    /// Two to ten pictures and videos in the feed.
    Carousel(Carousel),
    /// A video.
    Reel(Reel),
    /// A picture or a video that is shown for a day.
    Story(Story),
}

/// One picture in the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// Where Instagram fetches the picture.
    #[schema(example = "https://media.example.com/bread.jpg")]
    pub image_url: String,
    /// What the picture shows, for people who do not see it: 1,000 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "A loaf of bread")]
    pub alt_text: Option<String>,
    /// Accounts on the picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<PlacedTag>,
    /// The text below it: 2,200 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Fresh bread #bakery")]
    pub caption: Option<String>,
    /// Accounts that are invited to show the post as theirs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collaborators: Vec<Handle>,
    /// Id of the Facebook page of a place: digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "106077252765112")]
    pub location_id: Option<String>,
    /// Labels the post as made with AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = false)]
    pub is_ai_generated: Option<bool>,
    /// A comment that the account writes below the post once it is live: 2,200 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "The recipe is on our page.")]
    pub first_comment: Option<String>,
}

/// Two to ten pictures and videos in the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Carousel {
    /// Two to ten, in the order in which they are shown. All are cropped to the proportions of the first one.
    pub items: Vec<Item>,
    /// The text below it: 2,200 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Fresh bread #bakery")]
    pub caption: Option<String>,
    /// Accounts that are invited to show the post as theirs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collaborators: Vec<Handle>,
    /// Id of the Facebook page of a place: digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "106077252765112")]
    pub location_id: Option<String>,
    /// Labels the post as made with AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = false)]
    pub is_ai_generated: Option<bool>,
    /// A comment that the account writes below the post once it is live: 2,200 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "The recipe is on our page.")]
    pub first_comment: Option<String>,
}

/// One item of a carousel.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Item {
    /// A picture.
    Image(ImageItem),
    /// A video.
    Video(VideoItem),
}

/// A picture of a carousel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageItem {
    /// Where Instagram fetches the picture.
    #[schema(example = "https://media.example.com/bread.jpg")]
    pub image_url: String,
    /// What the picture shows, for people who do not see it: 1,000 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "A loaf of bread")]
    pub alt_text: Option<String>,
    /// Accounts on the picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<PlacedTag>,
}

/// A video of a carousel, which takes neither an alternative text nor tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VideoItem {
    /// Where Instagram fetches the video.
    #[schema(example = "https://media.example.com/oven.mp4")]
    pub video_url: String,
}

/// A video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reel {
    /// Where Instagram fetches the video.
    #[schema(example = "https://media.example.com/oven.mp4")]
    pub video_url: String,
    /// A picture for its cover, which goes before `thumbOffset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://media.example.com/cover.jpg")]
    pub cover_url: Option<String>,
    /// The moment of the video that makes its cover, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1500)]
    pub thumb_offset: Option<u64>,
    /// Whether it may be shown in the feed as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    pub share_to_feed: Option<bool>,
    /// The name of its own sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Morning in the bakery")]
    pub audio_name: Option<String>,
    /// Accounts in the video.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<NameTag>,
    /// Shown to people who do not follow the account first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trial_reel: Option<TrialReel>,
    /// The text below it: 2,200 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Fresh bread #bakery")]
    pub caption: Option<String>,
    /// Accounts that are invited to show the post as theirs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collaborators: Vec<Handle>,
    /// Id of the Facebook page of a place: digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "106077252765112")]
    pub location_id: Option<String>,
    /// Labels the post as made with AI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = false)]
    pub is_ai_generated: Option<bool>,
    /// A comment that the account writes below the post once it is live: 2,200 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "The recipe is on our page.")]
    pub first_comment: Option<String>,
}

/// A picture or a video that is shown for a day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Story {
    /// A picture.
    Image(ImageStory),
    /// A video.
    Video(VideoStory),
}

/// A picture that is shown for a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageStory {
    /// Where Instagram fetches the picture.
    #[schema(example = "https://media.example.com/oven.jpg")]
    pub image_url: String,
    /// Accounts that it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<StoryTag>,
}

/// A video that is shown for a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VideoStory {
    /// Where Instagram fetches the video.
    #[schema(example = "https://media.example.com/oven.mp4")]
    pub video_url: String,
    /// Accounts that it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_tags: Vec<StoryTag>,
}

/// Where Instagram fetches a picture or a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// A picture's address.
    Image(String),
    /// A video's address.
    Video(String),
}

/// How a trial reel becomes one for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum TrialReel {
    /// A person decides, in Instagram's app.
    Manual,
    /// Instagram decides, by how it does.
    Performance,
}

/// An account's name, without `@`: Instagram answers an unknown error to one with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(value_type = String, example = "corner.bakery")]
pub struct Handle(String);

/// An account at a place of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacedTag {
    /// The account's name.
    pub username: Handle,
    /// From the left edge, 0 to 1.
    #[schema(example = 0.5)]
    pub x: f64,
    /// From the upper edge, 0 to 1.
    #[schema(example = 0.8)]
    pub y: f64,
}

/// An account in a video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameTag {
    /// The account's name.
    pub username: Handle,
}

/// An account that a story mentions, at a place or at none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoryTag {
    /// The account's name.
    pub username: Handle,
    /// From the left edge, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.5)]
    pub x: Option<f64>,
    /// From the upper edge, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.8)]
    pub y: Option<f64>,
}

impl Handle {
    /// The name, without `@`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = text.trim();
        Ok(Self(name.strip_prefix('@').unwrap_or(name).to_owned()))
    }
}

impl Media {
    /// The address.
    pub fn address(&self) -> &str {
        match self {
            Media::Image(address) | Media::Video(address) => address,
        }
    }
}

impl Content {
    /// The kind's word.
    pub fn kind(&self) -> &'static str {
        match self {
            Content::Image(_) => "image",
            Content::Carousel(_) => "carousel",
            Content::Reel(_) => "reel",
            Content::Story(_) => "story",
        }
    }

    /// The text below the post.
    pub fn caption(&self) -> Option<&str> {
        match self {
            Content::Image(Image { caption, .. })
            | Content::Carousel(Carousel { caption, .. })
            | Content::Reel(Reel { caption, .. }) => caption.as_deref(),
            Content::Story(_) => None,
        }
    }

    /// Sets the text below the post; `false` for a kind that has none.
    pub fn set_caption(&mut self, text: String) -> bool {
        match self {
            Content::Image(Image { caption, .. })
            | Content::Carousel(Carousel { caption, .. })
            | Content::Reel(Reel { caption, .. }) => {
                *caption = Some(text);
                true
            }
            Content::Story(_) => false,
        }
    }

    /// The comment that the account writes below the post.
    pub fn first_comment(&self) -> Option<&str> {
        match self {
            Content::Image(Image { first_comment, .. })
            | Content::Carousel(Carousel { first_comment, .. })
            | Content::Reel(Reel { first_comment, .. }) => first_comment.as_deref(),
            Content::Story(_) => None,
        }
    }

    /// Accounts that are invited to show the post as theirs too.
    pub fn collaborators(&self) -> &[Handle] {
        match self {
            Content::Image(Image { collaborators, .. })
            | Content::Carousel(Carousel { collaborators, .. })
            | Content::Reel(Reel { collaborators, .. }) => collaborators,
            Content::Story(_) => &[],
        }
    }

    /// All that Instagram fetches, with the member that names each: `items[2].videoUrl`.
    pub fn media(&self) -> Vec<(String, Media)> {
        match self {
            Content::Image(image) => {
                vec![("imageUrl".into(), Media::Image(image.image_url.clone()))]
            }
            Content::Carousel(carousel) => carousel
                .items
                .iter()
                .enumerate()
                .map(|(index, item)| match item {
                    Item::Image(item) => (
                        format!("items[{index}].imageUrl"),
                        Media::Image(item.image_url.clone()),
                    ),
                    Item::Video(item) => (
                        format!("items[{index}].videoUrl"),
                        Media::Video(item.video_url.clone()),
                    ),
                })
                .collect(),
            Content::Reel(reel) => {
                let cover = reel.cover_url.clone();
                let cover = cover.map(|address| ("coverUrl".into(), Media::Image(address)));
                let video = ("videoUrl".into(), Media::Video(reel.video_url.clone()));
                [Some(video), cover].into_iter().flatten().collect()
            }
            Content::Story(Story::Image(story)) => {
                vec![("imageUrl".into(), Media::Image(story.image_url.clone()))]
            }
            Content::Story(Story::Video(story)) => {
                vec![("videoUrl".into(), Media::Video(story.video_url.clone()))]
            }
        }
    }

    /// Whether Instagram has to process a video.
    pub fn has_video(&self) -> bool {
        self.media()
            .iter()
            .any(|(_, media)| matches!(media, Media::Video(_)))
    }

    /// The containers of a carousel's items, which are made before the carousel's own; none for other kinds.
    pub fn item_containers(&self) -> Vec<ContainerFields> {
        let Content::Carousel(carousel) = self else {
            return Vec::new();
        };
        let fields = |item: &Item| match item {
            Item::Image(item) => ContainerFields::default()
                .with("image_url", &item.image_url)
                .with("is_carousel_item", "true")
                .with_some("alt_text", item.alt_text.as_ref())
                .with_some("user_tags", list(&item.user_tags)),
            Item::Video(item) => ContainerFields::default()
                .with("media_type", "VIDEO")
                .with("video_url", &item.video_url)
                .with("is_carousel_item", "true"),
        };
        carousel.items.iter().map(fields).collect()
    }

    /// The container that is published, made of these items' containers where the kind has any.
    pub fn container(&self, items: &[&str]) -> ContainerFields {
        match self {
            Content::Image(image) => ContainerFields::default()
                .with("image_url", &image.image_url)
                .with_some("alt_text", image.alt_text.as_ref())
                .with_some("user_tags", list(&image.user_tags))
                .with_some("caption", image.caption.as_ref())
                .with_some("collaborators", list(&image.collaborators))
                .with_some("location_id", image.location_id.as_ref())
                .with_some("is_ai_generated", flag(image.is_ai_generated)),
            Content::Carousel(carousel) => ContainerFields::default()
                .with("media_type", "CAROUSEL")
                .with("children", items.join(","))
                .with_some("caption", carousel.caption.as_ref())
                .with_some("collaborators", list(&carousel.collaborators))
                .with_some("location_id", carousel.location_id.as_ref())
                .with_some("is_ai_generated", flag(carousel.is_ai_generated)),
            Content::Reel(reel) => ContainerFields::default()
                .with("media_type", "REELS")
                .with("video_url", &reel.video_url)
                .with_some("cover_url", reel.cover_url.as_ref())
                .with_some(
                    "thumb_offset",
                    reel.thumb_offset.map(|offset| offset.to_string()),
                )
                .with_some("share_to_feed", flag(reel.share_to_feed))
                .with_some("audio_name", reel.audio_name.as_ref())
                .with_some("user_tags", list(&reel.user_tags))
                .with_some("trial_params", reel.trial_reel.map(trial_params))
                .with_some("caption", reel.caption.as_ref())
                .with_some("collaborators", list(&reel.collaborators))
                .with_some("location_id", reel.location_id.as_ref())
                .with_some("is_ai_generated", flag(reel.is_ai_generated)),
            Content::Story(Story::Image(story)) => ContainerFields::default()
                .with("media_type", "STORIES")
                .with("image_url", &story.image_url)
                .with_some("user_tags", list(&story.user_tags)),
            Content::Story(Story::Video(story)) => ContainerFields::default()
                .with("media_type", "STORIES")
                .with("video_url", &story.video_url)
                .with_some("user_tags", list(&story.user_tags)),
        }
    }
}

/// A list as Meta takes it; nothing for an empty one.
fn list<T: Serialize>(items: &[T]) -> Option<String> {
    (!items.is_empty()).then(|| json!(items).to_string())
}

fn flag(given: Option<bool>) -> Option<String> {
    given.map(|is_set| is_set.to_string())
}

fn trial_params(trial: TrialReel) -> String {
    let strategy = match trial {
        TrialReel::Manual => "MANUAL",
        TrialReel::Performance => "SS_PERFORMANCE",
    };
    json!({ "graduation_strategy": strategy }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::post::STORY_WITH_CAPTION;
    use serde_json::Value;

    fn content(value: Value) -> Content {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn content_reads_back_as_it_was_written() {
        for value in [
            json!({"kind":"image","imageUrl":"https://a.example/1.jpg","altText":"bread","userTags":[{"username":"ann","x":0.5,"y":0.25}],
                   "caption":"hello","collaborators":["ben"],"locationId":"7","isAiGenerated":true,"firstComment":"first"}),
            json!({"kind":"carousel","items":[{"imageUrl":"https://a.example/1.jpg"},{"videoUrl":"https://a.example/2.mp4"}]}),
            json!({"kind":"reel","videoUrl":"https://a.example/1.mp4","trialReel":"manual","thumbOffset":1500,"shareToFeed":false}),
            json!({"kind":"story","videoUrl":"https://a.example/1.mp4","userTags":[{"username":"ann"}]}),
        ] {
            assert_eq!(serde_json::to_value(content(value.clone())).unwrap(), value);
        }
    }

    #[test]
    fn d_a_combination_that_instagram_does_not_take_cannot_be_built() {
        for value in [
            json!({"kind":"story","imageUrl":"https://a.example/1.jpg","caption":"no"}),
            json!({"kind":"story","imageUrl":"https://a.example/1.jpg","videoUrl":"https://a.example/1.mp4"}),
            json!({"kind":"story"}),
            json!({"kind":"reel","videoUrl":"https://a.example/1.mp4","altText":"no"}),
            json!({"kind":"reel","videoUrl":"https://a.example/1.mp4","userTags":[{"username":"ann","x":0.5,"y":0.5}]}),
            json!({"kind":"image","imageUrl":"https://a.example/1.jpg","coverUrl":"https://a.example/2.jpg"}),
            json!({"kind":"image","imageUrl":"https://a.example/1.jpg","userTags":[{"username":"ann"}]}),
            json!({"kind":"carousel","items":[{"imageUrl":"https://a.example/1.jpg","caption":"no"}]}),
            json!({"kind":"carousel","items":[{"videoUrl":"https://a.example/1.mp4","altText":"no"}]}),
            json!({"kind":"carousel","items":[{"imageUrl":"a","videoUrl":"b"}]}),
            json!({"kind":"video","videoUrl":"https://a.example/1.mp4"}),
        ] {
            assert!(
                serde_json::from_value::<Content>(value.clone()).is_err(),
                "{value}"
            );
        }
    }

    #[test]
    fn d_what_is_wrong_with_content_is_named_by_its_member_at_every_depth() {
        let item = |item: Value| json!({"kind":"carousel","items":[{"imageUrl":"a"},item]});
        for (value, expected) in [
            (json!({"imageUrl":"a"}), "missing field `kind`"),
            (
                json!({"kind":"canary"}),
                "`kind` must be one of `image`, `carousel`, `reel`, `story`",
            ),
            (
                json!({"kind":"image","imageUrl":null}),
                "`imageUrl` must be a text",
            ),
            (
                json!({"kind":"image","imageUrl":"a","userTags":[{"username":"ann","x":"canary","y":1}]}),
                "`userTags[0].x` must be a number",
            ),
            (
                json!({"kind":"image","imageUrl":"a","userTags":[{"username":"ann","x":0.5}]}),
                "missing field `userTags[0].y`",
            ),
            (
                json!({"kind":"reel","videoUrl":"a","trialReel":"canary"}),
                "`trialReel` must be `manual` or `performance`",
            ),
            (
                json!({"kind":"reel","videoUrl":"a","collaborators":[7]}),
                "`collaborators[0]` must be a text",
            ),
            (
                json!({"kind":"story"}),
                "missing field `imageUrl` or `videoUrl`",
            ),
            (
                json!({"kind":"story","imageUrl":"a","videoUrl":"b"}),
                "`imageUrl` and `videoUrl` exclude each other",
            ),
            (
                json!({"kind":"story","imageUrl":"a","caption":"canary"}),
                STORY_WITH_CAPTION,
            ),
            (
                item(json!({"videoUrl":"a","altText":"canary"})),
                "unknown field `items[1].altText`, expected `videoUrl`",
            ),
            (
                item(json!({"imageUrl":"a","videoUrl":"b"})),
                "`items[1].imageUrl` and `videoUrl` exclude each other",
            ),
            (
                item(json!({})),
                "missing field `items[1].imageUrl` or `videoUrl`",
            ),
            (
                item(json!({"imageUrl":"a","userTags":[{"username":7,"x":0,"y":0}]})),
                "`items[1].userTags[0].username` must be a text",
            ),
            (item(json!(7)), "`items[1]` must be an object"),
        ] {
            let fault = crate::members::read::<Content>(value).unwrap_err();
            assert_eq!(fault, expected);
        }
    }

    #[test]
    fn d_collaborators_go_to_the_carousel_and_never_to_its_items() {
        let carousel = content(
            json!({"kind":"carousel","caption":"hello","collaborators":["@ben"],"isAiGenerated":true,
            "items":[{"imageUrl":"https://a.example/1.jpg","altText":"bread"},{"videoUrl":"https://a.example/2.mp4"}]}),
        );
        let items = carousel.item_containers();
        assert_eq!(items.len(), 2);
        for item in &items {
            assert_eq!(item.get("is_carousel_item"), Some("true"));
            for name in ["collaborators", "caption", "is_ai_generated"] {
                assert_eq!(item.get(name), None);
            }
        }
        assert_eq!(items[0].get("alt_text"), Some("bread"));
        assert_eq!(items[1].get("media_type"), Some("VIDEO"));
        let container = carousel.container(&["11", "12"]);
        assert_eq!(container.get("children"), Some("11,12"));
        assert_eq!(container.get("collaborators"), Some(r#"["ben"]"#));
        assert_eq!(container.get("is_ai_generated"), Some("true"));
    }

    #[test]
    fn an_address_is_named_by_its_member() {
        let carousel =
            content(json!({"kind":"carousel","items":[{"imageUrl":"a"},{"videoUrl":"b"}]}));
        let media = carousel.media();
        assert_eq!(
            media[1],
            ("items[1].videoUrl".into(), Media::Video("b".into()))
        );
        assert!(carousel.has_video());
    }
}
