//! What a world keeps its records in: memory, or the log that is shipped on a disk that fails as disks
//! do.
//!
//! Owned by the log desk, which decides when something is written; here is only how.

use broker::Now;
use broker::recover::Seen;
use message::record::{Body, Record, StoreOp};
use message::{LogId, MessageId};
use std::sync::Arc;
use store::simulated_disk::{Dice, SimulatedDisk};
use store::{DiskLog, Durable, Folded, Log, LogError, MemoryLog, Salt, Settings, UnixOffset};

/// Small segments, so that a run goes through many of them.
const SEGMENT_BYTES: u32 = 4096;

/// See the module.
pub(super) enum Keeper {
    Memory(Box<MemoryLog>),
    Disk(Box<OnDisk>),
}

/// A log on a simulated disk, between its openings too.
pub(super) struct OnDisk {
    /// `None` only while it is opened.
    log: Option<DiskLog<SimulatedDisk>>,
    dice: Dice,
}

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The process alone: what was written is there.
    Process,
    /// What was not synced is lost, or torn.
    Power,
}

impl Keeper {
    pub(super) fn on_disk(seed: u64, now: Now) -> Self {
        let log = open(SimulatedDisk::new(seed), now);
        let dice = Dice::new(seed ^ 0xd15c);
        Keeper::Disk(Box::new(OnDisk {
            log: Some(log),
            dice,
        }))
    }

    pub(super) fn log(&self) -> &dyn Log {
        match self {
            Keeper::Memory(log) => log.as_ref(),
            Keeper::Disk(disk) => disk.opened(),
        }
    }

    /// Writes and syncs; an error means that the log has ended.
    pub(super) fn sync(
        &mut self,
        epoch: u64,
        batch: Vec<StoreOp>,
        marks: &mut Vec<Durable>,
    ) -> Result<(), LogError> {
        match self {
            Keeper::Memory(log) => {
                log.append(epoch, batch)?;
                log.sync(marks)
            }
            Keeper::Disk(disk) => {
                let log = disk.opened_mut();
                let epoch = log.epoch();
                Log::append(log, epoch, batch)?;
                Log::sync(log, marks)
            }
        }
    }

    /// A message in the node's time; an error means that the log has ended.
    pub(super) fn read(
        &mut self,
        id: MessageId,
        unix_offset: u64,
    ) -> Result<Option<Body>, LogError> {
        Ok(match self {
            Keeper::Memory(log) => log.fold().live(id).cloned().map(|live| {
                let mut body = live.into_body();
                if let Some(at) = body.message.expires_at {
                    let at = at.saturating_sub(unix_offset);
                    Arc::make_mut(&mut body.message).expires_at = Some(at);
                }
                body
            }),
            Keeper::Disk(disk) => disk.opened_mut().read(id)?.map(store::Live::into_body),
        })
    }

    /// True where times are turned into Unix time before they are given to it.
    pub(super) fn wants_unix_time(&self) -> bool {
        matches!(self, Keeper::Memory(_))
    }

    /// The node dies while the log writes `batch`, whose first `keep` records are in the log where it is
    /// in memory.
    pub(super) fn crash(&mut self, epoch: u64, mut batch: Vec<StoreOp>, keep: usize) {
        batch.truncate(keep);
        match self {
            Keeper::Memory(_) => {
                let written = self.sync(epoch, batch, &mut Vec::new());
                assert!(written.is_ok(), "the log refused a batch: {written:?}");
            }
            Keeper::Disk(disk) => {
                let steps = disk.dice.below(8);
                let end = if disk.dice.one_in(3) {
                    End::Process
                } else {
                    End::Power
                };
                let under = disk.opened_mut().disk();
                under.die_at = Some(under.steps + 1 + steps);
                // The power may go before the first step of it, or after the last.
                let _ = self.sync(epoch, batch, &mut Vec::new());
                self.end(end);
            }
        }
    }

    /// The process or the machine ends.
    pub(super) fn end(&mut self, end: End) {
        if let Keeper::Disk(disk) = self {
            let under = disk.opened_mut().disk();
            match end {
                End::Process => under.kill(),
                End::Power => under.crash(),
            }
        }
    }

    /// A new life. The highest names that the log itself knows of.
    pub(super) fn reopen(&mut self, epoch: u64, now: Now) -> Option<Seen> {
        match self {
            Keeper::Memory(log) => {
                let old = std::mem::replace(&mut **log, MemoryLog::new(LogId::LOCAL, 0));
                **log = old.reopen(epoch);
                None
            }
            Keeper::Disk(disk) => {
                let old = disk.log.take().map(DiskLog::into_parts);
                let Some((_, under)) = old else {
                    panic!("a log that is not there");
                };
                let log = open(under, now);
                let marks = log.marks();
                disk.log = Some(log);
                Some(Seen {
                    message: marks.message,
                    queue: marks.queue,
                    version: marks.retained_version,
                })
            }
        }
    }

    /// A step of the disk fails, so many steps from now.
    pub(super) fn fail_after(&mut self, steps: u64) {
        if let Keeper::Disk(disk) = self {
            let under = disk.opened_mut().disk();
            under.fail_at = Some(under.steps + 1 + steps);
        }
    }

    /// There is no room for another segment, or there is.
    pub(super) fn fill(&mut self, full: bool) {
        if let Keeper::Disk(disk) = self {
            disk.opened_mut().disk().capacity = if full { 0 } else { usize::MAX };
        }
    }
}

impl OnDisk {
    fn opened(&self) -> &DiskLog<SimulatedDisk> {
        match &self.log {
            Some(log) => log,
            None => panic!("a log that is not there"),
        }
    }

    fn opened_mut(&mut self) -> &mut DiskLog<SimulatedDisk> {
        match &mut self.log {
            Some(log) => log,
            None => panic!("a log that is not there"),
        }
    }
}

fn open(disk: SimulatedDisk, now: Now) -> DiskLog<SimulatedDisk> {
    let settings = Settings {
        segment_bytes: SEGMENT_BYTES,
        floor_bytes: u64::from(SEGMENT_BYTES) * 4,
        batch_bytes: SEGMENT_BYTES as usize / 2,
        copy_bytes: 512,
        clean_read_bytes: 1024,
        retry_us: 100_000,
        unix_offset: UnixOffset(now.unix_ms.cast_signed() - now.ms.cast_signed()),
        ..Settings::default()
    };
    match DiskLog::open(disk, Salt(7), settings) {
        Ok(log) => log,
        Err(error) => panic!("the log does not open: {error}"),
    }
}

/// Goes through all that a log has.
pub(super) fn each_item(log: &dyn Log, mut visit: impl FnMut(&Folded<'_>)) {
    let looked = log.scan(&mut |item| visit(&item));
    assert!(looked.is_ok(), "the log cannot be read: {looked:?}");
}

/// A record as a log has it.
pub(super) fn in_unix_time(record: &mut Record, offset: u64) {
    if let Record::Enqueue(enqueue) = record
        && let Some(at) = enqueue.message.expires_at
    {
        let at = at + offset;
        Arc::make_mut(&mut enqueue.message).expires_at = Some(at);
    }
}
