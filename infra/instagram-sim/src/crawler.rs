//! What Meta's crawler finds under an address. It asks nobody: the last segment of the path says which sample the
//! address stands for, so that 100,000 posts cost no network, and addresses that nobody outside could reach fail as
//! they do at Meta.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::answer::GraphError;
use crate::content::ContentKind;
use crate::refusals;
use crate::samples::{self, Sample};

/// 4:5 and 1.91:1, as width to height.
const NARROWEST: (u32, u32) = (4, 5);
const WIDEST: (u32, u32) = (191, 100);

/// An address that can be asked, and what is there.
pub(crate) struct Found {
    /// The name of the sample; empty where nothing is there.
    pub(crate) name: String,
    sample: Option<Sample>,
}

/// Refuses what is no web address at all; everything else is found, be it that nothing is there.
pub(crate) fn find(address: &str, own_url: &str) -> Result<Found, GraphError> {
    let refused = || refusals::media_not_fetched(address);
    let url = Url::parse(address).map_err(|_| refused())?;
    let is_web = matches!(url.scheme(), "http" | "https") && address.is_ascii();
    if !is_web || !url.username().is_empty() || url.password().is_some() {
        return Err(refused());
    }
    let name = match is_reachable(&url, own_url) {
        true => sample_name(&url),
        false => None,
    };
    let name = name.unwrap_or_default();
    Ok(Found {
        sample: samples::named(&name),
        name,
    })
}

impl Found {
    /// Whether an image container of this kind can be made of it. Meta looks while the caller waits.
    pub(crate) fn check_image(&self, address: &str, kind: ContentKind) -> Result<(), GraphError> {
        let (width, height) = match self.sample {
            Some(Sample::Jpeg { width, height }) => (width, height),
            Some(Sample::LargeJpeg) => return Err(refusals::image_too_large()),
            Some(Sample::Slow) => return Err(refusals::download_too_slow()),
            Some(
                Sample::Png | Sample::PngNamedJpeg | Sample::Video { .. } | Sample::BrokenVideo,
            ) => return Err(refusals::image_format_unsupported()),
            Some(Sample::Page | Sample::Missing | Sample::RedirectInside) | None => {
                return Err(refusals::media_not_fetched(address));
            }
        };
        let too_narrow = width * NARROWEST.1 < height * NARROWEST.0;
        let too_wide = width * WIDEST.1 > height * WIDEST.0;
        let in_feed = matches!(kind, ContentKind::Image | ContentKind::CarouselImage);
        match in_feed && (too_narrow || too_wide) {
            true => Err(refusals::aspect_ratio(width, height)),
            false => Ok(()),
        }
    }

    /// The subcode with which processing of a video container of this kind will fail. Meta looks later.
    pub(crate) fn video_failure(&self, kind: ContentKind) -> Option<u32> {
        let longest = match kind {
            ContentKind::StoryVideo => 60,
            _ => 15 * 60,
        };
        match self.sample {
            Some(Sample::Video { seconds, .. }) if (3..=longest).contains(&seconds) => None,
            Some(Sample::Slow) => Some(2_207_003),
            Some(Sample::Page | Sample::Missing | Sample::RedirectInside) | None => Some(2_207_077),
            Some(_) => Some(2_207_026),
        }
    }

    pub(crate) fn video_seconds(&self) -> Option<u32> {
        match self.sample {
            Some(Sample::Video { seconds, .. }) => Some(seconds),
            _ => None,
        }
    }
}

/// The last segment where it names a sample; else its ending decides.
fn sample_name(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?.to_ascii_lowercase();
    if samples::named(&last).is_some() {
        return Some(last);
    }
    let (_, ending) = last.rsplit_once('.')?;
    let name = match ending {
        "jpg" | "jpeg" => "square.jpg",
        "mp4" | "mov" => "reel.mp4",
        "png" | "gif" | "webp" | "heic" | "bmp" => "picture.png",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Whether a crawler outside could ask this host. The simulator itself counts as outside.
fn is_reachable(url: &Url, own_url: &str) -> bool {
    let own_port = Url::parse(own_url).ok().and_then(|own| own.port());
    let is_own = |is_loopback: bool| is_loopback && url.port().is_some() && url.port() == own_port;
    match url.host() {
        None => false,
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let inside = [".localhost", ".local", ".internal"];
            is_own(name == "localhost")
                || name.contains('.') && !inside.iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => is_public_v4(address) || is_own(address.is_loopback()),
        Some(Host::Ipv6(address)) => is_public_v6(address) || is_own(address.is_loopback()),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || first == 0
        || shared)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}
