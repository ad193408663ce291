//! The bytes of one connection, over TCP, TLS, WebSocket or a Unix socket, without waiting.
//!
//! ```text
//!  Connecting --> Securing --> Upgrading --> Open     (a step without work is passed at once)
//!       +------------+-------------+----> Failed
//! ```
//!
//! Owns the socket and what is not written yet. Knows no MQTT and no clock. [`Link::begin`] returns at
//! once; [`Link::read`] and [`Link::write`], called when the socket is ready, first go on opening.

use super::dialer::Secured;
use super::stream::Stream;
use super::tls_failure;
use super::web_socket::{self, Progress, Upgrade, Web};
use super::{ClientError, Dialer, OPEN_TIMEOUT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustls::ClientConnection;
use socket2::Socket;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;
use tungstenite::Error as WsError;
use tungstenite::handshake::client::Request;

/// What one read takes at most, so that writing gets its turn.
const READ_AT_MOST: usize = 1 << 20;

pub(crate) struct Link {
    socket: Arc<Socket>,
    state: State,
    /// The server, for errors.
    place: Arc<str>,
    unsent: Vec<u8>,
    /// Reading stopped before everything was read.
    unread: bool,
}

enum State {
    Connecting(Steps),
    Securing(Stream, Option<Request>),
    Upgrading(Upgrade),
    Open(Io),
    Failed,
}

/// What is to be done when the socket is connected.
struct Steps {
    secured: Option<Secured>,
    request: Option<Request>,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// Everything that there is now.
    All,
    /// As much as one read may bring.
    More,
    /// The end, behind what was read.
    End,
}

enum Io {
    Bytes(Stream),
    Web(Web),
}

impl Link {
    /// Begins to connect to the first address. Nothing is waited for; the descriptor stays the same.
    pub(crate) fn begin(dialer: &Dialer) -> Result<Link, ClientError> {
        let socket = dialer.socket().map_err(|source| ClientError::Connect {
            target: dialer.place().to_string(),
            source,
        })?;
        let request = web_socket::request(dialer)?;
        Ok(Link {
            socket: Arc::new(socket),
            state: State::Connecting(Steps {
                secured: dialer.secured().cloned(),
                request,
            }),
            place: Arc::clone(dialer.place()),
            unsent: Vec::new(),
            unread: false,
        })
    }

    /// Connects, and waits until the link is open. Tries each address; the one that answers becomes the
    /// first for later connections. Something to read at `interrupt` ends the waiting.
    pub(crate) fn open(
        dialer: &mut Dialer,
        interrupt: Option<BorrowedFd<'_>>,
    ) -> Result<Link, ClientError> {
        let mut left = dialer.address_count();
        loop {
            left = left.saturating_sub(1);
            match Link::begin(dialer).and_then(|link| link.opened(interrupt)) {
                Err(ClientError::Connect { .. }) if left > 0 => dialer.skip_address(),
                done => return done,
            }
        }
    }

    /// Connected, and all hands are shaken.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Puts bytes behind those that wait to be written.
    pub(crate) fn push(&mut self, bytes: &mut Vec<u8>) {
        self.unsent.append(bytes);
    }

    /// Bytes that wait to be written.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// There may be more to read although the socket does not say so: what was read from it already.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread
    }

    /// Call [`Link::write`] when the socket can be written to.
    pub(crate) fn wants_write(&self) -> bool {
        match &self.state {
            State::Connecting(_) => true,
            State::Securing(stream, _) => stream.wants_write(),
            State::Upgrading(upgrade) => upgrade.wants_write(),
            State::Open(Io::Bytes(stream)) => stream.wants_write() || !self.unsent.is_empty(),
            State::Open(Io::Web(web)) => web.wants_write() || !self.unsent.is_empty(),
            State::Failed => false,
        }
    }

    /// Goes on opening, then writes what the socket takes.
    pub(crate) fn write(&mut self) -> Result<(), ClientError> {
        self.advance()?;
        let State::Open(io) = &mut self.state else {
            return Ok(());
        };
        let written = match io {
            Io::Bytes(stream) => write_bytes(stream, &mut self.unsent),
            Io::Web(web) => web.write(&mut self.unsent),
        };
        written.map_err(|e| self.failed(e))
    }

    /// Goes on opening, then reads what has come, behind `into`. False at the end of the connection.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>) -> Result<bool, ClientError> {
        self.read_some(into, READ_AT_MOST)
    }

    fn read_some(&mut self, into: &mut Vec<u8>, at_most: usize) -> Result<bool, ClientError> {
        self.advance()?;
        let State::Open(io) = &mut self.state else {
            return Ok(true);
        };
        let read = match io {
            Io::Bytes(stream) => read_bytes(stream, into, at_most),
            Io::Web(web) => web.read(into, at_most),
        };
        self.unread = matches!(read, Ok(Got::More));
        match read {
            Ok(got) => Ok(got != Got::End),
            Err(e) => Err(self.failed(e)),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) fn finish(&mut self) {
        match &mut self.state {
            State::Open(Io::Bytes(stream)) => stream.finish(),
            State::Open(Io::Web(web)) => web.finish(),
            _ => drop(self.socket.shutdown(std::net::Shutdown::Both)),
        }
    }

    /// Waits until the link is open.
    fn opened(mut self, interrupt: Option<BorrowedFd<'_>>) -> Result<Link, ClientError> {
        let until = Instant::now() + OPEN_TIMEOUT;
        loop {
            self.advance()?;
            if self.is_open() {
                return Ok(self);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.too_slow());
            }
            let wanted = match self.wants_write() {
                true => PollFlags::IN | PollFlags::OUT,
                false => PollFlags::IN,
            };
            let mut fds = vec![PollFd::from_borrowed_fd(self.socket.as_fd(), wanted)];
            fds.extend(interrupt.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(io::Error::from(e).into()),
            }
            if fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) {
                return Err(ClientError::Interrupted);
            }
        }
    }

    fn too_slow(&self) -> ClientError {
        match &self.state {
            State::Connecting(_) => self.unreachable(ErrorKind::TimedOut.into()),
            _ => ClientError::Silent,
        }
    }

    /// Goes on opening, as far as that is possible without waiting.
    fn advance(&mut self) -> Result<(), ClientError> {
        while !self.is_open() {
            let state = std::mem::replace(&mut self.state, State::Failed);
            let (state, goes_on) = self.step(state)?;
            self.state = state;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The state after `state`, and whether that may have work already.
    fn step(&self, state: State) -> Result<(State, bool), ClientError> {
        match state {
            State::Connecting(steps) if !self.is_connected()? => {
                Ok((State::Connecting(steps), false))
            }
            State::Connecting(steps) => {
                let socket = Arc::clone(&self.socket);
                let stream = match steps.secured {
                    None => Stream::plain(socket),
                    Some(secured) => Stream::tls(socket, self.begin_tls(secured)?),
                };
                Ok((State::Securing(stream, steps.request), true))
            }
            State::Securing(mut stream, request) => {
                let shaken = stream.shake().map_err(|e| self.failed_handshake(e))?;
                match request {
                    request if !shaken => Ok((State::Securing(stream, request), false)),
                    None => Ok((State::Open(Io::Bytes(stream)), true)),
                    Some(request) => {
                        let upgrade = Upgrade::begin(stream, request);
                        Ok((
                            State::Upgrading(upgrade.map_err(|e| self.refused(e))?),
                            true,
                        ))
                    }
                }
            }
            State::Upgrading(upgrade) => match upgrade.go_on().map_err(|e| self.refused(e))? {
                Progress::Done(web) => Ok((State::Open(Io::Web(web)), true)),
                Progress::Waiting(upgrade) => Ok((State::Upgrading(upgrade), false)),
            },
            open @ State::Open(_) => Ok((open, false)),
            State::Failed => Err(ClientError::Closed("")),
        }
    }

    fn is_connected(&self) -> Result<bool, ClientError> {
        let error = self.socket.take_error().map_err(|e| self.unreachable(e))?;
        match error {
            Some(e) => Err(self.unreachable(e)),
            None => Ok(self.socket.peer_addr().is_ok()),
        }
    }

    fn begin_tls(&self, secured: Secured) -> Result<ClientConnection, ClientError> {
        ClientConnection::new(secured.config, secured.name)
            .map_err(|e| self.failed(io::Error::new(ErrorKind::InvalidData, e)))
    }

    fn unreachable(&self, source: io::Error) -> ClientError {
        ClientError::Connect {
            target: self.place.to_string(),
            source,
        }
    }

    fn failed(&self, error: io::Error) -> ClientError {
        self.explained(tls_failure::find(&error), error)
    }

    fn failed_handshake(&self, error: io::Error) -> ClientError {
        self.explained(tls_failure::find_in_handshake(&error), error)
    }

    fn explained(&self, what: Option<String>, error: io::Error) -> ClientError {
        match what {
            Some(what) => ClientError::Tls {
                target: self.place.to_string(),
                what,
            },
            None => ClientError::Broken(error),
        }
    }

    fn refused(&self, error: WsError) -> ClientError {
        match error {
            WsError::Io(e) if tls_failure::find(&e).is_some() => self.failed(e),
            other => web_socket::refused(&self.place, &other),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn write_bytes(stream: &mut Stream, unsent: &mut Vec<u8>) -> io::Result<()> {
    let mut at = 0;
    let result = loop {
        let rest = unsent.get(at..).unwrap_or_default();
        if rest.is_empty() {
            break stream.flush();
        }
        match stream.write(rest) {
            Ok(0) => break Err(ErrorKind::WriteZero.into()),
            Ok(n) => at += n,
            Err(e) => break Err(e),
        }
    };
    unsent.drain(..at);
    match result {
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
        done => done,
    }
}

fn read_bytes(stream: &mut Stream, into: &mut Vec<u8>, at_most: usize) -> io::Result<Got> {
    let start = into.len();
    let mut buffer = [0; 16 << 10];
    while into.len() - start < at_most {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(Got::End),
            Ok(n) => into.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Got::All),
            Err(e) => return Err(e),
        }
    }
    Ok(Got::More)
}

#[cfg(test)]
#[path = "link_tests.rs"]
pub(super) mod tests;
