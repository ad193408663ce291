//! Reads by id, and the copy of a whole log.
//!
//! Part of the engine. A read names a message, never a position, so that the cleaner may move it; the
//! file that a read was sent to stays until it is done.

use super::index::Place;
use super::{Engine, Event, Lane, Purpose, ReadTicket, Step, damage};
use crate::format::record::{frame_body, live};
use crate::format::{FileName, FormatError};
use crate::store_error::StoreError;
use message::MessageId;
use std::collections::VecDeque;

/// Bytes between two frames that are read as well rather than by two operations: a page.
const MAX_GAP: u32 = 4 << 10;
/// Bytes that are read by one operation, if they are more than one frame.
const MAX_READING: u32 = 256 << 10;

#[derive(Default)]
pub(super) struct Reads {
    /// Bounded by whoever asks.
    waiting: VecDeque<Wanted>,
    under_way: usize,
}

struct Wanted {
    ticket: ReadTicket,
    id: MessageId,
    /// All operations that were given before it.
    after: u64,
}

impl Reads {
    pub(super) fn ask(&mut self, ticket: ReadTicket, id: MessageId, after: u64) {
        self.waiting.push_back(Wanted { ticket, id, after });
    }
}

/// Frames that are read together, since they lie close behind each other.
#[derive(Debug)]
pub(super) struct Reading {
    segment: u32,
    at: u32,
    end: u32,
    wanted: Vec<(ReadTicket, MessageId, Place)>,
}

impl Reading {
    fn new(ticket: ReadTicket, id: MessageId, place: Place) -> Self {
        Reading {
            segment: place.segment,
            at: place.at,
            end: place.at + place.len,
            wanted: vec![(ticket, id, place)],
        }
    }

    fn reaches(&self, place: Place) -> bool {
        let gap = place.at.checked_sub(self.end);
        place.segment == self.segment
            && gap.is_some_and(|gap| gap <= MAX_GAP)
            && place.at - self.at + place.len <= MAX_READING
    }

    fn add(&mut self, ticket: ReadTicket, id: MessageId, place: Place) {
        self.end = place.at + place.len;
        self.wanted.push((ticket, id, place));
    }
}

/// A copy of the whole log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backup {
    None,
    Wanted,
    /// These segments are pinned.
    UnderWay {
        first: u32,
        last: u32,
    },
}

impl Engine {
    pub(super) fn start_reads(&mut self) -> Result<(), StoreError> {
        let mut open: Option<Reading> = None;
        for _ in 0..self.reads.waiting.len() {
            let Some(Wanted { ticket, id, after }) = self.reads.waiting.pop_front() else {
                break;
            };
            let Some(place) = self.state.index().place(id) else {
                if self.intake.may_hold(id, after) {
                    // Its record may still be on its way.
                    let wanted = Wanted { ticket, id, after };
                    self.reads.waiting.push_back(wanted);
                    continue;
                }
                self.events.push(Event::Body(ticket, None));
                continue;
            };
            if let Some(frame) = self.in_memory(place) {
                self.answer(ticket, id, place, &frame)?;
                continue;
            }
            if let Some(reading) = &mut open
                && reading.reaches(place)
            {
                reading.add(ticket, id, place);
                continue;
            }
            if let Some(whole) = open.take() {
                self.start_reading(whole);
            }
            if self.reads.under_way >= self.settings.max_reads {
                let wanted = Wanted { ticket, id, after };
                self.reads.waiting.push_front(wanted);
                break;
            }
            open = Some(Reading::new(ticket, id, place));
        }
        if let Some(whole) = open {
            self.start_reading(whole);
        }
        Ok(())
    }

    fn start_reading(&mut self, reading: Reading) {
        self.reads.under_way += 1;
        self.segments.pin(reading.segment);
        let read = Step::Read {
            file: FileName::Segment(reading.segment),
            at: u64::from(reading.at),
            len: reading.end - reading.at,
        };
        self.start(Lane::Read, vec![read], Purpose::Read(reading));
    }

    /// The frame, where it is in the batch that is being written.
    fn in_memory(&self, place: Place) -> Option<Vec<u8>> {
        let batch = self.commit.under_way.as_ref()?;
        let at = place.at.checked_sub(batch.start)? as usize;
        let frame = batch.bytes.get(at..at + place.len as usize)?;
        (batch.segment == place.segment).then(|| frame.to_vec())
    }

    pub(super) fn read_done(&mut self, reading: &Reading, bytes: &[u8]) -> Result<(), StoreError> {
        self.reads.under_way -= 1;
        self.segments.unpin(reading.segment);
        for (ticket, id, place) in &reading.wanted {
            let from = (place.at - reading.at) as usize;
            let rest = bytes.get(from..).unwrap_or_default();
            let frame = rest.get(..place.len as usize).unwrap_or(rest);
            self.answer(*ticket, *id, *place, frame)?;
        }
        Ok(())
    }

    fn answer(
        &mut self,
        ticket: ReadTicket,
        id: MessageId,
        place: Place,
        frame: &[u8],
    ) -> Result<(), StoreError> {
        let offset = self.settings.unix_offset;
        let found = frame_body(frame, self.salt).and_then(|body| live(body, offset));
        let found = found.and_then(|live| match live {
            Some(live) if live.id == id => Ok(live),
            _ => Err(FormatError::Unknown {
                what: "the id of the message",
                value: id.0,
            }),
        });
        let wrong = |e| damage(place.segment, u64::from(place.at), &e);
        let mut live = found.map_err(wrong)?;
        let owed = self.state.index().owed(id);
        let body = owed.map(|owed| {
            super::state::as_owed(&mut live, &owed);
            Box::new(live)
        });
        self.events.push(Event::Body(ticket, body));
        Ok(())
    }

    pub(super) fn start_backup(&mut self) {
        if self.backup != Backup::Wanted || self.commit.under_way.is_some() {
            return;
        }
        let Some(head) = &self.segments.head else {
            return;
        };
        let (first, last, end) = (self.segments.announced, head.number, head.end);
        self.backup = Backup::UnderWay { first, last };
        (first..=last).for_each(|segment| self.segments.pin(segment));
        self.events.push(Event::BackupReady { first, last, end });
    }

    pub(super) fn end_backup(&mut self) {
        if let Backup::UnderWay { first, last } = self.backup {
            (first..=last).for_each(|segment| self.segments.unpin(segment));
        }
        self.backup = Backup::None;
    }
}
