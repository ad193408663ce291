//! What the threads of a load have in common: the phase, the windows of the publishers, and a board of
//! counters each. Nothing here waits or takes part in a message but the window's cells.
//!
//! A publisher's window is a ring with a cell for each message on its way; subscribers count in it, and the
//! publisher alone empties it.

use super::{LoadPlan, Loop};
use crate::histogram::Latencies;
use crate::ledger::Tally;
use crate::target::{Run, Target};
use mio::Waker;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

/// What the threads are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    Connect,
    Warm,
    Measure,
    /// Nothing new is sent; what is on its way arrives.
    Drain,
    Close,
}

impl Phase {
    const ALL: [Phase; 5] = [
        Phase::Connect,
        Phase::Warm,
        Phase::Measure,
        Phase::Drain,
        Phase::Close,
    ];
}

/// The messages of one publisher that are on their way.
pub(super) struct Window {
    cells: Box<[AtomicU32]>,
    /// How many the publisher has sent, so that a number above is known for nonsense.
    sent: AtomicU64,
}

impl Window {
    fn new(cells: usize) -> Window {
        Window {
            cells: (0..cells).map(|_| AtomicU32::new(0)).collect(),
            sent: AtomicU64::new(0),
        }
    }

    fn cell(&self, number: u64) -> Option<&AtomicU32> {
        // A power of two, or none at all.
        let mask = (self.cells.len() as u64).wrapping_sub(1);
        self.cells.get((number & mask) as usize)
    }

    /// A subscriber is past message `number`.
    pub(super) fn count(&self, number: u64) {
        if let Some(cell) = self.cell(number) {
            cell.fetch_add(1, Ordering::Release);
        }
    }

    /// Empties the cell of `number` where `copies` have been counted.
    pub(super) fn clear_if_done(&self, number: u64, copies: u32) -> bool {
        let Some(cell) = self.cell(number) else {
            return true;
        };
        if cell.load(Ordering::Acquire) < copies {
            return false;
        }
        cell.store(0, Ordering::Relaxed);
        true
    }

    pub(super) fn set_sent(&self, sent: u64) {
        self.sent.store(sent, Ordering::Release);
    }

    pub(super) fn was_sent(&self, number: u64) -> bool {
        number < self.sent.load(Ordering::Acquire)
    }
}

/// Counters of one thread, written by it alone.
#[repr(align(128))]
pub(super) struct Board {
    pub(super) ready: AtomicU64,
    sent: AtomicU64,
    expected: AtomicU64,
    delivered: AtomicU64,
    repeated: AtomicU64,
    disordered: AtomicU64,
    foreign: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unsent: AtomicU64,
    pub(super) cpu_ns: AtomicU64,
    /// When something last came or went.
    pub(super) moved_at: AtomicU64,
    /// All that this thread had to send is sent.
    pub(super) finished: AtomicBool,
    /// Nothing waits for an acknowledgement or a socket.
    pub(super) quiet: AtomicBool,
    /// Latencies since the conductor last looked, and how late messages were sent.
    pub(super) recent: Mutex<Latencies>,
    pub(super) waker: OnceLock<Waker>,
    pub(super) asleep: AtomicBool,
}

impl Board {
    fn new() -> Board {
        let zero = || AtomicU64::new(0);
        Board {
            ready: zero(),
            sent: zero(),
            expected: zero(),
            delivered: zero(),
            repeated: zero(),
            disordered: zero(),
            foreign: zero(),
            refused: zero(),
            unsent: zero(),
            cpu_ns: zero(),
            moved_at: zero(),
            finished: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            recent: Mutex::new(Latencies::new()),
            waker: OnceLock::new(),
            asleep: AtomicBool::new(false),
        }
    }

    pub(super) fn show(&self, tally: &Tally) {
        let pairs = [
            (&self.sent, tally.sent),
            (&self.expected, tally.expected),
            (&self.repeated, tally.repeated),
            (&self.disordered, tally.disordered),
            (&self.foreign, tally.foreign),
        ];
        for (cell, value) in pairs {
            cell.store(value, Ordering::Relaxed);
        }
        self.delivered.store(tally.delivered, Ordering::Release);
    }

    fn tally(&self) -> Tally {
        let delivered = self.delivered.load(Ordering::Acquire);
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Tally {
            sent: read(&self.sent),
            expected: read(&self.expected),
            delivered,
            repeated: read(&self.repeated),
            disordered: read(&self.disordered),
            foreign: read(&self.foreign),
        }
    }

    /// Ends the thread's wait, where it is in one.
    pub(super) fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(waker) = self.waker.get()
        {
            // It looks again within a tenth of a second anyhow.
            let _ = waker.wake();
        }
    }
}

pub(super) struct Shared<'a> {
    pub(super) plan: &'a LoadPlan,
    pub(super) target: &'a Target,
    pub(super) run: Run,
    phase: AtomicU8,
    /// When the load began, and when the part of it that is measured.
    pub(super) load_from: AtomicU64,
    pub(super) measure_from: AtomicU64,
    pub(super) windows: Vec<Window>,
    pub(super) boards: Vec<Board>,
    /// A broker that is spoken to without MQTT: see `relay`.
    pub(super) bare: bool,
}

impl<'a> Shared<'a> {
    pub(super) fn new(plan: &'a LoadPlan, target: &'a Target, bare: bool) -> Shared<'a> {
        let cells = match plan.pacing {
            Loop::Closed => (plan.window as usize).next_power_of_two(),
            Loop::Open { .. } => 0,
        };
        let publishers = 0..plan.topology.publishers;
        Shared {
            plan,
            target,
            run: Run::begin(),
            phase: AtomicU8::new(Phase::Connect as u8),
            load_from: AtomicU64::new(u64::MAX),
            measure_from: AtomicU64::new(u64::MAX),
            windows: publishers.map(|_| Window::new(cells)).collect(),
            boards: (0..plan.threads).map(|_| Board::new()).collect(),
            bare,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        let index = usize::from(self.phase.load(Ordering::Acquire));
        Phase::ALL.get(index).copied().unwrap_or(Phase::Close)
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
        for board in &self.boards {
            board.wake();
        }
    }

    pub(super) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for tally in self.boards.iter().map(Board::tally) {
            sum.sent += tally.sent;
            sum.expected += tally.expected;
            sum.delivered += tally.delivered;
            sum.repeated += tally.repeated;
            sum.disordered += tally.disordered;
            sum.foreign += tally.foreign;
        }
        sum
    }

    /// The sum of one counter over all threads.
    pub(super) fn sum(&self, of: impl Fn(&Board) -> &AtomicU64) -> u64 {
        let boards = self.boards.iter();
        boards.map(|board| of(board).load(Ordering::Relaxed)).sum()
    }

    /// The thread of a publisher. Where there is enough for each thread, publishers and their subscribers
    /// are brought together.
    pub(super) fn home_of_publisher(&self, publisher: u32) -> usize {
        let t = &self.plan.topology;
        let first = t.topic_of_publisher(publisher, 0);
        self.home(first, publisher)
    }

    pub(super) fn home_of_subscriber(&self, subscriber: u32) -> usize {
        let t = &self.plan.topology;
        let first = t.topic_of_subscriber(subscriber, 0);
        if t.shared {
            // The members of a group count together.
            return first as usize % t.topics.min(self.plan.threads as u32) as usize;
        }
        self.home(first, subscriber)
    }

    fn home(&self, topic: u32, client: u32) -> usize {
        let parts = self.plan.topology.parts() as usize;
        if parts >= self.plan.threads {
            topic as usize % parts % self.plan.threads
        } else {
            client as usize % self.plan.threads
        }
    }
}
