//! `waypost kick`: disconnects a client.

use super::listing::done;
use crate::api::{ApiOptions, path};
use crate::failure::Failure;
use clap::Args;
use message::Printable;

/// Disconnect a client. Its session stays, and it may come back at once.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  waypost kick sensor-7

MQTT 5 clients are told that it was an administrator (0x98). What keeps a client out for good is its
user's rights: see auth.password_file and auth.acl_file.

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// Its client id
    client: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiOptions,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let api = options.api.open()?;
    let answer = api.delete(&path(&["connections", &options.client]))?;
    let sentence = format!("{} is disconnected", Printable(&options.client));
    done(&sentence, &answer, options.json)
}
