//! The time of this process: the only place where the data path reads a clock.

use broker::Now;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counts from one origin, the same for all threads of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock {
            origin: Instant::now(),
        }
    }

    /// Milliseconds since the node started.
    pub(crate) fn ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Microseconds since the node started.
    pub(crate) fn us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn now(&self) -> Now {
        self.at(self.us())
    }

    /// The time when this clock shows `us`, which it has shown just now.
    pub(crate) fn at(&self, us: u64) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_ms = unix.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        Now {
            ms: us / 1000,
            unix_ms,
        }
    }
}
