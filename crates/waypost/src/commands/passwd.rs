//! `waypost passwd`: users of a password file.

use super::user_file::{Change, change};
use crate::failure::Failure;
use clap::Args;
use server::auth::{PasswordFile, hash_password};
use std::path::PathBuf;

/// Add a user to a password file, change a password, or delete a user.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost passwd users.txt alice                       asks twice
  echo secret | waypost passwd users.txt alice --password-stdin
  waypost passwd users.txt alice --delete

Then: waypost serve --set auth.password_file=users.txt
A running broker reads the file again on SIGHUP.

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// The password file; it is made where it does not exist
    file: PathBuf,
    #[command(flatten)]
    change: Change,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let check = |text: &str| match PasswordFile::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err((error.line, error.what)),
    };
    change(&options.file, &options.change, check, |password| {
        hash_password(password.as_bytes())
    })
}
