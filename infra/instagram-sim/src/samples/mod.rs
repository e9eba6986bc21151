//! Sample media under `/_sim/media/`: good ones and every kind of bad one. They are made when they are asked for.

mod jpeg;
mod mp4;

use crate::answer::Answer;
use crate::delivery::Delivery;

/// What is under a sample's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Jpeg {
        width: u32,
        height: u32,
    },
    /// More than 8 MiB.
    LargeJpeg,
    Png,
    /// Says that it is a JPEG.
    PngNamedJpeg,
    Video {
        width: u32,
        height: u32,
        seconds: u32,
    },
    /// Says that it is a video.
    BrokenVideo,
    /// A page, with status 200.
    Page,
    Missing,
    /// One byte in a second.
    Slow,
    /// Leads to an address that no crawler should ask.
    RedirectInside,
}

pub(crate) const SAMPLES: &[(&str, Sample)] = &[
    ("square.jpg", jpeg(1080, 1080)),
    ("portrait.jpg", jpeg(1080, 1350)),
    ("wide.jpg", jpeg(1080, 566)),
    ("tall-story.jpg", jpeg(1080, 1920)),
    ("banner.jpg", jpeg(1080, 400)),
    ("too-large.jpg", Sample::LargeJpeg),
    ("picture.png", Sample::Png),
    ("renamed.jpg", Sample::PngNamedJpeg),
    ("reel.mp4", video(1080, 1920, 10)),
    ("landscape.mp4", video(1920, 1080, 30)),
    ("one-second.mp4", video(1080, 1920, 1)),
    ("two-minutes.mp4", video(1080, 1920, 120)),
    ("too-long.mp4", video(1080, 1920, 901)),
    ("broken.mp4", Sample::BrokenVideo),
    ("page.html", Sample::Page),
    ("missing.jpg", Sample::Missing),
    ("missing.mp4", Sample::Missing),
    ("slow.jpg", Sample::Slow),
    ("slow.mp4", Sample::Slow),
    ("redirect-inside.jpg", Sample::RedirectInside),
];

const fn jpeg(width: u32, height: u32) -> Sample {
    Sample::Jpeg { width, height }
}

const fn video(width: u32, height: u32, seconds: u32) -> Sample {
    Sample::Video {
        width,
        height,
        seconds,
    }
}

/// The sample of this name: one of the list, or `WIDTHxHEIGHT.jpg`.
pub(crate) fn named(name: &str) -> Option<Sample> {
    if let Some((_, sample)) = SAMPLES.iter().find(|(known, _)| *known == name) {
        return Some(*sample);
    }
    let (width, height) = name.strip_suffix(".jpg")?.split_once('x')?;
    let side = |text: &str| {
        let side: u32 = text.parse().ok()?;
        (1..=4_096).contains(&side).then_some(side)
    };
    Some(jpeg(side(width)?, side(height)?))
}

/// What a `GET` of a sample answers.
pub(crate) fn answer(name: &str) -> (Answer, Delivery) {
    let Some(sample) = named(name) else {
        let known: Vec<&str> = SAMPLES.iter().map(|(known, _)| *known).collect();
        let message = format!(
            "no {name:?} here; there are {} and WIDTHxHEIGHT.jpg",
            known.join(", ")
        );
        let body = serde_json::json!({ "error": { "message": message } });
        return (Answer::json(404, &body), Delivery::Whole);
    };
    let answer = match sample {
        Sample::Jpeg { width, height } => {
            Answer::new(200, "image/jpeg", jpeg::picture(width, height))
        }
        Sample::LargeJpeg => Answer::new(200, "image/jpeg", jpeg::padded_picture(9 * 1024 * 1024)),
        Sample::Png => Answer::new(200, "image/png", PNG),
        Sample::PngNamedJpeg => Answer::new(200, "image/jpeg", PNG),
        Sample::Video {
            width,
            height,
            seconds,
        } => Answer::new(200, "video/mp4", mp4::video(width, height, seconds)),
        Sample::BrokenVideo => Answer::new(200, "video/mp4", "this is no video"),
        Sample::Page => Answer::html(200, crate::html::page("A page", "<h1>A page</h1>")),
        Sample::Missing => Answer::new(404, "text/plain", "not found"),
        Sample::Slow => {
            let (kind, bytes) = match name.ends_with(".mp4") {
                true => ("video/mp4", mp4::video(1080, 1920, 10)),
                false => ("image/jpeg", jpeg::picture(1080, 1080)),
            };
            let milliseconds = 1_000;
            return (
                Answer::new(200, kind, bytes),
                Delivery::ByteByByte { milliseconds },
            );
        }
        Sample::RedirectInside => Answer::redirect(302, "http://169.254.169.254/latest/meta-data/"),
    };
    (answer, Delivery::Whole)
}

/// One gray pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0a\
IDATx\xdach\x00\x00\x00\x82\x00\x81\xdaE\x08;\x00\x00\x00\x00IEND\xaeB`\x82";
