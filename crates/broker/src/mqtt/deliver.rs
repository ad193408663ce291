//! A message reaches a session: sent at once where the window is open, queued where not.
//!
//! QoS 0 is sent or lost, never queued. QoS 1 is sent before the disk has it, as its publisher is
//! not acknowledged before; QoS 2 to a durable session waits until its packet id is durable, since a
//! subscriber remembers that id and would take another message under it for a repeat.

use super::alias::Naming;
use super::inflight::Phase;
use super::qos;
use super::session::Session;
use super::waiter::Waiter;
use crate::conn::{ConnId, Online};
use crate::content::Content;
use crate::fan_out::Copy;
use crate::queue::{Held, Queued, Window};
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use message::record::{Record, Row};
use message::{MessageId, QoS, QueueId};
use mqtt_codec::{Outgoing, Version};

/// How one PUBLISH goes to one client.
pub(super) struct Sending<'a> {
    pub qos: QoS,
    pub retain: bool,
    pub dup: bool,
    pub packet_id: u16,
    pub ids: &'a [u32],
}

/// What became of an attempt to send.
#[derive(PartialEq, Eq)]
pub(super) enum Sent {
    Yes,
    /// Larger than the client's Maximum Packet Size [MQTT-3.1.2-24].
    TooLarge,
    /// No connection.
    No,
}

/// The copy as a queue item.
fn queued(content: &mut Content<'_>, copy: &Copy<'_>) -> Queued {
    Queued {
        message: content.owned(),
        qos: copy.qos,
        retain: copy.retain,
        ordinal: copy.ordinal,
        id: copy.id,
        ids: copy.ids.into(),
        held: copy.held,
        again: copy.again,
    }
}

/// True where a PUBLISH is only sent once the disk knows to whom it goes: QoS 2 to a durable session,
/// whose packet id must outlive a crash; and QoS 2 of a group that is in the log, to any session, since
/// no other member may be given it after a crash either [MQTT-4.8.2-5].
pub(super) fn waits_for_disk(durable: bool, qos: QoS, id: MessageId, held: Option<Held>) -> bool {
    qos == QoS::ExactlyOnce && (durable || (held.is_some() && id != MessageId(0)))
}

/// True where the client has this value from the replay that its new subscription brought.
fn replayed(session: &Session, content: &Content<'_>, copy: &Copy<'_>) -> bool {
    if content.retained_version == 0 || copy.mark == 0 {
        return false;
    }
    let durable = session.durable;
    let barrier = if durable {
        session.subscriptions.barrier_of(copy.mark)
    } else {
        copy.mark
    };
    content.retained_version <= barrier
}

impl Shard {
    /// Gives one copy of a message to a session of this shard.
    pub(crate) fn deliver(
        &mut self,
        slot: u32,
        content: &mut Content<'_>,
        copy: &Copy<'_>,
        now: Now,
    ) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        if replayed(session, content, copy) {
            return self.settle(copy.id, copy.ordinal);
        }
        // Routes of volatile sessions hold those that may read, and groups ask before they hand out.
        let checked = session.durable && copy.held.is_none();
        if checked && !self.may_read(slot, content.topic) {
            self.settle(copy.id, copy.ordinal);
            return self.stats.drop(Drop::NotAuthorized);
        }
        match copy.qos {
            QoS::AtMostOnce => self.deliver_at_most_once(slot, content, copy, now),
            _ => self.deliver_assured(slot, content, copy, now),
        }
    }

    fn deliver_at_most_once(
        &mut self,
        slot: u32,
        content: &mut Content<'_>,
        copy: &Copy<'_>,
        now: Now,
    ) {
        let Some(id) = self.sessions.get(slot).and_then(Session::live) else {
            return self.stats.drop(Drop::Offline);
        };
        let unread = self.conns.get(id).map_or(0, |c| c.outbox.len());
        if unread > self.settings.limits.max_outbox_bytes {
            return self.stats.drop(Drop::SlowConsumer);
        }
        let sending = Sending {
            qos: QoS::AtMostOnce,
            retain: copy.retain,
            dup: false,
            packet_id: 0,
            ids: copy.ids,
        };
        self.transmit(id, content, &sending, now);
    }

    fn deliver_assured(&mut self, slot: u32, content: &mut Content<'_>, copy: &Copy<'_>, now: Now) {
        let max_outbox = self.settings.limits.max_outbox_bytes;
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let live = session.live();
        let unread = live
            .and_then(|id| self.conns.get(id))
            .map_or(0, |c| c.outbox.len());
        let open = session.inflight.has_room()
            && session.inflight.unsent() == 0
            && session.backlog.is_empty()
            && !copy.again
            && unread <= max_outbox;
        let Some(id) = live.filter(|_| open) else {
            let item = queued(content, copy);
            return self.enqueue(slot, item, now);
        };
        if waits_for_disk(session.durable, copy.qos, copy.id, copy.held) {
            let item = queued(content, copy);
            self.begin_exactly_once(slot, item);
            return;
        }
        // A volatile session can neither resend nor settle: the message itself is not kept.
        let keep = session.durable || copy.held.is_some();
        let item = keep.then(|| queued(content, copy));
        self.gauges.in_flight += 1;
        let packet_id =
            session
                .inflight
                .push(&mut self.rings, Phase::Sent, qos::wire(copy.qos), item);
        let sending = Sending {
            qos: copy.qos,
            retain: copy.retain,
            dup: false,
            packet_id,
            ids: copy.ids,
        };
        if self.transmit(id, content, &sending, now) == Sent::TooLarge {
            self.finish(slot, packet_id);
        }
    }

    /// Gives a packet id to a QoS 2 message; it is sent once what the disk must know of it is durable.
    pub(super) fn begin_exactly_once(&mut self, slot: u32, item: Queued) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let (queue, durable) = (session.queue, session.durable);
        let (message, ordinal) = (item.id, item.ordinal);
        let emitted = self.tickets.latest();
        if item.held.is_some() {
            self.assign(&item, queue);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        self.gauges.in_flight += 1;
        let packet_id = session.inflight.push(
            &mut self.rings,
            Phase::Waiting,
            mqtt_codec::QoS::ExactlyOnce,
            Some(item),
        );
        if durable {
            self.store(Record::Put(Row::Inflight {
                queue,
                packet_id,
                message,
                ordinal,
                released: false,
            }));
        }
        let waiter = Waiter::SendPublish {
            session: queue,
            packet_id,
        };
        self.tickets.wait(emitted, waiter);
    }

    /// A message of a group goes to this queue from here on: a member's, or back to the group's own.
    pub(super) fn assign(&mut self, item: &Queued, to: QueueId) {
        if item.id != MessageId(0) {
            self.store(Record::Assign {
                id: item.id,
                ordinal: item.ordinal,
                to,
            });
        }
    }

    /// Puts a message into a session's queue, within its limits.
    pub(super) fn enqueue(&mut self, slot: u32, item: Queued, now: Now) {
        let limits = &self.settings.limits;
        let (max_messages, max_bytes) = (limits.max_queued_messages, limits.max_queued_bytes);
        let window = Window::of(limits.queue_window_bytes);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let queue = session.queue;
        let window = match session.live() {
            Some(_) => window,
            None => window.away(),
        };
        let before = session.backlog.weight();
        let pushed = session.backlog.push(item, max_messages, max_bytes, window);
        self.gauges.requeued(before, session.backlog.weight());
        match pushed {
            Ok(()) => self.pump(slot, now),
            Err(item) => self.drop_queued(queue, item, Drop::QueueFull),
        }
    }

    /// Writes one PUBLISH into the client's outbox.
    pub(super) fn transmit(
        &mut self,
        id: ConnId,
        content: &mut Content<'_>,
        sending: &Sending<'_>,
        now: Now,
    ) -> Sent {
        let seed = self.shared.seed;
        let Some(conn) = self.conns.get_mut(id) else {
            return Sent::No;
        };
        let crate::conn::State::Online(online) = &mut conn.state else {
            return Sent::No;
        };
        let v5 = online.version == Version::V5;
        let naming = match online.alias_maximum {
            0 => Naming::Full,
            _ => name(online, content.topic, seed),
        };
        let (topic, alias) = match naming {
            Naming::Full => (content.topic, None),
            Naming::Introduce(alias) => (content.topic, Some(alias)),
            Naming::Alias(alias) => ("", Some(alias)),
        };
        let packet = Outgoing {
            dup: sending.dup,
            qos: qos::wire(sending.qos),
            retain: sending.retain,
            topic,
            packet_id: sending.packet_id,
            payload: content.payload,
            forward: content.forward,
            expiry: if v5 {
                content.remaining_s(now.ms)
            } else {
                None
            },
            alias,
            subscription_ids: if v5 { sending.ids } else { &[] },
        };
        let out = conn.outbox.tail(&mut self.pool);
        if content
            .layouts
            .write(out, online.version, &packet, online.max_packet)
            .is_err()
        {
            if let (Naming::Introduce(_), Some(extra)) = (naming, &mut online.extra)
                && let Some(aliases) = &mut extra.aliases
            {
                aliases.forget(content.topic);
            }
            self.stats.drop(Drop::TooLarge);
            return Sent::TooLarge;
        }
        if !conn.dirty {
            conn.dirty = true;
            self.out.dirty.push(id);
        }
        conn.traffic.sent_messages += 1;
        let version = online.version;
        self.stats
            .packet_sent(mqtt_codec::PacketType::Publish.first_byte());
        self.stats.sent_payload_bytes += content.payload.len() as u64;
        self.stats.speakers(version).sent[sending.qos as usize] += 1;
        Sent::Yes
    }
}

/// Of a client that takes aliases.
fn name(online: &mut Online, topic: &str, seed: u64) -> Naming {
    let max = online.alias_maximum;
    let aliases = online
        .extra()
        .aliases
        .get_or_insert_with(|| super::alias::Aliases::new(seed));
    aliases.name(topic, max)
}
