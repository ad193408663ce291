//! TLS as a client speaks it, on blocking sockets.

use super::pki::{Authority, Certified};
use super::site::Folder;
use super::{CONNACK, address, connect, expect};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use server::Node;
use server::config::{Config, ConfigError, Sources, load};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

pub(crate) const BOTH: &[&SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

/// A client that trusts `authority`, with a certificate or without.
pub(crate) fn client(
    authority: &Authority,
    certificate: Option<&Certified>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match certificate {
        None => builder.with_no_client_auth(),
        Some(c) => builder
            .with_client_auth_cert(vec![c.der.clone()], c.key())
            .unwrap(),
    })
}

/// A stream on which the handshake happens with the first bytes.
pub(crate) fn over(socket: TcpStream, config: &Arc<ClientConfig>) -> Tls {
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), socket)
}

pub(crate) fn dial(node: &Node, listener: usize, config: &Arc<ClientConfig>) -> Tls {
    let socket = TcpStream::connect(address(node, listener)).unwrap();
    socket.set_nodelay(true).unwrap();
    over(socket, config)
}

/// A connected client of MQTT 3.1.1.
pub(crate) fn connected(node: &Node, config: &Arc<ClientConfig>, id: &str) -> Tls {
    let mut stream = dial(node, 0, config);
    stream.write_all(&connect(id)).unwrap();
    expect(&mut stream, CONNACK);
    stream
}

/// What the listeners of a node are, and its files.
pub(crate) struct TlsSite {
    pub(crate) folder: Folder,
    pub(crate) authority: Authority,
}

impl TlsSite {
    /// With `server.pem`, `server.key` and `ca.pem`.
    pub(crate) fn new() -> TlsSite {
        let (folder, authority) = (Folder::new(), Authority::new("test authority"));
        authority.server().write(&folder, "server");
        folder.write("ca.pem", &authority.pem());
        TlsSite { folder, authority }
    }

    pub(crate) fn config(&self, toml: &str) -> Result<Config, ConfigError> {
        let toml = format!("shards = 2\nlog.level = 'error'\n{toml}");
        load(Sources {
            file: Some(self.folder.write("waypost.toml", &toml)),
            data_dir: Some(self.folder.path("data")),
            ..super::in_memory()
        })
    }

    pub(crate) fn start(&self, toml: &str) -> Node {
        Node::start(self.config(toml).unwrap()).unwrap()
    }

    /// One listener of a scheme, with more keys.
    pub(crate) fn listen(&self, scheme: &str, more: &str) -> Node {
        self.start(&listener(scheme, more))
    }
}

pub(crate) fn listener(scheme: &str, more: &str) -> String {
    format!(
        "[[listener]]\nurl = '{scheme}://127.0.0.1:0'\ncert = 'server.pem'\nkey = 'server.key'\n{more}\n"
    )
}
