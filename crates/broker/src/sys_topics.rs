//! What the broker says about itself: the values below `$SYS/broker`, in mosquitto's layout.
//!
//! Owned by whoever publishes them, once for the node. Made of counts that somebody else has added up;
//! nothing here looks at a clock, a process or a shard. A value is said again only when it has changed.

use crate::inspect::Counts;
use crate::operator::OperatorMessage;
use crate::stats::Stats;
use message::QoS;
use std::collections::BTreeMap;

/// The windows of moving averages, in minutes.
const WINDOWS: [u32; 3] = [1, 5, 15];

/// What there is a moving average of.
const LOADS: [&str; 9] = [
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];

/// Packet type of CONNECT.
const CONNECT: usize = 1;

/// True for the topics that only the broker itself publishes to.
pub fn is_sys(topic: &str) -> bool {
    topic
        .strip_prefix("$SYS")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the values are made of.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Of all shards, added up.
    pub counts: &'a Counts,
    /// As of [`crate::Shared::retained_totals`].
    pub retained_messages: u64,
    pub retained_bytes: u64,
    /// Memory of the process, where that is known.
    pub heap_bytes: Option<u64>,
    /// Since the node started; never goes back.
    pub uptime_ms: u64,
}

/// The values said so far, and what the next ones are compared with.
#[derive(Clone, Debug)]
pub struct SysTopics {
    said: BTreeMap<Box<str>, Box<str>>,
    version: Box<str>,
    built: Option<Box<str>>,
    /// When the last sample was taken, and its counters in the order of [`LOADS`].
    before: Option<(u64, [u64; LOADS.len()])>,
    /// For each of [`LOADS`], per minute, by window.
    loads: [[f64; WINDOWS.len()]; LOADS.len()],
    most_clients: u64,
    most_heap: u64,
}

impl SysTopics {
    /// `version` names the broker and its version; `built` says when this build was made.
    pub fn new(version: &str, built: Option<&str>) -> Self {
        SysTopics {
            said: BTreeMap::new(),
            version: version.into(),
            built: built.map(Into::into),
            before: None,
            loads: Default::default(),
            most_clients: 0,
            most_heap: 0,
        }
    }

    /// The values that have changed since the last call, in order of topic; at the first call, all. To be
    /// published through one shard, so that they arrive in this order.
    pub fn update(&mut self, sample: &Sample<'_>) -> Vec<OperatorMessage> {
        self.most_clients = self.most_clients.max(sample.counts.connected());
        self.most_heap = self.most_heap.max(sample.heap_bytes.unwrap_or(0));
        self.update_loads(sample);
        let mut values = BTreeMap::new();
        let mut say = |topic: &str, value: String| {
            values.insert(format!("$SYS/broker/{topic}"), value);
        };
        self.say_node(sample, &mut say);
        say_levels(sample, &mut say);
        say_counters(&sample.counts.stats, &mut say);
        self.say_loads(&mut say);
        let mut changed = Vec::new();
        for (topic, value) in values {
            if self.said.get(&*topic).map(|said| &**said) == Some(&*value) {
                continue;
            }
            self.said
                .insert((*topic).into(), value.clone().into_boxed_str());
            changed.push(OperatorMessage {
                topic: topic.into_boxed_str(),
                payload: value.into_bytes().into_boxed_slice(),
                qos: QoS::AtMostOnce,
                retain: true,
                transient: true,
                ..OperatorMessage::default()
            });
        }
        changed
    }

    fn update_loads(&mut self, sample: &Sample<'_>) {
        let now = load_counters(&sample.counts.stats);
        let Some((then_ms, then)) = self.before else {
            self.before = Some((sample.uptime_ms, now));
            return;
        };
        let minutes = sample.uptime_ms.saturating_sub(then_ms) as f64 / 60_000.0;
        if minutes <= 0.0 {
            return;
        }
        self.before = Some((sample.uptime_ms, now));
        for (averages, (now, then)) in self.loads.iter_mut().zip(now.iter().zip(then)) {
            let rate = now.saturating_sub(then) as f64 / minutes;
            for (average, window) in averages.iter_mut().zip(WINDOWS) {
                let kept = (-minutes / f64::from(window)).exp();
                *average = rate + (*average - rate) * kept;
            }
        }
    }

    fn say_node(&self, sample: &Sample<'_>, say: &mut impl FnMut(&str, String)) {
        say("version", self.version.to_string());
        if let Some(built) = &self.built {
            say("timestamp", built.to_string());
        }
        say("uptime", format!("{} seconds", sample.uptime_ms / 1000));
        say("clients/maximum", self.most_clients.to_string());
        if let Some(heap) = sample.heap_bytes {
            say("heap/current", heap.to_string());
            say("heap/maximum", self.most_heap.to_string());
        }
    }

    fn say_loads(&self, say: &mut impl FnMut(&str, String)) {
        for (name, averages) in LOADS.iter().zip(self.loads) {
            for (window, average) in WINDOWS.iter().zip(averages) {
                say(&format!("load/{name}/{window}min"), format!("{average:.2}"));
            }
        }
    }
}

/// What there is now.
fn say_levels(sample: &Sample<'_>, say: &mut impl FnMut(&str, String)) {
    let counts = sample.counts;
    let connected = counts.connected();
    let away = counts.sessions.saturating_sub(connected);
    let stored = sample.retained_messages + counts.queued_messages + counts.in_flight;
    let stored_bytes = sample.retained_bytes + counts.queued_bytes;
    for (topic, value) in [
        ("clients/total", counts.sessions),
        ("clients/connected", connected),
        ("clients/active", connected),
        ("clients/disconnected", away),
        ("clients/inactive", away),
        ("messages/inflight", counts.in_flight),
        ("messages/stored", stored),
        ("store/messages/count", stored),
        ("store/messages/bytes", stored_bytes),
        ("subscriptions/count", counts.subscriptions),
        ("shared_subscriptions/count", counts.shared_subscriptions),
        ("retained messages/count", sample.retained_messages),
    ] {
        say(topic, value.to_string());
    }
}

/// What has happened since the start.
fn say_counters(stats: &Stats, say: &mut impl FnMut(&str, String)) {
    for (topic, value) in [
        ("clients/expired", stats.sessions_expired),
        ("messages/received", stats.received_packets.iter().sum()),
        ("messages/sent", stats.sent_packets.iter().sum()),
        ("publish/messages/received", stats.publishes_received()),
        ("publish/messages/sent", stats.publishes_sent()),
        ("publish/messages/dropped", stats.dropped.iter().sum()),
        ("publish/bytes/received", stats.received_payload_bytes),
        ("publish/bytes/sent", stats.sent_payload_bytes),
        ("bytes/received", stats.received_bytes),
        ("bytes/sent", stats.sent_bytes),
    ] {
        say(topic, value.to_string());
    }
}

/// In the order of [`LOADS`].
fn load_counters(stats: &Stats) -> [u64; LOADS.len()] {
    [
        stats.received_packets.iter().sum(),
        stats.sent_packets.iter().sum(),
        stats.publishes_received(),
        stats.publishes_sent(),
        stats.dropped.iter().sum(),
        stats.received_bytes,
        stats.sent_bytes,
        stats.opened,
        stats.received_packets[CONNECT],
    ]
}

#[cfg(test)]
#[path = "sys_topics_tests.rs"]
mod tests;
