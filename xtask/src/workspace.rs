//! Where things lie: the repository, its target folder, the binary under test.

use crate::process::{self, Outcome, failed};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's folders, found from the current one.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// `CARGO_TARGET_DIR`, else `target/`.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Walks up from the current folder to the one that holds `xtask/Cargo.toml`.
    pub(crate) fn find() -> Outcome<Self> {
        let here = match std::env::current_dir() {
            Ok(here) => here,
            Err(e) => return failed(format!("cannot tell the current folder: {e}")),
        };
        let root = here
            .ancestors()
            .find(|dir| dir.join("xtask").join("Cargo.toml").is_file());
        let Some(root) = root.map(Path::to_path_buf) else {
            return failed("no xtask/Cargo.toml here or above: run it inside the repository");
        };
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => here.join(dir),
            None => root.join("target"),
        };
        Ok(Workspace { root, target })
    }

    /// `cargo` with `args`, to be run in the repository's root.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(args);
        command
    }

    /// Any program, to be run in the repository's root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The broker under test: `WAYPOST_BIN`, else built here in the profile of all tests.
    pub(crate) fn waypost(&self) -> Outcome<PathBuf> {
        if let Some(given) = std::env::var_os("WAYPOST_BIN") {
            let given = PathBuf::from(given);
            return if given.is_file() {
                Ok(given)
            } else {
                failed(format!("WAYPOST_BIN names {given:?}, which is not a file"))
            };
        }
        process::run(&mut self.cargo(&["build", "--package", "waypost", "--bin", "waypost"]))?;
        Ok(self.target.join("debug").join("waypost"))
    }
}
