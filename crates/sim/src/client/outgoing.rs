//! What a client publishes: its QoS 1 and 2 messages until they are acknowledged, across connections.
//!
//! What was sent before is sent again first, in order, with DUP [MQTT-4.4.0-1]; the receive maximum
//! of the broker is kept.

use super::{Client, payload_of, qos_of};
use crate::ledger::{Ledger, MessageNo};
use crate::world::World;
use mqtt_codec::{Ack, Packet, PropertiesBuf, Publish};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Publish,
    /// PUBREC has come.
    Release,
}

#[derive(Clone, Debug)]
struct Out {
    pid: u16,
    message: MessageNo,
    stage: Stage,
    /// Sent on this connection; and ever.
    sent_here: bool,
    sent: bool,
    /// Takes part of the broker's receive maximum.
    counts: bool,
    payload: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Outgoing {
    queue: VecDeque<Out>,
    quota: usize,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn uses(&self, pid: u16) -> bool {
        self.queue.iter().any(|o| o.pid == pid)
    }

    /// The session of before is gone: what was under way is in doubt for ever.
    pub(super) fn forget(&mut self) {
        self.queue.clear();
    }

    pub(super) fn connected(&mut self, quota: u16) {
        self.quota = usize::from(quota);
        for out in &mut self.queue {
            out.sent_here = false;
            out.counts = false;
        }
    }

    fn has_quota(&self) -> bool {
        self.queue.iter().filter(|o| o.counts).count() < self.quota
    }
}

impl Client {
    /// How many messages wait to be acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.outgoing.queue.len()
    }

    /// Publishes a new message; `None` where it cannot now. `size` of 0 with `retain` clears.
    pub fn publish(
        &mut self,
        world: &World,
        ledger: &mut Ledger,
        topic: &str,
        qos: u8,
        retain: bool,
        size: usize,
    ) -> Option<MessageNo> {
        if !self.is_online() || (qos > 0 && self.outgoing.queue.len() >= 100) {
            return None;
        }
        let message = ledger.new_message(self.no, topic, qos, retain);
        let mut payload = payload_of(message);
        payload.resize(payload.len().max(size), b'.');
        if retain && size == 0 {
            ledger.messages[message].clears = true;
            payload.clear();
        }
        if qos == 0 {
            let (none, qos) = (PropertiesBuf::new(), qos_of(qos));
            let (props, packet_id, dup) = (none.as_props(), 0, false);
            let publish = Publish {
                dup,
                qos,
                retain,
                topic,
                packet_id,
                props,
                payload: &payload,
            };
            self.send(world, &Packet::Publish(publish));
            return Some(message);
        }
        let pid = self.free_pid();
        let stage = Stage::Publish;
        let out = Out {
            pid,
            message,
            stage,
            sent_here: false,
            sent: false,
            counts: false,
            payload,
        };
        self.outgoing.queue.push_back(out);
        self.pump(world, ledger);
        Some(message)
    }

    /// Sends what may be sent: in order, within the quota.
    pub(super) fn pump(&mut self, world: &World, ledger: &mut Ledger) {
        if !self.is_online() {
            return;
        }
        for at in 0..self.outgoing.queue.len() {
            let out = &self.outgoing.queue[at];
            if out.sent_here {
                continue;
            }
            if out.stage == Stage::Publish && !self.outgoing.has_quota() {
                return;
            }
            let out = &mut self.outgoing.queue[at];
            let again = std::mem::replace(&mut out.sent, true);
            out.sent_here = true;
            out.counts = out.stage == Stage::Publish;
            let out = out.clone();
            if out.stage == Stage::Release {
                self.send(world, &Packet::Pubrel(Ack::success(out.pid)));
                continue;
            }
            if again {
                ledger.sent_again(out.message);
            }
            let message = ledger.messages[out.message].clone();
            let none = PropertiesBuf::new();
            let publish = Publish {
                dup: again,
                qos: qos_of(message.qos),
                retain: message.retain,
                topic: &message.topic,
                packet_id: out.pid,
                props: none.as_props(),
                payload: &out.payload,
            };
            self.send(world, &Packet::Publish(publish));
        }
    }

    /// The message that an acknowledgement with this id is about; a fault where there is none.
    fn acknowledged(&self, ledger: &mut Ledger, pid: u16, qos: u8) -> Option<usize> {
        let at = self
            .outgoing
            .queue
            .iter()
            .position(|o| o.pid == pid && o.sent_here);
        let fits = at.filter(|at| ledger.messages[self.outgoing.queue[*at].message].qos == qos);
        if fits.is_none() {
            self.fault(
                ledger,
                format!("an acknowledgement of {pid}, which nothing has"),
            );
        }
        fits
    }

    pub(super) fn on_puback(&mut self, world: &World, ledger: &mut Ledger, ack: &Ack<'_>) {
        let Some(at) = self.acknowledged(ledger, ack.packet_id, 1) else {
            return;
        };
        let Some(out) = self.outgoing.queue.remove(at) else {
            return;
        };
        if ack.reason.is_error() {
            ledger.messages[out.message].refused = true;
        } else {
            ledger.acknowledged(out.message, is_synced(world, out.message));
        }
    }

    pub(super) fn on_pubrec(&mut self, world: &World, ledger: &mut Ledger, ack: &Ack<'_>) {
        let Some(at) = self.acknowledged(ledger, ack.packet_id, 2) else {
            return;
        };
        let message = self.outgoing.queue[at].message;
        if ack.reason.is_error() {
            ledger.messages[message].refused = true;
            self.outgoing.queue.remove(at);
            return;
        }
        ledger.acknowledged(message, is_synced(world, message));
        self.outgoing.queue[at].stage = Stage::Release;
        self.send(world, &Packet::Pubrel(Ack::success(ack.packet_id)));
    }

    pub(super) fn on_pubcomp(&mut self, ledger: &mut Ledger, ack: &Ack<'_>) {
        let Some(at) = self.acknowledged(ledger, ack.packet_id, 2) else {
            return;
        };
        let out = self.outgoing.queue.remove(at);
        if out.is_some_and(|o| o.stage == Stage::Publish) {
            self.fault(
                ledger,
                format!("PUBCOMP of {} before PUBREL", ack.packet_id),
            );
        }
    }
}

fn is_synced(world: &World, message: MessageNo) -> bool {
    world.is_synced(payload_of(message).trim_ascii_end())
}
