//! The smallest files that are pictures and videos, with what can be wrong in them.

/// The beginning of a baseline JPEG, with these segments before its frame.
pub(in super::super) fn jpeg(width: u16, height: u16, segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut push = |marker: u8, payload: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend((payload.len() as u16 + 2).to_be_bytes());
        bytes.extend(payload);
    };
    push(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    for (marker, payload) in segments {
        push(*marker, payload);
    }
    let ([high, low], [wide, narrow]) = (height.to_be_bytes(), width.to_be_bytes());
    push(0xc0, &[8, high, low, wide, narrow, 1, 1, 0x11, 0]);
    bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xff, 0xd9]);
    bytes
}

/// Exif with an orientation.
pub(in super::super) fn exif(orientation: u8, is_little: bool) -> Vec<u8> {
    let mut exif = b"Exif\0\0".to_vec();
    if is_little {
        exif.extend(b"II*\0\x08\0\0\0\x02\0");
        exif.extend([0; 12]);
        exif.extend([0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    } else {
        exif.extend(b"MM\0*\0\0\0\x08\0\x01");
        exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    }
    exif
}

pub(in super::super) fn put(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend(kind);
    bytes.extend(content);
    bytes
}

pub(in super::super) fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

/// The boxes of a video with a silent track before the one with pictures.
pub(in super::super) struct Made {
    pub(in super::super) milliseconds: u32,
    pub(in super::super) size: (u32, u32),
    pub(in super::super) is_turned: bool,
    pub(in super::super) codec: &'static [u8; 4],
}

impl Default for Made {
    fn default() -> Self {
        Self {
            milliseconds: 15_000,
            size: (1080, 1920),
            is_turned: false,
            codec: b"avc1",
        }
    }
}

impl Made {
    pub(in super::super) fn index(&self) -> Vec<u8> {
        let header = numbers(&[0, 0, 0, 1_000, self.milliseconds]);
        let mut track = numbers(&[0; 10]);
        let (one, none) = (0x1_0000, 0);
        track.extend(if self.is_turned {
            numbers(&[none, one, 0, one, none, 0, 0, 0, 0])
        } else {
            numbers(&[one, none, 0, none, one, 0, 0, 0, 0])
        });
        track.extend(numbers(&[self.size.0 << 16, self.size.1 << 16]));
        let mut entries = numbers(&[0, 1]);
        entries.extend(put(self.codec, &[0; 70]));
        let table = put(b"stbl", &put(b"stsd", &entries));
        let handler = |kind: &[u8; 4]| {
            let mut content = numbers(&[0, 0]);
            content.extend(kind);
            put(b"hdlr", &content)
        };
        let pictures = [handler(b"vide"), put(b"minf", &table)].concat();
        let index = [
            put(b"mvhd", &header),
            put(b"trak", &put(b"mdia", &handler(b"soun"))),
            put(
                b"trak",
                &[put(b"tkhd", &track), put(b"mdia", &pictures)].concat(),
            ),
        ];
        put(b"moov", &index.concat())
    }

    /// A whole file: with the index first, as Instagram wants it.
    pub(in super::super) fn file(&self) -> Vec<u8> {
        [start(), self.index(), put(b"mdat", &[7; 100])].concat()
    }

    pub(in super::super) fn file_with_late_index(&self) -> Vec<u8> {
        [start(), put(b"mdat", &[7; 100]), self.index()].concat()
    }
}

pub(in super::super) fn start() -> Vec<u8> {
    put(b"ftyp", b"isom\0\0\x02\0isommp41")
}
