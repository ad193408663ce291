//! Many connections on one thread: a readiness loop that opens, greets, reads, pings and writes.
//!
//! The hub owns the clients, addressed by number; what packets mean is its [`Handler`]'s. Nothing is allocated
//! for a packet. It never waits for longer than it is told to.

use super::carrier::Carrier;
use super::client::{Client, State};
use super::clock::{Clock, SECOND};
use crate::BenchError;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use mqtt_codec::{DecodeError, Framed, Packet, Version};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io::{self, ErrorKind};
use std::time::Duration;

const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
/// Readiness events of one turn.
const EVENTS: usize = 1024;
/// The least buffer that is read into; a packet must fit whole.
const SCRATCH: usize = 256 << 10;
/// Reads of one connection before the others get their turn.
const READS_IN_A_ROW: usize = 16;
/// Pings of one turn.
const PINGS_IN_A_ROW: usize = 1000;

/// What becomes of what the hub sees.
pub(crate) trait Handler {
    /// The server has accepted the connection.
    fn ready(&mut self, who: usize, client: &mut Client, now: u64) -> Result<(), BenchError>;

    /// Any packet but those of greeting and pings. Answers go to `client.out()`.
    fn packet(
        &mut self,
        who: usize,
        client: &mut Client,
        packet: &Packet<'_>,
        now: u64,
    ) -> Result<(), BenchError>;

    /// The connection has ended, or never came to be.
    fn lost(&mut self, who: usize, why: &io::Error) -> Result<(), BenchError>;
}

/// What all connections of a hub have in common.
struct Common {
    /// Begun, and neither accepted nor lost.
    opening: usize,
    /// Seconds: what the CONNECTs say, or the least that the server wants.
    keep_alive: u16,
    /// The largest packet that can come in.
    packet: usize,
}

pub(crate) struct Hub {
    poll: Poll,
    events: Option<Events>,
    clients: Vec<Client>,
    scratch: Vec<u8>,
    clock: Clock,
    common: Common,
    /// Clients whose socket may hold more than was read.
    unread: Vec<usize>,
    alarm: OwnedFd,
    /// The client that is pinged next, and when.
    ping_cursor: usize,
    ping_at: u64,
    woken: bool,
}

impl Hub {
    /// `packet` is the largest packet that comes in, `keep_alive` what the CONNECTs say.
    pub(crate) fn new(clock: Clock, packet: usize, keep_alive: u16) -> Result<Hub, BenchError> {
        let set_up = || -> io::Result<Hub> {
            let poll = Poll::new()?;
            let alarm = timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
            )?;
            poll.registry().register(
                &mut SourceFd(&alarm.as_raw_fd()),
                ALARM,
                Interest::READABLE,
            )?;
            Ok(Hub {
                poll,
                events: Some(Events::with_capacity(EVENTS)),
                clients: Vec::new(),
                scratch: vec![0; SCRATCH.max(2 * packet)],
                clock,
                common: Common {
                    opening: 0,
                    keep_alive,
                    packet: SCRATCH.max(2 * packet),
                },
                unread: Vec::new(),
                alarm,
                ping_cursor: 0,
                ping_at: 0,
                woken: false,
            })
        };
        set_up().map_err(BenchError::io("cannot set up a thread of connections"))
    }

    /// Lets another thread end a wait.
    pub(crate) fn waker(&self) -> Result<Waker, BenchError> {
        Waker::new(self.poll.registry(), WAKER)
            .map_err(BenchError::io("cannot set up a thread of connections"))
    }

    /// Begins a connection; its number.
    pub(crate) fn open(
        &mut self,
        carrier: Box<dyn Carrier>,
        version: Version,
        hello: Vec<u8>,
    ) -> Result<usize, BenchError> {
        let who = self.clients.len();
        self.poll
            .registry()
            .register(
                &mut SourceFd(&carrier.fd().as_raw_fd()),
                Token(who),
                Interest::READABLE | Interest::WRITABLE,
            )
            .map_err(BenchError::io("cannot watch a connection"))?;
        let begun = self.clock.now();
        self.clients
            .push(Client::new(carrier, version, hello, begun));
        self.common.opening += 1;
        Ok(who)
    }

    /// Connections that are begun and neither accepted nor lost.
    pub(crate) fn opening(&self) -> usize {
        self.common.opening
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    pub(crate) fn client(&mut self, who: usize) -> &mut Client {
        // Numbers come from `open`.
        &mut self.clients[who]
    }

    /// True once after another thread has called.
    pub(crate) fn take_woken(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// Ends a wait at `at`, to the microsecond or so; polls alone are as coarse as a millisecond.
    pub(crate) fn set_alarm(&mut self, at: u64) -> Result<(), BenchError> {
        let in_ns = at.saturating_sub(self.clock.now()).max(1);
        let spec = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: (in_ns / SECOND) as i64,
                tv_nsec: (in_ns % SECOND) as i64,
            },
        };
        timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &spec)
            .map(drop)
            .map_err(|e| BenchError::io("cannot set a timer")(e.into()))
    }

    /// Waits for at most `wait`, then reads what has come and writes what is waited for.
    pub(crate) fn turn<H: Handler>(
        &mut self,
        wait: Duration,
        handler: &mut H,
    ) -> Result<(), BenchError> {
        let wait = if self.unread.is_empty() {
            wait
        } else {
            Duration::ZERO
        };
        let Some(mut events) = self.events.take() else {
            return Ok(());
        };
        match self.poll.poll(&mut events, Some(wait)) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(BenchError::io("cannot wait for connections")(e)),
        }
        let unread = std::mem::take(&mut self.unread);
        for who in unread {
            self.serve(who, true, handler)?;
        }
        for event in &events {
            match event.token() {
                WAKER => self.woken = true,
                ALARM => {}
                Token(who) => {
                    let readable =
                        event.is_readable() || event.is_read_closed() || event.is_error();
                    self.serve(who, readable, handler)?;
                }
            }
        }
        self.events = Some(events);
        self.ping(handler)
    }

    fn serve<H: Handler>(
        &mut self,
        who: usize,
        readable: bool,
        handler: &mut H,
    ) -> Result<(), BenchError> {
        let served = self.advance(who, readable, handler);
        match served {
            Ok(()) => Ok(()),
            Err(Served::Lost(why)) => self.lose(who, &why, handler),
            Err(Served::Failed(e)) => Err(e),
        }
    }

    fn advance<H: Handler>(
        &mut self,
        who: usize,
        readable: bool,
        handler: &mut H,
    ) -> Result<(), Served> {
        let Some(client) = self.clients.get_mut(who) else {
            return Ok(());
        };
        let mut read = readable;
        if client.state == State::Opening {
            let Some(carrier) = &mut client.carrier else {
                return Ok(());
            };
            if !carrier.open()? {
                return Ok(());
            }
            client.state = State::Greeting;
            let hello = std::mem::take(&mut client.hello);
            client.out().extend_from_slice(&hello);
            // What came with the opening is in the carrier's hands, and no event will tell of it.
            read = true;
        }
        if read && client.carrier.is_some() {
            self.read(who, handler)?;
        }
        if let Some(client) = self.clients.get_mut(who) {
            client.flush()?;
        }
        Ok(())
    }

    fn read<H: Handler>(&mut self, who: usize, handler: &mut H) -> Result<(), Served> {
        let Hub {
            clients,
            scratch,
            clock,
            common,
            unread,
            ..
        } = self;
        let client = &mut clients[who];
        for _ in 0..READS_IN_A_ROW {
            let Some(carrier) = &mut client.carrier else {
                return Ok(());
            };
            let kept = client.rest.len();
            scratch[..kept].copy_from_slice(&client.rest);
            client.rest.clear();
            let space = &mut scratch[kept..];
            let room = space.len();
            let n = match carrier.read(space) {
                Ok(0) => return Err(Served::Lost(closed("the broker closed the connection"))),
                Ok(n) => n,
                Err(e) => {
                    client.rest.extend_from_slice(&scratch[..kept]);
                    return match e.kind() {
                        ErrorKind::WouldBlock => Ok(()),
                        _ => Err(Served::Lost(e)),
                    };
                }
            };
            let emptied = n < room && carrier.short_read_is_all();
            let now = clock.now();
            let bytes = &scratch[..kept + n];
            let used = take_packets(who, client, bytes, now, common, handler)?;
            client.rest.extend_from_slice(&bytes[used..]);
            if emptied {
                return Ok(());
            }
        }
        unread.push(who);
        Ok(())
    }

    fn lose<H: Handler>(
        &mut self,
        who: usize,
        why: &io::Error,
        handler: &mut H,
    ) -> Result<(), BenchError> {
        if self.drop_carrier(who) {
            handler.lost(who, why)?;
        }
        Ok(())
    }

    /// False where it was closed already.
    fn drop_carrier(&mut self, who: usize) -> bool {
        let Some(client) = self.clients.get_mut(who) else {
            return false;
        };
        if matches!(client.state, State::Opening | State::Greeting) {
            self.common.opening = self.common.opening.saturating_sub(1);
        }
        client.state = State::Closed;
        client.shrink();
        client.rest = Vec::new();
        // Closing the socket takes it out of the poll.
        client.carrier.take().is_some()
    }

    /// Writes what waits for this client; true when nothing is left.
    pub(crate) fn flush<H: Handler>(
        &mut self,
        who: usize,
        handler: &mut H,
    ) -> Result<bool, BenchError> {
        match self.clients[who].flush() {
            Ok(done) => Ok(done),
            Err(why) => self.lose(who, &why, handler).map(|()| true),
        }
    }

    /// Each client is pinged a little oftener than its keep-alive asks for, spread evenly over time.
    fn ping<H: Handler>(&mut self, handler: &mut H) -> Result<(), BenchError> {
        if self.common.keep_alive == 0 || self.clients.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let round = u64::from(self.common.keep_alive) * SECOND * 7 / 10;
        let step = round / self.clients.len() as u64;
        if self.ping_at == 0 {
            self.ping_at = now + step;
        }
        for _ in 0..PINGS_IN_A_ROW {
            if now < self.ping_at {
                break;
            }
            self.ping_at += step;
            let who = self.ping_cursor % self.clients.len();
            self.ping_cursor = who + 1;
            let client = &mut self.clients[who];
            if !client.is_ready() {
                continue;
            }
            if client.pinged {
                let why = io::Error::new(ErrorKind::TimedOut, "no answer to PINGREQ");
                self.lose(who, &why, handler)?;
                continue;
            }
            client.pinged = true;
            client.out().extend_from_slice(&PINGREQ);
            self.flush(who, handler)?;
        }
        Ok(())
    }

    /// Says DISCONNECT where the socket takes it, and closes.
    pub(crate) fn close(&mut self, who: usize) {
        if let Some(client) = self.clients.get_mut(who)
            && client.is_ready()
        {
            client.out().extend_from_slice(&DISCONNECT);
            // The broker may have gone first; that is as good.
            let _ = client.flush();
        }
        self.drop_carrier(who);
    }

    pub(crate) fn close_all(&mut self) {
        for who in 0..self.clients.len() {
            self.close(who);
        }
    }
}

const PINGREQ: [u8; 2] = [0xc0, 0];
const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Why serving a connection stopped.
enum Served {
    Lost(io::Error),
    Failed(BenchError),
}

impl From<io::Error> for Served {
    fn from(e: io::Error) -> Served {
        Served::Lost(e)
    }
}

impl From<BenchError> for Served {
    fn from(e: BenchError) -> Served {
        Served::Failed(e)
    }
}

fn closed(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, what.into())
}

fn wrong(e: DecodeError) -> Served {
    let what = format!("the broker sent something that is no MQTT: {e}");
    Served::Lost(io::Error::new(ErrorKind::InvalidData, what))
}

/// Takes the whole packets of `bytes`, if none is too large; how many bytes those are.
fn take_packets<H: Handler>(
    who: usize,
    client: &mut Client,
    bytes: &[u8],
    now: u64,
    common: &mut Common,
    handler: &mut H,
) -> Result<usize, Served> {
    let mut at = 0;
    loop {
        let framed = mqtt_codec::frame(&bytes[at..], u32::MAX).map_err(wrong)?;
        let (first, body, len) = match framed {
            Framed::Packet { first, body, len } => (first, body, len),
            Framed::Incomplete { need } if need > common.packet => {
                let what = format!("the broker sent a packet of {need} bytes");
                return Err(Served::Lost(closed(what)));
            }
            Framed::Incomplete { .. } => return Ok(at),
        };
        at += len;
        let packet = mqtt_codec::decode(client.version, first, body).map_err(wrong)?;
        match &packet {
            Packet::Connack(connack) if client.state == State::Greeting => {
                if connack.code != 0 {
                    let reason = crate::packets::refusal(client.version, connack);
                    return Err(Served::Lost(closed(reason)));
                }
                client.welcome(connack);
                common.opening = common.opening.saturating_sub(1);
                if let Some(keep_alive) = connack.props.server_keep_alive() {
                    common.keep_alive = match common.keep_alive {
                        0 => keep_alive,
                        ours => ours.min(keep_alive),
                    };
                }
                handler.ready(who, client, now)?;
            }
            Packet::Pingresp => client.pinged = false,
            Packet::Disconnect(bye) => {
                let text = bye.props.reason_string().unwrap_or_default();
                let what = format!("the broker disconnected it: {:?} {text}", bye.reason);
                return Err(Served::Lost(closed(what.trim_end())));
            }
            _ => handler.packet(who, client, &packet, now)?,
        }
    }
}
