//! What one address may take. Loopback is exempt, so the clients here reach a listener on an address
//! of this machine that is not loopback; a machine without one (no network at all) cannot run these
//! tests, and says so.

mod wire;

use server::Node;
use server::config::{Sources, load};
use std::net::{IpAddr, UdpSocket};
use wire::address;
use wire::mqtt5::{Client, Connect};
use wire::site::{Folder, users};
use wire::wait_until;

const BAD: Option<u8> = Some(0x86);
const RATE_EXCEEDED: Option<u8> = Some(0x9f);

/// The address that this machine would send from. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let towards = |bind: &str, peer: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(peer).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback()).then_some(ip)
    };
    let v4 = towards("0.0.0.0:0", "203.0.113.1:9");
    v4.or_else(|| towards("[::]:0", "[2001:db8::1]:9"))
}

/// A node with a listener on that address and one on loopback.
#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn start(query: &str, set: &[&str]) -> Option<Node> {
    let Some(ip) = own_address() else {
        eprintln!("NOT TESTED: this machine has no address but loopback");
        return None;
    };
    let host = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let sources = Sources {
        listen: vec![
            format!("mqtt://{host}:0{query}"),
            "mqtt://127.0.0.1:0".into(),
        ],
        set: set.iter().map(|s| (*s).into()).collect(),
        ..wire::in_memory()
    };
    Some(Node::start(load(sources).unwrap()).unwrap())
}

const ANYBODY: &str = "?insecure_anonymous=true";

fn named(id: &str) -> Connect<'_> {
    Connect {
        id,
        ..Connect::default()
    }
}

#[test]
fn connections_of_one_address() {
    let Some(node) = start(ANYBODY, &["limits.max_connections_per_ip=3"]) else {
        return;
    };
    let (outside, loopback) = (address(&node, 0), address(&node, 1));
    let mut clients: Vec<_> = ["a", "b", "c"]
        .map(|id| Client::connect(&outside, named(id)))
        .into();
    let reason = || Client::try_connect(&outside, named("d")).1;
    assert_eq!(reason(), None);
    for id in ["e", "f", "g", "h"] {
        clients.push(Client::connect(&loopback, named(id)));
    }
    clients.remove(0);
    wait_until("a place is free again", 5, || reason() == Some(0));
    drop(clients);
    node.stop().unwrap();
}

#[test]
fn connections_of_one_address_that_have_not_authenticated() {
    let Some(node) = start(ANYBODY, &["limits.max_unauthenticated_per_ip=2"]) else {
        return;
    };
    let (outside, loopback) = (address(&node, 0), address(&node, 1));
    let mut silent = [Client::dial(&outside), Client::dial(&outside)];
    let reason = || Client::try_connect(&outside, named("c")).1;
    assert_eq!(reason(), None);
    let more: Vec<_> = (0..5).map(|_| Client::dial(&loopback)).collect();
    drop(Client::connect(&loopback, named("d")));
    // One of the two says who it is; as many as like may do that.
    let [first, second] = &mut silent;
    first.send(&named("a").packet());
    assert_eq!(first.read().1[1], 0);
    assert_eq!(reason(), Some(0));
    let _three = ["e", "f", "g"].map(|id| Client::connect(&outside, named(id)));
    second.send(&named("b").packet());
    assert_eq!(second.read().1[1], 0);
    drop(more);
    node.stop().unwrap();
}

#[test]
fn failed_logins_of_one_address() {
    let folder = Folder::new();
    let file = folder.write("users.txt", &users(&[("ann", "pw")]));
    let file = format!("auth.password_file={}", file.display());
    let Some(node) = start("", &[&file, "limits.failed_logins_per_minute=3"]) else {
        return;
    };
    let login = |listener, password| {
        let connect = Connect {
            user: Some("ann"),
            password: Some(password),
            ..named("x")
        };
        Client::try_connect(&address(&node, listener), connect).1
    };
    assert_eq!(login(0, "pw"), Some(0));
    for _ in 0..3 {
        assert_eq!(login(0, "wrong"), BAD);
    }
    assert_eq!(login(0, "pw"), RATE_EXCEEDED);
    for _ in 0..5 {
        assert_eq!(login(1, "wrong"), BAD);
    }
    assert_eq!(login(1, "pw"), Some(0));
    assert_eq!(login(0, "pw"), RATE_EXCEEDED);
    node.stop().unwrap();
}
