//! Retained messages against subscriptions that are made meanwhile.

use super::{Mix, Scenario, Stage};
use crate::client::Profile;
use crate::ledger::MessageNo;
use crate::oracle;
use crate::rng::Rng;
use crate::world::Config;
use mqtt_codec::Version;
use std::collections::{BTreeMap, BTreeSet};
use store::Folded;

pub(super) const ONE_PUBLISHER: Scenario = Scenario {
    name: "retained",
    about: "one publisher for each retained topic: new subscribers end up with its last value, in order",
    seeds: 300,
    configure,
    play: one_publisher,
};

pub(super) const MANY_PUBLISHERS: Scenario = Scenario {
    name: "retained-race",
    about: "several publishers of the same retained topics: memory and log agree on the last one",
    seeds: 300,
    configure,
    play: many_publishers,
};

pub(super) const EXACTLY_ONCE: Scenario = Scenario {
    name: "retained-once",
    about: "the first retained message of a topic while it is subscribed to: each gets it exactly once",
    seeds: 300,
    configure,
    play: exactly_once,
};

fn configure(config: &mut Config, rng: &mut Rng) {
    config.shards = rng.range(2, 4) as u16;
    config.yield_percent = rng.pick(&[30, 60]);
}

fn one_publisher(stage: &mut Stage) {
    let mut publishers = Vec::new();
    for no in 0..2 {
        publishers.push(stage.add(Profile::new(&format!("p{no}"), Version::V5, true), &[]));
    }
    for no in 0..5 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        let persistent = stage.rng.chance(50);
        let filter = stage.rng.pick(&["r/#", "r/0/+", "r/+/b"]);
        stage.add(
            Profile::new(&format!("s{no}"), version, persistent),
            &[(filter, 2)],
        );
    }
    let mix = Mix {
        publish: 40,
        unsubscribe: 6,
        connect: 20,
        goodbye: 4,
        hold_log: 1,
        retain: 100,
        qos: vec![2],
        topics: vec!["r/{}/a".into(), "r/{}/b".into()],
        calm: publishers.clone(),
        publishers,
        ..Mix::default()
    };
    stage.play(&mix, 900);
    stage.judge();
    last_values_agree(stage);
    check_sequences(stage);
    check_memory(stage, "r/#");
}

/// Every subscriber that stayed has the last value of each topic, and none came back after a newer.
fn check_sequences(stage: &mut Stage) {
    let mut faults = Vec::new();
    let mut last: BTreeMap<(usize, u32, &str), MessageNo> = BTreeMap::new();
    let mut subscribed: BTreeMap<usize, (u64, usize)> = BTreeMap::new();
    for s in stage.ledger.subscriptions.iter() {
        let (at, count) = subscribed.entry(s.client).or_default();
        (*at, *count) = (s.asked_at, *count + s.asks);
    }
    for d in &stage.ledger.deliveries {
        let topic = stage.ledger.messages[d.message].topic.as_str();
        // A subscription that was made again is sent what is retained again, at once; live copies that were
        // under way to the one before may be older, and are not left out, since it was owed them.
        let (asked_at, times) = subscribed[&d.client];
        if d.at < asked_at || (times > 1 && d.retain) {
            continue;
        }
        // That replay runs beside what is still on its way to the subscription as it was.
        if times > 1 && d.retain {
            continue;
        }
        let before = last.insert((d.client, d.session, topic), d.message);
        if before.is_some_and(|before| before >= d.message) {
            faults.push(format!("after {before:?} came {d:?}"));
        }
    }
    stage.ledger.faults.extend(faults);
}

/// The last of the copies that each subscriber got is the value that is retained, where one is.
fn last_values_agree(stage: &mut Stage) {
    let values = oracle::retained_values(&stage.ledger);
    let mut last: BTreeMap<(usize, &str), MessageNo> = BTreeMap::new();
    for d in &stage.ledger.deliveries {
        let topic = stage.ledger.messages[d.message].topic.as_str();
        last.insert((d.client, topic), d.message);
    }
    let mut faults = Vec::new();
    for s in stage
        .ledger
        .subscriptions
        .iter()
        .filter(|s| s.left_at.is_none())
    {
        for (topic, values) in &values {
            let has = last.get(&(s.client, *topic)).copied();
            if message::pattern::matches(&s.filter, topic)
                && !values.contains(&None)
                && !values.contains(&has)
            {
                faults.push(format!(
                    "client {} ends with {has:?} of {topic}, not {values:?}",
                    s.client
                ));
            }
        }
    }
    stage.ledger.faults.extend(faults);
}

fn many_publishers(stage: &mut Stage) {
    for no in 0..5 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        stage.add(Profile::new(&format!("p{no}"), version, true), &[]);
    }
    stage.begin();
    let mix = Mix {
        publish: 60,
        cut: 1,
        retain: 100,
        qos: vec![1, 2],
        topics: vec!["r/a".into(), "r/b".into(), "r/c".into()],
        ..Mix::default()
    };
    stage.play(&mix, 400);
    stage.judge();
    check_memory(stage, "r/#");
}

/// A new subscriber reads what may be retained, and just what the log has.
pub(super) fn check_memory(stage: &mut Stage, filter: &str) {
    let reader = stage.add(Profile::new("reader", Version::V5, false), &[(filter, 2)]);
    let from = stage.ledger.deliveries.len();
    stage.come_to_rest();
    let ledger = &stage.ledger;
    let read = ledger.deliveries[from..]
        .iter()
        .filter(|d| d.client == reader);
    let read: BTreeSet<MessageNo> = read.map(|d| d.message).collect();
    let mut faults = Vec::new();
    for (topic, values) in oracle::retained_values(ledger) {
        let here = read
            .iter()
            .copied()
            .find(|m| ledger.messages[*m].topic == topic);
        if !values.contains(&here) {
            faults.push(format!(
                "{topic} has {here:?}, and should have one of {values:?}"
            ));
        }
    }
    let mut logged = BTreeSet::new();
    stage.world.log(|log| {
        let _ = log.scan(&mut |item| {
            if let Folded::Message(live) = item
                && live.retained
            {
                logged.insert(
                    String::from_utf8_lossy(&live.message.payload)
                        .trim_end_matches('.')
                        .to_owned(),
                );
            }
        });
    });
    let wanted: BTreeSet<String> = read.iter().map(|m| format!("m{m} ")).collect();
    if logged != wanted {
        faults.push(format!("memory has {wanted:?}, the log {logged:?}"));
    }
    stage.ledger.faults.extend(faults);
}

/// Topics that are subscribed to while their first retained message is published.
const ROUNDS: usize = 25;

fn exactly_once(stage: &mut Stage) {
    for no in 0..2 {
        stage.add(Profile::new(&format!("p{no}"), Version::V5, true), &[]);
    }
    for no in 0..4 {
        let version = stage.rng.pick(&[Version::V311, Version::V5]);
        let persistent = stage.rng.chance(50);
        stage.add(Profile::new(&format!("s{no}"), version, persistent), &[]);
    }
    stage.begin();
    for round in 0..ROUNDS {
        let topic = format!("r/{round}/x");
        let publisher = stage.rng.below(2);
        let mut subscribers: Vec<(usize, usize)> = Vec::new();
        for no in 2..6 {
            subscribers.push((stage.rng.below(12), no));
        }
        let publish_at = stage.rng.below(12);
        let mut message = None;
        for moment in 0..12 {
            for (_, no) in subscribers.iter().filter(|(at, _)| *at == moment) {
                let end = stage.rng.pick(&["x", "+", "#"]);
                let filter = format!("r/{round}/{end}");
                stage.clients[*no].subscribe(&stage.world, &mut stage.ledger, &filter, 2);
            }
            if moment == publish_at {
                let (world, ledger) = (&stage.world, &mut stage.ledger);
                message = stage.clients[publisher].publish(world, ledger, &topic, 2, true, 20);
            }
            for _ in 0..stage.rng.below(4) {
                stage.world.step();
            }
        }
        stage.catch_up();
        for (_, no) in subscribers {
            let copies = stage.ledger.deliveries.iter();
            let mine = copies.filter(|d| d.client == no && Some(d.message) == message);
            let count = mine.count();
            if count != 1 {
                stage
                    .ledger
                    .fault(format!("{message:?} reached client {no} {count} times"));
            }
        }
        if !stage.ledger.faults.is_empty() {
            return;
        }
    }
    stage.judge();
}
