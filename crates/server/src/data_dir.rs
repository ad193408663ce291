//! The data directory: made at start, and one broker's alone while it runs.
//!
//! Owns the lock, which the system gives back when the process ends, however it does. The lock file
//! holds nothing and stays: removing it would let two brokers each lock a file of that name.

use crate::node::ServeError;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

const LOCK_FILE: &str = "waypost.lock";

/// The directory is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDir(#[expect(dead_code, reason = "locked while it is open")] File);

impl DataDir {
    pub(crate) fn take(path: &Path) -> Result<DataDir, ServeError> {
        let failed = |source| ServeError::DataDir {
            path: path.to_owned(),
            source,
        };
        // What clients keep here is nobody else's to read.
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(failed)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let lock = options.open(path.join(LOCK_FILE)).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => failed(io::ErrorKind::ResourceBusy.into()),
            TryLockError::Error(error) => failed(error),
        })?;
        Ok(DataDir(lock))
    }
}

/// What to do about it.
pub(crate) fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ResourceBusy => {
            ": another broker is using it; stop that one, or choose another directory with --data-dir"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; make it writable for this user, or choose another directory with --data-dir"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "; something else has that name: choose another directory with --data-dir"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time() {
        let top = std::env::temp_dir().join(format!("waypost-data-{}", std::process::id()));
        let path = top.join("a/b");
        let first = DataDir::take(&path).unwrap();
        let error = DataDir::take(&path).unwrap_err().to_string();
        let named = path.display().to_string();
        assert!(
            error.contains(&named) && error.contains("--data-dir"),
            "{error}"
        );
        drop(first);
        drop(DataDir::take(&path).unwrap());
        let file = path.join(LOCK_FILE);
        let error = DataDir::take(&file).unwrap_err().to_string();
        assert!(error.contains("something else has that name"), "{error}");
        std::fs::remove_dir_all(&top).unwrap();
    }
}
