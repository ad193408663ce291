//! The segments of a log: which are sealed, which is appended to, which stand ready.
//!
//! Owned by an engine. Says what is to be done about files; the engine asks the disk for it.

use super::disk_op::Step;
use crate::format::FileName;
use crate::format::Salt;
use crate::format::index_file::{Items, Summary};
use crate::format::segment::{SEGMENT_HEAD, SegmentHead};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The segment that is appended to.
pub(crate) struct Head {
    pub(crate) number: u32,
    /// Where the next batch goes.
    pub(crate) end: u32,
    pub(crate) capacity: u32,
    pub(crate) summary: Summary,
    pub(crate) items: Items,
}

/// A preallocated segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) number: u32,
    pub(crate) capacity: u32,
}

/// See the module.
pub(crate) struct Segments {
    /// The oldest segment that is part of the log.
    pub(crate) first: u32,
    /// What the last durable batch says of that.
    pub(crate) announced: u32,
    /// Where each sealed one's batches end. Also those below `first` that are not unlinked yet.
    pub(crate) sealed: BTreeMap<u32, u32>,
    pub(crate) head: Option<Head>,
    pub(crate) spares: VecDeque<Spare>,
    pub(crate) next_number: u32,
    /// One is being made or made longer.
    pub(crate) making: bool,
    /// The last preallocation found no room; the next one is tried at this moment.
    pub(crate) full_until: Option<u64>,
    /// Bytes of all sealed segments.
    sealed_bytes: u64,
    /// Reads under way, and copies of the whole log, by segment.
    pins: BTreeMap<u32, u32>,
}

impl Segments {
    /// `sealed` are all segments of the log, in order; numbers from `next_number` on are free.
    pub(crate) fn new(first: u32, sealed: BTreeMap<u32, u32>, next_number: u32) -> Self {
        Segments {
            first,
            announced: first,
            sealed_bytes: sealed.values().map(|end| u64::from(*end)).sum(),
            sealed,
            head: None,
            spares: VecDeque::new(),
            next_number,
            making: false,
            full_until: None,
            pins: BTreeMap::new(),
        }
    }

    /// Bytes of the whole log.
    pub(crate) fn bytes(&self) -> u64 {
        self.sealed_bytes + self.head.as_ref().map_or(0, |head| u64::from(head.end))
    }

    /// Bytes left in the head.
    pub(crate) fn room(&self) -> usize {
        let head = self.head.as_ref();
        head.map_or(0, |head| (head.capacity - head.end) as usize)
    }

    /// True where nothing was written to the head.
    pub(crate) fn head_is_empty(&self) -> bool {
        let head = self.head.as_ref();
        head.is_some_and(|head| head.end == SEGMENT_HEAD as u32)
    }

    /// The next spare becomes the head. Gives back the one that was, sealed.
    pub(crate) fn roll(&mut self) -> Option<Head> {
        let spare = self.spares.pop_front()?;
        let summary = Summary {
            segment: spare.number,
            ..Summary::default()
        };
        let old = self.head.replace(Head {
            number: spare.number,
            end: SEGMENT_HEAD as u32,
            capacity: spare.capacity,
            summary,
            items: Items::default(),
        });
        if let Some(old) = &old {
            self.sealed.insert(old.number, old.end);
            self.sealed_bytes += u64::from(old.end);
        }
        old
    }

    /// The oldest sealed segment of the log, and where it ends.
    pub(crate) fn oldest(&self) -> Option<(u32, u32)> {
        let (number, end) = self.sealed.range(self.first..).next()?;
        Some((*number, *end))
    }

    /// Sealed segments that are no part of the log any more, durably, and that nobody reads.
    pub(crate) fn unlinkable(&self, announced: u32) -> Vec<u32> {
        let below = self.sealed.range(..announced).map(|(number, _)| *number);
        below.filter(|n| !self.pins.contains_key(n)).collect()
    }

    pub(crate) fn forget(&mut self, number: u32) {
        if let Some(end) = self.sealed.remove(&number) {
            self.sealed_bytes -= u64::from(end);
        }
    }

    /// The segment's file stays until it is let go.
    pub(crate) fn pin(&mut self, number: u32) {
        *self.pins.entry(number).or_default() += 1;
    }

    pub(crate) fn unpin(&mut self, number: u32) {
        if let Some(pins) = self.pins.get_mut(&number) {
            *pins -= 1;
            if *pins == 0 {
                self.pins.remove(&number);
            }
        }
    }
}

/// How a segment is made: it has its name only once it is whole and durable.
pub(crate) fn make(number: u32, capacity: u32, salt: Salt) -> Vec<Step> {
    let file = FileName::Unfinished(number);
    let head = SegmentHead::new(number, salt).encode();
    let bytes = Arc::new(head);
    let len = u64::from(capacity);
    vec![
        Step::Create { file },
        Step::Preallocate { file, len },
        Step::Write { file, at: 0, bytes },
        Step::Sync { file },
        Step::Rename {
            from: file,
            to: FileName::Segment(number),
        },
        Step::SyncDirectory,
    ]
}

/// How a spare is made longer.
pub(crate) fn lengthen(number: u32, capacity: u32) -> Vec<Step> {
    let file = FileName::Segment(number);
    let len = u64::from(capacity);
    vec![Step::Preallocate { file, len }, Step::Sync { file }]
}

/// How the index file of a sealed segment is written. It needs no sync: it is believed only where its
/// check sum is right.
pub(crate) fn write_index(number: u32, bytes: Vec<u8>) -> Vec<Step> {
    let file = FileName::Index(number);
    vec![
        Step::Create { file },
        Step::Write {
            file,
            at: 0,
            bytes: Arc::new(bytes),
        },
    ]
}

pub(crate) fn unlink(number: u32) -> Vec<Step> {
    vec![
        Step::Unlink {
            file: FileName::Index(number),
        },
        Step::Unlink {
            file: FileName::Segment(number),
        },
        Step::SyncDirectory,
    ]
}
