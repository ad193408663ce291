//! MQTT over WebSocket as a client sees it.

mod wire;

use server::Node;
use std::io::{Read, Write};
use std::net::TcpStream;
use tungstenite::client::{IntoClientRequest, client_with_config};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};
use wire::*;

type Client = WebSocket<TcpStream>;

fn try_dial(
    node: &Node,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Client, Box<Error>> {
    let socket = TcpStream::connect(address(node, 1)).unwrap();
    let url = format!("ws://{}{path}", address(node, 1));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let config = WebSocketConfig::default().max_frame_size(None);
    match client_with_config(request, socket, Some(config)) {
        Ok((client, _)) => Ok(client),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
        Err(other) => panic!("{other}"),
    }
}

fn dial_ws(node: &Node) -> Client {
    let protocol = ("sec-websocket-protocol", "mqtt");
    try_dial(node, "/mqtt", &[protocol]).unwrap()
}

fn send(client: &mut Client, bytes: &[u8]) {
    client.send(Message::binary(bytes.to_vec())).unwrap();
}

/// Reads `n` bytes of the MQTT stream, over however many messages.
fn stream(client: &mut Client, n: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < n {
        match client.read().unwrap() {
            Message::Binary(bytes) => all.extend_from_slice(&bytes),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?} after {} bytes", all.len()),
        }
    }
    assert_eq!(all.len(), n);
    all
}

fn connected_ws(node: &Node, id: &str) -> Client {
    let mut client = dial_ws(node);
    send(&mut client, &connect(id));
    assert_eq!(stream(&mut client, 4), CONNACK);
    client
}

/// The code that the server closes with.
fn close_code(client: &mut Client) -> Option<u16> {
    let mut code = None;
    loop {
        match client.read() {
            Ok(Message::Close(frame)) => code = frame.map(|f| f.code.into()),
            Ok(_) => {}
            Err(_) => return code,
        }
    }
}

#[test]
fn packets_in_messages_of_any_cut() {
    let node = start(&[]);
    for n in 0..8 {
        let mut client = dial_ws(&node);
        let bytes = [&connect(&format!("m{n}"))[..], PINGREQ, PINGREQ].concat();
        for piece in bytes.chunks(1 + n * 3) {
            send(&mut client, piece);
        }
        let expected = [CONNACK, PINGRESP, PINGRESP].concat();
        assert_eq!(stream(&mut client, 8), expected);
        send(&mut client, b"");
        client.send(Message::Ping(vec![7; 100].into())).unwrap();
        assert_eq!(client.read().unwrap(), Message::Pong(vec![7; 100].into()));
        send(&mut client, PINGREQ);
        assert_eq!(stream(&mut client, 2), PINGRESP);
    }
    node.stop().unwrap();
}

#[test]
fn a_big_message_both_ways() {
    let node = start(&[
        "limits.max_packet_size=4000000",
        "limits.max_outbox_bytes=16000000",
    ]);
    let mut client = connected_ws(&node, "big");
    send(&mut client, &subscribe("big"));
    assert_eq!(stream(&mut client, 5), SUBACK);
    let payload: Vec<u8> = (0..3_500_000u32).map(|i| ((i * 17) >> 2) as u8).collect();
    let big = publish("big", &payload);
    send(&mut client, &[&big[..], PINGREQ].concat());
    let got = stream(&mut client, big.len() + 2);
    assert!(got == [&big[..], PINGRESP].concat());
    node.stop().unwrap();
}

#[test]
fn offences_have_their_codes() {
    let node = start(&[]);
    let mut client = connected_ws(&node, "text");
    client.send(Message::text("hello")).unwrap();
    assert_eq!(close_code(&mut client), Some(1003));

    let mut client = connected_ws(&node, "m-unmasked");
    client.get_mut().write_all(b"\x82\x02\xc0\x00").unwrap();
    assert_eq!(close_code(&mut client), Some(1002));

    let mut client = connected_ws(&node, "huge");
    let huge = b"\x82\xff\x40\0\0\0\0\0\0\0\x01\x02\x03\x04";
    client.get_mut().write_all(huge).unwrap();
    assert_eq!(close_code(&mut client), Some(1009));

    let mut client = connected_ws(&node, "bye");
    let normal = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    client.close(Some(normal)).unwrap();
    assert_eq!(close_code(&mut client), Some(1000));

    let mut client = connected_ws(&node, "m-disconnect");
    send(&mut client, &[0xe0, 0]);
    assert_eq!(close_code(&mut client), Some(1000));
    node.stop().unwrap();
}

#[test]
fn a_stop_is_going_away() {
    let node = start(&[]);
    let mut client = connected_ws(&node, "m");
    let stopper = std::thread::spawn(move || node.stop());
    assert_eq!(close_code(&mut client), Some(1001));
    drop(client);
    stopper.join().unwrap().unwrap();
}

#[test]
fn strangers_are_refused() {
    let node = start(&[]);
    let status = |result: Result<Client, Box<Error>>| match result.err().map(|e| *e) {
        Some(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    };
    let evil = ("origin", "https://evil.example");
    assert_eq!(status(try_dial(&node, "/mqtt", &[evil])), 403);
    assert_eq!(status(try_dial(&node, "/other", &[])), 404);
    let here = format!("http://{}", address(&node, 1));
    let mqtt = ("sec-websocket-protocol", "mqtt");
    try_dial(&node, "/mqtt", &[("origin", &here), mqtt]).unwrap();

    let mut plain = TcpStream::connect(address(&node, 1)).unwrap();
    plain.write_all(&connect("plain")).unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    node.stop().unwrap();
}
