//! The head of a segment file.
//!
//! Its first 64 bytes are the same in every version of the format: so an older program can tell a newer
//! log from a damaged one.

use super::bytes::{FormatError, Reader, Result};
use super::{FORMAT_VERSION, Salt};

/// Bytes of the head; the first batch follows it.
pub(crate) const SEGMENT_HEAD: usize = 64;
const MAGIC: [u8; 8] = *b"waypost\n";
const WHAT: &str = "the head of the segment";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) version: u32,
    pub(crate) segment: u32,
    pub(crate) salt: Salt,
}

impl SegmentHead {
    pub(crate) fn new(segment: u32, salt: Salt) -> Self {
        SegmentHead {
            version: FORMAT_VERSION,
            segment,
            salt,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEAD);
        out.extend(MAGIC);
        out.extend(self.version.to_le_bytes());
        out.extend(self.segment.to_le_bytes());
        out.extend(self.salt.0.to_le_bytes());
        out.resize(SEGMENT_HEAD - 4, 0);
        out.extend(self.salt.sum(&[&out]).to_le_bytes());
        out
    }

    /// Checks all but the version, which is the caller's to judge.
    pub(crate) fn decode(bytes: &[u8]) -> Result<SegmentHead> {
        let mut reader = Reader::new(bytes, WHAT);
        let head = reader.take(SEGMENT_HEAD - 4)?;
        let sum = reader.u32()?;
        let mut reader = Reader::new(head, WHAT);
        let magic = reader.take(MAGIC.len())?;
        let head_of = SegmentHead {
            version: reader.u32()?,
            segment: reader.u32()?,
            salt: Salt(reader.u64()?),
        };
        if magic != MAGIC || sum != head_of.salt.sum(&[head]) {
            return Err(FormatError::Sum(WHAT));
        }
        Ok(head_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_and_no_bit_of_it_may_change() {
        let head = SegmentHead::new(7, Salt(99));
        let bytes = head.encode();
        assert_eq!(bytes.len(), SEGMENT_HEAD);
        assert_eq!(SegmentHead::decode(&bytes), Ok(head));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHead::decode(&bytes).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(SegmentHead::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }
}
