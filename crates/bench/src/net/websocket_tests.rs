//! Frames of a server in every cut, and frames of ours as a server sees them.

use super::*;
use std::net::{TcpListener, TcpStream};

fn carrier() -> (WebSocketCarrier, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (there, _) = listener.accept().unwrap();
    (
        WebSocketCarrier::new(TcpCarrier::new(here), "h", "/mqtt", "mqtt"),
        there,
    )
}

fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(n as u8),
        n @ 126..=0xffff => {
            out.push(126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

#[test]
fn frames_in_every_cut_give_the_same_bytes() {
    let long = vec![7; 300];
    let huge = vec![8; 70_000];
    let mut wire = server_frame(0x02, b"ab");
    wire.extend(server_frame(0x89, b"ping"));
    wire.extend(server_frame(0x80, b"cd"));
    wire.extend(server_frame(0x82, b""));
    wire.extend(server_frame(0x82, &long));
    wire.extend(server_frame(0x8a, b""));
    wire.extend(server_frame(0x82, &huge));
    let expected = [b"abcd".as_slice(), &long, &huge].concat();
    for step in [1, 2, 3, 7, 100, 4096, wire.len()] {
        let (mut carrier, _there) = carrier();
        let mut got = Vec::new();
        for piece in wire.chunks(step) {
            let mut piece = piece.to_vec();
            let n = carrier.unframe(&mut piece).unwrap();
            got.extend_from_slice(&piece[..n]);
        }
        assert!(got == expected, "in pieces of {step}");
        let pong = [0x8a, 0x84];
        assert!(carrier.out.windows(2).any(|w| w == pong), "{step}");
    }
}

#[test]
fn what_no_server_may_send_is_refused() {
    for bytes in [
        vec![0x82, 0x80, 0, 0, 0, 0],
        vec![0xc2, 0],
        vec![0x81, 1, b'a'],
        vec![0x83, 0],
        vec![0x89, 126, 0, 200],
        server_frame(0x88, &1001u16.to_be_bytes()),
    ] {
        let (mut carrier, _there) = carrier();
        let mut bytes = bytes;
        assert!(carrier.unframe(&mut bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn masks_are_undone_by_themselves() {
    for len in [0, 1, 3, 7, 8, 9, 31] {
        let plain: Vec<u8> = (0..len).collect();
        let mut bytes = plain.clone();
        apply_mask(&mut bytes, [1, 2, 3, 4]);
        let by_hand = plain.iter().zip([1, 2, 3, 4].iter().cycle());
        assert!(
            bytes
                .iter()
                .eq(by_hand.map(|(b, m)| b ^ m).collect::<Vec<_>>().iter())
        );
    }
}

#[test]
fn answers_of_a_server() {
    let good = format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {ACCEPT}");
    assert!(check_answer(good.as_bytes()).is_ok());
    let said = check_answer(b"HTTP/1.1 404 Not Found\r\nX: y").unwrap_err();
    assert!(said.to_string().contains("404"), "{said}");
    assert!(check_answer(b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: no").is_err());
}
