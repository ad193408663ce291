//! An idle TLS connection holds what rustls needs to go on, and no buffer.
//!
//! Alone in its file, since it measures the whole process. Of the clients only the descriptors stay;
//! what their handshakes took is there to be taken again, so what is measured is an upper bound.

mod wire;

use std::net::TcpStream;
use wire::tls::{BOTH, TlsSite, client, connected};
use wire::*;

const CONNECTIONS: u64 = 1_000;
/// Warms up pools, tables and the allocator before anything is measured.
const BEFORE: u64 = 300;
/// A buffer of a page would not fit in as well.
const BUDGET: u64 = 6 << 10;

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the reader wants")]
fn an_idle_connection_holds_no_buffer() {
    let site = TlsSite::new();
    let node = site.listen("mqtts", "");
    let mut sockets: Vec<TcpStream> = Vec::new();
    for version in BOTH {
        let config = client(&site.authority, None, &[version]);
        let open = |n: u64| -> TcpStream {
            let stream = connected(&node, &config, &format!("idle-{n:06}-{version:?}"));
            stream.sock
        };
        sockets.reserve((BEFORE + CONNECTIONS) as usize);
        sockets.extend((0..BEFORE).map(open));
        let before = resident();
        sockets.extend((BEFORE..BEFORE + CONNECTIONS).map(open));
        let each = (resident().saturating_sub(before)) / CONNECTIONS;
        println!("{each} bytes of resident memory for each idle connection by {version:?}");
        assert!(each <= BUDGET, "{each} bytes each, {BUDGET} allowed");
    }
    node.stop().unwrap();
}
