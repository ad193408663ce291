//! A log on a disk, run in place: each call does what the engine asks for, and waits for it.
//!
//! Owns an engine and a [`Disk`]. It opens every log: the shell takes over from it when the log is to
//! have threads; what needs none (tests, the simulator, work on a stopped directory) goes on with it.

use crate::engine::index::Place;
use crate::engine::state::as_owed;
use crate::engine::{Disk, DiskOp, Engine, Event, Settings};
use crate::format::message::UnixOffset;
use crate::format::record::{Marks, frame_body, live};
use crate::format::{FileName, FormatError, Salt};
use crate::recover;
use crate::store_error::StoreError;
use crate::{Durable, Folded, Live, Log, LogError};
use message::record::{Row, StoreOp};
use message::{Message, MessageId};
use std::collections::VecDeque;
use std::sync::Arc;

/// How much is read at once while messages are gone through.
const SCAN_BYTES: usize = 256 << 10;
/// Places that are read from side by side.
const WINDOWS: usize = 16;

/// See the module.
pub struct DiskLog<D> {
    disk: D,
    engine: Engine,
    salt: Salt,
    ops: VecDeque<DiskOp>,
    now: u64,
}

impl<D: Disk> DiskLog<D> {
    /// Opens the log of a directory, or begins one; `fresh` is the salt that a new one has. When this
    /// is back, the new epoch is durable, unless the disk is full.
    pub fn open(mut disk: D, fresh: Salt, settings: Settings) -> Result<Self, StoreError> {
        let found = recover::recover(&mut disk, fresh, &settings)?;
        let salt = found.salt;
        let engine = Engine::new(settings, salt, found);
        let mut log = DiskLog {
            disk,
            engine,
            salt,
            ops: VecDeque::new(),
            now: 0,
        };
        let mut events = Vec::new();
        log.run(&mut events)?;
        Ok(log)
    }

    pub fn epoch(&self) -> u64 {
        self.engine.epoch()
    }

    /// The highest names given so far.
    pub fn marks(&self) -> Marks {
        self.engine.state().marks()
    }

    /// Messages that live.
    pub fn len(&self) -> usize {
        self.engine.state().index().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the log, and how many of them live.
    pub fn size(&self) -> (u64, u64) {
        self.engine.size()
    }

    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub fn disk(&mut self) -> &mut D {
        &mut self.disk
    }

    /// The engine, for whoever runs it from here on, and the disk.
    pub fn into_parts(self) -> (Engine, D) {
        (self.engine, self.disk)
    }

    /// Takes a batch; it is durable when [`DiskLog::sync`] says so. Its times are the node's.
    pub fn append(&mut self, epoch: u64, batch: Vec<StoreOp>) -> Result<(), StoreError> {
        self.engine.submit(epoch, batch, self.now)
    }

    /// Writes and syncs all that was appended, as far as there is room, and says what is durable.
    pub fn sync(&mut self, marks: &mut Vec<Durable>) -> Result<(), StoreError> {
        let mut events = Vec::new();
        self.run(&mut events)?;
        marks.extend(events.into_iter().filter_map(|event| match event {
            Event::Durable(mark) => Some(mark),
            _ => None,
        }));
        Ok(())
    }

    /// Does everything that can be done.
    pub fn run(&mut self, events: &mut Vec<Event>) -> Result<(), StoreError> {
        loop {
            self.now += 10_000;
            self.engine.poll(self.now);
            self.ops.extend(self.engine.take_ops());
            for event in self.engine.take_events() {
                if let Event::Failed(error) = event {
                    return Err(error);
                }
                events.push(event);
            }
            let Some(op) = self.ops.pop_front() else {
                return Ok(());
            };
            let outcome = self.disk.perform(&op.steps);
            // Its bytes are the engine's to use again.
            let DiskOp { id, steps, .. } = op;
            drop(steps);
            self.engine.complete(id, outcome, self.now);
        }
    }

    /// A message as it is owed now, in the node's time; `None` where nobody is owed it.
    pub fn read(&mut self, id: MessageId) -> Result<Option<Live>, StoreError> {
        self.engine.read(0, id);
        let mut events = Vec::new();
        self.run(&mut events)?;
        Ok(events.into_iter().find_map(|event| match event {
            Event::Body(_, live) => live.map(|live| *live),
            _ => None,
        }))
    }

    /// Rows in the order of their keys.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.engine.state().rows().map(|kept| &kept.row)
    }

    /// The fold: rows in the order of their keys, then messages in the order of their ids, one in
    /// memory at a time. All times are Unix time, as in any log. Wants all that was appended synced.
    pub fn scan(&self, visit: &mut dyn FnMut(Folded<'_>)) -> Result<(), StoreError> {
        self.rows().for_each(|row| visit(Folded::Row(row)));
        let index = self.engine.state().index();
        let mut windows = Windows::default();
        for (id, place) in index.ids() {
            visit(Folded::Message(&self.living(&mut windows, id, place)?));
        }
        Ok(())
    }

    /// The message in this frame, as it is owed now.
    fn living(
        &self,
        windows: &mut Windows,
        id: MessageId,
        place: Place,
    ) -> Result<Live, StoreError> {
        let wrong = |e| crate::engine::damage(place.segment, u64::from(place.at), &e);
        let frame = windows.frame(&self.disk, place)?;
        let found = frame_body(frame, self.salt)
            .and_then(|body| live(body, UnixOffset::default()))
            .map_err(wrong)?;
        match (found, self.engine.state().index().owed(id)) {
            (Some(mut live), Some(owed)) if live.id == id => {
                as_owed(&mut live, &owed);
                Ok(live)
            }
            _ => Err(wrong(FormatError::Short("a message's record")).into()),
        }
    }
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Log(error) => error,
            other => LogError::Store(other.to_string().into()),
        }
    }
}

impl<D: Disk + Send> Log for DiskLog<D> {
    fn append(&mut self, epoch: u64, batch: Vec<StoreOp>) -> Result<(), LogError> {
        Ok(DiskLog::append(self, epoch, batch)?)
    }

    fn sync(&mut self, marks: &mut Vec<Durable>) -> Result<(), LogError> {
        Ok(DiskLog::sync(self, marks)?)
    }

    /// As the log has it: its times are Unix time. Wants what was appended synced.
    fn read(&self, id: MessageId) -> Result<Option<Arc<Message>>, LogError> {
        let mut windows = Windows::default();
        match self.engine.state().index().place(id) {
            Some(place) => Ok(Some(self.living(&mut windows, id, place)?.message)),
            None => Ok(None),
        }
    }

    fn scan(&self, visit: &mut dyn FnMut(Folded<'_>)) -> Result<(), LogError> {
        Ok(DiskLog::scan(self, visit)?)
    }

    fn trim(&mut self, budget: u64) -> Result<u64, LogError> {
        let before = self.engine.moved();
        self.engine.trim(budget);
        self.run(&mut Vec::new())?;
        Ok(self.engine.moved() - before)
    }

    fn fence(&mut self, epoch: u64) -> Result<(), LogError> {
        Ok(self.engine.fence(epoch)?)
    }
}

/// Parts of segments, each read at once: the messages of a shard lie in the order of their ids, those of
/// several shards side by side, some batches apart.
#[derive(Default)]
struct Windows {
    /// The one used last is the last.
    parts: Vec<Part>,
}

struct Part {
    segment: u32,
    at: u32,
    bytes: Vec<u8>,
}

impl Part {
    fn frame(&self, place: Place) -> Option<&[u8]> {
        let offset = place.at.checked_sub(self.at)? as usize;
        let frame = self.bytes.get(offset..offset + place.len as usize);
        frame.filter(|_| self.segment == place.segment)
    }
}

impl Windows {
    fn frame(&mut self, disk: &dyn Disk, place: Place) -> Result<&[u8], StoreError> {
        let Place { segment, at, len } = place;
        let found = self
            .parts
            .iter()
            .position(|part| part.frame(place).is_some());
        let part = match found {
            Some(found) => self.parts.remove(found),
            None => {
                if self.parts.len() == WINDOWS {
                    self.parts.remove(0);
                }
                let file = FileName::Segment(segment);
                let bytes = disk.read(file, u64::from(at), SCAN_BYTES.max(len as usize))?;
                Part { segment, at, bytes }
            }
        };
        self.parts.push(part);
        let part = self.parts.last();
        // What is shorter than it should be is not whole, which its reader finds.
        Ok(part.map_or(&[], |part| part.frame(place).unwrap_or(&part.bytes)))
    }
}
