//! One retained message, as the retained tree keeps it: small ones in one piece of memory.
//!
//! A plain value. A small message without properties is packed, which takes about 90 bytes less than a
//! [`Message`] and is one look away; others are kept as they came. Invariant: unpacked, it is the message
//! that was packed.

use message::{Message, MessageId, QoS, QueueId};
use std::sync::Arc;

/// Payloads above this are shared rather than copied.
const MAX_PACKED: usize = 1024;

const HEAD: usize = 27;
const VERSION: usize = 0;
const ID: usize = 8;
const ORIGIN: usize = 16;
const TOPIC_LEN: usize = 24;
const FLAGS: usize = 26;

const QOS: u8 = 3;
const RETAIN: u8 = 4;
/// When it expires stands behind the head.
const EXPIRES: u8 = 8;

#[derive(Debug)]
pub(crate) enum Kept {
    Packed(Box<[u8]>),
    Whole(Arc<Message>),
}

impl Kept {
    pub(crate) fn new(message: Arc<Message>) -> Self {
        let fits = message.payload.len() <= MAX_PACKED && message.props.is_none();
        match u16::try_from(message.topic.len()) {
            Ok(topic_len) if fits => Kept::Packed(pack(&message, topic_len)),
            _ => Kept::Whole(message),
        }
    }

    /// The bytes of its topic, by which it is found.
    pub(crate) fn topic(&self) -> &[u8] {
        match self {
            Kept::Packed(bytes) => {
                let start = text(bytes);
                &bytes[start..start + topic_len(bytes)]
            }
            Kept::Whole(message) => message.topic.as_bytes(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        match self {
            Kept::Packed(bytes) => number(bytes, VERSION),
            Kept::Whole(message) => message.retained_version,
        }
    }

    pub(crate) fn expires_at(&self) -> Option<u64> {
        match self {
            Kept::Packed(bytes) => expires_at(bytes),
            Kept::Whole(message) => message.expires_at,
        }
    }

    /// See [`Message::charge`].
    pub(crate) fn charge(&self) -> u64 {
        match self {
            Kept::Packed(bytes) => (bytes.len() - text(bytes) + size_of::<Message>()) as u64,
            Kept::Whole(message) => message.charge(),
        }
    }

    pub(crate) fn message(&self) -> Arc<Message> {
        match self {
            Kept::Packed(bytes) => Arc::new(unpack(bytes)),
            Kept::Whole(message) => message.clone(),
        }
    }
}

fn pack(message: &Message, topic_len: u16) -> Box<[u8]> {
    let expires = message.expires_at;
    let flags = message.qos as u8
        | if message.retain { RETAIN } else { 0 }
        | if expires.is_some() { EXPIRES } else { 0 };
    let room = HEAD + 8 + message.topic.len() + message.payload.len();
    let mut bytes = Vec::with_capacity(room);
    bytes.extend_from_slice(&message.retained_version.to_le_bytes());
    bytes.extend_from_slice(&message.id.0.to_le_bytes());
    bytes.extend_from_slice(&message.origin.0.to_le_bytes());
    bytes.extend_from_slice(&topic_len.to_le_bytes());
    bytes.push(flags);
    if let Some(at) = expires {
        bytes.extend_from_slice(&at.to_le_bytes());
    }
    bytes.extend_from_slice(message.topic.as_bytes());
    bytes.extend_from_slice(&message.payload);
    bytes.into_boxed_slice()
}

fn unpack(bytes: &[u8]) -> Message {
    let start = text(bytes);
    let (topic, payload) = bytes[start..].split_at(topic_len(bytes));
    let flags = bytes[FLAGS];
    Message {
        id: MessageId(number(bytes, ID)),
        topic: String::from_utf8_lossy(topic).into(),
        payload: payload.into(),
        props: None,
        qos: match flags & QOS {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        },
        retain: flags & RETAIN != 0,
        retained_version: number(bytes, VERSION),
        expires_at: expires_at(bytes),
        origin: QueueId(number(bytes, ORIGIN)),
    }
}

/// Where the topic begins; the payload is behind it.
fn text(bytes: &[u8]) -> usize {
    if bytes[FLAGS] & EXPIRES == 0 {
        HEAD
    } else {
        HEAD + 8
    }
}

fn topic_len(bytes: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([bytes[TOPIC_LEN], bytes[TOPIC_LEN + 1]]))
}

fn expires_at(bytes: &[u8]) -> Option<u64> {
    (bytes[FLAGS] & EXPIRES != 0).then(|| number(bytes, HEAD))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Props;

    #[test]
    fn it_comes_back_as_it_was() {
        assert_eq!(size_of::<Kept>(), 16);
        let small = Message {
            id: MessageId(u64::MAX),
            topic: "a/\u{e4}".into(),
            payload: (*b"\xff\0").into(),
            qos: QoS::ExactlyOnce,
            retain: true,
            retained_version: 77,
            origin: QueueId(5),
            ..Message::default()
        };
        let others = [
            small.clone(),
            Message {
                expires_at: Some(0),
                retain: false,
                qos: QoS::AtLeastOnce,
                ..small.clone()
            },
            Message {
                payload: vec![1; MAX_PACKED].into(),
                ..small.clone()
            },
            Message {
                payload: vec![1; MAX_PACKED + 1].into(),
                expires_at: Some(9),
                ..small.clone()
            },
            Message {
                props: Some(Box::new(Props {
                    payload_is_utf8: Some(true),
                    ..Props::default()
                })),
                ..small.clone()
            },
            Message {
                topic: "t".repeat(1 << 16).into(),
                ..small
            },
            Message::default(),
        ];
        let packed = others.iter().map(|message| {
            let kept = Kept::new(Arc::new(message.clone()));
            assert_eq!(*kept.message(), *message);
            assert_eq!(kept.topic(), message.topic.as_bytes());
            assert_eq!(kept.version(), message.retained_version);
            assert_eq!(kept.expires_at(), message.expires_at);
            assert_eq!(kept.charge(), message.charge());
            matches!(kept, Kept::Packed(_))
        });
        let packed: Vec<bool> = packed.collect();
        assert_eq!(packed, [true, true, true, false, false, false, true]);
    }
}
