//! MQTT over a socket in the file system.

mod wire;

use server::Node;
use server::config::{Sources, load};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use wire::site::{Folder, users};
use wire::*;

fn try_start(path: &Path, query: &str, set: &[&str]) -> Result<Node, String> {
    let set = set
        .iter()
        .chain(&["shards=2"])
        .map(|s| (*s).into())
        .collect();
    let listen = vec![format!("unix:{}{query}", path.display())];
    let sources = Sources {
        listen,
        set,
        ..Sources::default()
    };
    let config = load(sources).map_err(|e| e.to_string())?;
    Node::start(config).map_err(|e| e.to_string())
}

fn dial(path: &Path) -> UnixStream {
    let socket = UnixStream::connect(path).unwrap();
    let timeout = Some(Duration::from_secs(20));
    socket.set_read_timeout(timeout).unwrap();
    socket
}

/// Clients of both shards, so that some of them move.
#[test]
fn clients_are_served_wherever_they_live() {
    let folder = Folder::new();
    let path = folder.path("mqtt.sock");
    let node = try_start(&path, "", &[]).unwrap();
    assert_eq!(node.urls(), [format!("unix:{}", path.display())]);
    let mut all = Vec::new();
    for n in 0..16 {
        let mut socket = dial(&path);
        let topic = format!("t/{n}");
        let big = publish(&topic, &vec![n as u8; 200_000]);
        let bytes = [connect(&format!("c{n}")), subscribe("t/+"), big.clone()].concat();
        socket.write_all(&bytes).unwrap();
        expect(&mut socket, CONNACK);
        expect(&mut socket, SUBACK);
        expect(&mut socket, &big);
        for other in &mut all {
            expect(other, &big);
        }
        all.push(socket);
    }
    let mut gone = all.pop().unwrap();
    gone.write_all(&[0xe0, 0]).unwrap();
    assert!(rest(&mut gone).is_empty());
    node.stop().unwrap();
    assert!(all.iter_mut().all(|socket| rest(socket).is_empty()));
    assert!(!path.exists(), "removed at the end");
}

#[test]
fn permissions_are_as_asked() {
    let folder = Folder::new();
    let path = folder.path("mqtt.sock");
    for (query, expected) in [("", 0o660), ("?mode=0600", 0o600), ("?mode=0o666", 0o666)] {
        let node = try_start(&path, query, &[]).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{query}");
        node.stop().unwrap();
    }
    let error = try_start(&path, "?mode=0999", &[]).err().unwrap();
    assert!(error.contains("permissions such as"), "{error}");
}

#[test]
fn a_dead_socket_is_replaced_and_a_live_one_refused() {
    let folder = Folder::new();
    let path = folder.path("mqtt.sock");
    drop(UnixListener::bind(&path).unwrap());
    let node = try_start(&path, "", &[]).unwrap();
    let error = try_start(&path, "", &[]).err().unwrap();
    assert!(error.contains("is another broker running"), "{error}");
    let mut socket = dial(&path);
    socket.write_all(&connect("c")).unwrap();
    expect(&mut socket, CONNACK);
    node.stop().unwrap();

    std::fs::write(&path, "precious").unwrap();
    let error = try_start(&path, "", &[]).err().unwrap();
    assert!(error.contains("no socket"), "{error}");
    let error = try_start(&folder.path("none/s"), "", &[]).err().unwrap();
    assert!(error.contains("directory does not exist"), "{error}");
}

/// Not counted by address, but in all; passwords are asked as anywhere.
#[test]
fn limits_and_passwords() {
    let folder = Folder::new();
    let path = folder.path("mqtt.sock");
    let users = folder.write("users.txt", &users(&[("ann", "pw")]));
    let users = format!("auth.password_file={}", users.display());
    let set = [
        &users[..],
        "limits.max_connections_per_ip=1",
        "limits.max_connections=3",
    ];
    let node = try_start(&path, "", &set).unwrap();
    let mut clients = 0;
    let mut with = |password| {
        clients += 1;
        let connect = mqtt5::Connect {
            id: &format!("c{clients}"),
            user: Some("ann"),
            password: Some(password),
            ..Default::default()
        };
        let mut socket = dial(&path);
        let _ = socket.write_all(&connect.packet());
        mqtt5::Client::over(socket)
    };
    let mut refused = with("wrong");
    assert_ne!(refused.read().1[1], 0);
    let mut sink = Vec::new();
    refused.socket.read_to_end(&mut sink).unwrap();
    // The place of the refused one is free when the broker has closed, which the next may overtake.
    let mut held = Vec::new();
    while held.len() < 3 {
        let mut client = with("pw");
        if client.try_read().is_some_and(|(_, body)| body[1] == 0) {
            held.push(client);
        }
    }
    assert_eq!(with("pw").try_read(), None, "limits.max_connections");
    node.stop().unwrap();
}
