//! `waypost sessions`: what the broker keeps for its clients, connected or not.

use super::listing::{ListOptions, done, list, show};
use super::shown::{Column, Form};
use crate::api::{ApiOptions, path};
use crate::failure::Failure;
use clap::Args;
use message::Printable;

const COLUMNS: &[Column] = &[
    ("CLIENT", "client_id", Form::Text),
    ("USER", "user", Form::Text),
    ("CONNECTED", "connected", Form::Flag),
    ("EXPIRES AFTER", "expiry_s", Form::Span),
    ("SUBSCRIPTIONS", "subscriptions", Form::Count),
    ("QUEUED", "queued_messages", Form::Count),
    ("SIZE", "queued_bytes", Form::Bytes),
    ("IN FLIGHT", "in_flight", Form::Count),
];

/// List the sessions of clients, show one, or delete one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost sessions --sort=-queued_messages --limit 10     those with most to be delivered
  waypost sessions --filter connected=false
  waypost sessions sensor-7                               all that is known of it
  waypost sessions sensor-7 --delete                      it, its subscriptions and its queue are gone

Filters: client_id=, user= (a part of it); connected=true or false

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// The client id of one
    client: Option<String>,
    /// Delete it; a client that is connected is disconnected
    #[arg(long, requires = "client")]
    delete: bool,
    #[command(flatten)]
    list: ListOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiOptions,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let api = options.api.open()?;
    let Some(client) = &options.client else {
        return list(&api, "sessions", &options.list, COLUMNS, options.json);
    };
    if !options.delete {
        return show(&api, &["sessions", client], options.json);
    }
    let answer = api.delete(&path(&["sessions", client]))?;
    let sentence = format!("the session of {} is deleted", Printable(client));
    done(&sentence, &answer, options.json)
}
