//! A batch: what one sync makes durable, wholly or not at all.

use super::Salt;
use super::bytes::{FormatError, Reader, Result};
use super::record::{FRAME_HEAD, Frames};

/// Bytes before a batch's records.
pub(crate) const BATCH_HEAD: usize = 36;
const MAGIC: [u8; 4] = *b"WPB1";
/// Where the part that the check sum covers begins.
const SUMMED: usize = 8;
const WHAT: &str = "the batch";

/// The head of a batch. Batches of a log are numbered without a gap, across segments and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) number: u64,
    /// Grows with each opening of the log.
    pub(crate) epoch: u64,
    /// Segments below this one are not part of the log any more.
    pub(crate) first_segment: u32,
    /// Bytes of its records.
    pub(crate) length: u32,
    /// How many records.
    pub(crate) count: u32,
}

impl BatchHead {
    /// Writes the head over the first [`BATCH_HEAD`] bytes of `batch`, whose records follow them.
    pub(crate) fn seal(&self, salt: Salt, batch: &mut [u8]) {
        let (head, records) = batch.split_at_mut(BATCH_HEAD);
        let fields = [
            &self.number.to_le_bytes()[..],
            &self.epoch.to_le_bytes(),
            &self.first_segment.to_le_bytes(),
            &self.length.to_le_bytes(),
            &self.count.to_le_bytes(),
        ];
        head[..4].copy_from_slice(&MAGIC);
        head[SUMMED..].copy_from_slice(&fields.concat());
        let sum = salt.sum(&[&head[SUMMED..], records]);
        head[4..SUMMED].copy_from_slice(&sum.to_le_bytes());
    }

    /// The head at the start of `bytes`, of which nothing is known to be true yet.
    pub(crate) fn peek(bytes: &[u8]) -> Result<BatchHead> {
        let mut reader = Reader::new(bytes, WHAT);
        if reader.take(4)? != MAGIC {
            return Err(FormatError::Unknown {
                what: "the mark of a batch",
                value: u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            });
        }
        reader.u32()?;
        Ok(BatchHead {
            number: reader.u64()?,
            epoch: reader.u64()?,
            first_segment: reader.u32()?,
            length: reader.u32()?,
            count: reader.u32()?,
        })
    }

    /// Bytes of the whole batch.
    pub(crate) fn total(&self) -> usize {
        BATCH_HEAD + self.length as usize
    }
}

/// A batch whose check sum is right.
pub(crate) struct Batch<'a> {
    pub(crate) head: BatchHead,
    pub(crate) records: Frames<'a>,
}

/// The batch at the start of `bytes`. `checked` is false only for a planted bug.
pub(crate) fn decode(bytes: &[u8], salt: Salt, checked: bool) -> Result<Batch<'_>> {
    let head = BatchHead::peek(bytes)?;
    let whole = bytes.get(..head.total()).ok_or(FormatError::Short(WHAT))?;
    let (front, records) = whole.split_at(BATCH_HEAD);
    let said = u32::from_le_bytes([front[4], front[5], front[6], front[7]]);
    if checked && salt.sum(&[&front[SUMMED..], records]) != said {
        return Err(FormatError::Sum(WHAT));
    }
    if (head.count as usize).saturating_mul(FRAME_HEAD) > records.len() {
        return Err(FormatError::Short(WHAT));
    }
    Ok(Batch {
        head,
        records: Frames::new(records, BATCH_HEAD),
    })
}

/// Where the next bytes lie, from `from` on, that may begin a batch.
pub(crate) fn find_mark(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    let mut at = 0;
    loop {
        // Most of what is searched is zero: this skips it at the speed of memory.
        at += tail.get(at..)?.iter().position(|b| *b == MAGIC[0])?;
        if tail[at..].starts_with(&MAGIC) {
            return Some(from + at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::put_frame;

    fn sample() -> Vec<u8> {
        let mut batch = vec![0; BATCH_HEAD];
        put_frame(&mut batch, Salt(5), |out| out.extend(b"one"));
        put_frame(&mut batch, Salt(5), |out| out.extend(b"two"));
        let head = BatchHead {
            number: 3,
            epoch: 2,
            first_segment: 1,
            length: (batch.len() - BATCH_HEAD) as u32,
            count: 2,
        };
        head.seal(Salt(5), &mut batch);
        batch
    }

    #[test]
    fn a_batch_comes_back_and_no_bit_of_it_may_change() {
        let bytes = sample();
        let batch = decode(&bytes, Salt(5), true).ok().unwrap();
        assert_eq!((batch.head.number, batch.head.epoch), (3, 2));
        assert_eq!(batch.records.count(), 2);
        assert!(decode(&bytes, Salt(6), true).is_err(), "of another log");
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes, Salt(5), true).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len], Salt(5), true).is_err(), "{len}");
        }
    }

    #[test]
    fn marks_are_found_wherever_they_lie() {
        let bytes = [&[0; 9][..], b"WWPWPB1", b"WPB", b"WPB1"].concat();
        assert_eq!(find_mark(&bytes, 0), Some(12));
        assert_eq!(find_mark(&bytes, 13), Some(19));
        assert_eq!(find_mark(&bytes, 20), None);
        assert_eq!(find_mark(&bytes, 99), None);
    }
}
