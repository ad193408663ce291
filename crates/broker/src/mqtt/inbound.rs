//! Bytes from a client: cut into packets, admitted, handed to whoever deals with their kind.

use super::stranger;
use crate::conn::{ConnId, State};
use crate::shard::Shard;
use crate::stats::Refusal;
use crate::time::Now;
use mqtt_codec::{DecodeError, Framed, Packet, ReasonCode, Version};

/// First byte of a CONNECT packet.
const CONNECT: u8 = 0x10;
/// Packet type of PUBLISH.
const PUBLISH: u8 = 3;

/// Most bytes that are allocated beyond those that have arrived.
const AHEAD: usize = 8 << 10;

/// Appends what has arrived, and no more room than [`AHEAD`] beyond it.
fn hold(partial: &mut Vec<u8>, bytes: &[u8]) {
    if partial.capacity() - partial.len() < bytes.len() {
        partial.reserve_exact(bytes.len() + partial.len().min(AHEAD));
    }
    partial.extend_from_slice(bytes);
}

impl Shard {
    /// Counts and takes what a read brought. A first read may say what the client speaks.
    pub(crate) fn receive(&mut self, id: ConnId, bytes: &[u8], now: Now) {
        let version = |shard: &Shard| shard.conns.get(id).and_then(|c| c.version);
        let before = version(self);
        self.take_bytes(id, bytes, now);
        self.stats.received_bytes += bytes.len() as u64;
        if let Some(version) = before.or_else(|| version(self)) {
            self.stats.speakers(version).received_bytes += bytes.len() as u64;
        }
    }

    fn take_bytes(&mut self, id: ConnId, bytes: &[u8], now: Now) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.last_heard = now.ms;
        conn.traffic.received_bytes += bytes.len() as u64;
        match &mut conn.state {
            State::Closing => return,
            State::Moving(_, handoff) => return hold(&mut handoff.partial, bytes),
            _ => {}
        }
        if !conn.partial.is_empty() {
            hold(&mut conn.partial, bytes);
            self.consume_partial(id, 0, now);
            return;
        }
        let used = self.consume(id, bytes, 0, now);
        let rest = bytes.get(used..).unwrap_or_default();
        self.keep(id, rest);
    }

    /// Bytes that can't be dealt with yet wait in the connection.
    fn keep(&mut self, id: ConnId, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if !matches!(conn.state, State::Closing) {
            hold(&mut conn.partial, rest);
            self.bound_partial(id);
        }
    }

    /// While a client may not be heard (authentication, CONNACK pending), little is kept for it.
    fn bound_partial(&mut self, id: ConnId) {
        let max = self.settings.limits.max_packet_size_before_auth as usize;
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        let pending = conn.online().is_none_or(|o| o.opening.is_some());
        if pending && conn.partial.len() >= max {
            self.stop_reading(id);
        }
    }

    /// Goes on with what was kept. `grace` publishes are admitted whatever the load.
    pub(crate) fn consume_partial(&mut self, id: ConnId, grace: u32, now: Now) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if conn.partial.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut conn.partial);
        let used = self.consume(id, &bytes, grace, now);
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if used >= bytes.len() || matches!(conn.state, State::Closing) {
            self.pool.give(bytes);
            return;
        }
        bytes.drain(..used);
        conn.partial = bytes;
        self.bound_partial(id);
    }

    /// Deals with the whole packets at the front; how many bytes they were.
    fn consume(&mut self, id: ConnId, bytes: &[u8], mut grace: u32, now: Now) -> usize {
        let mut at = 0;
        loop {
            let Some((version, max)) = self.expects(id) else {
                return at;
            };
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(first) = rest.first() else { return at };
            if version.is_none() && *first != CONNECT {
                // [MQTT-3.1.0-1]
                self.refuse_silently(id, Refusal::Malformed, stranger::why(rest));
                return bytes.len();
            }
            let (first, body, len) = match mqtt_codec::frame(rest, max) {
                Ok(Framed::Packet { first, body, len }) => (first, body, len),
                Ok(Framed::Incomplete { .. }) => return at,
                Err(error) => {
                    self.on_bad_frame(id, &error, now);
                    return bytes.len();
                }
            };
            if first >> 4 == PUBLISH && !self.admits(id, first, &mut grace, now) {
                return at;
            }
            at += len;
            self.stats.packet_received(first);
            match version {
                None => self.on_first_packet(id, first, body, now),
                Some(version) => self.on_packet(id, version, first, body, now),
            }
        }
    }

    /// What the connection may be sent now: a packet of this version, `Some(None)` a CONNECT; with
    /// the largest size. `None`: nothing yet, or nothing more.
    fn expects(&self, id: ConnId) -> Option<(Option<Version>, u32)> {
        let limits = &self.settings.limits;
        let before = limits
            .max_packet_size_before_auth
            .min(limits.max_packet_size);
        let conn = self.conns.get(id)?;
        match &conn.state {
            State::Fresh => Some((None, before)),
            State::Authenticating(c) if c.step > 0 => Some((Some(c.version), before)),
            State::Online(o) if o.opening.is_none() => {
                Some((Some(o.version), limits.max_packet_size))
            }
            _ => None,
        }
    }

    fn on_bad_frame(&mut self, id: ConnId, error: &DecodeError, now: Now) {
        let why = error.to_string();
        self.offend(id, error.reason(), &why, now);
    }

    fn on_first_packet(&mut self, id: ConnId, first: u8, body: &[u8], now: Now) {
        match mqtt_codec::decode(Version::V5, first, body) {
            Ok(Packet::Connect(connect)) => self.on_connect(id, &connect, now),
            Ok(_) => {
                self.refuse_silently(id, Refusal::Malformed, "the first packet is not a CONNECT")
            }
            Err(error) => self.on_bad_connect(id, body, &error),
        }
    }

    fn on_packet(&mut self, id: ConnId, version: Version, first: u8, body: &[u8], now: Now) {
        let packet = match mqtt_codec::decode(version, first, body) {
            Ok(packet) => packet,
            Err(error) => return self.on_bad_frame(id, &error, now),
        };
        if self.conns.get(id).is_some_and(|c| c.online().is_none()) {
            return self.on_packet_while_authenticating(id, &packet, now);
        }
        match packet {
            Packet::Publish(publish) => self.on_publish(id, &publish, now),
            Packet::Puback(ack) => self.on_puback(id, &ack, now),
            Packet::Pubrec(ack) => self.on_pubrec(id, &ack, now),
            Packet::Pubrel(ack) => self.on_pubrel(id, &ack),
            Packet::Pubcomp(ack) => self.on_pubcomp(id, &ack, now),
            Packet::Subscribe(subscribe) => self.on_subscribe(id, &subscribe, now),
            Packet::Unsubscribe(unsubscribe) => self.on_unsubscribe(id, &unsubscribe, now),
            Packet::Pingreq => self.send(id, version, &Packet::Pingresp),
            Packet::Disconnect(disconnect) => self.on_disconnect(id, &disconnect, now),
            Packet::Auth(auth) => self.on_auth_packet(id, &auth, now),
            Packet::Connect(_) => {
                // [MQTT-3.1.0-2]
                self.offend(id, ReasonCode::ProtocolError, "a second CONNECT", now);
            }
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
                self.offend(
                    id,
                    ReasonCode::ProtocolError,
                    "a packet that only servers send",
                    now,
                );
            }
        }
    }
}
