//! The users of the HTTP API: the file `admin-users` in the data directory.
//!
//! Lines of `user:role:$argon2id$...`, as `waypost admin passwd` writes them. Owns the hashes, never a
//! password but the first one, between its making and its printing. An empty file lets nobody in, a
//! broken one is refused as a whole, with its line.

use crate::auth::{PasswordFile, hash_password};
use crate::config::Role;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::digest::{SHA256, digest};
use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The name of the file in the data directory.
const FILE: &str = "admin-users";
/// The user that the first start makes.
pub(crate) const FIRST_USER: &str = "admin";
/// Of a password or token that is made here.
const SECRET_BYTES: usize = 20;

/// Why there are no users.
#[derive(Debug, Error)]
pub enum AdminUsersError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}:{line}: {what}; repair it, or delete it to have a new first password", path.display())]
    Broken {
        path: PathBuf,
        line: usize,
        what: String,
    },
    #[error("no password can be made: {0}")]
    NoSecret(String),
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct AdminUsers {
    /// `None` where there is no user.
    passwords: Option<PasswordFile>,
    rights: HashMap<Box<str>, Right>,
}

/// What a login rests on: where it changes, the login ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) role: Role,
    hash: Box<str>,
}

/// A password or token that was just made, and its SHA-256 in hexadecimal digits.
#[derive(Clone, Debug)]
pub struct NewSecret {
    pub secret: String,
    pub sha256: String,
}

impl NewSecret {
    /// 160 bits of the operating system's randomness, in letters and digits that are hard to mistake.
    pub fn new() -> Result<NewSecret, String> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|e| e.to_string())?;
        let secret = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
        let sha256 = HEXLOWER.encode(digest(&SHA256, secret.as_bytes()).as_ref());
        Ok(NewSecret { secret, sha256 })
    }
}

/// The line of a user behind its name and colon.
pub fn admin_user_entry(role: Role, password: &str) -> Result<String, String> {
    Ok(format!("{role}:{}", hash_password(password.as_bytes())?))
}

impl AdminUsers {
    /// Where the file is.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Parses the text of the file; an error has the number of its line.
    pub fn parse(text: &str) -> Result<AdminUsers, (usize, String)> {
        let mut rights = HashMap::new();
        let mut passwords = String::new();
        for (i, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                passwords.push('\n');
                continue;
            }
            let mut parts = line.trim_end().splitn(3, ':');
            let (Some(user), Some(role), Some(hash)) = (parts.next(), parts.next(), parts.next())
            else {
                return Err((i + 1, "expected user:role:$argon2id$...".into()));
            };
            let Some(role) = Role::parse(role) else {
                let what = format!("{role:?} is no role: viewer, operator or admin");
                return Err((i + 1, what));
            };
            passwords += &format!("{user}:{hash}\n");
            let hash = hash.into();
            rights.insert(user.into(), Right { role, hash });
        }
        let passwords = PasswordFile::parse(&passwords).map_err(|e| (e.line, e.what))?;
        Ok(AdminUsers {
            passwords: Some(passwords),
            rights,
        })
    }

    /// Reads the file.
    pub(crate) fn load(data_dir: &Path) -> Result<AdminUsers, AdminUsersError> {
        let path = AdminUsers::path(data_dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(AdminUsersError::Io { path, source }),
        };
        AdminUsers::parse(&text).map_err(|(line, what)| AdminUsersError::Broken {
            path,
            line,
            what,
        })
    }

    /// Reads the file, or makes it with one user: then the password comes along, this once.
    pub(crate) fn load_or_make(
        data_dir: &Path,
    ) -> Result<(AdminUsers, Option<String>), AdminUsersError> {
        match AdminUsers::load(data_dir) {
            Err(AdminUsersError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let password = NewSecret::new().map_err(AdminUsersError::NoSecret)?.secret;
                let entry = admin_user_entry(Role::Admin, &password);
                let entry = entry.map_err(AdminUsersError::NoSecret)?;
                let path = AdminUsers::path(data_dir);
                // Where messages are kept in memory the directory may not be there yet.
                let mut builder = DirBuilder::new();
                builder.recursive(true).mode(0o700);
                let made = builder.create(data_dir);
                let make = |text: &str| made.and_then(|()| make(&path, text));
                if let Err(source) = make(&format!("{FIRST_USER}:{entry}\n")) {
                    return Err(AdminUsersError::Io { path, source });
                }
                Ok((AdminUsers::load(data_dir)?, Some(password)))
            }
            loaded => Ok((loaded?, None)),
        }
    }

    pub fn len(&self) -> usize {
        self.rights.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rights.is_empty()
    }

    /// What this user may do, where the password is right. Takes tens of milliseconds.
    pub(crate) fn check(&self, user: &str, password: &str) -> Option<&Right> {
        let fits = self.passwords.as_ref()?.check(user, password.as_bytes());
        self.right(user).filter(|_| fits)
    }

    pub(crate) fn right(&self, user: &str) -> Option<&Right> {
        self.rights.get(user)
    }
}

/// Writes a file that nobody else may read; never over another one.
fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_first_start_makes_a_password_and_later_ones_do_not() {
        let dir = std::env::temp_dir().join(format!("waypost-users-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (users, first) = AdminUsers::load_or_make(&dir).unwrap();
        let first = first.unwrap();
        assert!(first.len() * 5 >= 128, "{first}");
        assert_eq!(users.check(FIRST_USER, &first).unwrap().role, Role::Admin);
        assert!(users.check(FIRST_USER, "").is_none());
        assert!(users.check("root", &first).is_none());
        let path = AdminUsers::path(&dir);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&first) && text.starts_with("admin:admin:$argon2id$"));

        let (users, second) = AdminUsers::load_or_make(&dir).unwrap();
        assert_eq!((users.len(), second), (1, None));
        std::fs::write(&path, "# nobody\n\nann:boss:x\n").unwrap();
        let error = AdminUsers::load_or_make(&dir).unwrap_err().to_string();
        assert!(
            error.contains("admin-users:3: \"boss\" is no role"),
            "{error}"
        );
        std::fs::write(&path, "").unwrap();
        let (users, again) = AdminUsers::load_or_make(&dir).unwrap();
        assert!(
            users.is_empty() && again.is_none(),
            "an empty file lets nobody in"
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn broken_lines_are_named() {
        let entry = admin_user_entry(Role::Viewer, "x").unwrap();
        let good = format!("ann:{entry}\n");
        for (text, line) in [
            ("ann\n".to_owned(), 1),
            ("ann:viewer\n".into(), 1),
            (format!("# c\n{good}{good}"), 3),
            (format!("{good}bob:viewer:plain\n"), 2),
            (format!("{good}:{entry}\n"), 2),
        ] {
            let error = AdminUsers::parse(&text).unwrap_err();
            assert_eq!(error.0, line, "{text}: {error:?}");
        }
        assert_eq!(AdminUsers::parse(&good).unwrap().len(), 1);
    }

    #[test]
    fn secrets_differ_and_have_their_hash() {
        let (a, b) = (NewSecret::new().unwrap(), NewSecret::new().unwrap());
        assert_ne!(a.secret, b.secret);
        let hash = digest(&SHA256, a.secret.as_bytes());
        assert_eq!(a.sha256, HEXLOWER.encode(hash.as_ref()));
    }
}
