//! The log: what must survive, and the word that it does.
//!
//! [`Log`] is what a log is, [`MemoryLog`] the one that keeps everything in memory. A log on disk is an
//! [`Engine`], which decides and touches nothing, and somebody who does what it asks for: [`DiskLog`] in
//! place, [`shell`] with threads. Whoever owns a log calls it from one place. Nothing here but the shell has a thread, a lock, a
//! clock or a file, and nothing has randomness, so the server and the simulator run the same code. A log
//! never says "durable" at once: that is learned later.

mod disk_log;
mod engine;
mod fold;
mod format;
mod log;
mod memory;
pub mod offline;
mod planted;
mod recover;
pub mod shell;
#[cfg(any(test, feature = "simulated-disk"))]
pub mod simulated_disk;
mod store_error;

pub use disk_log::DiskLog;
pub use engine::{
    Disk, DiskError, DiskOp, Engine, Event, Fault, Lane, OpId, Outcome, ReadTicket, Settings, Step,
};
pub use fold::{Fold, Folded, Live, Waiting};
pub use format::message::UnixOffset;
pub use format::record::Marks;
pub use format::{FORMAT_VERSION, FileName, FormatError, Salt, go_through};
pub use log::{Log, LogError};
pub use memory::MemoryLog;
pub use message::record::Durable;
pub use planted::{Bug, Planted};
pub use store_error::{Damage, StoreError};
