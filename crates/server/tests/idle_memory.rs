//! An idle connection costs at most 1,024 bytes of the broker's resident memory.
//!
//! Alone in its file, since it measures the whole process. The clients are in the same process: a
//! descriptor each, no buffer, so what is measured is an upper bound.

mod wire;

use std::io::Write;
use std::net::TcpStream;
use wire::*;

const CONNECTIONS: u64 = 6_000;
/// Warms up pools, tables and the allocator before anything is measured.
const BEFORE: u64 = 2_000;
const BUDGET: u64 = 1_024;

#[test]
#[expect(clippy::print_stdout, reason = "the figure is what the reader wants")]
fn an_idle_connection_fits_its_budget() {
    let node = start(&["limits.max_connections_per_ip=\"unlimited\""]);
    // With a keep alive, so that each has a timer, and one subscription of its own.
    let open = |i: u64| -> TcpStream {
        let mut socket = dial(&node);
        let mut hello = connect(&format!("idle-device-{i:06}"));
        hello[10..12].copy_from_slice(&300u16.to_be_bytes());
        socket.write_all(&hello).unwrap();
        expect(&mut socket, CONNACK);
        socket
    };
    let mut sockets: Vec<TcpStream> = Vec::with_capacity((BEFORE + CONNECTIONS) as usize);
    sockets.extend((0..BEFORE).map(open));
    let before = resident();
    sockets.extend((BEFORE..BEFORE + CONNECTIONS).map(open));
    let each = (resident() - before) / CONNECTIONS;
    println!("{each} bytes of resident memory for each of {CONNECTIONS} idle connections");
    assert!(each <= BUDGET, "{each} bytes each, {BUDGET} allowed");
    drop(sockets);
    node.stop().unwrap();
}
