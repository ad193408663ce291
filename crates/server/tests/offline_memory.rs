//! A message that waits for a session that is away takes less than 100 bytes of memory, whatever it
//! holds.
//!
//! Alone in its file, since it measures the whole process.

mod wire;

use server::Node;
use wire::mqtt5::{Client, Connect, Publish};
use wire::site::Folder;
use wire::*;

const SESSIONS: usize = 10;
const MESSAGES: usize = 200_000;
/// Warms up pools, tables and the allocator before anything is measured.
const BEFORE: usize = 40_000;
const PAYLOAD: usize = 300;
const BUDGET: u64 = 100;

fn publish(node: &Node, count: usize) {
    let connect = Connect {
        id: "publisher",
        ..Connect::default()
    };
    let topics: Vec<_> = (0..SESSIONS).map(|n| format!("t/{n}")).collect();
    let publishes = topics.iter().cycle().take(count).map(|topic| Publish {
        topic,
        payload: &[7; PAYLOAD],
        ..Publish::default()
    });
    Client::connect(&address(node, 0), connect).publish_all(publishes);
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is what the reader wants")]
fn a_message_that_waits_fits_its_budget() {
    let folder = Folder::new();
    let node = start_on_disk(&folder, 2, &["limits.max_queued_messages=\"unlimited\""]);
    for n in 0..SESSIONS {
        let connect = Connect {
            id: &format!("s{n}"),
            keep: Some(1000),
            ..Connect::default()
        };
        let mut client = Client::connect(&address(&node, 0), connect);
        assert_eq!(client.subscribe(&format!("t/{n}")), 1);
    }
    publish(&node, BEFORE);
    let before = resident();
    publish(&node, MESSAGES);
    let each = resident().saturating_sub(before) / MESSAGES as u64;
    println!("{each} bytes of resident memory for each of {MESSAGES} messages that wait");
    assert!(each < BUDGET, "{each} bytes each, {BUDGET} allowed");
    node.stop().unwrap();
}
