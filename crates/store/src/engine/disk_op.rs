//! What an engine asks of a disk, and what a disk answers.
//!
//! Plain values. A [`DiskOp`] is a chain of steps: they are done in this order, and the first that fails
//! ends it. Chains of different lanes may be done in any order; the engine leans on completions alone.

use crate::format::FileName;
use std::sync::Arc;
use thiserror::Error;

/// Names an operation for its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId(pub(crate) u64);

/// Who does an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Batches, one at a time.
    Commit,
    /// Making and removing files, which may take long and for which no batch waits.
    Files,
    /// Reads.
    Read,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file is there, and at least this long, with room on the disk for all of it. What is new of
    /// it reads as zero. This step alone may fail for want of room without harm.
    Preallocate {
        file: FileName,
        len: u64,
    },
    /// The file is there, and empty.
    Create {
        file: FileName,
    },
    Write {
        file: FileName,
        at: u64,
        bytes: Arc<Vec<u8>>,
    },
    /// Makes what was written to the file, and its length, durable. A failure is final.
    Sync {
        file: FileName,
    },
    Truncate {
        file: FileName,
        len: u64,
    },
    Rename {
        from: FileName,
        to: FileName,
    },
    /// The file may be gone already.
    Unlink {
        file: FileName,
    },
    /// Makes what happened to names durable.
    SyncDirectory,
    /// Reads up to `len` bytes; fewer only at the end of the file.
    Read {
        file: FileName,
        at: u64,
        len: u32,
    },
}

/// A chain of steps.
#[derive(Clone, Debug)]
pub struct DiskOp {
    pub id: OpId,
    pub lane: Lane,
    pub steps: Vec<Step>,
}

/// Why a step failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{action} of {file} failed: {cause}")]
pub struct DiskError {
    pub fault: Fault,
    /// As a noun: "write", "sync".
    pub action: &'static str,
    /// The file's name, or "the directory".
    pub file: String,
    pub cause: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No room on the disk.
    Full,
    /// No such file.
    Missing,
    Other,
}

/// What came of a chain: the bytes of its read, else none.
pub type Outcome = Result<Vec<u8>, DiskError>;

impl Step {
    /// What it does and to what, for errors and traces.
    pub fn describe(&self) -> (&'static str, String) {
        match self {
            Step::Preallocate { file, .. } => ("preallocation", file.to_string()),
            Step::Create { file } => ("creation", file.to_string()),
            Step::Write { file, .. } => ("write", file.to_string()),
            Step::Sync { file } => ("sync", file.to_string()),
            Step::Truncate { file, .. } => ("truncation", file.to_string()),
            Step::Rename { to, .. } => ("renaming", to.to_string()),
            Step::Unlink { file } => ("removal", file.to_string()),
            Step::SyncDirectory => ("sync", "the directory".into()),
            Step::Read { file, .. } => ("read", file.to_string()),
        }
    }

    /// The error of this step.
    pub fn error(&self, fault: Fault, cause: impl Into<String>) -> DiskError {
        let (action, file) = self.describe();
        let cause = cause.into();
        DiskError {
            fault,
            action,
            file,
            cause,
        }
    }
}

/// A directory of a log, one step at a time: for opening, for what is done to a stopped log, and for
/// whoever runs an engine without threads.
pub trait Disk {
    /// The log's own files, in any order.
    fn list(&self) -> Result<Vec<FileName>, DiskError>;
    fn length(&self, file: FileName) -> Result<u64, DiskError>;
    /// Up to `len` bytes; fewer only at the end of the file.
    fn read(&self, file: FileName, at: u64, len: usize) -> Outcome;
    /// Any step but a read.
    fn run(&mut self, step: &Step) -> Result<(), DiskError>;

    /// A whole chain.
    fn perform(&mut self, steps: &[Step]) -> Outcome {
        let mut bytes = Vec::new();
        for step in steps {
            match step {
                Step::Read { file, at, len } => bytes = self.read(*file, *at, *len as usize)?,
                step => self.run(step)?,
            }
        }
        Ok(bytes)
    }
}

impl<D: Disk> Disk for &mut D {
    fn list(&self) -> Result<Vec<FileName>, DiskError> {
        (**self).list()
    }

    fn length(&self, file: FileName) -> Result<u64, DiskError> {
        (**self).length(file)
    }

    fn read(&self, file: FileName, at: u64, len: usize) -> Outcome {
        (**self).read(file, at, len)
    }

    fn run(&mut self, step: &Step) -> Result<(), DiskError> {
        (**self).run(step)
    }
}
