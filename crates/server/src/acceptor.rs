//! The thread that accepts connections and hands them to the shards, one after the other.
//!
//! Owns the listening sockets and counts who comes in. Reads nothing: a connection's first byte is
//! its shard's. Where the process has no descriptor left it pauses instead of spinning.

use crate::inbox::Letter;
use crate::link::Link;
use crate::unix_socket::SocketFile;
use crate::wiring::Wiring;
use broker::auth::{Credential, Peer, Transport};
use mio::event::Source;
use mio::net::{TcpListener, UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections taken from one listener before the next has its turn.
const BURST: usize = 64;
/// How long nothing is accepted after an accept has failed for want of something.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the same trouble is logged.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
/// From when on the system asks silent peers whether they are still there: all that notices a dead
/// client of MQTT 3 without keep alive.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const WAKER: Token = Token(usize::MAX);

/// A bound socket, and what its clients speak.
pub(crate) struct Door {
    /// Its number in the configuration.
    pub(crate) listener: u16,
    pub(crate) socket: DoorSocket,
    pub(crate) transport: Transport,
}

/// What is accepted from.
pub(crate) enum DoorSocket {
    Tcp(TcpListener),
    Unix {
        socket: UnixListener,
        /// It goes when the socket goes.
        _file: SocketFile,
    },
}

/// Who has come: its socket, its address and what the system knows of it.
type Visitor = (Link, SocketAddr, Option<Credential>);

impl DoorSocket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            DoorSocket::Tcp(socket) => socket,
            DoorSocket::Unix { socket, .. } => socket,
        }
    }

    fn accept(&self) -> io::Result<Visitor> {
        match self {
            DoorSocket::Tcp(socket) => {
                let (socket, address) = socket.accept()?;
                let options = SockRef::from(&socket);
                // An error here means that the peer has gone already, which its shard will see.
                let _ = options.set_tcp_nodelay(true);
                let _ = options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER));
                Ok((Link::Tcp(socket), address, None))
            }
            DoorSocket::Unix { socket, .. } => {
                let (socket, _) = socket.accept()?;
                let process = process_of(&socket);
                let here = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
                Ok((Link::Unix(socket), here, process))
            }
        }
    }
}

/// The process at the other end, where the system tells.
#[cfg(target_os = "linux")]
fn process_of(socket: &UnixStream) -> Option<Credential> {
    let told = rustix::net::sockopt::socket_peercred(socket).ok()?;
    Some(Credential::Process {
        pid: u32::try_from(told.pid.as_raw_nonzero().get()).ok(),
        uid: told.uid.as_raw(),
    })
}

#[cfg(not(target_os = "linux"))]
fn process_of(_: &UnixStream) -> Option<Credential> {
    None
}

/// See the module.
pub(crate) struct Acceptor {
    poll: Poll,
    doors: Vec<Door>,
    /// Doors where more connections may wait: readiness is not told twice.
    pending: Vec<bool>,
    paused_until: Option<Instant>,
    wiring: Arc<Wiring>,
    /// The shard that gets the next connection.
    next: usize,
    /// Letters on their way to each shard.
    outgoing: Vec<Vec<Letter>>,
    stop: Arc<AtomicBool>,
    complaints: Complaints,
}

/// Ends an acceptor from another thread.
pub(crate) struct AcceptorStop {
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl AcceptorStop {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Err(error) = self.waker.wake() {
            tracing::error!("the acceptor cannot be woken: {error}");
        }
    }
}

impl Acceptor {
    pub(crate) fn new(
        mut doors: Vec<Door>,
        wiring: Arc<Wiring>,
    ) -> io::Result<(Self, AcceptorStop)> {
        let poll = Poll::new()?;
        for (i, door) in doors.iter_mut().enumerate() {
            poll.registry()
                .register(door.socket.source(), Token(i), Interest::READABLE)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let waker = Waker::new(poll.registry(), WAKER)?;
        let handle = AcceptorStop {
            stop: stop.clone(),
            waker,
        };
        let acceptor = Acceptor {
            poll,
            pending: vec![false; doors.len()],
            doors,
            paused_until: None,
            next: 0,
            outgoing: wiring.shards.iter().map(|_| Vec::new()).collect(),
            wiring,
            stop,
            complaints: Complaints::default(),
        };
        Ok((acceptor, handle))
    }

    /// Runs until stopped, or until the poll fails. The sockets are closed at the end.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while !self.stop.load(Ordering::SeqCst) {
            let wait = match self.paused_until {
                Some(until) => Some(until.saturating_duration_since(Instant::now())),
                None if self.pending.contains(&true) => Some(Duration::ZERO),
                None => None,
            };
            match self.poll.poll(&mut events, wait) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
                Err(_) | Ok(()) => {}
            }
            for event in &events {
                if let Some(pending) = self.pending.get_mut(event.token().0) {
                    *pending = true;
                }
            }
            if self.paused_until.is_some_and(|at| at <= Instant::now()) {
                self.paused_until = None;
            }
            for door in 0..self.doors.len() {
                if self.pending[door] && self.paused_until.is_none() {
                    self.accept_from(door);
                }
            }
            for (letters, shard) in self.outgoing.iter_mut().zip(&self.wiring.shards) {
                shard.push_all(letters);
            }
        }
        Ok(())
    }

    fn accept_from(&mut self, door: usize) {
        for _ in 0..BURST {
            match self.doors[door].socket.accept() {
                Ok(visitor) => self.admit(door, visitor),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.pending[door] = false;
                    return;
                }
                // The peer gave up while it waited, or a signal came.
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                // No descriptor or no memory: it will not get better by trying at once.
                Err(e) => {
                    self.paused_until = Some(Instant::now() + PAUSE);
                    if let Some(more) = self.complaints.due(Instant::now()) {
                        tracing::warn!("no connection can be accepted: {e}{more}");
                    }
                    return;
                }
            }
        }
    }

    fn admit(&mut self, door: usize, (link, address, credential): Visitor) {
        let listener = self.doors[door].listener;
        let ip = address.ip().to_canonical();
        let entrance = self.wiring.entrances.get(listener);
        let counted = entrance.map_or(ip, |entrance| entrance.counted(ip));
        if let Err(refusal) = self.wiring.admission.enter(listener, counted) {
            if let Some(more) = self.complaints.due(Instant::now()) {
                let listener = self.wiring.listener(listener);
                tracing::warn!(address = %ip, %listener, reason = %refusal, "connection refused{more}");
            }
            return;
        }
        let peer = Peer {
            address: ip,
            port: address.port(),
            listener,
            transport: self.doors[door].transport,
            credential: credential.map(Arc::new),
        };
        self.outgoing[self.next].push(Letter::Accepted(link, peer));
        self.next = (self.next + 1) % self.outgoing.len();
    }
}

/// Keeps the log readable when the same thing happens ten thousand times.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
    held_back: u64,
}

impl Complaints {
    /// Where it is time to log again: what to add about those that were not logged.
    fn due(&mut self, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now < last + COMPLAIN_EVERY) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(match std::mem::take(&mut self.held_back) {
            0 => String::new(),
            n => format!(" ({n} more since the last such line)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_counted_not_repeated() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.due(start), Some(String::new()));
        assert_eq!(complaints.due(start), None);
        assert_eq!(complaints.due(start), None);
        let more = complaints.due(start + COMPLAIN_EVERY);
        assert_eq!(more.as_deref(), Some(" (2 more since the last such line)"));
    }
}
