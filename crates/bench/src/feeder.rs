//! One publisher of a scripted run: numbered messages, each to a topic of its own choosing.
//!
//! Owns the packet ids; the connection is its script's. Allocates nothing for a message.

use crate::BenchError;
use crate::load::{InFlight, Step};
use crate::net::client::Client;
use crate::packets::filling;
use crate::stamp::{MIN_PAYLOAD, Stamp};
use mqtt_codec::{Ack, AckKind, Outgoing, Packet, QoS, Version};

/// Bytes that wait for the socket before nothing more is made.
const OUT_AT_MOST: usize = 128 << 10;

/// What a feeder is to send.
pub(crate) struct Feed {
    pub(crate) run: u32,
    pub(crate) version: Version,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// 0 for empty payloads, which delete retained messages; a stamp fits otherwise.
    pub(crate) payload: usize,
    pub(crate) window: u16,
}

pub(crate) struct Feeder {
    pub(crate) who: usize,
    feed: Feed,
    sent: u64,
    acknowledged: u64,
    refused: u64,
    inflight: InFlight,
    payload: Vec<u8>,
    topic: String,
}

impl Feeder {
    /// `client` has been accepted, as number `who` of its hub.
    pub(crate) fn new(feed: Feed, who: usize, client: &Client) -> Feeder {
        let window = feed.window.min(client.receive_max).max(1);
        let mut payload = vec![0; feed.payload.min(MIN_PAYLOAD)];
        payload.extend(filling(feed.payload));
        Feeder {
            who,
            feed,
            sent: 0,
            acknowledged: 0,
            refused: 0,
            inflight: InFlight::new(window),
            payload,
            topic: String::new(),
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// How many are done with, as far as the broker is concerned.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Appends messages up to number `end`; `topic` writes the name of each. True where any was.
    pub(crate) fn fill(
        &mut self,
        client: &mut Client,
        end: u64,
        now: u64,
        topic: &dyn Fn(u64, &mut String),
    ) -> Result<bool, BenchError> {
        let before = self.sent;
        while self.sent < end && client.unwritten() < OUT_AT_MOST {
            let packet_id = match self.feed.qos {
                QoS::AtMostOnce => 0,
                _ => match self.inflight.take() {
                    Some(id) => id,
                    None => break,
                },
            };
            let stamp = Stamp {
                run: self.feed.run,
                publisher: 0,
                number: self.sent,
                intended: now,
            };
            if let Some(place) = self.payload.get_mut(..MIN_PAYLOAD) {
                place.copy_from_slice(&stamp.to_bytes());
            }
            self.topic.clear();
            topic(self.sent, &mut self.topic);
            let publish = Outgoing {
                dup: false,
                qos: self.feed.qos,
                retain: self.feed.retain,
                topic: &self.topic,
                packet_id,
                payload: &self.payload,
                forward: &[],
                expiry: None,
                alias: None,
                subscription_ids: &[],
            };
            mqtt_codec::encode_publish(client.out(), self.feed.version, &publish, u32::MAX)
                .map_err(|e| BenchError::Usage(format!("cannot be sent: {e}")))?;
            self.sent += 1;
        }
        Ok(self.sent > before)
    }

    /// Takes an acknowledgement; false where the packet is none, or nothing waits for it.
    pub(crate) fn ack(&mut self, client: &mut Client, packet: &Packet<'_>) -> bool {
        let (kind, ack): (_, &Ack<'_>) = match packet {
            Packet::Puback(ack) => (AckKind::Puback, ack),
            Packet::Pubrec(ack) => (AckKind::Pubrec, ack),
            Packet::Pubcomp(ack) => (AckKind::Pubcomp, ack),
            _ => return false,
        };
        let refused = ack.reason.as_u8() >= 0x80;
        match self.inflight.ack(kind, ack.packet_id, refused) {
            Step::Release => client.ack(AckKind::Pubrel, ack.packet_id),
            Step::Done => {
                self.acknowledged += 1;
                self.refused += u64::from(refused);
            }
            Step::Unexpected => return false,
        }
        true
    }
}
