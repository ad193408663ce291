//! The time of a turn: an argument, never read from a clock here.

/// Both clocks of one moment. Timers use the monotonic one, so that setting the clock moves nothing;
/// records keep Unix time, so that a deadline survives a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds since the node started; never goes back.
    pub ms: u64,
    /// Milliseconds since 1970 (Unix time).
    pub unix_ms: u64,
}

impl Now {
    /// The monotonic moment `seconds` from now.
    pub fn after_s(self, seconds: u32) -> u64 {
        self.ms.saturating_add(u64::from(seconds) * 1000)
    }
}
