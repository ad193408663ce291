//! `waypost subscriptions`: who has subscribed to what.

use super::listing::{ListOptions, list};
use super::shown::{Column, Form};
use crate::api::ApiOptions;
use crate::failure::Failure;
use clap::Args;

const COLUMNS: &[Column] = &[
    ("CLIENT", "client_id", Form::Text),
    ("FILTER", "filter", Form::Text),
    ("QOS", "qos", Form::Count),
    ("NO LOCAL", "no_local", Form::Flag),
    ("AS PUBLISHED", "retain_as_published", Form::Flag),
    ("RETAINED", "retain_handling", Form::Text),
    ("ID", "subscription_id", Form::Text),
];

/// List subscriptions, or those that a message on a topic would reach.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost subscriptions
  waypost subscriptions sensors/7/temperature          who gets what is published there
  waypost subscriptions --filter client_id=sensor-7

Filters: client_id=, filter= (a part of it); topic= (its filter matches the topic)

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// Only those that match this topic
    topic: Option<String>,
    #[command(flatten)]
    list: ListOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiOptions,
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let api = options.api.open()?;
    let which = match &options.topic {
        None => options.list,
        Some(topic) => options.list.also("topic", topic),
    };
    list(&api, "subscriptions", &which, COLUMNS, options.json)
}
