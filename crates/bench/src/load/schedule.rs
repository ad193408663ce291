//! When messages are due in an open loop: arithmetic on a clock that is an argument.
//!
//! A message's intended time depends on nothing that the broker does, so that a stall shows in each message
//! that it held up (no coordinated omission). Keeps no queue.

use crate::net::clock::SECOND;

/// The messages of one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    from: u64,
    /// Messages of 1,000 seconds.
    rate: u64,
}

impl Schedule {
    /// `rate` messages a second from `from` on.
    pub(crate) fn new(from: u64, rate: f64) -> Schedule {
        Schedule {
            from,
            // Slower than one in a quarter of an hour is nothing that can be measured.
            rate: ((rate * 1000.0) as u64).max(1),
        }
    }

    /// When message `n` is due.
    pub(crate) fn intended(&self, n: u64) -> u64 {
        let after = u128::from(n) * u128::from(SECOND) * 1000 / u128::from(self.rate);
        self.from
            .saturating_add(u64::try_from(after).unwrap_or(u64::MAX))
    }

    /// How many messages are due by `now`.
    pub(crate) fn due(&self, now: u64) -> u64 {
        let Some(since) = now.checked_sub(self.from) else {
            return 0;
        };
        let whole = u128::from(since) * u128::from(self.rate) / (u128::from(SECOND) * 1000);
        let mut due = u64::try_from(whole).unwrap_or(u64::MAX);
        // Times are rounded down, so the next one may be due already.
        while self.intended(due) <= now {
            due += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Latencies;

    const MS: u64 = SECOND / 1000;

    #[test]
    fn what_is_due_and_when_agree() {
        for rate in [0.5, 1.0, 3.0, 999.7, 1_000_000.0] {
            let schedule = Schedule::new(77, rate);
            for at in (0..3 * SECOND).step_by(7_777_777) {
                let due = schedule.due(at);
                assert!(schedule.intended(due) > at, "{rate} {at}");
                assert!(due == 0 || schedule.intended(due - 1) <= at, "{rate} {at}");
            }
        }
    }

    /// A broker that answers in 1 ms, and for one second out of ten not at all. The clock is a number.
    #[test]
    fn a_stall_shows_in_the_tail() {
        let schedule = Schedule::new(0, 1000.0);
        let (mut latencies, mut sent) = (Latencies::new(), 0);
        let mut now = 0;
        while now < 10 * SECOND {
            now += MS;
            // While it stalls it takes nothing, so nothing can be sent to it either.
            let stalled = (5 * SECOND..6 * SECOND).contains(&now);
            while !stalled && sent < schedule.due(now) {
                latencies.record(now + MS - schedule.intended(sent));
                sent += 1;
            }
        }
        // A tenth of the messages waited, half a second on average: only a measurement that begins
        // when a message was really sent would miss it.
        assert!(latencies.at(0.5) < 3 * MS, "{}", latencies.at(0.5));
        assert!(latencies.at(0.95) > 400 * MS, "{}", latencies.at(0.95));
        assert!(latencies.at(0.99) > 850 * MS, "{}", latencies.at(0.99));
        assert!(latencies.max() > 990 * MS, "{}", latencies.max());
        assert_eq!(sent, latencies.count());
    }
}
