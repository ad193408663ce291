//! What a client is sent: deliveries, and the acknowledgements that it owes for them, in order.

use super::{Client, message_of};
use crate::ledger::{Delivery, Ledger, MessageNo};
use crate::world::World;
use mqtt_codec::{Ack, Packet, Publish, QoS, Version};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// With the delivery that it acknowledges, if it was a new one.
    Puback(u16, Option<usize>),
    Pubrec(u16, Option<usize>),
    Pubcomp(u16),
}

/// What a packet id stands for.
#[derive(Clone, Copy, Debug)]
struct Known {
    message: Option<MessageNo>,
    delivery: Option<usize>,
}

#[derive(Default)]
pub(super) struct Incoming {
    owed: VecDeque<Owed>,
    /// QoS 1 messages that were never acknowledged.
    held: BTreeMap<u16, Known>,
    /// QoS 2 ids that the broker has not released yet: kept across connections.
    received: BTreeMap<u16, Known>,
    /// Ids that take part of the receive maximum on this connection.
    counting: BTreeSet<u16>,
    /// Topics behind the aliases of this connection.
    aliases: BTreeMap<u16, String>,
}

impl Incoming {
    pub(super) fn owes_nothing(&self) -> bool {
        self.owed.is_empty() && self.received.is_empty()
    }

    pub(super) fn connection_lost(&mut self) {
        self.owed.clear();
        self.counting.clear();
        self.aliases.clear();
    }

    /// A node that starts again gives other packet ids to what it sends again at QoS 1.
    pub(super) fn node_died(&mut self) {
        self.held.clear();
    }

    pub(super) fn forget(&mut self) {
        *self = Incoming::default();
    }

    pub(super) fn on_pubrel(&mut self, pid: u16) {
        self.received.remove(&pid);
        self.owed.push_back(Owed::Pubcomp(pid));
    }
}

impl Client {
    /// How many acknowledgements it owes.
    pub fn owes(&self) -> usize {
        self.incoming.owed.len()
    }

    /// Sends the oldest acknowledgement that it owes.
    pub fn acknowledge_one(&mut self, world: &World, ledger: &mut Ledger) {
        if !self.is_online() {
            return;
        }
        let Some(owed) = self.incoming.owed.pop_front() else {
            return;
        };
        match owed {
            Owed::Puback(pid, delivery) => {
                self.incoming.held.remove(&pid);
                self.incoming.counting.remove(&pid);
                acked(ledger, delivery);
                self.send(world, &Packet::Puback(Ack::success(pid)));
            }
            Owed::Pubrec(pid, delivery) => {
                acked(ledger, delivery);
                self.send(world, &Packet::Pubrec(Ack::success(pid)));
            }
            Owed::Pubcomp(pid) => {
                self.incoming.counting.remove(&pid);
                self.send(world, &Packet::Pubcomp(Ack::success(pid)));
            }
        }
    }

    pub(super) fn on_publish(&mut self, ledger: &mut Ledger, publish: &Publish<'_>) {
        let message = message_of(publish.payload).filter(|m| *m < ledger.messages.len());
        if message.is_none() && !publish.payload.is_empty() {
            return self.fault(ledger, format!("a message that nobody sent: {publish:?}"));
        }
        let topic = self.topic_of(ledger, publish);
        if let (Some(message), Some(topic)) = (message, topic)
            && ledger.messages[message].topic != topic
        {
            self.fault(ledger, format!("message {message} came with topic {topic}"));
        }
        match publish.qos {
            QoS::AtMostOnce => {
                self.delivered(ledger, publish, message);
            }
            QoS::AtLeastOnce => self.on_publish_at_least_once(ledger, publish, message),
            QoS::ExactlyOnce => self.on_publish_exactly_once(ledger, publish, message),
        }
        let max = self
            .profile
            .receive_maximum
            .filter(|_| self.profile.version == Version::V5);
        if self.incoming.counting.len() > max.map_or(usize::MAX, usize::from) {
            self.fault(
                ledger,
                format!(
                    "more than its receive maximum: {:?}",
                    self.incoming.counting
                ),
            );
        }
    }

    fn topic_of(&mut self, ledger: &mut Ledger, publish: &Publish<'_>) -> Option<String> {
        let Some(alias) = publish.props.topic_alias() else {
            return Some(publish.topic.into());
        };
        if alias > self.profile.alias_maximum {
            self.fault(ledger, format!("alias {alias} is above its maximum"));
        }
        if !publish.topic.is_empty() {
            self.incoming.aliases.insert(alias, publish.topic.into());
        }
        let topic = self.incoming.aliases.get(&alias).cloned();
        if topic.is_none() {
            self.fault(ledger, format!("alias {alias} has no topic"));
        }
        topic
    }

    fn on_publish_at_least_once(
        &mut self,
        ledger: &mut Ledger,
        publish: &Publish<'_>,
        message: Option<MessageNo>,
    ) {
        let pid = publish.packet_id;
        if !self.incoming.counting.insert(pid) || self.incoming.received.contains_key(&pid) {
            self.fault(
                ledger,
                format!("packet id {pid} is used while it is in flight"),
            );
        }
        if let Some(known) = self.incoming.held.get(&pid).copied() {
            self.check_repeat(ledger, publish, known, message);
        }
        let delivery = self.delivered(ledger, publish, message);
        self.incoming.held.insert(pid, Known { message, delivery });
        self.incoming.owed.push_back(Owed::Puback(pid, delivery));
    }

    fn on_publish_exactly_once(
        &mut self,
        ledger: &mut Ledger,
        publish: &Publish<'_>,
        message: Option<MessageNo>,
    ) {
        let pid = publish.packet_id;
        if !self.incoming.counting.insert(pid) {
            self.fault(
                ledger,
                format!("packet id {pid} is used while it is in flight"),
            );
        }
        let delivery = match self.incoming.received.get(&pid).copied() {
            Some(known) => {
                self.check_repeat(ledger, publish, known, message);
                known.delivery
            }
            None => self.delivered(ledger, publish, message),
        };
        self.incoming
            .received
            .insert(pid, Known { message, delivery });
        self.incoming.owed.push_back(Owed::Pubrec(pid, delivery));
    }

    /// What this client never acknowledged can only come again as what it was.
    fn check_repeat(
        &self,
        ledger: &mut Ledger,
        publish: &Publish<'_>,
        known: Known,
        message: Option<MessageNo>,
    ) {
        if known.message != message {
            let pid = publish.packet_id;
            let was = known.message;
            self.fault(
                ledger,
                format!("packet id {pid} was {was:?} and is {message:?} now"),
            );
        } else if !publish.dup {
            self.fault(ledger, format!("{message:?} comes again without DUP"));
        }
    }

    fn delivered(
        &mut self,
        ledger: &mut Ledger,
        publish: &Publish<'_>,
        message: Option<MessageNo>,
    ) -> Option<usize> {
        let message = message?;
        let at = ledger.tick();
        ledger.deliveries.push(Delivery {
            client: self.no,
            message,
            qos: publish.qos.bits(),
            dup: publish.dup,
            retain: publish.retain,
            at,
            connection: self.connection,
            session: self.session,
            durable: self.profile.persistent,
            acked: false,
        });
        Some(ledger.deliveries.len() - 1)
    }
}

fn acked(ledger: &mut Ledger, delivery: Option<usize>) {
    if let Some(delivery) = delivery {
        ledger.deliveries[delivery].acked = true;
    }
}
