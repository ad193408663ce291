//! A real node, and runs against it.

#![allow(dead_code)] // each test binary uses its part

pub(crate) mod fake_broker;

use bench::{
    BenchError, LoadPlan, Login, Loop, Plan, Report, Span, Stage, Target, TcpDial, Topology,
    Watched, WebSocketDial,
};
use mqtt_codec::Version;
use server::Node;
use server::config::{Sources, load};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A node of two shards on free ports: MQTT first, WebSocket second.
pub(crate) fn node(set: &[&str]) -> Node {
    let listen = ["mqtt://127.0.0.1:0", "ws://127.0.0.1:0/mqtt"];
    let lifted = [
        "shards=2",
        "limits.max_queued_messages=\"unlimited\"",
        "limits.max_queued_bytes=\"unlimited\"",
    ];
    // What a test asks for comes last, and so holds.
    let set = lifted.iter().chain(set).map(|s| (*s).to_owned()).collect();
    let sources = Sources {
        listen: listen.map(Into::into).to_vec(),
        set,
        ..Sources::default()
    };
    Node::start(load(sources).unwrap()).unwrap()
}

pub(crate) fn address(node: &Node, listener: usize) -> SocketAddr {
    let url = &node.urls()[listener];
    let rest = url.split_once("://").unwrap().1;
    rest.split('/').next().unwrap().parse().unwrap()
}

pub(crate) fn target_at(address: SocketAddr, version: Version) -> Target {
    Target {
        dial: Arc::new(TcpDial { address }),
        name: format!("mqtt://{address}"),
        version,
        login: Login::default(),
        binds: Vec::new(),
        keep_alive: 60,
        id_prefix: "t".into(),
        topic_prefix: "bench".into(),
    }
}

pub(crate) fn target(node: &Node) -> Target {
    target_at(address(node, 0), Version::V311)
}

pub(crate) fn web_socket_target(node: &Node) -> Target {
    let address = address(node, 1);
    Target {
        dial: Arc::new(WebSocketDial {
            address,
            host: address.to_string(),
            path: "/mqtt".into(),
            subprotocol: "mqtt",
        }),
        ..target_at(address, Version::V311)
    }
}

/// A short closed loop without warm-up, so that every message counts.
pub(crate) fn plan(publishers: u32, subscribers: u32, topics: u32, qos: u8) -> LoadPlan {
    LoadPlan {
        topology: Topology {
            publishers,
            subscribers,
            topics,
            shared: false,
        },
        pacing: Loop::Closed,
        qos,
        payload: 64,
        window: 50,
        persistent: false,
        span: Span::Messages(2000),
        warmup: Duration::ZERO,
        threads: 1,
        patience: Duration::from_secs(20),
    }
}

pub(crate) fn run(plan: &Plan, target: &Target) -> Result<Report, BenchError> {
    let stop = AtomicBool::new(false);
    let mut tell = |_: &str| {};
    let watched = Watched::Process(std::process::id());
    plan.run(target, &watched, &mut Stage::new(&mut tell, &stop))
}

/// The report of a run without faults.
pub(crate) fn good(plan: &Plan, target: &Target) -> Report {
    let report = run(plan, target).unwrap_or_else(|e| panic!("{plan:?}: {e}"));
    assert_eq!(report.faults, Vec::<String>::new(), "{plan:?}");
    report
}

pub(crate) fn count(report: &Report, key: &str) -> u64 {
    let value = report.value(key);
    value.unwrap_or_else(|| panic!("no {key} in {report:?}")) as u64
}
