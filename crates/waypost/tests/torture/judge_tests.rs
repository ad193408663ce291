//! Each kind of broken promise, written into a ledger by hand, is what the judge finds, and nothing else is.

use crate::judge;
use crate::ledger::{Incoming, Ledger, Receipt, Sent, Subscription, Tag};
use mqtt_codec::QoS;

const TOPIC: &str = "t/0/0";

fn tag(seq: u32) -> Tag {
    Tag { publisher: 0, seq }
}

/// A publisher's messages, one every ten ticks from 100 on, acknowledged five ticks later.
fn ledger(messages: u64, retain: bool) -> Ledger {
    let ledger = Ledger::default();
    let page = ledger.publisher(0, "publisher");
    page.lock()
        .unwrap()
        .sent
        .extend((0..messages).map(|n| Sent {
            topic: TOPIC.into(),
            qos: QoS::ExactlyOnce,
            retain,
            clears: false,
            sent_at: 100 + 10 * n,
            acked_at: Some(105 + 10 * n),
            cycle: 1,
        }));
    ledger
}

/// A subscriber from the beginning on who received these, at tick 1000 and later.
fn receives(ledger: &Ledger, group: Option<&'static str>, received: &[u32]) {
    let page = ledger.subscriber("subscriber", group);
    let mut page = page.lock().unwrap();
    page.subscriptions.push(Subscription {
        filter: group.map_or("t/#".into(), |group| format!("$share/{group}/t/#")),
        qos: QoS::ExactlyOnce,
        asked_at: 1,
        since: Some(2),
        leaving_at: None,
        until: None,
    });
    page.received
        .extend((1000..).zip(received).map(|(at, seq)| Receipt {
            tag: tag(*seq),
            qos: QoS::ExactlyOnce,
            at,
            cycle: 2,
        }));
}

fn findings(ledger: &Ledger) -> Vec<String> {
    judge::with(ledger, |judge| [judge.missing(), judge.wrong()].concat())
}

/// The first word of each finding.
fn kinds(ledger: &Ledger) -> Vec<String> {
    let findings = findings(ledger);
    let first = |line: &String| line.split([' ', ',']).next().unwrap_or_default().to_owned();
    findings.iter().map(first).collect()
}

/// What a subscriber has received of three messages, altered by `alter`.
fn judged(received: &[u32], alter: impl FnOnce(&mut Incoming)) -> Vec<String> {
    let ledger = ledger(3, false);
    receives(&ledger, None, received);
    alter(&mut ledger.incoming.lock().unwrap()[0].lock().unwrap());
    kinds(&ledger)
}

#[test]
fn what_is_right_is_not_found() {
    assert!(judged(&[0, 1, 2], |_| {}).is_empty());
}

#[test]
fn what_is_lost_is_found_unless_it_was_not_acknowledged() {
    assert_eq!(judged(&[0, 2], |_| {}), ["LOST"]);
    let ledger = ledger(3, false);
    receives(&ledger, None, &[0, 2]);
    let page = ledger.outgoing.lock().unwrap()[&0].clone();
    page.lock().unwrap().sent[1].acked_at = None;
    assert!(findings(&ledger).is_empty());
}

#[test]
fn duplicates_are_found_where_they_are_forbidden() {
    assert_eq!(judged(&[0, 1, 2, 0], |_| {}), ["TWICE"]);
    let at_qos_1 = |page: &mut Incoming| {
        page.subscriptions[0].qos = QoS::AtLeastOnce;
        for receipt in &mut page.received {
            receipt.qos = QoS::AtLeastOnce;
        }
    };
    assert!(judged(&[0, 1, 2, 0], at_qos_1).is_empty());
}

#[test]
fn disorder_is_found_in_first_receptions() {
    assert_eq!(judged(&[1, 0, 2], |_| {}), ["ORDER"]);
}

#[test]
fn what_nobody_sent_is_found() {
    assert_eq!(judged(&[0, 1, 2, 7], |_| {}), ["NEVER"]);
}

#[test]
fn another_qos_than_owed_is_found() {
    let lower = |page: &mut Incoming| page.received[1].qos = QoS::AtLeastOnce;
    assert_eq!(judged(&[0, 1, 2], lower), ["QOS"]);
}

#[test]
fn subscriptions_hold_from_suback_to_unsubscribe() {
    // Acknowledged at 105, 115 and 125; the last one was sent at 120.
    let late = |page: &mut Incoming| page.subscriptions[0].since = Some(106);
    assert!(judged(&[1, 2], late).is_empty());
    assert_eq!(judged(&[2], late), ["LOST"]);
    let leaving = |page: &mut Incoming| {
        page.subscriptions[0].leaving_at = Some(116);
        page.subscriptions[0].until = Some(118);
    };
    assert!(judged(&[0, 1], leaving).is_empty());
    assert_eq!(judged(&[0, 1, 2], leaving), ["UNASKED"]);
}

#[test]
fn a_group_shares_its_messages() {
    let shared = |one: &[u32], other: &[u32]| {
        let ledger = ledger(3, false);
        receives(&ledger, Some("g"), one);
        receives(&ledger, Some("g"), other);
        kinds(&ledger)
    };
    assert!(shared(&[0, 2], &[1]).is_empty());
    assert_eq!(shared(&[0], &[1]), ["LOST"]);
    assert_eq!(shared(&[0, 2], &[1, 2]), ["TWICE"]);
}

#[test]
fn retained_values_are_the_last_acknowledged_or_later() {
    let ledger = ledger(3, true);
    let page = ledger.outgoing.lock().unwrap()[&0].clone();
    page.lock().unwrap().sent[2].acked_at = None;
    let found = |shown: &[u32]| {
        let shown: Vec<_> = shown
            .iter()
            .map(|seq| (TOPIC.to_owned(), tag(*seq)))
            .collect();
        judge::with(&ledger, |judge| judge.retained(&shown)).len()
    };
    assert_eq!([found(&[1]), found(&[2])], [0, 0]);
    assert_eq!([found(&[0]), found(&[]), found(&[1, 2])], [1, 1, 1]);
    page.lock().unwrap().sent[2].clears = true;
    assert_eq!([found(&[1]), found(&[]), found(&[2])], [0, 0, 1]);
}
