//! Loads against a real node: every message arrives once and in order, and the counts are exact.

mod site;

use bench::{Loop, Plan, Span, Topology};
use mqtt_codec::Version;
use site::{count, good, node, plan, target, target_at, web_socket_target};
use std::time::Duration;

#[test]
fn every_topology_quality_and_number_of_threads() {
    let node = node(&[]);
    for (n, m, k, copies) in [
        (1, 1, 1, 1),
        (1, 7, 1, 7),
        (7, 1, 1, 1),
        (4, 4, 4, 1),
        (2, 3, 5, 1),
        (3, 6, 2, 3),
    ] {
        for qos in 0..=2 {
            for threads in [1, 2] {
                let mut plan = plan(n, m, k, qos);
                plan.threads = threads;
                let report = good(&Plan::Load(plan), &target(&node));
                assert_eq!(count(&report, "sent"), 2000);
                assert_eq!(count(&report, "delivered"), 2000 * copies, "{n} {m} {k}");
                assert_eq!(count(&report, "lost"), 0);
            }
        }
    }
    node.stop().unwrap();
}

#[test]
fn every_version_over_both_transports_with_large_payloads() {
    let node = node(&[]);
    for version in Version::ALL {
        for payload in [24, 300, 70_000] {
            let mut plan = plan(2, 2, 2, 1);
            (plan.payload, plan.span) = (payload, Span::Messages(100));
            let plan = Plan::Load(plan);
            let tcp = target_at(site::address(&node, 0), version);
            assert_eq!(count(&good(&plan, &tcp), "delivered"), 100);
            let mut ws = web_socket_target(&node);
            ws.version = version;
            assert_eq!(count(&good(&plan, &ws), "delivered"), 100);
        }
    }
    node.stop().unwrap();
}

#[test]
fn a_shared_topic_delivers_each_message_to_one_member() {
    let node = node(&[]);
    for qos in 0..=2 {
        let mut plan = plan(3, 5, 1, qos);
        plan.topology.shared = true;
        plan.threads = 2;
        let report = good(
            &Plan::Load(plan),
            &target_at(site::address(&node, 0), Version::V5),
        );
        assert_eq!(count(&report, "delivered"), 2000);
    }
    node.stop().unwrap();
}

#[test]
fn persistent_sessions_are_gone_afterwards() {
    let node = node(&["limits.max_sessions=4"]);
    // A second run would find no room if the first had left anything.
    for version in [Version::V311, Version::V5, Version::V311] {
        let mut plan = plan(1, 2, 1, 1);
        plan.persistent = true;
        good(
            &Plan::Load(plan),
            &target_at(site::address(&node, 0), version),
        );
    }
    node.stop().unwrap();
}

#[test]
fn an_open_loop_sends_what_is_due_and_measures_all_of_it() {
    let node = node(&[]);
    for (threads, qos) in [(1, 0), (2, 1), (1, 2)] {
        let mut plan = plan(3, 3, 3, qos);
        plan.pacing = Loop::Open { rate: 2000.0 };
        plan.span = Span::Messages(500);
        plan.threads = threads;
        let report = good(&Plan::Load(plan), &target(&node));
        assert_eq!(count(&report, "sent"), 500);
        assert_eq!(count(&report, "delivered"), 500);
        assert_eq!(report.latency.as_ref().unwrap().count, 500);
        // Nothing is sent before its time, so 500 messages take a quarter of a second at least.
        assert!(report.value("seconds").unwrap() > 0.24);
    }
    node.stop().unwrap();
}

#[test]
fn a_span_of_time_and_a_warm_up() {
    let node = node(&[]);
    let mut plan = plan(1, 1, 1, 0);
    plan.span = Span::For(Duration::from_millis(200));
    // On a busy machine a short warm-up may be over before anything was sent.
    let mut warmups = (0..8).map(|n| Duration::from_millis(50 << n));
    let report = loop {
        plan.warmup = warmups.next().expect("a warm-up sends something");
        let report = good(&Plan::Load(plan.clone()), &target(&node));
        let all = count(&report, "sent_in_all");
        assert_eq!(all, count(&report, "delivered_in_all"));
        if all > count(&report, "sent") {
            break report;
        }
    };
    assert!(report.value("broker_cpu").is_some());
    assert!(report.value("broker_resident").unwrap() > 0.0);
    node.stop().unwrap();
}

#[test]
fn a_relay_carries_the_same_load() {
    let node = node(&[]);
    for (n, m, k) in [(1, 1, 1), (1, 5, 1), (5, 1, 1), (3, 3, 3)] {
        let mut plan = plan(n, m, k, 0);
        plan.payload = 3000;
        let report = good(&Plan::Relay(plan), &target(&node));
        assert_eq!(count(&report, "delivered"), 2000 * u64::from(m / k));
        assert_eq!(report.mode, "relay");
    }
    node.stop().unwrap();
}

#[test]
fn wrong_plans_say_what_is_wrong() {
    let node = node(&[]);
    let target = target(&node);
    let mut payload = plan(1, 1, 1, 0);
    payload.payload = 10;
    let mut qos = plan(1, 1, 1, 0);
    qos.qos = 3;
    let mut nobody = plan(1, 0, 1, 0);
    nobody.topology = Topology {
        subscribers: 0,
        ..nobody.topology
    };
    let mut relay = plan(1, 1, 1, 1);
    relay.window = 1;
    for (plan, word) in [
        (Plan::Load(payload), "--payload"),
        (Plan::Load(qos), "--qos"),
        (Plan::Load(nobody), "--subs"),
        (Plan::Relay(relay), "--qos 0"),
    ] {
        let said = site::run(&plan, &target).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
    }
    node.stop().unwrap();
}

#[test]
fn a_broker_that_is_not_there_or_refuses() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let said = site::run(
        &Plan::Load(plan(1, 1, 1, 0)),
        &target_at(address, Version::V311),
    );
    let said = said.unwrap_err().to_string();
    assert!(said.contains("is the broker running"), "{said}");
    let node = node(&[]);
    let mut ws = web_socket_target(&node);
    ws.dial = std::sync::Arc::new(bench::WebSocketDial {
        address: site::address(&node, 1),
        host: "h".into(),
        path: "/other".into(),
        subprotocol: "mqtt",
    });
    let said = site::run(&Plan::Load(plan(1, 1, 1, 0)), &ws).unwrap_err();
    assert!(said.to_string().contains("404"), "{said}");
    node.stop().unwrap();
}
