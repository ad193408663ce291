//! Acknowledgements from a subscriber: PUBACK, PUBREC, PUBCOMP; and the end of a delivery.
//!
//! A reason of 0x80 or above ends the delivery as well: nothing is resent [MQTT-4.4.0-2]. Each end
//! returns its quota, whatever the reason.

use super::inflight::Phase;
use super::waiter::Waiter;
use crate::conn::ConnId;
use crate::queue::{GroupItem, Held, Queued};
use crate::shard::Shard;
use crate::time::Now;
use message::QueueId;
use message::record::{Record, Row, RowKey};
use mqtt_codec::{Ack, AckKind, QoS, ReasonCode, Version};

impl Shard {
    fn session_of(&self, id: ConnId) -> Option<u32> {
        Some(self.conns.get(id)?.online()?.session)
    }

    pub(super) fn on_puback(&mut self, id: ConnId, ack: &Ack<'_>, now: Now) {
        let Some(slot) = self.session_of(id) else {
            return;
        };
        let known = self
            .sessions
            .get(slot)
            .and_then(|s| s.inflight.get(ack.packet_id));
        if known.is_some_and(|e| e.qos == QoS::AtLeastOnce && e.phase == Phase::Sent) {
            self.finish(slot, ack.packet_id);
            self.pump(slot, now);
        }
    }

    pub(super) fn on_pubrec(&mut self, id: ConnId, ack: &Ack<'_>, now: Now) {
        let Some(slot) = self.session_of(id) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let packet_id = ack.packet_id;
        let known = session
            .inflight
            .get(packet_id)
            .filter(|e| e.qos == QoS::ExactlyOnce);
        let phase = known.map(|e| e.phase);
        match phase {
            Some(Phase::Sent) if ack.reason.is_error() => {
                self.finish(slot, packet_id);
                self.pump(slot, now);
            }
            Some(Phase::Sent) => self.begin_release(slot, id, packet_id),
            Some(Phase::Released) => {
                self.send_ack(id, AckKind::Pubrel, packet_id, ReasonCode::Success, "")
            }
            // Its PUBREL leaves when the first PUBREC is durable.
            Some(Phase::Releasing) => {}
            // Not ours, or over: the client is to forget it too [MQTT-4.3.3-4].
            Some(Phase::Waiting | Phase::Unsent) | None if ack.reason.is_error() => {}
            Some(Phase::Waiting | Phase::Unsent) | None => {
                let v5 = self
                    .conns
                    .get(id)
                    .and_then(|c| c.online())
                    .is_some_and(|o| o.version == Version::V5);
                let reason = if v5 {
                    ReasonCode::PacketIdentifierNotFound
                } else {
                    ReasonCode::Success
                };
                self.send_ack(id, AckKind::Pubrel, packet_id, reason, "");
            }
        }
    }

    /// From PUBREC on, PUBREL is resent and never PUBLISH; for a durable session once that is durable.
    fn begin_release(&mut self, slot: u32, id: ConnId, packet_id: u16) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let (queue, durable) = (session.queue, session.durable);
        if !durable {
            session.inflight.set_phase(packet_id, Phase::Released);
            return self.send_ack(id, AckKind::Pubrel, packet_id, ReasonCode::Success, "");
        }
        session.inflight.set_phase(packet_id, Phase::Releasing);
        let item = session
            .inflight
            .get(packet_id)
            .and_then(|e| e.item.as_ref());
        let (message, ordinal) = item.map(|i| (i.id, i.ordinal)).unwrap_or_default();
        let seq = self.store(Record::Put(Row::Inflight {
            queue,
            packet_id,
            message,
            ordinal,
            released: true,
        }));
        let waiter = Waiter::SendPubrel {
            session: queue,
            packet_id,
        };
        self.tickets.wait(seq - 1, waiter);
    }

    pub(super) fn on_pubcomp(&mut self, id: ConnId, ack: &Ack<'_>, now: Now) {
        let Some(slot) = self.session_of(id) else {
            return;
        };
        let known = self
            .sessions
            .get(slot)
            .and_then(|s| s.inflight.get(ack.packet_id));
        if known.is_some_and(|e| e.phase == Phase::Released) {
            self.finish(slot, ack.packet_id);
            self.pump(slot, now);
        }
    }

    /// The packet id of an outgoing QoS 2 message is durable: it may be sent.
    pub(crate) fn on_publish_durable(&mut self, queue: QueueId, packet_id: u16, now: Now) {
        if let Some(slot) = self.advance(queue, packet_id, Phase::Waiting, Phase::Unsent) {
            self.pump(slot, now);
        }
    }

    pub(crate) fn on_pubrec_durable(&mut self, queue: QueueId, packet_id: u16) {
        let slot = self.advance(queue, packet_id, Phase::Releasing, Phase::Released);
        if let Some(id) = slot.and_then(|s| self.sessions.get(s)?.live()) {
            self.send_ack(id, AckKind::Pubrel, packet_id, ReasonCode::Success, "");
        }
    }

    /// A delivery goes from one phase to the next; the session's slot, where it is in that phase.
    fn advance(&mut self, queue: QueueId, packet_id: u16, from: Phase, to: Phase) -> Option<u32> {
        let slot = self.sessions.of_queue(queue)?;
        let inflight = &mut self.sessions.get_mut(slot)?.inflight;
        if inflight.get(packet_id)?.phase != from {
            return None;
        }
        inflight.set_phase(packet_id, to);
        Some(slot)
    }

    /// A delivery is over, for better or worse: id and quota are free, its record settled.
    pub(super) fn finish(&mut self, slot: u32, packet_id: u16) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let (queue, durable) = (session.queue, session.durable);
        let Some(entry) = session.inflight.complete(&mut self.rings, packet_id) else {
            return;
        };
        self.gauges.in_flight -= 1;
        if let Some(item) = entry.item {
            self.settle(item.id, item.ordinal);
            self.served(queue, item.held);
        }
        // After the message, never before: a message without its packet id would be sent as a new one,
        // while a packet id without its message is merely released again.
        if durable && entry.qos == QoS::ExactlyOnce {
            self.store(Record::Delete(RowKey::Inflight(queue, packet_id)));
        }
    }

    /// A group's message that this session was handed is dealt with.
    pub(super) fn served(&mut self, member: QueueId, held: Option<Held>) {
        if let Some(held) = held {
            self.group_served(held.home, held.group, member);
        }
    }

    /// A group's message that this session can't serve: to another member.
    pub(super) fn put_back(&mut self, slot: u32, item: Queued) {
        if let Some(queue) = self.sessions.get(slot).map(|s| s.queue) {
            self.put_back_from(queue, item);
        }
    }

    pub(super) fn put_back_from(&mut self, member: QueueId, item: Queued) {
        let Some(held) = item.held else { return };
        let back = GroupItem {
            arrival: held.arrival,
            message: item.message,
            id: item.id,
            ordinal: item.ordinal,
            again: item.again,
        };
        self.group_put_back(held.home, held.group, member, back);
    }
}
