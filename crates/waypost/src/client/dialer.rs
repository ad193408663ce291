//! Where connections go and on what terms: the addresses of a server, the TLS configuration, the
//! WebSocket subprotocol.
//!
//! Made once, for any number of connections. Looks up the name of the server, and reads certificates,
//! while it is made; waits for nothing after that.

use super::target::{Scheme, Target};
use super::tls::{self, TlsOptions};
use super::{ClientError, Version};
use rustix::io::Errno;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to accept a connection, and to shake hands.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Dialer {
    target: Target,
    /// The target in words, for errors.
    place: Arc<str>,
    /// Never empty. The first is tried first.
    addresses: Vec<SockAddr>,
    bind: Option<IpAddr>,
    secured: Option<Secured>,
    subprotocol: &'static str,
}

/// TLS, and the name that the server has to show a certificate for.
#[derive(Clone)]
pub(super) struct Secured {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl Dialer {
    /// Connections to `target`, from `bind` where that is given.
    pub(crate) fn new(
        target: &Target,
        version: Version,
        bind: Option<IpAddr>,
        tls: &TlsOptions,
    ) -> Result<Dialer, ClientError> {
        let secured = if target.scheme.is_secured() {
            Some(Secured {
                config: tls::configure(tls)?,
                name: tls::server_name(&target.host)?,
            })
        } else {
            None
        };
        let addresses = addresses(target).map_err(|source| ClientError::Connect {
            target: target.to_string(),
            source,
        })?;
        Ok(Dialer {
            target: target.clone(),
            place: target.to_string().into(),
            addresses,
            bind,
            secured,
            subprotocol: match version {
                Version::V31 => "mqttv3.1",
                Version::V311 | Version::V5 => "mqtt",
            },
        })
    }

    /// The same, with connections from `bind`.
    pub(crate) fn bound_to(&self, bind: Option<IpAddr>) -> Dialer {
        Dialer {
            bind,
            ..self.clone()
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn place(&self) -> &Arc<str> {
        &self.place
    }

    pub(super) fn secured(&self) -> Option<&Secured> {
        self.secured.as_ref()
    }

    pub(super) fn subprotocol(&self) -> &'static str {
        self.subprotocol
    }

    /// How many addresses the server has.
    pub(super) fn address_count(&self) -> usize {
        self.addresses.len()
    }

    /// The first address does not answer: the others come before it from now on.
    pub(super) fn skip_address(&mut self) {
        self.addresses.rotate_left(1);
    }

    /// A socket that is on its way to the first address.
    pub(super) fn socket(&self) -> io::Result<Socket> {
        let nowhere = || io::Error::new(ErrorKind::NotFound, "the host has no address");
        let address = self.addresses.first().ok_or_else(nowhere)?;
        let socket = Socket::new(address.domain(), Type::STREAM, None)?;
        if address.domain() == Domain::UNIX {
            // Such a socket connects at once, or waits for the server to accept others.
            socket.set_write_timeout(Some(OPEN_TIMEOUT))?;
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            return Ok(socket);
        }
        socket.set_nonblocking(true)?;
        // Small packets are written whole: waiting for more would only delay them.
        socket.set_tcp_nodelay(true)?;
        if let Some(bind) = self.bind {
            socket.bind(&SocketAddr::new(bind, 0).into())?;
        }
        match socket.connect(address) {
            Err(e) if e.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(e),
            _ => Ok(socket),
        }
    }
}

fn addresses(target: &Target) -> io::Result<Vec<SockAddr>> {
    if target.scheme == Scheme::Unix {
        return Ok(vec![SockAddr::unix(&target.path)?]);
    }
    let found = (target.host.as_str(), target.port).to_socket_addrs()?;
    let found: Vec<_> = found.map(SockAddr::from).collect();
    if found.is_empty() {
        return Err(io::Error::new(
            ErrorKind::NotFound,
            "the host has no address",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Link;
    use std::net::TcpListener;

    #[test]
    fn the_address_that_answers_becomes_the_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        let target = Target::parse_url(&url).unwrap().target;
        let mut dialer = Dialer::new(&target, Version::V5, None, &TlsOptions::default()).unwrap();
        let refuses = SocketAddr::from(([127, 0, 0, 1], 1)).into();
        dialer.addresses.insert(0, refuses);
        assert!(Link::open(&mut dialer, None).unwrap().is_open());
        let answers = SockAddr::from(listener.local_addr().unwrap());
        assert_eq!(
            dialer.addresses.first().unwrap().as_socket(),
            answers.as_socket()
        );
        dialer.addresses.remove(0);
        let refused = Link::open(&mut dialer, None).map(drop).unwrap_err();
        assert!(
            refused.to_string().contains("cannot reach mqtt://127"),
            "{refused}"
        );
    }
}
