//! What happens once a ticket is settled.

use crate::conn::ConnId;
use crate::tickets::InLine;
use message::QueueId;
use mqtt_codec::{AckKind, ReasonCode};

/// What a client is told about one of its own packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub kind: AckKind,
    pub packet_id: u16,
    pub reason: ReasonCode,
    /// Sent as the reason string; empty for none.
    pub text: &'static str,
    /// This ends one of its QoS 1 or 2 publishes as far as the receive maximum is concerned.
    pub ends_publish: bool,
}

/// Who waits for records to be durable, and what they are then told.
#[derive(Debug)]
pub(crate) enum Waiter {
    Answer {
        conn: ConnId,
        answer: Answer,
    },
    /// An encoded SUBACK or UNSUBACK.
    Bytes {
        conn: ConnId,
        bytes: Box<[u8]>,
    },
    /// The session behind a CONNECT is durable: CONNACK, then what waits for the client.
    Welcome {
        conn: ConnId,
    },
    /// The packet id of an outgoing QoS 2 PUBLISH is durable: send it.
    SendPublish {
        session: QueueId,
        packet_id: u16,
    },
    /// The PUBREC of a subscriber is durable: send PUBREL.
    SendPubrel {
        session: QueueId,
        packet_id: u16,
    },
}

impl InLine for Waiter {
    fn line(&self) -> Option<ConnId> {
        match self {
            Waiter::Answer { conn, .. } | Waiter::Bytes { conn, .. } | Waiter::Welcome { conn } => {
                Some(*conn)
            }
            Waiter::SendPublish { .. } | Waiter::SendPubrel { .. } => None,
        }
    }
}
