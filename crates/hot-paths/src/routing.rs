//! A route that no cache knows, at few and at many subscriptions; and what comes before the first message.

use crate::client;
use crate::node::Node;
use crate::path::{Batch, Path};
use mqtt_codec::{Disconnect, Packet, Properties, QoS, ReasonCode, Version};

const BATCH: u32 = 50;
/// What a client of the default limits may have, and ask for at once.
const OF_A_SESSION: usize = 1000;
const AT_ONCE: usize = 100;
const DEVICES: u32 = 100;

const DISCONNECT: Disconnect<'_> = Disconnect {
    reason: ReasonCode::Success,
    props: Properties::EMPTY,
};

pub(crate) fn paths() -> [Path; 3] {
    [
        Path::new("route.uncached.1000-subscriptions", BATCH, || {
            uncached(1000)
        }),
        Path::new("route.uncached.100000-subscriptions", BATCH, || {
            uncached(100_000)
        }),
        Path::new("connect.subscribe.disconnect", 1, connecting),
    ]
}

/// One in three is exact, has a `+`, has a `#`.
fn filter(n: u32) -> String {
    let (site, device) = (n / DEVICES, n % DEVICES);
    match n % 3 {
        0 => format!("site/{site}/device/{device}/state"),
        1 => format!("site/{site}/+/{device}/alarm"),
        _ => format!("site/{site}/device/{device}/log/#"),
    }
}

/// A topic that filter `n` alone matches.
fn topic(n: u32) -> String {
    filter(n).replace('+', "device").replace('#', "boot/kernel")
}

/// Each message has a topic of its own, and one subscriber.
fn uncached(subscriptions: u32) -> Batch {
    let mut node = Node::new(1);
    let publisher = node.connect(0, Version::V311, false);
    let all: Vec<u32> = (0..subscriptions).collect();
    for session in all.chunks(OF_A_SESSION) {
        let subscriber = node.connect(0, Version::V311, false);
        for part in session.chunks(AT_ONCE) {
            let filters: Vec<String> = part.iter().map(|n| filter(*n)).collect();
            let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
            node.subscribe(subscriber, QoS::AtMostOnce, &filters);
        }
    }
    let mut next = 0;
    Box::new(move |meter| {
        let mut bytes = Vec::new();
        for _ in 0..BATCH {
            // Has no divisor in common with how many there are, so each comes once.
            next = (next + 7919) % subscriptions;
            client::publish(
                &mut bytes,
                Version::V311,
                QoS::AtMostOnce,
                &topic(next),
                0,
                &[],
            );
        }
        let received = node.send(meter, publisher, &bytes);
        assert_eq!(received, BATCH, "each matches one subscription");
    })
}

/// A short life: CONNECT, SUBSCRIBE, DISCONNECT in one read each.
fn connecting() -> Batch {
    let mut node = Node::new(1);
    let packets = [
        client::connect(Version::V311, "a-client", false),
        client::subscribe(Version::V311, QoS::AtLeastOnce, &[client::TOPIC]),
        client::encoded(&Packet::Disconnect(DISCONNECT), Version::V311),
    ];
    Box::new(move |meter| {
        let client = node.open(0, Version::V311);
        for packet in &packets {
            node.send(meter, client, packet);
        }
    })
}
