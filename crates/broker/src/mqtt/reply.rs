//! Small packets to a client: acknowledgements, DISCONNECT, CONNACK, and reason strings.

use crate::conn::ConnId;
use crate::shard::Shard;
use mqtt_codec::{Ack, AckKind, Connack, Disconnect, Packet, Properties, PropertiesBuf, Property};
use mqtt_codec::{ReasonCode, Version};

/// The CONNACK return code of MQTT 3 for a v5 reason. [3.1.1, table 3.1]
pub(super) fn v3_return_code(reason: ReasonCode) -> u8 {
    match reason {
        ReasonCode::Success => 0,
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::BadUserNameOrPassword => 4,
        ReasonCode::NotAuthorized | ReasonCode::Banned | ReasonCode::BadAuthenticationMethod => 5,
        _ => 3,
    }
}

impl Shard {
    /// Appends a packet to a connection's outbox; one that is too large for the client is left out.
    pub(crate) fn send(&mut self, id: ConnId, version: Version, packet: &Packet<'_>) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let max = conn.online().map_or(u32::MAX, |o| o.max_packet);
        let out = conn.outbox.tail(&mut self.pool);
        let start = out.len();
        if mqtt_codec::encode(packet, version, out).is_err() || out.len() - start > max as usize {
            out.truncate(start);
        }
        self.mark_dirty(id);
    }

    /// The properties that carry `text` as the reason, where the client wants it [MQTT-3.1.2-29].
    pub(super) fn reason_string(&self, id: ConnId, text: &str) -> PropertiesBuf {
        let mut props = PropertiesBuf::new();
        let online = self.conns.get(id).and_then(|c| c.online());
        if !text.is_empty()
            && online.is_some_and(|o| o.version == Version::V5 && o.problem_information)
        {
            props.push(Property::ReasonString(text));
        }
        props
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    pub(crate) fn send_ack(
        &mut self,
        id: ConnId,
        kind: AckKind,
        packet_id: u16,
        reason: ReasonCode,
        text: &str,
    ) {
        let Some(version) = self
            .conns
            .get(id)
            .and_then(|c| c.online())
            .map(|o| o.version)
        else {
            return;
        };
        let props = self.reason_string(id, text);
        let ack = Ack {
            packet_id,
            reason,
            props: props.as_props(),
        };
        let packet = match kind {
            AckKind::Puback => Packet::Puback(ack),
            AckKind::Pubrec => Packet::Pubrec(ack),
            AckKind::Pubrel => Packet::Pubrel(ack),
            AckKind::Pubcomp => Packet::Pubcomp(ack),
        };
        self.send(id, version, &packet);
    }

    /// A CONNACK that refuses. `version` is what the client speaks, as far as it is known.
    pub(super) fn send_refusal(
        &mut self,
        id: ConnId,
        version: Version,
        reason: ReasonCode,
        props: Properties<'_>,
    ) {
        let code = if version == Version::V5 {
            reason as u8
        } else {
            v3_return_code(reason)
        };
        self.send(
            id,
            version,
            &Packet::Connack(Connack {
                session_present: false,
                code,
                props,
            }),
        );
    }

    /// DISCONNECT, for MQTT 5 clients; others are told nothing.
    pub(super) fn send_disconnect(&mut self, id: ConnId, reason: ReasonCode, text: &str) {
        let Some(online) = self.conns.get(id).and_then(|c| c.online()) else {
            return;
        };
        if online.version != Version::V5 || online.opening.is_some() {
            return;
        }
        let mut props = PropertiesBuf::new();
        if !text.is_empty() {
            props.push(Property::ReasonString(text));
        }
        if let Some(redirect) = self.settings.mqtt.redirect.as_ref().filter(|_| {
            matches!(
                reason,
                ReasonCode::UseAnotherServer | ReasonCode::ServerMoved
            )
        }) {
            props.push(Property::ServerReference(&redirect.server_reference));
        }
        let packet = Packet::Disconnect(Disconnect {
            reason,
            props: props.as_props(),
        });
        self.send(id, Version::V5, &packet);
    }
}
