//! Any packet: what clients, tests and the rarer packets use. Never a broker's way for PUBLISH and acknowledgements.

use super::{
    Outgoing, encode_ack, encode_publish, put_binary, put_properties, put_string, put_u16,
    remaining_length,
};
use crate::frame::MAX_PACKET_SIZE;
use crate::{
    AckKind, Auth, Connack, Connect, Disconnect, EncodeError, Packet, PacketType, Publish,
    ReasonCode, Suback, Subscribe, Unsubscribe, Version, varint,
};

/// Appends a packet. Properties and reason codes are left out before MQTT 5, and so are subscription options but the
/// QoS. A CONNECT is encoded for its own version.
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match packet {
        Packet::Publish(publish) => return encode_any_publish(publish, version, out),
        Packet::Puback(ack) => {
            return encode_ack(
                out,
                version,
                AckKind::Puback,
                ack.packet_id,
                ack.reason,
                ack.props,
            );
        }
        Packet::Pubrec(ack) => {
            return encode_ack(
                out,
                version,
                AckKind::Pubrec,
                ack.packet_id,
                ack.reason,
                ack.props,
            );
        }
        Packet::Pubrel(ack) => {
            return encode_ack(
                out,
                version,
                AckKind::Pubrel,
                ack.packet_id,
                ack.reason,
                ack.props,
            );
        }
        Packet::Pubcomp(ack) => {
            return encode_ack(
                out,
                version,
                AckKind::Pubcomp,
                ack.packet_id,
                ack.reason,
                ack.props,
            );
        }
        _ => {}
    }
    let before = out.len();
    let written = put_packet(packet, version, out, before);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// The body first, then the header, which needs the body's length, is moved in front of it.
fn put_packet(
    packet: &Packet<'_>,
    version: Version,
    out: &mut Vec<u8>,
    start: usize,
) -> Result<(), EncodeError> {
    match packet {
        Packet::Connect(connect) => put_connect(out, connect)?,
        Packet::Connack(connack) => put_connack(out, version, connack)?,
        Packet::Subscribe(subscribe) => put_subscribe(out, version, subscribe)?,
        Packet::Suback(suback) => put_suback(out, version, suback, true)?,
        Packet::Unsubscribe(unsubscribe) => put_unsubscribe(out, version, unsubscribe)?,
        Packet::Unsuback(unsuback) => put_suback(out, version, unsuback, version.is_v5())?,
        Packet::Disconnect(disconnect) => put_disconnect(out, version, disconnect)?,
        Packet::Auth(auth) => put_auth(out, version, auth)?,
        Packet::Pingreq | Packet::Pingresp => {}
        // Written by `encode`.
        Packet::Publish(_)
        | Packet::Puback(_)
        | Packet::Pubrec(_)
        | Packet::Pubrel(_)
        | Packet::Pubcomp(_) => return Ok(()),
    }
    let remaining = remaining_length(out.len().saturating_sub(start))?;
    let mut header = Vec::with_capacity(5);
    header.push(packet.packet_type().first_byte());
    varint::put(&mut header, remaining);
    out.splice(start..start, header);
    Ok(())
}

fn encode_any_publish(
    publish: &Publish<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let outgoing = Outgoing {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        topic: publish.topic,
        packet_id: publish.packet_id,
        payload: publish.payload,
        forward: publish.props.raw(),
        expiry: None,
        alias: None,
        subscription_ids: &[],
    };
    encode_publish(out, version, &outgoing, MAX_PACKET_SIZE).map(|_| ())
}

fn put_connect(out: &mut Vec<u8>, connect: &Connect<'_>) -> Result<(), EncodeError> {
    let version = connect.version;
    if connect.password.is_some() && connect.user.is_none() && !version.is_v5() {
        return Err(EncodeError::PasswordWithoutUser { version });
    }
    put_string(out, version.protocol_name())?;
    out.push(connect.level_byte());
    out.push(connect.flags());
    put_u16(out, connect.keep_alive);
    if version.is_v5() {
        put_properties(out, connect.props)?;
    }
    put_string(out, connect.client_id)?; // [MQTT-3.1.3-1]
    if let Some(will) = &connect.will {
        if version.is_v5() {
            put_properties(out, will.props)?;
        }
        put_string(out, will.topic)?;
        put_binary(out, will.payload)?;
    }
    if let Some(user) = connect.user {
        put_string(out, user)?;
    }
    if let Some(password) = connect.password {
        put_binary(out, password)?;
    }
    Ok(())
}

fn put_connack(
    out: &mut Vec<u8>,
    version: Version,
    connack: &Connack<'_>,
) -> Result<(), EncodeError> {
    let session_present = connack.session_present && version != Version::V31;
    out.push(u8::from(session_present));
    out.push(connack.code);
    if version.is_v5() {
        put_properties(out, connack.props)?;
    }
    Ok(())
}

fn put_subscribe(
    out: &mut Vec<u8>,
    version: Version,
    subscribe: &Subscribe<'_>,
) -> Result<(), EncodeError> {
    put_u16(out, subscribe.packet_id);
    if version.is_v5() {
        put_properties(out, subscribe.props)?;
    }
    for (filter, options) in subscribe.filters() {
        put_string(out, filter)?;
        out.push(match version {
            Version::V5 => options.to_byte(),
            Version::V31 | Version::V311 => options.qos.bits(),
        });
    }
    Ok(())
}

fn put_suback(
    out: &mut Vec<u8>,
    version: Version,
    suback: &Suback<'_>,
    with_codes: bool,
) -> Result<(), EncodeError> {
    put_u16(out, suback.packet_id);
    if version.is_v5() {
        put_properties(out, suback.props)?;
    }
    if with_codes {
        out.extend_from_slice(suback.codes);
    }
    Ok(())
}

fn put_unsubscribe(
    out: &mut Vec<u8>,
    version: Version,
    unsubscribe: &Unsubscribe<'_>,
) -> Result<(), EncodeError> {
    put_u16(out, unsubscribe.packet_id);
    if version.is_v5() {
        put_properties(out, unsubscribe.props)?;
    }
    out.extend_from_slice(unsubscribe.raw_filters());
    Ok(())
}

fn put_disconnect(
    out: &mut Vec<u8>,
    version: Version,
    disconnect: &Disconnect<'_>,
) -> Result<(), EncodeError> {
    let short = disconnect.reason == ReasonCode::Success && disconnect.props.is_empty();
    if !version.is_v5() || short {
        return Ok(());
    }
    out.push(disconnect.reason.as_u8());
    if !disconnect.props.is_empty() {
        put_properties(out, disconnect.props)?;
    }
    Ok(())
}

fn put_auth(out: &mut Vec<u8>, version: Version, auth: &Auth<'_>) -> Result<(), EncodeError> {
    if !version.is_v5() {
        return Err(EncodeError::NotInVersion {
            packet: PacketType::Auth,
            version,
        });
    }
    if auth.reason == ReasonCode::Success && auth.props.is_empty() {
        return Ok(());
    }
    out.push(auth.reason.as_u8());
    put_properties(out, auth.props)
}
