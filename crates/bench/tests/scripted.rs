//! The runs of one thread against a real node: small numbers, exact counts.

mod site;

use bench::{ConnectionsPlan, OfflinePlan, PatternKind, Plan, RetainedPlan, SubscriptionsPlan};
use mqtt_codec::Version;
use site::{address, count, good, node, run, target, target_at, web_socket_target};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn connections_come_stay_and_go() {
    let node = node(&[]);
    let plan = Plan::Connections(ConnectionsPlan {
        count: 300,
        at_once: 50,
        // Long enough that each is pinged twice.
        hold: Duration::from_millis(1600),
        patience: PATIENCE,
    });
    for mut target in [target(&node), web_socket_target(&node)] {
        target.keep_alive = 1;
        let report = good(&plan, &target);
        assert_eq!(count(&report, "connected"), 300);
        assert_eq!(count(&report, "lost"), 0);
        assert!(report.value("connect_p50").unwrap() > 0.0);
        assert!(report.value("connect_rate").unwrap() > 0.0);
    }
    node.stop().unwrap();
}

#[test]
fn connections_beyond_a_limit_are_a_fault_that_says_why() {
    let node = node(&["limits.max_connections=100"]);
    let plan = |count| {
        Plan::Connections(ConnectionsPlan {
            count,
            at_once: 10,
            hold: Duration::ZERO,
            patience: PATIENCE,
        })
    };
    let report = run(&plan(105), &target(&node)).unwrap();
    assert_eq!(count(&report, "connected"), 100);
    assert_eq!(count(&report, "failed"), 5);
    assert!(
        report.faults[0].contains("5 connections failed"),
        "{:?}",
        report.faults
    );
    let node = {
        node.stop().unwrap();
        site::node(&["limits.max_connections=100"])
    };
    let said = run(&plan(2000), &target(&node)).unwrap_err().to_string();
    assert!(said.contains("connections failed"), "{said}");
    node.stop().unwrap();
}

#[test]
fn subscriptions_in_steps_of_every_kind() {
    let node = node(&["limits.max_subscriptions_per_session=\"unlimited\""]);
    for kind in [
        PatternKind::Exact,
        PatternKind::Plus,
        PatternKind::Hash,
        PatternKind::Mixed,
    ] {
        let plan = Plan::Subscriptions(SubscriptionsPlan {
            steps: vec![10, 1000, 2500],
            kind,
            sessions: 7,
            publishes: 500,
            payload: 64,
            window: 50,
            patience: PATIENCE,
        });
        let report = good(&plan, &target(&node));
        assert_eq!(count(&report, "subscriptions"), 2500);
        assert_eq!(count(&report, "delivered"), 1500);
        assert_eq!(report.tables[0].rows.len(), 3);
    }
    node.stop().unwrap();
}

#[test]
fn retained_messages_are_stored_read_and_deleted() {
    // A second run would find no room if the first had left anything.
    let node = node(&["limits.max_retained_messages=700"]);
    for (qos, version) in [(1, Version::V311), (2, Version::V5)] {
        let plan = Plan::Retained(RetainedPlan {
            count: 700,
            readers: 3,
            qos,
            payload: 100,
            window: 20,
            keep: false,
            patience: PATIENCE,
        });
        let report = good(&plan, &target_at(address(&node, 0), version));
        assert_eq!(count(&report, "stored"), 700);
        assert_eq!(count(&report, "read"), 2100);
    }
    node.stop().unwrap();
}

#[test]
fn retained_messages_that_do_not_fit_are_lost() {
    let node = node(&["limits.max_retained_messages=500"]);
    let plan = Plan::Retained(RetainedPlan {
        count: 600,
        readers: 1,
        qos: 1,
        payload: 64,
        window: 20,
        keep: true,
        patience: Duration::from_millis(500),
    });
    let report = run(&plan, &target(&node)).unwrap();
    assert_eq!(count(&report, "lost"), 100);
    assert!(
        report.faults[0].contains("100 retained"),
        "{:?}",
        report.faults
    );
    assert!(report.notes.iter().any(|note| note.contains("stay under")));
    node.stop().unwrap();
}

#[test]
fn sessions_return_to_all_that_was_queued() {
    let node = node(&["limits.max_sessions=7"]);
    for (qos, version) in [(1, Version::V311), (2, Version::V5), (1, Version::V31)] {
        let plan = Plan::Offline(OfflinePlan {
            sessions: 6,
            messages: 300,
            qos,
            payload: 64,
            window: 20,
            patience: PATIENCE,
        });
        let report = good(&plan, &target_at(address(&node, 0), version));
        assert_eq!(count(&report, "queued"), 1800);
        assert_eq!(count(&report, "delivered"), 1800);
    }
    node.stop().unwrap();
}

#[test]
fn wrong_plans_are_wrong_usage() {
    let node = node(&[]);
    let offline = |qos, sessions| {
        Plan::Offline(OfflinePlan {
            sessions,
            messages: 1,
            qos,
            payload: 64,
            window: 1,
            patience: PATIENCE,
        })
    };
    let steps = Plan::Subscriptions(SubscriptionsPlan {
        steps: vec![10, 5],
        kind: PatternKind::Exact,
        sessions: 1,
        publishes: 1,
        payload: 64,
        window: 1,
        patience: PATIENCE,
    });
    for plan in [offline(0, 1), offline(1, 0), steps] {
        let said = run(&plan, &target(&node)).unwrap_err();
        assert!(matches!(said, bench::BenchError::Usage(_)), "{said}");
    }
    node.stop().unwrap();
}
