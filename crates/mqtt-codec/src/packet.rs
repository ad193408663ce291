//! Any packet, and the one door to decoding. Each packet's own file decodes its body; this one never does.

use crate::ack::{Ack, AckKind};
use crate::{
    Auth, Connack, Connect, DecodeError, Disconnect, PacketType, Publish, Suback, Subscribe,
    Unsubscribe, Version,
};

/// An MQTT control packet that borrows what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    Connack(Connack<'a>),
    Publish(Publish<'a>),
    Puback(Ack<'a>),
    Pubrec(Ack<'a>),
    Pubrel(Ack<'a>),
    Pubcomp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    Suback(Suback<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Unsuback(Suback<'a>),
    Pingreq,
    Pingresp,
    Disconnect(Disconnect<'a>),
    /// MQTT 5 only.
    Auth(Auth<'a>),
}

impl Packet<'_> {
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// Decodes the packet whose first byte and body [`crate::frame`] has found. A CONNECT decodes by the level it names,
/// whatever `version` says.
pub fn decode(version: Version, first: u8, body: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let packet = PacketType::from_first_byte(first)?;
    if packet == PacketType::Auth && !version.is_v5() {
        return Err(DecodeError::UnknownPacketType(first >> 4));
    }
    if !packet.allows_flags(version, first) {
        return Err(DecodeError::BadFlags {
            packet,
            flags: first & 0x0f,
        });
    }
    Ok(match packet {
        PacketType::Connect => Packet::Connect(Connect::decode(body)?),
        PacketType::Connack => Packet::Connack(Connack::decode(version, body)?),
        PacketType::Publish => Packet::Publish(Publish::decode(version, first, body)?),
        PacketType::Puback => Packet::Puback(Ack::decode(version, AckKind::Puback, body)?),
        PacketType::Pubrec => Packet::Pubrec(Ack::decode(version, AckKind::Pubrec, body)?),
        PacketType::Pubrel => Packet::Pubrel(Ack::decode(version, AckKind::Pubrel, body)?),
        PacketType::Pubcomp => Packet::Pubcomp(Ack::decode(version, AckKind::Pubcomp, body)?),
        PacketType::Subscribe => Packet::Subscribe(Subscribe::decode(version, body)?),
        PacketType::Suback => Packet::Suback(Suback::decode(version, packet, body)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(version, body)?),
        PacketType::Unsuback => Packet::Unsuback(Suback::decode(version, packet, body)?),
        PacketType::Pingreq => empty(body).map(|()| Packet::Pingreq)?,
        PacketType::Pingresp => empty(body).map(|()| Packet::Pingresp)?,
        PacketType::Disconnect => Packet::Disconnect(Disconnect::decode(version, body)?),
        PacketType::Auth => Packet::Auth(Auth::decode(body)?),
    })
}

const fn empty(body: &[u8]) -> Result<(), DecodeError> {
    if body.is_empty() {
        Ok(())
    } else {
        Err(DecodeError::TrailingBytes)
    }
}
