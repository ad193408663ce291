//! How busy the threads are, and whether one is enough for all shards.

use rustix::time::{ClockId, clock_gettime};

/// When one thread is enough. Shares are parts of a thousand of a core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thresholds {
    /// The load is looked at this often.
    pub(super) period_us: u64,
    /// From this share on of the one thread the others take their shards back ...
    pub(super) part_cpu: u64,
    /// ... or where it hardly ever waits, whatever keeps it from the core.
    pub(super) part_awake: u64,
    /// Below this share of all threads together one takes all shards ...
    pub(super) join_cpu: u64,
    /// ... after so many periods.
    pub(super) calm_periods: u32,
}

impl Thresholds {
    pub(crate) const STANDARD: Thresholds = Thresholds {
        period_us: 50_000,
        part_cpu: 700,
        part_awake: 900,
        join_cpu: 500,
        calm_periods: 4,
    };
}

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
    thresholds: Thresholds,
    begun: u64,
    woken: u64,
    awake: u64,
    cpu: u64,
    calm: u32,
}

impl Load {
    pub(super) fn new(thresholds: Thresholds, now: u64) -> Self {
        Load {
            thresholds,
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
        if period < self.thresholds.period_us {
            return None;
        }
        let cpu = own_cpu_us();
        let share = Share {
            cpu: cpu.saturating_sub(self.cpu) * 1000 / period.max(1),
            awake: self.awake * 1000 / period.max(1),
        };
        (self.begun, self.awake, self.cpu) = (now, 0, cpu);
        Some(share)
    }

    /// What the first thread has to do after a period with this load; `others` is the share of a core
    /// that the other threads had.
    pub(super) fn judge(&mut self, own: Share, others: u64, together: bool) -> Option<Change> {
        let limits = &self.thresholds;
        let driven = own.awake >= limits.part_awake;
        if together {
            return (own.cpu >= limits.part_cpu || driven).then_some(Change::Part);
        }
        let calm = own.cpu + others < limits.join_cpu;
        self.calm = if calm { self.calm + 1 } else { 0 };
        if self.calm < limits.calm_periods {
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

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Share = Share {
        cpu: 100,
        awake: 120,
    };

    #[test]
    fn one_thread_is_enough_after_a_while_of_calm() {
        let mut load = Load::new(Thresholds::STANDARD, 0);
        let periods = Thresholds::STANDARD.calm_periods;
        for round in 0..3 {
            for _ in 1..periods {
                assert_eq!(load.judge(CALM, 100, false), None, "{round}");
            }
            let burst = load.judge(CALM, 450, false);
            assert_eq!(burst, None, "together that is too much: from the start");
        }
        for _ in 1..periods {
            assert_eq!(load.judge(CALM, 399, false), None);
        }
        assert_eq!(load.judge(CALM, 399, false), Some(Change::Join));
        assert_eq!(load.judge(CALM, 0, false), None, "not twice");
    }

    #[test]
    fn it_is_not_enough_where_it_has_much_to_do_or_never_waits() {
        let mut load = Load::new(Thresholds::STANDARD, 0);
        assert_eq!(load.judge(CALM, 0, true), None);
        let much = Share {
            cpu: 700,
            awake: 750,
        };
        assert_eq!(load.judge(much, 0, true), Some(Change::Part));
        let starved = Share {
            cpu: 200,
            awake: 950,
        };
        assert_eq!(load.judge(starved, 0, true), Some(Change::Part));
        let usual = Share {
            cpu: 400,
            awake: 700,
        };
        assert_eq!(load.judge(usual, 0, true), None);
    }

    #[test]
    fn a_period_is_counted_from_wake_to_rest() {
        let mut load = Load::new(Thresholds::STANDARD, 1000);
        load.wakes(11_000);
        assert_eq!(load.rests(16_000), None, "no period yet");
        load.wakes(41_000);
        let share = load.rests(61_000).unwrap();
        assert_eq!(share.awake, (5_000 + 20_000) * 1000 / 60_000);
        load.wakes(111_000);
        assert_eq!(load.rests(111_000).unwrap().awake, 0, "counted anew");
    }
}
