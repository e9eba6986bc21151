//! An MP4 file as far as a check reads it: kind, moov at the front, size, duration, codec (ISO/IEC 14496-12). The one
//! frame in it is empty: nobody can watch it.

/// Milliseconds, in which all times of the file are given.
const TIMESCALE: u32 = 1_000;

pub(super) fn video(width: u32, height: u32, seconds: u32) -> Vec<u8> {
    let duration = seconds * TIMESCALE;
    let [.., width_high, width_low] = width.to_be_bytes();
    let [.., height_high, height_low] = height.to_be_bytes();
    let kind = boxed(b"ftyp", &[b"isom\0\0\x02\0", b"isomavc1mp41"]);
    let times = [
        [0; 4],
        [0; 4],
        TIMESCALE.to_be_bytes(),
        duration.to_be_bytes(),
    ]
    .concat();
    let movie_header = boxed(
        b"mvhd",
        &[
            &[0; 4],
            &times,
            &[0, 1, 0, 0, 1, 0],
            &[0; 10],
            &MATRIX,
            &[0; 24],
            &[0, 0, 0, 2],
        ],
    );
    let size = [
        0,
        0,
        width_high,
        width_low,
        0,
        0,
        height_high,
        height_low,
        0,
        0,
    ];
    let track_header = boxed(
        b"tkhd",
        &[
            &[0, 0, 0, 3],
            &[0; 8],
            &[0, 0, 0, 1],
            &[0; 4],
            &duration.to_be_bytes(),
            &[0; 16],
            &MATRIX,
            // Sizes are 16.16 fixed-point numbers.
            &[size[2], size[3], 0, 0, size[6], size[7], 0, 0],
        ],
    );
    let media_header = boxed(b"mdhd", &[&[0; 4], &times, &[0x55, 0xc4, 0, 0]]);
    let handler = boxed(b"hdlr", &[&[0; 8], b"vide", &[0; 12], b"sample\0"]);
    let codec = boxed(b"avcC", &[&[1, 66, 0, 40, 0xff, 0xe0, 0]]);
    let entry = boxed(
        b"avc1",
        &[
            &[0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 16],
            &[width_high, width_low, height_high, height_low],
            &[0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0; 32],
            &[0, 24, 0xff, 0xff],
            &codec,
        ],
    );
    let one = 1_u32.to_be_bytes();
    let table = |offset: u32| {
        boxed(
            b"stbl",
            &[
                &boxed(b"stsd", &[&[0; 4], &one, &entry]),
                &boxed(b"stts", &[&[0; 4], &one, &one, &duration.to_be_bytes()]),
                &boxed(b"stsc", &[&[0; 4], &one, &one, &one, &one]),
                &boxed(b"stsz", &[&[0; 8], &one, &FRAME_SIZE.to_be_bytes()]),
                &boxed(b"stco", &[&[0; 4], &one, &offset.to_be_bytes()]),
            ],
        )
    };
    let video_header = boxed(b"vmhd", &[&[0, 0, 0, 1], &[0; 8]]);
    let here = boxed(b"dref", &[&[0; 4], &one, &boxed(b"url ", &[&[0, 0, 0, 1]])]);
    let references = boxed(b"dinf", &[&here]);
    let movie = |offset: u32| {
        let information = boxed(b"minf", &[&video_header, &references, &table(offset)]);
        let media = boxed(b"mdia", &[&media_header, &handler, &information]);
        boxed(
            b"moov",
            &[&movie_header, &boxed(b"trak", &[&track_header, &media])],
        )
    };
    // The offset has the same length whatever it is, so the first try shows where the frame comes to stand.
    let before_frame = kind.len() + movie(0).len() + 8;
    let offset = u32::try_from(before_frame).unwrap_or_default();
    let frames = boxed(b"mdat", &[&[0; FRAME_SIZE as usize]]);
    [kind, movie(offset), frames].concat()
}

const FRAME_SIZE: u32 = 4;

/// No rotation and no scaling.
const MATRIX: [u8; 36] = [
    0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
    0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, //
    0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0,
];

fn boxed(kind: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), kind.as_slice(), &content].concat()
}
