//! A subscriber that never reads, while 64 MiB pass at QoS 0 and again at QoS 1: memory keeps to what
//! the limits say, and another subscriber gets everything at once.
//!
//! Alone in its file, since it measures the whole process.

mod wire;

use std::time::{Duration, Instant};
use wire::mqtt5::{Client, Connect, Publish};
use wire::*;

const PAYLOAD: usize = 64 << 10;
const MESSAGES: u32 = 1024;
const OUTBOX: u64 = 1 << 20;
const QUEUE: u64 = 8 << 20;
/// What goes on besides: pools, the buffers of messages under way, and what the allocator keeps of
/// buffers that have grown, which differs from run to run.
const BESIDES: u64 = 8 << 20;
const PROMPTLY: Duration = Duration::from_secs(1);

fn plain(id: &str) -> Connect<'_> {
    Connect {
        id,
        ..Connect::default()
    }
}

/// Publishes everything, each message once the last one has come out at `other`. Returns the
/// slowest.
fn pass(publisher: &mut Client, other: &mut Client, assured: bool) -> Duration {
    let mut payload = vec![7; PAYLOAD];
    let mut slowest = Duration::ZERO;
    for n in 0..MESSAGES {
        payload[..4].copy_from_slice(&n.to_be_bytes());
        let publish = Publish {
            topic: "flood",
            payload: &payload,
            ..Publish::default()
        };
        let begun = Instant::now();
        if assured {
            assert_eq!(publisher.publish(publish), 0);
        } else {
            publisher.send(&publish.packet(None));
        }
        let message = other.message();
        assert!(message.payload == payload, "message {n}");
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the reader wants")]
fn memory_is_bounded_and_others_are_served() {
    let node = start(&[
        &format!("limits.max_outbox_bytes={OUTBOX}"),
        &format!("limits.max_queued_bytes={QUEUE}"),
    ]);
    let address = address(&node, 0);
    let mut publisher = Client::connect(&address, plain("publisher"));
    let mut other = Client::connect(&address, plain("other"));
    other.subscribe("flood");
    pass(&mut publisher, &mut other, false);

    // One whose session ends with it, and one whose session is kept.
    let kept = Connect {
        keep: Some(1000),
        ..plain("kept")
    };
    let mut never_read = Vec::new();
    for connect in [plain("volatile"), kept] {
        let mut silent = Client::connect(&address, connect);
        silent.subscribe("flood");
        never_read.push(silent);
    }
    let silent = never_read.len() as u64;
    for assured in [false, true] {
        let before = resident();
        let begun = Instant::now();
        let slowest = pass(&mut publisher, &mut other, assured);
        let grown = resident().saturating_sub(before);
        let qos = u8::from(assured);
        println!(
            "QoS {qos}: {grown} bytes more, slowest {slowest:?}, {:?} in all",
            begun.elapsed()
        );
        assert!(slowest < PROMPTLY, "QoS {qos}: {slowest:?}");
        let queued = if assured { QUEUE } else { 0 };
        let cap = (OUTBOX + queued) * silent + BESIDES;
        assert!(grown <= cap + cap / 10, "QoS {qos}: {grown} of {cap} bytes");
    }
    drop(never_read);
    // Their place is given back: a new subscriber starts with nothing.
    let mut fresh = Client::connect(&address, plain("volatile"));
    fresh.subscribe("flood");
    assert_eq!(publisher.say("flood", "last"), 0);
    assert_eq!(fresh.heard().1, "last");
    assert_eq!(other.heard().1, "last");
    node.stop().unwrap();
}
