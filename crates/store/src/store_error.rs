//! Why a log on disk refuses to open, or cannot go on.

use crate::engine::DiskError;
use crate::format::{FORMAT_VERSION, FileName};
use thiserror::Error;

/// All of these end the process that owns the log: it stops acknowledging and exits.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Never tried again: after a failed sync nobody knows what the disk holds.
    #[error("the disk failed, and nothing more can be acknowledged: {0}")]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Damage(#[from] Damage),
    #[error(
        "{file} has format version {found}, and this program reads version {FORMAT_VERSION}: \
         start the program that wrote it"
    )]
    Version { file: FileName, found: u32 },
    #[error(transparent)]
    Log(#[from] crate::LogError),
    /// Longer than a segment can be.
    #[error("a record of {0} bytes does not fit the log")]
    TooLong(usize),
    /// It has failed before, or has been stopped.
    #[error("the log has ended")]
    Ended,
}

/// A log that is not as it was written, where a crash cannot be the cause.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the log is damaged: {file} at byte {at}: {what}; `waypost store repair` shows what would be lost \
     by cutting it there, keeps a copy and does so"
)]
pub struct Damage {
    pub file: FileName,
    pub at: u64,
    pub what: String,
}
