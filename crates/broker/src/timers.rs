//! The shard's timers: one ordered set, exact cancellation, no entry for what needs none.
//!
//! Owned by the shard. A keep-alive costs one operation each period, not one each packet: when it
//! fires, the connection says when it was last heard and the timer is set again.

use crate::conn::ConnId;
use message::QueueId;
use std::collections::BTreeSet;

/// What a timer is for. Ordered, so that timers of one moment fire in a fixed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// CONNECT deadline or keep alive of a connection.
    Conn(ConnId),
    /// The will delay of a session has passed.
    Will(QueueId),
    /// A session without a connection ends.
    Session(QueueId),
    /// Some retained message may have expired.
    RetainedExpiry,
    /// Publishers that are held back are read at a trickle.
    Trickle,
}

#[derive(Default)]
pub(crate) struct Timers {
    set: BTreeSet<(u64, Timer)>,
}

impl Timers {
    pub(crate) fn set(&mut self, at_ms: u64, timer: Timer) {
        self.set.insert((at_ms, timer));
    }

    /// `at_ms` is what it was set to.
    pub(crate) fn cancel(&mut self, at_ms: u64, timer: Timer) {
        self.set.remove(&(at_ms, timer));
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.set.first().map(|(at, _)| *at)
    }

    /// Takes out the first timer that is due.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Timer> {
        if self.next()? > now_ms {
            return None;
        }
        self.set.pop_first().map(|(_, timer)| timer)
    }
}
