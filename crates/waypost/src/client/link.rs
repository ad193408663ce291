//! The bytes of one connection, over TCP or WebSocket, without waiting.
//!
//! Owns the socket and what is not written yet. Knows no MQTT; never blocks once it is open.

use super::ClientError;
use super::target::{Scheme, Target};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, Error as WsError, Message as Frame, WebSocket};

/// How long a server may take to accept a connection, and to shake hands.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// What one read takes at most, so that writing gets its turn.
const READ_AT_MOST: usize = 1 << 20;
/// The largest WebSocket message that is taken: more than the largest MQTT packet.
const MESSAGE_AT_MOST: usize = 512 << 20;

pub(crate) struct Link {
    io: Io,
    unsent: Vec<u8>,
    /// A WebSocket holds bytes of its own that wait for the socket.
    unflushed: bool,
    /// Reading stopped before the socket was empty.
    unread: bool,
}

enum Io {
    Tcp(TcpStream),
    WebSocket(Box<WebSocket<TcpStream>>),
}

impl Link {
    /// Connects, from `bind` where that is given.
    pub(crate) fn open(
        target: &Target,
        subprotocol: &'static str,
        bind: Option<IpAddr>,
    ) -> Result<Link, ClientError> {
        let failed = |source| ClientError::Connect {
            target: target.to_string(),
            source,
        };
        let socket = connect(target, bind).map_err(failed)?;
        // Small packets are written whole: waiting for more would only delay them.
        socket.set_nodelay(true).map_err(failed)?;
        let io = match target.scheme {
            Scheme::Tcp => Io::Tcp(socket),
            Scheme::WebSocket => Io::WebSocket(Box::new(upgrade(target, subprotocol, socket)?)),
        };
        let link = Link {
            io,
            unsent: Vec::new(),
            unflushed: false,
            unread: false,
        };
        link.socket().set_nonblocking(true).map_err(failed)?;
        Ok(link)
    }

    /// Puts bytes behind those that wait to be written.
    pub(crate) fn push(&mut self, bytes: &mut Vec<u8>) {
        self.unsent.append(bytes);
    }

    /// Bytes that wait to be written.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// There may be more to read although the socket does not say so: frames that were read from it
    /// already.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.unflushed || !self.unsent.is_empty()
    }

    /// Writes what the socket takes.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        match &mut self.io {
            Io::Tcp(socket) => {
                while !self.unsent.is_empty() {
                    match socket.write(&self.unsent) {
                        Ok(0) => return Err(ErrorKind::WriteZero.into()),
                        Ok(n) => drop(self.unsent.drain(..n)),
                        Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                        Err(e) if e.kind() == ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(())
            }
            Io::WebSocket(ws) => {
                if !self.unflushed && !self.unsent.is_empty() {
                    let frame = Frame::Binary(Bytes::from(std::mem::take(&mut self.unsent)));
                    match ws.write(frame) {
                        Ok(()) => self.unflushed = true,
                        Err(WsError::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                            self.unflushed = true
                        }
                        Err(e) => return Err(io_error(e)),
                    }
                }
                match ws.flush() {
                    Ok(()) => self.unflushed = false,
                    Err(WsError::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                        self.unflushed = true
                    }
                    Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => {
                        self.unflushed = false
                    }
                    Err(e) => return Err(io_error(e)),
                }
                Ok(())
            }
        }
    }

    /// Reads what has come, behind `into`. False at the end of the connection.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>) -> io::Result<bool> {
        let start = into.len();
        match &mut self.io {
            Io::Tcp(socket) => {
                let mut buffer = [0; 16 << 10];
                while into.len() - start < READ_AT_MOST {
                    match socket.read(&mut buffer) {
                        Ok(0) => return Ok(false),
                        Ok(n) => into.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                        Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
                        Err(e) if e.kind() == ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(true)
            }
            Io::WebSocket(ws) => loop {
                self.unread = into.len() - start >= READ_AT_MOST;
                if self.unread {
                    return Ok(true);
                }
                match ws.read() {
                    Ok(Frame::Binary(bytes)) => into.extend_from_slice(&bytes),
                    Ok(Frame::Text(_)) => {
                        return Err(io::Error::new(ErrorKind::InvalidData, "a text frame"));
                    }
                    Ok(_) => self.unflushed = true,
                    Err(WsError::Io(e)) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
                    Err(WsError::ConnectionClosed | WsError::AlreadyClosed) => return Ok(false),
                    Err(WsError::Protocol(
                        tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                    )) => {
                        return Ok(false);
                    }
                    Err(e) => return Err(io_error(e)),
                }
            },
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn finish(&mut self) {
        match &mut self.io {
            Io::Tcp(socket) => {
                // The other side may have closed already; that is as good.
                let _ = socket.shutdown(std::net::Shutdown::Write);
            }
            Io::WebSocket(ws) => {
                let _ = ws.close(None);
                let _ = ws.flush();
            }
        }
    }

    fn socket(&self) -> &TcpStream {
        match &self.io {
            Io::Tcp(socket) => socket,
            Io::WebSocket(ws) => ws.get_ref(),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

fn connect(target: &Target, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match connect_one(address, bind) {
            Ok(socket) => return Ok(socket),
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn connect_one(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(bind) = bind else {
        return TcpStream::connect_timeout(&address, OPEN_TIMEOUT);
    };
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    socket.bind(&SocketAddr::new(bind, 0).into())?;
    socket.connect_timeout(&address.into(), OPEN_TIMEOUT)?;
    Ok(socket.into())
}

fn upgrade(
    target: &Target,
    subprotocol: &'static str,
    socket: TcpStream,
) -> Result<WebSocket<TcpStream>, ClientError> {
    let failed = |what: String| ClientError::Handshake {
        target: target.to_string(),
        what,
    };
    let mut request = target
        .to_string()
        .into_client_request()
        .map_err(|e| failed(e.to_string()))?;
    let headers = request.headers_mut();
    headers.insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static(subprotocol),
    );
    let timeout = Some(OPEN_TIMEOUT);
    socket
        .set_read_timeout(timeout)
        .and_then(|()| socket.set_write_timeout(timeout))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_AT_MOST))
        .max_frame_size(Some(MESSAGE_AT_MOST))
        .max_write_buffer_size(usize::MAX);
    match tungstenite::client::client_with_config(request, socket, Some(config)) {
        Ok((ws, _)) => Ok(ws),
        Err(HandshakeError::Failure(WsError::Http(response))) => {
            Err(failed(format!("it answered {}", response.status())))
        }
        Err(HandshakeError::Failure(e)) => Err(failed(e.to_string())),
        Err(HandshakeError::Interrupted(_)) => Err(ClientError::Silent),
    }
}

fn io_error(error: WsError) -> io::Error {
    match error {
        WsError::Io(e) => e,
        other => io::Error::other(other.to_string()),
    }
}
