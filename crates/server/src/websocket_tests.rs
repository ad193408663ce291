//! The WebSocket layer over real sockets, with peers that read slowly.

use super::*;
use mio::net::TcpStream;
use std::io::Read;
use std::net::{TcpListener, TcpStream as Blocking};
use std::time::{Duration, Instant};

const REQUEST: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

fn upgrade() -> Arc<Upgrade> {
    Arc::new(Upgrade {
        path: "/mqtt".into(),
        origins: Vec::new(),
    })
}

fn pair() -> (Link, Blocking) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = Blocking::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    (Link::Tcp(TcpStream::from_std(socket)), peer)
}

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8, 1, 2, 3, 4];
    let mask = [1, 2, 3, 4].into_iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(b, m)| b ^ m));
    frame
}

/// Feeds `bytes` in pieces of `size`; returns the MQTT stream and how it ended.
fn feed(ws: &mut WebSocket, bytes: &[u8], size: usize) -> (Vec<u8>, Result<(), Ended>) {
    let mut stream = Vec::new();
    for piece in bytes.to_vec().chunks_mut(size) {
        let fed = ws.feed(piece, &mut |b| stream.extend_from_slice(b));
        if fed.is_err() {
            return (stream, fed);
        }
    }
    (stream, Ok(()))
}

fn open() -> WebSocket {
    let mut ws = WebSocket::new(upgrade());
    assert_eq!(feed(&mut ws, REQUEST, REQUEST.len()), (Vec::new(), Ok(())));
    assert!(ws.pending.starts_with(b"HTTP/1.1 101"));
    ws.pending = Vec::new();
    ws
}

#[test]
fn handshake_and_frames_in_any_pieces() {
    let mut bytes = REQUEST.to_vec();
    for piece in [&b"\x10\x0d"[..], b"\x00\x04MQTT", b"", b"\x04"] {
        bytes.extend(masked(2, piece));
    }
    for size in [1, 2, 7, 64, bytes.len()] {
        let mut ws = WebSocket::new(upgrade());
        let (stream, end) = feed(&mut ws, &bytes, size);
        assert_eq!(stream, b"\x10\x0d\x00\x04MQTT\x04", "pieces of {size}");
        assert_eq!(end, Ok(()));
        assert!(ws.pending.starts_with(b"HTTP/1.1 101"));
    }
}

#[test]
fn a_refused_handshake_is_answered() {
    for (request, status) in [
        ("GET /other HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "426"),
        ("\x10\r\n\r\n", "400"),
        (
            &format!("GET /mqtt HTTP/1.1\r\nX: {}", "y".repeat(MAX_HEAD)),
            "431",
        ),
    ] {
        for size in [1, 1000, request.len()] {
            let mut ws = WebSocket::new(upgrade());
            let (_, end) = feed(&mut ws, request.as_bytes(), size);
            assert!(end.unwrap_err().why.contains("handshake refused"));
            let answer = String::from_utf8_lossy(&ws.pending);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
        }
    }
}

#[test]
fn offences_and_closes_have_their_codes() {
    for (frame, code) in [
        (masked(1, b"text"), 1003),
        (vec![0x82, 1, b'x'], 1002),
        (masked(8, &1000u16.to_be_bytes()), 1000),
        (
            vec![0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            1009,
        ),
    ] {
        let mut ws = open();
        feed(&mut ws, &frame, frame.len()).1.unwrap_err();
        assert_eq!(ws.pending[..2], [0x88, 2]);
        assert_eq!(ws.pending[2..], u16::to_be_bytes(code));
        let more = masked(2, b"late");
        assert_eq!(feed(&mut ws, &more, 3), (Vec::new(), Ok(())));
    }
    let mut ws = open();
    let (stream, end) = feed(&mut ws, &masked(8, b""), 1);
    assert!(stream.is_empty() && end.is_err());
    assert_eq!(
        ws.pending,
        [0x88, 0],
        "a close without a code is answered by one"
    );
}

#[test]
fn pings_are_answered_up_to_a_bound() {
    let mut ws = open();
    feed(&mut ws, &masked(9, b"hello"), 2).1.unwrap();
    assert_eq!(ws.pending, b"\x8a\x05hello");
    for _ in 0..1000 {
        feed(&mut ws, &masked(9, &[7; 125]), 200).1.unwrap();
    }
    assert!(ws.pending.len() < MAX_PENDING + 127);
}

/// Reads frames until the stream ends; gives data joined, and the control frames as they came.
fn read_frames(bytes: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut data, mut control, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let len = match bytes[at + 1] {
            126 => u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]).into(),
            127 => u64::from_be_bytes(bytes[at + 2..at + 10].try_into().unwrap()) as usize,
            n => n.into(),
        };
        let head = at + [2, 4, 10][usize::from(len > 125) + usize::from(len > 65535)];
        let payload = &bytes[head..head + len];
        match bytes[at] {
            0x82 => data.extend_from_slice(payload),
            _ => control.push(bytes[at..head + len].to_vec()),
        }
        at = head + len;
    }
    (data, control)
}

/// An outbox that grows while its peer reads little: nothing is lost or doubled, control frames stand
/// between frames only.
#[test]
fn frames_survive_a_full_socket() {
    let (mut link, mut peer) = pair();
    let mut ws = open();
    let total = 12 << 20;
    let sent: Vec<u8> = (0..total).map(|i: usize| (i * 7 + i / 251) as u8).collect();
    let (mut received, mut piece) = (Vec::new(), vec![0; 50_000]);
    let (mut from, mut to, mut pings, mut blocked) = (0, 0, 0, 0);
    while from < total || ws.wants_write() {
        to = (to + 300_000 + from % 999).min(total);
        if pings < 20 {
            feed(&mut ws, &masked(9, &[pings]), 9).1.unwrap();
            pings += 1;
        }
        let wrote = ws.write(&mut link, &sent[from..to]).unwrap();
        from += wrote.bytes;
        if wrote.blocked {
            blocked += 1;
            let n = peer.read(&mut piece).unwrap();
            received.extend_from_slice(&piece[..n]);
        } else {
            assert_eq!(from, to);
        }
    }
    ws.end(NORMAL_CLOSURE);
    let reader = std::thread::spawn(move || {
        peer.read_to_end(&mut received).unwrap();
        received
    });
    while ws.wants_write() {
        ws.write(&mut link, &[]).unwrap();
    }
    link.finish();
    let (data, control) = read_frames(&reader.join().unwrap());
    assert!(blocked > 0, "the socket was never full");
    assert!(
        data == sent,
        "{} of {} bytes, or not the same",
        data.len(),
        sent.len()
    );
    let pongs = (0..20).map(|n| vec![0x8a, 1, n]);
    let expected: Vec<_> = pongs.chain([vec![0x88, 2, 0x03, 0xe8]]).collect();
    assert_eq!(control, expected);
}

#[test]
fn a_cut_frame_is_not_followed_by_a_close_frame() {
    let (mut link, mut peer) = pair();
    let mut ws = open();
    let big = vec![1; 32 << 20];
    assert!(ws.write(&mut link, &big).unwrap().blocked);
    feed(&mut ws, &masked(1, b"text"), 99).1.unwrap_err();
    let last = ws.write(&mut link, &[]).unwrap();
    assert_eq!(last, Wrote::default());
    drop(link);
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert!(all[10..].iter().all(|b| *b == 1));
}

#[test]
fn a_peer_that_has_gone_is_an_error() {
    let (mut link, peer) = pair();
    let mut ws = open();
    drop(peer);
    let big = vec![1; 4 << 20];
    let deadline = Instant::now() + Duration::from_secs(10);
    while ws.write(&mut link, &big).is_ok() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn an_open_websocket_is_small() {
    assert!(size_of::<WebSocket>() <= 144, "{}", size_of::<WebSocket>());
}
