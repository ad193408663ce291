//! `waypost retained`: the messages that are kept for whoever subscribes.

use super::listing::{ListOptions, done, list, show};
use super::shown::{Column, Form};
use crate::api::{ApiOptions, path};
use crate::failure::Failure;
use clap::Args;
use message::Printable;

const COLUMNS: &[Column] = &[
    ("TOPIC", "topic", Form::Text),
    ("QOS", "qos", Form::Count),
    ("SIZE", "payload_bytes", Form::Bytes),
    ("EXPIRES AFTER", "expiry_s", Form::Span),
];

/// List retained messages, show one, or delete one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost retained 'sensors/#'
  waypost retained sensors/7/temperature               all that is known of it, its payload too
  waypost retained sensors/7/temperature --delete

Exit codes: 0 done, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// The topic of one, or an MQTT filter with + or # for a list
    topic: Option<String>,
    /// Delete it
    #[arg(long, requires = "topic")]
    delete: bool,
    #[command(flatten)]
    list: ListOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiOptions,
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let filter = |text: &String| text.contains(['+', '#']);
    let (topic, which) = match options.topic {
        Some(text) if filter(&text) => {
            if options.delete {
                return Err(Failure::usage(
                    "--delete takes one topic: a filter could delete more than you see",
                ));
            }
            (None, options.list.also("filter", &text))
        }
        topic => (topic, options.list),
    };
    let api = options.api.open()?;
    let Some(topic) = topic else {
        return list(&api, "retained", &which, COLUMNS, options.json);
    };
    if !options.delete {
        return show(&api, &["retained", &topic], options.json);
    }
    let answer = api.delete(&path(&["retained", &topic]))?;
    let sentence = format!("what was retained on {} is deleted", Printable(&topic));
    done(&sentence, &answer, options.json)
}
