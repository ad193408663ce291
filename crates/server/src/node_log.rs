//! The log that a node runs on: on disk, or in memory where the configuration says so.
//!
//! Opens it, lets new shards take in what it has, then starts its threads. What the log has to say
//! goes into the shards' inboxes; nobody ever waits for it. A failure of the log ends the node: nothing
//! is said to be durable any more.

use crate::clock::Clock;
use crate::config::{Durability, Values};
use crate::inbox::{Inbox, Letter};
use crate::node::{ServeError, random};
use crate::notify::{self, State};
use crate::wiring::Event;
use broker::recover::{Recovered, Recovery, Seen};
use broker::{Read, Shard};
use message::record::{Durable, StoreOp};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use store::shell::{FileDisk, LogHandle, RunningLog};
use store::{DiskLog, Folded, Salt, Settings, StoreError, UnixOffset};

/// Where the log is, in the data directory.
pub(crate) const FOLDER: &str = "log";
/// Threads that read bodies.
const READERS: usize = 2;
/// How often a long recovery tells how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Messages between two looks at the clock.
const PROGRESS_STEP: usize = 1 << 14;

/// Where shards leave their operations.
pub(crate) struct NodeLog {
    way: Way,
    /// The disk is full.
    holds_back: Arc<AtomicBool>,
}

enum Way {
    Disk(LogHandle),
    /// Nothing is kept: what there is has the shards.
    Memory(Vec<Arc<Inbox>>),
}

impl NodeLog {
    /// Gives a shard's batch to the log, after all that were given before.
    pub(crate) fn push(&self, batch: Vec<StoreOp>) {
        match &self.way {
            Way::Disk(log) => log.give(batch),
            // It is told by its inbox all the same: a ticket settles in a later turn.
            Way::Memory(shards) => {
                if let Some(op) = batch.last()
                    && let Some(shard) = shards.get(usize::from(op.shard))
                {
                    shard.push(Letter::Durable(Durable::all(op.shard, op.seq)));
                }
            }
        }
    }

    /// Copies the log into a new directory while it is used. `done` is called from another thread; it is
    /// given back where nothing is kept on disk.
    pub(crate) fn backup<F>(&self, into: PathBuf, done: F) -> Result<(), F>
    where
        F: FnOnce(Result<(), io::Error>) + Send + 'static,
    {
        match &self.way {
            Way::Disk(log) => {
                log.backup(into, done);
                Ok(())
            }
            Way::Memory(_) => Err(done),
        }
    }

    /// True while the disk is full, and what must be stored waits.
    pub(crate) fn holds_back(&self) -> bool {
        self.holds_back.load(Ordering::Relaxed)
    }

    /// Asks for messages; each comes as [`Letter::Body`].
    pub(crate) fn read(&self, wanted: impl Iterator<Item = Read>) {
        match &self.way {
            Way::Disk(log) => log.read(wanted.map(|read| (read.ticket, read.id)).collect()),
            // Shards that are told to keep everything in memory ask for nothing.
            Way::Memory(_) => debug_assert_eq!(wanted.count(), 0),
        }
    }
}

/// Where the log of a data directory is.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER)
}

/// A log on disk that is open and not running yet.
pub(crate) struct OpenLog {
    path: PathBuf,
    log: DiskLog<FileDisk>,
    began: Instant,
}

/// The log of the data directory; `None` where nothing is to be kept.
pub(crate) fn open(values: &Values, clock: Clock) -> Result<Option<OpenLog>, ServeError> {
    let path = folder(&values.data_dir);
    if values.durability == Durability::Memory {
        if path.exists() {
            let path = path.display();
            tracing::warn!(%path, "durability is \"memory\": the log that is there is left as it is");
        }
        return Ok(None);
    }
    let began = Instant::now();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.and_then(|()| sync_parent(&path))
        .map_err(|source| ServeError::DataDir {
            path: path.clone(),
            source,
        })?;
    let salt = Salt(random().map_err(ServeError::Start)?);
    let settings = settings(clock).map_err(ServeError::Start)?;
    let log = store::shell::open(&path, salt, settings).map_err(|source| failed(&path, source))?;
    Ok(Some(OpenLog { path, log, began }))
}

/// The name of the folder must last as its files do.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn failed(path: &Path, source: StoreError) -> ServeError {
    let path = path.to_owned();
    ServeError::Log { path, source }
}

fn settings(clock: Clock) -> io::Result<Settings> {
    let now = clock.now();
    let offset = i64::try_from(now.unix_ms.saturating_sub(now.ms));
    Ok(Settings {
        unix_offset: UnixOffset(offset.unwrap_or(i64::MAX)),
        seed: random()?,
        ..Settings::default()
    })
}

impl OpenLog {
    /// The shards, which are new, take in what the log has.
    pub(crate) fn recover(&self, shards: &mut [Shard], clock: Clock) -> Result<(), ServeError> {
        let now = clock.now();
        let mut progress = Progress::new(self.log.len());
        let mut recovery = Recovery::new(shards, now);
        let marks = self.log.marks();
        recovery.saw(Seen {
            message: marks.message,
            queue: marks.queue,
            version: marks.retained_version,
        });
        let scanned = self.log.scan(&mut |item| match item {
            Folded::Row(row) => recovery.row(row),
            Folded::Message(live) => {
                recovery.message(live.message.clone(), live.retained, live.qos2_id);
                for waiting in &live.waiting {
                    recovery.destination(waiting.ordinal, &waiting.dest, waiting.group);
                }
                progress.step();
            }
        });
        scanned.map_err(|source| failed(&self.path, source))?;
        self.tell(recovery.finish());
        Ok(())
    }

    fn tell(&self, found: Recovered) {
        let path = self.path.display();
        let ms = self.began.elapsed().as_millis();
        let Recovered {
            sessions,
            subscriptions,
            messages,
            retained,
        } = found;
        let bytes = self.log.size().0;
        tracing::info!(
            %path, bytes, sessions, subscriptions, messages, retained, ms,
            "the log was read"
        );
    }
}

/// The threads of the log, to be stopped last.
pub(crate) enum LogEnd {
    Disk(RunningLog),
    Memory,
}

/// Starts the log's threads. Shards are told by their inboxes, the node's owner of a failure.
pub(crate) fn start(
    open: Option<OpenLog>,
    shards: &[Arc<Inbox>],
    events: &SyncSender<Event>,
) -> io::Result<(NodeLog, LogEnd)> {
    let (shards, events) = (shards.to_vec(), events.clone());
    let holds_back = Arc::new(AtomicBool::new(false));
    if let Some(OpenLog { path, log, .. }) = open {
        let told = holds_back.clone();
        let tell = move |event| {
            match event {
                store::Event::HoldBack => told.store(true, Ordering::Relaxed),
                store::Event::Resume => told.store(false, Ordering::Relaxed),
                _ => {}
            }
            on_event(event, &shards, &events, &path);
        };
        let running = RunningLog::start(log, READERS, tell)?;
        let way = Way::Disk(running.handle().clone());
        return Ok((NodeLog { way, holds_back }, LogEnd::Disk(running)));
    }
    let way = Way::Memory(shards);
    Ok((NodeLog { way, holds_back }, LogEnd::Memory))
}

impl LogEnd {
    /// Stops, once all that was given is durable.
    pub(crate) fn stop(self) -> Result<(), String> {
        match self {
            LogEnd::Disk(running) => running.stop().map_err(|e| e.to_string()),
            LogEnd::Memory => Ok(()),
        }
    }
}

/// What the log has to say, on its own thread.
fn on_event(event: store::Event, shards: &[Arc<Inbox>], events: &SyncSender<Event>, path: &Path) {
    match event {
        store::Event::Durable(mark) => {
            if let Some(shard) = shards.get(usize::from(mark.shard)) {
                shard.push(Letter::Durable(mark));
            }
        }
        store::Event::HoldBack => {
            let path = path.display();
            tracing::error!(
                %path,
                "the disk is full: messages that must be stored wait and are not acknowledged until \
                 there is room; make some"
            );
        }
        store::Event::Resume => {
            tracing::warn!("there is room on the disk again: what waited is stored");
        }
        store::Event::DeadDamage(damage) => {
            let path = path.display();
            let (file, at, what) = (damage.file, damage.at, damage.what);
            tracing::warn!(
                %path, %file, at, what,
                "the log was damaged where nothing lives any more: what lives in that segment is whole and \
                 has been copied, nothing is lost; look at the disk"
            );
        }
        store::Event::Failed(error) => {
            let told = Event::Failed(failed(path, error).to_string());
            // Where nobody listens any more the node is ending anyway.
            let _ = events.try_send(told);
        }
        store::Event::Body(ticket, live) => {
            let body = live.map(|live| live.into_body());
            if let Some(shard) = shards.get(usize::from(Read::shard_of(ticket))) {
                shard.push(Letter::Body(ticket, body));
            }
        }
        // The shell makes the copy itself.
        store::Event::BackupReady { .. } => {}
    }
}

/// Tells how far a long recovery is: in the log, and to systemd, which would else give up.
struct Progress {
    total: usize,
    done: usize,
    told: Instant,
}

impl Progress {
    fn new(total: usize) -> Self {
        Progress {
            total,
            done: 0,
            told: Instant::now(),
        }
    }

    fn step(&mut self) {
        self.done += 1;
        if !self.done.is_multiple_of(PROGRESS_STEP) || self.told.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.told = Instant::now();
        let (done, total) = (self.done, self.total);
        tracing::info!(done, total, "reading the log");
        notify::tell(
            State::Starting,
            &format!("Reading the log: {done} of {total} messages"),
        );
    }
}
