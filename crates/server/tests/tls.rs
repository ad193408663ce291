//! MQTT and WebSocket over TLS as a client sees it: handshakes, certificates, every cut of the bytes.

mod wire;

use rustls::{HandshakeKind, ProtocolVersion};
use server::config::load;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wire::pki::{Authority, Certified, expired};
use wire::tls::{BOTH, Tls, TlsSite, client, connected, dial, listener, over};
use wire::*;

const REQUIRED: &str = "client_ca = 'ca.pem'";
const BY_NAME: &str = "client_ca = 'ca.pem'\nidentity_from_certificate = 'cn'";

/// True where the server does not let this client in.
fn refused(mut stream: Tls) -> bool {
    // In TLS 1.3 the client's handshake is done before the server has looked at its certificate.
    let written = stream.write_all(&connect("refused"));
    let read = stream.read(&mut [0; 1]);
    let unexpected =
        |e: std::io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    if written.is_err_and(unexpected) {
        return false;
    }
    match read {
        Ok(n) => n == 0,
        Err(e) => !unexpected(e),
    }
}

#[test]
fn both_versions_are_spoken_and_the_older_can_be_refused() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    assert!(node.urls()[0].starts_with("mqtts://127.0.0.1:"));
    for (version, name) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let config = client(&site.authority, None, &[version]);
        let mut stream = connected(&node, &config, "c");
        assert_eq!(stream.conn.protocol_version(), Some(name));
        stream.write_all(PINGREQ).unwrap();
        expect(&mut stream, PINGRESP);
    }
    node.stop().unwrap();
    let node = site.listen("mqtts", "tls_min_version = '1.3'");
    let old = client(&site.authority, None, &[&rustls::version::TLS12]);
    assert!(refused(dial(&node, 0, &old)));
    connected(&node, &client(&site.authority, None, BOTH), "c");
    node.stop().unwrap();
}

#[test]
fn sessions_are_resumed_on_every_shard() {
    let site = TlsSite::new();
    for listening in ["", REQUIRED] {
        let node = site.listen("mqtts", listening);
        let certificate = site.authority.client("ann", 2);
        for version in BOTH {
            let config = client(&site.authority, Some(&certificate), &[version]);
            for n in 0..6 {
                let mut stream = connected(&node, &config, &format!("c{n}"));
                let kind = stream.conn.handshake_kind();
                let expected = if n == 0 {
                    HandshakeKind::Full
                } else {
                    HandshakeKind::Resumed
                };
                assert_eq!(kind, Some(expected), "connection {n} by {version:?}");
                // A ticket of TLS 1.3 comes behind the handshake: it is there when this is.
                stream.write_all(PINGREQ).unwrap();
                expect(&mut stream, PINGRESP);
            }
        }
        node.stop().unwrap();
    }
}

#[test]
fn alpn() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    let offering = |protocols: &[&str]| {
        let mut config = (*client(&site.authority, None, BOTH)).clone();
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        Arc::new(config)
    };
    let stream = connected(&node, &offering(&["x", "mqtt"]), "c");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"mqtt"[..]));
    let stream = connected(&node, &offering(&[]), "c");
    assert_eq!(stream.conn.alpn_protocol(), None);
    assert!(refused(dial(&node, 0, &offering(&["h2"]))));
    node.stop().unwrap();
}

#[test]
fn a_certificate_is_required_or_optional() {
    let site = TlsSite::new();
    let stranger = Authority::new("another authority");
    let ours = site.authority.client("ann", 2);
    let theirs = stranger.client("ann", 2);
    let old = site.authority.sign(Some("old"), &[], 3, expired);
    let with = |c: Option<&Certified>, version| client(&site.authority, c, &[version]);

    for (listening, anonymous) in [
        (REQUIRED, false),
        ("client_ca = 'ca.pem'\nclient_auth = 'optional'", true),
    ] {
        let node = site.listen("mqtts", listening);
        for version in BOTH {
            connected(&node, &with(Some(&ours), version), "c");
            assert!(refused(dial(&node, 0, &with(Some(&theirs), version))));
            assert!(refused(dial(&node, 0, &with(Some(&old), version))));
            let none = dial(&node, 0, &with(None, version));
            assert_eq!(!refused(none), anonymous, "{listening} {version:?}");
        }
        node.stop().unwrap();
    }
}

#[test]
fn revoked_certificates_are_refused_and_resumed_sessions_with_them() {
    let site = TlsSite::new();
    let good = site.authority.client("good", 2);
    let revoked = site.authority.client("revoked", 3);
    site.folder.write("list.crl", &site.authority.revoke(&[]));
    let mut node = site.listen("mqtts", "client_ca = 'ca.pem'\ncrl = 'list.crl'");
    for version in BOTH {
        let with = |c| client(&site.authority, Some(c), &[version]);
        let (good, bad) = (with(&good), with(&revoked));
        site.folder.write("list.crl", &site.authority.revoke(&[]));
        node.reload();
        let mut before = connected(&node, &bad, "bad");
        before.write_all(PINGREQ).unwrap();
        expect(&mut before, PINGRESP);
        connected(&node, &good, "good");

        site.folder
            .write("list.crl", &site.authority.revoke(&[&revoked]));
        node.reload();
        assert!(refused(dial(&node, 0, &bad)), "with a ticket of before");
        connected(&node, &good, "good");
        before.write_all(PINGREQ).unwrap();
        expect(&mut before, PINGRESP);
    }
    node.stop().unwrap();
}

/// A session outlives the certificate that it began with, but is not resumed then.
#[test]
fn a_resumed_session_needs_a_certificate_that_is_still_good() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", REQUIRED);
    let brief = site.authority.sign(Some("brief"), &[], 2, |params| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(10);
    });
    let config = client(&site.authority, Some(&brief), BOTH);
    let mut before = connected(&node, &config, "before");
    let mut resumed = false;
    wait_until("an end of what is resumed", 40, || {
        let mut stream = dial(&node, 0, &config);
        let _ = stream.write_all(&connect("after"));
        let served = stream.read_exact(&mut [0; 4]).is_ok();
        let kind = stream.conn.handshake_kind();
        resumed |= served && kind == Some(HandshakeKind::Resumed);
        !served
    });
    assert!(resumed, "as long as it was good");
    before.write_all(PINGREQ).unwrap();
    expect(&mut before, PINGRESP);
    node.stop().unwrap();
}

#[test]
fn a_list_that_is_out_of_date_lets_nobody_in() {
    let site = TlsSite::new();
    site.folder
        .write("old.crl", &site.authority.revoke_until(&[], 2025));
    let config = listener("mqtts", "client_ca = 'ca.pem'\ncrl = ['old.crl']");
    let warnings = site.config(&config).unwrap().warnings;
    assert!(
        warnings.iter().any(|w| w.contains("out of date")),
        "{warnings:?}"
    );
    let node = site.start(&config);
    let ours = site.authority.client("ann", 2);
    assert!(refused(dial(
        &node,
        0,
        &client(&site.authority, Some(&ours), BOTH)
    )));
    node.stop().unwrap();
}

#[test]
fn the_certificate_names_the_user() {
    let site = TlsSite::new();
    site.folder.write(
        "acl.txt",
        "user ann\ntopic readwrite ann/#\nuser bob\ntopic readwrite bob/#\n",
    );
    let node = site.start(&format!(
        "auth.acl_file = 'acl.txt'\n{}",
        listener("mqtts", BY_NAME)
    ));
    let named = |name: &str| {
        let certificate = site.authority.client(name, 7);
        client(&site.authority, Some(&certificate), BOTH)
    };
    // What the CONNECT says it is called counts for nothing.
    let connect = mqtt5::Connect {
        id: "x",
        user: Some("bob"),
        password: Some("secret"),
        ..Default::default()
    };
    let mut stream = dial(&node, 0, &named("ann"));
    stream.write_all(&connect.packet()).unwrap();
    let mut ann = mqtt5::Client::over(stream);
    assert_eq!(ann.read().0, 0x20);
    assert_eq!(ann.subscribe("ann/+"), 1);
    assert_eq!(ann.subscribe("bob/+"), mqtt5::NOT_AUTHORIZED);

    for nameless in [
        site.authority.sign(None, &["a.example"], 8, |_| {}),
        site.authority.sign(Some("a\nb"), &[], 9, |_| {}),
    ] {
        let config = client(&site.authority, Some(&nameless), BOTH);
        let mut stream = dial(&node, 0, &config);
        stream.write_all(&connect.packet()).unwrap();
        let connack = mqtt5::Client::over(stream).read();
        assert_eq!((connack.0, connack.1[1]), (0x20, mqtt5::NOT_AUTHORIZED));
    }
    node.stop().unwrap();
}

#[test]
fn others_than_loopback_need_a_certificate_or_an_authenticator() {
    let site = TlsSite::new();
    let open = |more: &str| {
        let config = listener("mqtts", more).replace("127.0.0.1", "0.0.0.0");
        site.config(&config).map(|_| ()).map_err(|e| e.to_string())
    };
    assert!(open("").unwrap_err().contains("client_ca"));
    assert!(open("client_ca = 'ca.pem'\nclient_auth = 'optional'").is_err());
    assert_eq!(open(REQUIRED), Ok(()));
}

#[test]
fn ten_mebibytes_both_ways_in_odd_pieces() {
    let site = TlsSite::new();
    let node = site.start(&format!(
        "limits.max_packet_size = '16 MiB'\nlimits.max_outbox_bytes = '64 MiB'\n\
         limits.max_queued_bytes = '64 MiB'\n{}",
        listener("mqtts", "")
    ));
    let payload: Vec<u8> = (0..10u32 << 20).map(|i| ((i * 17) >> 3) as u8).collect();
    for version in BOTH {
        let config = client(&site.authority, None, &[version]);
        let mut stream = connected(&node, &config, "big");
        stream.write_all(&subscribe("big")).unwrap();
        expect(&mut stream, SUBACK);
        let big = publish("big", &payload);
        for (n, piece) in pieces(&big).enumerate() {
            stream.write_all(piece).unwrap();
            if n % 7 == 0 {
                stream.flush().unwrap();
            }
        }
        expect(&mut stream, &big);
        stream.write_all(PINGREQ).unwrap();
        expect(&mut stream, PINGRESP);
    }
    node.stop().unwrap();
}

/// Cuts of 1, 2, 3, 5, ... bytes up to more than a record, over and over.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const SIZES: [usize; 9] = [1, 2, 3, 5, 127, 4_096, 16_384, 16_385, 70_001];
    let mut sizes = SIZES.into_iter().cycle();
    std::iter::from_fn(move || {
        let n = sizes.next()?.min(bytes.len());
        let (piece, rest) = bytes.split_at(n);
        bytes = rest;
        (n > 0).then_some(piece)
    })
}

/// The handshake, and a CONNECT behind it, in TCP segments of a byte.
#[test]
fn a_handshake_byte_by_byte() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    for version in BOTH {
        let config = client(&site.authority, None, &[version]);
        let mut stream = dial(&node, 0, &config);
        let Tls { conn, sock } = &mut stream;
        while conn.is_handshaking() {
            let mut bytes = Vec::new();
            while conn.wants_write() {
                conn.write_tls(&mut bytes).unwrap();
            }
            for byte in bytes {
                sock.write_all(&[byte]).unwrap();
            }
            if conn.is_handshaking() {
                conn.read_tls(sock).unwrap();
                conn.process_new_packets().unwrap();
            }
        }
        conn.writer().write_all(&connect("slow")).unwrap();
        let mut bytes = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut bytes).unwrap();
        }
        for byte in bytes {
            sock.write_all(&[byte]).unwrap();
        }
        expect(&mut stream, CONNACK);
    }
    node.stop().unwrap();
}

/// Everything of a client in one segment behind the handshake, one record even: the connection moves
/// to its home shard with what lies behind the CONNECT, and a close_notify is not forgotten.
#[test]
fn bytes_behind_the_connect_move_along() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    for (n, version) in BOTH.iter().cycle().take(12).enumerate() {
        let config = client(&site.authority, None, &[version]);
        let mut stream = dial(&node, 0, &config);
        let topic = format!("t{n}");
        let rest = [subscribe(&topic), publish(&topic, b"x"), PINGREQ.to_vec()].concat();
        let all = [connect(&format!("mover-{n}")), rest].concat();
        stream.write_all(&all).unwrap();
        if n % 3 == 0 {
            // As the end of a TCP connection: what is unanswered stays so.
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            rest_of(&mut stream);
            continue;
        }
        expect(&mut stream, CONNACK);
        expect(&mut stream, SUBACK);
        expect(&mut stream, &publish(&topic, b"x"));
        expect(&mut stream, PINGRESP);
    }
    node.stop().unwrap();
}

/// To the end, which must be a clean one.
fn rest_of(stream: &mut Tls) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn ends_are_clean() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    let config = client(&site.authority, None, BOTH);
    let mut said = connected(&node, &config, "said");
    said.write_all(&[0xe0, 0]).unwrap();
    assert_eq!(rest_of(&mut said), b"");
    let mut offence = connected(&node, &config, "offence");
    offence.write_all(&[0x20, 0]).unwrap();
    assert_eq!(rest_of(&mut offence), b"");
    let mut left = connected(&node, &config, "left");
    let stopper = std::thread::spawn(move || node.stop());
    assert_eq!(rest_of(&mut left), b"");
    drop(left);
    stopper.join().unwrap().unwrap();
}

/// A will is sent when TLS is cut off without a word, and when it is closed without a DISCONNECT.
#[test]
fn an_end_without_a_disconnect_is_noticed() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    let config = client(&site.authority, None, BOTH);
    for close_notify in [false, true] {
        let mut watch = connected(&node, &config, "watch");
        watch.write_all(&subscribe("will")).unwrap();
        expect(&mut watch, SUBACK);
        let mut lost = dial(&node, 0, &config);
        let connect = mqtt5::Connect {
            id: "lost",
            will: Some(("will", "gone")),
            ..Default::default()
        };
        lost.write_all(&connect.packet()).unwrap();
        lost.read_exact(&mut [0; 4]).unwrap();
        if close_notify {
            lost.conn.send_close_notify();
            lost.flush().unwrap();
        } else {
            lost.sock.shutdown(Shutdown::Both).unwrap();
        }
        expect(&mut watch, &publish("will", b"gone"));
        drop(lost);
    }
    node.stop().unwrap();
}

#[test]
fn a_handshake_that_stalls_is_closed_in_time() {
    let site = TlsSite::new();
    let node = site.start(&format!(
        "limits.tls_handshake_timeout_ms = 300\n{}",
        listener("mqtts", "")
    ));
    let hello = {
        let config = client(&site.authority, None, BOTH);
        let mut conn = over(dial_plain(&node), &config).conn;
        let mut hello = Vec::new();
        conn.write_tls(&mut hello).unwrap();
        hello
    };
    let begun = Instant::now();
    for part in [&hello[..0], &hello[..1], &hello[..hello.len() / 2], &hello] {
        let mut socket = dial_plain(&node);
        socket.write_all(part).unwrap();
        // What it answers to a whole hello, then the end.
        rest(&mut socket);
    }
    assert!(begun.elapsed() >= Duration::from_millis(300), "not at once");
    // Once through, the handshake's deadline does not matter any more.
    let mut stream = connected(&node, &client(&site.authority, None, BOTH), "c");
    std::thread::park_timeout(Duration::from_millis(600));
    stream.write_all(PINGREQ).unwrap();
    expect(&mut stream, PINGRESP);
    node.stop().unwrap();
}

fn dial_plain(node: &server::Node) -> TcpStream {
    let socket = TcpStream::connect(address(node, 0)).unwrap();
    let timeout = Some(Duration::from_secs(20));
    socket.set_read_timeout(timeout).unwrap();
    socket
}

#[test]
fn what_is_no_tls_is_refused() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    for junk in [
        connect("plain"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 70_000],
        b"\x16\x03\x01\xff\xff".to_vec(),
        [&b"\x16\x03\x01\x00\x04\x01\xff\xff\xff"[..], &[0; 500]].concat(),
    ] {
        let mut socket = dial_plain(&node);
        // It may be closed before all is written.
        let _ = socket.write_all(&junk);
        let answer = rest(&mut socket);
        assert!(
            answer.is_empty() || answer[0] == 0x15,
            "an alert or nothing: {answer:?}"
        );
    }
    connected(&node, &client(&site.authority, None, BOTH), "c");
    node.stop().unwrap();
}

/// Records that cannot be decrypted end a connection and nothing else.
#[test]
fn forged_records_end_the_connection() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    let config = client(&site.authority, None, BOTH);
    let mut stream = connected(&node, &config, "c");
    let forged = [&b"\x17\x03\x03\x00\x20"[..], &[7; 32]].concat();
    stream.sock.write_all(&forged).unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
    connected(&node, &config, "c");
    node.stop().unwrap();
}

#[test]
fn a_reload_changes_certificates_and_leaves_connections() {
    let site = TlsSite::new();
    let mut node = site.listen("mqtts", REQUIRED);
    let ours = site.authority.client("ann", 2);
    let config = client(&site.authority, Some(&ours), BOTH);
    let mut before: Vec<Tls> = (0..8)
        .map(|n| connected(&node, &config, &format!("b{n}")))
        .collect();
    let ping = |before: &mut [Tls]| {
        for stream in before {
            stream.write_all(PINGREQ).unwrap();
            expect(stream, PINGRESP);
        }
    };

    let renewed = Authority::new("renewed authority");
    renewed.server().write(&site.folder, "server");
    site.folder.write("ca.pem", &renewed.pem());
    std::thread::scope(|scope| {
        let load = scope.spawn(|| (0..200).for_each(|_| ping(&mut before)));
        node.reload();
        load.join().unwrap();
    });
    assert!(refused(dial(&node, 0, &config)), "of the old authority");
    let theirs = renewed.client("bob", 2);
    let new = client(&renewed, Some(&theirs), BOTH);
    let stream = connected(&node, &new, "new");
    let shown = stream.conn.peer_certificates().unwrap()[0].clone();
    ping(&mut before);

    // What is broken changes nothing.
    site.folder.write("server.pem", "nothing");
    node.reload();
    let stream = connected(&node, &new, "new");
    assert_eq!(stream.conn.peer_certificates().unwrap()[0], shown);
    ping(&mut before);
    node.stop().unwrap();
}

#[test]
fn a_reload_that_changes_no_file_keeps_tickets_good() {
    let site = TlsSite::new();
    let mut node = site.listen("mqtts", "");
    let config = client(&site.authority, None, BOTH);
    connected(&node, &config, "c");
    node.reload();
    let stream = connected(&node, &config, "c");
    assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    site.authority.server().write(&site.folder, "server");
    node.reload();
    let stream = connected(&node, &config, "c");
    assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Full));
    node.stop().unwrap();
}

#[test]
fn mqtt_over_secure_websocket() {
    let site = TlsSite::new();
    let node = site.start(&format!(
        "limits.max_packet_size = '4 MiB'\nlimits.max_outbox_bytes = '16 MiB'\n{}",
        listener("wss", REQUIRED)
    ));
    assert!(node.urls()[0].starts_with("wss://") && node.urls()[0].ends_with("/mqtt"));
    let ours = site.authority.client("ann", 2);
    for version in BOTH {
        let mut config = (*client(&site.authority, Some(&ours), &[version])).clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut stream = dial(&node, 0, &Arc::new(config));
        let upgrade = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let role = tungstenite::protocol::Role::Client;
        let limits = tungstenite::protocol::WebSocketConfig::default().max_frame_size(None);
        let mut socket = tungstenite::WebSocket::from_raw_socket(stream, role, Some(limits));
        let big = publish("big", &vec![7; 3_000_000]);
        let all = [
            connect("ws"),
            subscribe("big"),
            big.clone(),
            PINGREQ.to_vec(),
        ]
        .concat();
        for piece in pieces(&all) {
            socket
                .send(tungstenite::Message::binary(piece.to_vec()))
                .unwrap();
        }
        let expected = [CONNACK, SUBACK, &big, PINGRESP].concat();
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.extend_from_slice(&socket.read().unwrap().into_data());
        }
        assert!(got == expected);
    }
    node.stop().unwrap();
}

/// The keys as options of a URL, as `--listen` takes them.
#[test]
fn a_url_says_it_all() {
    let site = TlsSite::new();
    let path = |name: &str| site.folder.path(name).display().to_string();
    let url = format!(
        "mqtts://127.0.0.1:0?cert={}&key={}&client_ca={}&client_auth=optional&tls_min_version=1.3",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    let sources = server::config::Sources {
        listen: vec![url],
        set: vec!["shards=1".into()],
        ..Default::default()
    };
    let node = server::Node::start(load(sources).unwrap()).unwrap();
    connected(&node, &client(&site.authority, None, BOTH), "c");
    node.stop().unwrap();
}
