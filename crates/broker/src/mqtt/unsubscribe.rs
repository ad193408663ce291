//! UNSUBSCRIBE, and the end of all subscriptions of a session.
//!
//! What is queued already is still delivered [MQTT-3.10.4-3].

use crate::conn::ConnId;
use crate::shard::Shard;
use message::SharedFilter;
use message::record::{Record, RowKey};
use mqtt_codec::{Packet, ReasonCode, Suback, Unsubscribe, Version};

impl Shard {
    pub(super) fn on_unsubscribe(
        &mut self,
        id: ConnId,
        packet: &Unsubscribe<'_>,
        now: crate::time::Now,
    ) {
        let Some(online) = self.conns.get(id).and_then(|c| c.online()) else {
            return;
        };
        let (slot, version) = (online.session, online.version);
        let max = self.settings.limits.max_topic_bytes;
        let mut codes = Vec::new();
        let emitted = self.tickets.latest();
        let mut stored = false;
        let check = |filter| {
            let shared = SharedFilter::parse(filter)?;
            message::pattern::check_mqtt(shared.map_or(filter, |s| s.filter), max)
        };
        // What closes the connection is looked for first, so that nothing is done by halves.
        let bad = packet.filters().find_map(|filter| check(filter).err());
        if let (Some(error), true) = (bad, version != Version::V5) {
            let why = error.to_string();
            return self.offend(id, ReasonCode::TopicFilterInvalid, &why, now);
        }
        for filter in packet.filters() {
            let reason = match check(filter) {
                Err(_) => ReasonCode::TopicFilterInvalid,
                Ok(()) if self.unsubscribe(slot, filter) => {
                    stored |= self.sessions.get(slot).is_some_and(|s| s.durable);
                    ReasonCode::Success
                }
                Ok(()) => ReasonCode::NoSubscriptionExisted,
            };
            codes.push(reason as u8);
        }
        let codes = if version == Version::V5 {
            codes.as_slice()
        } else {
            &[]
        };
        let props = mqtt_codec::Properties::EMPTY;
        let packet = Packet::Unsuback(Suback {
            packet_id: packet.packet_id,
            props,
            codes,
        });
        self.reply_when_durable(id, version, &packet, stored.then_some(emitted));
    }

    /// Takes out one subscription, everywhere. False where there is none.
    fn unsubscribe(&mut self, slot: u32, filter: &str) -> bool {
        let Some(session) = self.sessions.get_mut(slot) else {
            return false;
        };
        if !session.subscriptions.remove(filter) {
            return false;
        }
        session.replays.retain(|r| *r.filter != *filter);
        let (queue, durable, here) = (session.queue, session.durable, self.id);
        if durable {
            self.store(Record::Delete(RowKey::Subscription(queue, filter.into())));
        }
        let shared = SharedFilter::parse(filter).ok().flatten();
        self.gauges.unsubscribed(shared.is_some());
        if let Some(shared) = shared {
            let left = self
                .shared
                .write_table(|table| table.leave(shared.group, shared.filter, queue));
            if let Some(left) = left {
                self.group_changed(shared.filter, left.home, left.queue);
            }
            return true;
        }
        if durable {
            self.shared
                .write_table(|table| table.unsubscribe(filter, queue));
        } else {
            self.local.unsubscribe(filter, queue);
            self.shared
                .write_table(|table| table.remove_volatile(filter, here));
        }
        self.shared.interest.changed(filter);
        true
    }

    /// The session ends: nobody is to find it any more. Its record goes as a whole, by its session's.
    pub(super) fn unsubscribe_all(&mut self, slot: u32) {
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let filters: Vec<Box<str>> = session
            .subscriptions
            .iter()
            .map(|s| s.filter.clone())
            .collect();
        for filter in filters {
            self.unsubscribe(slot, &filter);
        }
    }
}
