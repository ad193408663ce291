//! A node under test, and MQTT packets by hand.
#![allow(dead_code)] // each test binary uses its part

pub(crate) mod http;
pub(crate) mod mqtt5;
pub(crate) mod pki;
pub(crate) mod site;
pub(crate) mod tls;

use server::Node;
use server::config::{Sources, load};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) const CONNACK: &[u8] = &[0x20, 2, 0, 0];
pub(crate) const PINGREQ: &[u8] = &[0xc0, 0];
pub(crate) const PINGRESP: &[u8] = &[0xd0, 0];

/// What a test has to say about more than its subject: nothing is to be kept.
pub(crate) fn in_memory() -> Sources {
    Sources {
        environment: vec![("WAYPOST__DURABILITY".into(), "memory".into())],
        ..Sources::default()
    }
}

/// A node of two shards on free ports: MQTT first, WebSocket second.
pub(crate) fn start(set: &[&str]) -> Node {
    let listen = ["mqtt://127.0.0.1:0", "ws://127.0.0.1:0/mqtt"];
    let mut set: Vec<String> = set.iter().map(|s| (*s).into()).collect();
    set.push("shards=2".into());
    let sources = Sources {
        listen: listen.map(Into::into).to_vec(),
        set,
        ..in_memory()
    };
    Node::start(load(sources).unwrap()).unwrap()
}

/// A node of so many shards on a free port that keeps what it must in this folder.
pub(crate) fn start_on_disk(folder: &site::Folder, shards: u16, set: &[&str]) -> Node {
    let mut set: Vec<String> = set.iter().map(|s| (*s).into()).collect();
    set.push(format!("shards={shards}"));
    set.push(format!("data_dir={:?}", folder.path("data")));
    set.push("log.level=error".into());
    let sources = Sources {
        listen: vec!["mqtt://127.0.0.1:0".into()],
        set,
        ..Sources::default()
    };
    Node::start(load(sources).unwrap()).unwrap()
}

/// `HOST:PORT` of a node's listener.
pub(crate) fn address(node: &Node, listener: usize) -> String {
    let url = &node.urls()[listener];
    let rest = url.split_once("://").unwrap().1;
    rest.split('/').next().unwrap().to_owned()
}

pub(crate) fn dial(node: &Node) -> TcpStream {
    let socket = TcpStream::connect(address(node, 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket
}

/// A connected client of MQTT 3.1.1.
pub(crate) fn connected(node: &Node, id: &str) -> TcpStream {
    let mut socket = dial(node);
    socket.write_all(&connect(id)).unwrap();
    expect(&mut socket, CONNACK);
    socket
}

/// CONNECT of MQTT 3.1.1, clean session, no keep alive.
pub(crate) fn connect(id: &str) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x04\x02\0\0".to_vec();
    body.extend(text(id));
    packet(0x10, &body)
}

/// CONNECT of MQTT 5, clean start, no keep alive, no properties.
pub(crate) fn connect5(id: &str) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x05\x02\0\0\0".to_vec();
    body.extend(text(id));
    packet(0x10, &body)
}

/// SUBSCRIBE with packet id 1 and QoS 0; its SUBACK is `90 03 00 01 00`.
pub(crate) fn subscribe(filter: &str) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(text(filter));
    body.push(0);
    packet(0x82, &body)
}

pub(crate) const SUBACK: &[u8] = &[0x90, 3, 0, 1, 0];

pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    body.extend_from_slice(payload);
    packet(0x30, &body)
}

pub(crate) fn publish_qos1(topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    body.extend(id.to_be_bytes());
    body.extend_from_slice(payload);
    packet(0x32, &body)
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&len[..], text.as_bytes()].concat()
}

pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut left = body.len();
    loop {
        let more = if left > 127 { 128 } else { 0 };
        packet.push((left % 128) as u8 | more);
        left /= 128;
        if left == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

/// Reads exactly `bytes`.
pub(crate) fn expect(socket: &mut impl Read, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    socket.read_exact(&mut got).unwrap();
    assert!(got == bytes, "{} bytes, not those expected", got.len());
}

/// Reads to the end of the stream; a reset ends it too.
pub(crate) fn rest(socket: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    match socket.read_to_end(&mut all) {
        Ok(_) => all,
        Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => all,
        Err(e) => panic!("{e} after {} bytes", all.len()),
    }
}

/// Waits until `done`, for at most `seconds`.
pub(crate) fn wait_until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::yield_now();
    }
}

/// Nothing is sent to `socket` for `ms` milliseconds.
pub(crate) fn silent(socket: &mut TcpStream, ms: u64) {
    socket
        .set_read_timeout(Some(Duration::from_millis(ms)))
        .unwrap();
    let got = socket.read(&mut [0; 9]);
    let error = got.err().map(|e| e.kind());
    assert_eq!(error, Some(std::io::ErrorKind::WouldBlock));
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
}

/// Processor time of this process so far.
pub(crate) fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Resident memory of this process.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() * 1024
}
