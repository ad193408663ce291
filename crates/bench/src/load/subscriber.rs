//! One subscriber: its subscriptions, its acknowledgements, and what has come.
//!
//! Owned by the worker of its connection. A [`Receiver`] answers each message as its quality asks and tells a
//! QoS 2 repetition of the protocol from one of the broker's making.

use super::shared::Shared;
use crate::BenchError;
use crate::ledger::{Group, Ledger, Tally, Verdict};
use crate::net::client::Client;
use crate::packets;
use crate::stamp::Stamp;
use mqtt_codec::{AckKind, Publish, QoS, SubOptions};
use std::collections::HashMap;

/// Filters of one SUBSCRIBE.
const FILTERS: usize = 100;
/// Words of a set of all packet ids.
const ID_WORDS: usize = 1024;

/// Acknowledges what comes in.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// QoS 2 ids between PUBLISH and PUBREL, once there is one.
    held: Option<Box<[u64; ID_WORDS]>>,
}

impl Receiver {
    /// Answers a PUBLISH. False where it repeats one that is still under way.
    pub(crate) fn publish(&mut self, client: &mut Client, publish: &Publish<'_>) -> bool {
        let id = publish.packet_id;
        match publish.qos {
            QoS::AtMostOnce => true,
            QoS::AtLeastOnce => {
                client.ack(AckKind::Puback, id);
                true
            }
            QoS::ExactlyOnce => {
                client.ack(AckKind::Pubrec, id);
                let held = self.held.get_or_insert_with(|| Box::new([0; ID_WORDS]));
                let bit = 1u64 << (id % 64);
                let Some(word) = held.get_mut(usize::from(id / 64)) else {
                    return true;
                };
                let fresh = *word & bit == 0;
                *word |= bit;
                fresh
            }
        }
    }

    pub(crate) fn release(&mut self, client: &mut Client, id: u16) {
        client.ack(AckKind::Pubcomp, id);
        if let Some(held) = &mut self.held
            && let Some(word) = held.get_mut(usize::from(id / 64))
        {
            *word &= !(1u64 << (id % 64));
        }
    }
}

pub(super) struct Subscriber {
    number: u32,
    ledger: Ledger,
    receiver: Receiver,
    /// SUBSCRIBEs without an answer.
    unanswered: u32,
}

/// Who has got what of each shared topic, by topic and publisher.
pub(super) type Groups = HashMap<(u32, u32), Group>;

impl Subscriber {
    pub(super) fn new(shared: &Shared<'_>, number: u32) -> Subscriber {
        Subscriber {
            number,
            ledger: Ledger::new(shared.plan.topology.flows_of(number)),
            receiver: Receiver::default(),
            unanswered: 0,
        }
    }

    pub(super) fn subscribe(
        &mut self,
        shared: &Shared<'_>,
        client: &mut Client,
    ) -> Result<(), BenchError> {
        let plan = shared.plan;
        let options = SubOptions::with_qos(plan.quality()?);
        let topics = plan.topology.topics_of_subscriber(self.number);
        let mut names = Vec::with_capacity(FILTERS);
        for index in 0..topics {
            let topic = plan.topology.topic_of_subscriber(self.number, index);
            let topic = shared.run.topic(shared.target, topic);
            names.push(if plan.topology.shared {
                format!("$share/bench/{topic}")
            } else {
                topic
            });
            if names.len() == FILTERS || index + 1 == topics {
                let filters: Vec<_> = names.iter().map(|n| (n.as_str(), options)).collect();
                self.unanswered += 1;
                // Ids only tell the answers apart, and all must say yes.
                let id = (self.unanswered % 65_535 + 1) as u16;
                packets::subscribe(client.out(), shared.target.version, id, &filters)?;
                names.clear();
            }
        }
        Ok(())
    }

    /// A SUBACK; true when it was the last.
    pub(super) fn subscribed(&mut self) -> bool {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.unanswered == 0
    }

    pub(super) fn release(&mut self, client: &mut Client, id: u16) {
        self.receiver.release(client, id);
    }

    /// Takes a message and counts it. Its stamp, where it is for the first time that it came.
    pub(super) fn take(
        &mut self,
        shared: &Shared<'_>,
        client: &mut Client,
        publish: &Publish<'_>,
        groups: &mut Groups,
        tally: &mut Tally,
    ) -> Option<Stamp> {
        if !self.receiver.publish(client, publish) {
            return None;
        }
        let stamp = Stamp::read(publish.payload).filter(|stamp| {
            stamp.run == shared.run.number && publish.payload.len() == shared.plan.payload
        });
        let window = stamp.and_then(|s| shared.windows.get(s.publisher as usize));
        let (Some(stamp), Some(window)) = (stamp, window) else {
            tally.foreign += 1;
            return None;
        };
        let topology = &shared.plan.topology;
        let (topic, sequence) = topology.place(stamp.publisher, stamp.number);
        let flow = topology.flow(self.number, stamp.publisher, topic);
        let Some(flow) = flow.filter(|_| window.was_sent(stamp.number)) else {
            tally.foreign += 1;
            return None;
        };
        if topology.shared {
            let group = groups.entry((topic, stamp.publisher)).or_default();
            if !group.take(sequence) {
                tally.repeated += 1;
                return None;
            }
            if !self.ledger.advance(flow, sequence) {
                tally.disordered += 1;
            }
            window.count(stamp.number);
        } else {
            let due = self.ledger.due(flow);
            match self.ledger.take(flow, sequence) {
                Verdict::Fresh => {
                    // What was skipped is not waited for.
                    for skipped in due..sequence {
                        window.count(topology.number(stamp.publisher, topic, skipped));
                    }
                    window.count(stamp.number);
                }
                Verdict::Late => tally.disordered += 1,
                Verdict::Repeated => {
                    tally.repeated += 1;
                    return None;
                }
            }
        }
        tally.delivered += 1;
        Some(stamp)
    }
}
