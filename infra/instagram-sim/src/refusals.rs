//! What Meta answers to publishing calls that it refuses: its codes, the simulator's words for a person.
//! <https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes>.

use crate::answer::{GraphError, IG_API_EXCEPTION, OAUTH_EXCEPTION};

fn refusal(code: i64, subcode: i64, message: &str, title: &str, advice: String) -> GraphError {
    GraphError::new(code, OAUTH_EXCEPTION, message)
        .with_subcode(subcode)
        .with_user_texts(title, advice)
}

pub(crate) fn parameter(message: impl std::fmt::Display) -> GraphError {
    GraphError::new(100, IG_API_EXCEPTION, format!("(#100) {message}"))
}

pub(crate) fn unknown_media_type(media_type: &str) -> GraphError {
    let advice = format!("The media_type {media_type:?} is unknown.");
    refusal(
        100,
        2_207_023,
        "Invalid parameter",
        "Unknown media type",
        advice,
    )
}

pub(crate) fn carousel_size() -> GraphError {
    let advice = "Carousels need at least 2 photos or videos and no more than 10.".to_owned();
    refusal(
        100,
        2_207_028,
        "Invalid parameter",
        "Wrong number of items",
        advice,
    )
}

pub(crate) fn too_many_tags(what: &str, most: usize) -> GraphError {
    let advice = format!("The caption has more than {most} {what}.");
    refusal(100, 2_207_040, "Invalid parameter", "Too many tags", advice)
}

pub(crate) fn bad_collaborator() -> GraphError {
    let advice = "A collaborator is named without @.".to_owned();
    refusal(110, 2_207_018, "Unknown Error", "Cannot load user", advice)
}

pub(crate) fn caption_too_long() -> GraphError {
    let advice = "The caption is longer than 2200 characters.".to_owned();
    refusal(
        36_004,
        2_207_010,
        "Invalid parameter",
        "Caption too long",
        advice,
    )
}

pub(crate) fn thumb_offset_out_of_range(seconds: u32) -> GraphError {
    let advice =
        format!("The thumbnail offset must lie within the video, which has {seconds} seconds.");
    refusal(
        1,
        2_207_057,
        "Invalid parameter",
        "Invalid thumbnail offset",
        advice,
    )
}

pub(crate) fn media_not_fetched(address: &str) -> GraphError {
    let message = "Only photo or video can be accepted as media type.";
    let title = "Media download has failed";
    let advice = format!("Nothing could be fetched from {address}");
    refusal(9_004, 2_207_052, message, title, advice)
}

pub(crate) fn download_too_slow() -> GraphError {
    let advice = "The download of the media took too long.".to_owned();
    refusal(-2, 2_207_003, "Timeout", "Timeout", advice)
}

pub(crate) fn image_too_large() -> GraphError {
    let advice = "The image has more than 8 MiB.".to_owned();
    refusal(
        36_000,
        2_207_004,
        "Invalid parameter",
        "Image size too large",
        advice,
    )
}

pub(crate) fn image_format_unsupported() -> GraphError {
    let advice = "The image format is not supported. It should be JPEG.".to_owned();
    refusal(
        36_001,
        2_207_005,
        "Invalid parameter",
        "Image format unsupported",
        advice,
    )
}

pub(crate) fn aspect_ratio(width: u32, height: u32) -> GraphError {
    let advice = format!(
        "The submitted image with aspect ratio {width}:{height} cannot be published. It should be from 4:5 to 1.91:1."
    );
    refusal(
        36_003,
        2_207_009,
        "Invalid parameter",
        "Aspect ratio unsupported",
        advice,
    )
}

pub(crate) fn media_not_ready() -> GraphError {
    let advice = "The media is not processed yet. Wait a little.".to_owned();
    refusal(
        9_007,
        2_207_027,
        "Media ID is not available",
        "Media not ready",
        advice,
    )
}

pub(crate) fn media_not_found(container_id: &str) -> GraphError {
    let advice = format!("The media with ID {container_id} cannot be found.");
    let message = "The requested resource does not exist";
    refusal(24, 2_207_006, message, "Media not found", advice)
}

pub(crate) fn container_gone(container_id: &str) -> GraphError {
    let advice = format!(
        "The media builder with creation id = {container_id} does not exist or has expired."
    );
    let message = "The requested resource does not exist";
    refusal(24, 2_207_008, message, "Media builder not found", advice)
}

pub(crate) fn quota_reached() -> GraphError {
    let advice = "No more can be published through the API within 24 hours.";
    let message = "Application request limit reached";
    refusal(
        9,
        2_207_042,
        message,
        "Maximum number of posts reached",
        advice.to_owned(),
    )
}

pub(crate) fn spam_block() -> GraphError {
    let advice = "This activity was restricted.".to_owned();
    let message = "Application request limit reached";
    refusal(4, 2_207_051, message, "action is blocked", advice).with_status(403)
}

pub(crate) fn restricted_account() -> GraphError {
    let advice = "The Instagram account is restricted.".to_owned();
    refusal(
        25,
        2_207_050,
        "User is not active",
        "Instagram account is restricted",
        advice,
    )
}

pub(crate) fn comment_refused() -> GraphError {
    let advice = "The comment could not be added.".to_owned();
    refusal(
        20,
        1_772_107,
        "Comment creation failed",
        "Unable to comment",
        advice,
    )
}
