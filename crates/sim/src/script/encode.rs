//! Packets of a script as bytes, right or wrong: nothing is checked, and much can be overridden.

use super::packet::{Packet, Value};
use super::props::{self, Form};
use super::words;

/// The bytes of a packet. `version` is the connection's: 3, 4 or 5.
pub(super) fn packet(packet: &Packet, version: u32) -> Result<Vec<u8>, String> {
    let v5 = version >= 5;
    let (kind, flags, mut body) = match packet.kind.as_str() {
        "CONNECT" => (1, 0, connect(packet)?),
        "CONNACK" => {
            let head = [
                packet.number("present", 0) as u8,
                packet.number("code", 0) as u8,
            ];
            (2, 0, with_props(packet, head.into(), v5)?)
        }
        "PUBLISH" => publish(packet, v5)?,
        "PUBACK" => (4, 0, ack(packet, v5)?),
        "PUBREC" => (5, 0, ack(packet, v5)?),
        "PUBREL" => (6, 2, ack(packet, v5)?),
        "PUBCOMP" => (7, 0, ack(packet, v5)?),
        "SUBSCRIBE" => (8, 2, filters(packet, v5, true)?),
        "SUBACK" => (9, 0, with_codes(packet, v5)?),
        "UNSUBSCRIBE" => (10, 2, filters(packet, v5, false)?),
        "UNSUBACK" => (11, 0, with_codes(packet, v5)?),
        "PINGREQ" => (12, 0, Vec::new()),
        "PINGRESP" => (13, 0, Vec::new()),
        "DISCONNECT" => (14, 0, code(packet, Vec::new(), v5)?),
        "AUTH" => (15, 0, code(packet, Vec::new(), true)?),
        other => return Err(format!("{other} cannot be sent")),
    };
    body.extend(packet.get("trailing").unwrap_or_default());
    let flags = packet.number("flags", flags) as u8;
    let mut out = vec![kind << 4 | flags];
    put_varint(&mut out, packet.number("length", body.len() as u32));
    out.extend(body);
    Ok(out)
}

fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let more = value >> 7;
        out.push((value & 0x7f) as u8 | if more > 0 { 0x80 } else { 0 });
        if more == 0 {
            return;
        }
        value = more;
    }
}

fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
}

/// Adds the packet's properties, in its fields' order, where the version has them.
fn with_props(packet: &Packet, mut out: Vec<u8>, v5: bool) -> Result<Vec<u8>, String> {
    if v5 {
        let section = properties(packet, "")?;
        put_varint(&mut out, section.len() as u32);
        out.extend(section);
    }
    Ok(out)
}

/// Properties whose names begin with `prefix`; `prop=hex:...` stands for itself.
fn properties(packet: &Packet, prefix: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for (name, value) in &packet.fields {
        let (Some(name), Value::Is(value)) = (name.strip_prefix(prefix), value) else {
            continue;
        };
        if name == "prop" {
            out.extend(value);
            continue;
        }
        let kind = if prefix.is_empty() {
            packet.kind.as_str()
        } else {
            "will"
        };
        let Some((id, form)) = props::by_name(kind, name) else {
            continue;
        };
        put_property(&mut out, id, form, value)?;
    }
    Ok(out)
}

fn put_property(out: &mut Vec<u8>, id: u8, form: Form, value: &[u8]) -> Result<(), String> {
    out.push(id);
    let text = String::from_utf8_lossy(value);
    match form {
        Form::U8 => out.push(words::number(&text)? as u8),
        Form::U16 => out.extend((words::number(&text)? as u16).to_be_bytes()),
        Form::U32 => out.extend(words::number(&text)?.to_be_bytes()),
        Form::Varint => put_varint(out, words::number(&text)?),
        Form::Binary => put_binary(out, value),
        Form::Pair => {
            let at = value
                .iter()
                .position(|b| *b == b':')
                .ok_or("a pair is written NAME:VALUE")?;
            put_binary(out, &value[..at]);
            put_binary(out, &value[at + 1..]);
        }
    }
    Ok(())
}

/// A will as scripts write it: `topic,payload,qos,retain,delay`, from the end on left out at will.
struct Will<'a> {
    topic: &'a [u8],
    payload: &'a [u8],
    qos: u8,
    retain: bool,
    delay: u32,
}

fn will(packet: &Packet) -> Result<Option<Will<'_>>, String> {
    let Some(text) = packet.get("will") else {
        return Ok(None);
    };
    let mut parts = text.split(|b| *b == b',');
    let mut bytes = || parts.next().unwrap_or_default();
    let (topic, payload) = (bytes(), bytes());
    let mut number = || match bytes() {
        b"" => Ok(0),
        text => words::number(&String::from_utf8_lossy(text)),
    };
    let (qos, retain, delay) = (number()? as u8, number()? != 0, number()?);
    Ok(Some(Will {
        topic,
        payload,
        qos,
        retain,
        delay,
    }))
}

fn connect(packet: &Packet) -> Result<Vec<u8>, String> {
    let version = packet.number("v", 5);
    let mut out = Vec::new();
    let name: &[u8] = if version == 3 { b"MQIsdp" } else { b"MQTT" };
    put_binary(&mut out, packet.get("name").unwrap_or(name));
    out.push(packet.number("level", version) as u8);
    let will = will(packet)?;
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let will_flags = will
        .as_ref()
        .map_or(0, |w| 0x04 | w.qos << 3 | flag(w.retain, 0x20));
    let flags = flag(packet.number("clean", 1) != 0, 0x02)
        | will_flags
        | flag(packet.get("password").is_some(), 0x40)
        | flag(packet.get("username").is_some(), 0x80);
    out.push(packet.number("connect_flags", u32::from(flags)) as u8);
    out.extend((packet.number("keepalive", 0) as u16).to_be_bytes());
    let v5 = version >= 5;
    out = with_props(packet, out, v5)?;
    put_binary(&mut out, packet.get("id").unwrap_or_default());
    if let Some(will) = will {
        if v5 {
            let mut section = properties(packet, "will_")?;
            if will.delay > 0 {
                put_property(
                    &mut section,
                    0x18,
                    Form::U32,
                    will.delay.to_string().as_bytes(),
                )?;
            }
            put_varint(&mut out, section.len() as u32);
            out.extend(section);
        }
        put_binary(&mut out, will.topic);
        put_binary(&mut out, will.payload);
    }
    for field in ["username", "password"] {
        if let Some(value) = packet.get(field) {
            put_binary(&mut out, value);
        }
    }
    Ok(out)
}

fn publish(packet: &Packet, v5: bool) -> Result<(u8, u32, Vec<u8>), String> {
    let qos = packet.number("qos", 0);
    let flags = packet.number("dup", 0) << 3 | qos << 1 | packet.number("retain", 0);
    let mut out = Vec::new();
    put_binary(&mut out, packet.get("topic").unwrap_or_default());
    if qos > 0 {
        out.extend((packet.number("pid", 0) as u16).to_be_bytes());
    }
    out = with_props(packet, out, v5)?;
    out.extend(packet.get("payload").unwrap_or_default());
    Ok((3, flags, out))
}

fn ack(packet: &Packet, v5: bool) -> Result<Vec<u8>, String> {
    let head = (packet.number("pid", 0) as u16).to_be_bytes();
    code(packet, head.into(), v5)
}

/// A code and properties, left out from the end on where they say nothing.
fn code(packet: &Packet, mut out: Vec<u8>, v5: bool) -> Result<Vec<u8>, String> {
    let section = properties(packet, "")?;
    if v5 && (packet.get("code").is_some() || !section.is_empty()) {
        out.push(packet.number("code", 0) as u8);
        if !section.is_empty() {
            put_varint(&mut out, section.len() as u32);
            out.extend(section);
        }
    }
    Ok(out)
}

fn with_codes(packet: &Packet, v5: bool) -> Result<Vec<u8>, String> {
    let head = (packet.number("pid", 0) as u16).to_be_bytes();
    let mut out = with_props(packet, head.into(), v5)?;
    let codes = String::from_utf8_lossy(packet.get("codes").unwrap_or_default());
    for code in codes.split(',').filter(|c| !c.is_empty()) {
        out.push(words::number(code)? as u8);
    }
    Ok(out)
}

/// Filters, each with the options that follow it: `filter=a/b qos=1 nl=1 filter=c`.
fn filters(packet: &Packet, v5: bool, options: bool) -> Result<Vec<u8>, String> {
    let head = (packet.number("pid", 0) as u16).to_be_bytes();
    let mut out = with_props(packet, head.into(), v5)?;
    let starts = packet
        .fields
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| name == "filter");
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    for (n, &start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(packet.fields.len());
        let own = Packet {
            fields: packet.fields[start..end].to_vec(),
            ..Packet::new("SUBSCRIBE")
        };
        put_binary(&mut out, own.get("filter").unwrap_or_default());
        if options {
            let flags =
                own.number("rh", 0) << 4 | own.number("rap", 0) << 3 | own.number("nl", 0) << 2;
            out.push(own.number("opts", flags | own.number("qos", 0)) as u8);
        }
    }
    Ok(out)
}
