//! Samples for tests.

use super::sample::{Overview, Row, Sample};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Instant;

pub(super) fn row(client: &str, received: u64, sent: u64) -> Row {
    Row::read(&serde_json::json!({
        "client_id": client, "user": "ann", "address": "192.0.2.7:40112", "protocol": "mqtt5",
        "connected_at": "2026-05-06T22:00:00.000Z", "received_messages": received,
        "sent_messages": sent, "received_bytes": received * 100, "sent_bytes": sent * 100,
        "outbox_bytes": 2048, "in_flight": 3, "held_back": false,
    }))
}

pub(super) fn sample(at: Instant, published: u64, delivered: u64, rows: Vec<Row>) -> Sample {
    let overview = Overview::read(&serde_json::json!({
        "version": "0.1.0", "started_at": "2026-05-06T21:00:00Z", "uptime_s": 3_723, "shards": 2,
        "connections": rows.len(), "connections_by_protocol": {"mqtt31": 0, "mqtt311": 1, "mqtt5": 2},
        "sessions": 1500, "subscriptions": 4321, "retained_messages": 12,
        "queued_messages": 77, "queued_bytes": 10_240, "in_flight": 9,
        "published": published, "delivered": delivered,
        "dropped": {"queue_full": published / 100, "expired": 2},
        "received_bytes": published * 100, "sent_bytes": delivered * 100,
        "memory_rss_bytes": 35_651_584, "cpu_seconds": published as f64 / 2000.0,
        "open_files": 40, "max_open_files": 1024,
    }));
    let total = rows.len() as u64;
    Sample {
        at,
        overview,
        rows,
        total,
    }
}

pub(super) fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}
