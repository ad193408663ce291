//! What waits in a line, in numbers.

use std::ops::{AddAssign, SubAssign};

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    pub messages: usize,
    /// What the messages are charged with against limits.
    pub bytes: u64,
    /// What they take of the node's memory: less, where bodies are in the log alone.
    pub memory: u64,
}

impl Weight {
    /// Of one message whose body is in memory.
    pub(crate) fn of(message: &message::Message) -> Self {
        let charge = message.charge();
        Weight {
            messages: 1,
            bytes: charge,
            memory: charge,
        }
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.memory += other.memory;
    }
}

impl SubAssign for Weight {
    fn sub_assign(&mut self, other: Self) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
        self.memory -= other.memory;
    }
}
