//! `waypost connections`: the clients that are connected.

use super::listing::{ListOptions, list, show};
use super::shown::{Column, Form};
use crate::api::ApiOptions;
use crate::failure::Failure;
use clap::Args;

const COLUMNS: &[Column] = &[
    ("CLIENT", "client_id", Form::Text),
    ("USER", "user", Form::Text),
    ("ADDRESS", "address", Form::Text),
    ("PROTOCOL", "protocol", Form::Text),
    ("SINCE", "connected_at", Form::Since),
    ("IN", "received_messages", Form::Count),
    ("OUT", "sent_messages", Form::Count),
    ("UNSENT", "outbox_bytes", Form::Bytes),
    ("IN FLIGHT", "in_flight", Form::Count),
];

/// List the clients that are connected, or show one of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost connections
  waypost connections sensor-7                             all that is known of it
  waypost connections --sort=-sent_messages --limit 10     those that get most
  waypost connections --filter protocol=mqtt5 --filter user=ann --json

Filters: client_id=, user=, address= (a part of it); protocol=, listener= (exactly)

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// The client id of one
    client: Option<String>,
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
    match &options.client {
        None => list(&api, "connections", &options.list, COLUMNS, options.json),
        Some(client) => show(&api, &["connections", client], options.json),
    }
}
