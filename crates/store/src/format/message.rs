//! A message's body and properties as bytes.
//!
//! Begins with what recovery may want (topic, version), ends with the payload, which needs no length:
//! so a copy of a record moves this part without looking into it.

use super::bytes::{FormatError, Reader, Result, only, put_blob, put_number};
use message::{Message, MessageId, Props, QoS, QueueId};

const WHAT: &str = "a message";

const QOS: u8 = 0b11;
const RETAIN: u8 = 1 << 2;
const PROPS: u8 = 1 << 3;
const EXPIRES: u8 = 1 << 4;
/// Its own id differs from the record's.
const OWN_ID: u8 = 1 << 5;
const VERSION: u8 = 1 << 6;
const KNOWN: u8 = (1 << 7) - 1;

const UTF8_SAID: u8 = 1;
const UTF8: u8 = 1 << 1;
const CONTENT_TYPE: u8 = 1 << 2;
const REPLY_TO: u8 = 1 << 3;
const CORRELATION: u8 = 1 << 4;
const KNOWN_PROPS: u8 = (1 << 5) - 1;

/// Unix time minus the node's monotonic time, in milliseconds: a moment of the node plus this is what
/// the log says, since the node's clock begins anew with each start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixOffset(pub i64);

/// `id` is the one that the record around it has.
pub(crate) fn put_message(out: &mut Vec<u8>, m: &Message, id: MessageId, offset: UnixOffset) {
    let mut flags = m.qos as u8;
    let bits = [
        (m.retain, RETAIN),
        (m.props.is_some(), PROPS),
        (m.expires_at.is_some(), EXPIRES),
        (m.id != id, OWN_ID),
        (m.retained_version != 0, VERSION),
    ];
    for (set, bit) in bits {
        flags |= if set { bit } else { 0 };
    }
    out.push(flags);
    put_blob(out, m.topic.as_bytes());
    if m.retained_version != 0 {
        put_number(out, m.retained_version);
    }
    if m.id != id {
        put_number(out, m.id.0);
    }
    if let Some(at) = m.expires_at {
        put_number(out, at.saturating_add_signed(offset.0));
    }
    put_number(out, m.origin.0);
    if let Some(props) = &m.props {
        put_props(out, props);
    }
    out.extend_from_slice(&m.payload);
}

fn put_props(out: &mut Vec<u8>, props: &Props) {
    let bits = [
        (props.payload_is_utf8.is_some(), UTF8_SAID),
        (props.payload_is_utf8 == Some(true), UTF8),
        (props.content_type.is_some(), CONTENT_TYPE),
        (props.reply_to.is_some(), REPLY_TO),
        (props.correlation.is_some(), CORRELATION),
    ];
    out.push(
        bits.iter()
            .fold(0, |f, (set, bit)| f | if *set { *bit } else { 0 }),
    );
    let texts = [&props.content_type, &props.reply_to];
    for text in texts.into_iter().flatten() {
        put_blob(out, text.as_bytes());
    }
    if let Some(correlation) = &props.correlation {
        put_blob(out, correlation);
    }
    put_number(out, props.user.len() as u64);
    for (name, value) in &props.user {
        put_blob(out, name.as_bytes());
        put_blob(out, value.as_bytes());
    }
}

/// The part of a message that says which retained value it is.
pub(crate) struct MessageStart<'a> {
    flags: u8,
    pub(crate) topic: &'a str,
    pub(crate) version: u64,
    /// What follows.
    rest: Reader<'a>,
}

impl<'a> MessageStart<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = Reader::new(bytes, WHAT);
        let flags = only(rest.u8()?, KNOWN, WHAT)?;
        let topic = rest.text()?;
        let version = if flags & VERSION == 0 {
            0
        } else {
            rest.number()?
        };
        Ok(MessageStart {
            flags,
            topic,
            version,
            rest,
        })
    }

    /// The message of a record with this id. Its expiry is given back in the node's time.
    pub(crate) fn finish(self, id: MessageId, offset: UnixOffset) -> Result<Message> {
        let MessageStart {
            flags, mut rest, ..
        } = self;
        let own_id = if flags & OWN_ID == 0 {
            id.0
        } else {
            rest.number()?
        };
        let expires = (flags & EXPIRES != 0).then(|| rest.number()).transpose()?;
        let origin = QueueId(rest.number()?);
        let props = (flags & PROPS != 0).then(|| props(&mut rest)).transpose()?;
        Ok(Message {
            id: MessageId(own_id),
            topic: self.topic.into(),
            payload: rest.rest().into(),
            props: props.map(Box::new),
            qos: qos(flags & QOS)?,
            retain: flags & RETAIN != 0,
            retained_version: self.version,
            expires_at: expires.map(|at| at.saturating_add_signed(offset.0.saturating_neg())),
            origin,
        })
    }

    /// True where the payload is empty.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        let mut rest = self.rest;
        if self.flags & OWN_ID != 0 {
            rest.number()?;
        }
        if self.flags & EXPIRES != 0 {
            rest.number()?;
        }
        rest.number()?;
        if self.flags & PROPS != 0 {
            props(&mut rest)?;
        }
        Ok(rest.is_empty())
    }
}

pub(crate) fn qos(bits: u8) -> Result<QoS> {
    match bits {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        2 => Ok(QoS::ExactlyOnce),
        _ => Err(FormatError::Unknown {
            what: "the QoS",
            value: u64::from(bits),
        }),
    }
}

fn props(reader: &mut Reader<'_>) -> Result<Props> {
    let flags = only(reader.u8()?, KNOWN_PROPS, "a message's properties")?;
    let has = |bit| flags & bit != 0;
    let mut text = |bit| has(bit).then(|| reader.text().map(Box::from)).transpose();
    let content_type = text(CONTENT_TYPE)?;
    let reply_to = text(REPLY_TO)?;
    let correlation = has(CORRELATION)
        .then(|| reader.blob().map(Box::from))
        .transpose()?;
    let count = reader.count()?;
    // Bounded by the bytes that are left, two for each at least; grown as they come.
    let mut user = Vec::new();
    for _ in 0..count {
        user.push((reader.text()?.into(), reader.text()?.into()));
    }
    Ok(Props {
        payload_is_utf8: has(UTF8_SAID).then_some(has(UTF8)),
        content_type,
        reply_to,
        correlation,
        user,
    })
}
