//! Binding the listeners: those of clients, and those of operators.
//!
//! All are bound before anything is started, in the order of the configuration, so that a port that is
//! taken is found before anybody is let in. Owns nothing afterwards.

use crate::acceptor::{Door, DoorSocket};
use crate::admin::AdminDoor;
use crate::config::{Listener, Scheme};
use crate::node::ServeError;
use crate::{listen, unix_socket};
use broker::auth::Transport;
use mio::net::TcpListener;
use std::io;
use std::path::Path;

/// All that is listened on.
#[derive(Default)]
pub(crate) struct Doors {
    pub(crate) clients: Vec<Door>,
    pub(crate) operators: Vec<AdminDoor>,
    /// With the ports that were bound, in the order of the configuration.
    pub(crate) urls: Vec<String>,
}

/// Binds all listeners.
pub(crate) fn bind_all(listeners: &[Listener]) -> Result<Doors, ServeError> {
    let mut doors = Doors::default();
    for (number, listener) in (0..).zip(listeners) {
        let failed = |source| ServeError::Bind {
            url: listener.url.clone(),
            source,
        };
        doors.bind(number, listener).map_err(failed)?;
    }
    Ok(doors)
}

impl Doors {
    fn bind(&mut self, number: u16, listener: &Listener) -> io::Result<()> {
        match listener.scheme {
            Scheme::Mqtt => self.tcp(number, listener, Transport::Tcp),
            Scheme::Mqtts => self.tcp(number, listener, Transport::Tls),
            Scheme::Ws => self.tcp(number, listener, Transport::WebSocket),
            Scheme::Wss => self.tcp(number, listener, Transport::SecureWebSocket),
            Scheme::Unix => {
                let path = Path::new(&listener.path);
                let (socket, _file) = unix_socket::bind(path, listener.mode.0, listen::BACKLOG)?;
                self.urls.push(listener.url.clone());
                self.clients.push(Door {
                    listener: number,
                    socket: DoorSocket::Unix { socket, _file },
                    transport: Transport::Unix,
                });
                Ok(())
            }
            Scheme::Http | Scheme::Https => {
                let socket = self.listen(listener)?.into();
                self.operators.push(AdminDoor {
                    listener: number,
                    socket,
                });
                Ok(())
            }
        }
    }

    fn tcp(&mut self, number: u16, listener: &Listener, transport: Transport) -> io::Result<()> {
        let socket = DoorSocket::Tcp(self.listen(listener)?);
        self.clients.push(Door {
            listener: number,
            socket,
            transport,
        });
        Ok(())
    }

    fn listen(&mut self, listener: &Listener) -> io::Result<TcpListener> {
        let socket = listen::bind(listener.address)?;
        self.urls.push(listener.bound_url(socket.local_addr()?));
        Ok(socket)
    }
}
