//! `waypost status`: how a broker is, at a glance.

use super::human;
use super::shown::{Column, Form, json, print_table};
use crate::api::{ApiOptions, Query, path};
use crate::failure::Failure;
use crate::output::{self, Output};
use clap::Args;
use jiff::Timestamp;
use message::Printable;
use serde_json::{Map, Value};

const LISTENERS: &[Column] = &[
    ("LISTENER", "url", Form::Text),
    ("TRANSPORT", "transport", Form::Text),
    ("TLS", "tls", Form::Flag),
    ("ANONYMOUS", "anonymous", Form::Flag),
    ("CONNECTIONS", "connections", Form::Count),
    ("AT MOST", "max_connections", Form::Count),
];

/// Show how the broker is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  waypost status
  waypost status --api https://broker.example:18443 --json

Exit codes: 0 it answers, 1 failed, 64 wrong usage")]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiOptions,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let api = options.api.open()?;
    let none = Query::default();
    let mut overview = api.get(&path(&["overview"]), &none)?;
    let listeners = api.get(&path(&["listeners"]), &none)?;
    let mut out = Output::new(false);
    if options.json {
        overview["listeners"] = listeners;
        out.line(&json(&overview))?;
        return out.flush();
    }
    let (on, off) = output::bold();
    let title = title(&overview, api.url(), Timestamp::now());
    out.line(&format!("{on}{title}{off}"))?;
    out.line("")?;
    for (name, text) in facts(&overview) {
        out.line(&format!("{name:14} {text}"))?;
    }
    out.line("")?;
    let rows = listeners.as_array().map_or(&[][..], Vec::as_slice);
    print_table(&mut out, LISTENERS, rows)?;
    out.flush()
}

fn number(overview: &Value, name: &str) -> u64 {
    overview.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn text<'a>(overview: &'a Value, name: &str) -> Printable<'a> {
    Printable(overview.get(name).and_then(Value::as_str).unwrap_or("?"))
}

fn title(overview: &Value, url: &str, now: Timestamp) -> String {
    let up = human::span(number(overview, "uptime_s"));
    let started = overview.get("started_at").and_then(Value::as_str);
    let started: Option<Timestamp> = started.and_then(|at| at.parse().ok());
    let since = started.filter(|at| *at <= now);
    let since = since.map_or(String::new(), |at| {
        format!(" (since {})", human::moment(at))
    });
    format!(
        "Waypost {} at {url}, up {up}{since}",
        text(overview, "version")
    )
}

/// The lines between title and listeners: what, and how it is.
fn facts(overview: &Value) -> Vec<(&'static str, String)> {
    let count = |name| human::count(number(overview, name));
    let bytes = |name| human::bytes(number(overview, name));
    let parts = |name| overview.get(name).and_then(Value::as_object).map(parts);
    let dropped = parts("dropped").unwrap_or_default();
    let cpu = overview.get("cpu_seconds").and_then(Value::as_f64);
    vec![
        (
            "Connections",
            with(
                count("connections"),
                parts("connections_by_protocol").unwrap_or_default().1,
            ),
        ),
        (
            "Sessions",
            with(
                count("sessions"),
                format!("{} connected", count("sessions_connected")),
            ),
        ),
        ("Subscriptions", count("subscriptions")),
        (
            "Retained",
            with(count("retained_messages"), bytes("retained_bytes")),
        ),
        (
            "Queued",
            with(count("queued_messages"), bytes("queued_bytes")),
        ),
        ("In flight", count("in_flight")),
        (
            "Published",
            with(count("published"), bytes("received_bytes") + " received"),
        ),
        (
            "Delivered",
            with(count("delivered"), bytes("sent_bytes") + " sent"),
        ),
        ("Dropped", with(human::count(dropped.0), dropped.1)),
        ("Memory", bytes("memory_rss_bytes")),
        ("CPU time", format!("{:.1} s", cpu.unwrap_or(0.0))),
        (
            "Open files",
            format!("{} of {}", count("open_files"), count("max_open_files")),
        ),
        (
            "Durability",
            with(
                text(overview, "durability").to_string(),
                format!("{} shards", count("shards")),
            ),
        ),
    ]
}

fn with(main: impl Into<String>, more: impl AsRef<str>) -> String {
    let (main, more) = (main.into(), more.as_ref());
    if more.is_empty() {
        main
    } else {
        format!("{main}  ({more})")
    }
}

/// The sum of an object's numbers, and each that is not 0.
fn parts(object: &Map<String, Value>) -> (u64, String) {
    let numbers = object
        .iter()
        .filter_map(|(name, n)| Some((name, n.as_u64()?)));
    let some: Vec<_> = numbers.filter(|(_, n)| *n > 0).collect();
    let texts = some
        .iter()
        .map(|(name, n)| format!("{} {}", Printable(name), human::count(*n)));
    let texts: Vec<_> = texts.collect();
    (some.iter().map(|(_, n)| n).sum(), texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn what_an_operator_looks_for() {
        let overview = value!({
            "version": "0.1.0", "uptime_s": 90_061, "started_at": "2026-05-06T22:00:00Z", "shards": 2,
            "durability": "memory", "connections": 1234,
            "connections_by_protocol": {"mqtt31": 0, "mqtt311": 34, "mqtt5": 1200},
            "sessions": 1500, "sessions_connected": 1234, "retained_messages": 12,
            "retained_bytes": 2048, "dropped": {"queue_full": 10, "expired": 2, "other": 0},
            "cpu_seconds": 12.34, "open_files": 40, "max_open_files": 1024, "new_thing": [],
        });
        let facts = facts(&overview);
        let fact = |name| &facts.iter().find(|(n, _)| *n == name).unwrap().1;
        assert_eq!(fact("Connections"), "1,234  (mqtt311 34, mqtt5 1,200)");
        assert_eq!(fact("Sessions"), "1,500  (1,234 connected)");
        assert_eq!(fact("Retained"), "12  (2.0 KiB)");
        assert_eq!(fact("Dropped"), "12  (queue_full 10, expired 2)");
        assert_eq!(fact("Queued"), "0  (0 B)");
        assert_eq!(fact("CPU time"), "12.3 s");
        assert_eq!(fact("Open files"), "40 of 1,024");
        assert_eq!(fact("Durability"), "memory  (2 shards)");
        let title = title(
            &overview,
            "http://b",
            "2026-05-08T00:00:00Z".parse().unwrap(),
        );
        assert!(
            title.starts_with("Waypost 0.1.0 at http://b, up 1d 1h (since 2026-05-0"),
            "{title}"
        );
    }
}
