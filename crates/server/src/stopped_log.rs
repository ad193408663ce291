//! The log of a broker that does not run: looked into, checked, repaired.
//!
//! Holds the data directory's lock, so that nothing is done below a broker that runs.

use crate::data_dir::DataDir;
use crate::node::ServeError;
use crate::node_log::folder;
use std::path::{Path, PathBuf};
use store::StoreError;
use store::offline::{self, Inspection, Loss, Walk};
use store::shell::FileDisk;

/// See the module.
pub struct StoppedLog {
    path: PathBuf,
    disk: FileDisk,
    _ours: DataDir,
}

impl StoppedLog {
    /// The log in this data directory, which must be there.
    pub fn open(data_dir: &Path) -> Result<StoppedLog, ServeError> {
        let path = folder(data_dir);
        if let Err(source) = std::fs::read_dir(&path) {
            return Err(ServeError::NoLog { path, source });
        }
        let _ours = DataDir::take(data_dir)?;
        let disk = FileDisk::new(&path);
        Ok(StoppedLog { path, disk, _ours })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lives in it.
    pub fn inspect(&self) -> Result<Inspection, ServeError> {
        offline::inspect(&self.disk).map_err(|e| self.failed(e))
    }

    /// Every byte of it, gone through.
    pub fn verify(&self) -> Result<Walk, ServeError> {
        offline::verify(&self.disk).map_err(|e| self.failed(e))
    }

    /// What a repair would cut off; `None` where the log is whole.
    pub fn what_repair_loses(&self) -> Result<Option<Loss>, ServeError> {
        offline::what_repair_loses(&self.disk).map_err(|e| self.failed(e))
    }

    /// Cuts the log where its damage begins, and keeps what is cut off beside it.
    pub fn repair(&mut self) -> Result<Option<Loss>, ServeError> {
        let repaired = offline::repair(&mut self.disk);
        repaired.map_err(|e| self.failed(e))
    }

    fn failed(&self, source: StoreError) -> ServeError {
        let path = self.path.clone();
        ServeError::Log { path, source }
    }
}
