//! Connections that a proxy hands on: plain, with TLS and with WebSocket behind its header.

mod wire;

use server::Node;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use wire::tls::{BOTH, TlsSite, client, listener, over};
use wire::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FROM_HERE: &str = "proxy_protocol = ['10.0.0.0/8', '127.0.0.1']";

/// A header of version 2 for a client at this address, with more TLVs.
fn v2(address: [u8; 4], tlvs: &[u8]) -> Vec<u8> {
    let len = u16::try_from(12 + tlvs.len()).unwrap().to_be_bytes();
    let addresses = [&address[..], &[10, 0, 0, 1, 0x1F, 0x90, 0x07, 0x5B]].concat();
    [SIGNATURE, &[0x21, 0x11], &len, &addresses, tlvs].concat()
}

/// What a proxy that has ended the client's TLS says of its certificate.
fn ssl(client: u8, verify: u32, name: &str) -> Vec<u8> {
    let tlv = |kind: u8, value: &[u8]| {
        let len = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[kind], &len[..], value].concat()
    };
    let inner = tlv(0x22, name.as_bytes());
    tlv(
        0x20,
        &[&[client], &verify.to_be_bytes()[..], &inner].concat(),
    )
}

fn plain(site: &TlsSite, settings: &str, keys: &str) -> Node {
    site.start(&format!(
        "{settings}\n[[listener]]\nurl = 'mqtt://127.0.0.1:0'\n{keys}\n"
    ))
}

fn dial(node: &Node) -> TcpStream {
    let socket = TcpStream::connect(address(node, 0)).unwrap();
    let timeout = Some(Duration::from_secs(20));
    socket.set_read_timeout(timeout).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Sends it in pieces of `cut` bytes.
fn send(node: &Node, bytes: &[u8], cut: usize) -> TcpStream {
    let mut socket = dial(node);
    for piece in bytes.chunks(cut) {
        // Who is refused may be gone before the end.
        let _ = socket.write_all(piece);
    }
    socket
}

#[test]
fn headers_of_both_versions_however_they_are_cut() {
    let site = TlsSite::new();
    let node = plain(&site, "", FROM_HERE);
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    for header in [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 1883\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::7 ::1 8080 1883\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        v2([192, 0, 2, 7], &[]),
        v2([192, 0, 2, 7], &[4, 0, 2, 0, 0]),
        local,
    ] {
        for (n, cut) in [1, 7, 1000].into_iter().enumerate() {
            let bytes = [&header[..], &connect(&format!("c{n}")), PINGREQ].concat();
            let mut socket = send(&node, &bytes, cut);
            expect(&mut socket, CONNACK);
            expect(&mut socket, PINGRESP);
        }
    }
    node.stop().unwrap();
}

#[test]
fn a_proxy_without_a_header_is_refused() {
    let site = TlsSite::new();
    let node = plain(&site, "", FROM_HERE);
    for bytes in [
        connect("c"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"PROXY TCP4 nonsense\r\n".to_vec(),
        [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat(),
        [SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat(),
        [SIGNATURE, &[0x11, 0x11, 0, 12]].concat(),
    ] {
        assert!(rest(&mut send(&node, &bytes, 1000)).is_empty(), "{bytes:?}");
    }
    node.stop().unwrap();
}

#[test]
fn a_header_of_somebody_else_is_refused() {
    let site = TlsSite::new();
    for keys in ["", "proxy_protocol = ['10.0.0.0/8', '::1']"] {
        let node = plain(&site, "", keys);
        for header in [v2([192, 0, 2, 7], &[]), b"PROXY UNKNOWN\r\n".to_vec()] {
            let bytes = [&header[..], &connect("c")].concat();
            assert!(rest(&mut send(&node, &bytes, 1000)).is_empty());
        }
        expect(&mut send(&node, &connect("itself"), 1000), CONNACK);
        node.stop().unwrap();
    }
}

#[test]
fn a_header_has_a_deadline() {
    let site = TlsSite::new();
    let node = plain(&site, "limits.tls_handshake_timeout_ms = 300", FROM_HERE);
    let begun = Instant::now();
    for bytes in [&b""[..], b"PROXY TCP4 1", &SIGNATURE[..5]] {
        assert!(rest(&mut send(&node, bytes, 1000)).is_empty());
    }
    assert!(begun.elapsed() >= Duration::from_millis(300), "not at once");
    node.stop().unwrap();
}

/// The address that is counted is the client's, not the proxy's.
#[test]
fn limits_go_by_the_address_in_the_header() {
    let site = TlsSite::new();
    let node = plain(&site, "limits.max_connections_per_ip = 2", FROM_HERE);
    let from = |last: u8, id: &str| {
        let bytes = [&v2([192, 0, 2, last], &[])[..], &connect(id)].concat();
        send(&node, &bytes, 1000)
    };
    let mut held = Vec::new();
    for (n, last) in [7, 7, 8, 8].into_iter().enumerate() {
        let mut socket = from(last, &format!("c{n}"));
        expect(&mut socket, CONNACK);
        held.push(socket);
    }
    assert!(rest(&mut from(7, "third")).is_empty());
    let header = "PROXY TCP4 192.0.2.8 10.0.0.1 1 1883\r\n";
    let line = [header.as_bytes(), &connect("third")].concat();
    assert!(rest(&mut send(&node, &line, 1000)).is_empty());
    let mapped = "PROXY TCP6 ::ffff:192.0.2.8 ::1 1 1883\r\n";
    let line = [mapped.as_bytes(), &connect("third")].concat();
    assert!(
        rest(&mut send(&node, &line, 1000)).is_empty(),
        "the same address"
    );
    held.clear();
    wait_until("a free place", 10, || {
        let mut socket = from(7, "again");
        socket.read_exact(&mut [0; 4]).is_ok()
    });
    node.stop().unwrap();
}

#[test]
fn tls_behind_a_header() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", &format!("client_ca = 'ca.pem'\n{FROM_HERE}"));
    let certificate = site.authority.client("ann", 2);
    for version in BOTH {
        let config = client(&site.authority, Some(&certificate), &[version]);
        for cut in [1, 9, 1000] {
            let socket = send(&node, &v2([192, 0, 2, 7], &[]), cut);
            let mut stream = over(socket, &config);
            stream.write_all(&connect("c")).unwrap();
            expect(&mut stream, CONNACK);
        }
        // Header and hello in one segment.
        let mut stream = over(dial(&node), &config);
        let mut first = v2([192, 0, 2, 7], &[]);
        stream.conn.write_tls(&mut first).unwrap();
        stream.sock.write_all(&first).unwrap();
        stream.write_all(&connect("c")).unwrap();
        expect(&mut stream, CONNACK);
    }
    // No TLS behind it, no header before it.
    for bytes in [
        [&v2([192, 0, 2, 7], &[])[..], &connect("c")].concat(),
        connect("c"),
    ] {
        let answer = rest(&mut send(&node, &bytes, 1000));
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    }
    node.stop().unwrap();
}

#[test]
fn websocket_behind_a_header() {
    let site = TlsSite::new();
    let node = site.start(&format!(
        "[[listener]]\nurl = 'ws://127.0.0.1:0/mqtt'\n{FROM_HERE}\n"
    ));
    let upgrade = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    let hello = connect("c");
    let frame = [&[0x82, 0x80 | hello.len() as u8, 0, 0, 0, 0], &hello[..]].concat();
    let bytes = [&v2([192, 0, 2, 7], &[]), upgrade.as_bytes(), &frame].concat();
    for cut in [3, 1000] {
        let mut socket = send(&node, &bytes, cut);
        let mut got = Vec::new();
        while !got.ends_with(&[&[0x82, 4], CONNACK].concat()) {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            got.push(byte[0]);
        }
        assert!(got.starts_with(b"HTTP/1.1 101"));
    }
    node.stop().unwrap();
}

/// A proxy that ends TLS says whom the certificate named, and that is the user.
#[test]
fn names_by_a_proxy() {
    let site = TlsSite::new();
    site.folder
        .write("acl.txt", "user ann\ntopic readwrite ann/#\n");
    site.folder
        .write("users.txt", &site::users(&[("bob", "pw")]));
    let settings = "auth.acl_file = 'acl.txt'\nauth.password_file = 'users.txt'";
    let keys = format!("{FROM_HERE}\nidentity_from_certificate = 'cn'");
    let node = plain(&site, settings, &keys);
    let mut clients = 0;
    let mut connack = |tlvs: &[u8], password| {
        clients += 1;
        let connect = mqtt5::Connect {
            id: &format!("c{clients}"),
            user: Some("bob"),
            password: Some(password),
            ..Default::default()
        };
        let bytes = [v2([192, 0, 2, 7], tlvs), connect.packet()].concat();
        let mut client = mqtt5::Client::over(send(&node, &bytes, 1000));
        let (first, body) = client.read();
        assert_eq!(first, 0x20);
        (body[1], client)
    };
    let (reason, mut ann) = connack(&ssl(7, 0, "ann"), "wrong");
    assert_eq!((reason, ann.subscribe("ann/+")), (0, 1));
    // Nobody's name: then the password counts.
    for tlvs in [
        &ssl(7, 1, "ann")[..],
        &ssl(1, 0, "ann"),
        &ssl(7, 0, ""),
        &[],
    ] {
        assert_ne!(connack(tlvs, "wrong").0, 0);
        let (reason, mut bob) = connack(tlvs, "pw");
        assert_eq!((reason, bob.subscribe("ann/+")), (0, mqtt5::NOT_AUTHORIZED));
    }
    node.stop().unwrap();
    // Where the listener does not ask for names, what a proxy says of them is nothing.
    let node = plain(&site, settings, FROM_HERE);
    let connect = mqtt5::Connect {
        id: "c",
        user: Some("ann"),
        ..Default::default()
    };
    let bytes = [v2([192, 0, 2, 7], &ssl(7, 0, "ann")), connect.packet()].concat();
    let connack = mqtt5::Client::over(send(&node, &bytes, 1000)).read();
    assert_ne!(connack.1[1], 0);
    node.stop().unwrap();
}

/// TLS between proxy and broker: what the header says of the client comes before the proxy's own
/// certificate.
#[test]
fn a_proxys_own_certificate_is_not_its_clients_name() {
    let site = TlsSite::new();
    site.folder
        .write("acl.txt", "user ann\ntopic readwrite ann/#\n");
    let keys = format!("client_ca = 'ca.pem'\nidentity_from_certificate = 'cn'\n{FROM_HERE}");
    let node = site.start(&format!(
        "auth.acl_file = 'acl.txt'\n{}",
        listener("mqtts", &keys)
    ));
    let proxy = site.authority.client("ann", 2);
    let config = client(&site.authority, Some(&proxy), BOTH);
    for (tlvs, reason) in [
        (ssl(7, 0, "bob"), Some(mqtt5::NOT_AUTHORIZED)),
        (ssl(7, 0, "ann"), Some(1)),
        (ssl(1, 0, ""), None),
        (Vec::new(), Some(1)),
    ] {
        let mut stream = over(send(&node, &v2([192, 0, 2, 7], &tlvs), 1000), &config);
        let connect = mqtt5::Connect {
            id: "c",
            ..Default::default()
        };
        stream.write_all(&connect.packet()).unwrap();
        let mut client = mqtt5::Client::over(stream);
        let connack = client.read().1[1];
        let got = (connack == 0).then(|| client.subscribe("ann/+"));
        assert_eq!(got, reason, "{tlvs:?}");
    }
    node.stop().unwrap();
}
