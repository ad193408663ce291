//! The index file of a sealed segment: its records without their messages.
//!
//! Recovery reads it in place of the segment. It is written without a sync and believed only where its
//! own check sum is right and the segment is as long as it says; else the segment itself is read.

use super::bytes::{FormatError, Reader, Result, put_blob, put_number};
use super::record::{Fact, put_brief};
use super::{FORMAT_VERSION, Salt};

const MAGIC: [u8; 8] = *b"waypidx\n";
const WHAT: &str = "the index file";
const SUM_AT: usize = MAGIC.len();

/// What a segment amounts to, beside its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) segment: u32,
    /// Where its last batch ends.
    pub(crate) end: u32,
    pub(crate) first_batch: u64,
    pub(crate) last_batch: u64,
    /// Of its last batch.
    pub(crate) epoch: u64,
    /// Of its last batch.
    pub(crate) first_segment: u32,
}

/// One record: where its frame lies, and what it says, in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) at: u32,
    pub(crate) len: u32,
    pub(crate) brief: &'a [u8],
}

/// The items of a segment, gathered while it is appended to.
#[derive(Default)]
pub(crate) struct Items {
    bytes: Vec<u8>,
    /// Lies beside `bytes` to be reused.
    brief: Vec<u8>,
}

impl Items {
    /// `body` is the frame's, `fact` what it says.
    pub(crate) fn push(&mut self, at: u32, len: u32, body: &[u8], fact: &Fact<'_>) {
        self.brief.clear();
        put_brief(&mut self.brief, body, fact);
        put_number(&mut self.bytes, u64::from(at));
        put_number(&mut self.bytes, u64::from(len));
        put_blob(&mut self.bytes, &self.brief);
    }

    /// The whole file. Leaves nothing here.
    pub(crate) fn seal(&mut self, summary: &Summary, salt: Salt) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 64);
        out.extend(MAGIC);
        out.extend([0; 4]);
        out.extend(FORMAT_VERSION.to_le_bytes());
        out.extend(summary.segment.to_le_bytes());
        out.extend(summary.end.to_le_bytes());
        out.extend(summary.first_batch.to_le_bytes());
        out.extend(summary.last_batch.to_le_bytes());
        out.extend(summary.epoch.to_le_bytes());
        out.extend(summary.first_segment.to_le_bytes());
        out.append(&mut self.bytes);
        let sum = salt.sum(&[&out[SUM_AT + 4..]]);
        out[SUM_AT..SUM_AT + 4].copy_from_slice(&sum.to_le_bytes());
        out
    }
}

/// An index file taken apart. `checked` is false only for a planted bug.
pub(crate) fn decode(
    bytes: &[u8],
    salt: Salt,
    checked: bool,
) -> Result<(Summary, impl Iterator<Item = Result<Item<'_>>>)> {
    let mut reader = Reader::new(bytes, WHAT);
    let magic = reader.take(MAGIC.len())?;
    let sum = reader.u32()?;
    if checked && (magic != MAGIC || salt.sum(&[reader.rest()]) != sum) {
        return Err(FormatError::Sum(WHAT));
    }
    let version = reader.u32()?;
    if version != FORMAT_VERSION {
        return Err(FormatError::Unknown {
            what: "the version of the index file",
            value: u64::from(version),
        });
    }
    let summary = Summary {
        segment: reader.u32()?,
        end: reader.u32()?,
        first_batch: reader.u64()?,
        last_batch: reader.u64()?,
        epoch: reader.u64()?,
        first_segment: reader.u32()?,
    };
    let items = std::iter::from_fn(move || (!reader.is_empty()).then(|| item(&mut reader)));
    Ok((summary, items.scan(false, until_an_error)))
}

fn item<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>> {
    Ok(Item {
        at: reader.number32()?,
        len: reader.number32()?,
        brief: reader.blob()?,
    })
}

fn until_an_error<T>(failed: &mut bool, item: Result<T>) -> Option<Result<T>> {
    (!std::mem::replace(failed, item.is_err())).then_some(item)
}
