//! Recovery: from the files of a directory to what lives in them.
//!
//! Nobody's state: reads a [`Disk`], and puts right only what a crash leaves behind: a torn tail is cut,
//! segments that are no part of the log, or not yet, are removed. Anything else that is not as it was
//! written is damage: it is named, and nothing is touched. There is never a silent hole.

mod segment_scan;

use crate::engine::index::Place;
use crate::engine::segments;
use crate::engine::state::State;
use crate::engine::{Disk, DiskError, Fault, Settings, Step};
use crate::format::index_file::{self, Items, Summary};
use crate::format::record::Fact;
use crate::format::segment::{SEGMENT_HEAD, SegmentHead};
use crate::format::{FORMAT_VERSION, FileName, FormatError, Salt};
use crate::planted::Bug;
use crate::store_error::{Damage, StoreError};
pub(crate) use segment_scan::{Scan, count_behind, scan, scan_to_damage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What recovery has found.
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) salt: Salt,
    pub(crate) epoch: u64,
    pub(crate) last_batch: u64,
    /// The oldest segment of the log.
    pub(crate) first: u32,
    /// All segments of the log, and where their batches end.
    pub(crate) sealed: BTreeMap<u32, u32>,
    pub(crate) next_segment: u32,
}

/// The segments of a directory that are part of the log, before anything is folded.
pub(crate) struct Chain {
    pub(crate) salt: Salt,
    /// Of the log, in order; the last one with its scan.
    pub(crate) segments: Vec<u32>,
    /// The last segment that holds a batch, gone through; `None` where no batch was ever durable.
    pub(crate) last: Option<(Vec<u8>, Scan)>,
}

impl Found {
    fn empty(salt: Salt, settings: &Settings) -> Self {
        Found {
            state: State::new(settings.seed),
            salt,
            epoch: 0,
            last_batch: 0,
            first: 1,
            sealed: BTreeMap::new(),
            next_segment: 1,
        }
    }
}

/// The log of `disk`, folded; what a crash left behind is put right. `fresh` is the salt of a new log.
pub(crate) fn recover(
    disk: &mut dyn Disk,
    fresh: Salt,
    settings: &Settings,
) -> Result<Found, StoreError> {
    let chain = find_chain(disk, settings)?;
    let salt = chain.as_ref().map_or(fresh, |chain| chain.salt);
    let mut found = Found::empty(salt, settings);
    if let Some(Chain {
        segments,
        last: Some((bytes, scan)),
        ..
    }) = &chain
    {
        found.first = segments.first().copied().unwrap_or(1);
        for &segment in &segments[..segments.len() - 1] {
            fold_sealed(disk, segment, &mut found, settings)?;
        }
        fold_last(disk, bytes, scan, &mut found)?;
    }
    tidy_up(disk, &found)?;
    found.next_segment = found.sealed.keys().next_back().map_or(1, |last| last + 1);
    Ok(found)
}

/// Which segments are the log: from the first one that its last good batch names, to that batch.
pub(crate) fn find_chain(
    disk: &dyn Disk,
    settings: &Settings,
) -> Result<Option<Chain>, StoreError> {
    let mut numbers = Vec::new();
    for file in disk.list()? {
        if let FileName::Segment(number) = file {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let Some(&newest) = numbers.last() else {
        return Ok(None);
    };
    let salt = head_of(disk, newest)?.salt;
    for (at, &number) in numbers.iter().enumerate().rev() {
        check_head(disk, number, salt)?;
        let bytes = whole(disk, number)?;
        let scan = scan(number, &bytes, salt, settings.planted)?;
        if scan.summary.last_batch == 0 {
            continue;
        }
        let first = scan.summary.first_segment;
        let mut segments: Vec<u32> = numbers[..=at].to_vec();
        segments.retain(|n| *n >= first);
        if let Some(hole) = (first..=number).find(|n| !segments.contains(n)) {
            return Err(missing(hole));
        }
        for &segment in &segments {
            check_head(disk, segment, salt)?;
        }
        let last = Some((bytes, scan));
        return Ok(Some(Chain {
            salt,
            segments,
            last,
        }));
    }
    Ok(Some(Chain {
        salt,
        segments: Vec::new(),
        last: None,
    }))
}

fn missing(segment: u32) -> StoreError {
    let what = "the segment is missing, while later ones are part of the log".to_string();
    let file = FileName::Segment(segment);
    Damage { file, at: 0, what }.into()
}

/// The whole of a segment file.
pub(crate) fn whole(disk: &dyn Disk, segment: u32) -> Result<Vec<u8>, DiskError> {
    let file = FileName::Segment(segment);
    let len = disk.length(file)?;
    disk.read(file, 0, usize::try_from(len).unwrap_or(usize::MAX))
}

pub(crate) fn head_of(disk: &dyn Disk, segment: u32) -> Result<SegmentHead, StoreError> {
    let file = FileName::Segment(segment);
    let bytes = disk.read(file, 0, SEGMENT_HEAD)?;
    let head = SegmentHead::decode(&bytes).map_err(|e| Damage {
        file,
        at: 0,
        what: e.to_string(),
    })?;
    if head.version != FORMAT_VERSION {
        let found = head.version;
        return Err(StoreError::Version { file, found });
    }
    Ok(head)
}

pub(crate) fn check_head(disk: &dyn Disk, segment: u32, salt: Salt) -> Result<(), StoreError> {
    let head = head_of(disk, segment)?;
    let what = if head.segment != segment {
        format!("it says that it is segment {}", head.segment)
    } else if head.salt != salt {
        "it belongs to another log".to_string()
    } else {
        return Ok(());
    };
    let file = FileName::Segment(segment);
    Err(Damage { file, at: 0, what }.into())
}

/// What a start would fold, read only; `None` where a segment's index file cannot be believed.
pub(crate) fn fold_by_indexes(
    disk: &dyn Disk,
    settings: &Settings,
) -> Result<Option<(State, Salt)>, StoreError> {
    let Some(Chain {
        salt,
        segments,
        last: Some((bytes, scan)),
    }) = find_chain(disk, settings)?
    else {
        return Ok(None);
    };
    let mut found = Found::empty(salt, settings);
    for &segment in &segments[..segments.len() - 1] {
        if !fold_index(disk, segment, &mut found, settings)? {
            return Ok(None);
        }
    }
    follow(&mut found, &scan.summary, scan.first_epoch)?;
    fold_batches(&bytes, &scan, &mut found, &mut Items::default())?;
    Ok(Some((found.state, salt)))
}

/// A segment that others follow: every batch of it was durable.
fn fold_sealed(
    disk: &mut dyn Disk,
    segment: u32,
    found: &mut Found,
    settings: &Settings,
) -> Result<(), StoreError> {
    if fold_index(disk, segment, found, settings)? {
        return Ok(());
    }
    let bytes = whole(disk, segment)?;
    let scan = scan(segment, &bytes, found.salt, settings.planted)?;
    follow(found, &scan.summary, scan.first_epoch)?;
    let mut items = Items::default();
    fold_batches(&bytes, &scan, found, &mut items)?;
    let file = items.seal(&scan.summary, found.salt);
    write_index(disk, segment, file)
}

/// Folds a segment by its index file, where that can be believed.
fn fold_index(
    disk: &dyn Disk,
    segment: u32,
    found: &mut Found,
    settings: &Settings,
) -> Result<bool, StoreError> {
    let file = FileName::Index(segment);
    let len = match disk.length(file) {
        Ok(len) => usize::try_from(len).unwrap_or(usize::MAX),
        Err(_) => return Ok(false),
    };
    let bytes = disk.read(file, 0, len)?;
    let checked = !settings.planted.has(Bug::IndexFileTrusted);
    let Ok((summary, items)) = index_file::decode(&bytes, found.salt, checked) else {
        return Ok(false);
    };
    let long_enough = disk.length(FileName::Segment(segment))? >= u64::from(summary.end);
    if summary.segment != segment || !long_enough {
        return Ok(false);
    }
    follow(found, &summary, summary.epoch)?;
    for item in items {
        // Its check sum was right, so this program wrote it.
        let item = item.map_err(|e| damaged(file, 0, &e))?;
        let fact = Fact::from_brief(item.brief).map_err(|e| damaged(file, 0, &e))?;
        let place = Place {
            segment,
            at: item.at,
            len: item.len,
        };
        found.state.apply(fact, place);
    }
    Ok(true)
}

/// The last segment: what is torn of it is cut, and it is sealed.
///
/// Its last batch may be in the system's memory alone: the process may have ended before its sync, or
/// because that failed, after which the system takes what it holds for written (Rebello et al., "Can
/// Applications Recover from fsync Failures?", USENIX ATC 2020). So it is written again before it is
/// synced; no other batch can be, since each sync is waited for.
fn fold_last(
    disk: &mut dyn Disk,
    bytes: &[u8],
    scan: &Scan,
    found: &mut Found,
) -> Result<(), StoreError> {
    let summary = scan.summary;
    follow(found, &summary, scan.first_epoch)?;
    let mut items = Items::default();
    fold_batches(bytes, scan, found, &mut items)?;
    let file = FileName::Segment(summary.segment);
    let mut steps = Vec::new();
    if bytes.len() > summary.end as usize {
        let len = u64::from(summary.end);
        steps.push(Step::Truncate { file, len });
    }
    if let Some(&(at, len)) = scan.batches.last() {
        let batch = bytes.get(at as usize..(at + len) as usize);
        steps.push(Step::Write {
            file,
            at: u64::from(at),
            bytes: Arc::new(batch.unwrap_or_default().to_vec()),
        });
    }
    steps.push(Step::Sync { file });
    disk.perform(&steps)?;
    let index = items.seal(&summary, found.salt);
    write_index(disk, summary.segment, index)
}

/// Nobody needs it: where the disk is full there is none.
fn write_index(disk: &mut dyn Disk, segment: u32, bytes: Vec<u8>) -> Result<(), StoreError> {
    match disk.perform(&segments::write_index(segment, bytes)) {
        Err(error) if error.fault != Fault::Full => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn fold_batches(
    bytes: &[u8],
    scan: &Scan,
    found: &mut Found,
    items: &mut Items,
) -> Result<(), StoreError> {
    let segment = scan.summary.segment;
    let file = FileName::Segment(segment);
    scan.frames(bytes, &mut |at, len, body| {
        let wrong = |e: FormatError| damaged(file, u64::from(at), &e);
        let fact = Fact::decode(body).map_err(wrong)?;
        items.push(at, len, body, &fact);
        found.state.apply(fact, Place { segment, at, len });
        Ok(())
    })
}

fn damaged(file: FileName, at: u64, what: &FormatError) -> StoreError {
    let what = what.to_string();
    Damage { file, at, what }.into()
}

/// The batches of a segment follow those before it.
fn follow(found: &mut Found, next: &Summary, epoch: u64) -> Result<(), StoreError> {
    if next.last_batch == 0 {
        let what = "it holds no good batch, and later segments do".to_string();
        let file = FileName::Segment(next.segment);
        return Err(Damage { file, at: 0, what }.into());
    }
    let expected = found.last_batch + 1;
    let gap = found.last_batch != 0 && next.first_batch != expected;
    if gap || epoch < found.epoch {
        let (file, at) = match found.sealed.iter().next_back() {
            Some((segment, end)) => (FileName::Segment(*segment), u64::from(*end)),
            None => (FileName::Segment(next.segment), 0),
        };
        let first = next.first_batch;
        let what = format!(
            "no good batch {expected} is here, and segment {} goes on with batch {first}",
            next.segment
        );
        return Err(Damage { file, at, what }.into());
    }
    found.last_batch = next.last_batch;
    found.epoch = next.epoch;
    found.sealed.insert(next.segment, next.end);
    Ok(())
}

/// Removes what is no part of the log.
fn tidy_up(disk: &mut dyn Disk, found: &Found) -> Result<(), StoreError> {
    let mut steps = Vec::new();
    for file in disk.list()? {
        let keeps = match file {
            FileName::Segment(n) | FileName::Index(n) => found.sealed.contains_key(&n),
            FileName::Unfinished(_) => false,
            FileName::Kept(..) => true,
        };
        if !keeps {
            steps.push(Step::Unlink { file });
        }
    }
    steps.push(Step::SyncDirectory);
    disk.perform(&steps)?;
    Ok(())
}
