//! The pump: moves what waits for a client into its window, oldest first.
//!
//! Runs whenever the window may have opened: an acknowledgement, a new connection, an outbox that
//! was written. First what was sent before and must be sent again, in its original order
//! [MQTT-4.6.0-1], then the queue, whose paged part is read from the log before it is needed.

use super::deliver::{Sending, Sent, waits_for_disk};
use super::inflight::Phase;
use super::qos;
use crate::conn::ConnId;
use crate::queue::Queued;
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;

impl Shard {
    pub(crate) fn pump(&mut self, slot: u32, now: Now) {
        while let Some(session) = self.sessions.get(slot) {
            let Some(id) = session.live().filter(|_| session.has_waiting()) else {
                return;
            };
            let unread = self.conns.get(id).map_or(0, |c| c.outbox.len());
            if unread > self.settings.limits.max_outbox_bytes {
                return;
            }
            let sent = self.send_unsent(slot, id, now) || self.send_queued(slot, id, now);
            if !sent && !self.page_in(slot, now) {
                return;
            }
        }
    }

    /// Sends one message that has a packet id already. False where there is none to be sent.
    fn send_unsent(&mut self, slot: u32, id: ConnId, now: Now) -> bool {
        let Some(session) = self.sessions.get_mut(slot) else {
            return false;
        };
        let Some((packet_id, entry)) = session.inflight.next_unsent() else {
            return false;
        };
        let (dup, item) = (entry.dup, entry.item.clone());
        let Some(item) = item else { return true };
        // An expired message whose delivery has begun is sent again all the same [MQTT-4.3.3-7].
        self.transmit_queued(slot, id, &item, packet_id, dup, now);
        true
    }

    /// Gives the oldest queued message a packet id. False where there is none, or no room for it.
    fn send_queued(&mut self, slot: u32, id: ConnId, now: Now) -> bool {
        let Some(session) = self.sessions.get_mut(slot) else {
            return false;
        };
        if session.inflight.unsent() > 0 || !session.inflight.has_room() {
            return false;
        }
        let before = session.backlog.weight();
        let Some(item) = session.backlog.pop() else {
            return false;
        };
        self.gauges.requeued(before, session.backlog.weight());
        let (queue, durable) = (session.queue, session.durable);
        if item.message.expired(now.ms) {
            self.settle(item.id, item.ordinal);
            self.served(queue, item.held);
            self.stats.drop(Drop::Expired);
            return true;
        }
        if !self.may_read(slot, &item.message.topic) {
            self.drop_queued(queue, item, Drop::NotAuthorized);
            return true;
        }
        if waits_for_disk(durable, item.qos, item.id, item.held) {
            self.begin_exactly_once(slot, item);
            return true;
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return false;
        };
        let keep = (durable || item.held.is_some()).then(|| item.clone());
        self.gauges.in_flight += 1;
        let packet_id =
            session
                .inflight
                .push(&mut self.rings, Phase::Sent, qos::wire(item.qos), keep);
        self.transmit_queued(slot, id, &item, packet_id, item.again, now);
        true
    }

    fn transmit_queued(
        &mut self,
        slot: u32,
        id: ConnId,
        item: &Queued,
        packet_id: u16,
        dup: bool,
        now: Now,
    ) {
        let sending = Sending {
            qos: item.qos,
            retain: item.retain,
            dup,
            packet_id,
            ids: &item.ids,
        };
        let sent = self.with_content(&item.message, |shard, content| {
            shard.transmit(id, content, &sending, now)
        });
        if sent == Sent::TooLarge {
            self.finish(slot, packet_id);
        }
    }
}
