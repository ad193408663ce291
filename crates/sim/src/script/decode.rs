//! What a broker sends, as packets of a script. Anything that is not MQTT becomes a packet of kind
//! `MALFORMED`, which no script expects.

use super::packet::Packet;
use super::props::{self, Form};

/// Why bytes could not be read.
type Bad = &'static str;

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Bad> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("it ends too early")?;
        self.0 = tail;
        Ok(head)
    }

    fn int(&mut self, n: usize) -> Result<u32, Bad> {
        Ok(self
            .take(n)?
            .iter()
            .fold(0, |sum, b| (sum << 8) | u32::from(*b)))
    }

    fn binary(&mut self) -> Result<&'a [u8], Bad> {
        let n = self.int(2)?;
        self.take(n as usize)
    }

    fn varint(&mut self) -> Result<u32, Bad> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let b = self.int(1)?;
            value |= (b & 0x7f) << shift;
            if b < 0x80 {
                return Ok(value);
            }
        }
        Err("a variable byte integer is too long")
    }
}

/// Takes the first whole packet out of `bytes`. `version` is 3, 4 or 5.
pub(super) fn packet(bytes: &mut Vec<u8>, version: u32) -> Option<Packet> {
    let mut cursor = Cursor(bytes);
    let first = cursor.int(1).ok()?;
    let length = match cursor.varint() {
        Ok(length) => length as usize,
        Err(_) if cursor.0.is_empty() && bytes.len() < 5 => return None,
        Err(_) => return Some(malformed(std::mem::take(bytes), "its length")),
    };
    let header = bytes.len() - cursor.0.len();
    let body = cursor.take(length).ok()?.to_vec();
    let whole: Vec<u8> = bytes.drain(..header + length).collect();
    let decoded = decode(first as u8, &body, version);
    Some(decoded.unwrap_or_else(|why| malformed(whole, why)))
}

fn malformed(bytes: Vec<u8>, why: Bad) -> Packet {
    let mut packet = Packet::new("MALFORMED");
    packet.put("why", why);
    packet.put("bytes", bytes);
    packet
}

fn decode(first: u8, body: &[u8], version: u32) -> Result<Packet, Bad> {
    let v5 = version >= 5;
    let mut cursor = Cursor(body);
    let (kind, flags) = (first >> 4, first & 0x0f);
    if kind != 3 && flags != if kind == 6 { 2 } else { 0 } {
        return Err("its flags");
    }
    let packet = match kind {
        2 => connack(&mut cursor, v5)?,
        3 => publish(&mut cursor, flags, v5)?,
        4 => ack("PUBACK", &mut cursor, v5)?,
        5 => ack("PUBREC", &mut cursor, v5)?,
        6 => ack("PUBREL", &mut cursor, v5)?,
        7 => ack("PUBCOMP", &mut cursor, v5)?,
        9 => codes("SUBACK", &mut cursor, v5)?,
        11 => codes("UNSUBACK", &mut cursor, v5)?,
        13 => Packet::new("PINGRESP"),
        14 if v5 => code("DISCONNECT", &mut cursor)?,
        15 if v5 => code("AUTH", &mut cursor)?,
        _ => return Err("no server sends this type"),
    };
    if cursor.0.is_empty() {
        Ok(packet)
    } else {
        Err("bytes are left behind it")
    }
}

fn connack(cursor: &mut Cursor<'_>, v5: bool) -> Result<Packet, Bad> {
    let mut packet = Packet::new("CONNACK");
    let present = cursor.int(1)?;
    packet.put_number("code", cursor.int(1)?);
    packet.put_number("present", present);
    if v5 {
        properties(&mut packet, cursor)?;
    }
    Ok(packet)
}

fn publish(cursor: &mut Cursor<'_>, flags: u8, v5: bool) -> Result<Packet, Bad> {
    let mut packet = Packet::new("PUBLISH");
    let qos = u32::from((flags >> 1) & 3);
    packet.put("topic", cursor.binary()?);
    packet.put_number("qos", qos);
    if qos > 0 {
        packet.put_number("pid", cursor.int(2)?);
    }
    packet.put_number("dup", u32::from(flags >> 3));
    packet.put_number("retain", u32::from(flags & 1));
    if v5 {
        properties(&mut packet, cursor)?;
    }
    packet.put("payload", std::mem::take(&mut cursor.0));
    packet.fields.retain(|(name, value)| {
        let flag = matches!(name.as_str(), "qos" | "dup" | "retain");
        !(flag && *value == super::packet::Value::Is(b"0".into()))
    });
    Ok(packet)
}

fn ack(kind: &str, cursor: &mut Cursor<'_>, v5: bool) -> Result<Packet, Bad> {
    let mut packet = Packet::new(kind);
    let pid = cursor.int(2)?;
    if v5 && !cursor.0.is_empty() {
        packet.put_number("code", cursor.int(1)?);
    }
    packet.put_number("pid", pid);
    if v5 && !cursor.0.is_empty() {
        properties(&mut packet, cursor)?;
    }
    Ok(packet)
}

fn codes(kind: &str, cursor: &mut Cursor<'_>, v5: bool) -> Result<Packet, Bad> {
    let mut packet = Packet::new(kind);
    packet.put_number("pid", cursor.int(2)?);
    if v5 {
        properties(&mut packet, cursor)?;
    }
    let codes = std::mem::take(&mut cursor.0);
    if !codes.is_empty() {
        let codes: Vec<String> = codes.iter().map(u8::to_string).collect();
        packet.put("codes", codes.join(","));
    }
    Ok(packet)
}

fn code(kind: &str, cursor: &mut Cursor<'_>) -> Result<Packet, Bad> {
    let mut packet = Packet::new(kind);
    if !cursor.0.is_empty() {
        packet.put_number("code", cursor.int(1)?);
    }
    if !cursor.0.is_empty() {
        properties(&mut packet, cursor)?;
    }
    Ok(packet)
}

fn properties(packet: &mut Packet, cursor: &mut Cursor<'_>) -> Result<(), Bad> {
    let length = cursor.varint()?;
    let mut section = Cursor(cursor.take(length as usize)?);
    let kind = packet.kind.clone();
    while !section.0.is_empty() {
        let id = section.int(1)? as u8;
        let (name, form) = props::by_id(&kind, id).ok_or("a property that there is not")?;
        match form {
            Form::U8 => packet.put_number(name, section.int(1)?),
            Form::U16 => packet.put_number(name, section.int(2)?),
            Form::U32 => packet.put_number(name, section.int(4)?),
            Form::Varint => packet.put_number(name, section.varint()?),
            Form::Binary => packet.put(name, section.binary()?),
            Form::Pair => {
                let (key, value) = (section.binary()?, section.binary()?);
                packet.put(name, [key, b":", value].concat());
            }
        }
    }
    Ok(())
}
