//! How busy the threads are, and whether one is enough for all shards.

use super::seats::Room;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::Ordering;

/// The load is looked at this often.
const PERIOD_US: u64 = 50_000;
/// Above this share of a core for the one thread the others take their shards back ...
const PART_CPU: u64 = 600;
/// ... or where it hardly ever waits, whatever keeps it from the core.
const PART_AWAKE: u64 = 900;
/// Below this share of a core for all threads together one takes all shards ...
const JOIN_CPU: u64 = 350;
/// ... after so many periods.
const CALM_PERIODS: u32 = 10;

/// What the load asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Join,
    Part,
}

/// Parts of a thousand of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// That a thread had a core.
    pub(super) cpu: u64,
    /// That it did not wait in its poll.
    awake: u64,
}

/// The load of the thread that it is made in. Times are microseconds of the node's clock.
pub(super) struct Load {
    begun: u64,
    woken: u64,
    awake: u64,
    cpu: u64,
    calm: u32,
}

impl Load {
    pub(super) fn new(now: u64) -> Self {
        Load {
            begun: now,
            woken: now,
            awake: 0,
            cpu: own_cpu_us(),
            calm: 0,
        }
    }

    pub(super) fn wakes(&mut self, now: u64) {
        self.woken = now;
    }

    /// The thread is about to wait. At the end of a period: its load in it.
    pub(super) fn rests(&mut self, now: u64) -> Option<Share> {
        self.awake += now.saturating_sub(self.woken);
        self.woken = now;
        let period = now.saturating_sub(self.begun);
        if period < PERIOD_US {
            return None;
        }
        let cpu = own_cpu_us();
        let share = Share {
            cpu: cpu.saturating_sub(self.cpu) * 1000 / period,
            awake: self.awake * 1000 / period,
        };
        (self.begun, self.awake, self.cpu) = (now, 0, cpu);
        Some(share)
    }

    /// What the first thread has to do after a period with this load.
    pub(super) fn judge(&mut self, share: Share, room: &Room, now: u64) -> Option<Change> {
        if room.is_together() {
            let busy = share.cpu > PART_CPU || share.awake > PART_AWAKE;
            return busy.then_some(Change::Part);
        }
        // Who has not been heard of for two periods sleeps.
        let recent = now.saturating_sub(2 * PERIOD_US);
        let others = room.seats.iter().skip(1);
        let others = others.filter(|s| s.busy_until.load(Ordering::Relaxed) >= recent);
        let sum: u64 = others.map(|s| s.busy.load(Ordering::Relaxed)).sum();
        let calm = share.cpu + sum < JOIN_CPU && share.awake < PART_AWAKE;
        self.calm = if calm { self.calm + 1 } else { 0 };
        if self.calm < CALM_PERIODS {
            return None;
        }
        self.calm = 0;
        Some(Change::Join)
    }
}

/// CPU of this thread so far.
fn own_cpu_us() -> u64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as u64 * 1_000_000 + spent.tv_nsec as u64 / 1000
}
