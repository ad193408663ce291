//! Packets to bytes. What can't be written leaves the buffer as it was.

use crate::error::EncodeError;
use crate::packet::{Ack, AckKind, Connect, Packet, Publish, Version};
use crate::properties::Properties;
use crate::publish::{Outgoing, encode_publish};
use crate::reason::ReasonCode;
use crate::writer;

/// The largest remaining length [2.1.4].
pub(crate) const MAX_REMAINING: usize = 268_435_455;

/// Appends `packet` as `version` has it; what that version has no field for is left out.
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let v5 = version == Version::V5;
    match packet {
        Packet::Publish(publish) => encode_whole_publish(publish, version, out),
        Packet::Puback(a) => encode_ack(out, version, AckKind::Puback, a),
        Packet::Pubrec(a) => encode_ack(out, version, AckKind::Pubrec, a),
        Packet::Pubrel(a) => encode_ack(out, version, AckKind::Pubrel, a),
        Packet::Pubcomp(a) => encode_ack(out, version, AckKind::Pubcomp, a),
        Packet::Pingreq => {
            out.extend_from_slice(&[0xC0, 0]);
            Ok(())
        }
        Packet::Pingresp => {
            out.extend_from_slice(&[0xD0, 0]);
            Ok(())
        }
        Packet::Connect(c) => framed(out, 0x10, |body| connect(body, c)),
        Packet::Connack(c) => framed(out, 0x20, |body| {
            body.extend_from_slice(&[u8::from(c.session_present), c.code]);
            section(body, v5, c.props)
        }),
        Packet::Subscribe(s) => framed(out, 0x82, |body| {
            body.extend_from_slice(&s.packet_id.to_be_bytes());
            section(body, v5, s.props)?;
            if v5 {
                body.extend_from_slice(s.list);
                return Ok(());
            }
            for (filter, options) in s.filters() {
                field(body, filter.as_bytes())?;
                body.push(options.qos as u8);
            }
            Ok(())
        }),
        Packet::Unsubscribe(u) => framed(out, 0xA2, |body| {
            body.extend_from_slice(&u.packet_id.to_be_bytes());
            section(body, v5, u.props)?;
            body.extend_from_slice(u.list);
            Ok(())
        }),
        Packet::Suback(s) | Packet::Unsuback(s) => {
            let suback = matches!(packet, Packet::Suback(_));
            framed(out, if suback { 0x90 } else { 0xB0 }, |body| {
                body.extend_from_slice(&s.packet_id.to_be_bytes());
                section(body, v5, s.props)?;
                body.extend_from_slice(if suback || v5 { s.codes } else { &[] });
                Ok(())
            })
        }
        Packet::Disconnect(d) => framed(out, 0xE0, |body| tail(body, v5, d.reason, d.props)),
        Packet::Auth(a) => framed(out, 0xF0, |body| tail(body, true, a.reason, a.props)),
    }
}

/// Writes the first byte, the length of what `write` appends, and that.
fn framed(
    out: &mut Vec<u8>,
    first: u8,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let mut body = Vec::new();
    write(&mut body)?;
    if body.len() > MAX_REMAINING {
        return Err(EncodeError::TooLarge { size: body.len() });
    }
    out.push(first);
    writer::varint(out, body.len() as u32);
    out.extend_from_slice(&body);
    Ok(())
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.len() > usize::from(u16::MAX) {
        return Err(EncodeError::FieldTooLong);
    }
    writer::binary(out, bytes);
    Ok(())
}

fn section(out: &mut Vec<u8>, v5: bool, props: Properties<'_>) -> Result<(), EncodeError> {
    if v5 {
        if props.raw().len() > MAX_REMAINING {
            return Err(EncodeError::TooLarge { size: props.raw().len() });
        }
        writer::varint(out, props.raw().len() as u32);
        out.extend_from_slice(props.raw());
    }
    Ok(())
}

/// Reason and properties, left out where they say nothing [3.4.2.1].
fn tail(out: &mut Vec<u8>, v5: bool, reason: ReasonCode, props: Properties<'_>) -> Result<(), EncodeError> {
    if !v5 || (reason == ReasonCode::Success && props.is_empty()) {
        return Ok(());
    }
    out.push(reason as u8);
    if props.is_empty() { Ok(()) } else { section(out, v5, props) }
}

/// Appends PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn encode_ack(out: &mut Vec<u8>, version: Version, kind: AckKind, ack: &Ack<'_>) -> Result<(), EncodeError> {
    let first = match kind {
        AckKind::Puback => 0x40,
        AckKind::Pubrec => 0x50,
        AckKind::Pubrel => 0x62,
        AckKind::Pubcomp => 0x70,
    };
    let [high, low] = ack.packet_id.to_be_bytes();
    let plain = version != Version::V5 || (ack.reason == ReasonCode::Success && ack.props.is_empty());
    if plain {
        out.extend_from_slice(&[first, 2, high, low]);
        return Ok(());
    }
    if ack.props.is_empty() {
        out.extend_from_slice(&[first, 3, high, low, ack.reason as u8]);
        return Ok(());
    }
    framed(out, first, |body| {
        body.extend_from_slice(&[high, low]);
        tail(body, true, ack.reason, ack.props)
    })
}

fn encode_whole_publish(p: &Publish<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let outgoing = Outgoing {
        dup: p.dup,
        qos: p.qos,
        retain: p.retain,
        topic: p.topic,
        packet_id: p.packet_id,
        payload: p.payload,
        forward: p.props.raw(),
        expiry: None,
        alias: None,
        subscription_ids: &[],
    };
    encode_publish(out, version, &outgoing, u32::MAX).map(|_| ())
}

fn connect(out: &mut Vec<u8>, c: &Connect<'_>) -> Result<(), EncodeError> {
    let v5 = c.version == Version::V5;
    let name: &[u8] = if c.version == Version::V31 { b"MQIsdp" } else { b"MQTT" };
    field(out, name)?;
    let bridge = if c.bridge && !v5 { 0x80 } else { 0 };
    out.push(c.version.level() | bridge);
    let will = c.will.map_or(0, |w| 0x04 | (w.qos as u8) << 3 | u8::from(w.retain) << 5);
    let named = u8::from(c.password.is_some()) << 6 | u8::from(c.user.is_some()) << 7;
    out.push(u8::from(c.clean) << 1 | will | named);
    out.extend_from_slice(&c.keep_alive.to_be_bytes());
    section(out, v5, c.props)?;
    field(out, c.client_id.as_bytes())?;
    if let Some(will) = &c.will {
        section(out, v5, will.props)?;
        field(out, will.topic.as_bytes())?;
        field(out, will.payload)?;
    }
    if let Some(user) = c.user {
        field(out, user.as_bytes())?;
    }
    if let Some(password) = c.password {
        field(out, password)?;
    }
    Ok(())
}
