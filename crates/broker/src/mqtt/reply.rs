//! Small packets to a client: acknowledgements, DISCONNECT, CONNACK, and reason strings.

use crate::conn::ConnId;
use crate::shard::Shard;
use mqtt_codec::{Ack, AckKind, Connack, Disconnect, Packet, Properties, PropertiesBuf, Property};
use mqtt_codec::{ReasonCode, Version};

/// The CONNACK return code of MQTT 3 for a v5 reason [3.1.1, table 3.1]; none where the table has
/// none that says it [MQTT-3.2.2-6 of 3.1.1].
fn v3_return_code(reason: ReasonCode) -> Option<u8> {
    Some(match reason {
        ReasonCode::Success => 0,
        ReasonCode::UnsupportedProtocolVersion => 1,
        ReasonCode::ClientIdentifierNotValid => 2,
        ReasonCode::BadUserNameOrPassword => 4,
        ReasonCode::NotAuthorized | ReasonCode::Banned | ReasonCode::BadAuthenticationMethod => 5,
        ReasonCode::TopicNameInvalid
        | ReasonCode::QosNotSupported
        | ReasonCode::RetainNotSupported => return None,
        _ => 3,
    })
}

/// The packet without what only explains it.
fn without_reason<'a>(packet: &Packet<'a>) -> Packet<'a> {
    let mut packet = *packet;
    match &mut packet {
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            ack.props = Properties::EMPTY;
        }
        Packet::Suback(ack) | Packet::Unsuback(ack) => ack.props = Properties::EMPTY,
        Packet::Disconnect(disconnect) => disconnect.props = Properties::EMPTY,
        Packet::Connack(connack) if connack.code != 0 => connack.props = Properties::EMPTY,
        _ => {}
    }
    packet
}

/// Appends a packet of at most `max` bytes [MQTT-3.1.2-24]: without its reason string where that
/// makes it too large [MQTT-3.2.2-19], [MQTT-3.4.2-2], [MQTT-3.9.2-1], [MQTT-3.14.2-3]; else nothing,
/// and false.
pub(super) fn encode_within(
    out: &mut Vec<u8>,
    packet: &Packet<'_>,
    version: Version,
    max: u32,
) -> bool {
    let start = out.len();
    let mut fits = |packet: &Packet<'_>| {
        let encoded = mqtt_codec::encode(packet, version, out).is_ok();
        let fits = encoded && out.len() - start <= max as usize;
        if !fits {
            out.truncate(start);
        }
        fits
    };
    fits(packet) || fits(&without_reason(packet))
}

impl Shard {
    /// Appends a packet to a connection's outbox; one that is too large for the client is left out.
    pub(crate) fn send(&mut self, id: ConnId, version: Version, packet: &Packet<'_>) {
        self.send_if_it_fits(id, version, packet);
    }

    /// The same; false where it was left out.
    pub(super) fn send_if_it_fits(
        &mut self,
        id: ConnId,
        version: Version,
        packet: &Packet<'_>,
    ) -> bool {
        let Some(conn) = self.conns.get_mut(id) else {
            return false;
        };
        let max = conn.max_packet();
        let fits = encode_within(conn.outbox.tail(&mut self.pool), packet, version, max);
        if fits {
            self.stats.packet_sent(packet.packet_type().first_byte());
        }
        self.mark_dirty(id);
        fits
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
        let code = match version {
            Version::V5 => Some(reason as u8),
            Version::V31 | Version::V311 => v3_return_code(reason),
        };
        let Some(code) = code else { return };
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
