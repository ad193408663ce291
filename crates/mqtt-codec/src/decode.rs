//! Bytes to packets. Everything is checked here that can be said of one packet alone.

use crate::connect;
use crate::error::DecodeError;
use crate::packet::{
    Ack, Auth, Connack, Disconnect, Packet, Publish, QoS, RetainHandling, SubOptions, Suback, Subscribe,
    Unsubscribe, Version,
};
use crate::properties::{Properties, place};
use crate::reader::Reader;
use crate::reason::ReasonCode;

/// Decodes the body of one packet whose first byte is `first`. A CONNECT brings its own version.
pub fn decode(version: Version, first: u8, body: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let kind = first >> 4;
    check_flags(version, kind, first)?;
    let v5 = version == Version::V5;
    let r = Reader::new(body);
    Ok(match kind {
        1 => Packet::Connect(connect::decode(r)?),
        2 => Packet::Connack(connack(r, v5)?),
        3 => Packet::Publish(publish(r, first, v5)?),
        4 => Packet::Puback(ack(r, v5, ACKNOWLEDGES)?),
        5 => Packet::Pubrec(ack(r, v5, ACKNOWLEDGES)?),
        6 => Packet::Pubrel(ack(r, v5, RELEASES)?),
        7 => Packet::Pubcomp(ack(r, v5, RELEASES)?),
        8 => Packet::Subscribe(subscribe(r, v5)?),
        9 => Packet::Suback(suback(r, v5, suback_code)?),
        10 => Packet::Unsubscribe(unsubscribe(r, v5)?),
        11 if v5 => Packet::Unsuback(suback(r, v5, unsuback_code)?),
        11 => Packet::Unsuback(suback(r, v5, |_| false)?),
        12 => r.end().map(|()| Packet::Pingreq)?,
        13 => r.end().map(|()| Packet::Pingresp)?,
        14 => Packet::Disconnect(disconnect(r, v5)?),
        15 if v5 => Packet::Auth(auth(r)?),
        15 => return Err(DecodeError::AuthBeforeV5),
        _ => return Err(DecodeError::UnknownPacketType),
    })
}

/// The low four bits of the first byte [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.8.1-1],
/// [MQTT-3.10.1-1]. In 3.1 they held DUP and QoS for more packets than PUBLISH.
fn check_flags(version: Version, kind: u8, first: u8) -> Result<(), DecodeError> {
    let flags = first & 0x0F;
    let right = match kind {
        3 => true,
        6 | 8 | 10 if version == Version::V31 => flags & 0b0111 == 0b0010,
        6 | 8 | 10 => flags == 0b0010,
        4 | 5 | 7 if version == Version::V31 => flags & 0b0111 == 0,
        _ => flags == 0,
    };
    if right { Ok(()) } else { Err(DecodeError::BadFlags(first)) }
}

fn connack(mut r: Reader<'_>, v5: bool) -> Result<Connack<'_>, DecodeError> {
    let flags = r.u8()?;
    if flags > 1 {
        return Err(DecodeError::ReservedConnackFlags); // [MQTT-3.2.2-1]
    }
    let code = r.u8()?;
    let known = if v5 { ReasonCode::from_byte(code).is_some() } else { code <= 5 };
    if !known {
        return Err(DecodeError::InvalidReasonCode(code));
    }
    let props = section(&mut r, v5, place::CONNACK)?;
    r.end()?;
    Ok(Connack { session_present: flags == 1, code, props })
}

fn section<'a>(r: &mut Reader<'a>, v5: bool, place: u16) -> Result<Properties<'a>, DecodeError> {
    if v5 { Properties::read(r, place) } else { Ok(Properties::EMPTY) }
}

fn publish(mut r: Reader<'_>, first: u8, v5: bool) -> Result<Publish<'_>, DecodeError> {
    let qos = QoS::from_bits(first >> 1).ok_or(DecodeError::InvalidQos)?;
    let dup = first & 0x08 != 0;
    if dup && qos == QoS::AtMostOnce {
        return Err(DecodeError::DupWithQos0); // [MQTT-3.3.1-2]
    }
    let topic = r.string()?;
    let packet_id = if qos == QoS::AtMostOnce { 0 } else { r.packet_id()? };
    let props = section(&mut r, v5, place::PUBLISH)?;
    Ok(Publish { dup, qos, retain: first & 1 != 0, topic, packet_id, props, payload: r.rest() })
}

/// Reason codes of PUBACK and PUBREC [3.4.2.1], [3.5.2.1].
const ACKNOWLEDGES: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::QuotaExceeded,
    ReasonCode::PayloadFormatInvalid,
];
/// Reason codes of PUBREL and PUBCOMP [3.6.2.1], [3.7.2.1].
const RELEASES: &[ReasonCode] = &[ReasonCode::Success, ReasonCode::PacketIdentifierNotFound];

fn ack<'a>(mut r: Reader<'a>, v5: bool, allowed: &[ReasonCode]) -> Result<Ack<'a>, DecodeError> {
    let packet_id = r.packet_id()?;
    let (reason, props) = tail(&mut r, v5, allowed, place::ACK)?;
    Ok(Ack { packet_id, reason, props })
}

/// The end of many packets in MQTT 5: a reason code and properties, either of which may be left out.
fn tail<'a>(
    r: &mut Reader<'a>,
    v5: bool,
    allowed: &[ReasonCode],
    place: u16,
) -> Result<(ReasonCode, Properties<'a>), DecodeError> {
    if !v5 || r.is_empty() {
        r.end()?;
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let code = r.u8()?;
    let reason = ReasonCode::from_byte(code).filter(|c| allowed.contains(c));
    let reason = reason.ok_or(DecodeError::InvalidReasonCode(code))?;
    let props = if r.is_empty() { Properties::EMPTY } else { Properties::read(r, place)? };
    r.end()?;
    Ok((reason, props))
}

/// A subscription options byte.
pub(crate) fn options(byte: u8) -> Result<SubOptions, DecodeError> {
    if byte & 0xC0 != 0 {
        return Err(DecodeError::ReservedSubscriptionBits); // [MQTT-3.8.3-5]
    }
    Ok(SubOptions {
        qos: QoS::from_bits(byte).ok_or(DecodeError::InvalidQos)?,
        no_local: byte & 0x04 != 0,
        retain_as_published: byte & 0x08 != 0,
        retain_handling: match byte >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DontSend,
            _ => return Err(DecodeError::InvalidRetainHandling),
        },
    })
}

fn subscribe(mut r: Reader<'_>, v5: bool) -> Result<Subscribe<'_>, DecodeError> {
    let packet_id = r.packet_id()?;
    let props = section(&mut r, v5, place::SUBSCRIBE)?;
    let list = r.rest();
    if list.is_empty() {
        return Err(DecodeError::EmptySubscription); // [MQTT-3.8.3-2]
    }
    while !r.is_empty() {
        r.string()?;
        let byte = r.u8()?;
        if !v5 && byte > 2 {
            return Err(DecodeError::ReservedSubscriptionBits);
        }
        options(byte)?;
    }
    Ok(Subscribe { packet_id, props, list })
}

fn unsubscribe(mut r: Reader<'_>, v5: bool) -> Result<Unsubscribe<'_>, DecodeError> {
    let packet_id = r.packet_id()?;
    let props = section(&mut r, v5, place::UNSUBSCRIBE)?;
    let list = r.rest();
    if list.is_empty() {
        return Err(DecodeError::EmptySubscription); // [MQTT-3.10.3-2]
    }
    while !r.is_empty() {
        r.string()?;
    }
    Ok(Unsubscribe { packet_id, props, list })
}

fn suback_code(code: u8) -> bool {
    matches!(code, 0..=2 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2)
}

fn unsuback_code(code: u8) -> bool {
    matches!(code, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91)
}

fn suback(mut r: Reader<'_>, v5: bool, allowed: fn(u8) -> bool) -> Result<Suback<'_>, DecodeError> {
    let packet_id = r.packet_id()?;
    let props = section(&mut r, v5, place::ACK)?;
    let codes = r.rest();
    match codes.iter().find(|c| !allowed(**c)) {
        Some(code) => Err(DecodeError::InvalidReasonCode(*code)),
        None => Ok(Suback { packet_id, props, codes }),
    }
}

fn disconnect(mut r: Reader<'_>, v5: bool) -> Result<Disconnect<'_>, DecodeError> {
    let code = r.rest().first().copied().unwrap_or(0);
    let here = matches!(code, 0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B | 0x8D..=0x90 | 0x93..=0xA2);
    if v5 && !here {
        return Err(DecodeError::InvalidReasonCode(code));
    }
    let (reason, props) = tail(&mut r, v5, ReasonCode::ALL, place::DISCONNECT)?;
    Ok(Disconnect { reason, props })
}

fn auth(mut r: Reader<'_>) -> Result<Auth<'_>, DecodeError> {
    const REASONS: &[ReasonCode] =
        &[ReasonCode::Success, ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate];
    let (reason, props) = tail(&mut r, true, REASONS, place::AUTH)?;
    if props.authentication_method().is_none() {
        return Err(DecodeError::MissingMethod); // [3.15.2.2.2]
    }
    Ok(Auth { reason, props })
}
