//! The lower layer of a connection: bytes as they are on the wire.
//!
//! Knows no frame and no packet. TLS will be another arm of [`Link`]; what lies above does not change.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

/// A socket, and what turns its bytes into plain ones.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
}

/// How far a write came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// Bytes of the outbox that need not be given again.
    pub(crate) bytes: usize,
    /// The socket is full: wait until it is writable.
    pub(crate) blocked: bool,
}

impl Link {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Link::Tcp(socket) = self;
        registry.register(socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// The same socket under another token.
    pub(crate) fn rename(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Link::Tcp(socket) = self;
        registry.reregister(socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        let Link::Tcp(socket) = self;
        registry.deregister(socket)
    }

    /// One read.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Link::Tcp(socket) = self;
        socket.read(into)
    }

    /// Writes until all of `bytes` is written or the socket is full.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<Wrote> {
        let mut wrote = Wrote::default();
        while wrote.bytes < bytes.len() {
            match self.write_once(&[IoSlice::new(&bytes[wrote.bytes..])])? {
                Some(n) => wrote.bytes += n,
                None => {
                    wrote.blocked = true;
                    break;
                }
            }
        }
        Ok(wrote)
    }

    /// One write; `None` where the socket is full.
    pub(crate) fn write_once(&mut self, parts: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        let Link::Tcp(socket) = self;
        loop {
            return match socket.write_vectored(parts) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => Ok(Some(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Err(e),
            };
        }
    }

    /// Says to the peer that nothing follows.
    pub(crate) fn finish(&mut self) {
        let Link::Tcp(socket) = self;
        // An error means that the peer has gone already.
        let _ = socket.shutdown(Shutdown::Write);
    }
}
