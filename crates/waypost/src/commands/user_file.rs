//! Files of users and their hashes: a line each, of which the first word is the name.
//!
//! Rewritten in one step, keeping every line that is not the user's. A password is never an argument,
//! where other users of the machine could read it.

use crate::failure::Failure;
use crate::output::{Output, is_terminal};
use crate::replace_file::{Readers, replace_file};
use clap::Args;
use server::auth::check_user_name;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Longest password that is taken; the protocol has no more room.
const MAX_PASSWORD: usize = 65_535;

/// What is to be done with a user.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// The name of the user
    user: String,
    /// Take the user out
    #[arg(long, conflicts_with = "password_stdin")]
    delete: bool,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Changes the file. `check` says line and fault of a broken file, `entry` makes what follows the name
/// and its colon from a password.
pub(crate) fn change(
    path: &Path,
    change: &Change,
    check: impl FnOnce(&str) -> Result<(), (usize, String)>,
    entry: impl FnOnce(&str) -> Result<String, String>,
) -> Result<(), Failure> {
    check_user_name(&change.user).map_err(Failure::usage)?;
    let before = read(path)?;
    // A file that is broken already is not made worse.
    check(&before)
        .map_err(|(line, what)| Failure::failed(format!("{}:{line}: {what}", path.display())))?;
    let user = change.user.as_str();
    let known = before.lines().any(|line| is_user(line, user));
    let after = if change.delete {
        if !known {
            let path = path.display();
            return Err(Failure::failed(format!("{path} has no user {user:?}")));
        }
        rewrite(&before, user, None)
    } else {
        let entry = entry(&ask(change)?).map_err(Failure::failed)?;
        rewrite(&before, user, Some(&entry))
    };
    replace_file(path, &after, Readers::AsBefore)
        .map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
    let done = match (change.delete, known) {
        (true, _) => "deleted",
        (false, true) => "changed",
        (false, false) => "added",
    };
    let mut out = Output::new(false);
    out.line(&format!("{user} {done}"))?;
    out.flush()
}

fn read(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(Failure::failed(format!("{}: {e}", path.display()))),
    }
}

fn is_user(line: &str, user: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name == user)
}

/// The text with the user's line replaced, added at the end, or taken out.
fn rewrite(before: &str, user: &str, hash: Option<&str>) -> String {
    let own = hash.map(|hash| format!("{user}:{hash}"));
    let mut lines: Vec<&str> = Vec::new();
    let mut placed = false;
    for line in before.lines() {
        if !is_user(line, user) {
            lines.push(line);
        } else if let Some(own) = &own {
            lines.push(own);
            placed = true;
        }
    }
    if let (Some(own), false) = (&own, placed) {
        lines.push(own);
    }
    let mut after = lines.join("\n");
    if !after.is_empty() {
        after.push('\n');
    }
    after
}

fn ask(change: &Change) -> Result<String, Failure> {
    let password = if change.password_stdin {
        let mut text = String::new();
        let at_most = u64::try_from(MAX_PASSWORD + 2).unwrap_or(u64::MAX);
        std::io::stdin()
            .take(at_most)
            .read_to_string(&mut text)
            .map_err(Failure::failed)?;
        text.lines().next().unwrap_or_default().to_owned()
    } else if is_terminal() {
        let first = rpassword::prompt_password("Password: ").map_err(Failure::failed)?;
        let second = rpassword::prompt_password("Again: ").map_err(Failure::failed)?;
        if first != second {
            return Err(Failure::failed(
                "the two passwords differ; nothing is changed",
            ));
        }
        first
    } else {
        return Err(Failure::usage(
            "standard input is no terminal: use --password-stdin",
        ));
    };
    if password.is_empty() {
        return Err(Failure::usage("an empty password is none"));
    }
    if password.len() > MAX_PASSWORD {
        return Err(Failure::usage(format!(
            "a password has at most {MAX_PASSWORD} bytes"
        )));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_stay_as_they_are() {
        let before = "# staff\nalice:x\n\nbob:y\n";
        assert_eq!(
            rewrite(before, "alice", Some("z")),
            "# staff\nalice:z\n\nbob:y\n"
        );
        assert_eq!(
            rewrite(before, "carol", Some("z")),
            "# staff\nalice:x\n\nbob:y\ncarol:z\n"
        );
        assert_eq!(rewrite(before, "bob", None), "# staff\nalice:x\n\n");
        assert_eq!(rewrite("", "a", Some("z")), "a:z\n");
        assert_eq!(rewrite("a:z", "a", None), "");
    }
}
