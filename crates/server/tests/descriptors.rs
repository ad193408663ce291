//! A process without a free descriptor: it waits, does not spin, and recovers by itself.
//!
//! Alone in its file, since it lowers a limit of the whole process.

mod wire;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use wire::*;

#[test]
fn without_descriptors_it_waits_and_recovers() {
    let node = start(&[]);
    let mut served = connected(&node, "served");
    let address: SocketAddr = address(&node, 0).parse().unwrap();
    let waiting = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let limit = getrlimit(Resource::Nofile);
    let lowered = Rlimit {
        current: Some(3),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, lowered).unwrap();
    waiting.connect(&address.into()).unwrap();
    silent(&mut served, 300);
    let before = cpu();
    silent(&mut served, 1000);
    let used = cpu() - before;
    assert!(used < Duration::from_millis(100), "{used:?} in a second");
    served.write_all(PINGREQ).unwrap();
    expect(&mut served, PINGRESP);

    setrlimit(Resource::Nofile, limit).unwrap();
    let mut waiting = TcpStream::from(waiting);
    waiting
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    waiting.write_all(&connect("waiting")).unwrap();
    expect(&mut waiting, CONNACK);
    node.stop().unwrap();
}
