//! A directory of real files.
//!
//! Owns a path and the file that was written last. Does what it is told, step by step, and never tries
//! again what failed.

use crate::engine::{Disk, DiskError, Fault, Outcome, Step};
use crate::format::FileName;
use rustix::fs::{FallocateFlags, fallocate, fdatasync};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};

/// Zeroes written at once, where a file system can't preallocate.
const ZEROES: usize = 64 << 10;

/// See the module.
pub struct FileDisk {
    directory: PathBuf,
    /// The file of the last step, so that a batch does not open it anew.
    last: Option<(FileName, File)>,
}

impl FileDisk {
    pub fn new(directory: &Path) -> Self {
        FileDisk {
            directory: directory.to_path_buf(),
            last: None,
        }
    }

    /// One for another thread.
    pub(super) fn another(&self) -> Self {
        Self::new(&self.directory)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, file: FileName) -> PathBuf {
        self.directory.join(file.to_string())
    }

    fn file(&mut self, name: FileName) -> io::Result<&File> {
        let file = match self.last.take() {
            Some((last, file)) if last == name => file,
            _ => OpenOptions::new().write(true).open(self.path(name))?,
        };
        Ok(&self.last.insert((name, file)).1)
    }

    fn apply(&mut self, step: &Step) -> io::Result<()> {
        match step {
            Step::Create { file } => {
                let created = File::create(self.path(*file))?;
                self.last = Some((*file, created));
                Ok(())
            }
            Step::Preallocate { file, len } => preallocate(self.file(*file)?, *len),
            Step::Write { file, at, bytes } => self.file(*file)?.write_all_at(bytes, *at),
            Step::Sync { file } => Ok(fdatasync(self.file(*file)?)?),
            Step::Truncate { file, len } => self.file(*file)?.set_len(*len),
            Step::Rename { from, to } => {
                fs::rename(self.path(*from), self.path(*to))?;
                // Whoever writes to it opens it by its name.
                self.last = None;
                Ok(())
            }
            Step::Unlink { file } => {
                self.last = None;
                match fs::remove_file(self.path(*file)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    done => done,
                }
            }
            Step::SyncDirectory => File::open(&self.directory)?.sync_all(),
            Step::Read { .. } => Ok(()),
        }
    }
}

/// Room for the whole file. Where there is none, the file is as long as it was.
fn preallocate(file: &File, len: u64) -> io::Result<()> {
    let before = file.metadata()?.len();
    let done = match fallocate(file, FallocateFlags::empty(), 0, len) {
        Err(Errno::OPNOTSUPP) => fill(file, before, len),
        done => Ok(done?),
    };
    if done.is_err() {
        file.set_len(before)?;
    }
    done
}

/// What a file system does that can't preallocate.
fn fill(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeroes = vec![0; ZEROES];
    let mut at = from;
    while at < to {
        let len = (to - at).min(ZEROES as u64);
        file.write_all_at(&zeroes[..len as usize], at)?;
        at += len;
    }
    Ok(())
}

fn fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full,
        io::ErrorKind::NotFound => Fault::Missing,
        _ => Fault::Other,
    }
}

impl Disk for FileDisk {
    fn list(&self) -> Result<Vec<FileName>, DiskError> {
        let failed = |e: io::Error| DiskError {
            fault: fault(&e),
            action: "listing",
            file: self.directory.display().to_string(),
            cause: e.to_string(),
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            files.extend(name.to_str().and_then(FileName::parse));
        }
        Ok(files)
    }

    fn length(&self, file: FileName) -> Result<u64, DiskError> {
        let step = Step::Read {
            file,
            at: 0,
            len: 0,
        };
        let metadata = fs::metadata(self.path(file));
        let metadata = metadata.map_err(|e| step.error(fault(&e), e.to_string()))?;
        Ok(metadata.len())
    }

    fn read(&self, file: FileName, at: u64, len: usize) -> Outcome {
        let step = Step::Read { file, at, len: 0 };
        let failed = |e: io::Error| step.error(fault(&e), e.to_string());
        let opened = File::open(self.path(file)).map_err(failed)?;
        let mut bytes = vec![0; len];
        let mut got = 0;
        while got < len {
            match opened.read_at(&mut bytes[got..], at + got as u64) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        bytes.truncate(got);
        Ok(bytes)
    }

    fn run(&mut self, step: &Step) -> Result<(), DiskError> {
        self.apply(step)
            .map_err(|error| step.error(fault(&error), error.to_string()))
    }
}

/// Copies segments into a directory that is not there yet; of the last, so many bytes.
pub(super) fn copy(from: &Path, into: &Path, first: u32, last: u32, end: u32) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(into)?;
    for number in first..=last {
        let name = FileName::Segment(number).to_string();
        let source = File::open(from.join(&name))?;
        let part = if number == last {
            u64::from(end)
        } else {
            u64::MAX
        };
        let mut target = File::create_new(into.join(&name))?;
        io::copy(&mut source.take(part), &mut target)?;
        target.sync_all()?;
    }
    File::open(into)?.sync_all()
}
