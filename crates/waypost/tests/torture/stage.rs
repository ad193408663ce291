//! What all clients of a run share: where the broker is, how far the run is, a clock that only orders, and the
//! list of what went wrong. Never touches a socket.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Subscribers subscribe.
    Setup,
    Running,
    /// Nothing new is published; what is in flight is finished.
    Finishing,
    Over,
}

/// No violation is kept beyond these: one cause has many.
const MAX_VIOLATIONS: usize = 40;

pub(crate) struct Stage {
    pub(crate) port: u16,
    pub(crate) seed: u64,
    phase: Mutex<Phase>,
    changed: Condvar,
    cycle: AtomicU64,
    /// Counted up right before each kill and right after: odd while the broker dies. A connection that sees the same
    /// even number at its beginning and its end was ended by a broker that runs.
    kills: AtomicU64,
    ticks: AtomicU64,
    ready: AtomicU64,
    /// Receptions of all, to see when nothing comes any more.
    pub(crate) received: AtomicU64,
    /// Messages whose acknowledgement a publisher has read.
    acknowledged: AtomicU64,
    /// As many of them wake the one who waits for it.
    awaited: AtomicU64,
    /// Of what was sent, how much no acknowledgement has come for.
    pub(crate) in_flight: AtomicU64,
    violations: Mutex<Vec<String>>,
}

impl Stage {
    pub(crate) fn new(port: u16, seed: u64) -> Stage {
        Stage {
            port,
            seed,
            phase: Mutex::new(Phase::Setup),
            changed: Condvar::new(),
            cycle: AtomicU64::new(0),
            kills: AtomicU64::new(0),
            ticks: AtomicU64::new(1),
            ready: AtomicU64::new(0),
            received: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            violations: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.lock().unwrap()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        *self.phase.lock().unwrap() = phase;
        self.changed.notify_all();
    }

    /// Waits until the run is in `phase` or past it.
    pub(crate) fn await_phase(&self, phase: Phase) {
        let mut now = self.phase.lock().unwrap();
        while *now < phase {
            now = self.changed.wait(now).unwrap();
        }
    }

    /// Lets `time` pass, or less where something has happened: the phase has changed, something went wrong.
    pub(crate) fn pause(&self, time: Duration) {
        let guard = self.phase.lock().unwrap();
        drop(self.changed.wait_timeout(guard, time).unwrap());
    }

    /// Lets all of `time` pass unless something goes wrong.
    pub(crate) fn let_pass(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.failed() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.pause(left);
        }
    }

    pub(crate) fn one_more_acknowledged(&self) {
        let now = self.acknowledged.fetch_add(1, SeqCst) + 1;
        if now == self.awaited.load(SeqCst) {
            self.changed.notify_all();
        }
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// Waits for `more` acknowledgements, for `most` at most; true where they have come.
    pub(crate) fn await_acknowledged(&self, more: u64, most: Duration) -> bool {
        let awaited = self.acknowledged() + more;
        self.awaited.store(awaited, SeqCst);
        let begun = Instant::now();
        while self.acknowledged() < awaited {
            let left = most.saturating_sub(begun.elapsed());
            if left.is_zero() || self.failed() {
                return false;
            }
            self.pause(left.min(Duration::from_millis(1)));
        }
        true
    }

    pub(crate) fn cycle(&self) -> u64 {
        self.cycle.load(SeqCst)
    }

    pub(crate) fn next_cycle(&self) {
        self.cycle.fetch_add(1, SeqCst);
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.load(SeqCst)
    }

    /// Does the killing, known to all as such.
    pub(crate) fn kill(&self, kill: impl FnOnce()) {
        self.kills.fetch_add(1, SeqCst);
        kill();
        self.kills.fetch_add(1, SeqCst);
    }

    /// A moment: what happened before is smaller.
    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, SeqCst)
    }

    /// A subscriber has all its subscriptions.
    pub(crate) fn one_more_ready(&self) {
        self.ready.fetch_add(1, SeqCst);
    }

    pub(crate) fn ready(&self) -> u64 {
        self.ready.load(SeqCst)
    }

    pub(crate) fn violation(&self, who: &str, what: &str) {
        let line = format!("cycle {}, {who}: {what}", self.cycle());
        let mut all = self.violations.lock().unwrap();
        if all.len() < MAX_VIOLATIONS {
            all.push(line);
        }
        drop(all);
        self.changed.notify_all();
    }

    pub(crate) fn failed(&self) -> bool {
        !self.violations.lock().unwrap().is_empty()
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }
}
