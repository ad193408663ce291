//! Replaces a file in one step: whoever reads it sees the old text or the new one, never a piece.
//!
//! Owns nothing. What is written is on the disk when it returns.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

/// Who may read the new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever may read the old one; where there is none, the owner alone.
    AsBefore,
    Owner,
}

/// Writes a new file beside the old one and puts it in its place.
pub(crate) fn replace_file(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let result = write_beside(&path, &beside, text, readers);
    if result.is_err() {
        // It may not even have been made.
        let _ = fs::remove_file(&beside);
    }
    result
}

fn write_beside(path: &Path, beside: &Path, text: &str, readers: Readers) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    if readers == Readers::AsBefore
        && let Ok(old) = fs::metadata(path)
    {
        file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        // Only root may give a file away; then it stays with who writes it.
        let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_in_one_step() {
        let dir = std::env::temp_dir().join(format!("waypost-replace-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("users");
        let mode = || fs::metadata(&path).unwrap().mode() & 0o777;
        replace_file(&path, "a:1\n", Readers::AsBefore).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace_file(&path, "a:2\n", Readers::AsBefore).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a:2\n");
        assert_eq!(mode(), 0o640);
        replace_file(&path, "a:3\n", Readers::Owner).unwrap();
        assert_eq!(mode(), 0o600);
        let left = fs::read_dir(&dir).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside it");
        fs::remove_dir_all(&dir).unwrap();
    }
}
