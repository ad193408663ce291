//! The broker at a glance.

use super::moment::Moment;
use crate::admin::context::Context;
use crate::admin::problem::{Problem, Refusals};
use crate::admin::process::Process;
use crate::config::Durability;
use axum::Json;
use axum::extract::State;
use broker::inspect::Version;
use broker::stats::Drop;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// How the broker is. Counters begin at 0 with its start.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Overview {
    version: &'static str,
    started_at: Moment,
    uptime_s: u64,
    shards: usize,
    /// `disk` or `memory`.
    durability: &'static str,
    connections: u64,
    /// By version of MQTT.
    #[schema(value_type = BTreeMap<String, u64>)]
    connections_by_protocol: BTreeMap<&'static str, u64>,
    /// With and without a connection.
    sessions: u64,
    sessions_connected: u64,
    subscriptions: u64,
    retained_messages: u64,
    retained_bytes: u64,
    /// Waiting for sessions and groups.
    queued_messages: u64,
    queued_bytes: u64,
    /// Sent with QoS 1 or 2 and not acknowledged yet.
    in_flight: u64,
    /// PUBLISH packets from clients.
    published: u64,
    /// PUBLISH packets to clients.
    delivered: u64,
    /// Messages that were not delivered, by reason.
    #[schema(value_type = BTreeMap<String, u64>)]
    dropped: BTreeMap<&'static str, u64>,
    received_bytes: u64,
    sent_bytes: u64,
    /// Null where the system does not tell.
    memory_rss_bytes: Option<u64>,
    /// Processor time, user and system.
    cpu_seconds: f64,
    open_files: Option<u64>,
    /// Null where there is no limit.
    max_open_files: Option<u64>,
}

/// Show how the broker is
#[utoipa::path(
    get, path = "/api/v1/overview", tag = "broker",
    responses((status = 200, body = Overview, description = "As of now"), Refusals)
)]
pub(super) async fn overview(
    State(context): State<Arc<Context>>,
) -> Result<Json<Overview>, Problem> {
    let counts = context.shards.counts().await?;
    let (retained, retained_bytes) = context.shared.retained_totals();
    let (stats, process) = (&counts.stats, Process::now());
    let by_version = Version::ALL.into_iter().map(Version::label);
    Ok(Json(Overview {
        version: env!("CARGO_PKG_VERSION"),
        started_at: Moment(context.started_unix_ms),
        uptime_s: context.wiring.clock.ms() / 1000,
        shards: context.wiring.shards.len(),
        durability: match context.durability {
            Durability::Disk => "disk",
            Durability::Memory => "memory",
        },
        connections: counts.connected(),
        connections_by_protocol: by_version.zip(counts.connections).collect(),
        sessions: counts.sessions,
        sessions_connected: counts.connected(),
        subscriptions: counts.subscriptions,
        retained_messages: retained as u64,
        retained_bytes,
        queued_messages: counts.queued_messages,
        queued_bytes: counts.queued_bytes,
        in_flight: counts.in_flight,
        published: stats.publishes_received(),
        delivered: stats.publishes_sent(),
        dropped: Drop::ALL
            .map(|why| (why.label(), stats.dropped(why)))
            .into(),
        received_bytes: stats.received_bytes,
        sent_bytes: stats.sent_bytes,
        memory_rss_bytes: process.resident_bytes,
        cpu_seconds: process.cpu_seconds,
        open_files: process.open_files,
        max_open_files: process.max_open_files,
    }))
}
