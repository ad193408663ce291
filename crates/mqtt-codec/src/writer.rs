//! Fields of a packet, appended to a buffer.

/// A variable byte integer [1.5.5]. Values are below 268,435,456; the callers see to that.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let digit = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(digit);
        }
        out.push(digit | 0x80);
    }
}

/// How many bytes [`varint`] appends.
pub(crate) fn varint_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// A length-prefixed field. One that is too long for its prefix is written empty; see
/// `encode`, which refuses it before.
pub(crate) fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    match u16::try_from(bytes.len()) {
        Ok(length) => {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(bytes);
        }
        Err(_) => out.extend_from_slice(&[0, 0]),
    }
}
