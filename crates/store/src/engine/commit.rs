//! Group commit: take what waits, write it, sync, report.
//!
//! Part of the engine. One batch is under way at a time: the next is written when it is durable, and
//! gathers meanwhile. So a bad batch with a good one behind it is damage, never a crash.

use super::index::Place;
use super::segments::{self, Spare};
use super::{DiskError, Engine, Event, Lane, Purpose, Step, damage};
use crate::format::FileName;
use crate::format::batch::{BATCH_HEAD, BatchHead};
use crate::format::record::{FRAME_HEAD, Fact, put_frame, put_marks, put_record};
use crate::format::segment::SEGMENT_HEAD;
use crate::planted::Bug;
use crate::store_error::StoreError;
use message::ShardId;
use message::record::Record;
use std::sync::Arc;

/// Room that a segment needs beside one record: its head, a batch's, and the marks.
const BESIDE: usize = SEGMENT_HEAD + BATCH_HEAD + FRAME_HEAD + 64;

/// State of group commit.
pub(super) struct Commit {
    pub(super) under_way: Option<UnderWay>,
    /// Number of the last batch written.
    pub(super) last_batch: u64,
    /// Number of the last batch that is durable.
    pub(super) synced: u64,
    /// Tickets that the last sync served.
    served: usize,
    /// The epoch, or the first segment, is to be made known, by an empty batch if need be.
    pub(super) announce: bool,
    /// Waits for a segment: only a completion can change that.
    pub(super) blocked: bool,
    /// The buffer of the last batch, to be used again.
    buffer: Vec<u8>,
}

/// A batch that is being written and synced.
pub(super) struct UnderWay {
    pub(super) segment: u32,
    pub(super) start: u32,
    pub(super) bytes: Arc<Vec<u8>>,
    done: Vec<(ShardId, u64)>,
    tickets: usize,
    /// Bytes that the cleaner has moved into it.
    copied: u64,
    first_segment: u32,
}

/// A batch that is being gathered.
struct Batch {
    bytes: Vec<u8>,
    count: u32,
    done: Vec<(ShardId, u64)>,
    tickets: usize,
    copied: usize,
}

/// Why gathering has ended.
enum Gathered {
    /// Nothing is left, or it is enough.
    Enough,
    /// The next record needs so many bytes, which the head does not have.
    NoRoom { need: usize, of: Needy },
}

/// What there is no room for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needy {
    /// A copy of the cleaner.
    Copy,
    Message,
    /// What may use the reserve.
    Other,
}

impl Commit {
    pub(super) fn new(last_batch: u64) -> Self {
        Commit {
            under_way: None,
            last_batch,
            synced: last_batch,
            served: 0,
            announce: true,
            blocked: false,
            buffer: Vec::new(),
        }
    }
}

impl Engine {
    /// When what waits is to be written, if nothing else comes.
    pub(super) fn commit_due(&self) -> Option<u64> {
        let commit = &self.commit;
        if commit.under_way.is_some() || commit.blocked || self.intake.is_empty() {
            return None;
        }
        let settings = &self.settings;
        let busy = self.commit.served >= settings.busy_tickets;
        let enough = if busy { settings.full_tickets } else { 1 };
        let linger = if self.intake.tickets() >= enough {
            0
        } else {
            settings.linger_us
        };
        Some(self.intake.since() + linger)
    }

    pub(super) fn try_commit(&mut self, now: u64) -> Result<(), StoreError> {
        if self.commit.under_way.is_some() {
            return Ok(());
        }
        let due = self.commit_due().is_some_and(|due| due <= now);
        if !due && !self.cleaner.has_copies() && !self.commit.announce {
            return Ok(());
        }
        let mut copies = true;
        loop {
            let held_back = self.held_back;
            if held_back {
                // What is behind a held message may not need the room that it waits for.
                while self.hold_front() {}
                if self.intake.is_empty() && !self.cleaner.has_copies() && !self.commit.announce {
                    return Ok(());
                }
            }
            if self.segments.room() < self.least() && !self.roll(0, self.only_messages())? {
                if self.held_back && !held_back {
                    // What is held back makes way.
                    continue;
                }
                self.commit.blocked = true;
                return Ok(());
            }
            let mut batch = self.begin();
            let gathered = self.gather(&mut batch, copies)?;
            if batch.copied > 0 || !batch.done.is_empty() || self.commit.announce {
                self.write(batch);
                return Ok(());
            }
            self.commit.buffer = batch.bytes;
            match gathered {
                // It was begun for a smaller record. A sealed segment holds a batch, if an empty one.
                Gathered::NoRoom { need: 1.., .. } if self.segments.head_is_empty() => {
                    self.commit.announce = true;
                }
                Gathered::NoRoom { need, of } if self.roll(need, of == Needy::Message)? => {}
                // A large copy waits until what is settled meanwhile has made room for it.
                Gathered::NoRoom {
                    of: Needy::Copy, ..
                } => copies = false,
                Gathered::NoRoom { .. } if self.held_back && !held_back => {}
                Gathered::NoRoom { .. } => {
                    self.commit.blocked = true;
                    return Ok(());
                }
                Gathered::Enough => return Ok(()),
            }
        }
    }

    /// What an empty batch takes.
    fn least(&self) -> usize {
        if self.segments.head_is_empty() {
            0
        } else {
            BATCH_HEAD
        }
    }

    /// True where a segment is wanted for messages alone.
    fn only_messages(&self) -> bool {
        let message = matches!(self.intake.front(), Some(Record::Enqueue(_)));
        message && !self.commit.announce && !self.cleaner.has_copies()
    }

    /// An empty batch; the first of a segment begins with the marks.
    fn begin(&mut self) -> Batch {
        let mut bytes = std::mem::take(&mut self.commit.buffer);
        bytes.clear();
        bytes.resize(BATCH_HEAD, 0);
        let mut count = 0;
        if self.segments.head_is_empty() {
            let marks = self.state.marks();
            put_frame(&mut bytes, self.salt, |out| put_marks(out, marks));
            count = 1;
        }
        Batch {
            bytes,
            count,
            done: Vec::new(),
            tickets: 0,
            copied: 0,
        }
    }

    /// Copies first, so that what waits can't keep the cleaner from making room.
    fn gather(&mut self, batch: &mut Batch, copies: bool) -> Result<Gathered, StoreError> {
        while copies && batch.copied < self.settings.copy_bytes {
            let Some(copy) = self.cleaner.next_copy(&self.state, self.settings.planted)? else {
                break;
            };
            match self.append(batch, |out, _| copy.put(out))? {
                Some(need) => {
                    self.cleaner.put_back(copy);
                    let of = Needy::Copy;
                    return Ok(Gathered::NoRoom { need, of });
                }
                None => {
                    batch.copied += copy.len();
                    self.cleaner.moved += copy.len() as u64;
                }
            }
        }
        while batch.bytes.len() < self.settings.batch_bytes {
            if self.held_back && self.hold_front() {
                continue;
            }
            let Some(record) = self.intake.front() else {
                break;
            };
            let of = match record {
                Record::Enqueue(_) => Needy::Message,
                _ => Needy::Other,
            };
            if of == Needy::Message && !self.may_take_messages() {
                return Ok(Gathered::NoRoom { need: 0, of });
            }
            if let Some(need) = self.append_front(batch)? {
                return Ok(Gathered::NoRoom { need, of });
            }
        }
        self.intake.forget_ended();
        Ok(Gathered::Enough)
    }

    fn hold_front(&mut self) -> bool {
        let held = self.intake.hold_front();
        if let Some((shard, seq)) = held {
            self.progress.held(shard, seq);
        }
        held.is_some()
    }

    /// Appends the front of what waits. Gives back its size where it does not fit.
    fn append_front(&mut self, batch: &mut Batch) -> Result<Option<usize>, StoreError> {
        let Some(op) = self.intake.pop() else {
            return Ok(None);
        };
        let dropped = match op.record {
            Record::Settle { id, .. } => {
                self.settings.planted.has(Bug::SettleDroppedDuringCopy) && self.cleaner.copies(id)
            }
            _ => false,
        };
        if !dropped {
            let offset = self.settings.unix_offset;
            let need = self.append(batch, |out, engine| {
                put_record(out, &op.record, offset, engine.intake.ended());
            })?;
            if need.is_some() {
                self.intake.put_back(op);
                return Ok(need);
            }
        }
        #[cfg(test)]
        self.written.push((op.shard, op.seq));
        batch.done.push((op.shard, op.seq));
        batch.tickets += 1;
        Ok(None)
    }

    /// Appends a record to the batch and to the state, or says how many bytes it would take.
    fn append(
        &mut self,
        batch: &mut Batch,
        put: impl FnOnce(&mut Vec<u8>, &Engine),
    ) -> Result<Option<usize>, StoreError> {
        let start = batch.bytes.len();
        put_frame(&mut batch.bytes, self.salt, |out| put(out, self));
        let len = batch.bytes.len() - start;
        if batch.bytes.len() > self.segments.room() {
            batch.bytes.truncate(start);
            return Ok(Some(len));
        }
        let Some(head) = &mut self.segments.head else {
            return Ok(Some(len));
        };
        let place = Place {
            segment: head.number,
            at: head.end + start as u32,
            len: len as u32,
        };
        let body = &batch.bytes[start + FRAME_HEAD..];
        let wrong = |e| damage(place.segment, u64::from(place.at), &e);
        let fact = Fact::decode(body).map_err(wrong)?;
        head.items.push(place.at, place.len, body, &fact);
        self.state.apply(fact, place);
        batch.count += 1;
        Ok(None)
    }

    fn write(&mut self, batch: Batch) {
        let Batch {
            mut bytes,
            count,
            done,
            tickets,
            copied,
        } = batch;
        let Some(head) = &mut self.segments.head else {
            return;
        };
        self.commit.last_batch += 1;
        let batch = BatchHead {
            number: self.commit.last_batch,
            epoch: self.epoch,
            first_segment: self.segments.first,
            length: (bytes.len() - BATCH_HEAD) as u32,
            count,
        };
        batch.seal(self.salt, &mut bytes);
        let start = head.end;
        head.end += bytes.len() as u32;
        let summary = &mut head.summary;
        if summary.first_batch == 0 {
            summary.first_batch = batch.number;
        }
        summary.last_batch = batch.number;
        summary.epoch = batch.epoch;
        summary.first_segment = batch.first_segment;
        summary.end = head.end;
        let segment = head.number;
        let file = FileName::Segment(segment);
        let bytes = Arc::new(bytes);
        let at = u64::from(start);
        let write = Step::Write {
            file,
            at,
            bytes: bytes.clone(),
        };
        self.commit.announce = false;
        self.cleaner.copied_in(batch.number, copied > 0);
        self.commit.under_way = Some(UnderWay {
            segment,
            start,
            bytes,
            done,
            tickets,
            copied: copied as u64,
            first_segment: batch.first_segment,
        });
        let steps = vec![write, Step::Sync { file }];
        self.start(Lane::Commit, steps, Purpose::Commit);
        if self.settings.planted.has(Bug::AcknowledgeBeforeSync) {
            self.report();
        }
    }

    /// The batch under way is durable.
    pub(super) fn committed(&mut self) {
        self.report();
        let Some(batch) = self.commit.under_way.take() else {
            return;
        };
        self.commit.synced = self.commit.last_batch;
        self.commit.served = batch.tickets;
        self.segments.announced = batch.first_segment;
        self.pace_cleaner(batch.bytes.len() as u64, batch.copied);
        if let Ok(buffer) = Arc::try_unwrap(batch.bytes)
            && buffer.capacity() <= 2 * self.settings.batch_bytes
        {
            self.commit.buffer = buffer;
        }
    }

    fn report(&mut self) {
        let Some(batch) = &mut self.commit.under_way else {
            return;
        };
        for (shard, seq) in batch.done.drain(..) {
            self.progress.durable(shard, seq);
        }
        let events = &mut self.events;
        self.progress
            .marks(|mark| events.push(Event::Durable(mark)));
    }

    /// Only a planted bug does that.
    pub(super) fn retries_sync(&mut self, error: &DiskError) -> bool {
        let Some(batch) = &self.commit.under_way else {
            return false;
        };
        if error.action != "sync" || !self.settings.planted.has(Bug::SyncRetried) {
            return false;
        }
        let file = FileName::Segment(batch.segment);
        self.start(Lane::Commit, vec![Step::Sync { file }], Purpose::Commit);
        true
    }

    /// The next spare becomes the head, with room for a record of `need` bytes. False where that has to
    /// wait; messages may not have the reserve.
    fn roll(&mut self, need: usize, message: bool) -> Result<bool, StoreError> {
        let wanted = need.saturating_add(BESIDE);
        let Ok(wanted) = u32::try_from(wanted) else {
            return Err(StoreError::TooLong(need));
        };
        let spares = self.segments.spares.len();
        if spares == 0 || (message && spares <= self.settings.reserve) {
            self.short_of_room();
            return Ok(false);
        }
        if self.segments.spares[0].capacity < wanted {
            if !self.segments.making && self.segments.full_until.is_none() {
                self.segments.making = true;
                let longer = Spare {
                    number: self.segments.spares[0].number,
                    capacity: wanted,
                };
                let steps = segments::lengthen(longer.number, wanted);
                self.start(Lane::Files, steps, Purpose::Lengthen(longer));
            }
            self.short_of_room();
            return Ok(false);
        }
        if let Some(mut old) = self.segments.roll() {
            let file = old.items.seal(&old.summary, self.salt);
            let mut steps = segments::write_index(old.number, file);
            // What is left of it is the disk's again.
            let (file, len) = (FileName::Segment(old.number), u64::from(old.end));
            steps.insert(0, Step::Truncate { file, len });
            self.start(Lane::Files, steps, Purpose::WriteIndex);
        }
        Ok(true)
    }
}
