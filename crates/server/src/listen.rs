//! Listening sockets, and the descriptors that connections need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// Connections that the system keeps until they are accepted; it may have a lower bound of its own.
pub(crate) const BACKLOG: i32 = 4096;

/// Binds a socket that a restart finds free again at once. Nobody can connect before [`open`].
pub(crate) fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// From here on connections come in.
pub(crate) fn open(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The address that was bound; a port 0 has become one.
pub(crate) fn address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Raises the limit of open descriptors as far as the system lets us; returns it.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: now.maximum,
        maximum: now.maximum,
    };
    if now.current != now.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(
            "the limit of open files stays at {:?}: {error}",
            now.current
        );
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
