//! The log's engine: operations and completions in, disk operations and events out.
//!
//! Owns what is living and where it lies, what waits to be written, and what the disk is doing. It has
//! no thread, clock, file or randomness: whoever drives it (the shell's appending thread, a simulator,
//! [`crate::DiskLog`] in place) says what time it is and does what it asks. It never waits, and never says
//! "durable" before the completion of the sync that made it so. After a failure it says that once and is
//! silent for ever.

mod cleaner;
mod commit;
mod disk_op;
pub(crate) mod index;
mod intake;
mod occupancy;
mod progress;
mod reads;
mod reserve;
mod retained;
mod row_keys;
pub(crate) mod salvage;
pub(crate) mod segments;
mod settings;
pub(crate) mod state;

#[cfg(test)]
mod tests;

pub use disk_op::{Disk, DiskError, DiskOp, Fault, Lane, OpId, Outcome, Step};
pub use settings::Settings;

use crate::format::{FileName, FormatError, Salt};
use crate::store_error::{Damage, StoreError};
use crate::{Durable, Live, LogError};
use cleaner::Cleaner;
use commit::Commit;
use intake::Intake;
use message::record::StoreOp;
use message::{LogId, MessageId};
use progress::Progress;
use reads::Reads;
use segments::Segments;
use state::State;
use std::collections::BTreeMap;

/// Names a read for whoever asked for it.
pub type ReadTicket = u64;

/// What the engine has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Durable(Durable),
    /// A message that was asked for, with those who are still owed it; `None` where nobody is.
    Body(ReadTicket, Option<Box<Live>>),
    /// The disk is full: messages wait here until there is room, and no more should be taken in.
    HoldBack,
    /// There is room again.
    Resume,
    /// A segment is damaged where nothing lives. What lives in it has been taken out.
    DeadDamage(Damage),
    /// These segments, the last of them up to this byte, are the whole log. They are left as they are
    /// until [`Engine::backup_done`].
    BackupReady {
        first: u32,
        last: u32,
        end: u32,
    },
    /// Nothing will be said any more. Stop acknowledging and exit.
    Failed(StoreError),
}

/// What an operation was for.
#[derive(Debug)]
enum Purpose {
    Commit,
    /// A new spare, of this size.
    Make(segments::Spare),
    /// A spare is made as long as this.
    Lengthen(segments::Spare),
    WriteIndex,
    Unlink,
    Clean,
    Read(reads::Reading),
}

/// See the module.
pub struct Engine {
    settings: Settings,
    salt: Salt,
    epoch: u64,
    state: State,
    segments: Segments,
    intake: Intake,
    progress: Progress,
    commit: Commit,
    cleaner: Cleaner,
    reads: Reads,
    /// Messages are held back.
    held_back: bool,
    backup: reads::Backup,
    next_op: u64,
    under_way: BTreeMap<OpId, Purpose>,
    out: Vec<DiskOp>,
    events: Vec<Event>,
    failed: bool,
    /// In which order operations were written, for tests.
    #[cfg(test)]
    written: Vec<(message::ShardId, u64)>,
}

impl Engine {
    /// An engine for what recovery has found. Its first batch begins the new epoch.
    pub(crate) fn new(settings: Settings, salt: Salt, found: crate::recover::Found) -> Self {
        Engine {
            salt,
            epoch: found.epoch + 1,
            state: found.state,
            segments: Segments::new(found.first, found.sealed, found.next_segment),
            intake: Intake::new(settings.seed),
            progress: Progress::default(),
            commit: Commit::new(found.last_batch),
            cleaner: Cleaner::default(),
            reads: Reads::default(),
            held_back: false,
            backup: reads::Backup::None,
            next_op: 0,
            under_way: BTreeMap::new(),
            out: Vec::new(),
            events: Vec::new(),
            failed: false,
            #[cfg(test)]
            written: Vec::new(),
            settings,
        }
    }

    /// The epoch that batches are to be given with.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Bytes of the log, and how many of them live.
    pub fn size(&self) -> (u64, u64) {
        (self.segments.bytes(), self.state.occupancy().total())
    }

    /// Takes a batch, after all before it. Times in it are the node's; the log turns them into Unix time.
    pub fn submit(&mut self, epoch: u64, batch: Vec<StoreOp>, now: u64) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Ended);
        }
        if epoch != self.epoch {
            let current = self.epoch;
            return Err(LogError::Fenced {
                used: epoch,
                current,
            }
            .into());
        }
        for op in batch {
            if op.log != LogId::LOCAL {
                return Err(LogError::OtherLog(op.log, LogId::LOCAL).into());
            }
            self.progress.given(op.shard, op.seq)?;
            self.intake.push(op, now);
        }
        Ok(())
    }

    /// Begins a later epoch: whoever gives batches with an older one is refused.
    pub fn fence(&mut self, epoch: u64) -> Result<(), StoreError> {
        if epoch < self.epoch {
            let current = self.epoch;
            return Err(LogError::Fenced {
                used: epoch,
                current,
            }
            .into());
        }
        self.epoch = epoch;
        self.commit.announce = true;
        Ok(())
    }

    /// Asks for a message. It comes as [`Event::Body`], as of then.
    pub fn read(&mut self, ticket: ReadTicket, id: MessageId) {
        self.reads.ask(ticket, id, self.intake.given());
    }

    /// Asks for [`Event::BackupReady`].
    pub fn backup(&mut self) {
        if self.backup == reads::Backup::None {
            self.backup = reads::Backup::Wanted;
        }
    }

    /// The copy has been made, or given up.
    pub fn backup_done(&mut self) {
        self.end_backup();
    }

    /// Lets the cleaner move so many bytes more, where the log has become larger than it need be.
    pub fn trim(&mut self, budget: u64) {
        self.cleaner.grant(budget);
    }

    /// Bytes that the cleaner has moved since the log was opened.
    pub fn moved(&self) -> u64 {
        self.cleaner.moved
    }

    /// Goes on as far as it can at this moment. `now` counts microseconds and never goes back.
    pub fn poll(&mut self, now: u64) {
        if self.failed {
            return;
        }
        if let Err(error) = self.go_on(now) {
            self.fail(error);
        }
    }

    fn go_on(&mut self, now: u64) -> Result<(), StoreError> {
        self.keep_spares(now);
        self.start_backup();
        loop {
            self.clean();
            let had_copies = self.cleaner.has_copies();
            self.try_commit(now)?;
            // Where all that was to be copied has died meanwhile, no completion will come of it.
            if self.commit.under_way.is_some() || !had_copies || self.cleaner.has_copies() {
                break;
            }
        }
        self.unlink_dead();
        self.start_reads()
    }

    /// When to poll again, if nothing happens before.
    pub fn next_poll(&self) -> Option<u64> {
        if self.failed {
            return None;
        }
        let retry = self.segments.full_until.filter(|_| !self.segments.making);
        [retry, self.commit_due()].into_iter().flatten().min()
    }

    /// Operations to be done since the last call.
    pub fn take_ops(&mut self) -> Vec<DiskOp> {
        std::mem::take(&mut self.out)
    }

    /// What there is to say since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// True where nothing waits and nothing is under way: all that was given is durable.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.intake.is_empty() && !self.intake.is_holding()
    }

    /// The last thing before the end: an empty batch, so that damage to the one before it would be told
    /// from a torn tail. Nothing more is cleaned.
    pub fn end(&mut self) {
        self.commit.announce = true;
        self.cleaner.give_up();
    }

    /// True where ending loses nothing that could still be made durable.
    pub fn may_end(&self) -> bool {
        let stuck = self.held_back || self.segments.full_until.is_some();
        let done = !self.commit.announce && self.intake.is_empty() && !self.intake.is_holding();
        self.under_way.is_empty() && (done || stuck)
    }

    /// An operation was done, or failed.
    pub fn complete(&mut self, id: OpId, outcome: Outcome, now: u64) {
        let Some(purpose) = self.under_way.remove(&id) else {
            return;
        };
        if self.failed {
            return;
        }
        self.commit.blocked = false;
        let done = match outcome {
            Ok(bytes) => self.done(&purpose, &bytes),
            Err(error) => self.not_done(&purpose, error, now),
        };
        if let Err(error) = done {
            self.fail(error);
        }
    }

    fn done(&mut self, purpose: &Purpose, bytes: &[u8]) -> Result<(), StoreError> {
        match *purpose {
            Purpose::Commit => self.committed(),
            Purpose::Make(spare) => self.made(spare),
            Purpose::Lengthen(spare) => self.lengthened(spare),
            Purpose::WriteIndex => {}
            Purpose::Unlink => self.unlinked(),
            Purpose::Clean => self.clean_with(bytes)?,
            Purpose::Read(ref reading) => self.read_done(reading, bytes)?,
        }
        Ok(())
    }

    /// All failures are final but two: no room for a segment, and no index file, which nobody needs.
    fn not_done(
        &mut self,
        purpose: &Purpose,
        error: DiskError,
        now: u64,
    ) -> Result<(), StoreError> {
        // Room, or a name for the file. Neither has harmed what is there.
        let wants_room = ["preallocation", "creation"].contains(&error.action);
        let full = error.fault == Fault::Full && wants_room;
        match purpose {
            Purpose::Make(_) | Purpose::Lengthen(_) if full => {
                self.no_room(now);
                Ok(())
            }
            Purpose::WriteIndex if error.fault == Fault::Full => Ok(()),
            Purpose::Commit if self.retries_sync(&error) => Ok(()),
            _ => Err(error.into()),
        }
    }

    fn fail(&mut self, error: StoreError) {
        self.failed = true;
        self.out.clear();
        self.events.push(Event::Failed(error));
    }

    fn start(&mut self, lane: Lane, steps: Vec<Step>, purpose: Purpose) {
        self.next_op += 1;
        let id = OpId(self.next_op);
        self.under_way.insert(id, purpose);
        self.out.push(DiskOp { id, lane, steps });
    }
}

/// The error of bytes that are not what this engine, or one before it, has written.
pub(crate) fn damage(segment: u32, at: u64, what: &FormatError) -> Damage {
    Damage {
        file: FileName::Segment(segment),
        at,
        what: what.to_string(),
    }
}
