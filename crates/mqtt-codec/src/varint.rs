//! Variable byte integers (section 1.5.5): up to four bytes of seven bits, lowest first. Never reads a fifth byte.

/// The largest value four bytes can hold.
pub(crate) const MAX: u32 = 268_435_455;

/// What the start of a buffer holds.
pub(crate) enum Parsed {
    /// Every byte so far says that another one follows.
    Incomplete,
    /// A fourth byte says that another one follows.
    TooLong,
    Value {
        value: u32,
        /// How many bytes it took.
        len: usize,
    },
}

pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let low = |byte: u8| u32::from(byte & 0x7f);
    match *bytes {
        [a, ..] if a < 0x80 => Parsed::Value {
            value: low(a),
            len: 1,
        },
        [a, b, ..] if b < 0x80 => Parsed::Value {
            value: low(a) | (low(b) << 7),
            len: 2,
        },
        [a, b, c, ..] if c < 0x80 => Parsed::Value {
            value: low(a) | (low(b) << 7) | (low(c) << 14),
            len: 3,
        },
        [a, b, c, d, ..] if d < 0x80 => Parsed::Value {
            value: low(a) | (low(b) << 7) | (low(c) << 14) | (low(d) << 21),
            len: 4,
        },
        [_, _, _, _, ..] => Parsed::TooLong,
        _ => Parsed::Incomplete,
    }
}

/// How many bytes `value` takes; values above [`MAX`] cannot be written.
pub(crate) const fn len(value: u32) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

/// Appends a value of at most [`MAX`] in as few bytes as it needs. [MQTT-1.5.5-1]
pub(crate) fn put(out: &mut Vec<u8>, value: u32) {
    let mut left = value;
    while left > 0x7f {
        out.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_of_each_length() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, MAX] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out.len(), len(value), "{value}");
            match parse(&out) {
                Parsed::Value { value: back, len } => assert_eq!((back, len), (value, out.len())),
                _ => panic!("{value} does not come back"),
            }
            assert!(matches!(
                parse(out.split_last().unwrap().1),
                Parsed::Incomplete
            ));
        }
        assert!(matches!(parse(&[0xff; 4]), Parsed::TooLong));
        assert!(matches!(parse(&[0xff; 3]), Parsed::Incomplete));
    }
}
