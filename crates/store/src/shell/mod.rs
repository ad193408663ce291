//! The log with threads: what the server runs on.
//!
//! One appending thread owns the engine; it writes and syncs nothing itself. A commit thread writes and
//! syncs batches, a files thread makes and removes segments, readers read. All they share is one inbox
//! and a queue for each lane. Nobody waits for the log: what it has to say comes by a callback.

mod file_disk;
mod inbox;

pub use file_disk::FileDisk;

use crate::engine::{Disk, DiskOp, Engine, Event, Lane, ReadTicket};
use crate::{DiskLog, Salt, Settings, StoreError};
use inbox::{Inbox, LaneQueue, Letter};
use message::MessageId;
use message::record::StoreOp;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Opens the log of a directory, or begins one with the salt `fresh`. The directory is there, and locked
/// by the caller.
pub fn open(
    directory: &Path,
    fresh: Salt,
    settings: Settings,
) -> Result<DiskLog<FileDisk>, StoreError> {
    DiskLog::open(FileDisk::new(directory), fresh, settings)
}

/// Where batches and questions are left. Cheap to clone; for any thread.
#[derive(Clone)]
pub struct LogHandle {
    inbox: Arc<Inbox>,
    epoch: u64,
}

impl LogHandle {
    /// Gives a batch, after all that were given before. [`Event::Durable`] tells of it.
    pub fn give(&self, batch: Vec<StoreOp>) {
        self.inbox.push(Letter::Batch(self.epoch, batch));
    }

    /// Asks for messages: each comes as [`Event::Body`] with its ticket, in the node's time. Those whose
    /// records were given before are found.
    pub fn read(&self, wanted: Vec<(ReadTicket, MessageId)>) {
        self.inbox.push(Letter::Read(wanted));
    }

    /// Copies the log into a new directory while it is used; `done` is called from another thread. The
    /// copy is a log of its own, as of one moment.
    pub fn backup(&self, into: PathBuf, done: impl FnOnce(Result<(), io::Error>) + Send + 'static) {
        self.inbox.push(Letter::Backup(into, Box::new(done)));
    }

    /// The log ends when all that was given is durable, or can't be for want of room.
    pub fn stop(&self) {
        self.inbox.push(Letter::Stop);
    }
}

/// A log that runs.
pub struct RunningLog {
    handle: LogHandle,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl RunningLog {
    /// Starts the threads. `tell` is called on the appending thread: it must not wait.
    pub fn start(
        log: DiskLog<FileDisk>,
        readers: usize,
        tell: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let (engine, disk) = log.into_parts();
        let handle = LogHandle {
            inbox: inbox.clone(),
            epoch: engine.epoch(),
        };
        let lanes = Lanes::start(&disk, readers, &inbox)?;
        let appender = Appender {
            engine,
            inbox,
            lanes,
            directory: disk.directory().to_path_buf(),
            backup: None,
            copying: false,
            stopping: false,
        };
        let thread = named("log", move || appender.run(tell))?;
        Ok(RunningLog { handle, thread })
    }

    pub fn handle(&self) -> &LogHandle {
        &self.handle
    }

    /// Stops, and says how the log has ended.
    pub fn stop(self) -> Result<(), StoreError> {
        self.handle.stop();
        // A thread of ours does not panic; if it did, nothing more is durable.
        self.thread.join().unwrap_or(Err(StoreError::Ended))
    }
}

fn named<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.into()).spawn(run)
}

/// The threads that work, and how each is reached.
struct Lanes {
    commit: Arc<LaneQueue>,
    files: Arc<LaneQueue>,
    read: Arc<LaneQueue>,
    threads: Vec<JoinHandle<()>>,
}

impl Lanes {
    fn start(disk: &FileDisk, readers: usize, inbox: &Arc<Inbox>) -> io::Result<Self> {
        let lane = || Arc::new(LaneQueue::default());
        let mut lanes = Lanes {
            commit: lane(),
            files: lane(),
            read: lane(),
            threads: Vec::new(),
        };
        let mut wanted = vec![
            ("log-sync", lanes.commit.clone()),
            ("log-files", lanes.files.clone()),
        ];
        wanted.extend((0..readers.max(1)).map(|_| ("log-read", lanes.read.clone())));
        for (name, queue) in wanted {
            let (mut disk, inbox) = (disk.another(), inbox.clone());
            let work = move || {
                while let Some(op) = queue.take() {
                    let outcome = disk.perform(&op.steps);
                    // Its bytes are the engine's to use again.
                    let DiskOp { id, steps, .. } = op;
                    drop(steps);
                    inbox.push(Letter::Done(id, outcome));
                }
            };
            lanes.threads.push(named(name, work)?);
        }
        Ok(lanes)
    }

    fn push(&self, op: DiskOp) {
        match op.lane {
            Lane::Commit => self.commit.push(op),
            Lane::Files => self.files.push(op),
            Lane::Read => self.read.push(op),
        }
    }

    fn stop(self) {
        for queue in [&self.commit, &self.files, &self.read] {
            queue.stop();
        }
        for thread in self.threads {
            // It has nothing left to say.
            let _ = thread.join();
        }
    }
}

/// The appending thread.
struct Appender {
    engine: Engine,
    inbox: Arc<Inbox>,
    lanes: Lanes,
    directory: PathBuf,
    /// A copy that is wanted, until it is begun.
    backup: Option<(PathBuf, inbox::Done)>,
    /// One is being made.
    copying: bool,
    stopping: bool,
}

impl Appender {
    fn run(mut self, mut tell: impl FnMut(Event)) -> Result<(), StoreError> {
        let ended = self.work(&mut tell);
        if let Err(error) = &ended {
            tell(Event::Failed(error.clone()));
        }
        self.lanes.stop();
        if let Some((_, done)) = self.backup {
            done(Err(io::Error::other("the log has ended")));
        }
        ended
    }

    fn work(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), StoreError> {
        let start = Instant::now();
        let now = || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut letters = Vec::new();
        loop {
            let at = now();
            for letter in letters.drain(..) {
                self.open_letter(letter, at)?;
            }
            self.engine.poll(at);
            for op in self.engine.take_ops() {
                self.lanes.push(op);
            }
            for event in self.engine.take_events() {
                match event {
                    Event::BackupReady { first, last, end } => self.begin_backup(first, last, end),
                    Event::Failed(error) => return Err(error),
                    event => tell(event),
                }
            }
            if self.stopping && self.engine.may_end() {
                return Ok(());
            }
            let due = self.engine.next_poll();
            let wait = due.map(|due| Duration::from_micros(due.saturating_sub(now())));
            self.inbox.take(wait, &mut letters);
        }
    }

    fn open_letter(&mut self, letter: Letter, now: u64) -> Result<(), StoreError> {
        match letter {
            Letter::Batch(epoch, batch) => self.engine.submit(epoch, batch, now)?,
            Letter::Read(wanted) => {
                for (ticket, id) in wanted {
                    self.engine.read(ticket, id);
                }
            }
            Letter::Done(id, outcome) => self.engine.complete(id, outcome, now),
            Letter::Backup(_, done) if self.copying || self.backup.is_some() => {
                done(Err(io::Error::other("another backup is under way")));
            }
            Letter::Backup(into, done) => {
                self.backup = Some((into, done));
                self.engine.backup();
            }
            Letter::BackupDone => {
                self.copying = false;
                self.engine.backup_done();
            }
            Letter::Stop if !self.stopping => {
                self.stopping = true;
                self.engine.end();
            }
            Letter::Stop => {}
        }
        Ok(())
    }

    /// Copies on a thread of its own, which may take long.
    fn begin_backup(&mut self, first: u32, last: u32, end: u32) {
        let Some((into, done)) = self.backup.take() else {
            return;
        };
        self.copying = true;
        let (from, inbox) = (self.directory.clone(), self.inbox.clone());
        let copy = move || {
            let copied = file_disk::copy(&from, &into, first, last, end);
            inbox.push(Letter::BackupDone);
            done(copied);
        };
        if named("log-backup", copy).is_err() {
            self.copying = false;
            self.engine.backup_done();
        }
    }
}
