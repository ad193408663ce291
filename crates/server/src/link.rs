//! The lower layer of a connection: a socket, and what turns its bytes into plain ones.
//!
//! Knows no frame and no packet; what lies above is the same for every kind of link.

use crate::tls::{Begun, TlsStream};
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

/// See the module. A plain one takes no memory but its place.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

/// How far a write came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrote {
    /// Bytes of the outbox that need not be given again.
    pub(crate) bytes: usize,
    /// The socket is full: wait until it is writable.
    pub(crate) blocked: bool,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Got {
    /// Bytes of the socket; 0 at its end.
    pub(crate) bytes: usize,
    /// There may be more: the buffer was filled.
    pub(crate) more: bool,
}

impl Link {
    /// The same socket with TLS on it, where that is to begin.
    pub(crate) fn with_tls(self, begun: Option<Begun>) -> Link {
        match (self, begun) {
            (Link::Tcp(socket), Some(begun)) => Link::Tls(Box::new(TlsStream::new(socket, begun))),
            (link, _) => link,
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Link::Tcp(socket) => socket,
            Link::Unix(socket) => socket,
            Link::Tls(stream) => stream.socket(),
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.source().register(registry, token, both)
    }

    /// The same socket under another token; tells again whether it is readable and writable.
    pub(crate) fn rename(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.source().reregister(registry, token, both)
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.source().deregister(registry)
    }

    /// One read; the plain bytes of it are handed on, from within `buffer`.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        deliver: &mut dyn FnMut(&mut [u8]),
    ) -> io::Result<Got> {
        if let Link::Tls(stream) = self {
            let (bytes, more) = stream.read(buffer, deliver)?;
            return Ok(Got { bytes, more });
        }
        let bytes = self.read_raw(buffer)?;
        if bytes > 0 {
            deliver(&mut buffer[..bytes]);
        }
        let more = bytes == buffer.len();
        Ok(Got { bytes, more })
    }

    /// One read of bytes as they are on the wire.
    pub(crate) fn read_raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Link::Tcp(socket) => socket.read(buffer),
            Link::Unix(socket) => socket.read(buffer),
            Link::Tls(stream) => stream.socket().read(buffer),
        }
    }

    /// The peer has ended its side in a way that the socket does not show.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Link::Tls(stream) if stream.has_ended())
    }

    /// Writes until all of `bytes` is written or the socket is full.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<Wrote> {
        let mut wrote = Wrote::default();
        while wrote.bytes < bytes.len() {
            match self.write_once(&[IoSlice::new(&bytes[wrote.bytes..])])? {
                Some(n) => wrote.bytes += n,
                None => {
                    wrote.blocked = true;
                    return Ok(wrote);
                }
            }
        }
        wrote.blocked = !self.flush()?;
        Ok(wrote)
    }

    /// One write; `None` where the socket is full. What it has taken may wait for [`Link::flush`].
    pub(crate) fn write_once(&mut self, parts: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        loop {
            let written = match self {
                Link::Tcp(socket) => socket.write_vectored(parts),
                Link::Unix(socket) => socket.write_vectored(parts),
                Link::Tls(stream) => match stream.encrypt(parts)? {
                    0 if !stream.flush()? => return Ok(None),
                    0 => continue,
                    n => return Ok(Some(n)),
                },
            };
            return match written {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => Ok(Some(n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Err(e),
            };
        }
    }

    /// Writes what the link itself holds; false where the socket is full.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Link::Tls(stream) => stream.flush(),
            Link::Tcp(_) | Link::Unix(_) => Ok(true),
        }
    }

    /// Something waits that is in no outbox.
    pub(crate) fn wants_write(&self) -> bool {
        matches!(self, Link::Tls(stream) if stream.wants_write())
    }

    /// Says to the peer that nothing follows.
    pub(crate) fn finish(&mut self) {
        // An error means that the peer has gone already.
        match self {
            Link::Tcp(socket) => _ = socket.shutdown(Shutdown::Write),
            Link::Unix(socket) => _ = socket.shutdown(Shutdown::Write),
            Link::Tls(stream) => stream.finish(),
        }
    }
}
