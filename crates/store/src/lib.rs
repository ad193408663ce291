//! The log: what must survive, and the word that it does.
//!
//! [`Log`] is what a log is, [`MemoryLog`] the one that keeps everything in memory. Whoever owns a log
//! calls it from one place: nothing here has a thread, a lock, a clock or randomness, so the server
//! and the simulator run the same code. A log never calls back and never says "durable" at once:
//! that is learned from a later [`Log::sync`].

mod fold;
mod log;
mod memory;

pub use fold::{Fold, Folded, Live, Waiting};
pub use log::{Durable, Log, LogError};
pub use memory::MemoryLog;
