//! PUBLISH and PUBREL from a client: checked, passed on, acknowledged once durable.
//!
//! QoS 2 (method A: passed on at PUBLISH): the packet id is known from the PUBLISH until PUBREL, in
//! the same record as the message, so a repeat is never passed on twice [MQTT-4.3.3-10].

use super::alias::Aliases;
use super::qos;
use super::waiter::{Answer, Waiter};
use crate::conn::ConnId;
use crate::content::Source;
use crate::fan_out::{Published, Publisher};
use crate::shard::Shard;
use crate::stats::Drop;
use crate::time::Now;
use message::QueueId;
use message::record::{Record, RowKey};
use mqtt_codec::{Ack, AckKind, Publish, QoS, ReasonCode, Version};

/// Why a PUBLISH is not passed on.
struct Offence {
    reason: ReasonCode,
    why: &'static str,
}

const fn offence(reason: ReasonCode, why: &'static str) -> Offence {
    Offence { reason, why }
}

impl Shard {
    pub(super) fn on_publish(&mut self, id: ConnId, publish: &Publish<'_>, now: Now) {
        let Some(online) = self.conns.get_mut(id).and_then(|c| c.online_mut()) else {
            return;
        };
        let (slot, version) = (online.session, online.version);
        self.count_received(id, version, publish);
        if let Err(Offence { reason, why }) = self.check_publish(version, publish) {
            return self.offend(id, reason, why, now);
        }
        // A repeat may set an alias as any other PUBLISH may [MQTT-3.3.2-12].
        self.learn_alias(id, publish);
        if publish.qos != QoS::AtMostOnce {
            if publish.qos == QoS::ExactlyOnce && self.is_repeat(id, slot, publish.packet_id) {
                return;
            }
            if version == Version::V5 && self.receive_maximum_met(id) {
                let why = "more unacknowledged publishes than the receive maximum";
                return self.offend(id, ReasonCode::ReceiveMaximumExceeded, why, now);
            }
        }
        let text = version == Version::V5 && publish.props.payload_format_indicator() == Some(true);
        if text && std::str::from_utf8(publish.payload).is_err() {
            let why = "the payload is not the UTF-8 that its format indicator says";
            if publish.qos == QoS::AtMostOnce {
                return self.offend(id, ReasonCode::PayloadFormatInvalid, why, now);
            }
            return self.acknowledge(id, publish, ReasonCode::PayloadFormatInvalid, why, None);
        }
        if publish.topic.is_empty() {
            return self.publish_by_alias(id, publish, now);
        }
        self.pass_on(id, publish, publish.topic, now);
    }

    fn count_received(&mut self, id: ConnId, version: Version, publish: &Publish<'_>) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.traffic.received_messages += 1;
        }
        self.stats.received_payload_bytes += publish.payload.len() as u64;
        self.stats.speakers(version).received[publish.qos as usize] += 1;
    }

    /// What no client may send, whatever it says about. An `Err` closes the connection.
    fn check_publish(&self, version: Version, publish: &Publish<'_>) -> Result<(), Offence> {
        let mqtt = &self.settings.mqtt;
        if qos::neutral(publish.qos) > mqtt.maximum_qos {
            return Err(offence(
                ReasonCode::QosNotSupported,
                "QoS above the maximum",
            )); // [MQTT-3.2.2-11]
        }
        if publish.retain && !mqtt.retain_available {
            return Err(offence(
                ReasonCode::RetainNotSupported,
                "retained messages are switched off",
            ));
        }
        if version != Version::V5 {
            return Ok(());
        }
        if publish.props.subscription_identifier().is_some() {
            // [MQTT-3.3.4-6]
            return Err(offence(
                ReasonCode::ProtocolError,
                "a client's PUBLISH has a subscription identifier",
            ));
        }
        if let Some(topic) = publish.props.response_topic()
            && message::topic::check(topic, self.settings.limits.max_topic_bytes).is_err()
        {
            // [MQTT-3.3.2-14]
            return Err(offence(
                ReasonCode::ProtocolError,
                "the response topic is not a topic name",
            ));
        }
        let alias = publish.props.topic_alias();
        match alias {
            Some(alias) if alias == 0 || alias > self.settings.limits.topic_alias_maximum => {
                // [MQTT-3.3.2-8], [MQTT-3.3.2-9]
                Err(offence(
                    ReasonCode::TopicAliasInvalid,
                    "topic alias is 0 or above the maximum",
                ))
            }
            None if publish.topic.is_empty() => Err(offence(
                ReasonCode::ProtocolError,
                "neither a topic nor a topic alias",
            )),
            _ => Ok(()),
        }
    }

    /// A QoS 2 packet id that is known: answered again, passed on never. A repeat whose record is not
    /// durable yet joins its ticket.
    fn is_repeat(&mut self, id: ConnId, slot: u32, packet_id: u16) -> bool {
        let known = self
            .sessions
            .get(slot)
            .and_then(|s| s.received.ticket(packet_id));
        let Some(ticket) = known else { return false };
        let before = ticket.saturating_sub(1);
        let wait = (!self.tickets.is_durable(before, ticket)).then_some(before);
        let answer = Answer {
            kind: AckKind::Pubrec,
            packet_id,
            reason: ReasonCode::Success,
            text: "",
            ends_publish: false,
        };
        self.give_answer(id, answer, wait);
        true
    }

    fn receive_maximum_met(&self, id: ConnId) -> bool {
        let online = self.conns.get(id).and_then(|c| c.online());
        online.is_some_and(|o| o.unacknowledged >= self.settings.limits.receive_maximum)
    }

    /// The client says what an alias means from here on. `check_publish` has found it in range.
    fn learn_alias(&mut self, id: ConnId, publish: &Publish<'_>) {
        let Some(alias) = publish.props.topic_alias() else {
            return;
        };
        let (seed, max) = (self.shared.seed, self.settings.limits.max_topic_bytes);
        if message::topic::check(publish.topic, max).is_ok()
            && let Some(online) = self.conns.get_mut(id).and_then(|c| c.online_mut())
        {
            let aliases = &mut online.extra().aliases;
            aliases
                .get_or_insert_with(|| Aliases::new(seed))
                .learn(alias, publish.topic);
        }
    }

    /// A PUBLISH without a topic.
    fn publish_by_alias(&mut self, id: ConnId, publish: &Publish<'_>, now: Now) {
        let online = self.conns.get(id).and_then(|c| c.online());
        let aliases = online.and_then(|o| o.extra.as_ref()?.aliases.as_ref());
        let topic: Option<Box<str>> = publish
            .props
            .topic_alias()
            .and_then(|alias| aliases?.topic(alias).map(Into::into));
        match topic {
            Some(topic) => self.pass_on(id, publish, &topic, now),
            None => {
                let why = "a topic alias that was never given a topic";
                self.offend(id, ReasonCode::ProtocolError, why, now);
            }
        }
    }

    fn pass_on(&mut self, id: ConnId, publish: &Publish<'_>, topic: &str, now: Now) {
        let Some(online) = self.conns.get(id).and_then(|c| c.online()) else {
            return;
        };
        let slot = online.session;
        let Some(session) = self.sessions.get(slot) else {
            return;
        };
        let (queue, durable) = (session.queue, session.durable);
        let publisher = Publisher {
            session: slot,
            class: session.class,
        };
        let mut scratch = std::mem::take(&mut self.forward_scratch);
        let source = Source {
            topic,
            payload: publish.payload,
            forward: mqtt_codec::forwardable(publish.props, &mut scratch),
            qos: qos::neutral(publish.qos),
            retain: publish.retain,
            expires_at: publish
                .props
                .message_expiry_interval()
                .map(|s| now.after_s(s)),
            origin: queue,
            transient: false,
        };
        let exactly_once = publish.qos == QoS::ExactlyOnce;
        let qos2_id = (exactly_once && durable).then_some((queue, publish.packet_id));
        let published = self.publish(&publisher, &source, qos2_id, now);
        self.forward_scratch = scratch;
        self.answer(id, publish, published, now);
        if exactly_once && matches!(published, Published::Done { .. }) {
            self.remember_received(slot, publish.packet_id, published);
        }
    }

    fn remember_received(&mut self, slot: u32, packet_id: u16, published: Published) {
        let Published::Done { recorded, .. } = published else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(slot) {
            session.received.insert(packet_id, recorded.unwrap_or(0));
        }
    }

    fn answer(&mut self, id: ConnId, publish: &Publish<'_>, published: Published, now: Now) {
        let v5 = self
            .conns
            .get(id)
            .and_then(|c| c.online())
            .is_some_and(|o| o.version == Version::V5);
        match published {
            Published::Done {
                receivers,
                recorded,
            } => {
                self.stats.published += 1;
                let reason = match receivers {
                    false if v5 => ReasonCode::NoMatchingSubscribers,
                    _ => ReasonCode::Success,
                };
                let wait = recorded.map(|seq| seq - 1);
                self.acknowledge(id, publish, reason, "", wait);
            }
            Published::NotAuthorized => {
                self.stats.drop(Drop::NotAuthorized);
                let why = "not allowed to publish to this topic";
                self.decline(id, publish, ReasonCode::NotAuthorized, why);
            }
            Published::RetainedFull => {
                let why = "no room for another retained message";
                self.decline(id, publish, ReasonCode::QuotaExceeded, why);
            }
            Published::BadTopic(e) => {
                let why = e.to_string();
                self.offend(id, ReasonCode::TopicNameInvalid, &why, now);
            }
        }
    }

    /// A message that is dropped: MQTT 5 is told so, MQTT 3 has no word for it and is acknowledged
    /// [MQTT-3.3.5-2].
    fn decline(
        &mut self,
        id: ConnId,
        publish: &Publish<'_>,
        reason: ReasonCode,
        why: &'static str,
    ) {
        let v5 = self
            .conns
            .get(id)
            .and_then(|c| c.online())
            .is_some_and(|o| o.version == Version::V5);
        if v5 {
            self.acknowledge(id, publish, reason, why, None);
        } else {
            self.acknowledge(id, publish, ReasonCode::Success, "", None);
        }
    }

    /// PUBACK or PUBREC; nothing at QoS 0. `wait`: only once what was recorded after this is durable.
    fn acknowledge(
        &mut self,
        id: ConnId,
        publish: &Publish<'_>,
        reason: ReasonCode,
        text: &'static str,
        wait: Option<u64>,
    ) {
        let kind = match publish.qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => AckKind::Puback,
            QoS::ExactlyOnce => AckKind::Pubrec,
        };
        let Some(online) = self.conns.get_mut(id).and_then(|c| c.online_mut()) else {
            return;
        };
        let v3 = online.version != Version::V5;
        online.unacknowledged = online.unacknowledged.saturating_add(1);
        let ends_publish = v3 || kind == AckKind::Puback || reason.is_error();
        let answer = Answer {
            kind,
            packet_id: publish.packet_id,
            reason,
            text,
            ends_publish,
        };
        self.give_answer(id, answer, wait);
    }

    /// Sends an acknowledgement, or lets it wait: for its own record (what came after `wait`), or behind
    /// earlier ones of the same connection, whose order it must keep [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    fn give_answer(&mut self, conn: ConnId, answer: Answer, wait: Option<u64>) {
        if wait.is_some() || self.must_wait(conn) {
            let since = wait.unwrap_or_else(|| self.tickets.latest());
            self.wait_for(conn, since, Waiter::Answer { conn, answer });
        } else {
            self.send_answer(conn, &answer);
        }
    }

    pub(crate) fn send_answer(&mut self, conn: ConnId, answer: &Answer) {
        self.send_ack(
            conn,
            answer.kind,
            answer.packet_id,
            answer.reason,
            answer.text,
        );
        if answer.ends_publish {
            self.publish_ended(conn);
        }
    }

    /// A publish of the client is over as far as the receive maximum is concerned.
    fn publish_ended(&mut self, id: ConnId) {
        if let Some(online) = self.conns.get_mut(id).and_then(|c| c.online_mut()) {
            online.unacknowledged = online.unacknowledged.saturating_sub(1);
        }
    }

    /// PUBREL: the id is forgotten; PUBCOMP once that is durable. An unknown id is no offence: the
    /// client may have missed our PUBCOMP [MQTT-4.3.3-11].
    pub(super) fn on_pubrel(&mut self, id: ConnId, ack: &Ack<'_>) {
        let Some(online) = self.conns.get(id).and_then(|c| c.online()) else {
            return;
        };
        let (slot, v5) = (online.session, online.version == Version::V5);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let (queue, durable): (QueueId, bool) = (session.queue, session.durable);
        let known = session.received.remove(ack.packet_id);
        let emitted = self.tickets.latest();
        if known && durable {
            self.store(Record::Delete(RowKey::Received(queue, ack.packet_id)));
        }
        let unknown = v5 && !known;
        let answer = Answer {
            kind: AckKind::Pubcomp,
            packet_id: ack.packet_id,
            reason: if unknown {
                ReasonCode::PacketIdentifierNotFound
            } else {
                ReasonCode::Success
            },
            text: if unknown {
                "no PUBLISH with this packet identifier is open"
            } else {
                ""
            },
            ends_publish: v5 && known,
        };
        self.give_answer(id, answer, (known && durable).then_some(emitted));
    }
}
