//! Whether Instagram can fetch a post's media and use them, judged by the first bytes of each file.
//!
//! Limits: Meta's page "IG User: media", section "Image and video specifications". Meta's megabytes are read as 2^20
//! bytes, as its error 2207004 does.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use shared::post::{Content, Finding, Media};
use tokio::time::timeout;
use url::Url;

use super::crawl::{self, Beginning, Failed};
use super::jpeg::{self, Picture};
use super::mp4::{self, Video};
use super::{Looks, blocking, warning};

/// More items than a carousel may have are not looked at: `text` refuses them.
const MOST_LOOKED_AT: usize = 10;
const MEGABYTE: u64 = 1 << 20;
const MOST_PICTURE_MEGABYTES: u64 = 8;
const NARROWEST_PICTURE: u32 = 320;
const WIDEST_VIDEO: u32 = 1_920;
/// Width by height. The usual 1200 × 628 is a little wider than 1.91:1, and 4:5 does not always divide evenly.
const FEED_RATIOS: std::ops::RangeInclusive<f64> = 0.796..=1.919;
/// What stories and reels are shown in: 9:16, with a share of difference that nobody sees.
const UPRIGHT: std::ops::RangeInclusive<f64> = 0.55..=0.575;

/// What a video may be.
struct VideoLimits {
    megabytes: u64,
    seconds: std::ops::RangeInclusive<u64>,
    /// Width by height.
    ratios: std::ops::RangeInclusive<f64>,
    is_shown_upright: bool,
}

const REEL: VideoLimits = VideoLimits {
    megabytes: 300,
    seconds: 3..=900,
    ratios: 0.01..=10.0,
    is_shown_upright: true,
};
/// Meta states none of its own for a carousel's videos.
const ITEM: VideoLimits = VideoLimits {
    is_shown_upright: false,
    ..REEL
};
const STORY: VideoLimits = VideoLimits {
    megabytes: 100,
    seconds: 3..=60,
    ratios: 0.1..=10.0,
    is_shown_upright: true,
};

/// Findings about all that Instagram will fetch, all looked at at once. The trusted origins may be private ones.
pub(super) async fn findings(
    looks: &Looks,
    trusted: &[Url],
    content: &Content,
    deadline: Duration,
) -> Vec<Finding> {
    let media = content.media();
    let found = media
        .iter()
        .take(MOST_LOOKED_AT)
        .map(|(member, media)| async move {
            if !looks.takes_a_file() {
                return vec![one_too_many(member)];
            }
            let fetched = timeout(deadline, crawl::beginning(media.address(), trusted)).await;
            match (fetched.unwrap_or(Err(Failed::Unreachable)), media) {
                (Err(failed), _) => vec![not_fetched(member, failed)],
                (Ok(beginning), Media::Image(_)) => picture_findings(content, member, &beginning),
                (Ok(beginning), Media::Video(_)) => video_findings(content, member, &beginning),
            }
        });
    join_all(found).await.concat()
}

fn one_too_many(member: &str) -> Finding {
    let sentence = format!(
        "The file was not looked at, since the request has more than {} files: send fewer posts at once to have each looked at.",
        super::MOST_FILES
    );
    warning("media_not_looked_at", member, sentence)
}

/// What is certain for everybody is blocking; what may be ours alone, or over in a minute, is a warning.
fn not_fetched(member: &str, failed: Failed) -> Finding {
    let status = match failed {
        Failed::Unfit { why, is_redirect } => {
            return blocking(why.code(), member, why.sentence(is_redirect));
        }
        Failed::Redirects => {
            let sentence = "The address redirects more than three times, or to nowhere: give the address at which the file itself is.";
            return blocking("too_many_redirects", member, sentence);
        }
        Failed::Encoded => {
            let sentence = "The server sends the file compressed to whoever did not ask for it: turn that off for pictures and videos.";
            return warning("media_not_looked_at", member, sentence);
        }
        Failed::NoServer => {
            let sentence =
                "No server with this name was found: see that the name in the address is right.";
            return warning("media_server_not_found", member, sentence);
        }
        Failed::Unreachable => {
            let sentence = "The file could not be looked at: its server did not answer in time, or not with a certificate that the web trusts. See that the address works for everybody.";
            return warning("media_not_looked_at", member, sentence);
        }
        Failed::Status(status) => status,
    };
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            let sentence = format!(
                "There is no file at the address (HTTP {}): correct it, or upload the file again.",
                status.as_u16()
            );
            blocking("media_not_found", member, sentence)
        }
        StatusCode::UNAUTHORIZED => {
            let sentence = "The server wants a login for the file (HTTP 401): put it where everybody on the internet can fetch it.";
            blocking("media_needs_login", member, sentence)
        }
        StatusCode::FORBIDDEN => {
            let sentence = "The server refused us the file (HTTP 403), and may refuse it to Instagram: see that everybody on the internet can fetch it.";
            warning("media_refused", member, sentence)
        }
        _ => {
            let sentence = format!(
                "The file could not be looked at: its server answered with HTTP {}. See that the address works for everybody.",
                status.as_u16()
            );
            warning("media_not_looked_at", member, sentence)
        }
    }
}

fn picture_findings(content: &Content, member: &str, beginning: &Beginning) -> Vec<Finding> {
    let bytes = &beginning.bytes;
    if !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return vec![wrong_file(
            member,
            bytes,
            "picture_not_jpeg",
            "a JPEG picture",
        )];
    }
    let mut found = Vec::new();
    let types = ["image/jpeg", "image/jpg", "image/pjpeg"];
    found.extend(wrong_type(member, beginning, &types));
    found.extend(too_large(member, beginning, MOST_PICTURE_MEGABYTES));
    let Some(picture) = jpeg::picture(bytes) else {
        let sentence = "The picture's dimensions could not be read from its first bytes: see that it is a whole JPEG file, without large previews or profiles in it.";
        found.push(warning("picture_not_read", member, sentence));
        return found;
    };
    if picture.has_more_pictures {
        let sentence = "The file holds more than one picture (as MPO and some phones' HDR photos do), which Instagram may refuse: save it as a plain JPEG.";
        found.push(warning("picture_of_several", member, sentence));
    }
    if picture.width.min(picture.height) == 0 {
        let sentence = "The picture has no width or no height: export it again.";
        found.push(blocking("picture_empty", member, sentence));
        return found;
    }
    match content {
        Content::Image(_) | Content::Carousel(_) => feed_findings(member, picture, &mut found),
        Content::Reel(_) | Content::Story(_) => {
            let (width, height) = shown(picture);
            found.extend(not_upright(member, width, height));
        }
    }
    found
}

/// A picture's width and height as people see it.
fn shown(picture: Picture) -> (u32, u32) {
    if picture.is_turned {
        (picture.height, picture.width)
    } else {
        (picture.width, picture.height)
    }
}

fn feed_findings(member: &str, picture: Picture, found: &mut Vec<Finding>) {
    let (width, height) = shown(picture);
    let fits = FEED_RATIOS.contains(&ratio(width, height));
    // Whether Instagram measures before it turns is not known.
    let fits_as_stored = FEED_RATIOS.contains(&ratio(picture.width, picture.height));
    if !fits && !fits_as_stored {
        let sentence = format!(
            "The picture has {width} × {height} pixels, and the feed takes from 4:5 (upright) to 1.91:1 (wide): crop it."
        );
        found.push(blocking("picture_proportions", member, sentence));
    } else if !fits || !fits_as_stored {
        let sentence = format!(
            "The picture is stored lying on its side, and upright it has {width} × {height} pixels; the feed takes from 4:5 to 1.91:1: turn it, crop it, and save it that way."
        );
        found.push(warning("picture_turned", member, sentence));
    }
    if width < NARROWEST_PICTURE {
        let sentence = format!(
            "The picture is {width} pixels wide, and Instagram enlarges it to 320, which looks blurred: take a larger one, at best 1080 pixels wide."
        );
        found.push(warning("picture_small", member, sentence));
    }
}

fn video_findings(content: &Content, member: &str, beginning: &Beginning) -> Vec<Finding> {
    let bytes = &beginning.bytes;
    if !mp4::is_video(bytes) {
        return vec![wrong_file(
            member,
            bytes,
            "video_not_mp4",
            "an MP4 or MOV video",
        )];
    }
    let limits = match content {
        Content::Story(_) => STORY,
        Content::Carousel(_) => ITEM,
        Content::Reel(_) | Content::Image(_) => REEL,
    };
    let mut found = Vec::new();
    let types = ["video/mp4", "video/quicktime", "video/x-m4v"];
    found.extend(wrong_type(member, beginning, &types));
    found.extend(too_large(member, beginning, limits.megabytes));
    let video = mp4::video(bytes);
    if video.is_index_late {
        // Instagram's documents ask for it; that it refuses every other file is not known.
        let sentence = "The video's index (`moov`) does not come first, as Instagram asks for: export the video for streaming (“fast start”).";
        found.push(warning("video_index_late", member, sentence));
        return found;
    }
    found.extend(length_finding(content, member, &limits, video));
    found.extend(codec_finding(member, video));
    let Some((width, height)) = video.size else {
        return found;
    };
    if width > WIDEST_VIDEO {
        let sentence = format!(
            "The video is {width} pixels wide, and Instagram takes 1920 at most: export it smaller."
        );
        found.push(blocking("video_too_wide", member, sentence));
    }
    if !limits.ratios.contains(&ratio(width, height)) {
        let sentence = format!(
            "The video has {width} × {height} pixels, which is more drawn out than Instagram takes: crop it."
        );
        found.push(blocking("video_proportions", member, sentence));
    } else if limits.is_shown_upright {
        found.extend(not_upright(member, width, height));
    }
    found
}

fn length_finding(
    content: &Content,
    member: &str,
    limits: &VideoLimits,
    video: Video,
) -> Option<Finding> {
    let Some(milliseconds) = video.milliseconds else {
        let sentence = "How long the video lasts could not be read: see that it is 3 seconds or longer, and not in fragments.";
        return Some(warning("video_length_unknown", member, sentence));
    };
    let (least, most) = (limits.seconds.start() * 1_000, limits.seconds.end() * 1_000);
    // Players round, and so do encoders: the last frame may reach a little over the full second.
    let most_rounded = most + 100;
    if milliseconds < least {
        let sentence = format!(
            "The video lasts {} seconds, and Instagram takes 3 at least: take a longer one.",
            seconds(milliseconds)
        );
        return Some(blocking("video_too_short", member, sentence));
    }
    if milliseconds > most_rounded {
        let sentence = format!(
            "The video lasts {} seconds, and Instagram takes {} at most: cut it.",
            seconds(milliseconds),
            most / 1_000
        );
        return Some(blocking("video_too_long", member, sentence));
    }
    match content {
        Content::Reel(reel) if reel.cover_url.is_none() => {
            let is_behind = reel
                .thumb_offset
                .is_some_and(|offset| offset >= milliseconds);
            is_behind.then(|| {
                let sentence = format!(
                    "`thumbOffset` is a moment of the video in milliseconds, and the video ends at {milliseconds}: choose an earlier one."
                );
                blocking("thumb_offset_behind_the_end", "thumbOffset", sentence)
            })
        }
        _ => None,
    }
}

fn codec_finding(member: &str, video: Video) -> Option<Finding> {
    let name = match &video.codec? {
        b"av01" => "AV1",
        b"vp08" | b"vp09" => "VP8 or VP9",
        b"mp4v" => "MPEG-4 Part 2",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "ProRes",
        b"jpeg" | b"mjpa" | b"mjpb" => "Motion JPEG",
        _ => return None,
    };
    let sentence =
        format!("The video is encoded as {name}, and Instagram takes H.264 and HEVC: convert it.");
    Some(blocking("video_codec", member, sentence))
}

fn not_upright(member: &str, width: u32, height: u32) -> Option<Finding> {
    (!UPRIGHT.contains(&ratio(width, height))).then(|| {
        let sentence = format!(
            "It has {width} × {height} pixels and is shown upright in 9:16, so Instagram adds bars or crops it: 1080 × 1920 pixels fill the screen."
        );
        warning("not_upright", member, sentence)
    })
}

fn too_large(member: &str, beginning: &Beginning, megabytes: u64) -> Option<Finding> {
    let Some(size) = beginning.size else {
        let sentence = format!(
            "The server does not say how large the file is: see that it has {megabytes} MB at most."
        );
        return Some(warning("media_size_unknown", member, sentence));
    };
    (size > megabytes * MEGABYTE).then(|| {
        let sentence = format!(
            "The file has {} MB, and Instagram takes {megabytes}: make it smaller.",
            size.div_ceil(MEGABYTE)
        );
        blocking("media_too_large", member, sentence)
    })
}

/// A type that says nothing is none that says something wrong.
fn wrong_type(member: &str, beginning: &Beginning, right: &[&str]) -> Option<Finding> {
    let stated = beginning.content_type.as_deref()?;
    let says_nothing = stated.is_empty() || stated.ends_with("/octet-stream");
    (!says_nothing && !right.contains(&stated)).then(|| {
        let sentence = format!(
            "The server states another type than the file has: have it send `Content-Type: {}`.",
            right[0]
        );
        warning("media_type_misstated", member, sentence)
    })
}

/// The file is not what it must be, whatever the server calls it.
fn wrong_file(member: &str, bytes: &[u8], code: &str, wanted: &str) -> Finding {
    if bytes.is_empty() {
        let sentence = "The file is empty: upload it again.";
        return blocking("media_empty", member, sentence);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if matches!(text.trim_ascii_start().first(), Some(b'<' | b'{')) {
        let sentence = "A web page or a message answers at the address, and not the file: give the address of the file itself.";
        return blocking("media_is_a_page", member, sentence);
    }
    let is = match bytes {
        [0xff, 0xd8, 0xff, ..] => "a JPEG picture",
        [0x89, b'P', b'N', b'G', ..] => "a PNG picture",
        [b'G', b'I', b'F', b'8', ..] => "a GIF picture",
        [b'B', b'M', ..] => "a BMP picture",
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => "a TIFF picture",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "a WebM or Matroska video",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "a WebP picture",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => "an AVI video",
        _ if mp4::is_picture(bytes) => "a HEIC or AVIF picture",
        _ if mp4::is_video(bytes) => "an MP4 or MOV video",
        _ => "something else",
    };
    let sentence = format!(
        "The file is {is}, and Instagram wants {wanted} here: convert it, or give another."
    );
    blocking(code, member, sentence)
}

fn ratio(width: u32, height: u32) -> f64 {
    f64::from(width) / f64::from(height.max(1))
}

/// To the tenth.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{}", milliseconds / 1_000, milliseconds % 1_000 / 100)
}
