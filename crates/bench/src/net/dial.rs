//! How a connection to the broker is begun: an address, and what is spoken below MQTT.
//!
//! Begins and never waits: the carrier finishes its opening when its socket is ready.

use super::carrier::{Carrier, TcpCarrier};
use super::websocket::WebSocketCarrier;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

pub trait Dial: Send + Sync {
    /// Begins a connection, from `from` where that is given.
    fn dial(&self, from: Option<IpAddr>) -> io::Result<Box<dyn Carrier>>;
}

#[derive(Clone, Copy, Debug)]
pub struct TcpDial {
    pub address: SocketAddr,
}

impl Dial for TcpDial {
    fn dial(&self, from: Option<IpAddr>) -> io::Result<Box<dyn Carrier>> {
        let socket = begin(self.address, from)?;
        Ok(Box::new(TcpCarrier::new(socket)))
    }
}

#[derive(Clone, Debug)]
pub struct WebSocketDial {
    pub address: SocketAddr,
    /// `HOST:PORT`, as the request names it.
    pub host: String,
    pub path: String,
    pub subprotocol: &'static str,
}

impl Dial for WebSocketDial {
    fn dial(&self, from: Option<IpAddr>) -> io::Result<Box<dyn Carrier>> {
        let tcp = TcpCarrier::new(begin(self.address, from)?);
        let carrier = WebSocketCarrier::new(tcp, &self.host, &self.path, self.subprotocol);
        Ok(Box::new(carrier))
    }
}

fn begin(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    // What is due is written whole: waiting for more would only delay it.
    socket.set_tcp_nodelay(true)?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(e) => return Err(e),
    }
    Ok(socket.into())
}
