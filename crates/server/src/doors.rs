//! The listeners: bound first, opened when the broker can serve.
//!
//! All are bound before anything is started, in the order of the configuration, so that a port that is
//! taken is found before the log is read. Nobody can connect before they are opened, so no client waits
//! for a log that is long to read with a CONNECT that is stale by then. (A Unix socket is there from the
//! start: one that nobody listens on would be taken for a dead broker's.) Owns nothing afterwards.

use crate::acceptor::{Door, DoorSocket};
use crate::admin::AdminDoor;
use crate::config::{Listener, Scheme};
use crate::node::ServeError;
use crate::{listen, unix_socket};
use broker::auth::Transport;
use mio::net::TcpListener;
use socket2::Socket;
use std::io;
use std::path::Path;

/// All that will be listened on.
#[derive(Default)]
pub(crate) struct Doors {
    closed: Vec<Closed>,
    /// With the ports that were bound, in the order of the configuration.
    pub(crate) urls: Vec<String>,
}

/// A door that is not open yet.
struct Closed {
    listener: u16,
    /// `None` for operators.
    transport: Option<Transport>,
    socket: Bound,
}

enum Bound {
    Tcp(Socket),
    Unix(DoorSocket),
}

/// Binds all listeners.
pub(crate) fn bind_all(listeners: &[Listener]) -> Result<Doors, ServeError> {
    let mut doors = Doors::default();
    for (number, listener) in (0..).zip(listeners) {
        let (socket, url) = bind(listener).map_err(|source| failed(&listener.url, source))?;
        doors.closed.push(Closed {
            listener: number,
            transport: transport_of(listener.scheme),
            socket,
        });
        doors.urls.push(url);
    }
    Ok(doors)
}

fn failed(url: &str, source: io::Error) -> ServeError {
    let url = url.to_owned();
    ServeError::Bind { url, source }
}

fn transport_of(scheme: Scheme) -> Option<Transport> {
    match scheme {
        Scheme::Mqtt => Some(Transport::Tcp),
        Scheme::Mqtts => Some(Transport::Tls),
        Scheme::Ws => Some(Transport::WebSocket),
        Scheme::Wss => Some(Transport::SecureWebSocket),
        Scheme::Unix => Some(Transport::Unix),
        Scheme::Http | Scheme::Https => None,
    }
}

fn bind(listener: &Listener) -> io::Result<(Bound, String)> {
    if listener.scheme == Scheme::Unix {
        let path = Path::new(&listener.path);
        let (socket, _file) = unix_socket::bind(path, listener.mode.0, listen::BACKLOG)?;
        let socket = DoorSocket::Unix { socket, _file };
        return Ok((Bound::Unix(socket), listener.url.clone()));
    }
    let socket = listen::bind(listener.address)?;
    let url = listener.bound_url(listen::address(&socket)?);
    Ok((Bound::Tcp(socket), url))
}

impl Doors {
    /// Opens all: those of clients, and those of operators.
    pub(crate) fn open(self, urls: &[String]) -> Result<(Vec<Door>, Vec<AdminDoor>), ServeError> {
        let (mut clients, mut operators) = (Vec::new(), Vec::new());
        for (closed, url) in self.closed.into_iter().zip(urls) {
            let listener = closed.listener;
            let socket = match closed.socket {
                Bound::Tcp(socket) => {
                    let socket = listen::open(socket).map_err(|source| failed(url, source))?;
                    if closed.transport.is_none() {
                        operators.push(AdminDoor { listener, socket });
                        continue;
                    }
                    DoorSocket::Tcp(TcpListener::from_std(socket))
                }
                Bound::Unix(socket) => socket,
            };
            clients.extend(closed.transport.map(|transport| Door {
                listener,
                socket,
                transport,
            }));
        }
        Ok((clients, operators))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::TcpStream;

    #[test]
    fn nobody_comes_in_before_the_doors_are_opened_and_the_port_is_taken() {
        let listener = Listener {
            url: "mqtt://127.0.0.1:0".into(),
            ..Listener::default()
        };
        let doors = bind_all(std::slice::from_ref(&listener)).unwrap();
        let urls = doors.urls.clone();
        let address = urls[0].strip_prefix("mqtt://").unwrap().to_owned();
        let early = TcpStream::connect(&address).unwrap_err();
        assert_eq!(early.kind(), ErrorKind::ConnectionRefused);
        let (clients, operators) = doors.open(&urls).unwrap();
        assert_eq!((clients.len(), operators.len()), (1, 0));
        TcpStream::connect(&address).unwrap();
        let taken = Listener {
            address: address.parse().unwrap(),
            ..listener
        };
        let error = bind_all(&[taken]).err().unwrap();
        assert!(
            error.to_string().contains("is another broker running?"),
            "{error}"
        );
    }
}
