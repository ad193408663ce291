//! One segment's batches, gone through from its start.
//!
//! Nobody's state. Where the batches end, the rest of the segment must hold none: a bad batch with a good
//! one behind it was durable once, so it is damage; with none behind it, it is a torn tail.

use crate::format::batch::{self, BATCH_HEAD, BatchHead};
use crate::format::index_file::Summary;
use crate::format::record::Frames;
use crate::format::segment::SEGMENT_HEAD;
use crate::format::{FileName, Salt};
use crate::planted::{Bug, Planted};
use crate::store_error::{Damage, StoreError};

/// What a segment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Its `last_batch` is 0 where it holds no batch.
    pub(crate) summary: Summary,
    pub(crate) first_epoch: u64,
    /// Where each batch begins, and its length.
    pub(crate) batches: Vec<(u32, u32)>,
    pub(crate) records: u64,
    /// Something was written behind the last good batch.
    pub(crate) torn: bool,
}

/// Goes through the segment that `bytes` hold.
pub(crate) fn scan(
    segment: u32,
    bytes: &[u8],
    salt: Salt,
    planted: Planted,
) -> Result<Scan, StoreError> {
    let (scan, damage) = scan_to_damage(segment, bytes, salt, planted);
    damage.map_or(Ok(scan), |damage| Err(damage.into()))
}

/// The same, with what lies before the damage.
pub(crate) fn scan_to_damage(
    segment: u32,
    bytes: &[u8],
    salt: Salt,
    planted: Planted,
) -> (Scan, Option<Damage>) {
    let mut scan = Scan::default();
    scan.summary.segment = segment;
    let checked = !planted.has(Bug::CheckSumIgnored);
    let mut at = SEGMENT_HEAD.min(bytes.len());
    let bad = loop {
        let left = &bytes[at..];
        let batch = match batch::decode(left, salt, checked) {
            Ok(batch) => batch,
            Err(error) => break error.to_string(),
        };
        let head = batch.head;
        let before = scan.summary;
        if before.last_batch != 0 && head.number != before.last_batch + 1 {
            let expected = before.last_batch + 1;
            break format!("batch {} lies where {expected} belongs", head.number);
        }
        if head.epoch < before.epoch {
            break format!("epoch {} comes after {}", head.epoch, before.epoch);
        }
        if before.last_batch == 0 {
            scan.summary.first_batch = head.number;
            scan.first_epoch = head.epoch;
        }
        scan.summary.last_batch = head.number;
        scan.summary.epoch = head.epoch;
        scan.summary.first_segment = head.first_segment;
        scan.batches.push((at as u32, head.total() as u32));
        scan.records += u64::from(head.count);
        at += head.total();
    };
    scan.summary.end = at as u32;
    scan.torn = bytes[at..].iter().any(|b| *b != 0);
    if scan.torn && planted.has(Bug::TornTailAccepted) {
        accept_torn(&mut scan, &bytes[at..]);
    }
    let behind = good_batch_behind(bytes, at, salt, scan.summary.last_batch);
    let damage = behind.filter(|_| scan.torn).map(|(later, number)| Damage {
        file: FileName::Segment(segment),
        at: at as u64,
        what: format!("{bad}, but batch {number} at byte {later} is good"),
    });
    (scan, damage)
}

/// A good batch behind `at` that is later than `last`.
fn good_batch_behind(bytes: &[u8], at: usize, salt: Salt, last: u64) -> Option<(usize, u64)> {
    let (mark, batch) = next_good(bytes, at, salt, last)?;
    Some((mark, batch.number))
}

/// Where the next good batch after `from` begins that is later than `last`, and its head.
fn next_good(bytes: &[u8], from: usize, salt: Salt, last: u64) -> Option<(usize, BatchHead)> {
    let mut from = from;
    while let Some(mark) = batch::find_mark(bytes, from) {
        if let Ok(batch) = batch::decode(&bytes[mark..], salt, true)
            && batch.head.number > last
        {
            return Some((mark, batch.head));
        }
        from = mark + 1;
    }
    None
}

/// How many good batches lie from `at` on, whatever lies between them, and how many records they hold.
pub(crate) fn count_behind(bytes: &[u8], at: usize, salt: Salt) -> (u64, u64) {
    let (mut batches, mut records) = (0, 0);
    let mut from = at;
    while let Some((mark, head)) = next_good(bytes, from, salt, 0) {
        batches += 1;
        records += u64::from(head.count);
        from = mark + head.total();
    }
    (batches, records)
}

/// Only a planted bug does that: takes the whole frames of a torn batch.
fn accept_torn(scan: &mut Scan, torn: &[u8]) {
    let Ok(head) = BatchHead::peek(torn) else {
        return;
    };
    let end = head.total().min(torn.len());
    let whole = Frames::new(&torn[BATCH_HEAD.min(end)..end], 0).map_while(Result::ok);
    let len: u32 = whole
        .take_while(|frame| !frame.2.is_empty())
        .map(|frame| frame.1)
        .sum();
    let at = scan.summary.end;
    scan.batches.push((at, BATCH_HEAD as u32 + len));
    scan.summary.end = at + BATCH_HEAD as u32 + len;
    scan.summary.last_batch = head.number;
    scan.summary.first_segment = scan.summary.first_segment.max(head.first_segment);
    scan.torn = false;
}

/// Is shown a frame: where it lies, its length, its body.
type Visit<'a> = dyn FnMut(u32, u32, &[u8]) -> Result<(), StoreError> + 'a;

impl Scan {
    /// Every frame of every batch: where it lies, its length, and its body.
    pub(crate) fn frames(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        for &(at, len) in &self.batches {
            let records = &bytes[at as usize + BATCH_HEAD..(at + len) as usize];
            for frame in Frames::new(records, at as usize + BATCH_HEAD) {
                let (at, len, body) = frame.map_err(|e| Damage {
                    file: FileName::Segment(self.summary.segment),
                    at: u64::from(at),
                    what: e.to_string(),
                })?;
                visit(at as u32, len, body)?;
            }
        }
        Ok(())
    }
}
