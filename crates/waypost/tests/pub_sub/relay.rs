//! A server of TLS, or on a Unix socket, that passes bytes on to a listener of a broker.
//!
//! Its threads end with the test's process.

use super::certificates::{Authority, Identity};
use rustix::event::{PollFd, PollFlags, poll};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

/// What the server asks and offers.
#[derive(Default)]
pub(super) struct Terms<'a> {
    /// Clients need certificates of this authority.
    pub(super) client_authority: Option<&'a Authority>,
    pub(super) version: Option<&'static SupportedProtocolVersion>,
    pub(super) alpn: Option<&'static str>,
}

/// Speaks TLS on a port of 127.0.0.1 and passes on to `to`; the port.
pub(super) fn tls(identity: &Identity, terms: &Terms<'_>, to: &str) -> u16 {
    let config = Arc::new(config(identity, terms));
    let to = host_and_port(to);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let broker = TcpStream::connect(&to).unwrap();
            // What goes wrong is for the client to tell.
            std::thread::spawn(move || carry_tls(client.unwrap(), tls, broker));
        }
    });
    port
}

/// Listens at `path` and passes on to `to`.
pub(super) fn unix(path: &Path, to: &str) {
    let to = host_and_port(to);
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, broker) = (client.unwrap(), TcpStream::connect(&to).unwrap());
            let back = (client.try_clone().unwrap(), broker.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = io::copy(&mut &client, &mut &broker);
                let _ = broker.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || carry_back(&back.1, &back.0));
        }
    });
}

fn carry_back(mut broker: &TcpStream, mut client: &UnixStream) {
    let _ = io::copy(&mut broker, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

/// `127.0.0.1:1883` of `mqtt://127.0.0.1:1883/path`.
fn host_and_port(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

fn config(identity: &Identity, terms: &Terms<'_>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = match terms.version {
        None => builder.with_safe_default_protocol_versions(),
        Some(version) => builder.with_protocol_versions(&[version]),
    };
    let builder = match terms.client_authority {
        None => builder.unwrap().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder
                .unwrap()
                .with_client_cert_verifier(verifier.unwrap())
        }
    };
    let mut config = builder
        .with_single_cert(identity.chain(), identity.private_key())
        .unwrap();
    config.alpn_protocols = terms
        .alpn
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    config
}

/// Until one side ends.
fn carry_tls(
    mut client: TcpStream,
    mut tls: ServerConnection,
    mut broker: TcpStream,
) -> io::Result<()> {
    tls.set_buffer_limit(None);
    let mut buffer = [0; 16 << 10];
    loop {
        let mut fds = [
            PollFd::new(&client, PollFlags::IN),
            PollFd::new(&broker, PollFlags::IN),
        ];
        poll(&mut fds, None)?;
        let [from_client, from_broker] = fds.map(|fd| !fd.revents().is_empty());
        if from_client {
            let ended = tls.read_tls(&mut client)? == 0;
            let taken = tls.process_new_packets();
            while tls.wants_write() {
                tls.write_tls(&mut client)?;
            }
            taken.map_err(io::Error::other)?;
            match io::copy(&mut tls.reader(), &mut broker) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                _ => broker.shutdown(Shutdown::Write)?,
            }
            if ended {
                return Ok(());
            }
        }
        if from_broker {
            match broker.read(&mut buffer)? {
                0 => tls.send_close_notify(),
                n => tls.writer().write_all(&buffer[..n])?,
            }
            while tls.wants_write() {
                tls.write_tls(&mut client)?;
            }
        }
    }
}
