//! The bytes of one connection, whatever carries them; never blocks, knows no MQTT.
//!
//! A carrier owns its socket and what it holds back on its own account (a handshake, a frame that the socket
//! did not take whole). Others than TCP and WebSocket are given by who uses this crate.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

pub trait Carrier: Send {
    /// What to wait on.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Takes the opening as far as it goes; true when it is done. An error is final.
    fn open(&mut self) -> io::Result<bool>;

    /// As `Read::read`: 0 at the end, `WouldBlock` where there is nothing yet.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// As `Write::write`; what is taken will be on its way when `flush` says so.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes what the carrier itself holds; true when nothing is left.
    fn flush(&mut self) -> io::Result<bool>;

    /// A read that does not fill its buffer has emptied the socket.
    fn short_read_is_all(&self) -> bool {
        false
    }
}

pub(crate) struct TcpCarrier {
    socket: TcpStream,
    open: bool,
}

impl TcpCarrier {
    /// Of a socket that does not block and whose connection is under way.
    pub(crate) fn new(socket: TcpStream) -> TcpCarrier {
        TcpCarrier {
            socket,
            open: false,
        }
    }
}

impl Carrier for TcpCarrier {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn open(&mut self) -> io::Result<bool> {
        if self.open {
            return Ok(true);
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => self.open = true,
            Err(e) if e.kind() == ErrorKind::NotConnected => {}
            Err(e) => return Err(e),
        }
        Ok(self.open)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(into) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.socket.write(bytes) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn short_read_is_all(&self) -> bool {
        true
    }
}
