//! Every byte of a log, gone through in order, up to the first that is wrong.

use super::dead_damage::hits_nothing;
use crate::engine::Disk;
use crate::format::message::UnixOffset;
use crate::format::record::{Fact, live};
use crate::format::{FileName, Salt};
use crate::planted::Planted;
use crate::recover::{check_head, head_of, scan_to_damage, whole};
use crate::store_error::{Damage, StoreError};

/// One segment that is part of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentReport {
    pub segment: u32,
    /// Where its good batches end.
    pub end: u32,
    pub batches: u64,
    pub records: u64,
    /// Something lies behind them that a crash has left, and that the next start cuts off; not damage.
    pub torn: bool,
    pub first_batch: u64,
    pub last_batch: u64,
    pub epoch: u64,
    pub first_segment: u32,
}

/// What has been found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// In order, up to the damage; where it lies within a segment, this is the last one.
    pub segments: Vec<SegmentReport>,
    pub damage: Option<Damage>,
    /// The damage hits nothing that lives: the log starts, and nothing is lost.
    pub harmless: bool,
    /// Segments behind the damage.
    pub behind: Vec<u32>,
    pub(crate) salt: Option<Salt>,
}

/// Checks a log, every byte of it. Reads only.
pub fn verify(disk: &dyn Disk) -> Result<Walk, StoreError> {
    let mut walk = walk(disk, &mut |_, _, _, _| {})?;
    if let Some(damage) = &walk.damage {
        walk.harmless = hits_nothing(disk, damage, &walk.behind)?;
    }
    Ok(walk)
}

/// The same, and shows each good record: its segment, offset, length and what it says.
pub(crate) fn walk(
    disk: &dyn Disk,
    visit: &mut dyn FnMut(u32, u32, u32, Fact<'_>),
) -> Result<Walk, StoreError> {
    let mut numbers: Vec<u32> = disk
        .list()?
        .into_iter()
        .filter_map(segment_number)
        .collect();
    numbers.sort_unstable();
    let (first, salt, last) = extent(disk, &numbers)?;
    numbers.retain(|n| (first..=last).contains(n));
    let mut walk = Walk {
        salt,
        ..Walk::default()
    };
    let Some(salt) = salt else {
        return Ok(walk);
    };
    for (at, number) in (first..=last).enumerate() {
        let one = one_segment(disk, number, salt, walk.segments.last(), visit)?;
        walk.segments.extend(one.0);
        if one.1.is_some() {
            walk.damage = one.1;
            walk.behind = numbers
                .into_iter()
                .filter(|n| *n > first + at as u32)
                .collect();
            break;
        }
    }
    Ok(walk)
}

fn segment_number(file: FileName) -> Option<u32> {
    match file {
        FileName::Segment(number) => Some(number),
        _ => None,
    }
}

/// The first segment of the log, its salt, and the last segment that holds a good batch, whatever lies
/// between.
fn extent(disk: &dyn Disk, numbers: &[u32]) -> Result<(u32, Option<Salt>, u32), StoreError> {
    let mut salt = None;
    for &number in numbers {
        match head_of(disk, number) {
            Ok(head) => salt = Some(head.salt),
            Err(StoreError::Damage(_)) => {}
            Err(other) => return Err(other),
        }
    }
    let lowest = numbers.first().copied().unwrap_or(1);
    let Some(salt) = salt else {
        // No head is whole: all of it is damage, from the first on.
        let none = numbers.is_empty();
        let last = numbers.last().copied().unwrap_or(0);
        return Ok((lowest, (!none).then_some(Salt(0)), last));
    };
    for &number in numbers.iter().rev() {
        let (scan, damage) =
            scan_to_damage(number, &whole(disk, number)?, salt, Planted::default());
        if scan.summary.last_batch != 0 {
            return Ok((scan.summary.first_segment, Some(salt), number));
        }
        if damage.is_some() {
            return Ok((lowest, Some(salt), number));
        }
    }
    Ok((lowest, Some(salt), 0))
}

type One = (Option<SegmentReport>, Option<Damage>);

fn one_segment(
    disk: &dyn Disk,
    number: u32,
    salt: Salt,
    before: Option<&SegmentReport>,
    visit: &mut dyn FnMut(u32, u32, u32, Fact<'_>),
) -> Result<One, StoreError> {
    let file = FileName::Segment(number);
    let broken = |at: u64, what: String| Damage { file, at, what };
    if disk.length(file).is_err() {
        let what = "the segment is missing, while later ones are part of the log".to_string();
        return Ok((None, Some(broken(0, what))));
    }
    match check_head(disk, number, salt) {
        Ok(()) => {}
        Err(StoreError::Damage(damage)) => return Ok((None, Some(damage))),
        Err(other) => return Err(other),
    }
    let bytes = whole(disk, number)?;
    let (scan, mut damage) = scan_to_damage(number, &bytes, salt, Planted::default());
    let summary = scan.summary;
    if scan.batches.is_empty() && damage.is_some() {
        return Ok((None, damage));
    }
    if let Some(before) = before {
        let expected = before.last_batch + 1;
        if summary.first_batch != expected || scan.first_epoch < before.epoch {
            let what = format!("batch {expected} should follow here, and does not");
            let file = FileName::Segment(before.segment);
            let at = u64::from(before.end);
            return Ok((None, Some(Damage { file, at, what })));
        }
    }
    let mut bad = None;
    let gone_through = scan.frames(&bytes, &mut |at, len, body| {
        match Fact::decode(body).and_then(|fact| live(body, UnixOffset::default()).map(|_| fact)) {
            Ok(fact) => visit(number, at, len, fact),
            Err(error) => {
                bad = bad
                    .take()
                    .or(Some(broken(u64::from(at), error.to_string())))
            }
        }
        Ok(())
    });
    if let Err(StoreError::Damage(damage)) = gone_through {
        bad = bad.or(Some(damage));
    }
    damage = bad.or(damage);
    let report = SegmentReport {
        segment: number,
        end: summary.end,
        batches: scan.batches.len() as u64,
        records: scan.records,
        torn: scan.torn && damage.is_none(),
        first_batch: summary.first_batch,
        last_batch: summary.last_batch,
        epoch: summary.epoch,
        first_segment: summary.first_segment,
    };
    Ok((Some(report), damage))
}
