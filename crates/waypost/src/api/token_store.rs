//! Logins that are kept between commands: one token for each API.
//!
//! The file is the user's alone. A token that has expired is as good as none. Passwords never get
//! here.

use crate::failure::Failure;
use crate::replace_file::{Readers, replace_file};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The logins of one user of this machine.
#[derive(Clone, Debug)]
pub(crate) struct TokenStore {
    path: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredToken {
    pub(crate) token: String,
    pub(crate) user: String,
    /// As the broker has said it.
    pub(crate) expires_at: String,
}

impl StoredToken {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.parse().is_ok_and(|at: Timestamp| at <= now)
    }
}

impl TokenStore {
    /// `$XDG_CONFIG_HOME/waypost/token`, or the same below `~/.config`; `None` for a user without home.
    pub(crate) fn of_this_user() -> Option<TokenStore> {
        let absolute = |name| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let config =
            absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
        Some(TokenStore::at(&config?))
    }

    fn at(config: &Path) -> TokenStore {
        TokenStore {
            path: config.join("waypost").join("token"),
        }
    }

    /// The login at an API, expired or not.
    pub(crate) fn get(&self, url: &str) -> Result<Option<StoredToken>, Failure> {
        let all = self.read()?;
        let text = |name: &str| all.get(url)?.get(name)?.as_str().map(str::to_owned);
        Ok(text("token").map(|token| StoredToken {
            token,
            user: text("user").unwrap_or_default(),
            expires_at: text("expires_at").unwrap_or_default(),
        }))
    }

    pub(crate) fn put(&self, url: &str, token: &StoredToken) -> Result<(), Failure> {
        let mut all = self.read()?;
        let entry = json!({
            "token": token.token,
            "user": token.user,
            "expires_at": token.expires_at,
        });
        all.insert(url.to_owned(), entry);
        self.write(all)
    }

    pub(crate) fn remove(&self, url: &str) -> Result<(), Failure> {
        let mut all = self.read()?;
        match all.shift_remove(url) {
            Some(_) => self.write(all),
            None => Ok(()),
        }
    }

    fn read(&self) -> Result<Map<String, Value>, Failure> {
        match std::fs::read_to_string(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Map::new()),
            Err(e) => Err(self.failed(&e)),
            Ok(text) => match serde_json::from_str(&text) {
                Ok(Value::Object(all)) => Ok(all),
                _ => Err(Failure::failed(format!(
                    "{} is not as `waypost login` writes it; delete it and log in again",
                    self.path.display()
                ))),
            },
        }
    }

    fn write(&self, all: Map<String, Value>) -> Result<(), Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| self.failed(&e))?;
        let text = format!("{:#}\n", Value::Object(all));
        replace_file(&self.path, &text, Readers::Owner).map_err(|e| self.failed(&e))
    }

    fn failed(&self, e: &std::io::Error) -> Failure {
        Failure::failed(format!("{}: {e}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn one_login_for_each_api_and_nobody_else_reads_them() {
        let home = std::env::temp_dir().join(format!("waypost-tokens-{}", std::process::id()));
        let store = TokenStore::at(&home);
        assert_eq!(store.get("http://a").unwrap(), None);
        store.remove("http://a").unwrap();
        let token = |token: &str| StoredToken {
            token: token.into(),
            user: "ann".into(),
            expires_at: "2026-05-06T22:00:00Z".into(),
        };
        store.put("http://a", &token("1")).unwrap();
        store.put("http://b", &token("2")).unwrap();
        store.put("http://a", &token("3")).unwrap();
        assert_eq!(store.get("http://a").unwrap(), Some(token("3")));
        assert_eq!(store.get("http://b").unwrap(), Some(token("2")));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&store.path), 0o600);
        assert_eq!(mode(store.path.parent().unwrap()), 0o700);
        store.remove("http://a").unwrap();
        assert_eq!(store.get("http://a").unwrap(), None);
        assert_eq!(store.get("http://b").unwrap(), Some(token("2")));
        std::fs::write(&store.path, "nonsense").unwrap();
        let error = store.get("http://b").unwrap_err().text;
        assert!(error.contains("log in again"), "{error}");
        std::fs::remove_dir_all(&home).unwrap();
    }

    #[test]
    fn a_login_ends() {
        let token = |at: &str| StoredToken {
            token: String::new(),
            user: String::new(),
            expires_at: at.into(),
        };
        let now: Timestamp = "2026-05-06T22:00:00Z".parse().unwrap();
        assert!(token("2026-05-06T22:00:00Z").has_expired(now));
        assert!(!token("2026-05-06T22:00:01Z").has_expired(now));
        assert!(!token("some day").has_expired(now), "the broker will say");
    }
}
