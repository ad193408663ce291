//! Queues: messages that wait for a consumer, whatever protocol it speaks.
//!
//! `backlog` is the waiting line with its limits, `group` the competing consumers of one queue, `paged`
//! the part of either whose bodies are in the log alone.

mod backlog;
mod group;
mod paged;
mod weight;

pub(crate) use backlog::{Backlog, Held, Queued};
pub(crate) use group::{Group, GroupItem, Handout, Step};
pub(crate) use paged::{Arrival, Batch};
pub(crate) use weight::Weight;

/// How much of a line is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// All of it: nothing is paged out.
    Whole,
    /// Messages of about so many bytes.
    Bytes(u64),
}

impl Window {
    /// As it is set; `u64::MAX` is unlimited.
    pub(crate) fn of(bytes: u64) -> Self {
        match bytes {
            u64::MAX => Window::Whole,
            bytes => Window::Bytes(bytes),
        }
    }

    /// Of a line that nobody takes from now.
    pub(crate) fn away(self) -> Self {
        match self {
            Window::Whole => Window::Whole,
            Window::Bytes(_) => Window::Bytes(0),
        }
    }

    fn holds(self, bytes: u64) -> bool {
        match self {
            Window::Whole => true,
            Window::Bytes(most) => bytes <= most,
        }
    }
}
