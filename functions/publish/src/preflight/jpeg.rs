//! What the beginning of a JPEG file says about the picture. (ITU-T T.81 annex B; CIPA DC-007 for several pictures in one
//! file; Exif 2.3 and TIFF 6.0 for the orientation.)

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// Pixels, as stored.
    pub(super) width: u32,
    /// Pixels, as stored.
    pub(super) height: u32,
    /// It is shown turned by a quarter, so that width and height change places.
    pub(super) is_turned: bool,
    /// The file holds further pictures (MPO).
    pub(super) has_more_pictures: bool,
}

/// Reads a picture; `None` where the bytes end before its dimensions, or are no JPEG.
pub(super) fn picture(bytes: &[u8]) -> Option<Picture> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    let mut is_turned = false;
    let mut has_more_pictures = false;
    loop {
        // Any number of 0xff may stand before a marker.
        while let [0xff, 0xff, ..] = rest {
            rest = &rest[1..];
        }
        let [0xff, marker, tail @ ..] = rest else {
            return None;
        };
        if matches!(marker, 0x01 | 0xd0..=0xd7) {
            rest = tail;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*tail.first()?, *tail.get(1)?]));
        let segment = tail.get(2..length);
        match marker {
            // Start of frame, besides three markers in the same range that are something else.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                // Only the first bytes of the segment are needed.
                let [_, high, low, wide, narrow, ..] = tail.get(2..)? else {
                    return None;
                };
                return Some(Picture {
                    width: u16::from_be_bytes([*wide, *narrow]).into(),
                    height: u16::from_be_bytes([*high, *low]).into(),
                    is_turned,
                    has_more_pictures,
                });
            }
            0xe1 => {
                let exif = segment?.strip_prefix(b"Exif\0\0");
                is_turned |= exif
                    .and_then(orientation)
                    .is_some_and(|found| (5..=8).contains(&found));
            }
            0xe2 => has_more_pictures |= segment?.starts_with(b"MPF\0"),
            // End of image, or its data, before any frame.
            0xd9 | 0xda => return None,
            _ => {}
        }
        rest = tail.get(length.max(2)..)?;
    }
}

/// The orientation in Exif's TIFF: 1 to 8, of which 5 to 8 are turned by a quarter.
fn orientation(tiff: &[u8]) -> Option<u16> {
    let is_little = tiff.starts_with(b"II");
    let short = |at: usize| -> Option<u16> {
        let pair = [*tiff.get(at)?, *tiff.get(at.checked_add(1)?)?];
        Some(if is_little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        })
    };
    // An offset of more than 16 bits leads out of the segment.
    let (high, low) = if is_little { (6, 4) } else { (4, 6) };
    let directory = (short(high)? == 0).then_some(usize::from(short(low)?))?;
    let entries = usize::from(short(directory)?);
    let mut places = (0..entries).map(|index| directory + 2 + index * 12);
    let place = places.find(|place| short(*place) == Some(0x0112))?;
    short(place + 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::tests::samples::{exif, jpeg};
    use proptest::prelude::*;

    #[test]
    fn dimensions_are_read_behind_any_segments() {
        let filler = vec![0xff; 60_000];
        let picture = picture(&jpeg(1080, 1350, &[(0xe2, &filler), (0xfe, b"")])).unwrap();
        assert_eq!((picture.width, picture.height), (1080, 1350));
        assert!(!picture.is_turned && !picture.has_more_pictures);
    }

    #[test]
    fn a_turned_picture_and_one_of_several_are_noticed() {
        for is_little in [true, false] {
            for (orientation, is_turned) in [(1, false), (3, false), (6, true), (8, true)] {
                let exif = exif(orientation, is_little);
                let picture = picture(&jpeg(4032, 3024, &[(0xe1, &exif)])).unwrap();
                assert_eq!(picture.is_turned, is_turned, "{orientation} {is_little}");
            }
        }
        let several = jpeg(100, 100, &[(0xe2, b"MPF\0")]);
        assert!(picture(&several).unwrap().has_more_pictures);
    }

    #[test]
    fn what_ends_before_its_dimensions_has_none() {
        let whole = jpeg(100, 100, &[(0xe1, &exif(6, true))]);
        let frame = whole
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        for end in 0..frame + 9 {
            assert_eq!(picture(&whole[..end]), None, "{end}");
        }
        for other in [
            &b"\x89PNG\r\n"[..],
            b"",
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8\xff\xda\0\x02",
        ] {
            assert_eq!(picture(other), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            place in 2..90usize,
        ) {
            picture(&bytes);
            let mut broken = jpeg(100, 100, &[(0xe1, &exif(6, true)), (0xe2, b"MPF\0")]);
            for (index, byte) in bytes.iter().take(4).enumerate() {
                if let Some(target) = broken.get_mut(place + index) {
                    *target = *byte;
                }
            }
            picture(&broken);
            orientation(&bytes);
        }
    }
}
