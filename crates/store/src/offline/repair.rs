//! Cutting a damaged log where its damage begins.
//!
//! What is cut off is kept beside the log, in files whose names end with `.cut`.

use super::walk::{Walk, verify};
use crate::engine::segments::make;
use crate::engine::{Disk, Step};
use crate::format::batch::{BATCH_HEAD, BatchHead};
use crate::format::segment::SEGMENT_HEAD;
use crate::format::{FileName, Salt};
use crate::planted::Planted;
use crate::recover::{count_behind, scan_to_damage, whole};
use crate::store_error::{Damage, StoreError};
use std::sync::Arc;

/// What a repair would cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    pub damage: Damage,
    /// Bytes from the damage on, in its segment and all later ones.
    pub bytes: u64,
    /// Good batches behind the damage, and the records in them.
    pub batches: u64,
    pub records: u64,
    /// Segments that go as a whole.
    pub segments: Vec<u32>,
}

/// What [`repair`] would do; `None` where the log is whole, or damaged where nothing lives.
pub fn what_repair_loses(disk: &dyn Disk) -> Result<Option<Loss>, StoreError> {
    let walk = verify(disk)?;
    plan(disk, &walk)
}

fn plan(disk: &dyn Disk, walk: &Walk) -> Result<Option<Loss>, StoreError> {
    let Some(damage) = walk.damage.clone().filter(|_| !walk.harmless) else {
        return Ok(None);
    };
    let salt = walk.salt.unwrap_or(Salt(0));
    let mut loss = Loss {
        damage,
        bytes: 0,
        batches: 0,
        records: 0,
        segments: walk.behind.clone(),
    };
    let kept = kept_end(&loss.damage, walk);
    if let FileName::Segment(number) = loss.damage.file
        && disk.length(loss.damage.file).is_ok()
    {
        // A segment without a batch is none.
        if kept <= SEGMENT_HEAD as u64 {
            loss.segments.insert(0, number);
        } else {
            loss.count(&whole(disk, number)?, kept as usize, salt);
        }
    }
    for number in loss.segments.clone() {
        loss.count(&whole(disk, number)?, 0, salt);
    }
    Ok(Some(loss))
}

impl Loss {
    /// Counts what a segment has from `at` on; preallocated room behind it is no loss.
    fn count(&mut self, bytes: &[u8], at: usize, salt: Salt) {
        let end = bytes
            .iter()
            .rposition(|b| *b != 0)
            .map_or(0, |last| last + 1);
        self.bytes += end.saturating_sub(at) as u64;
        let (batches, records) = count_behind(bytes, at, salt);
        self.batches += batches;
        self.records += records;
    }
}

fn segment_of(damage: &Damage) -> Option<u32> {
    match damage.file {
        FileName::Segment(number) => Some(number),
        _ => None,
    }
}

/// Up to where the damaged segment is kept: the end of the last batch before the damage.
fn kept_end(damage: &Damage, walk: &Walk) -> u64 {
    let of = |s: &&super::SegmentReport| Some(s.segment) == segment_of(damage);
    let report = walk.segments.iter().find(of);
    report.map_or(0, |report| u64::from(report.end).min(damage.at))
}

/// Cuts the log where its damage begins, and keeps what is cut off. Gives back what was lost.
pub fn repair(disk: &mut dyn Disk) -> Result<Option<Loss>, StoreError> {
    let walk = verify(disk)?;
    let Some(loss) = plan(disk, &walk)? else {
        return Ok(None);
    };
    let cut = segment_of(&loss.damage);
    let end = kept_end(&loss.damage, &walk);
    let mut steps = Vec::new();
    let files = disk.list()?;
    for &number in &loss.segments {
        steps.push(Step::Rename {
            from: FileName::Segment(number),
            to: unused(&files, number),
        });
    }
    if let Some(number) = cut.filter(|n| !loss.segments.contains(n))
        && disk.length(FileName::Segment(number)).is_ok()
    {
        let (file, kept) = (FileName::Segment(number), unused(&files, number));
        let bytes = Arc::new(whole(disk, number)?);
        let write = Step::Write {
            file: kept,
            at: 0,
            bytes,
        };
        let copy = [
            Step::Create { file: kept },
            write,
            Step::Sync { file: kept },
        ];
        steps.extend(copy);
        steps.push(Step::SyncDirectory);
        steps.push(Step::Truncate { file, len: end });
        steps.push(Step::Sync { file });
    }
    // Spares and remains, which no batch is lost with; and what is said of segments that are cut.
    let kept = |n: &u32| walk.segments.iter().any(|s| s.segment == *n) || loss.segments.contains(n);
    let is_rest = |file: &FileName| match file {
        FileName::Segment(n) => !kept(n) && Some(*n) != cut,
        FileName::Index(_) | FileName::Unfinished(_) => true,
        FileName::Kept(..) => false,
    };
    let rest = files.into_iter().filter(is_rest);
    steps.extend(rest.map(|file| Step::Unlink { file }));
    steps.push(Step::SyncDirectory);
    disk.perform(&steps)?;
    let cleaned = verify(disk)?;
    close(disk, &cleaned)?;
    Ok(Some(loss))
}

/// A name for what is cut off a segment: what an earlier repair has kept stays.
fn unused(files: &[FileName], segment: u32) -> FileName {
    let mut names = (0..).map(|copy| FileName::Kept(segment, copy));
    let unused = names.find(|name| !files.contains(name));
    unused.unwrap_or(FileName::Kept(segment, u16::MAX))
}

/// Segments that the last batch left still counts as part of the log may have been removed since: one
/// more batch says where the log begins now.
fn close(disk: &mut dyn Disk, walk: &Walk) -> Result<(), StoreError> {
    let Some(salt) = walk.salt else {
        return Ok(());
    };
    let mut numbers: Vec<u32> = Vec::new();
    for file in disk.list()? {
        if let FileName::Segment(number) = file {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
        return Ok(());
    };
    let (scan, _) = scan_to_damage(last, &whole(disk, last)?, salt, Planted::default());
    let mut batch = vec![0; BATCH_HEAD];
    let head = BatchHead {
        number: scan.summary.last_batch + 1,
        epoch: scan.summary.epoch,
        first_segment: first.max(scan.summary.first_segment),
        length: 0,
        count: 0,
    };
    head.seal(salt, &mut batch);
    let capacity = (SEGMENT_HEAD + BATCH_HEAD) as u32;
    let mut steps = make(last + 1, capacity, salt);
    let write = Step::Write {
        file: FileName::Unfinished(last + 1),
        at: SEGMENT_HEAD as u64,
        bytes: Arc::new(batch),
    };
    // Before it is synced and gets its name.
    steps.insert(3, write);
    disk.perform(&steps)?;
    Ok(())
}
