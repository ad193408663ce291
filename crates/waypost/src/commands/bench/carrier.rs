//! TLS, secure WebSocket and Unix sockets for the generator, by the client's own [`Link`].
//!
//! Owns a link and what was read from it but not yet asked for. Never blocks, but for the first
//! connection, which finds out the address that answers.

use crate::client::{ClientError, Dialer, Link, Target, TlsOptions, Version};
use crate::failure::Failure;
use bench::{Carrier, Dial};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes that may wait for the socket before no more are taken.
const MAX_UNSENT: usize = 256 << 10;

pub(super) struct LinkDial(Dialer);

impl LinkDial {
    pub(super) fn new(
        place: &Target,
        version: mqtt_codec::Version,
        tls: &TlsOptions,
    ) -> Result<LinkDial, Failure> {
        let version = match version {
            mqtt_codec::Version::V31 => Version::V31,
            mqtt_codec::Version::V311 => Version::V311,
            mqtt_codec::Version::V5 => Version::V5,
        };
        let mut dialer = Dialer::new(place, version, None, tls)?;
        Link::open(&mut dialer, None)?.finish();
        Ok(LinkDial(dialer))
    }
}

impl Dial for LinkDial {
    fn dial(&self, from: Option<IpAddr>) -> io::Result<Box<dyn Carrier>> {
        let link = Link::begin(&self.0.bound_to(from)).map_err(io_error)?;
        Ok(Box::new(LinkCarrier {
            link,
            got: Vec::new(),
            at: 0,
            ended: false,
        }))
    }
}

struct LinkCarrier {
    link: Link,
    /// Read, and handed on up to `at`.
    got: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Carrier for LinkCarrier {
    fn fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    fn open(&mut self) -> io::Result<bool> {
        self.link.write().map_err(io_error)?;
        Ok(self.link.is_open())
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.got.len() && !self.ended {
            self.got.clear();
            self.at = 0;
            self.ended = !self.link.read(&mut self.got).map_err(io_error)?;
        }
        let rest = self.got.get(self.at..).unwrap_or_default();
        if rest.is_empty() && !self.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        if self.at == self.got.len() {
            // A connection that waits owns no buffer.
            self.got = Vec::new();
            self.at = 0;
        }
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.link.unsent() >= MAX_UNSENT {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.link.push(&mut bytes.to_vec());
        self.link.write().map_err(io_error)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<bool> {
        self.link.write().map_err(io_error)?;
        Ok(!self.link.wants_write())
    }
}

fn io_error(error: ClientError) -> io::Error {
    match error {
        ClientError::Broken(error) => error,
        ClientError::Connect { source, .. } => source,
        other => io::Error::other(other.to_string()),
    }
}
