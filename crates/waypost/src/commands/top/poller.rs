//! The thread that asks the broker, so that the screen never waits for an answer.
//!
//! Owns the connection to the API. Takes wishes between two looks; ends with the screen.

use super::sample::{Overview, Row, Sample};
use crate::api::{Api, ApiError, Query, path};
use message::Printable;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// Connections that are looked at: those with most messages in, and those with most out.
pub(super) const MOST_OF_EACH: u64 = 500;

/// What the screen wants.
#[derive(Debug)]
pub(super) enum Wish {
    Kick(String),
    Filter(String),
}

/// What the screen is told.
#[derive(Debug)]
pub(super) enum Update {
    Sample(Box<Sample>),
    /// The broker does not answer.
    Trouble(String),
    /// How a wish ended.
    Notice(String),
}

/// One look.
pub(super) fn look(api: &Api, filter: &str) -> Result<Sample, ApiError> {
    let overview = Overview::read(&api.get(&path(&["overview"]), &Query::default())?);
    let (mut seen, mut rows, mut total) = (HashSet::new(), Vec::new(), 0);
    for order in ["-received_messages", "-sent_messages"] {
        let query = Query::default()
            .with("limit", &MOST_OF_EACH.to_string())
            .with("sort", order);
        let query = match filter {
            "" => query,
            filter => query.with("client_id", filter),
        };
        let page = api.get(&path(&["connections"]), &query)?;
        total = page.get("total").and_then(Value::as_u64).unwrap_or(0);
        for item in page
            .get("items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let row = Row::read(item);
            if seen.insert(row.client_id.clone()) {
                rows.push(row);
            }
        }
        if total <= MOST_OF_EACH {
            // These are all of them.
            break;
        }
    }
    Ok(Sample {
        at: Instant::now(),
        overview,
        rows,
        total,
    })
}

/// Looks every `interval` until the screen has gone.
pub(super) fn run(
    api: &Api,
    interval: Duration,
    wishes: &Receiver<Wish>,
    updates: &SyncSender<Update>,
) {
    let mut filter = String::new();
    let mut next = Instant::now() + interval;
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        let update = match wishes.recv_timeout(wait) {
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(Wish::Kick(client)) => Update::Notice(kick(api, &client)),
            wish => {
                if let Ok(Wish::Filter(text)) = wish {
                    filter = text;
                }
                next = Instant::now() + interval;
                match look(api, &filter) {
                    Ok(sample) => Update::Sample(Box::new(sample)),
                    Err(e) => Update::Trouble(e.to_string()),
                }
            }
        };
        if updates.send(update).is_err() {
            return;
        }
    }
}

fn kick(api: &Api, client: &str) -> String {
    match api.delete(&path(&["connections", client])) {
        Ok(_) => format!("{} is disconnected", Printable(client)),
        Err(e) => e.to_string(),
    }
}
