//! How many bytes of each segment live.
//!
//! Owned by the state. The cleaner goes by it; nothing else does.

use super::index::Place;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Occupancy {
    segments: BTreeMap<u32, u64>,
    /// Nearly all records go to one segment: its number and count, not yet in `segments`.
    newest: (u32, u64),
    total: u64,
    /// Bytes that have died since the log was opened.
    died: u64,
}

impl Occupancy {
    pub(crate) fn add(&mut self, place: Place) {
        if self.newest.0 != place.segment {
            self.fold_newest(place.segment);
        }
        self.newest.1 += u64::from(place.len);
        self.total += u64::from(place.len);
    }

    pub(crate) fn remove(&mut self, place: Place) {
        let len = u64::from(place.len);
        self.total -= len;
        self.died += len;
        if self.newest.0 == place.segment {
            self.newest.1 -= len;
        } else if let Some(live) = self.segments.get_mut(&place.segment) {
            *live -= len;
            if *live == 0 {
                self.segments.remove(&place.segment);
            }
        }
    }

    fn fold_newest(&mut self, next: u32) {
        let (segment, live) = self.newest;
        if live > 0 {
            *self.segments.entry(segment).or_default() += live;
        }
        self.newest = (next, self.segments.remove(&next).unwrap_or(0));
    }

    /// Living bytes of one segment.
    pub(crate) fn of(&self, segment: u32) -> u64 {
        if self.newest.0 == segment {
            self.newest.1
        } else {
            self.segments.get(&segment).copied().unwrap_or(0)
        }
    }

    /// Living bytes of all segments.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn died(&self) -> u64 {
        self.died
    }
}
