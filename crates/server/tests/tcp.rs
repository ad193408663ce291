//! MQTT over TCP as a socket sees it: pieces, bursts, slow readers, deadlines, the end.

mod wire;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::scope;
use std::time::{Duration, Instant};
use wire::*;

#[test]
fn clients_of_all_shards_are_served() {
    let node = start(&[]);
    for n in 0..16 {
        let mut client = dial(&node);
        // What follows the CONNECT in the same segment moves along with the connection.
        let mut bytes = connect(&format!("{}{n}", if n % 2 == 0 { "m" } else { "c" }));
        bytes.extend([PINGREQ, PINGREQ].concat());
        client.write_all(&bytes).unwrap();
        expect(&mut client, &[CONNACK, PINGRESP, PINGRESP].concat());
        client.write_all(PINGREQ).unwrap();
        expect(&mut client, PINGRESP);
    }
    node.stop().unwrap();
}

#[test]
fn a_packet_may_come_byte_by_byte_and_many_at_once() {
    let node = start(&[]);
    let mut client = dial(&node);
    client.set_nodelay(true).unwrap();
    for byte in connect("slow") {
        client.write_all(&[byte]).unwrap();
    }
    expect(&mut client, CONNACK);
    let many = PINGREQ.repeat(100_000);
    scope(|s| {
        let mut writer = client.try_clone().unwrap();
        s.spawn(move || writer.write_all(&many).unwrap());
        expect(&mut client, &PINGRESP.repeat(100_000));
    });
    node.stop().unwrap();
}

#[test]
fn a_big_payload_reaches_a_slow_reader() {
    let node = start(&[
        "limits.max_packet_size=4000000",
        "limits.max_outbox_bytes=16000000",
    ]);
    let mut client = connected(&node, "big");
    client.write_all(&subscribe("big")).unwrap();
    expect(&mut client, SUBACK);
    let payload: Vec<u8> = (0..3_500_000u32).map(|i| ((i * 31) >> 3) as u8).collect();
    let big = publish("big", &payload);
    // Nothing is read before all is sent, so the answer has filled the sockets by then.
    client.write_all(&big).unwrap();
    client.write_all(PINGREQ).unwrap();
    let mut got = Vec::new();
    let mut piece = vec![0; 10_000];
    while got.len() < big.len() + PINGRESP.len() {
        let n = client.read(&mut piece).unwrap();
        got.extend_from_slice(&piece[..n]);
    }
    assert!(got == [&big[..], PINGRESP].concat());
    node.stop().unwrap();
}

#[test]
fn an_acknowledgement_waits_for_the_log() {
    let node = start(&[]);
    let mut client = connected(&node, "q1");
    let mut bytes = Vec::new();
    for _ in 0..500 {
        bytes.extend(publish_qos1("a", 1, b"x"));
        bytes.extend(PINGREQ);
    }
    client.write_all(&bytes).unwrap();
    let (mut acks, mut pings) = (0, 0);
    while acks < 500 || pings < 500 {
        let mut head = [0; 2];
        client.read_exact(&mut head).unwrap();
        match head {
            [0xd0, 0] => pings += 1,
            [0x40, 2] => {
                expect(&mut client, &[0, 1]);
                acks += 1;
            }
            _ => panic!("{head:x?}"),
        }
    }
    node.stop().unwrap();
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answers() {
    let node = start(&[]);
    let mut client = dial(&node);
    let bytes = [&connect("half")[..], PINGREQ].concat();
    client.write_all(&bytes).unwrap();
    expect(&mut client, &[CONNACK, PINGRESP].concat());
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), b"");
    node.stop().unwrap();
}

/// What is sent in answer to an offence arrives although more bytes are unread behind it.
#[test]
fn the_last_packet_is_not_lost_to_a_reset() {
    let node = start(&[]);
    for n in 0..20 {
        let mut client = dial(&node);
        client.write_all(&connect5(&format!("bad{n}"))).unwrap();
        client.write_all(&[0xf1, 0]).unwrap();
        let junk = vec![0; 200_000];
        // It fails once the broker has closed for good.
        let _ = client.write_all(&junk);
        let got = rest(&mut client);
        let disconnect = got.windows(1).position(|w| w == [0xe0]);
        assert!(disconnect.is_some(), "no DISCONNECT in {got:x?}");
    }
    node.stop().unwrap();
}

#[test]
fn half_open_connections_end_in_time_while_others_are_served() {
    let node = start(&["limits.connect_timeout_ms=500"]);
    let begun = Instant::now();
    let mut silent: Vec<TcpStream> = (0..300)
        .map(|n| TcpStream::connect(address(&node, n % 2)).unwrap())
        .collect();
    for (n, client) in silent.iter_mut().enumerate() {
        if n % 3 == 0 {
            client
                .write_all(if n % 2 == 0 { &[0x10] } else { b"G" })
                .unwrap();
        }
    }
    let before = Instant::now();
    let mut client = connected(&node, "valid");
    assert!(before.elapsed() < Duration::from_secs(1));
    for client in &mut silent {
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        rest(client);
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    client.write_all(PINGREQ).unwrap();
    expect(&mut client, PINGRESP);
    node.stop().unwrap();
}

#[test]
fn a_stop_tells_clients_and_is_quick() {
    let node = start(&[]);
    let mut clients: Vec<_> = (0..20)
        .map(|n| {
            let mut client = dial(&node);
            client.write_all(&connect5(&format!("m{n}"))).unwrap();
            let mut connack = [0; 2];
            client.read_exact(&mut connack).unwrap();
            assert_eq!(connack[0], 0x20);
            let mut body = vec![0; connack[1].into()];
            client.read_exact(&mut body).unwrap();
            client
        })
        .collect();
    // One who never reads does not hold it up for more than its time.
    let stubborn = connected(&node, "stubborn");
    let begun = Instant::now();
    let stopper = std::thread::spawn(move || node.stop());
    for client in &mut clients {
        let last = rest(client);
        assert!(
            last.len() >= 3 && last[0] == 0xe0 && last[2] == 0x8b,
            "{last:x?}"
        );
        let _ = client.shutdown(Shutdown::Both);
    }
    stopper.join().unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3));
    drop(stubborn);
}

#[test]
fn a_port_in_use_is_named() {
    let node = start(&[]);
    let url = node.urls()[0].clone();
    let sources = server::config::Sources {
        listen: vec![url.clone()],
        ..in_memory()
    };
    let config = server::config::load(sources).unwrap();
    let error = server::Node::start(config).err().unwrap().to_string();
    assert!(
        error.contains(&url) && error.contains("--listen"),
        "{error}"
    );
    node.stop().unwrap();
}

/// A socket that nothing happens on costs no processor time, and none is burned by a shutdown.
#[test]
fn an_idle_node_sleeps() {
    let node = start(&["limits.connect_timeout_ms=60000"]);
    let mut clients: Vec<_> = (0..50)
        .map(|n| connected(&node, &format!("m{n}")))
        .collect();
    // Other tests of this file may run in the same process: one quiet moment is enough.
    let client = &mut clients[0];
    let quiet = || {
        let before = cpu();
        silent(client, 200);
        cpu() - before < Duration::from_millis(20)
    };
    wait_until("a quiet moment", 30, quiet);
    drop(clients);
    node.stop().unwrap();
}
