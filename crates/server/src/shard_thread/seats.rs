//! Where the shards' drivers sit, and what waits for their sockets: within reach of every thread.
//!
//! A driver is used by one thread at a time, which is mostly its own (see `worker`). Each lock is held
//! alone: nobody sits in two places, nor polls while sitting.

use super::load::Thresholds;
use super::{ShardThread, worker};
use crate::clock::Clock;
use crate::inbox::Inbox;
use message::ShardId;
use mio::{Poll, Registry};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

/// The place of one shard.
pub(super) struct Seat {
    pub(super) inbox: Arc<Inbox>,
    /// Empty before its thread runs and after.
    driver: Mutex<Option<ShardThread>>,
    /// What waits for its sockets. Locked while somebody waits.
    poll: Mutex<Poll>,
    /// By which another poll waits for this one.
    pub(super) poll_fd: RawFd,
    thread: OnceLock<Thread>,
    /// The share of a core that its thread had in its last period, and when that ended.
    cpu: AtomicU64,
    heard_of: AtomicU64,
}

impl Seat {
    pub(super) fn sit(&self) -> MutexGuard<'_, Option<ShardThread>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn poll(&self) -> MutexGuard<'_, Poll> {
        self.poll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None where somebody waits there.
    pub(super) fn try_poll(&self) -> Option<MutexGuard<'_, Poll>> {
        self.poll.try_lock().ok()
    }

    /// Its thread had so much of a core in a period that ends now.
    pub(super) fn publish(&self, cpu: u64, now: u64) {
        self.cpu.store(cpu, Ordering::Relaxed);
        self.heard_of.store(now, Ordering::Relaxed);
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.sit().as_ref().is_none_or(ShardThread::has_stopped)
    }

    /// Lets its thread look what has changed, if it is parked.
    pub(super) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// The seats of all shards, by number.
#[derive(Clone)]
pub(crate) struct Seats(Arc<Room>);

pub(super) struct Room {
    pub(super) seats: Box<[Seat]>,
    /// The first thread works for all shards, and the others are parked.
    together: AtomicBool,
    pub(super) clock: Clock,
    pub(super) thresholds: Thresholds,
}

impl Room {
    /// What all threads but the first had of a core, as far as they were awake of late.
    pub(super) fn cpu_of_others(&self, now: u64) -> u64 {
        let recent = now.saturating_sub(2 * self.thresholds.period_us);
        let others = self.seats.iter().skip(1);
        let awake = others.filter(|seat| seat.heard_of.load(Ordering::Relaxed) >= recent);
        awake.map(|seat| seat.cpu.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn is_together(&self) -> bool {
        self.together.load(Ordering::SeqCst)
    }

    pub(super) fn set_together(&self, together: bool) {
        self.together.store(together, Ordering::SeqCst);
    }
}

impl Seats {
    pub(crate) fn new(
        inboxes: &[Arc<Inbox>],
        polls: Vec<Poll>,
        clock: Clock,
        thresholds: Thresholds,
    ) -> Self {
        let seat = |(inbox, poll): (&Arc<Inbox>, Poll)| Seat {
            inbox: inbox.clone(),
            driver: Mutex::default(),
            poll_fd: poll.as_raw_fd(),
            poll: Mutex::new(poll),
            thread: OnceLock::new(),
            cpu: AtomicU64::new(0),
            heard_of: AtomicU64::new(0),
        };
        Seats(Arc::new(Room {
            seats: inboxes.iter().zip(polls).map(seat).collect(),
            together: AtomicBool::new(false),
            clock,
            thresholds,
        }))
    }

    /// What the sockets of a shard are registered with.
    pub(crate) fn registry(&self, shard: ShardId) -> io::Result<Registry> {
        let seat = self.0.seats.get(usize::from(shard));
        let seat = seat.ok_or(io::ErrorKind::NotFound)?;
        seat.poll().registry().try_clone()
    }

    /// Runs a shard on this thread until it is told to stop, or until a poll fails.
    pub(crate) fn run(&self, driver: ShardThread) -> io::Result<()> {
        let own = driver.id();
        let Some(seat) = self.0.seats.get(own) else {
            return Ok(());
        };
        // A thread runs one shard.
        let _ = seat.thread.set(std::thread::current());
        *seat.sit() = Some(driver);
        let result = worker::run(&self.0, own);
        *seat.sit() = None;
        result
    }
}
