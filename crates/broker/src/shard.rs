//! The shard: one core's part of the broker, a pure state machine.
//!
//! A driver feeds it events (`open`, `on_bytes`, `on_mail`, ...), then calls `end_turn` and carries
//! out what the [`Turn`] says, in its order. The shard never blocks and never fails.

use crate::auth::{AuthReply, Classes, Peer, Policy};
use crate::conn::{ConnId, Handoff, State};
use crate::conns::Conns;
use crate::credit::Credit;
use crate::mail::{Letter, Mail};
use crate::mqtt::{Layouts, Rings, Sessions, Waiter};
use crate::outbox::BufferPool;
use crate::paging::Reads;
use crate::parcel::Parcel;
use crate::queue::{Group, GroupItem};
use crate::route::Route;
use crate::routing::{LocalTable, Matched, RouteCache};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::stats::{Gauges, Stats};
use crate::tickets::Tickets;
use crate::time::Now;
use crate::timers::{Timer, Timers};
use crate::turn::Turn;
use message::record::{Durable, Record};
use message::{Map, MessageId, QueueId, ShardId};
use mqtt_codec::PropertiesBuf;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Timers that one call deals with: after a long rest of the node many sessions end at once.
const TIMERS_AT_ONCE: usize = 1024;

/// See the module. Its handlers are `impl Shard` blocks beside the concept that they handle.
pub struct Shard {
    pub(crate) id: ShardId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) conns: Conns,
    pub(crate) sessions: Sessions,
    /// Subscriptions of volatile sessions of this shard.
    pub(crate) local: LocalTable,
    /// The buffers of a look into the shared table.
    pub(crate) matched: Matched,
    pub(crate) cache: RouteCache<Route>,
    pub(crate) classes: Classes,
    /// Groups whose home this shard is.
    pub(crate) groups: Map<QueueId, Group>,
    pub(crate) timers: Timers,
    pub(crate) tickets: Tickets<Waiter>,
    pub(crate) credit: Credit,
    pub(crate) stats: Stats,
    pub(crate) gauges: Gauges,
    pub(crate) above_watermark: bool,
    /// Connections whose next PUBLISH waits for admission.
    pub(crate) held_back: Vec<ConnId>,
    /// Connections that leave for another shard at the end of this turn.
    pub(crate) moving: Vec<ConnId>,
    pub(crate) trickle_at: u64,
    /// Bodies that the log was asked for.
    pub(crate) reads: Reads,
    /// Sessions that have retained messages to be sent.
    pub(crate) replaying: VecDeque<QueueId>,
    /// When this shard looks for retained messages that have expired; 0 for never.
    pub(crate) retained_expiry_at: u64,
    /// What sessions of this shard told groups of this shard; see `settle_groups`.
    pub(crate) returned_items: Vec<(QueueId, QueueId, GroupItem)>,
    pub(crate) served_groups: Vec<(QueueId, QueueId)>,
    pub(crate) changed_groups: Vec<QueueId>,
    /// Number of the operation that ended a durable session last.
    pub(crate) last_session_end: u64,
    /// Counter of the last message id given out.
    message_counter: u64,
    random: u64,
    pub(crate) pool: BufferPool,
    pub(crate) rings: Rings,
    pub(crate) parcels: Vec<Parcel>,
    /// One for each message that is being passed on: a group's is within a publish.
    pub(crate) layouts: Vec<Layouts>,
    pub(crate) props_scratch: PropertiesBuf,
    pub(crate) forward_scratch: Vec<u8>,
    pub(crate) mails: Vec<Vec<Mail>>,
    /// The output of the turn that is under way.
    pub(crate) out: Turn,
}

impl Shard {
    /// `seed` feeds what must not be guessed (assigned client ids) and the hash maps.
    pub fn new(id: ShardId, shared: Arc<Shared>, settings: Arc<Settings>, seed: u64) -> Self {
        let limits = &settings.limits;
        let shards = shared.shards;
        let weight = limits.max_cached_routes as u64 * 16;
        Shard {
            id,
            conns: Conns::default(),
            sessions: Sessions::new(seed),
            local: LocalTable::new(seed),
            matched: Matched::default(),
            cache: RouteCache::new(seed, limits.max_cached_routes, weight),
            classes: Classes::new(seed),
            groups: message::hash::map(seed),
            timers: Timers::default(),
            tickets: Tickets::new(id),
            credit: Credit::new(shards, limits.in_flight_bytes, limits.in_flight_messages),
            stats: Stats::default(),
            gauges: Gauges::default(),
            above_watermark: false,
            held_back: Vec::new(),
            moving: Vec::new(),
            trickle_at: 0,
            reads: Reads::new(id),
            replaying: VecDeque::new(),
            retained_expiry_at: 0,
            returned_items: Vec::new(),
            served_groups: Vec::new(),
            changed_groups: Vec::new(),
            last_session_end: 0,
            message_counter: 0,
            random: seed,
            pool: BufferPool::default(),
            rings: Rings::default(),
            parcels: Vec::new(),
            layouts: Vec::new(),
            props_scratch: PropertiesBuf::new(),
            forward_scratch: Vec::new(),
            mails: (0..shards).map(|_| Vec::new()).collect(),
            out: Turn::default(),
            shared,
            settings,
        }
    }

    /// A connection was accepted. Starts its CONNECT deadline.
    pub fn open(&mut self, peer: Peer, now: Now) -> ConnId {
        let id = self.conns.open(peer, now.ms);
        self.stats.opened += 1;
        self.set_conn_timer(id, now.ms + self.settings.limits.connect_timeout_ms);
        id
    }

    /// A connection arrived from the shard that accepted it. May at once have output.
    #[expect(clippy::boxed_local, reason = "a mail carries it boxed")]
    pub fn adopt(&mut self, handoff: Box<Handoff>, now: Now) -> ConnId {
        let Handoff {
            peer,
            identity,
            connecting,
            partial,
            last_heard,
            traffic,
        } = *handoff;
        let id = self.conns.open(peer, last_heard);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.partial = partial;
            conn.traffic = traffic;
            conn.version = Some(connecting.version);
        }
        self.begin_session(id, connecting, identity, now);
        id
    }

    /// Bytes of the MQTT stream (after TLS and WebSocket). All of them are taken. Not to be called
    /// between `Turn::reading` saying false and true for this connection.
    pub fn on_bytes(&mut self, conn: ConnId, bytes: &[u8], now: Now) {
        self.raise_message_counter();
        self.receive(conn, bytes, now);
    }

    /// The peer has gone, or the driver gave it up (`why` is for the log). Frees the id.
    pub fn on_closed(&mut self, conn: ConnId, why: &str, now: Now) {
        self.lose(conn, why, true, now);
        self.forget_conn(conn);
    }

    /// The socket of a connection that was in `Turn::closing` is closed. Frees the id.
    pub fn release(&mut self, conn: ConnId) {
        self.forget_conn(conn);
    }

    /// An item of this shard's inbox. Items of one sender come in the order in which it sent them.
    pub fn on_mail(&mut self, mail: Mail, now: Now) {
        match mail.0 {
            Letter::Publish {
                from,
                message,
                addressed,
                volatile,
            } => {
                self.credit.owe(from, message.charge(), 1);
                self.on_mailed(&message, &addressed, volatile, now);
            }
            Letter::Parcel { from, parcel } => self.on_parcel(from, parcel, now),
            Letter::Group {
                from,
                group,
                message,
                id,
                ordinal,
            } => {
                self.credit.owe(from, message.charge(), 1);
                self.on_group_message(group, message, id, ordinal, now);
            }
            Letter::GroupChanged { group } => self.on_group_changed(group, now),
            Letter::HandOut {
                member,
                group,
                home,
                item,
            } => self.on_hand_out(member, group, home, item, now),
            Letter::Served { group, member } => self.on_served(group, member, now),
            Letter::PutBack {
                group,
                member,
                item,
            } => self.on_put_back(group, member, item, now),
            Letter::Credit {
                by,
                bytes,
                messages,
            } => {
                self.credit.returned(by, bytes, messages);
                self.retry_held_back(0, now);
            }
        }
    }

    /// The log says how far this shard's store operations are durable.
    pub fn on_durable(&mut self, mark: &Durable, now: Now) {
        self.tickets.settled(mark);
        while let Some(waiter) = self.tickets.pop() {
            self.on_settled(waiter, now);
        }
        self.retry_held_back(0, now);
    }

    fn on_settled(&mut self, waiter: Waiter, now: Now) {
        match waiter {
            Waiter::Answer { conn, answer } => self.send_answer(conn, &answer),
            Waiter::Bytes { conn, bytes } => self.send_encoded(conn, &bytes),
            Waiter::Welcome { conn } => self.welcome(conn, now),
            Waiter::SendPublish { session, packet_id } => {
                self.on_publish_durable(session, packet_id, now)
            }
            Waiter::SendPubrel { session, packet_id } => self.on_pubrec_durable(session, packet_id),
        }
    }

    /// The answer to a question of `Turn::auth`.
    pub fn on_auth(&mut self, reply: AuthReply, now: Now) {
        self.on_auth_reply(reply, now);
    }

    /// Timers that are due, a bounded number of them: where more are left, `next_timeout` says so.
    pub fn on_timeout(&mut self, now: Now) {
        for _ in 0..TIMERS_AT_ONCE {
            let Some(timer) = self.timers.pop_due(now.ms) else {
                return;
            };
            match timer {
                Timer::Conn(id) => self.on_conn_timer(id, now),
                Timer::Session(_) | Timer::Will(_) => self.on_session_timer(timer, now),
                Timer::RetainedExpiry => self.on_retained_expiry(now),
                Timer::Trickle => self.on_trickle(now),
            }
        }
    }

    /// When to call `on_timeout` next (monotonic ms); 0 where work is waiting.
    pub fn next_timeout(&self) -> Option<u64> {
        if self.replaying.is_empty() {
            self.timers.next()
        } else {
            Some(0)
        }
    }

    /// New settings hold from here on; revoked access ends within this turn.
    pub fn on_settings(&mut self, settings: Arc<Settings>, _now: Now) {
        self.settings = settings;
        let limits = &self.settings.limits;
        self.credit
            .set_limits(limits.in_flight_bytes, limits.in_flight_messages);
        self.classes = Classes::new(self.shared.seed);
        for (_, session) in self.sessions.iter_mut() {
            session.class = self.classes.enter(&self.settings.policy, &session.identity);
        }
        self.shared.interest.all_changed();
        let mut groups: Vec<_> = self.groups.keys().copied().collect();
        groups.sort_unstable();
        self.changed_groups.append(&mut groups);
    }

    /// The node stops: v5 clients get DISCONNECT 0x8B, wills go out per protocol, all close.
    pub fn on_shutdown(&mut self, now: Now) {
        self.shut_down(now);
    }

    /// Bytes waiting to be written to this connection, oldest first; empty for an unknown one.
    pub fn outbox(&self, conn: ConnId) -> &[u8] {
        self.conns.get(conn).map_or(&[], |c| c.outbox.bytes())
    }

    /// The driver has written the first `n` bytes of the outbox.
    pub fn wrote(&mut self, id: ConnId, n: usize, now: Now) {
        let max = self.settings.limits.max_outbox_bytes;
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let before = conn.outbox.len();
        conn.traffic.sent_bytes += n as u64;
        self.stats.sent_bytes += n as u64;
        if let Some(version) = conn.version {
            self.stats.speakers(version).sent_bytes += n as u64;
        }
        conn.outbox.wrote(n, &mut self.pool);
        let after = conn.outbox.len();
        let held_back = conn.held_back;
        if held_back && n > 0 {
            // It is not read, but it is there.
            conn.last_heard = now.ms;
        }
        let Some(slot) = conn.online().map(|o| o.session) else {
            return;
        };
        // What had to wait for a full outbox goes on; an outbox that was never full holds up nothing.
        if before > max && after <= max {
            self.pump(slot, now);
            if held_back {
                self.retry_held_back(0, now);
            }
        }
        self.resume_replay(slot);
    }

    /// The number of the last store operation.
    pub fn emitted(&self) -> u64 {
        self.tickets.latest()
    }

    /// True where [`Shard::on_durable`] was told of all operations above `since`, up to `upto`.
    pub fn is_durable(&self, since: u64, upto: u64) -> bool {
        self.tickets.is_durable(since, upto)
    }

    /// Counters so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Ends the turn: moves all output into `turn`, whose lists the driver has emptied.
    pub fn end_turn(&mut self, now: Now, turn: &mut Turn) {
        self.stats.turns += 1;
        self.step_replays(now);
        self.settle_all_groups(now);
        if self.classes.take_vacated() && !matches!(self.settings.policy, Policy::AllowAll) {
            self.cache.clear();
        }
        self.shared
            .high_water
            .fetch_max(self.message_counter, Ordering::Relaxed);
        self.shared.queued[usize::from(self.id)]
            .store(self.gauges.queued.memory, Ordering::Relaxed);
        let was_above = self.above_watermark;
        self.check_watermark();
        if was_above && !self.above_watermark {
            self.retry_held_back(0, now);
        }
        self.return_credit();
        for id in std::mem::take(&mut self.moving) {
            let Some(conn) = self.conns.get_mut(id) else {
                continue;
            };
            if let State::Moving(to, handoff) = std::mem::replace(&mut conn.state, State::Closing) {
                self.forget_conn(id);
                self.out.moves.push((id, to, handoff));
            }
        }
        for id in &self.out.dirty {
            if let Some(conn) = self.conns.get_mut(*id) {
                conn.dirty = false;
            }
        }
        std::mem::swap(&mut self.out, turn);
        for (shard, mails) in self.mails.iter_mut().enumerate() {
            if !mails.is_empty() {
                turn.mails.push((shard as ShardId, std::mem::take(mails)));
            }
        }
    }

    fn return_credit(&mut self) {
        for shard in 0..self.shared.shards {
            let has_mail = !self.mails[usize::from(shard)].is_empty();
            if let Some((bytes, messages)) = self.credit.settle(shard, has_mail) {
                let by = self.id;
                let credit = Letter::Credit {
                    by,
                    bytes,
                    messages,
                };
                self.mail(shard, credit);
            }
        }
    }
}

/// What handlers share.
impl Shard {
    /// Emits a record; its number.
    pub(crate) fn store(&mut self, record: Record) -> u64 {
        self.stats.store_operations += 1;
        let op = self.tickets.stamp(record);
        let seq = op.seq;
        self.out.ops.push(op);
        seq
    }

    pub(crate) fn mail(&mut self, to: ShardId, letter: Letter) {
        if let Some(mails) = self.mails.get_mut(usize::from(to)) {
            mails.push(Mail(letter));
        }
    }

    /// Lets `waiter` of this connection wait for all that was emitted after `since`.
    pub(crate) fn wait_for(&mut self, id: ConnId, since: u64, waiter: Waiter) {
        let ticket = self.tickets.wait(since, waiter);
        if let Some(conn) = self.conns.get_mut(id) {
            conn.last_ticket = ticket;
        }
    }

    /// True where something of this connection waits already: what comes after it must not overtake.
    pub(crate) fn must_wait(&self, id: ConnId) -> bool {
        self.conns
            .get(id)
            .is_some_and(|c| self.tickets.is_waiting(id, c.last_ticket))
    }

    pub(crate) fn mark_dirty(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if !std::mem::replace(&mut conn.dirty, true) {
            self.out.dirty.push(id);
        }
    }

    fn send_encoded(&mut self, id: ConnId, bytes: &[u8]) {
        let Some(conn) = self
            .conns
            .get_mut(id)
            .filter(|c| !matches!(c.state, State::Closing))
        else {
            return;
        };
        conn.outbox.tail(&mut self.pool).extend_from_slice(bytes);
        if let Some(first) = bytes.first() {
            self.stats.packet_sent(*first);
        }
        self.mark_dirty(id);
    }

    /// Takes the connection out of the slab, with its timer.
    pub(crate) fn forget_conn(&mut self, id: ConnId) {
        let Some(conn) = self.conns.remove(id) else {
            return;
        };
        if conn.timer_at != 0 {
            self.timers.cancel(conn.timer_at, Timer::Conn(id));
        }
    }

    /// A publisher may have been acknowledged by another shard before.
    pub(crate) fn raise_message_counter(&mut self) {
        let high = self.shared.high_water.load(Ordering::Relaxed);
        self.message_counter = self.message_counter.max(high);
    }

    /// No id that is given out from here on has a counter as low as this.
    pub(crate) fn raise_message_counter_to(&mut self, to: u64) {
        self.message_counter = self.message_counter.max(to);
    }

    /// Ids of one shard grow, and are above all that any shard has acknowledged before.
    pub(crate) fn next_message_id(&mut self) -> MessageId {
        self.message_counter += 1;
        MessageId(self.message_counter * u64::from(self.shared.shards) + u64::from(self.id))
    }

    /// The next of a sequence of numbers that `seed` determines (splitmix64, Steele et al. 2014).
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
