//! `/metrics`: what the broker counts, as Prometheus reads it (text format 0.0.4).
//!
//! Made anew for each request from the counts of all shards. The only labels are of fixed sets:
//! listeners are those of the configuration, and nothing that a client says is ever a label.

use super::context::{Context, Stage};
use super::problem::Problem;
use super::process::Process;
use crate::config::Durability;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use broker::inspect::{Counts, Version};
use broker::stats::{Drop, PACKETS, Refusal, Speakers, Stats};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TEXT_FORMAT, TextEncoder};
use std::sync::Arc;

/// Serves the metrics.
pub(super) async fn metrics(State(context): State<Arc<Context>>) -> Result<Response, Problem> {
    let counts = context.shards.counts().await?;
    let families = Families::of(&context, &counts);
    let mut text = Vec::new();
    let encoded = TextEncoder::new().encode(&families.0, &mut text);
    encoded.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}

/// The metrics so far.
#[derive(Default)]
struct Families(Vec<MetricFamily>);

type Labels<'a> = [(&'static str, &'a str)];

impl Families {
    fn of(context: &Context, counts: &Counts) -> Families {
        let mut families = Families::default();
        families.node(context);
        families.process(&Process::now(), context.started_unix_ms);
        families.levels(context, counts);
        families.speakers(counts);
        families.counters(counts);
        families
    }

    fn node(&mut self, context: &Context) {
        let durability = match context.durability {
            Durability::Disk => "disk",
            Durability::Memory => "memory",
        };
        let version = env!("CARGO_PKG_VERSION");
        let mut info = self.gauge("build_info", "Always 1; the labels tell what runs.");
        info.sample(&[("version", version), ("durability", durability)], 1.0);
        let mut ready = self.gauge("ready", "1 while clients are served.");
        ready.sample(&[], f64::from(context.stage() == Stage::Serving));
        let mut full = self.gauge(
            "store_held_back",
            "1 while the disk is full and messages to be stored wait.",
        );
        full.sample(&[], f64::from(context.wiring.log.holds_back()));
        let mut listeners = self.gauge("listener_connections", "Open connections by listener.");
        for (n, (_, url)) in context.listeners.iter().enumerate() {
            listeners.sample(&[("listener", url)], context.connections_at(n) as f64);
        }
    }

    /// The names that Prometheus's own clients give them.
    fn process(&mut self, process: &Process, started_unix_ms: u64) {
        let mut cpu = self.named("process_cpu_seconds_total", CPU_HELP, MetricType::COUNTER);
        cpu.sample(&[], process.cpu_seconds);
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory that is resident.",
                process.resident_bytes,
            ),
            (
                "process_open_fds",
                "Open files and sockets.",
                process.open_files,
            ),
            (
                "process_max_fds",
                "Files and sockets that may be open.",
                process.max_open_files,
            ),
        ] {
            // What the system does not tell is not shown as 0.
            if let Some(value) = value {
                self.named(name, help, MetricType::GAUGE)
                    .sample(&[], value as f64);
            }
        }
        let mut start = self.named(
            "process_start_time_seconds",
            "When the broker was started, in Unix time.",
            MetricType::GAUGE,
        );
        start.sample(&[], started_unix_ms as f64 / 1000.0);
    }

    fn levels(&mut self, context: &Context, counts: &Counts) {
        let mut clients = self.gauge("connections", "Connected clients by protocol.");
        for (version, n) in Version::ALL.into_iter().zip(counts.connections) {
            clients.sample(&[("protocol", version.label())], n as f64);
        }
        let (retained, retained_bytes) = context.shared.retained_totals();
        for (name, help, value) in [
            (
                "sockets",
                "Open connections, logged in or not.",
                counts.sockets,
            ),
            (
                "sessions",
                "Sessions with and without a connection.",
                counts.sessions,
            ),
            ("subscriptions", "Subscriptions.", counts.subscriptions),
            (
                "shared_subscriptions",
                "Subscriptions that are members of a $share group.",
                counts.shared_subscriptions,
            ),
            ("retained_messages", "Retained messages.", retained as u64),
            (
                "retained_bytes",
                "What retained messages are charged with against limits.max_retained_bytes.",
                retained_bytes,
            ),
            (
                "queued_messages",
                "Messages that wait for a session or group.",
                counts.queued_messages,
            ),
            ("queued_bytes", "Their size.", counts.queued_bytes),
            (
                "in_flight_messages",
                "Messages sent with QoS 1 or 2 and not acknowledged.",
                counts.in_flight,
            ),
            (
                "held_back_connections",
                "Connections whose next PUBLISH waits for room.",
                counts.held_back,
            ),
        ] {
            self.gauge(name, help).sample(&[], value as f64);
        }
    }

    fn speakers(&mut self, counts: &Counts) {
        let all = || Version::ALL.into_iter().zip(&counts.stats.by_version);
        type Count = fn(&Speakers) -> u64;
        let by_protocol: [(&str, &str, Count); 3] = [
            (
                "clients_connected_total",
                "Clients that were let in.",
                |s| s.connected,
            ),
            (
                "received_bytes_total",
                "Bytes from clients whose protocol is known.",
                |s| s.received_bytes,
            ),
            (
                "sent_bytes_total",
                "Bytes to clients whose protocol is known.",
                |s| s.sent_bytes,
            ),
        ];
        for (name, help, count) in by_protocol {
            let mut family = self.counter(name, help);
            for (version, speakers) in all() {
                family.sample(&[("protocol", version.label())], count(speakers) as f64);
            }
        }
        type CountByQos = fn(&Speakers) -> [u64; 3];
        let by_qos: [(&str, &str, CountByQos); 2] = [
            (
                "messages_received_total",
                "PUBLISH packets from clients, refused ones and repeats included.",
                |s| s.received,
            ),
            (
                "messages_sent_total",
                "PUBLISH packets to clients, repeats included.",
                |s| s.sent,
            ),
        ];
        for (name, help, count) in by_qos {
            let mut family = self.counter(name, help);
            for (version, speakers) in all() {
                for (qos, n) in ["0", "1", "2"].into_iter().zip(count(speakers)) {
                    family.sample(&[("protocol", version.label()), ("qos", qos)], n as f64);
                }
            }
        }
    }

    fn counters(&mut self, counts: &Counts) {
        let stats = &counts.stats;
        let mut dropped = self.counter(
            "messages_dropped_total",
            "Messages that were not delivered to a receiver, by reason.",
        );
        for why in Drop::ALL {
            dropped.sample(&[("reason", why.label())], stats.dropped(why) as f64);
        }
        let mut refused = self.counter(
            "connections_refused_total",
            "Connections whose client was not let in, by reason.",
        );
        for (why, n) in Refusal::ALL.into_iter().zip(stats.refused) {
            refused.sample(&[("reason", why.label())], n as f64);
        }
        for (name, help, packets) in [
            (
                "packets_received_total",
                "MQTT packets from clients.",
                &stats.received_packets,
            ),
            (
                "packets_sent_total",
                "MQTT packets to clients.",
                &stats.sent_packets,
            ),
        ] {
            let mut family = self.counter(name, help);
            for (kind, n) in PACKETS.iter().zip(packets).skip(1) {
                family.sample(&[("type", kind)], *n as f64);
            }
        }
        for (name, help, count) in COUNTERS {
            self.counter(name, help).sample(&[], count(stats) as f64);
        }
    }

    fn gauge(&mut self, name: &str, help: &str) -> Samples<'_> {
        self.named(&format!("waypost_{name}"), help, MetricType::GAUGE)
    }

    fn counter(&mut self, name: &str, help: &str) -> Samples<'_> {
        self.named(&format!("waypost_{name}"), help, MetricType::COUNTER)
    }

    fn named(&mut self, name: &str, help: &str, kind: MetricType) -> Samples<'_> {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Samples(self.0.push_mut(family), kind)
    }
}

/// A counter without labels: name, meaning, value.
type Counted = (&'static str, &'static str, fn(&Stats) -> u64);
const COUNTERS: [Counted; 16] = [
    ("connections_opened_total", "Connections accepted.", |s| {
        s.opened
    }),
    (
        "socket_received_bytes_total",
        "Bytes from all connections.",
        |s| s.received_bytes,
    ),
    (
        "socket_sent_bytes_total",
        "Bytes to all connections.",
        |s| s.sent_bytes,
    ),
    (
        "received_payload_bytes_total",
        "Payload of PUBLISH packets from clients.",
        |s| s.received_payload_bytes,
    ),
    (
        "sent_payload_bytes_total",
        "Payload of PUBLISH packets to clients.",
        |s| s.sent_payload_bytes,
    ),
    (
        "messages_accepted_total",
        "PUBLISH packets accepted from clients.",
        |s| s.published,
    ),
    ("sessions_created_total", "Sessions begun.", |s| {
        s.sessions_created
    }),
    (
        "sessions_resumed_total",
        "Sessions found again by their client.",
        |s| s.sessions_resumed,
    ),
    (
        "sessions_taken_over_total",
        "Connections closed since another one used their client id.",
        |s| s.taken_over,
    ),
    (
        "sessions_expired_total",
        "Sessions ended since their client stayed away.",
        |s| s.sessions_expired,
    ),
    (
        "authentication_failures_total",
        "Logins of clients that failed.",
        |s| s.auth_failures,
    ),
    (
        "protocol_errors_total",
        "Connections closed since the client broke the protocol or a limit.",
        |s| s.protocol_errors,
    ),
    (
        "keep_alive_timeouts_total",
        "Connections closed since the client fell silent.",
        |s| s.keep_alive_timeouts,
    ),
    ("kicked_total", "Connections closed by an operator.", |s| {
        s.kicked
    }),
    ("turns_total", "Turns of all shards.", |s| s.turns),
    ("store_operations_total", "Records given to the log.", |s| {
        s.store_operations
    }),
];

const CPU_HELP: &str = "Processor time, user and system.";

/// The samples of one metric.
struct Samples<'a>(&'a mut MetricFamily, MetricType);

impl Samples<'_> {
    fn sample(&mut self, labels: &Labels<'_>, value: f64) {
        let pair = |(name, value): &(&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        let mut metric = Metric::from_label(labels.iter().map(pair).collect());
        if self.1 == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.0.mut_metric().push(metric);
    }
}
