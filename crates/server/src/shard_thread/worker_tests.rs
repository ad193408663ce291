//! A whole node whose threads hand all shards to one and take them back as fast as they can.

use super::load::Thresholds;
use crate::Node;
use crate::config::{Sources, load};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Each look at the load is a change.
const RESTLESS: Thresholds = Thresholds {
    period_us: 0,
    part_cpu: 0,
    part_awake: 0,
    join_cpu: u64::MAX,
    calm_periods: 1,
};
/// One thread for all from the beginning, whatever the load.
const ALWAYS_ONE: Thresholds = Thresholds {
    part_cpu: u64::MAX,
    part_awake: u64::MAX,
    ..RESTLESS
};
/// Each for itself, whatever the load.
const NEVER_ONE: Thresholds = Thresholds {
    calm_periods: u32::MAX,
    ..RESTLESS
};
const PAIRS: usize = 6;
const MESSAGES: u16 = 300;
/// What is there comes long before; what has been lost does not come at all.
const PATIENCE: Duration = Duration::from_secs(30);

fn node(thresholds: Thresholds) -> Node {
    let dir = std::env::temp_dir().join(format!(
        "waypost-worker-{}-{}",
        std::process::id(),
        thresholds.calm_periods as u64 ^ thresholds.part_cpu
    ));
    let config = load(Sources {
        set: vec!["shards=4".into(), "durability=memory".into()],
        data_dir: Some(dir),
        listen: vec!["mqtt://127.0.0.1:0".into()],
        ..Sources::default()
    });
    Node::start_with(config.unwrap(), thresholds).unwrap()
}

struct Client(TcpStream);

impl Client {
    fn connect(address: &str, id: &str) -> Client {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut client = Client(socket);
        let length = 12 + id.len() as u8;
        let mut packet = vec![
            0x10,
            length,
            0,
            4,
            b'M',
            b'Q',
            b'T',
            b'T',
            4,
            2,
            0,
            0,
            0,
            id.len() as u8,
        ];
        packet.extend_from_slice(id.as_bytes());
        client.send(&packet);
        client.expect(&[0x20, 2, 0, 0]);
        client
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn expect(&mut self, bytes: &[u8]) {
        let mut came = vec![0; bytes.len()];
        self.0.read_exact(&mut came).unwrap();
        assert_eq!(came, bytes);
    }
}

/// Messages of QoS 1 one by one, between clients whose homes are anywhere.
fn one_by_one(address: &str, pair: usize) {
    let mut subscriber = Client::connect(address, &format!("subscriber-{pair}"));
    let topic = [b't', b'0' + pair as u8];
    subscriber.send(&[0x82, 7, 0, 1, 0, 2, topic[0], topic[1], 1]);
    subscriber.expect(&[0x90, 3, 0, 1, 1]);
    let mut publisher = Client::connect(address, &format!("publisher-{pair}"));
    for n in 1..=MESSAGES {
        let [high, low] = n.to_be_bytes();
        publisher.send(&[0x32, 8, 0, 2, topic[0], topic[1], high, low, high, low]);
        publisher.expect(&[0x40, 2, high, low]);
        let mut came = [0; 10];
        subscriber.0.read_exact(&mut came).unwrap();
        assert_eq!(
            (came[0], &came[8..]),
            (0x32, &[high, low][..]),
            "pair {pair}"
        );
        subscriber.send(&[0x40, 2, came[6], came[7]]);
    }
}

fn pairs_are_served(thresholds: Thresholds) {
    let node = node(thresholds);
    let address = node.urls()[0].trim_start_matches("mqtt://").to_owned();
    std::thread::scope(|scope| {
        for pair in 0..PAIRS {
            let address = &address;
            scope.spawn(move || one_by_one(address, pair));
        }
    });
    node.stop().unwrap();
}

#[test]
fn nothing_is_lost_while_shards_change_hands() {
    pairs_are_served(RESTLESS);
}

#[test]
fn one_thread_serves_all_shards() {
    pairs_are_served(ALWAYS_ONE);
}

#[test]
fn each_thread_serves_its_shard() {
    pairs_are_served(NEVER_ONE);
}
