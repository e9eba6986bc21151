//! What the beginning of an MP4 or MOV file says about the video. (ISO/IEC 14496-12: boxes of a size, a type and a
//! content, which may be boxes again.)

/// A video, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Video {
    /// The data comes before the index (`moov`), or the index has not come yet.
    pub(super) is_index_late: bool,
    /// How long it lasts.
    pub(super) milliseconds: Option<u64>,
    /// Pixels, as shown: columns and rows.
    pub(super) size: Option<(u32, u32)>,
    /// How its pictures are encoded, such as `avc1`.
    pub(super) codec: Option<[u8; 4]>,
}

/// Whether these bytes begin an MP4 or MOV file.
pub(super) fn is_video(bytes: &[u8]) -> bool {
    // Old MOV files have no `ftyp`.
    let first = bytes.get(4..8).unwrap_or_default();
    match first {
        b"ftyp" => !is_picture(bytes),
        _ => matches!(first, b"moov" | b"mdat" | b"wide" | b"free" | b"skip"),
    }
}

/// Whether these bytes begin a HEIC or AVIF picture, which have the boxes of MP4.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    let brand = bytes.get(8..12).unwrap_or_default();
    bytes.get(4..8) == Some(b"ftyp")
        && matches!(
            brand,
            b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"avif" | b"avis"
        )
}

/// Reads what the first bytes hold.
pub(super) fn video(bytes: &[u8]) -> Video {
    let index_or_data = boxes(bytes).find(|(kind, _)| matches!(kind, b"moov" | b"mdat" | b"moof"));
    let Some((b"moov", index)) = index_or_data
        .as_ref()
        .map(|(kind, content)| (kind, *content))
    else {
        return Video {
            is_index_late: true,
            ..Video::default()
        };
    };
    let is_pictures = |track: &&[u8]| {
        let handler = inside(track, &[b"mdia", b"hdlr"]);
        handler.and_then(|content| content.get(8..12)) == Some(b"vide")
    };
    let tracks = boxes(index).filter(|(kind, _)| kind == b"trak");
    let track = tracks.map(|(_, track)| track).find(is_pictures);
    Video {
        is_index_late: false,
        milliseconds: inside(index, &[b"mvhd"]).and_then(milliseconds),
        size: track
            .and_then(|track| inside(track, &[b"tkhd"]))
            .and_then(size),
        codec: track
            .and_then(|track| inside(track, &[b"mdia", b"minf", b"stbl", b"stsd"]))
            .and_then(|entries| entries.get(12..16)?.try_into().ok()),
    }
}

/// The boxes in a content, the last of which may be cut off. Each step takes eight bytes at least.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = rest.get(4..8)?.try_into().ok()?;
        let (header, length) = match number(rest, 0)? {
            0 => (8, u64::MAX),
            1 => (16, long(rest, 8)?),
            length => (8, u64::from(length)),
        };
        let end = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(rest.len());
        let content = rest.get(header..end)?;
        rest = &rest[end..];
        Some((kind, content))
    })
}

/// The content of the first box at this path.
fn inside<'a>(content: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(content, |content, wanted| {
        let found = boxes(content).find(|(kind, _)| kind == *wanted);
        found.map(|(_, content)| content)
    })
}

/// From `mvhd`. A file in fragments has a length of 0, and one may say that it is unknown.
fn milliseconds(header: &[u8]) -> Option<u64> {
    let (scale, length) = match header.first()? {
        0 => {
            let length = number(header, 16)?;
            (
                number(header, 12)?,
                (length != u32::MAX).then_some(length.into())?,
            )
        }
        _ => (number(header, 20)?, long(header, 24)?),
    };
    if length == 0 || length == u64::MAX {
        return None;
    }
    length.checked_mul(1_000)?.checked_div(scale.into())
}

/// From `tkhd`: fixed-point numbers, with a matrix that may turn the pictures by a quarter.
fn size(header: &[u8]) -> Option<(u32, u32)> {
    let matrix = if *header.first()? == 0 { 40 } else { 52 };
    let width = number(header, matrix + 36)? >> 16;
    let height = number(header, matrix + 40)? >> 16;
    let is_turned = number(header, matrix)? == 0
        && number(header, matrix + 4)? != 0
        && number(header, matrix + 16)? == 0;
    match (width, height) {
        (0, _) | (_, 0) => None,
        _ if is_turned => Some((height, width)),
        size => Some(size),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_be_bytes(eight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::tests::samples::{Made, numbers, put, start};
    use proptest::prelude::*;

    #[test]
    fn length_size_and_codec_are_read() {
        let file = Made::default().file();
        assert!(is_video(&file) && !is_picture(&file));
        let expected = Video {
            is_index_late: false,
            milliseconds: Some(15_000),
            size: Some((1080, 1920)),
            codec: Some(*b"avc1"),
        };
        assert_eq!(video(&file), expected);
        let turned = Made {
            size: (1920, 1080),
            is_turned: true,
            ..Made::default()
        };
        assert_eq!(video(&turned.file()).size, Some((1080, 1920)));
    }

    #[test]
    fn an_index_behind_the_data_is_late() {
        let late = video(&Made::default().file_with_late_index());
        assert!(late.is_index_late && late.milliseconds.is_none());
        assert!(video(&start()).is_index_late);
    }

    #[test]
    fn long_sizes_and_long_times_are_read() {
        let mut header = numbers(&[0x0100_0000, 0, 0, 0, 0, 90_000, 0, 270_000]);
        let index = put(b"moov", &put(b"mvhd", &header));
        assert_eq!(video(&index).milliseconds, Some(3_000));
        let mut long_box = vec![0, 0, 0, 1];
        long_box.extend(b"free\0\0\0\0\0\0\0\x10");
        assert_eq!(video(&[long_box, index].concat()).milliseconds, Some(3_000));
        for unknown in [0, u32::MAX] {
            let header = numbers(&[0, 0, 0, 1_000, unknown]);
            assert_eq!(milliseconds(&header), None);
        }
        header[20..24].fill(0);
        assert_eq!(milliseconds(&header), None);
    }

    #[test]
    fn a_heic_picture_is_no_video() {
        let heic = put(b"ftyp", b"heic\0\0\0\0mif1heic");
        assert!(is_picture(&heic) && !is_video(&heic));
        assert!(!is_video(b"") && !is_picture(b"\xff\xd8\xff\xe0"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            place in 0..400usize,
            end in 0..500usize,
        ) {
            video(&bytes);
            let mut broken = Made::default().file();
            for (index, byte) in bytes.iter().take(4).enumerate() {
                if let Some(target) = broken.get_mut(place + index) {
                    *target = *byte;
                }
            }
            video(&broken);
            let whole = Made::default().file();
            video(&whole[..end.min(whole.len())]);
            is_video(&bytes);
        }
    }
}
