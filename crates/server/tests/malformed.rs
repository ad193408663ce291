//! A hundred thousand packets that are wrong in some way, at the live port: nothing panics, nothing
//! is kept, and whoever is in order is served all along.
//!
//! Alone in its file, since it measures the whole process. The packets come from a seed, so a failure
//! can be seen again.

mod wire;

use server::Node;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};
use wire::mqtt5::{Client, Connect, Publish};
use wire::*;

const SEED: u64 = 0x5eed_0008;
const PACKETS: u32 = 100_000;
/// The first of them warm up tables, pools and the allocator.
const BEFORE: u32 = 20_000;
const IN_ONE_CONNECTION: u32 = 4;
const AT_ONCE: u64 = 4;
const ROUND: u32 = 100;
/// Five in a hundred, and what an allocator may keep of a small process.
const DRIFT: u64 = 4 << 20;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 40) as u8
    }
}

/// Packets that are right, to be made wrong.
fn packets() -> Vec<Vec<u8>> {
    let with_will = Connect {
        id: "hostile",
        user: Some("user"),
        password: Some("password"),
        will: Some(("will/topic", "gone")),
        ..Connect::default()
    };
    let aliased = Publish {
        topic: "a/b",
        payload: b"payload",
        alias: Some(3),
        ..Publish::default()
    };
    let properties = b"\0\x03a/b\0\x07\x13\x01\x01\x02\0\0\0\x01\x08\0\x01r\x26\0\x01k\0\x01v";
    vec![
        connect("hostile"),
        connect5("hostile"),
        with_will.packet(),
        publish("a/b", b"payload"),
        publish_qos1("a/b", 7, b"payload"),
        aliased.packet(None),
        aliased.packet(Some(9)),
        packet(0x34, properties),
        packet(0x3b, b"\0\x03a/b\0\x09\0retained"),
        subscribe("a/+/#"),
        mqtt5::subscribe(2, "$share/group/a/#"),
        packet(0xa2, b"\0\x05\0\x03a/b"),
        packet(0xa2, b"\0\x05\0\0\x03a/b"),
        packet(0x40, b"\0\x07"),
        packet(0x50, b"\0\x07\x10\0"),
        packet(0x62, b"\0\x07"),
        packet(0x70, b"\0\x07"),
        packet(0x20, b"\0\0"),
        packet(0x90, b"\0\x01\0"),
        packet(0xe0, b"\x04\x05\x11\0\0\0\x09"),
        packet(0xf0, b"\x18\x05\x15\0\x02ab"),
        PINGREQ.to_vec(),
    ]
}

/// Makes a packet wrong; by chance it may be right all the same.
fn mutate(random: &mut Random, packet: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(packet.len());
        match random.below(8) {
            0 => packet[at] ^= 1 << random.below(8),
            1 => packet[at] = random.byte(),
            2 => packet[0] = random.byte(),
            // Its length says something else than its body.
            3 => packet[1] = random.byte(),
            4 => packet.truncate(at.max(1)),
            5 => packet.insert(at, random.byte()),
            6 => {
                let piece = packet[at..].to_vec();
                packet.extend(piece);
            }
            _ => {
                let len = random.below(40);
                packet.extend((0..len).map(|_| random.byte()));
            }
        }
        if packet.len() < 2 {
            packet.push(random.byte());
        }
    }
}

/// A WebSocket frame around some bytes, its header wrong now and then.
fn frame(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![0x82, 0x80 | bytes.len().min(125) as u8];
    if random.below(4) == 0 {
        frame[random.below(2)] = random.byte();
    }
    frame.extend(mask);
    frame.extend(bytes.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

const UPGRADE: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// One connection with its share of the packets. It ends: the broker leaves nobody hanging.
fn torment(addresses: &[String; 2], seeds: &[Vec<u8>], random: &mut Random) {
    let websocket = random.below(5) == 0;
    let mut bytes = match (websocket, random.below(4)) {
        // The handshake and the CONNECT are wrong too.
        (true, 0) => {
            let mut head = UPGRADE.to_vec();
            mutate(random, &mut head);
            head
        }
        (true, _) => UPGRADE.to_vec(),
        (false, 0) => Vec::new(),
        (false, 1) => connect(&format!("v3-{}", random.below(50))),
        (false, _) => connect5(&format!("v5-{}", random.below(50))),
    };
    for _ in 0..IN_ONE_CONNECTION {
        let mut packet = seeds[random.below(seeds.len())].clone();
        mutate(random, &mut packet);
        if websocket {
            packet = frame(random, &packet);
        }
        bytes.extend(packet);
    }
    let mut socket = TcpStream::connect(&addresses[usize::from(websocket)]).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    // It may be closed long before all is written.
    let _ = socket.write_all(&bytes);
    let _ = socket.shutdown(Shutdown::Write);
    let mut sink = [0; 4096];
    loop {
        match socket.read(&mut sink) {
            Ok(n) if n > 0 => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("left hanging"),
            _ => break,
        }
    }
    // Thousands of ports in TIME_WAIT are nobody's concern here.
    let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
}

fn storm(node: &Node, seed: u64, packets_in_all: u32) {
    let addresses = [address(node, 0), address(node, 1)];
    let seeds = packets();
    let left = AtomicU32::new(packets_in_all / IN_ONE_CONNECTION);
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    scope(|s| {
        for worker in 1..=AT_ONCE {
            let (addresses, seeds, take) = (&addresses, &seeds, &take);
            s.spawn(move || {
                let mut random = Random(seed.wrapping_mul(worker | 1) ^ worker);
                while take().is_ok() {
                    torment(addresses, seeds, &mut random);
                }
            });
        }
        // Meanwhile somebody is served, and promptly.
        let mut valid = Client::connect(
            &addresses[0],
            Connect {
                id: "valid",
                ..Connect::default()
            },
        );
        assert_eq!(valid.subscribe("valid/own"), 1);
        let mut n = 0u32;
        while n < ROUND || left.load(Ordering::Relaxed) > 0 {
            n += 1;
            let begun = Instant::now();
            valid.send(
                &Publish {
                    topic: "valid/own",
                    payload: &n.to_be_bytes(),
                    ..Publish::default()
                }
                .packet(None),
            );
            assert_eq!(valid.message().payload, n.to_be_bytes());
            assert!(begun.elapsed() < Duration::from_secs(1));
        }
        valid.send(&[0xe0, 0]);
    });
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the reader wants")]
fn malformed_packets_change_nothing() {
    let node = start(&["limits.max_session_expiry_s=0"]);
    storm(&node, SEED, BEFORE);
    let before = resident();
    let begun = Instant::now();
    storm(&node, SEED + 1, PACKETS - BEFORE);
    let (took, after) = (begun.elapsed(), resident());
    println!(
        "{PACKETS} packets, the last {} in {took:?}: resident {before} to {after}",
        PACKETS - BEFORE
    );
    let bound = before + before / 20 + DRIFT;
    assert!(after <= bound, "{before} bytes before, {after} after");
    node.stop().unwrap();
}
