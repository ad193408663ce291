//! Connections that never get to their CONNECT, a byte at a time: over TCP, over WebSocket before and
//! behind the handshake. All are closed in time, each costs little, and clients that are in order
//! connect meanwhile.
//!
//! Alone in its file, since it measures the whole process.

mod wire;

use server::Node;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use wire::*;

const OF_EACH: usize = 1_000;
const TIMEOUT: Duration = Duration::from_secs(10);
/// For a loaded machine, and the second that a closed socket may linger.
const GRACE: Duration = Duration::from_secs(5);
/// How often each sends its byte.
const EVERY: Duration = Duration::from_millis(100);
/// Sent by each at once, so that they are as large as they get: a header, part of a head.
const FIRST_BYTES: usize = 20;
/// A connection is as old as the turn that it came in.
const EARLY: Duration = Duration::from_millis(100);
const BUDGET: u64 = 8 << 10;

const UPGRADE: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

struct HalfOpen<'a> {
    socket: TcpStream,
    /// What it sends, a piece at a time; then the last piece for ever.
    pieces: &'a [Vec<u8>],
    next: usize,
}

impl HalfOpen<'_> {
    fn open<'a>(address: &str, pieces: &'a [Vec<u8>]) -> HalfOpen<'a> {
        let socket = TcpStream::connect(address).unwrap();
        let mut open = HalfOpen {
            socket,
            pieces,
            next: 0,
        };
        open.drip();
        open
    }

    fn drip(&mut self) {
        let piece = &self.pieces[self.next.min(self.pieces.len() - 1)];
        // Once it is closed there is nobody to take it.
        let _ = self.socket.write_all(piece);
        self.next += 1;
    }

    fn is_closed(&mut self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let mut sink = [0; 1024];
        let closed = loop {
            match self.socket.read(&mut sink) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                Err(_) => break true,
            }
        };
        self.socket.set_nonblocking(false).unwrap();
        closed
    }
}

/// A CONNECT that says it is 60,000 bytes long.
fn slow_connect() -> Vec<Vec<u8>> {
    let start = b"\x10\xe0\xd4\x03\0\x04MQTT\x04\x02\0\0\xff\xff";
    let pieces = start.iter().map(|byte| vec![*byte]);
    pieces.chain([vec![b'i']]).collect()
}

fn slow_upgrade() -> Vec<Vec<u8>> {
    let pieces = UPGRADE[..UPGRADE.len() - 2].iter().map(|byte| vec![*byte]);
    pieces.collect()
}

/// The handshake at once, then the same CONNECT in frames of a byte each.
fn slow_frames() -> Vec<Vec<u8>> {
    let frame = |byte: &u8| vec![0x82, 0x81, 0, 0, 0, 0, *byte];
    let pieces = slow_connect().concat();
    let frames = pieces.iter().map(frame);
    [UPGRADE.to_vec()].into_iter().chain(frames).collect()
}

/// A client that is in order connects within a second.
fn valid_client(node: &Node, n: usize) {
    let before = Instant::now();
    let mut client = connected(node, &format!("valid{n}"));
    client.write_all(&[0xe0, 0]).unwrap();
    let took = before.elapsed();
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the reader wants")]
fn half_open_connections_are_cheap_and_end_in_time() {
    let timeout = format!("limits.connect_timeout_ms={}", TIMEOUT.as_millis());
    let node = start(&[&timeout]);
    let (mqtt, ws) = (address(&node, 0), address(&node, 1));
    // Warm.
    for n in 0..50 {
        valid_client(&node, n);
    }
    let kinds = [
        ("plain", &mqtt, slow_connect()),
        ("handshake", &ws, slow_upgrade()),
        ("frames", &ws, slow_frames()),
    ];
    let mut open = Vec::with_capacity(OF_EACH * kinds.len());
    let first = Instant::now();
    // Each kind is measured while those before it are still there.
    for (kind, address, pieces) in &kinds {
        let before = resident();
        let from = open.len();
        while open.len() < from + OF_EACH {
            open.push(HalfOpen::open(address, pieces));
        }
        for _ in 0..FIRST_BYTES {
            open[from..].iter_mut().for_each(HalfOpen::drip);
        }
        // What was sent before this client came has been read.
        valid_client(&node, 0);
        let each = resident().saturating_sub(before) / OF_EACH as u64;
        println!("{kind}: {each} bytes each");
        assert!(each <= BUDGET, "{each} bytes for each half-open {kind}");
    }
    let last = Instant::now();
    assert!(last - first < TIMEOUT, "too slow a machine to measure this");
    let (mut drips, mut rounds) = (0, 0);
    while !open.is_empty() {
        rounds += 1;
        valid_client(&node, rounds);
        if last.elapsed() >= EVERY * drips {
            drips += 1;
            open.iter_mut().for_each(HalfOpen::drip);
        }
        let all = open.len();
        open.retain_mut(|one| !one.is_closed());
        let (now, left) = (Instant::now(), open.len());
        assert!(now - first >= TIMEOUT - EARLY || left == all, "too early");
        assert!(now - last < TIMEOUT + GRACE, "{left} are still open");
    }
    let ended = last.elapsed();
    println!("all closed in {ended:?} after the last; {rounds} valid clients meanwhile");
    node.stop().unwrap();
}
