//! A baseline JPEG encoder for pictures of flat squares of 16 pixels, which is all that a sample needs: ITU-T T.81.

/// A gradient with a disc, in colors that depend on the size, so that samples can be told apart.
pub(super) fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = head(width, height);
    scan(&mut bytes, width, height);
    bytes
}

/// A picture of at least so many bytes; the rest are comments, which are part of the format.
pub(super) fn padded_picture(size: usize) -> Vec<u8> {
    let mut bytes = head(1080, 1080);
    while bytes.len() < size {
        segment(&mut bytes, 0xfe, &[b' '; 65_533]);
    }
    scan(&mut bytes, 1080, 1080);
    bytes
}

fn head(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    segment(&mut bytes, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    // With every divisor 8, the first coefficient of a flat block is its value itself.
    let mut divisors = vec![0];
    divisors.extend([8; 64]);
    segment(&mut bytes, 0xdb, &divisors);
    let [.., height_high, height_low] = height.to_be_bytes();
    let [.., width_high, width_low] = width.to_be_bytes();
    // Three components, the first at twice the resolution of the others.
    let frame = [
        8,
        height_high,
        height_low,
        width_high,
        width_low,
        3,
        1,
        0x22,
        0,
        2,
        0x11,
        0,
        3,
        0x11,
        0,
    ];
    segment(&mut bytes, 0xc0, &frame);
    let mut first_coefficients = vec![0x00];
    first_coefficients.extend([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    first_coefficients.extend(0..12);
    segment(&mut bytes, 0xc4, &first_coefficients);
    // Of the other coefficients there are none: the one code is "end of block".
    let mut other_coefficients = vec![0x10, 1];
    other_coefficients.extend([0; 15]);
    other_coefficients.push(0);
    segment(&mut bytes, 0xc4, &other_coefficients);
    bytes
}

fn segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) {
    let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX);
    bytes.extend([0xff, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
}

fn scan(bytes: &mut Vec<u8>, width: u32, height: u32) {
    segment(bytes, 0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
    let mut bits = Bits {
        bytes,
        pending: 0,
        count: 0,
    };
    let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
    let mut before = [0; 3];
    for row in 0..rows {
        for column in 0..columns {
            let color = color(column, row, columns, rows);
            for (component, blocks) in [4, 1, 1].into_iter().enumerate() {
                for _ in 0..blocks {
                    bits.block(color[component] - before[component]);
                    before[component] = color[component];
                }
            }
        }
    }
    bits.finish();
    bytes.extend([0xff, 0xd9]);
}

/// Brightness and the two color differences of a square, each from -128 to 127.
fn color(column: u32, row: u32, columns: u32, rows: u32) -> [i32; 3] {
    let [column, row, columns, rows] = [column, row, columns, rows].map(|value| value as i32);
    let (across, down) = (2 * column + 1 - columns, 2 * row + 1 - rows);
    let radius = columns.min(rows) / 2;
    if across * across + down * down < radius * radius {
        return [100, 0, 0];
    }
    let tint = (columns * 7 + rows * 13) % 60;
    [row * 80 / rows - 50, 40 - tint, tint - 20]
}

struct Bits<'a> {
    bytes: &'a mut Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits<'_> {
    /// A flat block: the difference to the block before, and the end of the block.
    fn block(&mut self, difference: i32) {
        let size = 32 - difference.unsigned_abs().leading_zeros();
        let (code, length) = match size {
            0 => (0, 2),
            1..=5 => (size + 1, 3),
            _ => ((1 << (size - 2)) - 2, size - 2),
        };
        self.push(code, length);
        let value = match difference {
            0.. => difference.unsigned_abs(),
            // Negative values are counted from below.
            _ => (1 << size) - 1 - difference.unsigned_abs(),
        };
        self.push(value, size);
        self.push(0, 1);
    }

    fn push(&mut self, value: u32, length: u32) {
        self.pending = self.pending << length | value;
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.pending >> self.count).to_be_bytes();
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
        self.pending &= (1 << self.count) - 1;
    }

    fn finish(&mut self) {
        let missing = (8 - self.count) % 8;
        self.push((1 << missing) - 1, missing);
    }
}
