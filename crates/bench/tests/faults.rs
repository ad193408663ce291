//! A broker that does wrong is found out: loss, repetition, disorder, maimed and refused messages, stalls.

mod site;

use bench::{LoadPlan, Loop, OfflinePlan, Plan, Report, Span};
use mqtt_codec::Version;
use site::fake_broker::{FakeBroker, Wrong};
use site::{count, plan, target_at};
use std::time::Duration;

/// Long enough that an honest machine's pause is no loss, short enough to be waited for.
const PATIENCE: Duration = Duration::from_secs(3);

fn load(qos: u8) -> LoadPlan {
    LoadPlan {
        span: Span::Messages(500),
        patience: PATIENCE,
        ..plan(1, 2, 1, qos)
    }
}

fn under(wrong: Wrong, plan: LoadPlan, version: Version) -> Report {
    let broker = FakeBroker::start(wrong);
    let target = target_at(broker.address, version);
    site::run(&Plan::Load(plan), &target).unwrap()
}

fn faults(report: &Report) -> String {
    report.faults.join("; ")
}

#[test]
fn counts_are_those_of_the_broker() {
    for qos in 0..=2 {
        for version in [Version::V311, Version::V5] {
            let broker = FakeBroker::start(Wrong::Nothing);
            let mut load = load(qos);
            load.span = Span::For(Duration::from_millis(100));
            load.warmup = Duration::from_millis(50);
            let target = target_at(broker.address, version);
            let report = site::good(&Plan::Load(load), &target);
            let sent = count(&report, "sent_in_all");
            let delivered = count(&report, "delivered_in_all");
            assert_eq!(broker.counts(), (sent, delivered), "QoS {qos}");
            assert_eq!(delivered, 2 * sent, "QoS {qos}");
        }
    }
}

#[test]
fn a_lost_message() {
    // The first, one in the middle, and the last, behind which nothing shows the gap.
    for at in [0, 250, 499] {
        let report = under(Wrong::Lose(at), load(0), Version::V311);
        assert_eq!(count(&report, "lost"), 2, "{at}: one for each subscriber");
        assert!(faults(&report).contains("2 messages lost"), "{report:?}");
        assert_eq!(count(&report, "sent"), 500);
    }
}

#[test]
fn a_repeated_message_is_a_fault_but_at_qos_1() {
    for (qos, wrong) in [(0, true), (1, false), (2, true)] {
        let report = under(Wrong::Repeat(250), load(qos), Version::V311);
        assert_eq!(count(&report, "repeated"), 2, "QoS {qos}");
        assert_eq!(
            faults(&report).contains("more than once"),
            wrong,
            "QoS {qos}"
        );
        assert_eq!(count(&report, "delivered"), 1000);
    }
}

#[test]
fn a_message_that_is_sent_again_under_way_is_no_repetition_at_qos_2() {
    for (qos, repeated) in [(1, 2), (2, 0)] {
        let report = under(Wrong::Resend(250), load(qos), Version::V311);
        assert_eq!(count(&report, "repeated"), repeated, "QoS {qos}");
        assert_eq!(faults(&report), "", "QoS {qos}");
        assert_eq!(count(&report, "delivered"), 1000);
    }
}

#[test]
fn messages_out_of_order() {
    for qos in 0..=2 {
        let report = under(Wrong::Swap(250), load(qos), Version::V5);
        assert_eq!(count(&report, "disordered"), 2, "QoS {qos}");
        assert_eq!(count(&report, "lost"), 0, "QoS {qos}");
        assert!(faults(&report).contains("out of order"), "QoS {qos}");
    }
}

#[test]
fn a_maimed_message_is_none_of_ours_and_lost() {
    let report = under(Wrong::Maim(250), load(0), Version::V311);
    assert_eq!(count(&report, "lost"), 2);
    assert!(faults(&report).contains("nobody of this run"), "{report:?}");
}

#[test]
fn a_refused_message() {
    for qos in [1, 2] {
        let report = under(Wrong::Refuse(250), load(qos), Version::V5);
        assert!(faults(&report).contains("refused to take"), "{report:?}");
    }
}

#[test]
fn a_broker_that_hangs_up() {
    let broker = FakeBroker::start(Wrong::HangUp(250));
    let target = target_at(broker.address, Version::V311);
    let said = site::run(&Plan::Load(load(0)), &target).unwrap_err();
    let said = said.to_string();
    assert!(said.contains("closed the connection"), "{said}");
}

/// Coordinated omission: a stall is in the latency of every message that was due meanwhile, though only ten
/// of them could be sent before the broker went on.
#[test]
fn a_stall_shows_in_the_tail_of_an_open_loop() {
    let stall = Duration::from_millis(300);
    let mut plan = load(1);
    plan.pacing = Loop::Open { rate: 1000.0 };
    plan.span = Span::Messages(1000);
    let report = under(Wrong::Stall(500, stall), plan, Version::V5);
    assert_eq!(faults(&report), "");
    // 300 of 1,000 messages were held up, evenly between none and all of it.
    assert!(report.value("latency_max").unwrap() > 290_000.0);
    assert!(report.value("latency_p99").unwrap() > 250_000.0);
    assert!(report.value("latency_p90").unwrap() > 100_000.0);
}

#[test]
fn what_a_full_queue_drops_is_missed() {
    let node = site::node(&["limits.max_queued_messages=40"]);
    let plan = Plan::Offline(OfflinePlan {
        sessions: 3,
        messages: 100,
        qos: 1,
        payload: 64,
        window: 10,
        patience: PATIENCE,
    });
    let report = site::run(&plan, &site::target(&node)).unwrap();
    let (lost, delivered) = (count(&report, "lost"), count(&report, "delivered"));
    assert!(lost > 0 && lost + delivered == 300, "{lost} {delivered}");
    assert!(faults(&report).contains("messages lost"), "{report:?}");
    node.stop().unwrap();
}
