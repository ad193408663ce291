//! The driver of one shard: a plain readiness loop around a pure state machine. Which thread turns it
//! is the concern of `worker`.
//!
//! Poll, letters, sockets, timers make one turn; its output leaves as store operations, mails and
//! moves, questions to the authenticator, then socket writes. Owns the shard, its sockets and one
//! read buffer for all of them. Never waits but in the poll, and takes no lock but those of inboxes,
//! the login queue and the admission counts, one at a time.

mod handshakes;
mod lingering;
mod load;
mod operators;
mod output;
mod reading;
mod seats;
mod slots;
mod worker;
#[cfg(test)]
mod worker_tests;

pub(crate) use load::Thresholds;
pub(crate) use seats::Seats;
pub(crate) use slots::Slot as Arrival;

use crate::inbox::{Inbox, Letter};
use crate::link::Link;
use crate::login::Login;
use crate::websocket::WebSocket;
use crate::wiring::{Event, Wiring};
use broker::auth::{AuthOutcome, AuthReply, Peer};
use broker::conn::Handoff;
use broker::{ConnId, Now, Shard, Turn};
use handshakes::Handshakes;
use lingering::Lingering;
use message::ShardId;
use mio::{Events, Registry, Token};
use operators::Unsettled;
use slots::{Slot, Slots, flag};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// What one read may bring; the buffer is shared by all connections of the shard.
const SCRATCH_BYTES: usize = 128 << 10;
/// Bytes that are read in one turn before its output leaves; what is left is read in the next.
const TURN_BYTES: usize = 1 << 20;
/// Ends of turns in a row that follow from each other without a look at the sockets.
const MAX_ROUNDS: usize = 8;

/// Tokens with this bit are the thread's own, not a connection's.
pub(crate) const LINGER_BIT: usize = 1 << (usize::BITS - 1);
pub(crate) const WAKER: Token = Token(usize::MAX);

/// See the module.
pub(crate) struct ShardThread {
    id: ShardId,
    shard: Shard,
    registry: Registry,
    inbox: Arc<Inbox>,
    wiring: Arc<Wiring>,
    login: Login,
    now: Now,
    slots: Slots,
    handshakes: Handshakes,
    lingering: Lingering,
    scratch: Box<[u8]>,
    /// Connections that may still be readable: edge-triggered readiness is not told twice.
    ready: Vec<ConnId>,
    /// What may still be read in this turn.
    budget: usize,
    /// Sockets that have become writable; written after this turn's operations and mails.
    writable: Vec<ConnId>,
    /// Connections to be closed, with the deadline for what they have not taken yet.
    closing: VecDeque<(u64, ConnId)>,
    /// The shard was told something since its turn ended last.
    told: bool,
    turn: Turn,
    letters: Vec<Letter>,
    /// Answers to logins, kept until the sockets have been read: an answer may let a connection move,
    /// and then neither its bytes nor its id may be touched before the turn ends.
    replies: Vec<AuthReply>,
    /// Operators who wait for the log.
    unsettled: Unsettled,
    /// Letters of this turn, by target.
    outgoing: Vec<Vec<Letter>>,
    stage: Stage,
    /// All shards have one thread.
    together: bool,
    /// Shards that sleep and have got mail in this turn.
    calls: Vec<ShardId>,
}

/// How a link comes to be waited for under its connection's token: as a new one, or one known already.
type Enter = fn(&mut Link, &Registry, Token) -> io::Result<()>;

/// How far a shutdown has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// No new connections; the node is told when the last one has gone.
    Draining,
    Drained,
    Stopped,
}

impl ShardThread {
    pub(crate) fn new(
        id: ShardId,
        shard: Shard,
        registry: Registry,
        wiring: Arc<Wiring>,
        login: Login,
    ) -> Self {
        ShardThread {
            id,
            shard,
            registry,
            inbox: wiring.shards[usize::from(id)].clone(),
            login,
            now: wiring.clock.now(),
            slots: Slots::default(),
            handshakes: Handshakes::default(),
            lingering: Lingering::default(),
            scratch: vec![0; SCRATCH_BYTES].into(),
            ready: Vec::new(),
            budget: 0,
            writable: Vec::new(),
            closing: VecDeque::new(),
            told: true,
            turn: Turn::default(),
            letters: Vec::new(),
            replies: Vec::new(),
            unsettled: Unsettled::default(),
            outgoing: wiring.shards.iter().map(|_| Vec::new()).collect(),
            stage: Stage::Serving,
            together: false,
            calls: Vec::new(),
            wiring,
        }
    }

    pub(crate) fn id(&self) -> usize {
        usize::from(self.id)
    }

    /// Letters, sockets, timers, and what follows from them. `together`: all shards have one thread.
    fn turn(&mut self, events: &Events, now: Now, together: bool) {
        self.inbox.wake_up();
        // Two threads that take turns may each have looked at the clock before they sat down.
        if now.ms > self.now.ms {
            self.now = now;
        }
        self.together = together;
        self.budget = TURN_BYTES;
        self.read_letters();
        for event in events {
            self.on_event(event);
        }
        self.read_ready();
        self.shake_ready();
        self.take_replies();
        self.expire();
        self.end_turns();
        self.drained();
    }

    fn has_stopped(&self) -> bool {
        self.stage == Stage::Stopped
    }

    /// Shards that somebody has to call on, once nobody sits here.
    fn take_calls(&mut self, calls: &mut Vec<ShardId>) {
        calls.append(&mut self.calls);
    }

    /// The turn is over. Until when there is nothing to do if no event and no letter comes; none where
    /// there is something at once.
    fn rest(&self) -> Option<u64> {
        let until = self.rests_until()?;
        self.inbox.fall_asleep().then_some(until)
    }

    /// When there is something to do next, if nothing comes; none where there is something now.
    fn rests_until(&self) -> Option<u64> {
        let ready = !self.ready.is_empty() || self.handshakes.any_ready();
        if ready || !self.writable.is_empty() || self.told {
            return None;
        }
        let closing = self.closing.front().map(|(deadline, _)| *deadline);
        let deadlines = [
            self.shard.next_timeout(),
            closing,
            self.handshakes.next_deadline(),
            self.lingering.next_deadline(),
        ];
        let next = deadlines.into_iter().flatten().min();
        Some(next.unwrap_or(u64::MAX))
    }

    fn read_letters(&mut self) {
        let mut letters = std::mem::take(&mut self.letters);
        self.inbox.take(&mut letters);
        for letter in letters.drain(..) {
            self.told = true;
            match letter {
                Letter::Mails(mails) => {
                    for mail in mails {
                        self.shard.on_mail(mail, self.now);
                    }
                }
                Letter::Durable(mark) => {
                    self.shard.on_durable(&mark, self.now);
                    let shard = &self.shard;
                    self.unsettled
                        .settle(|since, upto| shard.is_durable(since, upto));
                }
                Letter::Body(ticket, body) => {
                    if let Err(lost) = self.shard.on_body(ticket, body, self.now) {
                        self.wiring.tell(Event::Failed(lost.to_string()));
                    }
                }
                Letter::Accepted(link, peer) => self.accept(link, peer),
                Letter::Arrive(arrival) => self.arrive(*arrival),
                Letter::Auth(reply) => self.replies.push(reply),
                Letter::Settings(settings, login) => {
                    self.login = login;
                    self.shard.on_settings(settings, self.now);
                }
                Letter::Inspect(question, reply) => self.inspect(&question, reply),
                Letter::Command(command, reply) => self.command(command, reply),
                Letter::Ping(round) => self.wiring.pulse[usize::from(self.id)].beat(round),
                Letter::Shutdown => {
                    self.stage = Stage::Draining;
                    self.end_handshakes();
                    self.shard.on_shutdown(self.now);
                }
                Letter::Stop => self.stage = Stage::Stopped,
            }
        }
        self.letters = letters;
    }

    /// A connection is through its listener's entrance: the shard gets to know it.
    fn open(&mut self, link: Link, peer: Peer, counted: IpAddr, enter: Enter) -> ConnId {
        let entrance = self.wiring.entrances.get(peer.listener);
        let upgrade = entrance.and_then(|entrance| entrance.upgrade.clone());
        let websocket = upgrade.map(|upgrade| Box::new(WebSocket::new(upgrade)));
        let slot = Slot::new(link, websocket, peer.listener, counted);
        let conn = self.shard.open(peer, self.now);
        self.insert(conn, slot, enter);
        conn
    }

    fn arrive(&mut self, (mut slot, handoff): (Slot, Box<Handoff>)) {
        slot.clear(!flag::AUTHENTICATED);
        let conn = self.shard.adopt(handoff, self.now);
        // What it could not write where it came from goes first.
        self.writable.push(conn);
        // An end that TLS has read already is not told by the socket.
        if slot.link.has_ended() {
            slot.set(flag::READABLE | flag::ENDING);
        }
        self.insert(conn, slot, Link::register);
        self.queue_read(conn);
        if self.stage != Stage::Serving {
            self.lose(conn, "the broker is stopping");
        }
    }

    fn insert(&mut self, conn: ConnId, slot: Slot, enter: Enter) {
        let (slot, token) = self.slots.insert(conn, slot);
        if let Err(error) = enter(&mut slot.link, &self.registry, token) {
            self.lose(conn, &format!("its socket cannot be waited for: {error}"));
        }
    }

    fn take_replies(&mut self) {
        let mut replies = std::mem::take(&mut self.replies);
        replies.drain(..).for_each(|reply| self.on_auth(reply));
        self.replies = replies;
    }

    fn on_auth(&mut self, reply: AuthReply) {
        if let AuthOutcome::Accept { .. } = reply.outcome
            && let Some(slot) = self.slots.get(reply.conn)
            && !slot.has(flag::AUTHENTICATED)
        {
            slot.set(flag::AUTHENTICATED);
            let address = slot.address;
            self.wiring.admission.authenticated(address);
        }
        self.told = true;
        self.shard.on_auth(reply, self.now);
    }

    /// Closes a connection because of its peer or its socket, not because the shard wants it.
    fn lose(&mut self, conn: ConnId, why: &str) {
        if let Some(mut slot) = self.forget(conn) {
            self.told = true;
            if let Link::Tls(_) = slot.link {
                slot.link.finish();
            }
            if slot.has(flag::CLOSING) {
                self.shard.release(conn);
            } else {
                self.shard.on_closed(conn, why, self.now);
            }
        }
    }

    /// Takes a connection out of the table; its socket closes where the slot is dropped.
    fn forget(&mut self, conn: ConnId) -> Option<Slot> {
        let slot = self.slots.remove(conn)?;
        let authenticated = slot.has(flag::AUTHENTICATED);
        let admission = &self.wiring.admission;
        admission.leave(slot.listener, slot.address, authenticated);
        Some(slot)
    }

    /// Timers: the shard's, and the deadlines of sockets that are going.
    fn expire(&mut self) {
        let now_ms = self.now.ms;
        if self.shard.next_timeout().is_some_and(|at| at <= now_ms) {
            self.told = true;
            self.shard.on_timeout(self.now);
        }
        while let Some((_, conn)) = self.closing.pop_front_if(|(at, _)| *at <= now_ms) {
            self.lose(conn, "");
        }
        self.expire_handshakes();
        self.lingering.expire(now_ms);
    }

    /// Says so once when a shutdown has closed the last connection.
    fn drained(&mut self) {
        let pending = !self.handshakes.is_empty() || !self.lingering.is_empty();
        let empty = self.slots.is_empty() && !pending;
        if self.stage == Stage::Draining && empty && !self.told {
            self.stage = Stage::Drained;
            self.wiring.tell(Event::Drained);
        }
    }
}
