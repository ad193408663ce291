//! What waits for clients that are away lies in the log alone, and comes back from there in order.

mod wire;

use server::Node;
use wire::mqtt5::{Client, Connect, Publish};
use wire::site::Folder;
use wire::{address, start_on_disk};

const MESSAGES: usize = 400;
const IN_FLIGHT: usize = 7;
/// Of all lengths up to this.
const LONGEST: usize = 9000;

fn lasting(node: &Node, id: &str) -> Client {
    let connect = Connect {
        id,
        keep: Some(1000),
        ..Connect::default()
    };
    Client::connect(&address(node, 0), connect)
}

fn payload(n: usize) -> Vec<u8> {
    let mut payload = n.to_string().into_bytes();
    payload.push(b' ');
    payload.resize((n * 7919 % LONGEST).max(8), n as u8);
    payload
}

fn number(payload: &[u8]) -> usize {
    let digits = payload.split(|b| *b == b' ').next().unwrap();
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}

/// All from `from` on, in order. The acknowledgements that a client has written last go down with its
/// connection where it had more to read: those messages come again.
fn expect(client: &mut Client, from: usize, to: usize) {
    let mut n = from;
    while n < to {
        let message = client.message();
        assert_eq!(message.topic, "t");
        let got = number(&message.payload);
        assert!(message.payload == payload(got), "message {got}");
        if n == from && (from.saturating_sub(IN_FLIGHT)..from).contains(&got) {
            continue;
        }
        assert_eq!(got, n);
        n += 1;
    }
}

#[test]
fn what_waits_comes_in_order_from_the_log_before_and_after_a_restart() {
    let folder = Folder::new();
    let set = ["limits.queue_window_bytes=20000", "limits.max_inflight=7"];
    let node = start_on_disk(&folder, 2, &set);
    // One for itself, one for its group.
    for (id, filter) in [("one", "t"), ("member", "$share/g/t")] {
        assert_eq!(lasting(&node, id).subscribe(filter), 1);
    }
    let payloads: Vec<_> = (0..MESSAGES).map(payload).collect();
    let publishes = payloads.iter().map(|payload| Publish {
        topic: "t",
        payload,
        ..Publish::default()
    });
    lasting(&node, "publisher").publish_all(publishes);
    for id in ["one", "member"] {
        expect(&mut lasting(&node, id), 0, MESSAGES / 2);
    }
    node.stop().unwrap();

    let node = start_on_disk(&folder, 3, &set);
    for id in ["one", "member"] {
        expect(&mut lasting(&node, id), MESSAGES / 2, MESSAGES);
    }
    node.stop().unwrap();
}
