//! One look at a broker: its overview, and the connections that have moved most so far.
//!
//! Plain values, read from what the API answers; a field that is missing counts as none.

use message::Printable;
use serde_json::Value;
use std::time::Instant;

#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) overview: Overview,
    pub(super) rows: Vec<Row>,
    /// Connections in all, as far as the filter lets them through.
    pub(super) total: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Overview {
    pub(super) version: String,
    pub(super) started_at: String,
    pub(super) uptime_s: u64,
    pub(super) shards: u64,
    pub(super) connections: u64,
    pub(super) by_protocol: Vec<(String, u64)>,
    pub(super) sessions: u64,
    pub(super) subscriptions: u64,
    pub(super) retained_messages: u64,
    pub(super) queued_messages: u64,
    pub(super) queued_bytes: u64,
    pub(super) in_flight: u64,
    pub(super) published: u64,
    pub(super) delivered: u64,
    pub(super) dropped: Vec<(String, u64)>,
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: f64,
    pub(super) open_files: u64,
    pub(super) max_open_files: u64,
}

/// A connection. Texts are printable; `client_id` is the client's own word, for the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) client_id: String,
    pub(super) client: String,
    pub(super) user: String,
    pub(super) address: String,
    pub(super) protocol: String,
    pub(super) connected_at: String,
    pub(super) received_messages: u64,
    pub(super) sent_messages: u64,
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) outbox_bytes: u64,
    pub(super) in_flight: u64,
    pub(super) held_back: bool,
}

fn number(object: &Value, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn raw(object: &Value, name: &str) -> String {
    let text = object.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn text(object: &Value, name: &str) -> String {
    Printable(&raw(object, name)).to_string()
}

/// The numbers of an object that are not 0, the greatest first.
fn parts(object: &Value, name: &str) -> Vec<(String, u64)> {
    let object = object.get(name).and_then(Value::as_object);
    let numbers = object.into_iter().flatten();
    let mut parts: Vec<_> = numbers
        .filter_map(|(name, n)| Some((Printable(name).to_string(), n.as_u64()?)))
        .filter(|(_, n)| *n > 0)
        .collect();
    parts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    parts
}

impl Overview {
    pub(super) fn read(answer: &Value) -> Overview {
        let n = |name| number(answer, name);
        Overview {
            version: text(answer, "version"),
            started_at: text(answer, "started_at"),
            uptime_s: n("uptime_s"),
            shards: n("shards"),
            connections: n("connections"),
            by_protocol: parts(answer, "connections_by_protocol"),
            sessions: n("sessions"),
            subscriptions: n("subscriptions"),
            retained_messages: n("retained_messages"),
            queued_messages: n("queued_messages"),
            queued_bytes: n("queued_bytes"),
            in_flight: n("in_flight"),
            published: n("published"),
            delivered: n("delivered"),
            dropped: parts(answer, "dropped"),
            received_bytes: n("received_bytes"),
            sent_bytes: n("sent_bytes"),
            memory_bytes: n("memory_rss_bytes"),
            cpu_seconds: answer
                .get("cpu_seconds")
                .and_then(Value::as_f64)
                .unwrap_or(0.0),
            open_files: n("open_files"),
            max_open_files: n("max_open_files"),
        }
    }

    pub(super) fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().map(|(_, n)| n).sum()
    }
}

impl Row {
    pub(super) fn read(item: &Value) -> Row {
        let n = |name| number(item, name);
        Row {
            client_id: raw(item, "client_id"),
            client: text(item, "client_id"),
            user: text(item, "user"),
            address: text(item, "address"),
            protocol: text(item, "protocol"),
            connected_at: text(item, "connected_at"),
            received_messages: n("received_messages"),
            sent_messages: n("sent_messages"),
            received_bytes: n("received_bytes"),
            sent_bytes: n("sent_bytes"),
            outbox_bytes: n("outbox_bytes"),
            in_flight: n("in_flight"),
            held_back: item
                .get("held_back")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        }
    }
}
